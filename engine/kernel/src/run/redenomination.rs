//! Redenomination as far as we are concerned: our side changes its units at one instant, when it learns of it.
//!
//! Enters: what the venue says of it, after all that it said before. Leaves: `Redenominated`, a position event for each
//! position, and one posting. Invariants: before that instant nothing in new units, and after it nothing in old ones, is
//! shown to strategies; equity is the same before and after, but for what is rounded.

use tapedeck_model::event::{PositionPoint, PostingReason};
use tapedeck_model::{
    Amount, Event, Instrument, InstrumentIx, Qty, Ratio, RedenominationReport, StrategyIx, Tick, Ts, VenueIx,
};

use super::Core;
use crate::account::{Account, Ahead};
use crate::spec::KernelError;

const TOO_LARGE: KernelError = KernelError::Overflow { what: "an amount in new units" };

impl Core {
    /// Records of an instrument are in new units from now on at its venue: they are kept aside.
    pub fn keep_aside(&mut self, instrument: InstrumentIx) {
        self.state.market.keep_aside(instrument);
    }

    /// No record of an instrument comes any more in units that our account does not have.
    pub fn forget_aside(&mut self, instrument: InstrumentIx) {
        self.state.market.forget_aside(instrument);
    }

    /// A record, received at `now`, in the units that our account does not have yet or no longer has: strategies do not
    /// see it, but what we have is worth what it shows.
    ///
    /// # Errors
    /// [`KernelError`], after which the machine must not be used.
    #[cold]
    pub fn on_aside<T: Tick>(&mut self, now: Ts, tick: &T, (ratio, ahead): (Ratio, Ahead)) -> Result<(), KernelError> {
        self.begin_input(now);
        let Some(px_x2) = self.state.market.apply_aside(tick) else { return Ok(()) };
        self.state.marks.on_other_price(tick.instrument(), (px_x2, T::SHOWS), ratio, ahead);
        if self.moved | self.exposed { self.look_at_equity() } else { Ok(()) }
    }

    /// The same of a record that does not reach us at all.
    pub fn miss_aside<T: Tick>(&mut self, tick: &T) {
        self.state.market.miss_aside(tick);
    }

    /// By strategy, the number of its next order.
    pub fn next_orders(&self) -> Vec<u32> {
        self.host.next_orders()
    }

    /// Doors 10 to 12 for a redenomination at a venue, of which we learn at `now`.
    ///
    /// # Errors
    /// [`KernelError`], after which the machine must not be used.
    #[cold]
    pub fn redenominate(&mut self, now: Ts, venue: VenueIx, report: &RedenominationReport) -> Result<(), KernelError> {
        self.begin_input(now);
        let RedenominationReport { asset, ratio, .. } = *report;
        let of_asset = |one: &&Instrument| one.base == asset && self.state.accounts.venue_of(one.ix) == venue;
        let instruments: Vec<Instrument> = self.state.instruments.iter().filter(of_asset).cloned().collect();
        let account = self.state.accounts.at(venue).ok_or(KernelError::UnknownVenue { venue })?;
        let held = account.balance(asset).total;
        let holding = ratio.amount(held).ok_or(TOO_LARGE)?;
        let (moves, positions) = self.positions_in(&instruments, ratio).ok_or(TOO_LARGE)?;
        let ours = RedenominationReport { holding: report.holding.map(|_| holding), positions, ..*report };
        if ours != *report {
            return Err(KernelError::Redenomination { report: Box::new(*report), ours: Box::new(ours) });
        }
        self.record(&Event::Redenominated { venue, report: *report })?;
        moves.iter().try_for_each(|changed| self.record(changed))?;
        let added = holding.checked_sub(held).ok_or(TOO_LARGE)?;
        if added != Amount::ZERO {
            let seq = self.encoder.next_seq();
            let lines = Account::redenomination(asset, added);
            let lines = lines.map_err(|source| KernelError::Account { seq, source })?;
            self.post(venue, PostingReason::Redenomination, lines)?;
        }
        for instrument in &instruments {
            self.state.market.redenominate(instrument.ix);
            self.state.marks.redenominate(instrument.ix, ratio);
        }
        (self.moved, self.stirred) = (true, true);
        self.look_at_equity()?;
        self.each_strategy(|strategy, ctx| strategy.on_redenomination(ctx, report))?;
        self.tell()
    }

    /// The event of every position in some instruments as it will be in new units, and the sum of their quantities;
    /// `None` on overflow. A position costs what it cost; one of which nothing is left ends for nothing.
    fn positions_in(&self, instruments: &[Instrument], ratio: Ratio) -> Option<(Vec<Event>, Amount)> {
        let (mut moves, mut sum) = (Vec::new(), Amount::ZERO);
        for contract in instruments {
            let instrument = contract.ix;
            let sides = self.state.account(instrument).position_mode().all();
            let strategies = (0..self.host.len()).map(|at| StrategyIx(at as u16));
            for (strategy, side) in strategies.flat_map(|strategy| sides.iter().map(move |side| (strategy, *side))) {
                let before = self.state.accounts.held_of(strategy, instrument, side);
                if before.net_qty == Qty::ZERO {
                    continue;
                }
                let (net_qty, _) = ratio.qty(before.net_qty)?;
                let (entry_cost, realized_pnl) = if net_qty == Qty::ZERO {
                    (Amount::ZERO, before.realized_pnl.checked_sub(before.entry_cost)?)
                } else {
                    (before.entry_cost, before.realized_pnl)
                };
                let point = PositionPoint { strategy, instrument, net_qty, entry_cost, realized_pnl };
                moves.push(match side {
                    None => Event::PositionChanged(point),
                    Some(position_side) => Event::SidePositionChanged { position_side, point },
                });
                sum = contract.base_amount(net_qty)?.checked_abs().and_then(|qty| sum.checked_add(qty))?;
            }
        }
        Some((moves, sum))
    }
}
