//! What the venue knows of a spot account that may borrow: its balances, by the venue's own fills, what of them
//! is owed, and the prices at which it looks at them.
//!
//! Enters: fills, full hours, prices. Leaves: interest, and how the account stands. Invariants: a balance below zero
//! is a debt; what comes in pays interest first, then what was borrowed; each hour that has begun is charged once,
//! whatever the records that tell of it. Nothing here is told by our own side.
//!
//! Whatever is borrowed pays for the hour in which that happens at once, then for every full hour (UTC) at
//! which it is still owed. Interest is reckoned on what was borrowed, not on interest. The price of an asset is the
//! venue's mark price where the tape has one, else the last price. A fill that is told of late, as bars of another
//! instrument are, counts for the hours that were charged already from when it is told.

use std::sync::Arc;

use tapedeck_model::loan::{BorrowTerms, InterestReport, LoanStanding, hour_of, hourly_interest};
use tapedeck_model::number::pow10;
use tapedeck_model::{Amount, CurrencyIx, Instrument, InstrumentIx, Price, Span, Ts, VenueReport};

use super::TimedReport;

/// How debts are bounded, and how they are called in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoanRules {
    /// What may be owed as new orders are taken is (leverage - 1) x equity; in units of 1e-6.
    pub leverage: i64,
    /// Whether debts are called in at all.
    pub on: bool,
    /// The margin level, assets / debt, at which the venue warns; in units of 1e-6.
    pub call: i64,
    /// The level at which it sells; in units of 1e-6.
    pub level: i64,
    /// What goes to the insurance fund, as a fraction of value in units of 1e-12.
    pub fee: i64,
    /// How much worse than the mark it sells, as a fraction in units of 1e-12.
    pub slippage: i64,
}

/// An account that may borrow, as its venue is told of it before the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoanSpec {
    /// What can be borrowed, and at what rates.
    pub rates: Vec<(CurrencyIx, BorrowTerms)>,
    /// Money put in at the start.
    pub wallets: Vec<(CurrencyIx, Amount)>,
    /// Number of currencies of the run.
    pub currencies: usize,
    /// In what the account is valued: every instrument of the venue is quoted in it.
    pub quote: CurrencyIx,
    /// Bounds.
    pub rules: LoanRules,
}

/// What does not change during a run.
#[derive(Debug)]
struct Fixed {
    quote: CurrencyIx,
    rates: Vec<Option<BorrowTerms>>,
    /// By currency: the instrument whose price values it.
    priced_by: Vec<Option<InstrumentIx>>,
    instruments: Vec<Instrument>,
}

/// The venue's own view of an account that may borrow.
#[derive(Debug)]
pub(super) struct Loans {
    pub(super) rules: LoanRules,
    fixed: Arc<Fixed>,
    /// By currency; below zero: owed.
    balances: Vec<Amount>,
    /// By currency: the part of what is owed that is interest.
    due: Vec<Amount>,
    /// The full hour up to which interest was charged.
    accrued_to: Option<Ts>,
    marks: Vec<Option<Price>>,
    /// Which instruments have mark prices of the venue on the tape; once one came, only those count.
    marked: Vec<bool>,
    /// Whether the level of a margin call is reached, and that was said.
    pub(super) called: bool,
}

impl Clone for Loans {
    fn clone(&self) -> Self {
        Self {
            rules: self.rules,
            fixed: Arc::clone(&self.fixed),
            balances: self.balances.clone(),
            due: self.due.clone(),
            accrued_to: self.accrued_to,
            marks: self.marks.clone(),
            marked: self.marked.clone(),
            called: self.called,
        }
    }

    /// Into the buffers that are there: every touched bar is tried on a copy.
    fn clone_from(&mut self, source: &Self) {
        self.balances.clone_from(&source.balances);
        self.due.clone_from(&source.due);
        self.marks.clone_from(&source.marks);
        self.marked.clone_from(&source.marked);
        (self.accrued_to, self.called) = (source.accrued_to, source.called);
    }
}

impl PartialEq for Loans {
    fn eq(&self, other: &Self) -> bool {
        (&self.balances, &self.due, self.accrued_to) == (&other.balances, &other.due, other.accrued_to)
    }
}

impl Eq for Loans {}

/// Interest on what a fill borrowed, by currency.
pub(super) type Charges = [Option<InterestReport>; 3];

/// What the prices are.
pub(super) type MarkOf<'a> = &'a dyn Fn(InstrumentIx) -> Option<Price>;

