//! How much to order, exactly.
//!
//! Enters: a balance, a price, a share to keep back. Leaves: a quantity on the lot grid that the
//! venue's filters let pass, or `None`. Invariant: every result is the floor of the exact quotient;
//! there is no float and no intermediate rounding.

use tapedeck_model::number::pow10;
use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{Amount, Context, Decimal, Instrument, InstrumentIx, InstrumentKind, ParamError, Params};
use tapedeck_model::{Price, Qty, Ts};

/// One, in units of 1e-12: the unit of rates and shares.
const ONE: i64 = 1_000_000_000_000;

/// `size`, for strategies that use [`Sizing`].
pub const SIZE_PARAM: ParamSpec = ParamSpec::required(
    "size",
    ParamKind::Choice(&["all_in", "fixed"]),
    "",
    "Order for the whole free balance, or `qty` each time.",
)
.or("all_in");

/// `qty`, for strategies that use [`Sizing`].
pub const QTY_PARAM: ParamSpec = ParamSpec::optional(
    "qty",
    ParamKind::Decimal { min: "0", max: "1000000000" },
    "units of the instrument",
    "Quantity of an order; needed with, and only with, `size = \"fixed\"`.",
);

/// `qty`, for strategies whose orders are all of one size.
pub const EACH_QTY_PARAM: ParamSpec = ParamSpec::required(
    "qty",
    ParamKind::Decimal { min: "0", max: "1000000000" },
    "units of the instrument",
    "Quantity of each order.",
);

/// `buffer`, for strategies that use [`Sizing`].
pub const BUFFER_PARAM: ParamSpec = ParamSpec::required(
    "buffer",
    ParamKind::Decimal { min: "0", max: "0.99" },
    "fraction of the free balance",
    "Kept back when all-in: the next open, at which the order fills, may be higher than the price known now.",
)
.or("0.01");

/// How large a new position is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizing {
    /// The whole free balance but a share.
    AllIn {
        /// What is used of it, in units of 1e-12.
        keep: i64,
    },
    /// Always the same.
    Fixed {
        /// How much.
        qty: Qty,
    },
}

impl Sizing {
    /// Reads `size`, `qty` and `buffer`.
    ///
    /// # Errors
    /// [`ParamError`] if they contradict each other or do not fit the instrument.
    pub fn from_params(params: &Params, instrument: &Instrument) -> Result<Self, ParamError> {
        if params.text("size")? == "fixed" {
            return Ok(Self::Fixed { qty: fixed_qty(params, "qty", instrument)? });
        }
        if params.contains("qty") {
            return Err(ParamError::new("qty", "has no meaning with size = \"all_in\""));
        }
        let buffer = params.decimal("buffer")?;
        let share =
            Qty::from_decimal(Decimal::ONE - buffer, 12).map_err(|e| ParamError::new("buffer", e.to_string()))?;
        if share.raw() <= 0 || share.raw() > ONE {
            return Err(ParamError::new("buffer", "must be at least 0 and below 1"));
        }
        Ok(Self::AllIn { keep: share.raw() })
    }

    /// Quantity of a new position at `px`; `None` if the venue would refuse it as too small.
    pub fn new_position(self, ctx: &Context<'_>, instrument: InstrumentIx, px: Price) -> Option<Qty> {
        let item = ctx.instrument(instrument);
        let wanted = match self {
            Self::Fixed { qty } => qty,
            Self::AllIn { keep } => {
                let currency = match item.kind {
                    InstrumentKind::Spot => item.quote,
                    InstrumentKind::Linear | InstrumentKind::Inverse => item.settlement,
                };
                let free = ctx.balance_for(instrument, currency).free();
                affordable(item, &Purse { free, keep, px, fee_rate: ctx.view().fee_rate_max(instrument) })
            }
        };
        within_filters(item, ctx.now, px, wanted)
    }
}

