//! What the venue lets a spot account pay with.
//!
//! Enters: fills. Leaves: whether they can be paid. Invariant: no balance is ever below zero.
//! Deliberately absent: reservations for open orders, which are our own side's affair; the venue
//! looks at what is there when a fill is made.

use tapedeck_model::InstrumentIx;
use tapedeck_model::{Amount, CurrencyIx, Instrument, InstrumentKind, Price, Qty, Side, Ts};

use super::loans::Loans;
use super::margin::VenueMargin;

/// Balances by currency, or no check at all; or a margin account; or a spot account that may borrow.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Funds {
    balances: Option<Vec<Amount>>,
    margin: Option<Box<VenueMargin>>,
    loans: Option<Box<Loans>>,
    /// The token that pays fees of a contract account.
    token: Option<CurrencyIx>,
    /// What a netting account has of it; the venue knows nothing else of such an account.
    token_balance: Amount,
}

impl Clone for Funds {
    fn clone(&self) -> Self {
        Self {
            balances: self.balances.clone(),
            margin: self.margin.clone(),
            loans: self.loans.clone(),
            token: self.token,
            token_balance: self.token_balance,
        }
    }

    /// Into the buffer that is there: every touched bar is tried on a copy.
    fn clone_from(&mut self, source: &Self) {
        self.balances.clone_from(&source.balances);
        (self.token, self.token_balance) = (source.token, source.token_balance);
        match (&mut self.margin, &source.margin) {
            (Some(margin), Some(source)) => (**margin).clone_from(source),
            (margin, source) => margin.clone_from(source),
        }
        match (&mut self.loans, &source.loans) {
            (Some(loans), Some(source)) => (**loans).clone_from(source),
            (loans, source) => loans.clone_from(source),
        }
    }
}

/// What one fill moves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payment {
    pub(super) side: Side,
    pub(super) qty: Qty,
    pub(super) notional: Amount,
    pub(super) fee: Amount,
    pub(super) fee_currency: CurrencyIx,
    /// When.
    pub(super) ts: Ts,
}

/// Balances after a fill, in the order in which they are booked; `None` if nothing is checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settlement(Option<[(CurrencyIx, Amount); 3]>);

impl Funds {
    /// `None`: everything can be paid. The sum of several entries of one currency counts.
    pub(super) fn new(funds: Option<&[(CurrencyIx, Amount)]>) -> Option<Self> {
        let Some(funds) = funds else { return Some(Self::default()) };
        let len = funds.iter().map(|(currency, _)| currency.usize() + 1).max().unwrap_or(0);
        let mut balances = vec![Amount::ZERO; len];
        for (currency, amount) in funds {
            let balance = balances.get_mut(currency.usize())?;
            *balance = balance.checked_add(*amount).filter(|sum| *sum >= Amount::ZERO)?;
        }
        Some(Self { balances: Some(balances), ..Self::default() })
    }

    /// A margin account: fills are not bounded by balances, and what stands behind them is looked at.
    pub(super) fn on_margin(margin: VenueMargin) -> Self {
        Self { margin: Some(Box::new(margin)), ..Self::default() }
    }

    /// A spot account that may borrow.
    pub(super) fn borrowing(loans: Loans) -> Self {
        Self { loans: Some(Box::new(loans)), ..Self::default() }
    }

    /// Fees can be paid in a token, of which a netting account has so much. A spot account has it among its balances.
    pub(super) fn take_token(&mut self, token: CurrencyIx, balance: Amount) {
        if self.balances.is_none() {
            (self.token, self.token_balance) = (Some(token), balance);
        }
    }

    /// The spot account that may borrow, if it is one.
    #[inline]
    pub(super) fn loans(&self) -> Option<&Loans> {
        self.loans.as_deref()
    }

    #[inline]
    pub(super) fn loans_mut(&mut self) -> Option<&mut Loans> {
        self.loans.as_deref_mut()
    }

    /// Whether the account looks at every record, whatever it does to orders.
    pub(super) fn looks_at_each(&self) -> bool {
        self.margin.is_some() || self.loans.is_some()
    }

    /// Whether how the account stands follows an instrument's last price, and so the path of its bars.
    pub(super) fn follows_last(&self, ix: InstrumentIx) -> bool {
        self.margin().map(|margin| margin.follows_last(ix)).or(self.loans().map(|loans| loans.follows_last(ix)))
            == Some(true)
    }

    /// Whether an instrument's price may lead to forced trades.
    pub(super) fn is_watched(&self, ix: InstrumentIx) -> bool {
        self.margin().is_some_and(|margin| margin.rules.on && margin.book.net_qty(ix) != Qty::ZERO)
            || self.loans().is_some_and(|loans| loans.rules.on && loans.is_exposed_to(ix))
    }

    /// Whether it would at a price.
    pub(super) fn is_breached_at(&self, ix: InstrumentIx, px: Price, ts: Ts) -> bool {
        self.margin().is_some_and(|margin| margin.is_breached_at(ix, px, ts))
            || self.loans().is_some_and(|loans| loans.is_breached_at(ix, px))
    }

    /// The margin account, if it is one.
    #[inline]
    pub(super) fn margin(&self) -> Option<&VenueMargin> {
        self.margin.as_deref()
    }

