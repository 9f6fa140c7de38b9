//! Transfers between venues: what leaves, what arrives, what is refused.
//!
//! Enters: what a strategy or the scenario asks for, with what the way costs and what the venue lets out.
//! Leaves: events and postings. Invariant: what leaves is the fee and what arrives, to the last digit.

use tapedeck_model::event::{PostingReason, TransferRefusal, TransferSent};
use tapedeck_model::transfer::{TransferAsk, TransferNews, TransferUpdate, UnderWay};
use tapedeck_model::{Amount, Event, StrategyIx, Ts};

use super::{CALLS_PER_INPUT_MAX, Core};
use crate::account::Account;
use crate::spec::KernelError;

/// What a driver knows of a transfer that is to leave.
#[derive(Debug, Clone, Copy)]
pub struct TransferTerms {
    /// What it costs.
    pub fee: Amount,
    /// When it arrives.
    pub arrives: Ts,
    /// What the venue lets out at most; `None` where it does not look at balances.
    pub venue_free: Option<Amount>,
}

impl Core {
    /// Takes the transfers that are to leave now, in order.
    pub fn take_transfers(&mut self, into: &mut Vec<TransferAsk>) {
        into.append(&mut self.transfers);
    }

    /// A strategy asks for a transfer; where the driver carries none, and when it is too late, it is refused.
    pub(super) fn ask_transfer(&mut self, ask: TransferAsk) -> Result<(), KernelError> {
        let now = self.clock.now();
        self.asks = if self.asks.0 == now { (now, self.asks.1 + 1) } else { (now, 1) };
        if let (Some(strategy), true) = (ask.strategy, self.asks.1 > CALLS_PER_INPUT_MAX) {
            return Err(KernelError::Runaway { strategy });
        }
        if self.ending {
            self.refuse_transfer(&ask, TransferRefusal::Ending, Amount::ZERO);
        } else if self.carries_transfers {
            self.transfers.push(ask);
        } else {
            self.refuse_transfer(&ask, TransferRefusal::NoRoute, Amount::ZERO);
        }
        Ok(())
    }

    /// Money is to leave at `now`: an input of its own if a strategy asked for it, else in the input that has
    /// just begun. `terms` is `None` if there is no way. What is under way, if it left.
    ///
    /// # Errors
    /// [`KernelError`], after which the machine must not be used.
    pub fn send_transfer(
        &mut self,
        now: Ts,
        ask: &TransferAsk,
        terms: Option<TransferTerms>,
    ) -> Result<Option<UnderWay>, KernelError> {
        if ask.strategy.is_some() {
            self.begin_input(now);
        }
        let sent = match self.judge_transfer(ask, terms) {
            Ok(terms) => Some(self.depart(ask, &terms)?),
            Err((reason, free)) => {
                self.refuse_transfer(ask, reason, free);
                None
            }
        };
        self.stirred = true;
        self.tell()?;
        Ok(sent)
    }

    /// What was under way arrives at `now`: an input like any other.
    ///
    /// # Errors
    /// [`KernelError`], after which the machine must not be used.
    pub fn receive_transfer(&mut self, now: Ts, under_way: &UnderWay) -> Result<(), KernelError> {
        self.begin_input(now);
        let UnderWay { transfer, strategy, from, to, currency, amount } = *under_way;
        self.record(&Event::TransferArrived { transfer, venue: to, currency, amount })?;
        self.post(to, PostingReason::Transfer, Account::arrival(currency, amount)?)?;
        self.moved = true;
        self.stirred = true;
        self.look_at_equity()?;
        self.note_news(strategy, TransferUpdate { from, to, currency, amount, news: TransferNews::Arrived });
        self.tell()
    }

    fn judge_transfer(
        &self,
        ask: &TransferAsk,
        terms: Option<TransferTerms>,
    ) -> Result<TransferTerms, (TransferRefusal, Amount)> {
        let free = self.withdrawable(ask.from, ask.currency);
        let free = terms.and_then(|terms| terms.venue_free).map_or(free, |most| free.min(most));
        let terms = terms.ok_or((TransferRefusal::NoRoute, free))?;
        if self.ending {
            return Err((TransferRefusal::Ending, free));
        }
        if self.clock.now() < self.start {
            return Err((TransferRefusal::WarmUp, free));
        }
        if ask.amount <= terms.fee || ask.amount <= Amount::ZERO {
            return Err((TransferRefusal::BelowFee, free));
        }
        if ask.amount > free { Err((TransferRefusal::InsufficientFunds, free)) } else { Ok(terms) }
    }

    fn depart(&mut self, ask: &TransferAsk, terms: &TransferTerms) -> Result<UnderWay, KernelError> {
        let TransferAsk { strategy, from, to, currency, amount } = *ask;
        let TransferTerms { fee, arrives, .. } = *terms;
        self.transfer_last += 1;
        let transfer = self.transfer_last;
        let lines = Account::departure(currency, amount, fee)?;
        self.record(&Event::TransferSent(TransferSent {
            transfer,
            strategy,
            from,
            to,
            currency,
            amount,
            fee,
            arrives,
        }))?;
        self.post(from, PostingReason::Transfer, lines)?;
        self.moved = true;
        self.look_at_equity()?;
        let news = TransferNews::Sent { fee, arrives };
        self.note_news(strategy, TransferUpdate { from, to, currency, amount, news });
        let amount = amount.checked_sub(fee).ok_or(KernelError::Overflow { what: "a transfer" })?;
        Ok(UnderWay { transfer, strategy, from, to, currency, amount })
    }

    fn refuse_transfer(&mut self, ask: &TransferAsk, reason: TransferRefusal, free: Amount) {
        let TransferAsk { strategy, from, to, currency, amount } = *ask;
        self.note(&Event::TransferRefused { strategy, from, to, currency, amount, free, reason });
        let news = TransferNews::Refused { reason, free };
        self.note_news(strategy, TransferUpdate { from, to, currency, amount, news });
    }

    fn note_news(&mut self, strategy: Option<StrategyIx>, update: TransferUpdate) {
        self.news.extend(strategy.map(|strategy| (strategy, update)));
    }
}
