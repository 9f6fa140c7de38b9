//! What is wrong with the times of rows: order, duplicates, gaps, grids, sessions, clocks.

use tapedeck_catalog::{DataKind, FileSpec};
use tapedeck_model::{Span, Ts};

use crate::calendar::Calendar;
use crate::findings::Findings;
use crate::kind::Kind;
use crate::robust::Spread;
use crate::stream::Row;

/// Rows of one time that a further one is compared with.
const SAME_TIME_MAX: usize = 4_096;

/// The times of a data set.
pub(crate) struct Times<'a> {
    kind: DataKind,
    calendar: &'a Calendar,
    /// Distance of two rows, where there is one.
    step: Option<i64>,
    /// Any time of the grid.
    anchor: Option<i64>,
    before: Option<i64>,
    latest: Option<i64>,
    recv_before: Option<i64>,
    /// Rows with the time of the one before.
    same_time: Vec<([Option<i64>; 5], i8)>,
    /// Funding only: the first row, until its distance to the next one tells the grid.
    first: Option<Row>,
    /// Funding only: nanoseconds after the grid.
    late: Spread,
    on_grid: u64,
    latency: Spread,
}

/// What is known of the times at the end.
pub(crate) struct TimeFacts {
    pub(crate) step: Option<i64>,
    pub(crate) late: Option<([i64; 3], u64)>,
    pub(crate) latency: Option<[i64; 3]>,
}

impl<'a> Times<'a> {
    pub(crate) fn new(spec: &FileSpec, calendar: &'a Calendar) -> Self {
        let step = match spec.kind {
            DataKind::Bars { interval } => Some(interval.nanos()),
            // What stands for a stretch comes once in each.
            DataKind::Quotes | DataKind::Marks => Some(spec.custom.shift.nanos()).filter(|step| *step > 0),
            DataKind::Trades | DataKind::Depth | DataKind::Funding | DataKind::Mbo => None,
        };
        Self {
            kind: spec.kind,
            calendar,
            step,
            anchor: None,
            before: None,
            latest: None,
            recv_before: None,
            same_time: Vec::new(),
            first: None,
            late: Spread::default(),
            on_grid: 0,
            latency: Spread::default(),
        }
    }

    /// Looks at a row; whether it stands in order, so that it can be compared with the one before.
    pub(crate) fn pass(&mut self, row: &Row, findings: &mut Findings) -> bool {
        self.receipt(row, findings);
        let Some(ts) = row.raw.ts else { return false };
        if !self.calendar.is_open(ts) {
            findings.add(Kind::OutsideSession, || row.place("the venue is closed".to_owned()));
        }
        if self.kind == DataKind::Funding {
            self.settlement(row, ts, findings);
        } else {
            self.on_grid(row, ts, findings);
        }
        let before = self.before.replace(ts);
        match before {
            Some(before) if ts < before => {
                let what = || row.place(format!("the row before has {}", Ts::from_nanos(before)));
                findings.add(Kind::OutOfOrder, what);
                self.same_time.clear();
            }
            Some(before) if ts == before => self.same(row, findings),
            Some(_) | None => {
                self.same_time.clear();
                self.gap(row, ts, findings);
            }
        }
        if self.same_time.len() < SAME_TIME_MAX {
            self.same_time.push((row.raw.values, row.raw.side));
        }
        self.latest = Some(self.latest.map_or(ts, |latest| latest.max(ts)));
        before.is_none_or(|before| ts >= before)
    }

    fn receipt(&mut self, row: &Row, findings: &mut Findings) {
        let Some(recv) = row.raw.ts_recv else { return };
        if self.recv_before.is_some_and(|before| recv < before) {
            findings.add(Kind::RecvOutOfOrder, || row.place(format!("received at {}", Ts::from_nanos(recv))));
        }
        self.recv_before = Some(recv);
        let Some(ts) = row.raw.ts else { return };
        let latency = recv.saturating_sub(ts);
        self.latency.push(latency);
        if latency < 0 {
            findings
                .add(Kind::NegativeLatency, || row.place(format!("received {} ns earlier", latency.unsigned_abs())));
        }
    }

