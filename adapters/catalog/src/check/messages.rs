//! Rows of books as messages.
//!
//! Enters: checked rows. Leaves: the same, each message with its end marked. Invariants: where a batch
//! or chunk ends changes nothing; a file without flags ends its last message with its last row.

use tapedeck_model::market::DepthFlags;

use crate::rows::Rows;

const LAST: u8 = DepthFlags::LAST.bits();

/// The message that is being read.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// Times of the message that has begun and not ended, by its flags.
    open: Option<(i64, Option<i64>)>,
    /// The last row so far of a file without flags: only the next row tells whether it ends its message.
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    ts: i64,
    ts_recv: Option<i64>,
    side: i8,
    px: i64,
    qty: i64,
    /// Of orders only.
    order: Option<(u8, u64)>,
}

impl Messages {
    /// Whether a message has no end yet.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether a row can follow the one before: one of the same message has the same times.
    pub(super) fn admits(&self, rows: &Rows, row: usize) -> bool {
        self.open.is_none_or(|open| open == times(rows, row))
    }

    /// Whether all rows can follow one another.
    pub(super) fn admit_all(&self, rows: &Rows) -> bool {
        // Numbers rather than booleans keep the loop free of branches.
        let differ = |times: &[i64]| {
            let pairs = times.iter().zip(times.iter().skip(1)).zip(&rows.flags);
            pairs.fold(0, |odd, ((a, b), flags)| odd | ((a ^ b) & -i64::from(flags & LAST == 0)))
        };
        self.admits(rows, 0) && differ(&rows.ts) | differ(&rows.ts_recv) == 0
    }

    /// Takes note of a row that stays.
    pub(super) fn pass(&mut self, rows: &Rows, row: usize) {
        let ends = rows.flags.get(row).is_none_or(|flags| flags & LAST != 0);
        self.open = if ends { None } else { Some(times(rows, row)) };
    }

    /// Marks the ends of messages in rows of a file without flags: those of equal times are one message.
    /// The last row waits for the next ones.
    pub(super) fn mark(&mut self, rows: &mut Rows) {
        if let Some(held) = self.held.take() {
            held.push_front(rows);
        }
        let ends = rows.ts.windows(2).map(|pair| if pair.first() == pair.last() { 0 } else { LAST });
        rows.flags.clear();
        rows.flags.extend(ends);
        self.held = Held::pop(rows);
    }

    /// The row that waited, alone and as the end of its message.
    pub(super) fn release(&mut self, rows: &mut Rows) {
        rows.clear();
        if let Some(held) = self.held.take() {
            held.push_front(rows);
            rows.flags.push(LAST);
        }
    }
}

impl Held {
    fn pop(rows: &mut Rows) -> Option<Self> {
        let ts_recv = rows.ts_recv.pop();
        let [px, qty, ..] = &mut rows.values;
        let order = rows.action.pop().zip(rows.order_id.pop());
        Some(Self { ts: rows.ts.pop()?, ts_recv, side: rows.side.pop()?, px: px.pop()?, qty: qty.pop()?, order })
    }

    fn push_front(self, rows: &mut Rows) {
        let [px, qty, ..] = &mut rows.values;
        rows.ts.insert(0, self.ts);
        rows.side.insert(0, self.side);
        px.insert(0, self.px);
        qty.insert(0, self.qty);
        if let Some((action, order_id)) = self.order {
            rows.action.insert(0, action);
            rows.order_id.insert(0, order_id);
        }
        if let Some(ts_recv) = self.ts_recv {
            rows.ts_recv.insert(0, ts_recv);
        }
    }
}

fn times(rows: &Rows, row: usize) -> (i64, Option<i64>) {
    (rows.ts.get(row).copied().unwrap_or_default(), rows.ts_recv.get(row).copied())
}

/// Whether each row is a level, or bears flags only and nothing else.
pub(super) fn levels_are_fine(rows: &Rows) -> bool {
    let [px, qty, ..] = &rows.values;
    let odd = rows.side.iter().zip(px).zip(qty).fold(0, |odd, ((side, px), qty)| {
        let level = u8::from(*side != 0);
        odd | (level & (u8::from(*px <= 0) | u8::from(*qty < 0))) | ((1 - level) & u8::from((*px | *qty) != 0))
    });
    odd == 0 && (!rows.flags.is_empty() || rows.side.iter().all(|side| *side != 0))
}

/// Leaves of a bad row its flags; `false` if it has none.
pub(super) fn keep_flags(rows: &mut Rows, row: usize) -> bool {
    if rows.flags.get(row).is_none_or(|flags| *flags == 0) {
        return false;
    }
    let [px, qty, ..] = &mut rows.values;
    for cell in [px.get_mut(row), qty.get_mut(row)].into_iter().flatten() {
        *cell = 0;
    }
    if let Some(side) = rows.side.get_mut(row) {
        *side = 0;
    }
    if let Some(action) = rows.action.get_mut(row) {
        *action = 0;
    }
    if let Some(order_id) = rows.order_id.get_mut(row) {
        *order_id = 0;
    }
    true
}
