//! Two data sets side by side: two sources of one thing, or fine data and the bars that they should make.
//!
//! Both are read in one pass. Rows that are out of order take no part (they are findings already). Only what both cover is
//! judged: at either end a source may simply be shorter.

use std::cmp::Ordering;

use tapedeck_catalog::{DataKind, FileSpec};
use tapedeck_model::Ts;
use tapedeck_model::number::{format_scaled, pow10};

use crate::findings::{Findings, Place};
use crate::kind::Kind;
use crate::settings::Settings;
use crate::stream::{Row, Stream};
use crate::values::bar_of;

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The other data.
    pub name: String,
    /// Rows, or bars, that were there on both sides.
    pub compared: u64,
    /// Of them, those that were the same.
    pub same: u64,
    /// Bars at the ends that the fine data cover in part only, and that differ.
    pub partial: u64,
}

/// A row, or the rows of one stretch, as what is compared.
struct Point {
    ts: i64,
    values: [Option<i128>; 5],
    /// Which row of the first data set it is, or begins with.
    place: Place,
    /// Whether rows of the stretch may be missing.
    is_partial: bool,
}

/// How the numbers of two data sets become the same scale.
struct Common {
    names: &'static [&'static str],
    /// Decimals of each number on both sides, and what brings either to it.
    scales: Vec<(u8, i128, i128)>,
    tolerance: f64,
}

impl Common {
    fn new(kind: DataKind, here: &FileSpec, there: &FileSpec, tolerance: f64) -> Self {
        let (names, prices): (&'static [&'static str], usize) = match kind {
            DataKind::Bars { .. } => (&["open", "high", "low", "close", "volume"], 4),
            DataKind::Trades | DataKind::Depth | DataKind::Mbo => (&["px", "qty"], 1),
            DataKind::Quotes => (&["bid_px", "ask_px", "bid_qty", "ask_qty"], 2),
            DataKind::Marks => (&["mark_px"], 1),
            DataKind::Funding => (&["rate"], 0),
        };
        let scale = |slot: usize| {
            let of = |spec: &FileSpec| {
                let instrument = &spec.instrument;
                match kind {
                    DataKind::Funding => tapedeck_model::FundingTick::RATE_SCALE,
                    _ if slot < prices => instrument.price_scale,
                    _ => instrument.qty_scale,
                }
            };
            let (here, there) = (of(here), of(there));
            let scale = here.max(there);
            (scale, pow10(scale - here), pow10(scale - there))
        };
        Self { names, scales: (0..names.len()).map(scale).collect(), tolerance }
    }

    /// What differs between two points, for people; `None` if nothing does.
    fn difference(&self, here: &Point, there: &Point) -> Option<String> {
        let mut told = Vec::new();
        for (slot, (name, (scale, up_here, up_there))) in self.names.iter().zip(&self.scales).enumerate() {
            let value = |point: &Point| point.values.get(slot).copied().flatten();
            let (Some(a), Some(b)) = (value(here), value(there)) else { continue };
            let (a, b) = (a.saturating_mul(*up_here), b.saturating_mul(*up_there));
            let largest = a.unsigned_abs().max(b.unsigned_abs()) as f64;
            if a != b && a.abs_diff(b) as f64 > self.tolerance * largest {
                told.push(format!("{name} {} there, {} here", format_scaled(b, *scale), format_scaled(a, *scale)));
            }
        }
        (!told.is_empty()).then(|| told.join("; "))
    }
}

/// Points of one side in order of time.
struct Side<'a> {
    stream: Stream<'a>,
    last: Option<i64>,
    /// What is wrong with the files of this side.
    findings: Findings,
}

impl<'a> Side<'a> {
    fn open(spec: &'a FileSpec, settings: &Settings) -> Self {
        let mut findings = Findings::new(settings.places_max);
        let stream = Stream::open(spec, &mut findings);
        Self { stream, last: None, findings }
    }

