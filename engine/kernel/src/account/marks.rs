//! What things are worth: last known prices and the way from each currency to the base currency.
//!
//! Enters: last known prices and mark prices, as they are received. Leaves: equity and exposure in the base
//! currency. An instrument is valued at its venue's mark price from the first one on, before that at its
//! last known price.
//! Invariants: conversion paths are fixed at construction (breadth first, ties by order of
//! instruments) and depend on no price; each conversion rounds half-even at 1e-24; nothing is
//! worth anything before every price that it needs is known. Not part of the fold.

use std::collections::VecDeque;

use tapedeck_model::number::{div_half_even, pow10};
use tapedeck_model::{Amount, CurrencyIx, Instrument, InstrumentIx, InstrumentKind, Qty, Ratio, Shows};

use super::{Account, AccountError, AccountKind, AccountSpec, Accounts, COARSE_SCALE};

/// One step of a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hop {
    instrument: u16,
    /// From quote to base: divide by the price.
    inverse: bool,
}

/// A price of an instrument whose units changed, in the units that the account does not have.
#[derive(Debug, Clone, Copy)]
struct Carried {
    px_x2: i64,
    /// The price of a unit that the account has is so many times `px_x2`.
    times: Ratio,
}

/// What is needed of an instrument to value it.
#[derive(Debug, Clone)]
struct Valued {
    mark_x2: Option<i64>,
    /// What stands for the mark while that is not known.
    carried: Option<Box<Carried>>,
    /// The venue's mark prices are known: no other price values it any more.
    by_mark_price: bool,
    /// Twice 10^price scale: what a mark counts.
    mark_unit: i64,
    /// Amount units of one raw quantity times one raw mark, times `value_parts`.
    value_unit: i128,
    /// 1, or 2 where half of a unit would not be whole.
    value_parts: i128,
    /// Amount units of 1e-12 of the base asset times one raw mark; 0 where that is not whole.
    cash_unit: i64,
    settlement: CurrencyIx,
    /// A contract on the quote currency: it is worth a quantity divided by the mark, and `value_unit` is what
    /// one raw quantity counts of the quote currency.
    inverse: bool,
}

/// Whether a price in other units is in those that the account will have, or in those that it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// It will have them.
    Yes,
    /// It had them.
    No,
}

/// Last known prices, conversions and what follows from them.
#[derive(Debug, Clone)]
pub struct Marks {
    base_currency: CurrencyIx,
    instruments: Vec<Valued>,
    /// By currency; `None`: there is no way to the base currency.
    paths: Vec<Option<Vec<Hop>>>,
    /// By currency: whether holding it on a spot account is an exposure.
    inventory: Vec<bool>,
}

impl Marks {
    /// No price is known; every path is.
    ///
    /// Every currency of the run needs a path, except those that occur only as base or quote of
    /// contracts that settle in something else.
    ///
    /// # Errors
    /// [`AccountError::NoConversion`].
    pub fn new(spec: &AccountSpec, instruments: &[Instrument]) -> Result<Self, AccountError> {
        let paths = paths_to(spec.base_currency, spec.currencies, instruments);
        for (index, path) in paths.iter().enumerate() {
            let currency = CurrencyIx(index as u16);
            if path.is_none() && !only_names_contracts(currency, instruments) {
                return Err(AccountError::NoConversion { currency });
            }
        }
        let traded = |index: usize| {
            let currency = CurrencyIx(index as u16);
            currency != spec.base_currency && instruments.iter().any(|i| i.base == currency)
        };
        Ok(Self {
            base_currency: spec.base_currency,
            instruments: instruments.iter().map(Valued::new).collect(),
            paths,
            inventory: (0..spec.currencies).map(traded).collect(),
        })
    }

