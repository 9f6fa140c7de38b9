//! `sim data ls ROOT`.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use tapedeck_catalog::{CatalogEntry, DataKind};

use super::refused;
use crate::command::print_out;
use crate::failure::Failure;

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
        let what = format!("{} {}{}", entry.instrument, entry.kind.text(), interval(entry.kind, " "));
        let CatalogEntry { first, last, rows, files, bytes, .. } = entry;
        // Writing into a `String` cannot fail.
        let _ = writeln!(out, "{what:<32} {first} .. {last}  {rows} rows, {files} files, {bytes} bytes");
    }
    print_out(&out)
}

fn interval(kind: DataKind, before: &str) -> String {
    match kind {
        DataKind::Bars { interval } => format!("{before}{interval}"),
        DataKind::Trades | DataKind::Quotes | DataKind::Depth | DataKind::Marks | DataKind::Funding | DataKind::Mbo => {
            String::new()
        }
    }
}

fn to_json(entry: &CatalogEntry) -> Value {
    json!({
        "kind": entry.kind.text(),
        "interval": Some(interval(entry.kind, "")).filter(|text| !text.is_empty()),
        "venue": entry.instrument.venue,
        "symbol": entry.instrument.symbol,
        "first": entry.first.to_string(),
        "last": entry.last.to_string(),
        "rows": entry.rows,
        "files": entry.files,
        "bytes": entry.bytes,
    })
}
