//! What a record must be, and what happens to one that is not.
//!
//! Enters: decoded rows of one file after the other. Leaves: chunks that keep the invariants of
//! [`Chunk`]. Invariants: the verdict on a row depends on the rows before it only, never on where a
//! batch begins; a batch without defects is passed on without a copy.

mod derivative;
mod messages;
mod orders;
mod prelude;

use std::collections::BTreeMap;
use std::mem;
use std::path::{Path, PathBuf};

use tapedeck_model::event::DataIssue;
use tapedeck_model::market::{Chunk, Columns};
use tapedeck_model::number::format_scaled;
use tapedeck_model::port::DataIssues;
use tapedeck_model::{Instrument, SourceError, Ts};

use crate::layout::{Field, Layout};
use crate::rows::{Bad, Fault, Rows};
use crate::spec::{DataKind, FileSpec, OnError};
use messages::Messages;
use prelude::Prelude;

/// A defect of a row.
struct Defect {
    field: Field,
    value: String,
    problem: String,
    mend: Mend,
}

/// What `repair` does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mend {
    Drop,
    WidenRange,
    ZeroVolume,
}

/// The file that rows come from.
pub(crate) struct Origin<'a> {
    pub(crate) path: &'a Path,
    pub(crate) layout: &'a Layout,
}

/// Checks rows and turns them into chunks.
pub(crate) struct Checker {
    kind: DataKind,
    on_error: OnError,
    strict_ticks: bool,
    start: i64,
    end: i64,
    price_scale: u8,
    qty_scale: u8,
    prices: usize,
    instrument: Instrument,
    last: Option<i64>,
    last_recv: i64,
    last_file: Option<PathBuf>,
    messages: Messages,
    prelude: Prelude,
    counts: BTreeMap<DataIssue, u64>,
    records: u64,
}

impl Checker {
    pub(crate) fn new(spec: &FileSpec) -> Self {
        Self {
            kind: spec.kind,
            on_error: spec.on_error,
            strict_ticks: spec.strict_ticks,
            start: spec.start.map_or(i64::MIN, Ts::nanos),
            end: spec.end.map_or(i64::MAX, Ts::nanos),
            price_scale: spec.instrument.price_scale,
            qty_scale: spec.instrument.qty_scale,
            prices: match spec.kind {
                DataKind::Bars { .. } => 4,
                DataKind::Trades | DataKind::Depth | DataKind::Mbo | DataKind::Marks => 1,
                DataKind::Quotes => 2,
                DataKind::Funding => 0,
            },
            instrument: spec.instrument.clone(),
            last: None,
            last_recv: i64::MIN,
            last_file: None,
            messages: Messages::default(),
            prelude: Prelude::Nothing,
            counts: BTreeMap::new(),
            records: 0,
        }
    }

    /// For rows that go on where others end: what they begin with stays as it is.
    pub(crate) fn of_part(spec: &FileSpec) -> Self {
        Self { prelude: Prelude::Over, ..Self::new(spec) }
    }

