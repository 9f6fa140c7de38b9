//! The end of contracts: positions are settled at a price and are gone.
//!
//! Enters: a report of the venue. Leaves: per position `PositionSettled`, its posting and the flat position.
//! Invariant: what is settled is what is held, so nothing of an expired contract is left.

use tapedeck_model::event::PostingReason;
use tapedeck_model::port::RiskObservation;
use tapedeck_model::{Event, Qty, SettlementReport, StrategyIx};

use super::Core;
use crate::spec::KernelError;

impl Core {
    /// Doors 10 to 12 for the end of a position; of every strategy's if the report names none.
    #[cold]
    pub(super) fn settle(&mut self, report: &SettlementReport) -> Result<(), KernelError> {
        let instrument = report.instrument;
        if instrument.usize() >= self.state.instruments.len() {
            return Err(KernelError::UnknownInstrument { instrument });
        }
        match report.strategy {
            Some(strategy) => self.settle_one(report, strategy)?,
            None => (0..self.host.len()).try_for_each(|ix| self.settle_one(report, StrategyIx(ix as u16)))?,
        }
        Ok(())
    }

    fn settle_one(&mut self, report: &SettlementReport, strategy: StrategyIx) -> Result<(), KernelError> {
        let SettlementReport { instrument, ts_event, settlement_px, .. } = *report;
        let net_qty = self.state.account.position(strategy, instrument).net_qty;
        if net_qty == Qty::ZERO {
            return Ok(());
        }
        self.record(&Event::PositionSettled { strategy, instrument, ts_event, settlement_px, net_qty })?;
        let seq = self.encoder.next_seq();
        let failed = |source| KernelError::Account { seq, source };
        let contract = &self.state.instruments[instrument.usize()];
        let settlement = contract.settlement;
        let effects = self.state.account.effects_of_settlement(strategy, contract, settlement_px).map_err(failed)?;
        self.record(&Event::Posted { reason: PostingReason::Settlement, lines: effects.lines })?;
        self.record(&Event::PositionChanged(effects.position))?;
        self.moved = true;
        if let Some(pnl) = effects.closed_pnl.and_then(|pnl| self.state.marks.to_base(pnl, settlement)) {
            self.observe(&RiskObservation::Closed { now: self.clock.now(), strategy, pnl })?;
        }
        Ok(())
    }
}