    fn same(&mut self, row: &Row, findings: &mut Findings) {
        let is_strict = self.step.is_some() || self.kind == DataKind::Funding;
        let kind = if is_strict { Kind::DuplicateTime } else { Kind::EqualTime };
        findings.add(kind, || row.place("the time of the row before".to_owned()));
        if self.same_time.contains(&(row.raw.values, row.raw.side)) {
            match self.kind {
                DataKind::Trades => findings.add(Kind::EqualTrade, || row.place("all values are equal".to_owned())),
                // A level may be told twice in a message, and orders are told apart by their numbers.
                DataKind::Depth | DataKind::Mbo => {}
                DataKind::Bars { .. } | DataKind::Quotes | DataKind::Marks | DataKind::Funding => {
                    findings.add(Kind::DuplicateRow, || row.place("all values are equal".to_owned()));
                }
            }
        }
    }

    fn on_grid(&mut self, row: &Row, ts: i64, findings: &mut Findings) {
        let Some(step) = self.step else { return };
        let anchor = *self.anchor.get_or_insert(ts);
        let off = ts.saturating_sub(anchor).rem_euclid(step);
        if off != 0 {
            let what = || row.place(format!("{} after the grid", Span::from_nanos(off)));
            findings.add(Kind::OffGrid, what);
        }
    }

    /// The row is later than the one before: whether there should be others between them.
    fn gap(&self, row: &Row, ts: i64, findings: &mut Findings) {
        let (Some(step), Some(latest)) = (self.step, self.latest) else { return };
        if ts <= latest {
            return;
        }
        let (from, end) = if self.kind == DataKind::Funding {
            let slot = |ts: i64| nearest(ts, step);
            (slot(latest).saturating_add(step), slot(ts))
        } else {
            (latest.saturating_add(step), ts)
        };
        let missing = self.calendar.count(from, end, step);
        if missing > 0 {
            let what = || row.place(format!("{missing} missing after {}", Ts::from_nanos(latest)));
            findings.add_rows(Kind::Gap, missing, what);
        }
    }

    /// A funding rate against the grid of settlements: the multiples of their distance, from midnight in UTC.
    fn settlement(&mut self, row: &Row, ts: i64, findings: &mut Findings) {
        let told = row.value(1).filter(|interval| *interval > 0);
        let between = || Some(ts.saturating_sub(self.before?)).filter(|between| *between > 0);
        let hour = Span::HOUR.nanos();
        let guessed = || between().map(|between| nearest(between, hour).max(hour));
        let Some(step) = told.or(self.step).or_else(guessed) else {
            self.first.get_or_insert_with(|| row.clone());
            return;
        };
        self.step = Some(step);
        if let Some(first) = self.first.take() {
            self.lateness(&first, step, findings);
        }
        self.lateness(row, step, findings);
    }

    fn lateness(&mut self, row: &Row, step: i64, findings: &mut Findings) {
        let Some(ts) = row.raw.ts else { return };
        let late = ts.saturating_sub(nearest(ts, step));
        self.late.push(late);
        self.on_grid += u64::from(late == 0);
        if late != 0 {
            findings.add(Kind::OddTime, || row.place(format!("{late} ns after the grid")));
        }
    }

    pub(crate) fn finish(self) -> TimeFacts {
        let on_grid = self.on_grid;
        TimeFacts {
            step: self.step,
            late: self.late.finish().map(|spread| (spread, on_grid)),
            latency: self.latency.finish(),
        }
    }
}

/// The multiple of `step` nearest to `ts`.
fn nearest(ts: i64, step: i64) -> i64 {
    ts.saturating_add(step / 2).div_euclid(step).saturating_mul(step)
}