/// A quantity parameter that must be given, above zero and on the instrument's scale.
///
/// # Errors
/// [`ParamError`] if it is not.
pub fn fixed_qty(params: &Params, name: &str, instrument: &Instrument) -> Result<Qty, ParamError> {
    let qty = Qty::from_decimal(params.decimal(name)?, instrument.qty_scale)
        .map_err(|e| ParamError::new(name, e.to_string()))?;
    if qty <= Qty::ZERO {
        return Err(ParamError::new(name, "must be above zero"));
    }
    Ok(qty)
}

/// What a strategy that trades one instrument expects.
///
/// # Errors
/// [`ParamError`] if there is not exactly one.
pub fn only_one<'a>(instruments: &[&'a Instrument]) -> Result<&'a Instrument, ParamError> {
    match instruments {
        [only] => Ok(only),
        others => Err(ParamError::new("instruments", format!("expected exactly one, found {}", others.len()))),
    }
}

/// What there is to spend and what a unit costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purse {
    /// Free balance in the currency of the price.
    pub free: Amount,
    /// The share of it to use, in units of 1e-12.
    pub keep: i64,
    /// Price of one unit.
    pub px: Price,
    /// Fee as a fraction of notional, in units of 1e-12.
    pub fee_rate: i64,
}

/// `free x keep / (px x multiplier x (1 + fee_rate))`, rounded down to the quantity scale; zero if
/// there is nothing free or no price. Of an inverse contract, `free x px x keep / (multiplier x (1 + fee_rate))`.
pub fn affordable(instrument: &Instrument, purse: &Purse) -> Qty {
    let purse = &match instrument.kind {
        InstrumentKind::Spot | InstrumentKind::Linear => *purse,
        InstrumentKind::Inverse => {
            let Ok(one) = i64::try_from(pow10(instrument.price_scale)) else { return Qty::ZERO };
            let Some(free) = purse.free.mul_div(purse.px.raw(), one) else { return Qty::ZERO };
            Purse { free, px: Price::from_raw(one), ..*purse }
        }
    };
    let divisors = [purse.px.raw(), instrument.multiplier, ONE.saturating_add(purse.fee_rate.max(0))];
    let (Ok(free), Ok(keep)) = (u128::try_from(purse.free.raw()), u64::try_from(purse.keep)) else {
        return Qty::ZERO;
    };
    let mut rest = Wide::product(free, keep);
    // An amount has 24 decimals, the notional fewer: what is left of the unit. In two steps, since
    // 10^24 does not fit a limb; dividing in steps floors like dividing once.
    let decimals = u32::from(Amount::SCALE.saturating_sub(instrument.notional_scale()));
    rest.divide(10_u64.pow(decimals / 2));
    rest.divide(10_u64.pow(decimals - decimals / 2));
    for divisor in divisors {
        match u64::try_from(divisor) {
            Ok(divisor) if divisor > 0 => rest.divide(divisor),
            Ok(_) | Err(_) => return Qty::ZERO,
        }
    }
    Qty::from_raw(rest.held_at_i64_max())
}

/// `qty` on the lot grid and not above the largest, or `None` if the venue would refuse it as too
/// small by quantity or by notional at `px`.
pub fn within_filters(instrument: &Instrument, now: Ts, px: Price, qty: Qty) -> Option<Qty> {
    let rules = instrument.rules_at(now);
    let qty = qty.min(rules.qty_max).floor_to(rules.lot_size);
    let enough = qty > Qty::ZERO && qty >= rules.qty_min && instrument.quote_value(px, qty)? >= rules.notional_min;
    enough.then_some(qty)
}

/// An unsigned number of 192 bits, lowest limb first: an amount times a share does not fit 128.
struct Wide([u64; 3]);

impl Wide {
    fn product(a: u128, b: u64) -> Self {
        let b = u128::from(b);
        let low = (a & u128::from(u64::MAX)) * b;
        // At most (2^64 - 1)^2 + 2^64 - 1, which fits.
        let high = (a >> 64) * b + (low >> 64);
        Self([low as u64, high as u64, (high >> 64) as u64])
    }

