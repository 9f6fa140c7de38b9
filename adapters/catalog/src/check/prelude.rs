//! What a tape of a book begins with.
//!
//! A row of depth or of orders means something only after those before it. So rows before the wanted time are not
//! passed over: the book that they give stands as a snapshot at its beginning, orders of a level first to last.

use tapedeck_model::book::Book;
use tapedeck_model::market::{DepthFlags, DepthTick};
use tapedeck_model::{InstrumentIx, MboAction, MboTick, Price, Qty, Side, TradeTick, Ts};

use crate::rows::Rows;

const CLEAR: u8 = DepthFlags::CLEAR.bits();
const GAP: u8 = DepthFlags::GAP.bits();
const LAST: u8 = DepthFlags::LAST.bits();

/// The beginning of a tape of depth, until it is passed on.
#[derive(Debug)]
pub(super) enum Prelude {
    /// No row stands before the wanted time.
    Nothing,
    /// The book at the wanted time.
    Book {
        book: Box<Book>,
        /// When its last row was received.
        ts_recv: i64,
    },
    /// It is passed on.
    Over,
}

impl Prelude {
    /// Takes a checked row that stands before the wanted time.
    pub(super) fn take(&mut self, rows: &Rows, row: usize) {
        let mut book = match std::mem::replace(self, Self::Over) {
            Self::Book { book, .. } => book,
            Self::Nothing | Self::Over => Box::default(),
        };
        let value = |slot: usize| rows.values.get(slot).and_then(|v| v.get(row)).copied().unwrap_or_default();
        let flags = rows.flags.get(row).copied().and_then(DepthFlags::from_bits).unwrap_or_default();
        let ts = Ts::from_nanos(rows.ts.get(row).copied().unwrap_or_default());
        let side = rows.side.get(row).copied().and_then(TradeTick::aggressor_from);
        let (instrument, ts_event, ts_recv) = (InstrumentIx(0), ts, ts);
        let (px, qty) = (Price::from_raw(value(0)), Qty::from_raw(value(1)));
        match (rows.action.get(row), rows.order_id.get(row)) {
            (Some(action), Some(order_id)) => {
                let (action, order_id) = (MboTick::action_from(*action), *order_id);
                book.apply_order(&MboTick { instrument, ts_event, ts_recv, action, side, px, qty, order_id, flags });
            }
            (_, _) => {
                book.apply(&DepthTick { instrument, ts_event, ts_recv, side, px, qty, flags });
            }
        }
        *self = Self::Book { book, ts_recv: rows.ts_recv.get(row).copied().unwrap_or_default() };
    }

    /// Puts what the tape begins with before its first rows: the book as of `start`. Without one, rows that
    /// tell snapshots (`has_flags`) and begin with none begin with a gap.
    pub(super) fn begin(&mut self, rows: &mut Rows, start: i64, has_flags: bool) {
        if rows.ts.is_empty() {
            return;
        }
        match std::mem::replace(self, Self::Over) {
            Self::Book { book, ts_recv } => {
                let next = rows.ts_recv.first().copied().unwrap_or(i64::MAX);
                put_snapshot(&book, rows, start, ts_recv.max(start).min(next));
            }
            Self::Nothing if has_flags => {
                if let Some(first) = rows.flags.first_mut().filter(|first| **first & CLEAR == 0) {
                    *first |= GAP;
                }
            }
            Self::Nothing | Self::Over => {}
        }
    }
}

fn put_snapshot(book: &Book, rows: &mut Rows, ts: i64, recv: i64) {
    let mut levels: Vec<(i8, i64, i64)> = Vec::new();
    let mut orders: Vec<(u8, u64)> = Vec::new();
    if !book.is_lost() {
        for (side, sign) in [(Side::Buy, 1), (Side::Sell, -1)] {
            if book.is_by_order() {
                levels.extend(book.queue(side).map(|order| (sign, order.px.raw(), order.qty.raw())));
                orders.extend(book.queue(side).map(|order| (MboAction::Add.number(), order.order_id)));
            } else {
                levels.extend(book.levels(side).map(|level| (sign, level.px.raw(), level.qty.raw())));
            }
        }
    }
    if levels.is_empty() {
        levels.push((0, 0, 0));
        orders.push((0, 0));
    }
    if book.is_by_order() {
        rows.action.splice(0..0, orders.iter().map(|(action, _)| *action));
        rows.order_id.splice(0..0, orders.iter().map(|(_, order_id)| *order_id));
    }
    let count = levels.len();
    let begins = if book.is_lost() { GAP } else { CLEAR };
    let flags = (0..count).map(|row| {
        let first = if row == 0 { begins } else { 0 };
        let last = if row + 1 == count { LAST } else { 0 };
        first | last
    });
    rows.flags.splice(0..0, flags);
    rows.side.splice(0..0, levels.iter().map(|(side, _, _)| *side));
    let [px, qty, ..] = &mut rows.values;
    px.splice(0..0, levels.iter().map(|(_, px, _)| *px));
    qty.splice(0..0, levels.iter().map(|(_, _, qty)| *qty));
    if !rows.ts_recv.is_empty() {
        rows.ts_recv.splice(0..0, std::iter::repeat_n(recv, count));
    }
    rows.ts.splice(0..0, std::iter::repeat_n(ts, count));
}
