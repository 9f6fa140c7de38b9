//! `sim report RUN`.

use std::fs;

use tapedeck_model::Span;
use tapedeck_reports::{TABLES, TableOptions, write_tables};

use super::{RunArg, print_out};
use crate::failure::Failure;
use crate::page;
use crate::registry::Registry;
use crate::run_folder::{PRICES, RunFolder, SCENARIO, VARIANTS};
use crate::scenario::{Origin, Scenario};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: RunArg,
}

/// Writes tables, figures and page again, from the journal.
///
/// # Errors
/// [`Failure::Input`] for a damaged journal or a folder that cannot be written.
pub fn report(args: &Args, registry: &Registry) -> Result<(), Failure> {
    let folder = RunFolder::open(&args.run.run)?;
    let text = folder.scenario_text()?;
    let shown = folder.path.join(SCENARIO).display().to_string();
    let scenario = Scenario::load(Origin { file: &shown, text: &text, overrides: &[] }, registry)?;
    let prices = fs::read_to_string(folder.path.join(PRICES)).map(|text| page::prices_from_json(&text));
    let variants = fs::read_to_string(folder.path.join(VARIANTS)).map(|text| page::variants_from_json(&text));
    let variants = variants.unwrap_or_default();
    let fresh = tempfile::Builder::new()
        .prefix(".unfinished-")
        .tempdir_in(&folder.path)
        .map_err(|error| Failure::file(&folder.path, "write in", &error))?;
    let returns_interval = scenario.report.own.params.span("returns_interval").unwrap_or(Span::DAY);
    let options = TableOptions { returns_interval, ..TableOptions::default() };
    let facts = write_tables(folder.journal()?, fresh.path(), options).map_err(|error| Failure::caused(&error))?;
    let files = page::files(&scenario, &facts, folder.text("fingerprint"), (&prices.unwrap_or_default(), &variants))?;
    for (name, text) in &files {
        let path = fresh.path().join(name);
        fs::write(&path, text).map_err(|error| Failure::file(&path, "write", &error))?;
    }
    let tables = TABLES.iter().map(|table| format!("{table}.parquet"));
    for name in tables.chain(files.iter().map(|(name, _)| (*name).to_owned())) {
        let target = folder.path.join(&name);
        fs::rename(fresh.path().join(&name), &target).map_err(|error| Failure::file(&target, "write", &error))?;
    }
    print_out(&format!("{}\n", folder.path.join("report.html").display()))
}