    fn divide(&mut self, divisor: u64) {
        let divisor = u128::from(divisor);
        let mut rest = 0_u128;
        for limb in self.0.iter_mut().rev() {
            let part = (rest << 64) | u128::from(*limb);
            *limb = (part / divisor) as u64;
            rest = part % divisor;
        }
    }

    fn held_at_i64_max(&self) -> i64 {
        let [low, middle, high] = self.0;
        if middle == 0 && high == 0 { i64::try_from(low).unwrap_or(i64::MAX) } else { i64::MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spot;
    use proptest::prelude::*;

    /// free, buffer, price, fee -> quantity in 1e-5 lots, computed by hand.
    #[test]
    fn all_in_by_hand() {
        for (free, keep, px, fee, expected) in [
            // 10000 / 100 = 100
            ("10000", "1", "100", "0", "100"),
            // 9900 / (100 * 1.001) = 98.9010989...
            ("10000", "0.99", "100", "0.001", "98.9010989"),
            ("0", "1", "100", "0", "0"),
            ("0.0099", "1", "100", "0", "0.000099"),
            ("-5", "1", "100", "0", "0"),
        ] {
            let mut item = spot();
            item.qty_scale = 7;
            let rate = |text| Qty::parse(text, 12).unwrap().raw();
            let purse = Purse {
                free: Amount::parse(free).unwrap(),
                keep: rate(keep),
                px: Price::parse(px, item.price_scale).unwrap(),
                fee_rate: rate(fee),
            };
            assert_eq!(affordable(&item, &purse).display(7), expected, "{free} {keep} {px} {fee}");
        }
    }

    #[test]
    fn filters() {
        let mut item = spot();
        item.rules[0].qty_min = Qty::from_raw(20);
        item.rules[0].qty_max = Qty::from_raw(105);
        item.rules[0].lot_size = Qty::from_raw(10);
        item.rules[0].notional_min = Amount::parse("0.03").unwrap();
        // Price 100: 0.03 is 30 units of 1e-5.
        for (asked, given) in [(10, None), (29, None), (30, Some(30)), (39, Some(30)), (1000, Some(100))] {
            let px = Price::from_raw(10_000);
            let got = within_filters(&item, Ts::from_nanos(0), px, Qty::from_raw(asked));
            assert_eq!(got, given.map(Qty::from_raw), "{asked}");
        }
    }

    proptest! {
        /// The largest quantity that fits: one more unit does not. Decimals are exact in this range.
        #[test]
        fn is_the_floor_of_the_exact_quotient(
            cents in 0_i64..100_000_000, buffer in 0_i64..990, px in 1_i64..10_000_000, fee in 0_i64..10_000
        ) {
            let item = spot();
            let free = Decimal::new(cents, 2);
            let keep = Decimal::new(1000 - buffer, 3);
            let rate = Decimal::new(fee, 6);
            let purse = Purse {
                free: Amount::from_decimal(free).unwrap(),
                keep: (1000 - buffer) * 1_000_000_000,
                px: Price::from_raw(px),
                fee_rate: fee * 1_000_000,
            };
            let qty = affordable(&item, &purse);
            let cost = |raw: i64| Decimal::new(raw, 5) * Decimal::new(px, 2) * (Decimal::ONE + rate);
            prop_assert!(cost(qty.raw()) <= free * keep);
            prop_assert!(cost(qty.raw() + 1) > free * keep);
        }

        #[test]
        fn wide_division_agrees_with_u128(a in 0_u128..1 << 100, b in 1_u64..1 << 27, d in 1_u64..) {
            let mut wide = Wide::product(a, b);
            wide.divide(d);
            let exact = a * u128::from(b) / u128::from(d);
            prop_assert_eq!(wide.0, [exact as u64, (exact >> 64) as u64, 0]);
        }
    }
}
