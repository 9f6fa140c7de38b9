//! The findings for people at a terminal.

use std::fmt::Write as _;

use tapedeck_catalog::CatalogError;
use tapedeck_model::Ts;
use tapedeck_quality::{Compared, Judged, Place, Report, SpreadNs};

/// Places of a kind that are shown.
const PLACES_SHOWN: usize = 3;

/// Every data set with its findings.
pub(super) fn table(reports: &[Report], refused: &[CatalogError]) -> String {
    let mut out = String::new();
    for report in reports {
        one(&mut out, report);
    }
    for error in refused {
        // Writing into a `String` cannot fail.
        let _ = writeln!(out, "not read: {error}");
    }
    out
}

fn one(out: &mut String, report: &Report) {
    let verdict = if report.is_past() { "past a threshold" } else { "within thresholds" };
    let _ = writeln!(out, "{}: score {:.1}, {verdict}", report.name, report.score);
    for (label, value) in facts(report) {
        let _ = writeln!(out, "  {label}: {value}");
    }
    let width = report.findings.iter().map(|judged| judged.finding.kind.name().len()).max().unwrap_or(0);
    for judged in &report.findings {
        let Judged { finding, share, is_past, .. } = judged;
        let mark = if *is_past { "!" } else { " " };
        let (name, severity) = (finding.kind.name(), finding.kind.severity().text());
        let _ = writeln!(out, "{mark} {name:<width$}  {severity:<7}  {}", amount(judged, *share));
        for place in finding.places.iter().take(PLACES_SHOWN) {
            let _ = writeln!(out, "    {}", place_text(report, place));
        }
        let more = finding.count.saturating_sub(finding.places.len().min(PLACES_SHOWN) as u64);
        if more > 0 {
            let _ = writeln!(out, "    and {more} more");
        }
    }
    if report.findings.is_empty() {
        out.push_str("  nothing found\n");
    }
}

/// What is known of a data set as a whole, by labels.
pub(super) fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let place = match report.files.as_slice() {
        [only] => only.path.display().to_string(),
        files => format!("{} files", files.len()),
    };
    let mut facts = vec![("rows", format!("{} in {place}", report.rows))];
    if let Some((first, last)) = report.range {
        facts.push(("time", format!("{} .. {}", Ts::from_nanos(first), Ts::from_nanos(last))));
    }
    if report.missing > 0 {
        facts.push(("missing", format!("{} rows", report.missing)));
    }
    if let Some(latency) = report.latency {
        facts.push(("received after event", spread(latency)));
    }
    if let Some((late, on_grid)) = report.late {
        facts.push(("after the grid of settlements", format!("{}; {on_grid} exactly on it", spread(late))));
    }
    for (label, found) in [("against", &report.against), ("coarse bars", &report.coarse)] {
        if let Some(Compared { name, compared, same, partial }) = found {
            let cut = if *partial > 0 { format!(", {partial} at the ends cannot be told") } else { String::new() };
            facts.push((label, format!("{same} of {compared} are the same in {name}{cut}")));
        }
    }
    facts
}

/// How much there is of a kind.
pub(super) fn amount(judged: &Judged, share: f64) -> String {
    let finding = &judged.finding;
    let share = format!("{:.3} %", 100.0 * share);
    if finding.rows == finding.count {
        return format!("{} ({share})", finding.count);
    }
    format!("{} places, {} rows ({share})", finding.count, finding.rows)
}

/// A place as one line.
pub(super) fn place_text(report: &Report, place: &Place) -> String {
    let mut parts = Vec::new();
    if let Some(file) = place.file.and_then(|at| report.files.get(at)) {
        let path = file.path.display();
        parts.push(place.row.map_or_else(|| path.to_string(), |row| format!("{path}, row {row}")));
    }
    parts.extend(place.ts.map(|ts| Ts::from_nanos(ts).to_string()));
    parts.extend(Some(place.what.clone()).filter(|what| !what.is_empty()));
    parts.join(": ")
}

/// Least, median and most in milliseconds.
fn spread([least, median, most]: SpreadNs) -> String {
    let ms = |ns: i64| format!("{:.3}", ns as f64 / 1e6);
    format!("{} / {} / {} ms (least, median, most)", ms(least), ms(median), ms(most))
}