    /// Takes note of an instrument's last known price, twice over (see `MarketState::mark_x2`).
    ///
    /// # Panics
    /// If the instrument is not from this run.
    #[inline]
    pub fn on_mark(&mut self, instrument: InstrumentIx, mark_x2: i64) {
        self.on_price(instrument, mark_x2, Shows::Last);
    }

    /// Takes note of a price. From the first mark price of the venue on, an instrument is valued at
    /// mark prices and no longer at its last known price.
    ///
    /// # Panics
    /// If the instrument is not from this run.
    #[inline]
    pub fn on_price(&mut self, instrument: InstrumentIx, px_x2: i64, shows: Shows) {
        let valued = &mut self.instruments[instrument.usize()];
        match shows {
            Shows::Last if valued.by_mark_price => {}
            Shows::Last => valued.mark_x2 = Some(px_x2),
            Shows::Mark => (valued.mark_x2, valued.by_mark_price) = (Some(px_x2), true),
            Shows::Nothing => {}
        }
    }

    /// Takes note of a price in units that the account does not have yet, or no longer has, where one old unit is `ratio`
    /// new ones. One in units that it no longer has counts only until there is one in those that it has.
    pub fn on_other_price(
        &mut self,
        instrument: InstrumentIx,
        (px_x2, shows): (i64, Shows),
        ratio: Ratio,
        ahead: Ahead,
    ) {
        let Some(valued) = self.instruments.get_mut(instrument.usize()) else { return };
        let counts = match shows {
            Shows::Last => !valued.by_mark_price,
            Shows::Mark => true,
            Shows::Nothing => false,
        };
        match ahead {
            Ahead::Yes if counts => {
                valued.carried = Some(Box::new(Carried { px_x2, times: ratio }));
                valued.mark_x2 = None;
            }
            Ahead::No if counts && valued.mark_x2.is_none() => {
                valued.carried = Some(Box::new(Carried { px_x2, times: inverse(ratio) }));
            }
            Ahead::Yes | Ahead::No => return,
        }
        valued.by_mark_price |= shows == Shows::Mark;
    }

    /// The account has the new units of an instrument from now on: its last price is carried over.
    pub fn redenominate(&mut self, instrument: InstrumentIx, ratio: Ratio) {
        let Some(valued) = self.instruments.get_mut(instrument.usize()) else { return };
        match (valued.mark_x2.take(), valued.carried.take()) {
            (Some(px_x2), _) => valued.carried = Some(Box::new(Carried { px_x2, times: inverse(ratio) })),
            (None, new) => valued.mark_x2 = new.map(|new| new.px_x2),
        }
    }

    /// An amount of some currency in the base currency; `None` if a price is not known (or is not
    /// above zero where it divides), if there is no path, or on overflow.
    #[inline]
    pub fn to_base(&self, amount: Amount, currency: CurrencyIx) -> Option<Amount> {
        if currency == self.base_currency || amount == Amount::ZERO {
            return Some(amount);
        }
        let path = self.paths.get(currency.usize())?.as_ref()?;
        path.iter().try_fold(amount, |amount, hop| {
            let valued = &self.instruments[usize::from(hop.instrument)];
            let Some(mark_x2) = valued.mark_x2 else { return valued.convert_carried(amount, hop.inverse) };
            match (hop.inverse, mark_x2) {
                (false, _) => scale(amount, mark_x2, valued.mark_unit),
                (true, 1..) => scale(amount, valued.mark_unit, mark_x2),
                (true, _) => None,
            }
        })
    }

    /// The signed value of a quantity of an instrument at its last known price, in its settlement currency;
    /// `None` if the price is not known, for an unknown instrument or on overflow.
    pub fn value_of(&self, instrument: InstrumentIx, qty: Qty) -> Option<Amount> {
        self.instruments.get(instrument.usize())?.value(qty)
    }