    /// Records passed on so far.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    pub(crate) fn issues(&self) -> DataIssues {
        self.counts.iter().map(|(issue, count)| (*issue, *count)).collect()
    }

    /// Passes the good rows on in `chunk`, which may stay empty.
    pub(crate) fn pass(&mut self, rows: &mut Rows, origin: &Origin<'_>, chunk: &mut Chunk) -> Result<(), SourceError> {
        if rows.side.is_empty() && self.kind == DataKind::Trades {
            rows.side.resize(rows.ts.len(), 0);
        }
        match self.accept_all(rows) {
            Some(gaps) => {
                self.count(DataIssue::Gap, gaps);
                let off_tick = self.count_off_tick(rows);
                self.count(DataIssue::OffTickPrice, off_tick);
                self.count(DataIssue::TruncatedQty, rows.cut.len() as u64);
            }
            None => self.sift(rows, origin)?,
        }
        if let Some(last) = rows.ts.last() {
            self.last = Some(*last);
            if self.last_file.as_deref() != Some(origin.path) {
                self.last_file = Some(origin.path.to_owned());
            }
        }
        if let Some(last) = rows.ts_recv.last() {
            self.last_recv = *last;
        }
        if self.kind.is_of_book() {
            self.end_messages(rows, origin.layout.position(Field::Flags).is_some());
        }
        self.emit(rows, chunk);
        Ok(())
    }

    fn end_messages(&mut self, rows: &mut Rows, has_flags: bool) {
        match rows.ts.len().checked_sub(1) {
            _ if !has_flags => self.messages.mark(rows),
            Some(last) => self.messages.pass(rows, last),
            None => {}
        }
        self.prelude.begin(rows, self.start, has_flags);
    }

    /// Passes on what waited for rows that do not come any more; `chunk` may stay empty.
    pub(crate) fn end_file(&mut self, rows: &mut Rows, chunk: &mut Chunk) {
        self.messages.release(rows);
        self.prelude.begin(rows, self.start, false);
        self.emit(rows, chunk);
    }

    /// At the end of the last file.
    pub(crate) fn finish(&self) -> Result<(), String> {
        if self.on_error == OnError::Fail && self.messages.is_open() {
            return Err("the last row does not end its message (flag 1)".to_owned());
        }
        Ok(())
    }

    fn count(&mut self, issue: DataIssue, count: u64) {
        if count > 0 {
            *self.counts.entry(issue).or_default() += count;
        }
    }

    /// The number of gaps if the batch has no defect at all, else `None`.
    fn accept_all(&self, rows: &Rows) -> Option<u64> {
        let (first, last) = (*rows.ts.first()?, *rows.ts.last()?);
        let in_order = rows.ts_recv.first().is_none_or(|t| *t >= self.last_recv) && rows.ts_recv.is_sorted();
        if !rows.faults.is_empty() || !in_order || first < self.start || last >= self.end {
            return None;
        }
        let gaps = match self.kind {
            DataKind::Bars { interval } => self.gaps(&rows.ts, interval.nanos())?,
            DataKind::Funding => {
                let rises = self.last.is_none_or(|t| t < first) && rows.ts.is_sorted_by(|a, b| a < b);
                rises.then_some(0)?
            }
            DataKind::Trades | DataKind::Quotes | DataKind::Depth | DataKind::Mbo | DataKind::Marks => {
                (self.last.is_none_or(|t| t <= first) && rows.ts.is_sorted()).then_some(0)?
            }
        };
        let whole = !self.kind.is_of_book() || self.messages.admit_all(rows);
        let fine = whole && values_are_fine(self.kind, rows) && !(self.strict_ticks && self.count_off_tick(rows) > 0);
        fine.then_some(gaps)
    }

    /// Gaps between bars, or `None` if a step is not a positive multiple of the interval.
    fn gaps(&self, ts: &[i64], interval: i64) -> Option<u64> {
        let (first, last) = (*ts.first()?, *ts.last()?);
        last.checked_add(interval)?;
        let joint = self.last.map(|t| [t, first]);
        let steps = || joint.iter().flat_map(|j| j.windows(2)).chain(ts.windows(2));
        let step = |pair: &[i64]| match pair {
            [a, b] => b.wrapping_sub(*a),
            _ => interval,
        };
        let uneven = ts.windows(2).fold(0, |odd, pair| odd | (step(pair) ^ interval));
        if uneven == 0 && joint.iter().all(|j| step(j) == interval) {
            return Some(0);
        }
        let regular = steps().all(|pair| step(pair) > 0 && step(pair) % interval == 0);
        regular.then(|| steps().filter(|pair| step(pair) != interval).count() as u64)
    }

    /// Prices between two ticks.
    fn count_off_tick(&self, rows: &Rows) -> u64 {
        if self.kind == DataKind::Marks {
            // Nobody deals at a mark: it lies on no grid.
            return 0;
        }
        let (Some(first), Some(last)) = (rows.ts.first(), rows.ts.last()) else { return 0 };
        let tick = self.tick_at(*first);
        if tick == 1 && self.instrument.rules.len() == 1 {
            return 0;
        }
        let one_tick =
            self.instrument.rules_at(Ts::from_nanos(*first)) == self.instrument.rules_at(Ts::from_nanos(*last));
        let prices = rows.values.iter().take(self.prices);
        let off = prices.map(|column| {
            let by_time = column.iter().zip(&rows.ts);
            if one_tick {
                column.iter().filter(|px| **px % tick != 0).count()
            } else {
                by_time.filter(|(px, ts)| **px % self.tick_at(**ts) != 0).count()
            }
        });
        off.sum::<usize>() as u64
    }

    fn tick_at(&self, ts: i64) -> i64 {
        self.instrument.rules_at(Ts::from_nanos(ts)).tick_size.raw().max(1)
    }

    /// Row by row: keeps, mends, leaves out or refuses.
    fn sift(&mut self, rows: &mut Rows, origin: &Origin<'_>) -> Result<(), SourceError> {
        let faults = mem::take(&mut rows.faults);
        let cut = mem::take(&mut rows.cut);
        let (mut next_fault, mut next_cut) = (faults_by_row(&faults), cut_by_row(cut));
        let mut kept = 0;
        for row in 0..rows.ts.len() {
            let faults = next_fault.remove(&row).unwrap_or_default();
            let cut = next_cut.remove(&row).unwrap_or(0);
            let time_known = !faults.iter().any(|f| is_time(origin, f.column));
            let ts = rows.ts.get(row).copied().unwrap_or_default();
            let early = ts < self.start;
            if time_known && (early && !self.kind.is_of_book() || ts >= self.end) {
                continue;
            }
            if time_known {
                self.refuse_overlap(ts, origin)?;
            }
            let mut defects: Vec<Defect> = faults.iter().map(|f| fault_defect(origin, f)).collect();
            if !self.settle(rows, row, origin, &mut defects)? {
                continue;
            }
            if early {
                self.prelude.take(rows, row);
                self.pass_by(rows, row);
            } else {
                self.keep(rows, row, kept, cut);
                kept += 1;
            }
            if self.last_file.as_deref() != Some(origin.path) {
                self.last_file = Some(origin.path.to_owned());
            }
        }
        truncate(rows, kept);
        Ok(())
    }

    /// Mends or drops; `true` if the row stays.
    fn settle(
        &mut self,
        rows: &mut Rows,
        row: usize,
        origin: &Origin<'_>,
        defects: &mut Vec<Defect>,
    ) -> Result<bool, SourceError> {
        let mut mended = false;
        let placed = !defects.iter().any(|d| matches!(d.field, Field::Ts | Field::TsRecv | Field::Flags));
        loop {
            let defect = if defects.is_empty() { self.defect(rows, row) } else { Some(defects.remove(0)) };
            let Some(defect) = defect else { break };
            match (self.on_error, defect.mend) {
                (OnError::Fail, _) => return Err(place(defect, rows.first_row + row as u64, origin)),
                (OnError::Skip, _) => {
                    self.count(DataIssue::SkippedRow, 1);
                    return Ok(placed && self.keep_flags(rows, row));
                }
                (OnError::Repair, Mend::Drop) => {
                    self.count(DataIssue::RepairedRow, 1);
                    return Ok(placed && self.keep_flags(rows, row));
                }
                (OnError::Repair, Mend::WidenRange) => widen(rows, row),
                (OnError::Repair, Mend::ZeroVolume) => set(rows, 4, row, 0),
            }
            mended = true;
        }
        self.count(DataIssue::RepairedRow, u64::from(mended));
        Ok(true)
    }

    /// Leaves of a bad row of depth its flags, if it has any and stands in order; `true` if it stays so.
    fn keep_flags(&self, rows: &mut Rows, row: usize) -> bool {
        let ts = rows.ts.get(row).copied().unwrap_or_default();
        let in_order = self.time_defect(ts, rows.ts_recv.get(row).copied()).is_none();
        self.kind.is_of_book() && in_order && messages::keep_flags(rows, row)
    }

    /// Two files hold the same time: which one is right cannot be known.
    fn refuse_overlap(&self, ts: i64, origin: &Origin<'_>) -> Result<(), SourceError> {
        let (Some(last), Some(file)) = (self.last, &self.last_file) else { return Ok(()) };
        let strict = matches!(self.kind, DataKind::Bars { .. } | DataKind::Funding);
        if file == origin.path || last < ts || (last == ts && !strict) {
            return Ok(());
        }
        let (other, last, ts) = (file.display(), Ts::from_nanos(last), Ts::from_nanos(ts));
        let problem = format!("it overlaps {other}: that one ends at {last}, this one has {ts}; name only one of them");
        Err(SourceError::File { file: origin.path.display().to_string(), problem })
    }

    fn keep(&mut self, rows: &mut Rows, row: usize, kept: usize, cut: u64) {
        let ts = rows.ts.get(row).copied().unwrap_or_default();
        if let (DataKind::Bars { interval }, Some(last)) = (self.kind, self.last) {
            self.count(DataIssue::Gap, u64::from(ts - last != interval.nanos()));
        }
        let tick = if self.kind == DataKind::Marks { 1 } else { self.tick_at(ts) };
        let prices = rows.values.iter().take(self.prices).filter_map(|column| column.get(row));
        let off_tick = prices.filter(|px| **px % tick != 0).count() as u64;
        self.count(DataIssue::OffTickPrice, off_tick);
        self.count(DataIssue::TruncatedQty, cut);
        self.pass_by(rows, row);
        move_row(rows, row, kept);
    }

    /// Takes note of a row that the next one must follow.
    fn pass_by(&mut self, rows: &Rows, row: usize) {
        self.last = rows.ts.get(row).copied();
        if let Some(recv) = rows.ts_recv.get(row) {
            self.last_recv = *recv;
        }
        self.messages.pass(rows, row);
    }

    /// The first thing that is wrong with a decoded row.
    fn defect(&self, rows: &Rows, row: usize) -> Option<Defect> {
        let value = |slot: usize| rows.values.get(slot).and_then(|v| v.get(row)).copied().unwrap_or_default();
        let ts = rows.ts.get(row).copied().unwrap_or_default();
        let px = |slot: usize, problem: String, mend: Mend| {
            Some(Defect {
                field: Field::Price(slot),
                value: format_scaled(i128::from(value(slot)), self.price_scale),
                problem,
                mend,
            })
        };
        if let Some(defect) = self.time_defect(ts, rows.ts_recv.get(row).copied()) {
            return Some(defect);
        }
        if self.kind.is_of_book() {
            if !self.messages.admits(rows, row) {
                let problem = "the row before does not end its message (flag 1) and has other times";
                let value = Ts::from_nanos(ts).to_string();
                return Some(Defect { field: Field::Ts, value, problem: problem.to_owned(), mend: Mend::Drop });
            }
            if self.kind == DataKind::Mbo {
                return self.order_defect(rows, row);
            }
            if rows.side.get(row) == Some(&0) {
                return flag_row_defect(rows, [value(0), value(1)]);
            }
        }
        if matches!(self.kind, DataKind::Marks | DataKind::Funding) {
            return derivative::defect(self.kind, [value(0), value(1), value(2)], self.price_scale);
        }
        for slot in 0..self.prices {
            if value(slot) <= 0 {
                return px(slot, "a price must be above zero".to_owned(), Mend::Drop);
            }
            if self.strict_ticks && value(slot) % self.tick_at(ts) != 0 {
                let tick = format_scaled(i128::from(self.tick_at(ts)), self.price_scale);
                return px(slot, format!("the price is no multiple of the tick {tick}"), Mend::Drop);
            }
        }
        if let DataKind::Bars { .. } = self.kind {
            let (open, high, low, close) = (value(0), value(1), value(2), value(3));
            if high < open.max(close).max(low) {
                return px(1, "the high is below open, low or close".to_owned(), Mend::WidenRange);
            }
            if low > open.min(close) {
                return px(2, "the low is above open or close".to_owned(), Mend::WidenRange);
            }
        }
        let qty_min = i64::from(self.kind == DataKind::Trades);
        let last_slot = if self.kind == DataKind::Quotes { 3 } else { self.prices };
        (self.prices..=last_slot).find(|slot| value(*slot) < qty_min).map(|slot| Defect {
            field: Field::Qty(slot),
            value: format_scaled(i128::from(value(slot)), self.qty_scale),
            problem: if qty_min == 0 { "a quantity must not be negative" } else { "a quantity must be above zero" }
                .to_owned(),
            mend: Mend::Drop,
        })
    }

    /// The first thing that is wrong with a row of orders.
    fn order_defect(&self, rows: &Rows, row: usize) -> Option<Defect> {
        let ts = rows.ts.get(row).copied().unwrap_or_default();
        let tick = if self.strict_ticks { self.tick_at(ts) } else { 1 };
        let (field, problem) = orders::wrong(rows, row, tick)?;
        let number = |slot: usize, scale: u8| {
            let raw = rows.values.get(slot).and_then(|column| column.get(row)).copied().unwrap_or_default();
            format_scaled(i128::from(raw), scale)
        };
        let value = match field {
            Field::Price(slot) => number(slot, self.price_scale),
            Field::Qty(slot) => number(slot, self.qty_scale),
            _ => "nothing".to_owned(),
        };
        Some(Defect { field, value, problem: problem.to_owned(), mend: Mend::Drop })
    }

    fn time_defect(&self, ts: i64, recv: Option<i64>) -> Option<Defect> {
        let defect = |field: Field, at: i64, problem: String| {
            Some(Defect { field, value: Ts::from_nanos(at).to_string(), problem, mend: Mend::Drop })
        };
        if recv.is_some_and(|recv| recv < self.last_recv) {
            return defect(Field::TsRecv, recv.unwrap_or_default(), "the receive time goes back".to_owned());
        }
        if self.kind == DataKind::Funding && self.last == Some(ts) {
            return defect(Field::Ts, ts, "there are two funding rates at this time".to_owned());
        }
        let DataKind::Bars { interval } = self.kind else {
            let last = self.last.filter(|last| *last > ts)?;
            return defect(Field::Ts, ts, format!("the time goes back; the row before has {}", Ts::from_nanos(last)));
        };
        if ts.checked_add(interval.nanos()).is_none() {
            return defect(Field::Ts, ts, "the bar closes after the end of time".to_owned());
        }
        let last = self.last?;
        let before = Ts::from_nanos(last);
        let step = ts.saturating_sub(last);
        if step == 0 {
            return defect(Field::Ts, ts, "the time is that of the row before".to_owned());
        }
        if step < 0 {
            return defect(Field::Ts, ts, format!("the time goes back; the row before has {before}"));
        }
        if step % interval.nanos() != 0 {
            return defect(
                Field::Ts,
                ts,
                format!("the time is no multiple of {interval} after {before}; check `interval`"),
            );
        }
        None
    }

    fn emit(&mut self, rows: &mut Rows, chunk: &mut Chunk) {
        chunk.instrument = self.instrument.ix;
        chunk.first_number = self.records;
        mem::swap(&mut chunk.ts_event, &mut rows.ts);
        mem::swap(&mut chunk.ts_recv, &mut rows.ts_recv);
        if let DataKind::Bars { interval } = self.kind {
            chunk.ts_event.iter_mut().for_each(|t| *t = t.saturating_add(interval.nanos()));
        }
        self.records += chunk.ts_event.len() as u64;
        swap_columns(self.kind, rows, chunk);
    }
}

