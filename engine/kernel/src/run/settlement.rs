//! The end of instruments: positions are settled at a price and are gone.
//!
//! Enters: a report of the venue. Leaves: per position `PositionSettled`, its posting and the flat position; of
//! what a spot account held `HoldingSettled`, the positions without a posting of their own, and one posting.
//! Invariant: what is settled is what is held, so nothing of an expired contract is left.

use tapedeck_model::event::PostingReason;
use tapedeck_model::port::RiskObservation;
use tapedeck_model::{Event, HoldingReport, PositionSide, Price, Qty, SettlementReport, StrategyIx};

use super::Core;
use crate::account::Account;
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
            Some(strategy) => self.settle_all_of(report, strategy)?,
            None => (0..self.host.len()).try_for_each(|ix| self.settle_all_of(report, StrategyIx(ix as u16)))?,
        }
        Ok(())
    }

    fn settle_all_of(&mut self, report: &SettlementReport, strategy: StrategyIx) -> Result<(), KernelError> {
        let sides = self.state.account(report.instrument).position_mode().all();
        sides.iter().try_for_each(|side| self.settle_one(report, strategy, *side))
    }

    fn settle_one(
        &mut self,
        report: &SettlementReport,
        strategy: StrategyIx,
        side: Option<PositionSide>,
    ) -> Result<(), KernelError> {
        let SettlementReport { instrument, ts_event, settlement_px, .. } = *report;
        let net_qty = self.state.accounts.held_of(strategy, instrument, side).net_qty;
        if net_qty == Qty::ZERO {
            return Ok(());
        }
        self.record(&Event::PositionSettled { strategy, instrument, ts_event, settlement_px, net_qty })?;
        let seq = self.encoder.next_seq();
        let failed = |source| KernelError::Account { seq, source };
        let contract = &self.state.instruments[instrument.usize()];
        let settlement = contract.settlement;
        let account = self.state.account(instrument);
        let effects = account.effects_of_settlement(strategy, (contract, side), settlement_px).map_err(failed)?;
        self.post(self.state.accounts.venue_of(instrument), PostingReason::Settlement, effects.lines)?;
        self.record(&effects.position_changed())?;
        self.moved = true;
        if let Some(pnl) = effects.closed_pnl.and_then(|pnl| self.state.marks.to_base(pnl, settlement)) {
            self.observe(&RiskObservation::Closed { now: self.clock.now(), strategy, pnl })?;
        }
        Ok(())
    }
    /// Doors 10 to 12 for what a spot account held of an instrument that was taken off the venue.
    #[cold]
    pub(super) fn settle_holding(&mut self, report: &HoldingReport) -> Result<(), KernelError> {
        let HoldingReport { instrument: ix, ts_event, settlement_px, holding } = *report;
        let unknown = KernelError::UnknownInstrument { instrument: ix };
        let instrument = self.state.instruments.get(ix.usize()).cloned().ok_or(unknown)?;
        let held = self.state.account(ix).balance(instrument.base).total;
        if held != holding {
            return Err(KernelError::Holding { holding, held });
        }
        self.record(&Event::HoldingSettled(*report))?;
        let settlement_px = settlement_px.unwrap_or(Price::ZERO);
        let mut closed = Vec::new();
        for strategy in (0..self.host.len()).map(|at| StrategyIx(at as u16)) {
            let net_qty = self.state.account(ix).position(strategy, ix).net_qty;
            if net_qty == Qty::ZERO {
                continue;
            }
            self.record(&Event::PositionSettled { strategy, instrument: ix, ts_event, settlement_px, net_qty })?;
            let seq = self.encoder.next_seq();
            let effects = self.state.account(ix).effects_of_settlement(strategy, (&instrument, None), settlement_px);
            let effects = effects.map_err(|source| KernelError::Account { seq, source })?;
            // What was held is paid for as a whole: a position of a spot account only tells who had it.
            self.record(&effects.position_changed())?;
            let pnl = effects.closed_pnl.and_then(|pnl| self.state.marks.to_base(pnl, instrument.settlement));
            closed.extend(pnl.map(|pnl| (strategy, pnl)));
        }
        let seq = self.encoder.next_seq();
        let lines = Account::delisting(&instrument, report);
        let lines = lines.map_err(|source| KernelError::Account { seq, source })?;
        self.post(self.state.accounts.venue_of(ix), PostingReason::Delisting, lines)?;
        self.moved = true;
        let now = self.clock.now();
        closed.into_iter().try_for_each(|(strategy, pnl)| self.observe(&RiskObservation::Closed { now, strategy, pnl }))
    }
}
