//! Moving-average cross on the closes of bars.
//!
//! Rule, at the close of each bar:
//! 1. With `slow` closes seen, the target is long if the mean of the last `fast` closes is strictly
//!    above the mean of the last `slow`; else it is flat (`long_only`) or short (`long_short`). Equal
//!    means are not long. The comparison is exact: see [`Cross`].
//! 2. Orders are sent only when the target differs from the last one acted upon: one market order
//!    from the position held to the position wanted (a reversal is one order of held + new).
//! 3. If our last order has not ended yet, nothing is sent; the target is looked at again at each
//!    following bar, so at most one order is open at a time.
//! 4. An order that is denied or rejected is not repeated before the target changes again. One that
//!    would be below the venue's minima is not sent; that is logged once per run.
//! 5. During the warm-up only the closes are taken in: the first bar after it may send an order.
//!
//! Nothing is allocated per bar. If bars of several intervals are subscribed, all of them count.

use tapedeck_model::event::LogLevel;
use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::port::StrategyComponent;
use tapedeck_model::{
    Bar, ClientOrderId, Context, Instrument, InstrumentKind, OrderRequest, ParamError, Params, Qty, Side, Strategy,
};

use crate::sizing::{BUFFER_PARAM, QTY_PARAM, SIZE_PARAM, Sizing, only_one, within_filters};

const BARS: ParamKind = ParamKind::Int { min: 1, max: 1_000_000 };

pub(crate) const COMPONENT: StrategyComponent = StrategyComponent {
    name: "sma_cross",
    help: "Long while the fast mean of closes is strictly above the slow one, compared exactly.",
    params: &[
        ParamSpec::required("fast", BARS, "bars", "Length of the fast mean; shorter than `slow`."),
        ParamSpec::required("slow", BARS, "bars", "Length of the slow mean."),
        SIZE_PARAM,
        QTY_PARAM,
        ParamSpec::required(
            "direction",
            ParamKind::Choice(&["long_only", "long_short"]),
            "",
            "What to be while the fast mean is not above: flat, or short.",
        )
        .or("long_only"),
        BUFFER_PARAM,
    ],
    build,
};

/// The two means of a running series, compared without division.
///
/// `lead = fast_sum x slow - slow_sum x fast` is kept up to date in 128 bits: it is above zero exactly
/// when the fast mean is above the slow one.
struct Cross {
    /// The last closes; its length is a power of two, so that the place wraps with a mask.
    ring: Vec<i64>,
    place: usize,
    fast: usize,
    slow: usize,
    lead: i128,
    /// Closes up to here change the lead by what fits 64 bits.
    narrow_max: u64,
    /// Whether some close went beyond.
    wide: bool,
    /// How many closes are missing until the slow mean is known.
    missing: usize,
}

impl Cross {
    fn new(fast: usize, slow: usize) -> Self {
        // Closes before the first count as zero until they have left both windows.
        let ring = vec![0; slow.next_power_of_two()];
        // The factors of the three closes of a step sum up to twice `slow`.
        let narrow_max = i64::MAX.unsigned_abs() / (2 * slow as u64);
        Self { ring, place: 0, fast, slow, lead: 0, narrow_max, wide: false, missing: slow }
    }

