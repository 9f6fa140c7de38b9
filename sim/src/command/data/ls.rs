//! `sim data ls ROOT`.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use tapedeck_catalog::{CatalogEntry, DataKind};
use tapedeck_model::{Span, Ts};

use super::refused;
use crate::command::print_out;
use crate::failure::Failure;
use crate::stored_quality::{Checked, checked};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The catalog's folder.
    root: PathBuf,
    /// Prints one JSON object to standard output.
    #[arg(long)]
    json: bool,
}

/// Prints one line per data set.
///
/// # Errors
/// [`Failure::Input`] if the folder or a file in it cannot be read.
pub fn ls(args: &Args) -> Result<(), Failure> {
    let entries = tapedeck_catalog::ls(&args.root).map_err(refused)?;
    if args.json {
        let list: Vec<Value> = entries.iter().map(to_json).collect();
        return print_out(&format!("{}\n", json!({ "root": args.root.display().to_string(), "data": list })));
    }
    let mut out = String::new();
    for entry in &entries {
        let CatalogEntry { first, last, rows, files, bytes, days, .. } = entry;
        let missing = match missing_days(entry) {
            0 => String::new(),
            count => format!(", {count} days missing"),
        };
        let by = if entry.content_hash.is_some() { "" } else { ", not all files are ours" };
        let quality = checked(entry).map(|Checked { score, date, is_changed }| {
            let since = if is_changed { ", changed since" } else { "" };
            format!(", quality {score:.1} ({date}{since})")
        });
        // Writing into a `String` cannot fail.
        let _ = writeln!(
            out,
            "{:<32} {first} .. {last}  {rows} rows, {files} files, {bytes} bytes, {days} days{missing}{by}{}",
            name(entry),
            quality.unwrap_or_default()
        );
    }
    print_out(&out)
}

/// What a data set is called: `BTCUSD.SIM bars 1m`.
pub(super) fn name(entry: &CatalogEntry) -> String {
    let interval = interval(entry.kind).map(|text| format!(" {text}")).unwrap_or_default();
    format!("{} {}{interval}", entry.instrument, entry.kind.text())
}

fn interval(kind: DataKind) -> Option<String> {
    match kind {
        DataKind::Bars { interval } => Some(interval.to_string()),
        DataKind::Trades | DataKind::Quotes | DataKind::Depth | DataKind::Marks | DataKind::Funding | DataKind::Mbo => {
            None
        }
    }
}

/// Days without records between the first and the last.
fn missing_days(entry: &CatalogEntry) -> i64 {
    let days = |(first, last): &(Ts, Ts)| last.saturating_since(*first).nanos() / Span::DAY.nanos() + 1;
    entry.missing.iter().map(days).sum()
}

/// The day of a time.
pub(super) fn date(day: Ts) -> String {
    day.to_string().split('T').next().unwrap_or_default().to_owned()
}

/// A data set for programs.
pub(super) fn to_json(entry: &CatalogEntry) -> Value {
    let missing = entry.missing.iter().map(|(first, last)| json!([date(*first), date(*last)]));
    let quality = checked(entry).map(
        |Checked { score, date, is_changed }| json!({ "score": score, "date": date, "changed_since": is_changed }),
    );
    json!({
        "kind": entry.kind.text(),
        "interval": interval(entry.kind),
        "venue": entry.instrument.venue,
        "symbol": entry.instrument.symbol,
        "first": entry.first.to_string(),
        "last": entry.last.to_string(),
        "rows": entry.rows,
        "files": entry.files,
        "bytes": entry.bytes,
        "days": entry.days,
        "missing_days": missing_days(entry),
        "missing": missing.collect::<Vec<Value>>(),
        "content_hash": entry.content_hash,
        "quality": quality,
    })
}
