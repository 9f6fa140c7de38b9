//! What can be traded, and the venue's rules for it, with the dates from which they hold.

use thiserror::Error;

use crate::ids::{CurrencyIx, InstrumentId, InstrumentIx};
use crate::number::{Amount, Price, Qty, SCALE_MAX, pow10};
use crate::order::numbered;
use crate::time::Ts;

numbered! {
    /// What holding the instrument means; numbers are part of the journal format.
    InstrumentKind {
        /// The base asset changes hands.
        Spot = 1 "spot",
        /// A contract whose profit is `qty * multiplier * (exit - entry)` in the settlement currency.
        Linear = 2 "linear",
        /// A contract on `multiplier` of the quote currency, whose profit is
        /// `qty * multiplier * (1 / entry - 1 / exit)` in the base asset, in which it settles.
        Inverse = 3 "inverse",
    }
}

/// The venue's filters from a date on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatedRules {
    /// First instant at which they hold.
    pub from: Ts,
    /// Step of a price.
    pub tick_size: Price,
    /// Step of a quantity.
    pub lot_size: Qty,
    /// Smallest order quantity.
    pub qty_min: Qty,
    /// Largest order quantity.
    pub qty_max: Qty,
    /// Smallest order notional, in the quote currency; zero for none.
    pub notional_min: Amount,
}

/// One instrument of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instrument {
    /// Its position in the run's table.
    pub ix: InstrumentIx,
    /// Its name.
    pub id: InstrumentId,
    /// Spot or contract.
    pub kind: InstrumentKind,
    /// The asset that is bought and sold.
    pub base: CurrencyIx,
    /// The currency of the price.
    pub quote: CurrencyIx,
    /// The currency in which profit is paid: the quote for spot, the base for inverse contracts.
    pub settlement: CurrencyIx,
    /// Decimals of a price.
    pub price_scale: u8,
    /// Decimals of a quantity.
    pub qty_scale: u8,
    /// Quote value of one unit of quantity at price 1 (of an inverse contract at any price), as an integer in
    /// `multiplier_scale`; 1 for spot.
    pub multiplier: i64,
    /// Decimals of the multiplier.
    pub multiplier_scale: u8,
    /// Filters, sorted by `from`; never empty, the first from [`Ts::MIN`].
    pub rules: Vec<DatedRules>,
}

/// Why an instrument is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InstrumentError {
    /// A scale is too fine.
    #[error("{what} has {scale} decimals, at most {max} are possible")]
    Scale {
        /// Which one.
        what: &'static str,
        /// What it is.
        scale: u8,
        /// What it may be.
        max: u8,
    },
    /// A step, limit or multiplier is not positive.
    #[error("{what} must be above zero")]
    NotPositive {
        /// Which one.
        what: &'static str,
    },
    /// The kind and the currencies contradict each other.
    #[error("an inverse contract settles in its base")]
    Settlement,
    /// Rules are missing, unsorted or contradict each other.
    #[error("rules of the instrument: {what}")]
    Rules {
        /// What is wrong.
        what: &'static str,
    },
}

impl Instrument {
    /// Decimals of an exact notional.
    pub const fn notional_scale(&self) -> u8 {
        self.price_scale + self.qty_scale + self.multiplier_scale
    }

    /// The filters that hold at `ts`.
    #[inline]
    pub fn rules_at(&self, ts: Ts) -> &DatedRules {
        match self.rules.as_slice() {
            [always] => always,
            dated => &dated[dated.partition_point(|r| r.from <= ts).saturating_sub(1)],
        }
    }

    /// The currency of [`Instrument::notional`]: the quote, of an inverse contract what it settles in.
    pub const fn value_currency(&self) -> CurrencyIx {
        match self.kind {
            InstrumentKind::Spot | InstrumentKind::Linear => self.quote,
            InstrumentKind::Inverse => self.settlement,
        }
    }

    /// What a quantity is worth at a price, in [`Instrument::value_currency`]: `price * qty * multiplier`,
    /// exact; of an inverse contract `qty * multiplier / price`, rounded half to even at 1e-24. `None` on
    /// overflow, and for an inverse contract at a price that is not above zero.
    #[inline]
    pub fn notional(&self, px: Price, qty: Qty) -> Option<Amount> {
        match self.kind {
            InstrumentKind::Spot | InstrumentKind::Linear => self.product(px, qty),
            InstrumentKind::Inverse => {
                let unit = i64::try_from(pow10(self.price_scale)).ok()?;
                if px <= Price::ZERO { None } else { self.contracts(qty)?.mul_div(unit, px.raw()) }
            }
        }
    }

