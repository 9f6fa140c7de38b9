//! Funding: what the venue settled becomes postings, and each strategy's part of it.
//!
//! Enters: a report of the venue. Leaves: one `FundingPaid` per part and one posting of the whole.
//! Invariant: the parts sum to what the venue said, to the last digit.

use tapedeck_model::event::PostingReason;
use tapedeck_model::{Amount, Event, FundingReport, Qty, StrategyIx};

use super::Core;
use crate::account::Account;
use crate::spec::KernelError;

const TOO_LARGE: KernelError = KernelError::Overflow { what: "funding" };

impl Core {
    /// Doors 10 to 12 for a settlement of funding.
    ///
    /// In hedge mode it is about the long position if its quantity is above zero, else about the short one.
    /// A report about one strategy is that strategy's. One about the whole account is divided by the
    /// positions that strategies hold now, in order of strategy: after the first n of them, what is
    /// divided is `paid x (their positions) / (the venue's position)`, rounded half to even. What the
    /// positions do not explain is nobody's part.
    #[cold]
    pub(super) fn fund(&mut self, report: &FundingReport) -> Result<(), KernelError> {
        let FundingReport { instrument, strategy, net_qty, paid, .. } = *report;
        let Some(settlement) = self.state.instruments.get(instrument.usize()).map(|i| i.settlement) else {
            return Err(KernelError::UnknownInstrument { instrument });
        };
        match strategy {
            Some(_) => self.pay_part(report, strategy, (net_qty, paid))?,
            None => self.divide(report)?,
        }
        let seq = self.encoder.next_seq();
        let lines = Account::funding(settlement, paid).map_err(|source| KernelError::Account { seq, source })?;
        self.post(self.state.accounts.venue_of(instrument), PostingReason::Funding, lines)?;
        self.moved = true;
        Ok(())
    }

    fn divide(&mut self, report: &FundingReport) -> Result<(), KernelError> {
        let FundingReport { instrument, net_qty, paid, .. } = *report;
        let (mut held, mut divided) = (Qty::ZERO, Amount::ZERO);
        let side = self.state.account(instrument).side_of(net_qty);
        for ix in 0..self.host.len() {
            let strategy = StrategyIx(ix as u16);
            let own = self.state.accounts.held_of(strategy, instrument, side).net_qty;
            if own == Qty::ZERO || net_qty == Qty::ZERO {
                continue;
            }
            held = held.checked_add(own).ok_or(TOO_LARGE)?;
            let so_far = paid.mul_div(held.raw(), net_qty.raw()).ok_or(TOO_LARGE)?;
            let part = so_far.checked_sub(divided).ok_or(TOO_LARGE)?;
            divided = so_far;
            self.pay_part(report, Some(strategy), (own, part))?;
        }
        let rest = (net_qty.checked_sub(held).ok_or(TOO_LARGE)?, paid.checked_sub(divided).ok_or(TOO_LARGE)?);
        if rest == (Qty::ZERO, Amount::ZERO) { Ok(()) } else { self.pay_part(report, None, rest) }
    }

    fn pay_part(
        &mut self,
        report: &FundingReport,
        strategy: Option<StrategyIx>,
        (net_qty, paid): (Qty, Amount),
    ) -> Result<(), KernelError> {
        let FundingReport { instrument, ts_event, rate, mark_px, .. } = *report;
        self.record(&Event::FundingPaid { strategy, instrument, ts_event, rate, mark_px, net_qty, paid })
    }
}
