//! A recording as hftbacktest's events lie in memory, so that its engine can be measured on the same feed.
//!
//! An event is 64 bytes, little endian: flags u64, exchange time i64, local time i64, price f64, quantity f64, 24 bytes of
//! zeros. Where the order by exchange time and the order by local time differ, a row stands twice, once for each
//! side, as its own converter does it.

use std::cmp::Ordering;
use std::io::{self, Write};

/// Seen by the exchange; by us; bids or a buyer; asks or a seller.
const EXCH: u64 = 1 << 31;
const LOCAL: u64 = 1 << 30;
const BUY: u64 = 1 << 29;
const SELL: u64 = 1 << 28;
const DEPTH: u64 = 1;
const TRADE: u64 = 2;
const CLEAR: u64 = 3;

/// One row of either kind; of trades the side is the taker's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeerRow {
    /// When it happened, nanoseconds.
    pub ts_event: i64,
    /// When we know it, nanoseconds.
    pub ts_recv: i64,
    /// Whether it is a trade; else a level.
    pub is_trade: bool,
    /// 1 = bids or a buyer, -1 = asks or a seller.
    pub side: i8,
    /// Price.
    pub px: f64,
    /// Quantity.
    pub qty: f64,
    /// Whether what the book showed before is void.
    pub clears: bool,
}

impl PeerRow {
    fn flags(&self) -> u64 {
        let side = if self.side > 0 { BUY } else { SELL };
        side | if self.is_trade { TRADE } else { DEPTH }
    }
}

/// Rows of both kinds in both orders at once; prints before levels at equal times. Gives the events: flags and row.
pub fn in_both_orders(rows: &[PeerRow]) -> Vec<(u64, PeerRow)> {
    let order = |time: fn(&PeerRow) -> i64| {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|at| (time(&rows[*at]), !rows[*at].is_trade, *at));
        order
    };
    let (by_event, by_recv) = (order(|row| row.ts_event), order(|row| row.ts_recv));
    let (mut i, mut j) = (0, 0);
    let mut events = Vec::with_capacity(rows.len());
    let mut put = |seen: u64, row: &PeerRow| {
        if row.clears {
            let nothing = PeerRow { px: 0.0, qty: 0.0, ..*row };
            events.push((seen | CLEAR, nothing));
        }
        events.push((seen | row.flags(), *row));
    };
    while i < rows.len() || j < rows.len() {
        match (by_event.get(i), by_recv.get(j)) {
            (Some(seen), Some(known)) if seen == known => {
                put(EXCH | LOCAL, &rows[*seen]);
                (i, j) = (i + 1, j + 1);
            }
            (Some(seen), Some(known)) => {
                let (a, b) = (&rows[*seen], &rows[*known]);
                if (a.ts_event, a.ts_recv).cmp(&(b.ts_event, b.ts_recv)) == Ordering::Greater {
                    put(LOCAL, b);
                    j += 1;
                } else {
                    put(EXCH, a);
                    i += 1;
                }
            }
            (Some(seen), None) => {
                put(EXCH, &rows[*seen]);
                i += 1;
            }
            (None, Some(known)) => {
                put(LOCAL, &rows[*known]);
                j += 1;
            }
            (None, None) => {}
        }
    }
    events
}

/// Writes events, each `later` nanoseconds after it was.
///
/// # Errors
/// Of `out`.
pub fn write_events(out: &mut impl Write, events: &[(u64, PeerRow)], later: i64) -> io::Result<()> {
    for (flags, row) in events {
        out.write_all(&flags.to_le_bytes())?;
        out.write_all(&(row.ts_event + later).to_le_bytes())?;
        out.write_all(&(row.ts_recv + later).to_le_bytes())?;
        out.write_all(&row.px.to_le_bytes())?;
        out.write_all(&row.qty.to_le_bytes())?;
        out.write_all(&[0; 24])?;
    }
    Ok(())
}