impl Loans {
    /// `None` if a currency is not the run's, or the sum of the deposits of one is too large.
    pub(super) fn new(spec: &LoanSpec, instruments: &[Instrument]) -> Option<Self> {
        let mut rates = vec![None; spec.currencies];
        for (currency, terms) in &spec.rates {
            *rates.get_mut(currency.usize())? = Some(terms.clone());
        }
        let mut priced_by = vec![None; spec.currencies];
        for instrument in instruments.iter().filter(|one| one.quote == spec.quote) {
            priced_by.get_mut(instrument.base.usize())?.get_or_insert(instrument.ix);
        }
        let mut balances = vec![Amount::ZERO; spec.currencies];
        for (currency, amount) in &spec.wallets {
            let balance = balances.get_mut(currency.usize())?;
            *balance = balance.checked_add(*amount)?;
        }
        Some(Self {
            rules: spec.rules,
            fixed: Arc::new(Fixed { quote: spec.quote, rates, priced_by, instruments: instruments.to_vec() }),
            balances,
            due: vec![Amount::ZERO; spec.currencies],
            accrued_to: None,
            marks: vec![None; instruments.len()],
            marked: vec![false; instruments.len()],
            called: false,
        })
    }

    pub(super) fn balance(&self, currency: CurrencyIx) -> Amount {
        self.balances.get(currency.usize()).copied().unwrap_or(Amount::ZERO)
    }

    pub(super) fn balances(&self) -> &[Amount] {
        &self.balances
    }

    pub(super) fn quote(&self) -> CurrencyIx {
        self.fixed.quote
    }

    pub(super) fn instrument(&self, ix: InstrumentIx) -> Option<&Instrument> {
        self.fixed.instruments.get(ix.usize())
    }

    /// The instrument whose price values a currency.
    pub(super) fn priced_by(&self, currency: CurrencyIx) -> Option<InstrumentIx> {
        self.fixed.priced_by.get(currency.usize()).copied().flatten()
    }

    /// Whether anything is owed.
    pub(super) fn owes(&self) -> bool {
        self.balances.iter().any(|balance| *balance < Amount::ZERO)
    }

    /// Whether an instrument's price moves how an account with debts stands.
    pub(super) fn is_exposed_to(&self, ix: InstrumentIx) -> bool {
        let base = self.instrument(ix).map(|instrument| instrument.base);
        base.is_some_and(|base| self.balance(base) != Amount::ZERO) && self.owes()
    }

    pub(super) fn mark(&self, ix: InstrumentIx) -> Option<Price> {
        self.marks.get(ix.usize()).copied().flatten().filter(|px| *px > Price::ZERO)
    }

    /// A last price, which counts as long as the venue has told of no mark price.
    pub(super) fn on_last_px(&mut self, ix: InstrumentIx, px: Price) {
        if self.follows_last(ix)
            && let Some(mark) = self.marks.get_mut(ix.usize())
        {
            *mark = Some(px);
        }
    }

    pub(super) fn on_mark_px(&mut self, ix: InstrumentIx, px: Price) {
        if let (Some(mark), Some(marked)) = (self.marks.get_mut(ix.usize()), self.marked.get_mut(ix.usize())) {
            (*mark, *marked) = (Some(px), true);
        }
    }

    /// Whether the mark of an instrument is its last price.
    pub(super) fn follows_last(&self, ix: InstrumentIx) -> bool {
        self.marked.get(ix.usize()) == Some(&false)
    }

    /// What an amount is worth; `None` if its price is not known, or on overflow.
    pub(super) fn worth(&self, currency: CurrencyIx, amount: Amount, marks: MarkOf<'_>) -> Option<Amount> {
        if currency == self.fixed.quote || amount == Amount::ZERO {
            return Some(amount);
        }
        let ix = self.priced_by(currency)?;
        let scale = self.instrument(ix)?.price_scale;
        amount.mul_div(marks(ix)?.raw(), i64::try_from(pow10(scale)).ok()?)
    }

    /// How balances stand; `None` if a price that they need is not known, or on overflow.
    pub(super) fn standing_of(&self, balances: &[Amount], marks: MarkOf<'_>) -> Option<LoanStanding> {
        let mut standing = LoanStanding::default();
        for (ix, balance) in balances.iter().enumerate().filter(|(_, balance)| **balance != Amount::ZERO) {
            let worth = self.worth(CurrencyIx(ix as u16), *balance, marks)?;
            if worth > Amount::ZERO {
                standing.assets = standing.assets.checked_add(worth)?;
            } else {
                standing.debt = standing.debt.checked_sub(worth)?;
            }
        }
        Some(standing)
    }

    /// How the account stands at the marks.
    pub(super) fn standing(&self) -> Option<LoanStanding> {
        self.standing_of(&self.balances, &|ix| self.mark(ix))
    }

    /// Whether the venue would call debts in were the mark of an instrument `px`.
    pub(super) fn is_breached_at(&self, ix: InstrumentIx, px: Price) -> bool {
        let marks = |other: InstrumentIx| if other == ix { Some(px) } else { self.mark(other) };
        self.standing_of(&self.balances, &marks).is_some_and(|standing| standing.is_at(self.rules.level))
    }

