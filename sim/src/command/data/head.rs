//! `sim data head PATH`.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::json;
use tapedeck_catalog::Table;

use super::filter::Filter;
use super::refused;
use crate::command::print_out;
use crate::failure::Failure;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A Parquet or CSV file, or a folder of them; with --kind or --instrument a catalog.
    path: PathBuf,
    #[command(flatten)]
    filter: Filter,
    /// How many rows.
    #[arg(short = 'n', long, default_value_t = 10)]
    rows: usize,
    /// Prints one JSON object to standard output.
    #[arg(long)]
    json: bool,
}

/// The first file of the one series that is meant.
fn first_file(args: &Args) -> Result<PathBuf, Failure> {
    let files = tapedeck_catalog::first_files(&args.path, &args.filter.of()?).map_err(refused)?;
    match files.as_slice() {
        [(_, file)] => Ok(file.clone()),
        several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| name.as_str()).collect();
            let help = "say which with --kind, --instrument and --interval";
            Err(Failure::input_with_help(format!("{} series are meant: {}", names.len(), names.join(", ")), help))
        }
    }
}

/// Prints the first rows in columns.
///
/// # Errors
/// [`Failure::Input`] if there is no such file or it cannot be read.
pub fn head(args: &Args) -> Result<(), Failure> {
    let path = if args.filter.is_given() { first_file(args)? } else { args.path.clone() };
    let table = tapedeck_catalog::head(&path, args.rows).map_err(refused)?;
    if args.json {
        let (file, Table { columns, rows }) = (path.display().to_string(), table);
        return print_out(&format!("{}\n", json!({ "path": file, "columns": columns, "rows": rows })));
    }
    let lines: Vec<&Vec<String>> = std::iter::once(&table.columns).chain(&table.rows).collect();
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..table.columns.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for line in lines {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        // Writing into a `String` cannot fail.
        let _ = writeln!(out, "{}", cells.join("  "));
    }
    print_out(&out)
}