    #[inline]
    pub(super) fn margin_mut(&mut self) -> Option<&mut VenueMargin> {
        self.margin.as_deref_mut()
    }

    /// Money that came or went beside trading, as our side has booked it.
    pub(super) fn fund(&mut self, currency: CurrencyIx, amount: Amount) {
        let Some(balances) = &mut self.balances else {
            if self.token == Some(currency) {
                self.token_balance = self.token_balance.checked_add(amount).unwrap_or(Amount::MAX).max(Amount::ZERO);
            }
            return;
        };
        if balances.len() <= currency.usize() {
            balances.resize(currency.usize() + 1, Amount::ZERO);
        }
        if let Some(balance) = balances.get_mut(currency.usize()) {
            *balance = balance.checked_add(amount).unwrap_or(Amount::MAX).max(Amount::ZERO);
        }
    }

    /// Makes room for the currencies of an instrument, so that fills need no allocation.
    pub(super) fn admit(&mut self, instrument: &Instrument) {
        let len = instrument.base.usize().max(instrument.quote.usize()).max(instrument.settlement.usize()) + 1;
        if let Some(balances) = &mut self.balances
            && balances.len() < len
        {
            balances.resize(len, Amount::ZERO);
        }
    }

    /// What a fill would make of the balances; `None` if it cannot be paid.
    pub(super) fn settlement(&self, instrument: &Instrument, payment: &Payment) -> Option<Settlement> {
        let Some(balances) = &self.balances else {
            let Some(loans) = self.loans() else { return self.token_settlement(payment) };
            let moves = moves(instrument, payment)?;
            return loans.can_pay(&moves, payment.ts).then_some(Settlement(None));
        };
        if instrument.kind != InstrumentKind::Spot {
            return Some(Settlement(None));
        }
        let mut moves = moves(instrument, payment)?;
        for at in 0..moves.len() {
            let (currency, amount) = moves[at];
            // Moves of one currency count together: the later one holds the result, as it is booked last.
            let before = match moves[..at].iter().rfind(|(other, _)| *other == currency) {
                Some((_, after)) => *after,
                None => *balances.get(currency.usize())?,
            };
            moves[at].1 = before.checked_add(amount)?;
        }
        let last = |at: usize| !moves[at + 1..].iter().any(|(other, _)| *other == moves[at].0);
        let paid = (0..moves.len()).all(|at| moves[at].1 >= Amount::ZERO || !last(at));
        paid.then_some(Settlement(Some(moves)))
    }

    /// Of a contract only a fee in the venue's token is looked at: that is paid from what there is of it, or not at all.
    fn token_settlement(&self, payment: &Payment) -> Option<Settlement> {
        if self.token != Some(payment.fee_currency) {
            return Some(Settlement(None));
        }
        let there = self.margin().map_or(self.token_balance, |margin| margin.book.wallet(payment.fee_currency));
        let after = there.checked_sub(payment.fee).filter(|left| *left >= Amount::ZERO)?;
        // A margin account books the fee with the fill.
        Some(Settlement(self.margin.is_none().then_some([(payment.fee_currency, after); 3])))
    }

    /// Books what [`Funds::settlement`] gave, with nothing booked in between.
    pub(super) fn book(&mut self, settlement: &Settlement) {
        let Settlement(Some(after)) = settlement else { return };
        let Some(balances) = &mut self.balances else {
            [_, _, (_, self.token_balance)] = *after;
            return;
        };
        for (currency, balance) in after {
            balances[currency.usize()] = *balance;
        }
    }

    /// Something comes (below zero: goes) beside fills; `None` on overflow, or if a balance would fall below zero.
    pub(super) fn credit(&mut self, currency: CurrencyIx, amount: Amount) -> Option<()> {
        let balance = self.balances.as_mut()?.get_mut(currency.usize())?;
        *balance = balance.checked_add(amount).filter(|sum| *sum >= Amount::ZERO)?;
        Some(())
    }

    /// What the venue lets go of a currency; `None` where it does not look. Of a netting account it knows the token
    /// that pays fees.
    pub(super) fn withdrawable(&self, currency: CurrencyIx) -> Option<Amount> {
        self.balance(currency).or((self.token == Some(currency)).then_some(self.token_balance))
    }

    /// As the venue sees it now; `None` without a check.
    pub(super) fn balance(&self, currency: CurrencyIx) -> Option<Amount> {
        let balances = self.balances.as_ref()?;
        Some(balances.get(currency.usize()).copied().unwrap_or(Amount::ZERO))
    }
}

/// Base, quote and fee, signed as they change the balances; `None` on overflow.
pub(super) fn moves(instrument: &Instrument, payment: &Payment) -> Option<[(CurrencyIx, Amount); 3]> {
    let base = instrument.base_amount(payment.qty)?;
    let (base, quote) = match payment.side {
        Side::Buy => (base, payment.notional.checked_neg()?),
        Side::Sell => (base.checked_neg()?, payment.notional),
    };
    Some([(instrument.base, base), (instrument.quote, quote), (payment.fee_currency, payment.fee.checked_neg()?)])
}