    /// What a quantity is worth at a price in the quote currency, exact; `None` on overflow. Of an inverse
    /// contract that does not depend on the price.
    pub fn quote_value(&self, px: Price, qty: Qty) -> Option<Amount> {
        match self.kind {
            InstrumentKind::Spot | InstrumentKind::Linear => self.product(px, qty),
            InstrumentKind::Inverse => self.contracts(qty),
        }
    }

    /// What a signed quantity earned that was worth `entry` once and is worth `exit` now: the difference,
    /// of an inverse contract the other way round. `None` on overflow.
    #[inline]
    pub fn gain(&self, entry: Amount, exit: Amount) -> Option<Amount> {
        match self.kind {
            InstrumentKind::Spot | InstrumentKind::Linear => exit.checked_sub(entry),
            InstrumentKind::Inverse => entry.checked_sub(exit),
        }
    }

    /// `qty * multiplier`.
    fn contracts(&self, qty: Qty) -> Option<Amount> {
        let raw = i128::from(qty.raw()) * i128::from(self.multiplier);
        Amount::from_scaled(raw, self.qty_scale + self.multiplier_scale)
    }

    #[inline]
    fn product(&self, px: Price, qty: Qty) -> Option<Amount> {
        let mut raw = i128::from(px.raw()) * i128::from(qty.raw());
        if self.multiplier != 1 {
            raw = raw.checked_mul(i128::from(self.multiplier))?;
        }
        Amount::from_scaled(raw, self.notional_scale())
    }

    /// `qty` as an exact amount of the base asset; `None` on overflow.
    pub fn base_amount(&self, qty: Qty) -> Option<Amount> {
        Amount::from_scaled(i128::from(qty.raw()), self.qty_scale)
    }

    /// Checks what every other method relies on.
    ///
    /// # Errors
    /// [`InstrumentError`] for the first thing that is wrong.
    pub fn validate(&self) -> Result<(), InstrumentError> {
        for (what, scale) in [
            ("the price", self.price_scale),
            ("the quantity", self.qty_scale),
            ("the multiplier", self.multiplier_scale),
        ] {
            if scale > SCALE_MAX {
                return Err(InstrumentError::Scale { what, scale, max: SCALE_MAX });
            }
        }
        if self.notional_scale() > Amount::SCALE {
            let scale = self.notional_scale();
            return Err(InstrumentError::Scale { what: "price x quantity x multiplier", scale, max: Amount::SCALE });
        }
        if self.multiplier <= 0 {
            return Err(InstrumentError::NotPositive { what: "multiplier" });
        }
        if self.kind == InstrumentKind::Inverse && self.settlement != self.base {
            return Err(InstrumentError::Settlement);
        }
        match self.rules.first() {
            None => return Err(InstrumentError::Rules { what: "there are none" }),
            Some(first) if first.from != Ts::MIN => {
                return Err(InstrumentError::Rules { what: "the first must hold from the beginning of time" });
            }
            Some(_) => {}
        }
        if !self.rules.is_sorted_by(|a, b| a.from < b.from) {
            return Err(InstrumentError::Rules { what: "dates must rise" });
        }
        self.rules.iter().try_for_each(DatedRules::validate)
    }
}

impl DatedRules {
    fn validate(&self) -> Result<(), InstrumentError> {
        for (what, raw) in
            [("tick_size", self.tick_size.raw()), ("lot_size", self.lot_size.raw()), ("qty_max", self.qty_max.raw())]
        {
            if raw <= 0 {
                return Err(InstrumentError::NotPositive { what });
            }
        }
        if self.qty_min.raw() < 0 || self.notional_min < Amount::ZERO {
            return Err(InstrumentError::Rules { what: "minima must not be negative" });
        }
        if self.qty_min > self.qty_max {
            return Err(InstrumentError::Rules { what: "qty_min is above qty_max" });
        }
        Ok(())
    }
}
