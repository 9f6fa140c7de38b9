//! What the venue lets a spot account pay with.
//!
//! Enters: fills. Leaves: whether they can be paid. Invariant: no balance is ever below zero.
//! Deliberately absent: reservations for open orders, which are our own side's affair; the venue
//! looks at what is there when a fill is made.

use tapedeck_model::{Amount, CurrencyIx, Instrument, InstrumentKind, Qty, Side};

/// Balances by currency, or no check at all.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Funds {
    balances: Option<Vec<Amount>>,
}

impl Clone for Funds {
    fn clone(&self) -> Self {
        Self { balances: self.balances.clone() }
    }

    /// Into the buffer that is there: every touched bar is tried on a copy.
    fn clone_from(&mut self, source: &Self) {
        self.balances.clone_from(&source.balances);
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
}

impl Funds {
    /// `None`: everything can be paid. The sum of several entries of one currency counts.
    pub(super) fn new(funds: Option<&[(CurrencyIx, Amount)]>) -> Option<Self> {
        let Some(funds) = funds else { return Some(Self { balances: None }) };
        let len = funds.iter().map(|(currency, _)| currency.usize() + 1).max().unwrap_or(0);
        let mut balances = vec![Amount::ZERO; len];
        for (currency, amount) in funds {
            let balance = balances.get_mut(currency.usize())?;
            *balance = balance.checked_add(*amount).filter(|sum| *sum >= Amount::ZERO)?;
        }
        Some(Self { balances: Some(balances) })
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

    pub(super) fn can_pay(&self, instrument: &Instrument, payment: &Payment) -> bool {
        let Some(balances) = &self.balances else { return true };
        if instrument.kind != InstrumentKind::Spot {
            return true;
        }
        let Some(moves) = moves(instrument, payment) else { return false };
        moves.iter().all(|(currency, _)| {
            let mut left = balances.get(currency.usize()).copied();
            for (_, amount) in moves.iter().filter(|(other, _)| other == currency) {
                left = left.and_then(|sum| sum.checked_add(*amount));
            }
            left.is_some_and(|sum| sum >= Amount::ZERO)
        })
    }

    /// Books a fill.
    ///
    /// # Panics
    /// If it cannot be paid: that was to be asked before.
    pub(super) fn pay(&mut self, instrument: &Instrument, payment: &Payment) {
        assert!(self.can_pay(instrument, payment), "a fill that cannot be paid is cut before it is made");
        let Some(balances) = &mut self.balances else { return };
        if instrument.kind != InstrumentKind::Spot {
            return;
        }
        for (currency, amount) in moves(instrument, payment).into_iter().flatten() {
            let balance = &mut balances[currency.usize()];
            // Intermediate sums may be below zero; the final ones were checked.
            *balance = Amount::from_raw(balance.raw() + amount.raw());
        }
    }

    /// As the venue sees it now; `None` without a check.
    #[cfg(test)]
    pub(super) fn balance(&self, currency: CurrencyIx) -> Option<Amount> {
        self.balances.as_ref()?.get(currency.usize()).copied()
    }
}

/// Base, quote and fee, signed as they change the balances; `None` on overflow.
fn moves(instrument: &Instrument, payment: &Payment) -> Option<[(CurrencyIx, Amount); 3]> {
    let base = instrument.base_amount(payment.qty)?;
    let (base, quote) = match payment.side {
        Side::Buy => (base, payment.notional.checked_neg()?),
        Side::Sell => (base.checked_neg()?, payment.notional),
    };
    Some([(instrument.base, base), (instrument.quote, quote), (payment.fee_currency, payment.fee.checked_neg()?)])
}
