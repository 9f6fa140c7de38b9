//! Debts: interest, and trades that the venue makes so that a debt is paid.
//!
//! Enters: reports of the venue. Leaves: per report its event and one posting; of a forced trade the shares of
//! strategies, whose positions it changes, in between. Invariant: what was traded is posted as a whole; strategies'
//! positions, which only tell who had what, follow.

use tapedeck_model::event::PostingReason;
use tapedeck_model::loan::{InterestReport, LoanLiquidation};
use tapedeck_model::margin::LiquidationShare;
use tapedeck_model::port::RiskObservation;
use tapedeck_model::{Amount, Event, Instrument, Qty, StrategyIx};

use super::Core;
use super::liquidation::shares_of;
use crate::account::Account;
use crate::loan::loan_shares;
use crate::spec::KernelError;

impl Core {
    /// Doors 10 to 12 for interest that was charged.
    pub(super) fn on_interest(&mut self, report: &InterestReport) -> Result<(), KernelError> {
        self.record(&Event::InterestCharged(*report))?;
        let seq = self.encoder.next_seq();
        let lines = Account::interest(report).map_err(|source| KernelError::Account { seq, source })?;
        self.record(&Event::Posted { reason: PostingReason::Interest, lines })?;
        self.moved = true;
        Ok(())
    }

    /// Doors 10 to 12 for a forced trade.
    pub(super) fn on_forced_trade(&mut self, trade: &LoanLiquidation) -> Result<(), KernelError> {
        let ix = trade.instrument;
        let unknown = KernelError::UnknownInstrument { instrument: ix };
        let instrument = self.state.instruments.get(ix.usize()).cloned().ok_or(unknown)?;
        let held = |strategy: usize| self.state.account(ix).position(StrategyIx(strategy as u16), ix).net_qty;
        let held: Vec<Qty> = (0..self.host.len()).map(held).collect();
        let parts = loan_shares(&held, &instrument, trade);
        let parts = parts.ok_or(KernelError::Overflow { what: "the shares of a forced trade" })?;
        self.record(&Event::LoanLiquidated(*trade))?;
        self.counts.liquidations += 1;
        self.stirred = true;
        let mut told = Vec::new();
        for share in shares_of(ix, trade.last_px, trade.fee, parts) {
            let share = share?;
            let pnl = self.take_share(&instrument, &share)?;
            told.push((share, pnl));
        }
        let seq = self.encoder.next_seq();
        let lines = Account::forced_trade(&instrument, trade);
        let lines = lines.map_err(|source| KernelError::Account { seq, source })?;
        self.record(&Event::Posted { reason: PostingReason::Liquidation, lines })?;
        self.moved = true;
        for (share, pnl) in told {
            let (now, strategy) = (self.clock.now(), share.strategy);
            self.observe(&RiskObservation::Closed { now, strategy, pnl })?;
            self.observe(&RiskObservation::Liquidated { now, strategy, pnl })?;
            self.call(share.strategy, |strategy, ctx| strategy.on_liquidation(ctx, &share))?;
        }
        Ok(())
    }

    /// A strategy's position becomes less; what it was worth is part of the posting of the whole. What that earned,
    /// in the base currency.
    fn take_share(&mut self, instrument: &Instrument, share: &LiquidationShare) -> Result<Amount, KernelError> {
        self.record(&Event::LiquidationShared(*share))?;
        let seq = self.encoder.next_seq();
        let effects = self.state.account(instrument.ix).effects_of_liquidation(instrument, share);
        let effects = effects.map_err(|source| KernelError::Account { seq, source })?;
        self.record(&effects.position_changed())?;
        let pnl = effects.closed_pnl.and_then(|pnl| self.state.marks.to_base(pnl, instrument.settlement));
        Ok(pnl.unwrap_or(Amount::ZERO))
    }
}
