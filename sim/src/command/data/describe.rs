//! `sim data describe CATALOG`.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tapedeck_catalog::{CatalogEntry, ColumnRange, Description};

use super::filter::Filter;
use super::{ls, refused};
use crate::command::print_out;
use crate::failure::Failure;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The catalog's folder.
    root: PathBuf,
    #[command(flatten)]
    filter: Filter,
    /// Prints one JSON object to standard output.
    #[arg(long)]
    json: bool,
}

/// Prints a paragraph per data set.
///
/// # Errors
/// [`Failure::Input`] if the folder or a file in it cannot be read, or the filter means nothing that is there.
pub fn describe(args: &Args) -> Result<(), Failure> {
    let all = tapedeck_catalog::describe(&args.root, &args.filter.of()?).map_err(refused)?;
    if args.json {
        let list: Vec<Value> = all.iter().map(to_json).collect();
        return print_out(&format!("{}\n", json!({ "root": args.root.display().to_string(), "data": list })));
    }
    print_out(&all.iter().map(said).collect::<Vec<String>>().join("\n"))
}

fn said(description: &Description) -> String {
    let Description { entry, columns, ranges, row_groups, compressions, schemas, rows_per_day } = description;
    let CatalogEntry { first, last, rows, days, files, bytes, content_hash, missing, .. } = entry;
    let mut out = format!("{}\n", ls::name(entry));
    // Writing into a `String` cannot fail.
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "  {name:<13} {text}");
    };
    line("range", format!("{first} .. {last}"));
    let [least, middle, most] = rows_per_day;
    line("rows", format!("{rows} in {days} days; a day has {least} to {most}, in the middle {middle}"));
    let gaps: Vec<String> =
        missing.iter().map(|(from, until)| format!("{}..{}", ls::date(*from), ls::date(*until))).collect();
    line("missing days", if gaps.is_empty() { "none".to_owned() } else { gaps.join(", ") });
    line("files", format!("{files}, {bytes} bytes, {row_groups} row groups, {}", compressions.join(", ")));
    let schema = |schema: &Option<String>| schema.clone().unwrap_or_else(|| "another program's".to_owned());
    line("schema", schemas.iter().map(schema).collect::<Vec<String>>().join(", "));
    line("content hash", content_hash.clone().unwrap_or_else(|| "none: another program wrote some files".to_owned()));
    for (name, data) in columns {
        let range = ranges.iter().find(|range| range.name == *name);
        let range = range.map(|ColumnRange { min, max, .. }| format!(", {min} .. {max}")).unwrap_or_default();
        line("column", format!("{name}: {data}{range}"));
    }
    out
}

fn to_json(description: &Description) -> Value {
    let Description { entry, columns, ranges, row_groups, compressions, schemas, rows_per_day } = description;
    let range = |ColumnRange { name, min, max }: &ColumnRange| (name.clone(), json!({ "min": min, "max": max }));
    let [min, median, max] = rows_per_day;
    let mut all = ls::to_json(entry);
    let more = json!({
        "columns": columns.iter().map(|(name, data)| json!({ "name": name, "type": data })).collect::<Vec<Value>>(),
        "ranges": ranges.iter().map(range).collect::<Map<String, Value>>(),
        "row_groups": row_groups,
        "compressions": compressions,
        "schema_versions": schemas,
        "rows_per_day": { "min": min, "median": median, "max": max },
    });
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all
}
