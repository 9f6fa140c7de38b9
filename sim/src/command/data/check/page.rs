//! The findings as one HTML page: nothing is loaded, nothing leaves.

use std::fmt::Write as _;

use tapedeck_catalog::CatalogError;
use tapedeck_quality::{Judged, Report};
use tapedeck_reports::{escape, plain_page};

use super::table::{amount, facts, place_text};

/// Places of a kind that are shown.
const PLACES_SHOWN: usize = 20;

/// The page.
pub(super) fn page(reports: &[Report], refused: &[CatalogError]) -> String {
    let title = "Quality of market data";
    let mut body = format!("<header><h1>{title}</h1><p class=\"sub\">{} data sets</p></header>\n", reports.len());
    if !refused.is_empty() {
        let list: Vec<String> = refused.iter().map(|error| escape(&error.to_string())).collect();
        // Writing into a `String` cannot fail.
        let _ = writeln!(
            body,
            "<section class=\"note\"><b>Not read</b><p class=\"sub\">{}</p></section>",
            list.join("<br>")
        );
    }
    for report in reports {
        section(&mut body, report);
    }
    plain_page(title, &body)
}

fn section(body: &mut String, report: &Report) {
    let (sign, verdict) = if report.is_past() { ("bad", "past a threshold") } else { ("good", "within thresholds") };
    let _ = write!(
        body,
        "<section class=\"long\"><h2>{}</h2><div class=\"key\"><div><span>Score</span><b class=\"{sign}\">{:.1}</b></div>\
         <div><span>Verdict</span><b class=\"{sign}\">{verdict}</b></div></div><dl>",
        escape(&report.name),
        report.score
    );
    for (label, value) in facts(report) {
        let _ = write!(body, "<div><dt>{label}</dt><dd>{}</dd></div>", escape(&value));
    }
    body.push_str("</dl>");
    if !report.findings.is_empty() {
        body.push_str("<div class=\"wide\"><table><tr><th class=\"t\">Finding</th><th class=\"t\">Severity</th><th>Found</th><th class=\"t\">Meaning</th></tr>");
        report.findings.iter().for_each(|judged| row(body, judged));
        body.push_str("</table></div>");
        report.findings.iter().for_each(|judged| places(body, report, judged));
    }
    body.push_str("</section>\n");
}

fn row(body: &mut String, judged: &Judged) {
    let kind = judged.finding.kind;
    let sign = if judged.is_past { " bad" } else { "" };
    let _ = write!(
        body,
        "<tr><td class=\"t{sign}\">{}</td><td class=\"t\">{}</td><td>{}</td><td class=\"t\">{}</td></tr>",
        kind.name(),
        kind.severity().text(),
        amount(judged, judged.share),
        escape(kind.meaning())
    );
}

fn places(body: &mut String, report: &Report, judged: &Judged) {
    let finding = &judged.finding;
    let shown = finding.places.iter().take(PLACES_SHOWN).map(|place| escape(&place_text(report, place)));
    let shown: Vec<String> = shown.collect();
    let more = finding.count.saturating_sub(shown.len() as u64);
    let more = if more > 0 { format!("<br>and {more} more") } else { String::new() };
    let _ = write!(
        body,
        "<details><summary>{}: {}</summary><p class=\"sub\">{}{more}</p></details>",
        finding.kind.name(),
        finding.count,
        shown.join("<br>")
    );
}
