//! Incidents as far as we are concerned: what is journaled of them, money that comes and goes, and data
//! that do not reach us.

use tapedeck_model::event::{IncidentKind, PostingReason};
use tapedeck_model::port::RiskObservation;
use tapedeck_model::{Amount, CurrencyIx, Event, InstrumentIx, Tick, Ts, VenueIx};

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

    /// Money comes to (above zero) or goes from the account at a venue for `reason`, in the input that has just
    /// begun. What moved: zero if a withdrawal asks for more than is free, which by the venue's own account is
    /// `venue_free` at most.
    ///
    /// # Errors
    /// [`KernelError`], after which the machine must not be used.
    pub fn move_money(
        &mut self,
        reason: PostingReason,
        (venue, currency): (VenueIx, CurrencyIx),
        amount: Amount,
        venue_free: Option<Amount>,
    ) -> Result<Amount, KernelError> {
        if amount < Amount::ZERO {
            let wanted = amount.checked_neg().ok_or(KernelError::Overflow { what: "a withdrawal" })?;
            let free = self.withdrawable(venue, currency);
            let free = venue_free.map_or(free, |most| free.min(most));
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
        self.post(venue, reason, lines?)?;
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

    /// How much of a currency may be taken out of an account: what no open order has set aside, and where there
    /// are contracts no more than leaves the margin of positions and orders covered.
    pub(super) fn withdrawable(&self, venue: VenueIx, currency: CurrencyIx) -> Amount {
        let Some(account) = self.state.accounts.at(venue) else { return Amount::ZERO };
        let free = account.balance(currency).free().max(Amount::ZERO);
        match account.kind() {
            AccountKind::Spot => free,
            AccountKind::Margin => {
                let value = |ix, qty| self.state.marks.value_of(ix, qty);
                let spare = account.margin().and_then(|book| book.withdrawable(currency, self.clock.now(), &value));
                let spare = spare.and_then(|spare| spare.checked_sub(account.balance(currency).reserved));
                spare.unwrap_or(Amount::ZERO).max(Amount::ZERO)
            }
            // What an account with debts may give back is not modelled: refused, and said so.
            AccountKind::SpotMargin { .. } => Amount::ZERO,
            AccountKind::Netting { max_leverage } => {
                let cover = self.free_equity(account, max_leverage).unwrap_or(Amount::ZERO).max(Amount::ZERO);
                let worth = self.state.marks.to_base(free, currency).unwrap_or(Amount::ZERO);
                if worth <= cover { free } else { free.mul_ratio(cover, worth).unwrap_or(Amount::ZERO) }
            }
        }
    }

    /// Equity of an account less the margin of positions and open orders.
    fn free_equity(&self, account: &Account, max_leverage: i64) -> Option<Amount> {
        let (equity, exposure) = self.state.worth(account)?;
        let mut free = equity.checked_sub(exposure.mul_div(LEVERAGE_ONE, max_leverage)?)?;
        for ix in 0..self.fees.len() {
            let currency = CurrencyIx(ix as u16);
            let reserved = account.balance(currency).reserved;
            if reserved != Amount::ZERO {
                free = free.checked_sub(self.state.marks.to_base(reserved, currency)?)?;
            }
        }
        Some(free)
    }
}