    /// Of what is owed, the part that was borrowed.
    fn borrowed(&self, currency: CurrencyIx) -> Amount {
        let owed = self.balance(currency).checked_neg().unwrap_or(Amount::ZERO).max(Amount::ZERO);
        owed.checked_sub(self.due.get(currency.usize()).copied().unwrap_or_default()).unwrap_or(Amount::ZERO)
    }

    fn daily_rate(&self, currency: CurrencyIx, ts: Ts) -> Option<i64> {
        self.fixed.rates.get(currency.usize())?.as_ref()?.daily_rate_at(ts)
    }

    /// Whether a currency can be borrowed.
    pub(super) fn lends(&self, currency: CurrencyIx, ts: Ts) -> bool {
        self.daily_rate(currency, ts).is_some()
    }

    /// Whether moves can be booked: what they would borrow can be borrowed, and every sum fits.
    pub(super) fn can_pay(&self, moves: &[(CurrencyIx, Amount)], ts: Ts) -> bool {
        moves.iter().all(|(currency, _)| {
            let sum = net_of(moves, *currency).and_then(|net| self.balance(*currency).checked_add(net));
            sum.is_some_and(|sum| sum >= Amount::ZERO || sum >= self.balance(*currency) || self.lends(*currency, ts))
        })
    }

    /// Books moves at `ts`, to which interest was charged; what they borrowed is charged for the hour that has
    /// begun. `None` on overflow.
    pub(super) fn book(&mut self, moves: &[(CurrencyIx, Amount); 3], ts: Ts) -> Option<Charges> {
        let mut charges: Charges = [None; 3];
        for (at, (currency, _)) in moves.iter().enumerate() {
            if moves[..at].iter().any(|(earlier, _)| earlier == currency) {
                continue;
            }
            let before = self.borrowed(*currency);
            self.credit(*currency, net_of(moves, *currency)?)?;
            let more = self.borrowed(*currency).checked_sub(before)?;
            if more > Amount::ZERO {
                charges[at] = Some(self.charge(*currency, more, ts)?);
            }
        }
        Some(charges)
    }

    /// Something comes (below zero: goes), without interest on what that borrows: interest is paid first.
    pub(super) fn credit(&mut self, currency: CurrencyIx, amount: Amount) -> Option<()> {
        let balance = self.balances.get_mut(currency.usize())?;
        *balance = balance.checked_add(amount)?;
        let owed = balance.checked_neg()?.max(Amount::ZERO);
        let due = self.due.get_mut(currency.usize())?;
        *due = due.checked_sub(amount.max(Amount::ZERO))?.max(Amount::ZERO).min(owed);
        Some(())
    }

    fn charge(&mut self, currency: CurrencyIx, borrowed: Amount, ts: Ts) -> Option<InterestReport> {
        // What is borrowed has a rate: what has none cannot be.
        let daily_rate = self.daily_rate(currency, ts)?;
        let interest = hourly_interest(borrowed, daily_rate)?;
        let (balance, due) = (self.balances.get_mut(currency.usize())?, self.due.get_mut(currency.usize())?);
        *balance = balance.checked_sub(interest)?;
        *due = due.checked_add(interest)?;
        Some(InterestReport { currency, ts_event: ts, borrowed, daily_rate, interest })
    }

    /// Charges every full hour up to `to` that was not charged yet. `None` on overflow.
    pub(super) fn accrue(&mut self, to: Ts, out: &mut Vec<TimedReport>) -> Option<()> {
        let last = hour_of(to);
        let first = match self.accrued_to.replace(last) {
            Some(before) if before < last => before.saturating_add(Span::HOUR),
            Some(before) => {
                self.accrued_to = Some(before);
                return Some(());
            }
            None => return Some(()),
        };
        if !self.owes() {
            return Some(());
        }
        let mut hour = first;
        while hour <= last {
            for currency in (0..self.balances.len()).map(|ix| CurrencyIx(ix as u16)) {
                let borrowed = self.borrowed(currency);
                if borrowed > Amount::ZERO {
                    let report = self.charge(currency, borrowed, hour)?;
                    out.push(TimedReport { ts_event: hour, report: VenueReport::Interest(report) });
                }
            }
            hour = hour.checked_add(Span::HOUR)?;
        }
        Some(())
    }
}

/// The sum of the moves of one currency; `None` on overflow.
fn net_of(moves: &[(CurrencyIx, Amount)], currency: CurrencyIx) -> Option<Amount> {
    let own = moves.iter().filter(|(other, _)| *other == currency);
    own.map(|(_, amount)| *amount).try_fold(Amount::ZERO, Amount::checked_add)
}
