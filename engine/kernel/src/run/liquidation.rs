//! Reports about the account itself: the venue took a position away, or covered a loss.
//!
//! Enters: a stage of a liquidation, as the venue reports it; it names no order of ours. Leaves: what it
//! takes from each strategy, by the rule of [`shares`], as postings and positions. Invariant: the shares
//! sum up to the venue's trade, and the parts of the fee to its fee.

use tapedeck_model::event::PostingReason;
use tapedeck_model::margin::{Bankruptcy, Liquidation, LiquidationShare};
use tapedeck_model::port::RiskObservation;
use tapedeck_model::{Amount, Event, InstrumentIx, Price, Qty, Side, StrategyIx, VenueIx, VenueReport};

use super::Core;
use crate::account::Account;
use crate::margin::shares;
use crate::spec::KernelError;

impl Core {
    /// Doors 10 to 12 for a report that is about no order.
    pub(super) fn on_account_report(&mut self, venue: VenueIx, report: &VenueReport) -> Result<(), KernelError> {
        match report {
            VenueReport::Liquidated(liquidation) => self.on_liquidated(liquidation)?,
            VenueReport::Bankrupt(bankruptcy) => self.on_bankrupt(venue, bankruptcy)?,
            VenueReport::Funding(funding) => self.fund(funding)?,
            VenueReport::Settled(settled) => self.settle(settled)?,
            VenueReport::HoldingSettled(report) => self.settle_holding(report)?,
            VenueReport::Interest(report) => self.on_interest(report)?,
            VenueReport::LoanLiquidated(trade) => self.on_forced_trade(trade)?,
            VenueReport::MarginCalled(call) => self.note(&Event::MarginCalled(*call)),
            VenueReport::Accepted { .. }
            | VenueReport::Rejected { .. }
            | VenueReport::Triggered { .. }
            | VenueReport::Replaced { .. }
            | VenueReport::AmendRejected { .. }
            | VenueReport::CancelRejected { .. }
            | VenueReport::Filled(_)
            | VenueReport::Canceled { .. }
            | VenueReport::Held { .. }
            | VenueReport::Activated { .. }
            | VenueReport::Resized { .. }
            | VenueReport::Expired { .. } => {}
        }
        if self.moved {
            self.look_at_equity()?;
        }
        self.tell()
    }

    fn on_liquidated(&mut self, liquidation: &Liquidation) -> Result<(), KernelError> {
        let ix = liquidation.instrument;
        let account = self.state.account(ix);
        let side = account.side_of(liquidation.net_qty);
        let held = |strategy: usize| account.held_of(StrategyIx(strategy as u16), ix, side).net_qty;
        let held: Vec<Qty> = (0..self.host.len()).map(held).collect();
        let lot = self.state.instruments.get(ix.usize()).map(|one| one.rules_at(liquidation.ts_event).lot_size);
        let parts = lot.and_then(|lot| shares(&held, liquidation.net_qty, liquidation.last_qty, lot));
        let parts = parts.ok_or_else(|| KernelError::Liquidation {
            last_qty: liquidation.last_qty.raw(),
            net_qty: liquidation.net_qty.raw(),
            held: held.iter().fold(0, |sum, qty| qty.raw().saturating_add(sum)),
        })?;
        self.record(&Event::Liquidated(*liquidation))?;
        self.counts.liquidations += 1;
        self.stirred = true;
        let mut told = Vec::new();
        for share in shares_of(ix, liquidation.last_px, liquidation.fee, parts) {
            let share = share?;
            self.book_share(&share)?;
            told.push(share);
        }
        for share in told {
            self.call(share.strategy, |strategy, ctx| strategy.on_liquidation(ctx, &share))?;
        }
        Ok(())
    }

    /// Door 11 for one strategy's share.
    fn book_share(&mut self, share: &LiquidationShare) -> Result<(), KernelError> {
        self.record(&Event::LiquidationShared(*share))?;
        let instrument = &self.state.instruments[share.instrument.usize()];
        let settlement = instrument.settlement;
        let seq = self.encoder.next_seq();
        let effects = self.state.account(instrument.ix).effects_of_liquidation(instrument, share);
        let effects = effects.map_err(|source| KernelError::Account { seq, source })?;
        self.post(self.state.accounts.venue_of(share.instrument), PostingReason::Liquidation, effects.lines)?;
        self.record(&effects.position_changed())?;
        self.moved = true;
        let (now, strategy) = (self.clock.now(), share.strategy);
        let pnl = effects.closed_pnl.and_then(|pnl| self.state.marks.to_base(pnl, settlement)).unwrap_or(Amount::ZERO);
        self.observe(&RiskObservation::Closed { now, strategy, pnl })?;
        self.observe(&RiskObservation::Liquidated { now, strategy, pnl })
    }

    fn on_bankrupt(&mut self, venue: VenueIx, bankruptcy: &Bankruptcy) -> Result<(), KernelError> {
        let seq = self.encoder.next_seq();
        let lines = Account::insurance(bankruptcy).map_err(|source| KernelError::Account { seq, source })?;
        let event = if self.state.accounts.is_one() {
            Event::Bankrupt(*bankruptcy)
        } else {
            Event::BankruptAt { venue, bankruptcy: *bankruptcy }
        };
        self.record(&event)?;
        self.post(venue, PostingReason::Insurance, lines)?;
        self.moved = true;
        Ok(())
    }
}

/// What each strategy gives of a position that was taken away, as signed parts by strategy, and pays of the fee.
///
/// # Errors
/// [`KernelError::Overflow`] at the share whose fee cannot be represented.
pub(super) fn shares_of(
    instrument: InstrumentIx,
    last_px: Price,
    fee: Amount,
    parts: Vec<Qty>,
) -> impl Iterator<Item = Result<LiquidationShare, KernelError>> {
    let mut rest = (fee, parts.iter().map(|part| i128::from(part.raw().abs())).sum::<i128>());
    parts.into_iter().enumerate().filter(|(_, part)| *part != Qty::ZERO).map(move |(strategy, part)| {
        Ok(LiquidationShare {
            strategy: StrategyIx(strategy as u16),
            instrument,
            side: if part > Qty::ZERO { Side::Sell } else { Side::Buy },
            last_px,
            last_qty: Qty::from_raw(part.raw().abs()),
            fee: part_of_fee(&mut rest, part).ok_or(KernelError::Overflow { what: "a liquidation fee" })?,
        })
    })
}

/// A part of what is left of a fee, in proportion to what is left to be shared, rounded half to even: the
/// last part is the rest. `None` on overflow.
fn part_of_fee((fee, whole): &mut (Amount, i128), part: Qty) -> Option<Amount> {
    let size = part.raw().checked_abs()?;
    let own = if i128::from(size) == *whole { *fee } else { fee.mul_div(size, i64::try_from(*whole).ok()?)? };
    *fee = fee.checked_sub(own)?;
    *whole -= i128::from(size);
    Some(own)
}
