//! Incidents as far as we are concerned: what is journaled of them, money that comes and goes, and data
//! that do not reach us.

use tapedeck_model::event::{IncidentKind, PostingReason};
use tapedeck_model::port::RiskObservation;
use tapedeck_model::{Amount, CurrencyIx, Event, InstrumentIx, Tick, Ts};

use super::Core;
use crate::account::{Account, AccountKind, LEVERAGE_ONE};
use crate::spec::KernelError;

/// An incident by name.
#[derive(Debug, Clone, Copy)]
pub struct IncidentNotice<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub kind: IncidentKind,
    /// Whom it befalls.
    pub target: &'a str,
    /// First instant at which it no longer holds.
    pub until: Ts,
}

impl Core {
    /// An incident begins at `now`: an input like any other.
    pub fn begin_incident(&mut self, now: Ts, notice: IncidentNotice<'_>) {
        self.begin_input(now);
        let IncidentNotice { name, kind, target, until } = notice;
        self.note(&Event::IncidentBegan { name: name.to_owned(), kind, target: target.to_owned(), until });
    }

    /// An incident is over at `now`; `missed` records did not reach us.
    pub fn end_incident(&mut self, now: Ts, name: &str, missed: u64) {
        self.begin_input(now);
        self.note(&Event::IncidentEnded { name: name.to_owned(), missed });
    }

    /// From now on an instrument's records do not reach us: we see what we saw last.
    pub fn conceal(&mut self, instrument: InstrumentIx) {
        self.state.market.conceal(instrument);
    }

    /// An instrument's records reach us again; its order book is brought up to date, as that of a client
    /// that asks for a snapshot as it comes back.
    pub fn reveal(&mut self, instrument: InstrumentIx) {
        self.state.market.reveal(instrument);
    }

    /// A record of a concealed instrument that would have reached us now.
    pub fn miss<T: Tick>(&mut self, tick: &T) {
        self.state.market.miss(tick);
    }

    /// Money comes (above zero) or goes for `reason`, in the input that has just begun. What moved: zero if
    /// a withdrawal asks for more than is free.
    ///
    /// # Errors
    /// [`KernelError`], after which the machine must not be used.
    pub fn move_money(
        &mut self,
        reason: PostingReason,
        currency: CurrencyIx,
        amount: Amount,
    ) -> Result<Amount, KernelError> {
        if amount < Amount::ZERO {
            let wanted = amount.checked_neg().ok_or(KernelError::Overflow { what: "a withdrawal" })?;
            let free = self.withdrawable(currency);
            if wanted > free {
                self.note(&Event::WithdrawalRefused { currency, amount: wanted, free });
                return Ok(Amount::ZERO);
            }
        }
        let before = self.equity();
        let is_capital = reason != PostingReason::Airdrop;
        if is_capital && before.is_some() {
            self.sample(self.clock.now());
        }
        let lines = if is_capital { Account::deposit(currency, amount) } else { Account::gift(currency, amount) };
        self.record(&Event::Posted { reason, lines: lines? })?;
        self.moved = true;
        self.stirred = true;
        if let (true, Some(before), Some(after)) = (is_capital, before, self.equity()) {
            self.note(&Event::CapitalMoved { before, after });
            self.track.rescale(before, after);
            self.observe(&RiskObservation::Capital { before, after })?;
        }
        self.look_at_equity()?;
        if is_capital && before.is_some() {
            self.sample(self.clock.now());
        }
        self.tell()?;
        Ok(amount)
    }

    /// How much of a currency may be taken out: what no open order has set aside, and in an account on
    /// margin no more than leaves the margin of positions and orders covered.
    fn withdrawable(&self, currency: CurrencyIx) -> Amount {
        let free = self.state.account.balance(currency).free().max(Amount::ZERO);
        match self.state.account.kind() {
            AccountKind::Spot => free,
            // What a margin account may give back is the venue's to say: refused, and said so.
            AccountKind::Margin => Amount::ZERO,
            AccountKind::Netting { max_leverage } => {
                let cover = self.free_equity(max_leverage).unwrap_or(Amount::ZERO).max(Amount::ZERO);
                let worth = self.state.marks.to_base(free, currency).unwrap_or(Amount::ZERO);
                if worth <= cover { free } else { free.mul_ratio(cover, worth).unwrap_or(Amount::ZERO) }
            }
        }
    }

    /// Equity less the margin of positions and open orders.
    fn free_equity(&self, max_leverage: i64) -> Option<Amount> {
        let used = self.state.marks.exposure(&self.state.account)?.mul_div(LEVERAGE_ONE, max_leverage)?;
        let mut free = self.equity()?.checked_sub(used)?;
        for ix in 0..self.fees.len() {
            let currency = CurrencyIx(ix as u16);
            let reserved = self.state.account.balance(currency).reserved;
            if reserved != Amount::ZERO {
                free = free.checked_sub(self.state.marks.to_base(reserved, currency)?)?;
            }
        }
        Some(free)
    }
}
