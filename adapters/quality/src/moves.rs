//! What is wrong with how prices move: outliers, bad ticks, prices that stand still.
//!
//! A return is judged by the returns before it only; one that comes back at once is a bad tick and joins them not. Its
//! row is known as bad, or as an outlier, when the next one is seen.

use tapedeck_catalog::DataKind;

use crate::findings::{Findings, Place};
use crate::kind::Kind;
use crate::robust::Rolling;
use crate::settings::Checks;
use crate::stream::Row;
use crate::values::{Scales, bar_of, bar_text, is_consistent};

/// The price of a data set as it moves.
pub(crate) struct Moves {
    checks: Checks,
    scales: Scales,
    returns: Rolling,
    /// How far high and low reach beyond open and close.
    reaches: Rolling,
    before: Option<f64>,
    /// A return that is too large, until the next one says what it is.
    doubtful: Option<Doubtful>,
    still: Option<Still>,
}

struct Doubtful {
    value: f64,
    score: f64,
    place: Place,
}

/// A run of rows with the same values.
struct Still {
    values: [Option<i64>; 5],
    rows: u64,
    first: Place,
}

impl Moves {
    pub(crate) fn new(checks: &Checks, scales: Scales) -> Self {
        Self {
            checks: *checks,
            scales,
            returns: Rolling::new(checks),
            reaches: Rolling::new(checks),
            before: None,
            doubtful: None,
            still: None,
        }
    }

    /// Looks at a row that stands in order.
    pub(crate) fn pass(&mut self, row: &Row, findings: &mut Findings) {
        self.stand_still(row, findings);
        let Some(price) = price_of(self.scales.kind, row) else { return };
        if let Some(before) = self.before.replace(price) {
            self.step(row, libm::log(price / before), findings);
        }
        self.reach(row, findings);
    }

    fn step(&mut self, row: &Row, value: f64, findings: &mut Findings) {
        if let Some(doubtful) = self.doubtful.take() {
            let left = (doubtful.value + value).abs();
            if doubtful.value * value < 0.0 && left <= self.checks.return_share * doubtful.value.abs() {
                findings.add(Kind::BadTick, || doubtful.place);
                return;
            }
            self.settle(doubtful, findings);
        }
        let is_large = value.abs() > self.checks.move_min;
        let score = if is_large { self.returns.score(value).map(f64::abs) } else { None };
        match score.filter(|score| *score > self.checks.z_max()) {
            Some(score) => {
                let what = format!("moves by {:.2} %, {score:.1} deviations", 100.0 * libm::expm1(value));
                self.doubtful = Some(Doubtful { value, score, place: row.place(what) });
            }
            None => self.returns.push(value),
        }
    }

    /// What was too large has not come back.
    fn settle(&mut self, doubtful: Doubtful, findings: &mut Findings) {
        assert!(doubtful.score > self.checks.z_max(), "only what lies far out is doubtful");
        self.returns.push(doubtful.value);
        findings.add(Kind::Outlier, || doubtful.place);
    }

    /// How far the high and the low of a bar lie off its open and close.
    fn reach(&mut self, row: &Row, findings: &mut Findings) {
        if !matches!(self.scales.kind, DataKind::Bars { .. }) {
            return;
        }
        let Some(bar) = bar_of(row).filter(|bar| is_consistent(*bar) && bar.iter().all(|px| *px > 0)) else { return };
        let [open, high, low, close] = bar.map(|px| px as f64);
        let up = libm::log(high / open.max(close));
        let down = libm::log(open.min(close) / low);
        let reach = up.max(down);
        let score = if reach > self.checks.reach_min { self.reaches.score(reach) } else { None };
        match score.filter(|score| *score > self.checks.z_max()) {
            Some(score) => {
                let which = if up > down { "high" } else { "low" };
                let what =
                    || row.place(format!("{which} far off: {}, {score:.1} deviations", bar_text(&self.scales, bar)));
                findings.add(Kind::BadTick, what);
            }
            None => self.reaches.push(reach),
        }
    }

    fn stand_still(&mut self, row: &Row, findings: &mut Findings) {
        let values = match self.scales.kind {
            DataKind::Bars { .. } => [row.value(3), None, None, None, None],
            DataKind::Quotes => row.raw.values,
            DataKind::Marks => [row.value(0), None, None, None, None],
            // Many trades at one price are a quiet market.
            DataKind::Trades | DataKind::Depth | DataKind::Mbo | DataKind::Funding => return,
        };
        match &mut self.still {
            Some(still) if still.values == values => still.rows += 1,
            _ => {
                self.end_still(findings);
                self.still = Some(Still { values, rows: 1, first: row.place(String::new()) });
            }
        }
    }

    fn end_still(&mut self, findings: &mut Findings) {
        let long = self.still.take().filter(|still| still.rows >= self.checks.stale_rows);
        let Some(Still { rows, mut first, .. }) = long else { return };
        findings.add_rows(Kind::Stale, rows, || {
            first.what = format!("{rows} rows from here on");
            first
        });
    }

    pub(crate) fn finish(mut self, findings: &mut Findings) {
        if let Some(doubtful) = self.doubtful.take() {
            self.settle(doubtful, findings);
        }
        self.end_still(findings);
    }
}

/// The price that moves: the close, the trade, the middle of bid and ask, the mark. `None` where there is none above zero.
fn price_of(kind: DataKind, row: &Row) -> Option<f64> {
    let at = |slot: usize| row.value(slot).filter(|px| *px > 0).map(|px| px as f64);
    match kind {
        DataKind::Bars { .. } => at(3),
        DataKind::Trades | DataKind::Marks => at(0),
        DataKind::Quotes => Some(f64::midpoint(at(0)?, at(1)?)),
        DataKind::Depth | DataKind::Mbo | DataKind::Funding => None,
    }
}