    /// Cash and positions at the last known prices, in the base currency; `None` before every
    /// price that it needs is known.
    pub fn equity(&self, account: &Account) -> Option<Amount> {
        let mut equity = Amount::ZERO;
        for (currency, total) in account.cash() {
            equity = equity.checked_add(self.cash_to_base(account, currency, total)?)?;
        }
        match account.kind {
            AccountKind::Spot | AccountKind::SpotMargin { .. } => Some(equity),
            AccountKind::Netting { .. } | AccountKind::Margin => {
                account.held.0.iter().try_fold(equity, |equity, index| {
                    let (valued, net) = (&self.instruments[usize::from(*index)], &account.net[usize::from(*index)]);
                    let unrealized = valued.unrealized(net.qty, net.entry_cost)?;
                    equity.checked_add(self.to_base(unrealized, valued.settlement)?)
                })
            }
        }
    }

    /// The sum of equity over every account and of what is under way between them; `None` before every price that
    /// it needs is known.
    pub fn equity_of_all(&self, accounts: &Accounts) -> Option<Amount> {
        let first = self.equity(accounts.first())?;
        let mut others = accounts.all().iter().skip(1);
        let held = others.try_fold(first, |sum, account| sum.checked_add(self.equity(account)?))?;
        let mut under_way = accounts.under_way().iter();
        under_way.try_fold(held, |sum, (currency, amount)| sum.checked_add(self.to_base(*amount, *currency)?))
    }

    /// The sum of exposure over every account; `None` before every price that it needs is known.
    pub fn exposure_of_all(&self, accounts: &Accounts) -> Option<Amount> {
        let first = self.exposure(accounts.first())?;
        accounts.all().iter().skip(1).try_fold(first, |sum, account| sum.checked_add(self.exposure(account)?))
    }

    /// Brings equity into a form that costs a few multiplications for each new price, for as long as
    /// the accounts do not change; whether it has one: each part must be worth an exact multiple of
    /// one price, in the base currency.
    pub fn linear_equity(&self, accounts: &Accounts, form: &mut LinearEquity) -> bool {
        form.fixed = Amount::ZERO;
        form.terms.clear();
        accounts.all().iter().all(|account| self.add_linear(account, form))
            && accounts.under_way().iter().all(|(currency, amount)| {
                // What must be converted on its way has no form.
                *currency == self.base_currency && form.add_fixed(*amount)
            })
    }

    fn add_linear(&self, account: &Account, form: &mut LinearEquity) -> bool {
        for (currency, total) in account.cash() {
            let added = if currency == self.base_currency {
                form.add_fixed(total)
            } else {
                let hop = self.paths.get(currency.usize()).and_then(|path| path.as_deref());
                let (Some([Hop { instrument, inverse: false }]), Some(coarse)) =
                    (hop, account.coarse_cash[currency.usize()])
                else {
                    return false;
                };
                let unit = self.instruments[usize::from(*instrument)].cash_unit;
                unit > 0 && form.add_term(*instrument, i128::from(coarse) * i128::from(unit))
            };
            if !added {
                return false;
            }
        }
        match account.kind {
            AccountKind::Spot | AccountKind::SpotMargin { .. } => true,
            AccountKind::Netting { .. } | AccountKind::Margin => account.held.0.iter().all(|index| {
                let (valued, net) = (&self.instruments[usize::from(*index)], &account.net[usize::from(*index)]);
                let exact = valued.settlement == self.base_currency && valued.value_parts == 1 && !valued.inverse;
                let factor = i128::from(net.qty.raw()).checked_mul(valued.value_unit).filter(|_| exact);
                factor.is_some_and(|factor| form.add_term(*index, factor))
                    && net.entry_cost.checked_neg().is_some_and(|cost| form.add_fixed(cost))
            }),
        }
    }