fn swap_columns(kind: DataKind, rows: &mut Rows, chunk: &mut Chunk) {
    let [open, high, low, close, volume] = rows.values.each_mut().map(mem::take);
    let (side, flags) = (mem::take(&mut rows.side), mem::take(&mut rows.flags));
    // Named after bars; the others use the first slots of the same five.
    let new = match kind {
        DataKind::Bars { interval } => Columns::Bars { interval, open, high, low, close, volume },
        DataKind::Trades => Columns::Trades { px: open, qty: high, aggressor: side },
        DataKind::Quotes => Columns::Quotes { bid_px: open, ask_px: high, bid_qty: low, ask_qty: close },
        DataKind::Depth => Columns::Depth { side, px: open, qty: high, flags },
        DataKind::Marks => Columns::Marks { mark_px: open, index_px: high },
        DataKind::Funding => Columns::Funding { rate: open, interval: high, mark_px: low },
        DataKind::Mbo => {
            let (action, order_id) = (mem::take(&mut rows.action), mem::take(&mut rows.order_id));
            Columns::Mbo { action, side, px: open, qty: high, order_id, flags }
        }
    };
    rows.values = match mem::replace(&mut chunk.columns, new) {
        Columns::Bars { open, high, low, close, volume, .. } => [open, high, low, close, volume],
        Columns::Trades { px, qty, aggressor } => {
            rows.side = aggressor;
            [px, qty, Vec::new(), Vec::new(), Vec::new()]
        }
        Columns::Quotes { bid_px, ask_px, bid_qty, ask_qty } => [bid_px, ask_px, bid_qty, ask_qty, Vec::new()],
        Columns::Depth { side, px, qty, flags } => {
            (rows.side, rows.flags) = (side, flags);
            [px, qty, Vec::new(), Vec::new(), Vec::new()]
        }
        Columns::Marks { mark_px, index_px } => [mark_px, index_px, Vec::new(), Vec::new(), Vec::new()],
        Columns::Funding { rate, interval, mark_px } => [rate, interval, mark_px, Vec::new(), Vec::new()],
        Columns::Mbo { action, side, px, qty, order_id, flags } => {
            (rows.side, rows.flags, rows.action, rows.order_id) = (side, flags, action, order_id);
            [px, qty, Vec::new(), Vec::new(), Vec::new()]
        }
    };
}

