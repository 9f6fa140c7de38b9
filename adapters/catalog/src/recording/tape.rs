//! Decoded messages as columns.

use std::mem;

use tapedeck_model::event::DataIssue;
use tapedeck_model::market::{Chunk, Columns, DepthFlags};
use tapedeck_model::number::format_scaled;
use tapedeck_model::{Instrument, Ts};

use crate::cells::{Scaling, from_text};
use crate::error::LineProblem;
use crate::spec::OnError;

/// Rows that are collected before they are written.
pub(crate) const CHUNK_ROWS: usize = 65_536;

/// A price and a quantity, as they were sent.
pub(crate) type Pair<'a> = [&'a str; 2];

/// How an exchange calls prices and quantities.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    pub(crate) bid: [&'static str; 2],
    pub(crate) ask: [&'static str; 2],
    pub(crate) trade: [&'static str; 2],
}

/// When something happened, and when we knew it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) ts_event: i64,
    pub(crate) ts_recv: i64,
}

/// What a price level shows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Level {
    pub(crate) side: i8,
    pub(crate) px: i64,
    pub(crate) qty: i64,
}

/// Records of one kind on their way to disk.
pub(crate) struct Tape<'a> {
    instrument: &'a Instrument,
    on_error: OnError,
    fields: Fields,
    ts_event: Vec<i64>,
    ts_recv: Vec<i64>,
    side: Vec<i8>,
    px: Vec<i64>,
    qty: Vec<i64>,
    /// Of depth only.
    flags: Vec<u8>,
    /// Of quotes only; their bids are in `px` and `qty`.
    ask_px: Vec<i64>,
    ask_qty: Vec<i64>,
    /// When the last message happened, whether it left rows or not.
    last_event: i64,
    last: Stamp,
    issues: Vec<(DataIssue, u64)>,
}

impl<'a> Tape<'a> {
    pub(crate) fn new(instrument: &'a Instrument, on_error: OnError, fields: Fields) -> Self {
        Self {
            instrument,
            on_error,
            fields,
            ts_event: Vec::new(),
            ts_recv: Vec::new(),
            side: Vec::new(),
            px: Vec::new(),
            qty: Vec::new(),
            flags: Vec::new(),
            ask_px: Vec::new(),
            ask_qty: Vec::new(),
            last_event: i64::MIN,
            last: Stamp { ts_event: i64::MIN, ts_recv: i64::MIN },
            issues: Vec::new(),
        }
    }

    /// The time of a message, which must not lie before that of the one before.
    pub(crate) fn in_order(&mut self, ts_event: i64) -> Result<i64, LineProblem> {
        if ts_event < self.last_event {
            if self.on_error != OnError::Repair {
                let [found, before] = [ts_event, self.last_event].map(Ts::from_nanos);
                return Err(LineProblem::EventTimeBack { found, before });
            }
            self.count(DataIssue::RepairedRow);
        }
        self.last_event = self.last_event.max(ts_event);
        Ok(self.last_event)
    }

    /// Levels of both sides; bids first, each in the order of the exchange.
    pub(crate) fn levels(&mut self, bids: &[Pair<'_>], asks: &[Pair<'_>]) -> Result<Vec<Level>, LineProblem> {
        let mut levels = Vec::with_capacity(bids.len() + asks.len());
        for (side, fields, pairs) in [(1, self.fields.bid, bids), (-1, self.fields.ask, asks)] {
            for [px, qty] in pairs {
                let level = Level { side, px: self.px(fields[0], px)?, qty: self.qty(fields[1], qty, 0)? };
                levels.push(level);
            }
        }
        Ok(levels)
    }

    /// A message of depth; `first` are flags of its first row beside those of its place.
    pub(crate) fn depth(&mut self, stamp: Stamp, first: DepthFlags, levels: &[Level]) {
        let alone = [Level::default()];
        let levels = match (levels, first) {
            ([], DepthFlags::NONE) => return,
            ([], _) => &alone,
            (some, _) => some,
        };
        for (place, level) in levels.iter().enumerate() {
            let begins = if place == 0 { first } else { DepthFlags::NONE };
            let ends = if place + 1 == levels.len() { DepthFlags::LAST } else { DepthFlags::NONE };
            self.flags.push(begins.with(ends).bits());
            self.push(stamp, *level);
        }
    }

    /// What a public trade shows, on the side of its taker.
    pub(crate) fn trade(&mut self, [px, qty]: Pair<'_>, buyer_made: bool) -> Result<Level, LineProblem> {
        let fields = self.fields.trade;
        let (px, qty) = (self.px(fields[0], px)?, self.qty(fields[1], qty, 1)?);
        Ok(Level { side: if buyer_made { -1 } else { 1 }, px, qty })
    }

