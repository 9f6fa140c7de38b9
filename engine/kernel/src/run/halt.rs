//! What the rules watch, and what a halt does: cancel, close positions, end the run.

use tapedeck_model::event::HaltAction;
use tapedeck_model::number::pow10;
use tapedeck_model::port::RiskObservation;
use tapedeck_model::{Amount, ClientOrderId, InstrumentIx, OrderRequest, PositionSide, Qty, Side, StrategyIx};

use super::Core;
use crate::account::AccountKind;
use crate::spec::KernelError;

impl Core {
    /// Lets the rules watch, and does what a halt asks for.
    pub(super) fn observe(&mut self, observation: &RiskObservation) -> Result<(), KernelError> {
        let now = self.clock.now();
        let Self { risk, encoder, clock, .. } = self;
        let raised = risk.observe(observation, &mut |event| {
            encoder.append(clock.input(), now, &event);
        });
        if raised.is_empty() {
            return Ok(());
        }
        self.stirred = true;
        // A halt is rare: a copy lets the rules be watched again while it is carried out.
        let raised = raised.to_vec();
        for halt in raised {
            let affected = |strategy: StrategyIx| halt.strategy.is_none_or(|only| only == strategy);
            for strategy in (0..self.host.len()).map(|ix| StrategyIx(ix as u16)).filter(|s| affected(*s)) {
                self.cancel_all(strategy, None)?;
                if halt.action == HaltAction::Flatten && !self.flattening.contains(&strategy) {
                    self.flattening.push(strategy);
                }
            }
            self.stop |= halt.action == HaltAction::Stop;
        }
        Ok(())
    }

    /// Closes the positions of halted strategies at market, once their open orders are gone.
    #[cold]
    pub(super) fn flatten(&mut self) -> Result<(), KernelError> {
        self.stirred = true;
        for strategy in std::mem::take(&mut self.flattening) {
            let mut open = false;
            self.state.oms.each_open(strategy, &mut |_| open = true);
            let mut held = false;
            for ix in 0..self.state.instruments.len() {
                if open {
                    held = true;
                    break;
                }
                let instrument = InstrumentIx(ix as u16);
                for side in self.state.account(instrument).position_mode().all() {
                    if let Some(request) = self.closing_order(strategy, (instrument, *side)) {
                        held = true;
                        let number = self.host.next_order(strategy);
                        self.submit(ClientOrderId { strategy, number }, &request)?;
                    }
                }
            }
            if held {
                self.flattening.push(strategy);
            }
        }
        self.tell()
    }

    fn closing_order(
        &self,
        strategy: StrategyIx,
        (instrument, position_side): (InstrumentIx, Option<PositionSide>),
    ) -> Option<OrderRequest> {
        let net = self.state.accounts.held_of(strategy, instrument, position_side).net_qty.raw();
        let spec = &self.state.instruments[instrument.usize()];
        let side = if net > 0 { Side::Sell } else { Side::Buy };
        let rules = spec.rules_at(self.clock.now());
        let mut closable = Qty::from_raw(net.saturating_abs()).min(rules.qty_max);
        if self.state.account(instrument).kind() == AccountKind::Spot {
            // Fees in the base asset may have left less than the position.
            let free = self.state.account(instrument).balance(spec.base).free();
            let unit = pow10(Amount::SCALE - spec.qty_scale);
            let free = i64::try_from(free.raw() / unit).unwrap_or(i64::MAX);
            closable = closable.min(Qty::from_raw(free.max(0)));
        }
        let order_qty = closable.floor_to(rules.lot_size);
        (net != 0 && order_qty >= rules.qty_min && order_qty > Qty::ZERO).then(|| {
            let market = OrderRequest::market(instrument, side, order_qty);
            match position_side {
                None => OrderRequest { reduce_only: true, ..market },
                Some(position_side) => market.of(position_side),
            }
        })
    }
}