    /// Equity by its linear form; `None` as for [`Marks::equity`], or if a price is out of the range of
    /// the form.
    #[inline]
    pub fn equity_by(&self, form: &LinearEquity) -> Option<Amount> {
        form.terms.iter().try_fold(form.fixed, |equity, term| {
            let mark_x2 = self.instruments[usize::from(term.instrument)].mark_x2?;
            if mark_x2.unsigned_abs() > term.mark_max {
                return None;
            }
            // Within `mark_max` the product fits; the checked form would cost a call.
            equity.checked_add(Amount::from_raw(term.factor.wrapping_mul(i128::from(mark_x2))))
        })
    }

    /// The mark on which a linear form depends; `None` if it depends on several, or on none.
    #[inline]
    pub fn only_mark_of(&self, form: &LinearEquity) -> Option<(InstrumentIx, i64)> {
        let [term] = form.terms.as_slice() else { return None };
        Some((InstrumentIx(term.instrument), self.instruments[usize::from(term.instrument)].mark_x2?))
    }

    /// The same as [`Marks::to_base`] without a division, for the usual balance: a multiple of 1e-12
    /// of an asset that is traded against the base currency.
    #[inline]
    fn cash_to_base(&self, account: &Account, currency: CurrencyIx, total: Amount) -> Option<Amount> {
        if currency == self.base_currency {
            return Some(total);
        }
        if let (Some(Some(path)), Some(coarse)) =
            (self.paths.get(currency.usize()), account.coarse_cash[currency.usize()])
            && let [Hop { instrument, inverse: false }] = path.as_slice()
        {
            let valued = &self.instruments[usize::from(*instrument)];
            if let (1.., Some(mark_x2)) = (valued.cash_unit, valued.mark_x2) {
                return product(coarse, mark_x2, valued.cash_unit).map(Amount::from_raw);
            }
        }
        self.to_base(total, currency)
    }

    /// Gross value of what is exposed to a price, in the base currency; `None` before every price
    /// that it needs is known.
    ///
    /// Netting and margin: the account's net position in each instrument, in hedge mode of each side. Spot: balances of assets that are
    /// traded against something, other than the base currency.
    pub fn exposure(&self, account: &Account) -> Option<Amount> {
        match account.kind {
            AccountKind::Spot | AccountKind::SpotMargin { .. } => account
                .cash()
                .filter(|(currency, _)| self.inventory[currency.usize()])
                .try_fold(Amount::ZERO, |sum, (currency, total)| {
                    sum.checked_add(self.cash_to_base(account, currency, total)?.checked_abs()?)
                }),
            AccountKind::Netting { .. } | AccountKind::Margin => {
                account.held.0.iter().try_fold(Amount::ZERO, |sum, index| {
                    let (valued, net) = (&self.instruments[usize::from(*index)], &account.net[usize::from(*index)]);
                    let mut gross = valued.value(net.qty)?.checked_abs()?;
                    if net.short_qty != Qty::ZERO {
                        let long = valued.value(net.qty.checked_sub(net.short_qty)?)?;
                        gross = long.checked_add(valued.value(net.short_qty)?.checked_abs()?)?;
                    }
                    sum.checked_add(self.to_base(gross, valued.settlement)?)
                })
            }
        }
    }
}

/// Between which marks of an instrument equity stays within what was seen of it.
///
/// Equity is linear in the only mark it depends on, so between two marks it lies between what it was at
/// them. While the account does not change, and no peak and no sample begins a new stretch, a mark
/// between two that were looked at is no news to [`super::EquityTrack`].
#[derive(Debug, Clone, Copy)]
pub struct SeenMarks {
    instrument: InstrumentIx,
    low: i64,
    high: i64,
}

impl SeenMarks {
    /// Every mark is news.
    pub const NONE: Self = Self { instrument: InstrumentIx(u16::MAX), low: i64::MAX, high: i64::MIN };

    /// Whether a mark of an instrument is no news. One of another instrument never is, once anything was
    /// seen.
    #[inline]
    pub fn covers(&self, instrument: InstrumentIx, mark_x2: i64) -> bool {
        let between = self.low <= mark_x2 && mark_x2 <= self.high;
        between || (instrument != self.instrument && self.low <= self.high)
    }

