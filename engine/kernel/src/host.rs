//! The strategy host: calls in, wishes out.
//!
//! Invariant: a strategy gets records of the instruments it subscribed to, its own orders, fills and
//! timers, and nothing else.

use tapedeck_model::port::{ContextParts, Wish};
use tapedeck_model::{Context, Draws, InstrumentIx, Strategy, StrategyIx, Ts, View};

/// A strategy of a run.
pub struct StrategySlot {
    /// Its id, unique in the run.
    pub id: String,
    /// What it subscribed to, in order of index; never empty.
    pub instruments: Vec<InstrumentIx>,
    /// The strategy.
    pub strategy: Box<dyn Strategy>,
}

struct Seat {
    slot: StrategySlot,
    draws: Draws,
    next_order: u32,
}

/// The strategies of a run, side by side.
pub struct Host {
    seats: Vec<Seat>,
    /// Subscribers of each instrument, in order of strategy.
    subscribers: Vec<Vec<StrategyIx>>,
    wishes: Vec<Wish>,
}

impl Host {
    /// Of these strategies, whose random streams are keyed by `seed` and their ids.
    pub fn new(slots: Vec<StrategySlot>, instruments: usize, seed: u64) -> Self {
        let mut subscribers = vec![Vec::new(); instruments];
        for (ix, slot) in slots.iter().enumerate() {
            for instrument in &slot.instruments {
                subscribers[instrument.usize()].push(StrategyIx(ix as u16));
            }
        }
        let seats = slots
            .into_iter()
            .map(|slot| Seat { draws: Draws::new(seed, &format!("strategy/{}", slot.id)), slot, next_order: 0 })
            .collect();
        Self { seats, subscribers, wishes: Vec::new() }
    }

    /// How many strategies there are.
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Who subscribed to an instrument.
    #[inline]
    pub fn subscriber(&self, instrument: InstrumentIx, nth: usize) -> Option<StrategyIx> {
        self.subscribers[instrument.usize()].get(nth).copied()
    }

    /// Whether a strategy subscribed to an instrument.
    pub fn is_subscribed(&self, strategy: StrategyIx, instrument: InstrumentIx) -> bool {
        self.subscribers.get(instrument.usize()).is_some_and(|all| all.contains(&strategy))
    }

    /// The strategy's order counter moves on; for orders that a halt sends on its behalf.
    pub fn next_order(&mut self, strategy: StrategyIx) -> u32 {
        let seat = &mut self.seats[strategy.usize()];
        seat.next_order += 1;
        seat.next_order
    }

    /// By strategy, the number of its next order.
    pub fn next_orders(&self) -> Vec<u32> {
        self.seats.iter().map(|seat| seat.next_order.saturating_add(1)).collect()
    }

    /// Calls a strategy; its wishes are then in [`Host::take_wishes`].
    #[inline]
    pub fn call(
        &mut self,
        strategy: StrategyIx,
        (now, warm_up): (Ts, bool),
        view: &dyn View,
        call: impl FnOnce(&mut dyn Strategy, &mut Context<'_>),
    ) -> bool {
        let Seat { slot, draws, next_order } = &mut self.seats[strategy.usize()];
        let mut context = Context::new(ContextParts {
            now,
            strategy,
            instruments: &slot.instruments,
            warm_up,
            view,
            draws,
            wishes: &mut self.wishes,
            next_order,
        });
        call(&mut *slot.strategy, &mut context);
        !self.wishes.is_empty()
    }

    /// Swaps the wishes of the last call for an empty buffer.
    pub fn take_wishes(&mut self, empty: &mut Vec<Wish>) {
        debug_assert!(empty.is_empty(), "wishes would be lost");
        std::mem::swap(&mut self.wishes, empty);
    }
}