fn values_are_fine(kind: DataKind, rows: &Rows) -> bool {
    let [first, second, third, fourth, fifth] = &rows.values;
    let least = |column: &[i64]| column.iter().fold(i64::MAX, |least, v| least.min(*v));
    match kind {
        DataKind::Bars { .. } => {
            let spans = first.iter().zip(second).zip(third.iter().zip(fourth));
            // Numbers rather than booleans keep the loop free of branches.
            let odd = spans.fold(0, |odd, ((open, high), (low, close))| {
                let above = u8::from(open.max(close) > high);
                let below = u8::from(open.min(close) < low);
                odd | above | below | u8::from(*low <= 0)
            });
            odd == 0 && least(fifth) >= 0
        }
        DataKind::Trades => least(first) > 0 && least(second) > 0,
        DataKind::Depth => messages::levels_are_fine(rows),
        DataKind::Mbo => (0..rows.ts.len()).all(|row| orders::wrong(rows, row, 1).is_none()),
        DataKind::Marks | DataKind::Funding => derivative::values_are_fine(kind, rows),
        DataKind::Quotes => least(first) > 0 && least(second) > 0 && least(third) >= 0 && least(fourth) >= 0,
    }
}

/// What is wrong with a row of depth that is of neither side.
fn flag_row_defect(rows: &Rows, level: [i64; 2]) -> Option<Defect> {
    let problem = if rows.flags.is_empty() {
        "a level is of bids or asks; only with a column `flags` may a row be of neither"
    } else if level != [0, 0] {
        "a row of neither side has no price and no quantity"
    } else {
        return None;
    };
    Some(Defect { field: Field::Side, value: "no side".to_owned(), problem: problem.to_owned(), mend: Mend::Drop })
}