    /// The next row that is in order.
    fn row(&mut self) -> Option<(i64, Row)> {
        loop {
            let row = self.stream.next(&mut self.findings)?;
            let Some(ts) = row.raw.ts else { continue };
            if self.last.is_none_or(|last| last <= ts) {
                self.last = Some(ts);
                return Some((ts, row));
            }
        }
    }

    fn point(&mut self) -> Option<Point> {
        let (ts, row) = self.row()?;
        let values = row.raw.values.map(|value| value.map(i128::from));
        Some(Point { ts, values, place: row.place(String::new()), is_partial: false })
    }

    /// Names the files of this side that cannot be read among the findings of the other.
    fn tell(self, findings: &mut Findings) {
        for file in self.stream.into_files() {
            if let Some(problem) = file.problem {
                let what = format!("{}: {problem}", file.path.display());
                findings.add(Kind::UnreadableFile, || Place { file: None, row: None, ts: None, what });
            }
        }
    }
}

/// Compares with another source of the same kind, row by row.
pub(crate) fn against(here: &FileSpec, there: &FileSpec, settings: &Settings, findings: &mut Findings) -> Compared {
    let common = Common::new(here.kind, here, there, settings.checks.tolerance);
    let (mut a, mut b) = (Side::open(here, settings), Side::open(there, settings));
    let mut join = Join::new(&there.name, (Kind::AgainstDiffers, Kind::AgainstMissing), &common);
    join.run(|| a.point(), || b.point(), findings);
    b.tell(findings);
    join.compared
}

/// Compares the bars that the data make with coarser bars.
pub(crate) fn coarse(fine: &FileSpec, coarse: &FileSpec, settings: &Settings, findings: &mut Findings) -> Compared {
    let common = Common::new(coarse.kind, fine, coarse, settings.checks.tolerance);
    let DataKind::Bars { interval } = coarse.kind else { return Compared::none(&coarse.name) };
    let (mut a, mut b) = (Side::open(fine, settings), Side::open(coarse, settings));
    let mut join = Join::new(&coarse.name, (Kind::CoarseDiffers, Kind::CoarseMissing), &common);
    let mut held = b.point();
    let anchor = held.as_ref().map_or(0, |point| point.ts);
    let step = match fine.kind {
        DataKind::Bars { interval } => interval.nanos(),
        _ => 0,
    };
    let mut buckets = Buckets { interval: interval.nanos(), anchor, step, next: None, is_first: true };
    join.run(|| buckets.next(&mut a), || held.take().or_else(|| b.point()), findings);
    b.tell(findings);
    join.compared
}

impl Compared {
    fn none(name: &str) -> Self {
        Self { name: name.to_owned(), compared: 0, same: 0, partial: 0 }
    }
}

/// A merge of two sides by time.
struct Join<'a> {
    differs: Kind,
    missing: Kind,
    common: &'a Common,
    compared: Compared,
}

impl<'a> Join<'a> {
    fn new(name: &str, (differs, missing): (Kind, Kind), common: &'a Common) -> Self {
        Self { differs, missing, common, compared: Compared::none(name) }
    }

    fn run(
        &mut self,
        mut here: impl FnMut() -> Option<Point>,
        mut there: impl FnMut() -> Option<Point>,
        findings: &mut Findings,
    ) {
        let (mut a, mut b) = (here(), there());
        // What lies before the other side begins is not missing there, nor is what comes after its end.
        let mut begun = false;
        while let (Some(x), Some(y)) = (&a, &b) {
            match x.ts.cmp(&y.ts) {
                Ordering::Equal => {
                    begun = true;
                    self.meet(x, y, findings);
                    (a, b) = (here(), there());
                }
                Ordering::Less => {
                    if begun && !is_idle(x) {
                        findings
                            .add(self.missing, || Place { what: "not there, but here".to_owned(), ..x.place.clone() });
                    }
                    a = here();
                }
                Ordering::Greater => {
                    if begun && !is_idle(y) {
                        let what = "there, but not here".to_owned();
                        findings.add(self.missing, || Place { file: None, row: None, ts: Some(y.ts), what });
                    }
                    b = there();
                }
            }
        }
    }