    /// Takes a close; says whether the fast mean is above the slow one, once both are known.
    #[inline]
    fn push(&mut self, close: i64) -> Option<bool> {
        let mask = self.ring.len() - 1;
        let old_fast = self.ring[self.place.wrapping_sub(self.fast) & mask];
        let old_slow = self.ring[self.place.wrapping_sub(self.slow) & mask];
        self.ring[self.place & mask] = close;
        self.place = self.place.wrapping_add(1);
        let (fast, slow) = (self.fast as i64, self.slow as i64);
        self.wide |= close.unsigned_abs() > self.narrow_max;
        self.lead += if self.wide {
            let product = |a: i64, b: i64| i128::from(a) * i128::from(b);
            product(slow - fast, close) - product(slow, old_fast) + product(fast, old_slow)
        } else {
            // It fits, so nothing wraps.
            let step = (slow - fast).wrapping_mul(close).wrapping_sub(slow.wrapping_mul(old_fast));
            i128::from(step.wrapping_add(fast.wrapping_mul(old_slow)))
        };
        if self.missing > 1 {
            self.missing -= 1;
            return None;
        }
        Some(self.lead > 0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Flat,
    Long,
    Short,
}

struct SmaCross {
    cross: Cross,
    sizing: Sizing,
    otherwise: Target,
    acted_upon: Target,
    last_order: Option<ClientOrderId>,
    said_too_small: bool,
}

fn build(params: &Params, instruments: &[&Instrument]) -> Result<Box<dyn Strategy>, ParamError> {
    let instrument = only_one(instruments)?;
    let length = |name| {
        let bars = usize::try_from(params.int(name)?).ok().filter(|n| (1..=1_000_000).contains(n));
        bars.ok_or_else(|| ParamError::new(name, "must be a number of bars from 1 to 1000000"))
    };
    let (fast, slow) = (length("fast")?, length("slow")?);
    if fast >= slow {
        return Err(ParamError::new("fast", format!("must be shorter than slow ({slow}), found {fast}")));
    }
    let otherwise = if params.text("direction")? == "long_short" { Target::Short } else { Target::Flat };
    Ok(Box::new(SmaCross {
        cross: Cross::new(fast, slow),
        sizing: Sizing::from_params(params, instrument)?,
        otherwise,
        acted_upon: Target::Flat,
        last_order: None,
        said_too_small: false,
    }))
}

impl Strategy for SmaCross {
    #[inline]
    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        let Some(above) = self.cross.push(bar.close.raw()) else {
            return;
        };
        let target = if above { Target::Long } else { self.otherwise };
        if target != self.acted_upon && !ctx.warm_up {
            self.turn(ctx, bar, target);
        }
    }
}

impl SmaCross {
    #[cold]
    fn turn(&mut self, ctx: &mut Context<'_>, bar: &Bar, target: Target) {
        let open = self.last_order.and_then(|id| ctx.order(id)).is_some_and(|order| !order.status.is_terminal());
        if open {
            return;
        }
        self.acted_upon = target;
        match self.order(ctx, bar, target) {
            Some(request) => self.last_order = Some(ctx.submit(request)),
            None if !self.said_too_small && target != Target::Flat => {
                self.said_too_small = true;
                ctx.log(LogLevel::Warn, "an order is left out, being below the venue's minima (said once)");
            }
            None => {}
        }
    }

    /// The order that leads from the position held to `target`; `None` if there is none to send.
    fn order(&self, ctx: &Context<'_>, bar: &Bar, target: Target) -> Option<OrderRequest> {
        let held = ctx.position(bar.instrument).net_qty;
        let (side, new) = match target {
            Target::Flat if held < Qty::ZERO => (Side::Buy, Qty::ZERO),
            Target::Flat => (Side::Sell, Qty::ZERO),
            Target::Long => (Side::Buy, self.sizing.new_position(ctx, bar.instrument, bar.close).unwrap_or_default()),
            Target::Short => (Side::Sell, self.sizing.new_position(ctx, bar.instrument, bar.close).unwrap_or_default()),
        };
        // What is held on the other side is closed as well. What is held already on the wanted side
        // counts against a fixed quantity; an all-in one is computed from what is still free.
        let to_close = Qty::from_raw(held.raw().checked_mul(-side.sign())?);
        let to_close = if matches!(self.sizing, Sizing::AllIn { .. }) { to_close.max(Qty::ZERO) } else { to_close };
        let wanted = sellable(ctx, bar, side, to_close).checked_add(new)?;
        let instrument = ctx.instrument(bar.instrument);
        let qty = within_filters(instrument, ctx.now, bar.close, wanted)?;
        Some(OrderRequest::market(bar.instrument, side, qty))
    }
}

/// `qty`, but of a spot asset no more than there is: a fee taken in the asset leaves less of it than
/// was bought.
fn sellable(ctx: &Context<'_>, bar: &Bar, side: Side, qty: Qty) -> Qty {
    let instrument = ctx.instrument(bar.instrument);
    if side == Side::Buy || instrument.kind != InstrumentKind::Spot {
        return qty;
    }
    let unit = tapedeck_model::number::pow10(tapedeck_model::Amount::SCALE - instrument.qty_scale);
    let free = ctx.balance_for(bar.instrument, instrument.base).free().raw() / unit;
    qty.min(Qty::from_raw(i64::try_from(free).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests;