    /// Equity was looked at with this mark; `afresh` if what was seen before does not count any more.
    #[inline]
    pub fn add(&mut self, instrument: InstrumentIx, mark_x2: i64, afresh: bool) {
        if afresh || instrument != self.instrument {
            *self = Self { instrument, low: mark_x2, high: mark_x2 };
        } else {
            (self.low, self.high) = (self.low.min(mark_x2), self.high.max(mark_x2));
        }
    }
}

/// Equity as a sum: what does not depend on prices, and multiples of prices.
#[derive(Debug, Clone, Default)]
pub struct LinearEquity {
    fixed: Amount,
    terms: Vec<Term>,
}

#[derive(Debug, Clone, Copy)]
struct Term {
    instrument: u16,
    /// Amount units for each raw mark.
    factor: i128,
    /// Up to which mark, in absolute terms, the product fits.
    mark_max: u64,
}

impl LinearEquity {
    fn add_fixed(&mut self, amount: Amount) -> bool {
        let sum = self.fixed.checked_add(amount);
        self.fixed = sum.unwrap_or(self.fixed);
        sum.is_some()
    }

    fn add_term(&mut self, instrument: u16, factor: i128) -> bool {
        if factor != 0 {
            let mark_max = i128::MAX.unsigned_abs() / factor.unsigned_abs();
            self.terms.push(Term { instrument, factor, mark_max: u64::try_from(mark_max).unwrap_or(u64::MAX) });
        }
        true
    }
}

impl Valued {
    fn new(instrument: &Instrument) -> Self {
        let spare = Amount::SCALE - instrument.notional_scale();
        // A raw mark counts half price units; the half is exact while there is a spare decimal.
        let (unit, parts) = if spare > 0 { (pow10(spare) / 2, 1) } else { (1, 2) };
        let value_unit = i128::from(instrument.multiplier).checked_mul(unit).unwrap_or(i128::MAX);
        let inverse = instrument.kind == InstrumentKind::Inverse;
        let (value_unit, parts) = if inverse {
            let spare = Amount::SCALE - instrument.qty_scale - instrument.multiplier_scale;
            (i128::from(instrument.multiplier).checked_mul(pow10(spare)).unwrap_or(i128::MAX), 1)
        } else {
            (value_unit, parts)
        };
        let cash_spare = Amount::SCALE - COARSE_SCALE - instrument.price_scale;
        let cash_unit = if cash_spare > 0 { pow10(cash_spare) as i64 / 2 } else { 0 };
        Self {
            mark_x2: None,
            carried: None,
            by_mark_price: false,
            mark_unit: 2 * pow10(instrument.price_scale) as i64,
            value_unit,
            value_parts: parts,
            cash_unit,
            settlement: instrument.settlement,
            inverse,
        }
    }

    /// What an open position would earn at the mark; `None` as for its value.
    #[inline]
    fn unrealized(&self, qty: Qty, entry_cost: Amount) -> Option<Amount> {
        let value = self.value(qty)?;
        if self.inverse { entry_cost.checked_sub(value) } else { value.checked_sub(entry_cost) }
    }

    /// Signed value of a quantity at the mark; `None` if that is not known or on overflow.
    #[inline]
    fn value(&self, qty: Qty) -> Option<Amount> {
        if qty == Qty::ZERO {
            return Some(Amount::ZERO);
        }
        let Some(mark_x2) = self.mark_x2 else { return self.value_carried(qty) };
        self.value_at(qty, mark_x2)
    }

    /// The same at the price that stands for the mark.
    #[cold]
    fn value_carried(&self, qty: Qty) -> Option<Amount> {
        let Carried { px_x2, times } = **self.carried.as_ref()?;
        let times = if self.inverse { inverse(times) } else { times };
        self.value_at(qty, px_x2)?.mul_div(times.num, times.den)
    }

