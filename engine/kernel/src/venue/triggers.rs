//! What an order waits for before it takes part in trading: a trigger, fixed or trailing.
//!
//! Enters: prices as the order would meet them. Leaves: whether its trigger is reached. Invariants: a
//! trailing stop's trigger never goes back; nothing is known of prices before the order came. Deliberately
//! absent: what the order does once it is triggered.
//!
//! A stop is reached by a price at its trigger or worse, an if-touched order by one at its trigger or better.
//! A trailing stop begins when the price reaches its activation price (at once if it has none), keeps the
//! best price since, and is reached when the price comes back from it by its distance
//! ([`Trail::trigger_px`](tapedeck_model::Trail::trigger_px)). Binance: `activatePrice` and `callbackRate`.
//!
//! A trigger by mark or index price looks at those records alone. Triggered, the order enters the market at
//! that moment as if it arrived then. Binance: `workingType`.

use tapedeck_model::{MarkTick, OrderKind, Price, Side, TriggerBy};

use super::VenueError;
use super::desk::{Hold, Stance, Working};
use super::scene::Scene;

/// What a trailing stop has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Trailed {
    /// The best price since it began; `None`: it has not begun.
    pub(super) best: Option<Price>,
    /// Where it triggers now, once it has begun.
    pub(super) trigger_px: Price,
}

impl Trailed {
    /// The next price that is better than the best one.
    pub(super) fn better_px(&self, side: Side) -> Price {
        let best = self.best.unwrap_or_default().raw();
        Price::from_raw(best.saturating_sub(side.sign()))
    }
}

/// A mark price, or an index price, may reach triggers.
///
/// # Errors
/// [`VenueError::Overflow`] if an order fills at once and a value cannot be represented.
pub(super) fn on_mark(scene: &mut Scene<'_>, mark: &MarkTick) -> Result<(), VenueError> {
    let now = mark.ts_event;
    scene.expire_unless_bars(now);
    let tick = scene.desk.instrument.rules_at(now).tick_size;
    for place in 0..scene.desk.orders.len() {
        let by = scene.desk.orders[place].request.terms.trigger_by;
        let Some(px) = scene.desk.watched_px(by) else { continue };
        let order = &mut scene.desk.orders[place];
        if order.done || !order.watches() || now >= order.expiry || !order.observe(px, tick) {
            continue;
        }
        (order.arrived, order.arrived_at) = (now, scene.desk.observations);
        scene.parts().hand.trigger(place, now);
        scene.enter(place)?;
    }
    Ok(())
}

impl Working {
    /// Whether it waits for a mark or index price.
    pub(super) fn watches(&self) -> bool {
        let waits = self.hold == Hold::Live && !self.triggered && self.request.kind.has_trigger();
        waits && self.request.terms.trigger_by != TriggerBy::Last
    }

    /// What it waits for before its trigger is reached.
    pub(super) fn stance_before(&self, kind: OrderKind) -> Stance {
        if self.request.terms.trigger_by != TriggerBy::Last {
            return Stance::Away;
        }
        match kind {
            OrderKind::Stop { trigger_px } | OrderKind::StopLimit { trigger_px, .. } => Stance::Stop(trigger_px),
            OrderKind::Touch { trigger_px } | OrderKind::TouchLimit { trigger_px, .. } => Stance::Touch(trigger_px),
            OrderKind::Trailing { .. } => Stance::Trail,
            OrderKind::Market => Stance::Market,
            OrderKind::Limit { limit_px } => Stance::Limit(limit_px),
        }
    }

    /// Takes a price in; whether it reaches the trigger. An order without a trigger has nothing to reach.
    pub(super) fn observe(&mut self, px: Price, tick: Price) -> bool {
        if self.triggered {
            return false;
        }
        match self.request.kind {
            OrderKind::Stop { trigger_px } | OrderKind::StopLimit { trigger_px, .. } => self.is_beyond(px, trigger_px),
            OrderKind::Touch { trigger_px } | OrderKind::TouchLimit { trigger_px, .. } => self.within(px, trigger_px),
            OrderKind::Trailing { .. } => self.observe_trail(px, tick),
            OrderKind::Market | OrderKind::Limit { .. } => false,
        }
    }

    fn observe_trail(&mut self, px: Price, tick: Price) -> bool {
        let began = self.trail.best.is_some();
        if !began && self.request.terms.activation_px.is_some_and(|activation| !self.within(px, activation)) {
            return false;
        }
        if self.trail.best.is_none_or(|best| px != best && self.within(px, best)) {
            self.follow(px, tick);
            return false;
        }
        self.is_beyond(px, self.trail.trigger_px)
    }

    /// A new best price; the trigger moves with it and never back.
    fn follow(&mut self, best: Price, tick: Price) {
        let OrderKind::Trailing { trail } = self.request.kind else { return };
        let trigger_px = trail.trigger_px(best, self.request.side, tick);
        let moved = match (self.trail.best, self.request.side) {
            (None, _) => trigger_px,
            // The tick may have changed since.
            (Some(_), Side::Buy) => trigger_px.min(self.trail.trigger_px),
            (Some(_), Side::Sell) => trigger_px.max(self.trail.trigger_px),
        };
        self.trail = Trailed { best: Some(best), trigger_px: moved };
    }

    /// Whether `px` is at `level` or worse for the side that buys low and sells high.
    pub(super) fn is_beyond(&self, px: Price, level: Price) -> bool {
        match self.request.side {
            Side::Buy => px >= level,
            Side::Sell => px <= level,
        }
    }
}
