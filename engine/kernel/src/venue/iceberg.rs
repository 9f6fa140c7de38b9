//! Icebergs: a part of a resting order shows, and what shows anew stands at the end of the queue.
//!
//! Enters: fills of an order that hides a part. Leaves: what of it shows, and when a new part comes.
//! Invariants: a print at its price fills no more than what shows; the part that shows anew stands behind
//! all that the level shows then. Prints through the price, and an opposite side that has come to it,
//! reach the hidden part as well: whoever traded beyond had to trade through all of it.
//!
//! Where no queue is modelled, on bars and quotes, hiding costs nothing and changes nothing.

use tapedeck_model::{Draws, Qty};

use super::desk::Working;
use super::queue::Place;

impl Working {
    /// How much a print at its price can fill; `None`: all that is left of it.
    pub(super) fn shown_qty(&self) -> Option<Qty> {
        self.request.terms.display.map(|_| self.shown.min(self.leaves()))
    }

    /// A part was filled as it rested: what shows is filled first.
    pub(super) fn hide(&mut self, filled: Qty) {
        self.shown = Qty::from_raw(self.shown.raw().saturating_sub(filled.raw()).max(0));
    }

    /// Shows a new part if the last one is filled: it joins the queue at `place`.
    pub(super) fn show_anew(&mut self, draws: &Draws, lot: Qty, place: Place) {
        let Some(display) = self.request.terms.display.filter(|_| !self.done && self.shown == Qty::ZERO) else {
            return;
        };
        self.refreshes += 1;
        let wide = i128::from(display.qty.raw()) * i128::from(display.variance_bps) / 10_000;
        // At most the quantity itself, so it fits.
        let wide = wide as i64;
        let drawn = if wide > 0 {
            // Not the strategy's index: it would change with strategies that are no concern of this one.
            let number = (u64::from(self.id.number) << 24) | u64::from(self.refreshes & 0x00ff_ffff);
            draws.stream(number).below(2 * wide.unsigned_abs() + 1) as i64 - wide
        } else {
            0
        };
        let qty = Qty::from_raw(display.qty.raw().saturating_add(drawn)).floor_to(lot).max(lot);
        self.shown = qty.min(self.leaves());
        self.place = place;
        self.queue_ahead = self.queue_ahead.map(|_| place.entry_qty());
    }
}