    /// A best bid and offer.
    pub(crate) fn ticker(&mut self, stamp: Stamp, bid: Pair<'_>, ask: Pair<'_>) -> Result<(), LineProblem> {
        let Fields { bid: bids, ask: asks, .. } = self.fields;
        let (bid_px, ask_px) = (self.px(bids[0], bid[0])?, self.px(asks[0], ask[0])?);
        let (bid_qty, ask_qty) = (self.qty(bids[1], bid[1], 0)?, self.qty(asks[1], ask[1], 0)?);
        self.note_off_tick(stamp.ts_event, ask_px);
        self.ask_px.push(ask_px);
        self.ask_qty.push(ask_qty);
        self.push(stamp, Level { side: 0, px: bid_px, qty: bid_qty });
        Ok(())
    }

    pub(crate) fn count(&mut self, issue: DataIssue) {
        match self.issues.iter_mut().find(|(known, _)| *known == issue) {
            Some((_, count)) => *count += 1,
            None => self.issues.push((issue, 1)),
        }
    }

    pub(crate) fn issues(&self) -> Vec<(DataIssue, u64)> {
        let mut issues = self.issues.clone();
        issues.sort_unstable();
        issues
    }

    /// Times of the last row.
    pub(crate) fn last(&self) -> Stamp {
        self.last
    }

    pub(crate) fn rows(&self) -> usize {
        self.ts_event.len()
    }

    /// What was collected, as records of depth, of quotes or of trades.
    pub(crate) fn take(&mut self) -> Chunk {
        let [px, qty] = [&mut self.px, &mut self.qty].map(mem::take);
        let (side, flags) = (mem::take(&mut self.side), mem::take(&mut self.flags));
        let [ask_px, ask_qty] = [&mut self.ask_px, &mut self.ask_qty].map(mem::take);
        let columns = if !ask_px.is_empty() {
            Columns::Quotes { bid_px: px, ask_px, bid_qty: qty, ask_qty }
        } else if flags.is_empty() {
            Columns::Trades { px, qty, aggressor: side }
        } else {
            Columns::Depth { side, px, qty, flags }
        };
        let [ts_event, ts_recv] = [&mut self.ts_event, &mut self.ts_recv].map(mem::take);
        Chunk { instrument: self.instrument.ix, first_number: 0, ts_event, ts_recv, columns }
    }

    /// A row; of depth with its flags besides.
    pub(crate) fn push(&mut self, stamp: Stamp, level: Level) {
        // A spot snapshot at the end of a recording stands at its receipt, and the first update of the next
        // recording may be said to have happened before that.
        let ts_event = stamp.ts_event.max(self.last.ts_event);
        let ts_recv = stamp.ts_recv.max(self.last.ts_recv);
        self.last = Stamp { ts_event, ts_recv };
        self.ts_event.push(ts_event);
        self.ts_recv.push(ts_recv);
        self.side.push(level.side);
        self.px.push(level.px);
        self.qty.push(level.qty);
        self.note_off_tick(ts_event, level.px);
    }

    fn note_off_tick(&mut self, ts_event: i64, px: i64) {
        let tick = self.instrument.rules_at(Ts::from_nanos(ts_event)).tick_size.raw().max(1);
        if px % tick != 0 {
            self.count(DataIssue::OffTickPrice);
        }
    }

    fn px(&mut self, field: &'static str, text: &str) -> Result<i64, LineProblem> {
        let scaling = Scaling { scale: self.instrument.price_scale, stated: None, cut: false };
        number(field, text, scaling, 1).map(|(px, _)| px)
    }

    fn qty(&mut self, field: &'static str, text: &str, least: i64) -> Result<i64, LineProblem> {
        let scaling = Scaling { scale: self.instrument.qty_scale, stated: None, cut: true };
        let (qty, cut) = number(field, text, scaling, least)?;
        if cut {
            self.count(DataIssue::TruncatedQty);
        }
        Ok(qty)
    }
}

/// A number in its scale, at least `least` of its last decimal, and whether decimals were cut.
fn number(field: &'static str, text: &str, scaling: Scaling, least: i64) -> Result<(i64, bool), LineProblem> {
    let refuse = |problem: String| LineProblem::Value { field, value: text.to_owned(), problem };
    let (raw, cut) = from_text(text, scaling).map_err(|bad| refuse(bad.problem()))?;
    let raw = i64::try_from(raw).map_err(|_| refuse("the value is too large".to_owned()))?;
    if raw < least {
        let bound = format_scaled(i128::from(least), scaling.scale);
        return Err(refuse(format!("it must not be below {bound}")));
    }
    Ok((raw, cut))
}