fn faults_by_row(faults: &[Fault]) -> BTreeMap<usize, Vec<Fault>> {
    let mut by_row: BTreeMap<usize, Vec<Fault>> = BTreeMap::new();
    for fault in faults {
        by_row.entry(fault.row).or_default().push(fault.clone());
    }
    by_row
}

fn cut_by_row(cut: Vec<usize>) -> BTreeMap<usize, u64> {
    let mut by_row = BTreeMap::new();
    for row in cut {
        *by_row.entry(row).or_default() += 1;
    }
    by_row
}

fn is_time(origin: &Origin<'_>, column: usize) -> bool {
    origin.layout.columns.get(column).is_some_and(|c| matches!(c.field, Field::Ts | Field::CloseTime))
}

fn fault_defect(origin: &Origin<'_>, fault: &Fault) -> Defect {
    let field = origin.layout.columns.get(fault.column).map_or(Field::Ts, |c| c.field);
    let mend = if field == Field::Qty(4) && fault.bad == Bad::Missing { Mend::ZeroVolume } else { Mend::Drop };
    Defect { field, value: fault.value.clone(), problem: fault.bad.problem(), mend }
}

fn place(defect: Defect, row: u64, origin: &Origin<'_>) -> SourceError {
    let position = origin.layout.position(defect.field).unwrap_or_else(|| origin.layout.time_position());
    let column = origin.layout.columns.get(position).map(|c| c.name.clone()).unwrap_or_default();
    SourceError::Row {
        file: origin.path.display().to_string(),
        row,
        column,
        value: defect.value,
        problem: defect.problem,
    }
}