    fn meet(&mut self, here: &Point, there: &Point, findings: &mut Findings) {
        let Compared { compared, same, partial, .. } = &mut self.compared;
        *compared += 1;
        match self.common.difference(here, there) {
            None => *same += 1,
            Some(_) if here.is_partial => *partial += 1,
            Some(what) => findings.add(self.differs, || Place { what, ..here.place.clone() }),
        }
    }
}

/// Whether a bar is only there to say that nothing happened.
fn is_idle(point: &Point) -> bool {
    matches!(point.values, [Some(_), Some(_), Some(_), Some(_), Some(0)])
}

/// Fine rows gathered into bars.
struct Buckets {
    interval: i64,
    anchor: i64,
    /// Interval of the fine bars; 0 of trades.
    step: i64,
    next: Option<(i64, Row)>,
    is_first: bool,
}

impl Buckets {
    fn next(&mut self, side: &mut Side<'_>) -> Option<Point> {
        let (ts, first) = self.next.take().or_else(|| side.row())?;
        let from = ts.saturating_sub(ts.saturating_sub(self.anchor).rem_euclid(self.interval));
        let mut last = ts;
        let mut values = self.values(&first);
        self.next = loop {
            let Some((ts, row)) = side.row() else { break None };
            if ts >= from.saturating_add(self.interval) {
                break Some((ts, row));
            }
            last = ts;
            join_bar(&mut values, self.values(&row));
        };
        let begins_late = self.is_first && ts > from;
        let ends_early = self.next.is_none() && last.saturating_add(self.step) < from.saturating_add(self.interval);
        self.is_first = false;
        let place = Place { ts: Some(from), ..first.place(String::new()) };
        Some(Point { ts: from, values, place, is_partial: begins_late || ends_early })
    }

    /// A row as a bar.
    fn values(&self, row: &Row) -> [Option<i128>; 5] {
        if self.step > 0 {
            let bar = bar_of(row).map(|bar| bar.map(i128::from));
            let [open, high, low, close] = bar.map_or([None; 4], |bar| bar.map(Some));
            return [open, high, low, close, row.value(4).map(i128::from)];
        }
        let (px, qty) = (row.value(0).map(i128::from), row.value(1).map(i128::from));
        [px, px, px, px, qty]
    }
}

/// Joins the next row to a bar; a value that one of them lacks is not known of the whole.
fn join_bar(bar: &mut [Option<i128>; 5], next: [Option<i128>; 5]) {
    let [open, high, low, close, volume] = bar;
    let [next_open, next_high, next_low, next_close, next_volume] = next;
    *open = open.filter(|_| next_open.is_some());
    *high = high.zip(next_high).map(|(a, b)| a.max(b));
    *low = low.zip(next_low).map(|(a, b)| a.min(b));
    *close = close.and(next_close);
    *volume = volume.zip(next_volume).map(|(a, b)| a.saturating_add(b));
}

/// Why two data sets cannot be compared, if they cannot.
pub(crate) fn mismatch(here: &FileSpec, against: Option<&FileSpec>, coarse: Option<&FileSpec>) -> Option<String> {
    if let Some(other) = against
        && other.kind != here.kind
    {
        return Some(format!("{} and {} are of different kinds or intervals", here.name, other.name));
    }
    let coarse = coarse?;
    let DataKind::Bars { interval } = coarse.kind else {
        return Some(format!("{} are no bars; fine data are compared with coarse bars", coarse.name));
    };
    match here.kind {
        DataKind::Trades => None,
        DataKind::Bars { interval: fine } if fine < interval && interval.nanos() % fine.nanos().max(1) == 0 => None,
        DataKind::Bars { interval: fine } => Some(format!("bars of {fine} do not make bars of {interval}")),
        DataKind::Quotes | DataKind::Depth | DataKind::Marks | DataKind::Funding | DataKind::Mbo => {
            Some(format!("{} are neither trades nor bars: no bars are made of them", here.name))
        }
    }
}

/// A time for people.
pub(crate) fn time_text(ts: i64) -> String {
    Ts::from_nanos(ts).to_string()
}
