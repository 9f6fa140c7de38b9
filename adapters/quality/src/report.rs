//! The findings of a data set as a whole: shares, limits, score, JSON.

use serde_json::{Value, json};
use tapedeck_catalog::{DataKind, FileSpec};
use tapedeck_model::{InstrumentId, Span};

use crate::compare::{Compared, time_text};
use crate::findings::{Finding, Findings, Place};
use crate::kind::Kind;
use crate::settings::{Limit, Settings};
use crate::stream::FileFacts;
use crate::times::TimeFacts;

/// A finding as it is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What was found.
    pub finding: Finding,
    /// Its rows as a share of all; of files as a share of the files.
    pub share: f64,
    /// How much of it may be there, if that is limited.
    pub limit: Option<Limit>,
    /// Whether it is more.
    pub is_past: bool,
}

/// Least, median and most of some times, in nanoseconds.
pub type SpreadNs = [i64; 3];

/// What was found in one data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// What its rows are.
    pub kind: DataKind,
    /// Whose they are.
    pub instrument: InstrumentId,
    /// Its files; those that could not be opened come last.
    pub files: Vec<FileFacts>,
    /// Rows that were read.
    pub rows: u64,
    /// Rows that are missing in gaps.
    pub missing: u64,
    /// First and last time that was seen.
    pub range: Option<(i64, i64)>,
    /// Distance of two rows, where there is one; of funding as found.
    pub step: Option<Span>,
    /// Time of receipt less time of event: least, median, most.
    pub latency: Option<SpreadNs>,
    /// Funding: nanoseconds after the grid of settlements, and how many rates stand exactly on it.
    pub late: Option<(SpreadNs, u64)>,
    /// What was found, by kind.
    pub findings: Vec<Judged>,
    /// Comparison with another source.
    pub against: Option<Compared>,
    /// Comparison with coarser bars.
    pub coarse: Option<Compared>,
    /// From 0 to 100 in steps of 0.1, see [`score`].
    pub score: f64,
    /// The score that is asked for, if there is one.
    pub score_min: Option<f64>,
}

/// What a pass over the rows came to.
pub(crate) struct Seen {
    pub(crate) files: Vec<FileFacts>,
    pub(crate) range: Option<(i64, i64)>,
    pub(crate) times: TimeFacts,
    pub(crate) findings: Findings,
    pub(crate) against: Option<Compared>,
    pub(crate) coarse: Option<Compared>,
}

impl Report {
    pub(crate) fn new(spec: &FileSpec, settings: &Settings, seen: Seen) -> Self {
        let rows = seen.files.iter().map(|file| file.rows).sum::<u64>();
        let findings = seen.findings.into_vec();
        let missing = findings.iter().find(|finding| finding.kind == Kind::Gap).map_or(0, |gap| gap.rows);
        let all_files = seen.files.len() as u64;
        let judged = |finding: Finding| {
            let of = if finding.kind == Kind::UnreadableFile { all_files } else { rows + missing };
            let share = (finding.rows as f64 / of.max(1) as f64).min(1.0);
            let limit = settings.limits.get(&finding.kind).copied();
            let past = |limit: Limit| {
                limit.count.is_some_and(|most| finding.count > most) || limit.share.is_some_and(|most| share > most)
            };
            Judged { is_past: limit.is_some_and(past), share, limit, finding }
        };
        let findings: Vec<Judged> = findings.into_iter().map(judged).collect();
        Self {
            name: spec.name.clone(),
            kind: spec.kind,
            instrument: spec.instrument.id.clone(),
            rows,
            missing,
            range: seen.range,
            step: seen.times.step.map(Span::from_nanos),
            latency: seen.times.latency,
            late: seen.times.late,
            score: if rows == 0 { 0.0 } else { score(&findings) },
            findings,
            files: seen.files,
            against: seen.against,
            coarse: seen.coarse,
            score_min: settings.score_min,
        }
    }

    /// What was found of a kind.
    pub fn finding(&self, kind: Kind) -> Option<&Judged> {
        self.findings.iter().find(|judged| judged.finding.kind == kind)
    }

    /// How often a kind was found.
    pub fn count(&self, kind: Kind) -> u64 {
        self.finding(kind).map_or(0, |judged| judged.finding.count)
    }

    /// Whether a limit is passed, or the score is too low.
    pub fn is_past(&self) -> bool {
        self.findings.iter().any(|judged| judged.is_past) || self.score_min.is_some_and(|least| self.score < least)
    }

    /// Whether a file could not be read to its end.
    pub fn is_unreadable(&self) -> bool {
        self.count(Kind::UnreadableFile) > 0
    }

    /// One JSON object; equal data and settings give equal text.
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "kind": self.kind.text(),
            "interval": self.step.map(|step| step.to_string()),
            "venue": self.instrument.venue,
            "symbol": self.instrument.symbol,
            "score": self.score,
            "score_min": self.score_min,
            "passed": !self.is_past(),
            "rows": self.rows,
            "missing_rows": self.missing,
            "first": self.range.map(|(first, _)| time_text(first)),
            "last": self.range.map(|(_, last)| time_text(last)),
            "latency_ns": self.latency.map(spread),
            "after_grid_ns": self.late.map(|(late, _)| spread(late)),
            "on_grid": self.late.map(|(_, on_grid)| on_grid),
            "against": self.against.as_ref().map(compared),
            "coarse": self.coarse.as_ref().map(compared),
            "files": self.files.iter().map(file).collect::<Vec<_>>(),
            "findings": self.findings.iter().map(judged).collect::<Vec<_>>(),
        })
    }
}

/// 100 times the product over all kinds of `1 - weight * sqrt(share)`, rounded down to 0.1. Weights: 1 for errors, 0.3
/// for warnings, 0 for what is only worth knowing. The root lets few bad rows weigh more than their number.
pub fn score(findings: &[Judged]) -> f64 {
    let factor = |judged: &Judged| 1.0 - judged.finding.kind.severity().weight() * judged.share.sqrt();
    (1_000.0 * findings.iter().map(factor).product::<f64>()).floor() / 10.0
}

fn spread([least, median, most]: SpreadNs) -> Value {
    json!({ "min": least, "median": median, "max": most })
}

fn compared(found: &Compared) -> Value {
    let Compared { name, compared, same, partial } = found;
    json!({ "with": name, "compared": compared, "same": same, "partial": partial })
}

fn file(facts: &FileFacts) -> Value {
    json!({ "path": facts.path.display().to_string(), "rows": facts.rows, "problem": facts.problem })
}

fn judged(judged: &Judged) -> Value {
    let Judged { finding, share, limit, is_past } = judged;
    json!({
        "kind": finding.kind.name(),
        "severity": finding.kind.severity().text(),
        "count": finding.count,
        "rows": finding.rows,
        "share": share,
        "limit": limit.map(|limit| json!({ "count": limit.count, "share": limit.share })),
        "past": is_past,
        "places": finding.places.iter().map(place).collect::<Vec<_>>(),
    })
}

fn place(place: &Place) -> Value {
    let Place { file, row, ts, what } = place;
    json!({ "file": file, "row": row, "ts": ts.map(time_text), "what": what })
}