    /// An amount of the base in the quote (`inverse`: the other way) at the price that stands for the mark.
    #[cold]
    fn convert_carried(&self, amount: Amount, inverse: bool) -> Option<Amount> {
        let Carried { px_x2, times } = **self.carried.as_ref()?;
        match (inverse, px_x2) {
            (false, _) => scale(amount, px_x2, self.mark_unit)?.mul_div(times.num, times.den),
            (true, 1..) => scale(amount, self.mark_unit, px_x2)?.mul_div(times.den, times.num),
            (true, _) => None,
        }
    }

    #[inline]
    fn value_at(&self, qty: Qty, mark_x2: i64) -> Option<Amount> {
        if self.inverse {
            let contracts = Amount::from_raw(i128::from(qty.raw()).checked_mul(self.value_unit)?);
            return if mark_x2 > 0 { contracts.mul_div(self.mark_unit, mark_x2) } else { None };
        }
        let raw = match i64::try_from(self.value_unit) {
            Ok(unit) => product(qty.raw(), mark_x2, unit)?,
            Err(_) => (i128::from(qty.raw()) * i128::from(mark_x2)).checked_mul(self.value_unit)?,
        };
        Some(Amount::from_raw(if self.value_parts == 1 { raw } else { div_half_even(raw, self.value_parts) }))
    }
}

const fn inverse(ratio: Ratio) -> Ratio {
    Ratio { num: ratio.den, den: ratio.num }
}

/// `a * b * c`; `None` on overflow.
#[inline]
fn product(a: i64, b: i64, c: i64) -> Option<i128> {
    match a.checked_mul(b) {
        // The product of two 64-bit numbers fits 128 bits; the checked form would cost a call.
        Some(ab) => Some(i128::from(ab).wrapping_mul(i128::from(c))),
        None => (i128::from(a) * i128::from(b)).checked_mul(i128::from(c)),
    }
}

/// `amount * numerator / denominator` like [`Amount::mul_div`], with one division in the usual case
/// that the amount is a multiple of the denominator.
#[inline]
fn scale(amount: Amount, numerator: i64, denominator: i64) -> Option<Amount> {
    let divisor = i128::from(denominator);
    let whole = amount.raw() / divisor;
    if whole * divisor == amount.raw() {
        return whole.checked_mul(i128::from(numerator)).map(Amount::from_raw);
    }
    amount.mul_div(numerator, denominator)
}

/// The shortest path from each currency to `target`, ties by order of instruments.
fn paths_to(target: CurrencyIx, currencies: usize, instruments: &[Instrument]) -> Vec<Option<Vec<Hop>>> {
    let mut paths: Vec<Option<Vec<Hop>>> = vec![None; currencies];
    paths[target.usize()] = Some(Vec::new());
    let mut queue = VecDeque::from([target]);
    while let Some(reached) = queue.pop_front() {
        for (index, instrument) in instruments.iter().enumerate() {
            let (from, inverse) = match (instrument.base == reached, instrument.quote == reached) {
                (false, true) => (instrument.base, false),
                (true, false) => (instrument.quote, true),
                (true, true) | (false, false) => continue,
            };
            if paths[from.usize()].is_none() {
                let mut path = vec![Hop { instrument: index as u16, inverse }];
                path.extend(paths[reached.usize()].iter().flatten());
                paths[from.usize()] = Some(path);
                queue.push_back(from);
            }
        }
    }
    paths
}

/// Whether a currency is but the name of what contracts are about: nothing is ever paid in it.
fn only_names_contracts(currency: CurrencyIx, instruments: &[Instrument]) -> bool {
    let mut named = false;
    for instrument in instruments {
        if instrument.settlement == currency {
            return false;
        }
        if instrument.base == currency || instrument.quote == currency {
            if instrument.kind == InstrumentKind::Spot {
                return false;
            }
            named = true;
        }
    }
    named
}
