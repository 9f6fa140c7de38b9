//! `sim data check`.
//!
//! Every data set that the arguments name is looked at; what cannot be read is told and does not hide the rest. The
//! result of a whole series of a catalog is stored beside its days.

mod page;
mod table;
mod targets;

use std::path::{Path, PathBuf};

use serde_json::json;
use tapedeck_catalog::{CatalogError, FileSpec};
use tapedeck_quality::{Asked, Calendar, QualityError, Report, Settings, SettingsError};

use super::import::{Described, with_format};
use crate::command::print_out;
use crate::failure::Failure;
use crate::interrupt;
use crate::registry::Registry;
use crate::scenario::{Place, Problem, Problems, Texts};
use crate::stored_quality;
use targets::{Target, Targets};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("data_to_check").required(true).args(["paths"])))]
pub struct Args {
    /// What is looked for and how much of it is too much (TOML).
    #[arg(long, value_name = "FILE")]
    thresholds: Option<PathBuf>,
    /// When the venue is open (TOML); at all times if it is left out.
    #[arg(long, value_name = "FILE")]
    calendar: Option<PathBuf>,
    /// Another source of the same data, in a catalog or described in the same way.
    #[arg(long, value_name = "PATH")]
    against: Option<String>,
    /// Bars that the data should make, in a catalog or described in the same way.
    #[arg(long, value_name = "PATH")]
    coarse: Option<String>,
    /// Length of those bars, where neither path nor name says it.
    #[arg(long, value_name = "SPAN", requires = "coarse")]
    coarse_interval: Option<String>,
    /// Places of each kind that are kept; counts are exact whatever it is.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    places: usize,
    /// Prints one JSON object to standard output.
    #[arg(long)]
    json: bool,
    /// Writes a page for a browser as well.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Does not store the result beside the days of a catalog's series.
    #[arg(long)]
    no_save: bool,
    #[command(flatten)]
    described: Described,
}

/// Looks at the data.
///
/// # Errors
/// [`Failure::Difference`] if a threshold is passed, [`Failure::Input`] if something cannot be read; the table is there
/// in both cases.
pub fn check(args: &Args, registry: &Registry) -> Result<(), Failure> {
    interrupt::listen()?;
    let mut settings = match &args.thresholds {
        Some(path) => settings_of(path, "thresholds", Settings::from_toml)?,
        None => Settings::default(),
    };
    settings.places_max = args.places;
    let calendar = match &args.calendar {
        Some(path) => settings_of(path, "calendar", Calendar::from_toml)?,
        None => Calendar::always(),
    };
    let described = with_format(&args.described)?;
    let Targets { list, refused } = targets::targets(&described, registry)?;
    let against = other(&described, args.against.as_deref(), None, registry)?;
    let coarse = other(&described, args.coarse.as_deref(), args.coarse_interval.as_deref(), registry)?;
    if list.len() > 1 && (against.is_some() || coarse.is_some()) {
        let problem = format!("{} data sets are named, one can be compared with another", list.len());
        return Err(Failure::input_with_help(problem, "name one file, or one series of a catalog"));
    }
    let mut reports = Vec::new();
    for Target { spec, tick, holding } in &list {
        let (against, coarse) = (against.as_ref(), coarse.as_ref());
        let asked = Asked {
            spec,
            tick: *tick,
            settings: &settings,
            calendar: &calendar,
            against,
            coarse,
            stop: &interrupt::heed,
        };
        let report = tapedeck_quality::check(&asked).map_err(refused_or_stopped)?;
        if let Some(holding) = holding.as_ref().filter(|_| !args.no_save) {
            stored_quality::store(holding, &report, &settings)?;
        }
        reports.push(report);
    }
    if let Some(path) = &args.html {
        std::fs::write(path, page::page(&reports, &refused)).map_err(|error| Failure::file(path, "write", &error))?;
    }
    print_out(&if args.json { json_of(&reports, &refused) } else { table::table(&reports, &refused) })?;
    verdict(&reports, &refused)
}

/// The data to compare with.
fn other(
    described: &Described,
    path: Option<&str>,
    interval: Option<&str>,
    registry: &Registry,
) -> Result<Option<FileSpec>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let mut described = Described { paths: vec![path.to_owned()], ..described.clone() };
    if let Some(interval) = interval {
        described.interval = Some(interval.to_owned());
        described.kind = Some("bars".to_owned());
    }
    let Targets { mut list, refused } = targets::targets(&described, registry)?;
    match (list.pop(), list.is_empty(), refused.into_iter().next()) {
        (Some(target), true, None) => Ok(Some(target.spec)),
        (_, _, Some(error)) => Err(super::refused(error)),
        (_, _, None) => {
            let problem = format!("{path} holds more than one data set");
            Err(Failure::input_with_help(problem, "name one file, or one series of a catalog"))
        }
    }
}

/// Reads a file of settings; what is wrong with it is told with its line.
fn settings_of<T>(
    path: &Path,
    what: &'static str,
    read: impl Fn(&str) -> Result<T, SettingsError>,
) -> Result<T, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, "read", &error))?;
    read(&text).map_err(|SettingsError { problem, place }| {
        let code = if what == "calendar" { "quality::calendar" } else { "quality::thresholds" };
        let problem = Problem::new(code, problem, place.map_or(Place::Nowhere, Place::File));
        let problem = problem.help("docs/quality.md lists the keys");
        let texts = Texts { file: path.display().to_string(), text: text.clone(), overrides: Vec::new() };
        Problems::new(texts.into(), vec![problem]).into()
    })
}

fn refused_or_stopped(error: QualityError) -> Failure {
    match error {
        QualityError::Stopped => Failure::Interrupted,
        other => Failure::caused(&other),
    }
}

fn json_of(reports: &[Report], refused: &[CatalogError]) -> String {
    let data: Vec<_> = reports.iter().map(Report::to_json).collect();
    let refused: Vec<String> = refused.iter().map(ToString::to_string).collect();
    format!("{}\n", json!({ "data": data, "refused": refused }))
}

/// Files that cannot be read weigh more than thresholds.
fn verdict(reports: &[Report], refused: &[CatalogError]) -> Result<(), Failure> {
    let broken = reports.iter().flat_map(|report| &report.files).filter(|file| file.problem.is_some()).count();
    let unreadable = broken + refused.len();
    if unreadable > 0 || reports.iter().any(Report::is_unreadable) {
        let problem = format!("{} of the files cannot be read", unreadable.max(1));
        return Err(Failure::input_with_help(problem, "they are named above; the others were looked at"));
    }
    let past = reports.iter().filter(|report| report.is_past()).count();
    if past > 0 {
        let message = format!("{past} of {} data sets are past a threshold", reports.len());
        return Err(Failure::Difference { message });
    }
    Ok(())
}
