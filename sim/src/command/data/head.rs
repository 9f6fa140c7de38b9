//! `sim data head PATH`.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::refused;
use crate::command::print_out;
use crate::failure::Failure;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A Parquet or CSV file, or a folder of them.
    path: PathBuf,
    /// How many rows.
    #[arg(short = 'n', long, default_value_t = 10)]
    rows: usize,
}

/// Prints the first rows in columns.
///
/// # Errors
/// [`Failure::Input`] if there is no such file or it cannot be read.
pub fn head(args: &Args) -> Result<(), Failure> {
    let table = tapedeck_catalog::head(&args.path, args.rows).map_err(refused)?;
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