fn set(rows: &mut Rows, slot: usize, row: usize, value: i64) {
    if let Some(cell) = rows.values.get_mut(slot).and_then(|column| column.get_mut(row)) {
        *cell = value;
    }
}

fn widen(rows: &mut Rows, row: usize) {
    let value = |slot: usize| rows.values.get(slot).and_then(|v| v.get(row)).copied().unwrap_or_default();
    let all = [value(0), value(1), value(2), value(3)];
    let (high, low) = (all.into_iter().fold(i64::MIN, i64::max), all.into_iter().fold(i64::MAX, i64::min));
    set(rows, 1, row, high);
    set(rows, 2, row, low);
}

fn move_row(rows: &mut Rows, from: usize, to: usize) {
    let columns = rows.values.iter_mut().chain([&mut rows.ts, &mut rows.ts_recv]);
    for column in columns.filter(|column| !column.is_empty()) {
        column.swap(from, to);
    }
    if !rows.side.is_empty() {
        rows.side.swap(from, to);
    }
    for column in [&mut rows.flags, &mut rows.action].into_iter().filter(|column| !column.is_empty()) {
        column.swap(from, to);
    }
    if !rows.order_id.is_empty() {
        rows.order_id.swap(from, to);
    }
}

fn truncate(rows: &mut Rows, len: usize) {
    rows.values.iter_mut().for_each(|column| column.truncate(len));
    rows.ts.truncate(len);
    rows.ts_recv.truncate(len);
    rows.side.truncate(len);
    rows.flags.truncate(len);
    rows.action.truncate(len);
    rows.order_id.truncate(len);
}
