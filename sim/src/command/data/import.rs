//! `sim data import`.
//!
//! What is read is described by a `[[data]]` section: of a scenario, or of one that is made from the
//! arguments, so that both are checked by the same tables.

mod cryptofeed;
mod published;
mod recording;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tapedeck_catalog::{CatalogError, DataKind, ImportSummary, OnConflict, Publisher};
use tapedeck_model::InstrumentId;
use tapedeck_model::param::ParamValue;

use super::refused;
use crate::assemble::data_set::{DataSet, Origin, data_set};
use crate::command::print_out;
use crate::failure::Failure;
use crate::interrupt;
use crate::load::load;
use crate::registry::Registry;
use crate::scenario::{self, Scenario};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("data_to_import").required(true).args(["scenario", "paths"])))]
pub struct Args {
    /// The catalog's folder.
    #[arg(long, value_name = "ROOT")]
    into: PathBuf,
    /// Takes everything from a scenario's `[[data]]`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "kind", "venue", "symbol", "tick", "lot", "format"])]
    scenario: Option<PathBuf>,
    /// Name of the `[[data]]`; may be left out if there is one.
    #[arg(long, value_name = "NAME", requires = "scenario")]
    data: Option<String>,
    /// What happens where the catalog has other records of the same instant: error (nothing is changed), keep (the
    /// catalog's stay) or replace (the imported ones take their place).
    #[arg(long, value_enum, default_value_t = Choice::Error)]
    on_conflict: Choice,
    #[command(flatten)]
    described: Described,
}

/// What happens where catalog and import differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Choice {
    /// The import ends.
    Error,
    /// What the catalog has stays.
    Keep,
    /// What is imported takes its place.
    Replace,
}

impl From<Choice> for OnConflict {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Error => Self::Error,
            Choice::Keep => Self::Keep,
            Choice::Replace => Self::Replace,
        }
    }
}

/// Data described by arguments; they mean what the same keys of a scenario mean.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Described {
    /// bars, trades, quotes, depth, mark or funding; of recordings depth, trades or quotes, or all if it is left out;
    /// of published files what their names leave open.
    #[arg(long)]
    pub(super) kind: Option<String>,
    /// The venue; published files may name it.
    #[arg(long)]
    pub(super) venue: Option<String>,
    /// The venue's symbol; published files name it.
    #[arg(long)]
    pub(super) symbol: Option<String>,
    /// Step of a price; its decimals are kept.
    #[arg(long, value_name = "DECIMAL")]
    pub(super) tick: Option<String>,
    /// Step of a quantity; its decimals are kept.
    #[arg(long, value_name = "DECIMAL")]
    pub(super) lot: Option<String>,
    /// Length of a bar.
    #[arg(long)]
    pub(super) interval: Option<String>,
    /// Our column name = the file's, where it is not a usual one.
    #[arg(long, value_name = "OURS=THEIRS", value_delimiter = ',')]
    pub(super) columns: Vec<String>,
    /// Unit of times that are plain numbers: s, ms, us or ns.
    #[arg(long)]
    pub(super) time_unit: Option<String>,
    /// Decimals of prices that are whole numbers.
    #[arg(long, value_name = "DECIMALS")]
    pub(super) price_scale: Option<u8>,
    /// Decimals of quantities that are whole numbers.
    #[arg(long, value_name = "DECIMALS")]
    pub(super) qty_scale: Option<u8>,
    /// Unit of a bar's volume: base or quote.
    #[arg(long)]
    pub(super) volume_unit: Option<String>,
    /// The same as the word before the paths.
    #[arg(long)]
    pub(super) format: Option<String>,
    /// What happens to bad rows: fail, skip or repair.
    #[arg(long)]
    pub(super) on_error: Option<String>,
    /// Files, globs or folders; before them whose layout they have: parquet or csv (default: by the files' names),
    /// binance (bulk files), binance-ws (recordings of its streams), cryptofeed (its recordings), freqtrade, lean or tardis.
    #[arg(value_name = "[FORMAT] PATH")]
    pub(super) paths: Vec<String>,
}

/// Copies the data.
///
/// # Errors
/// [`Failure`]; the catalog is then as it was.
pub fn import(args: &Args, registry: &Registry) -> Result<(), Failure> {
    interrupt::listen()?;
    let asked = with_format(&args.described)?;
    match asked.format.as_deref() {
        Some(recording::FORMAT) => return recording::import(args, &asked, registry),
        Some(cryptofeed::FORMAT) => return cryptofeed::import(args, &asked, registry),
        Some(format) => {
            if let Some(publisher) = Publisher::from_text(format) {
                return published::import(publisher, args, &asked, registry);
            }
        }
        None => {}
    }
    let set = match &args.scenario {
        Some(file) => {
            let loaded = load(file, &[], registry)?;
            data_set(&loaded.scenario, registry, &loaded.base_dir, args.data.as_deref())?
        }
        None => described(&asked, registry)?,
    };
    let Origin::Files(spec) = set.origin else {
        let help = "write them with `sim data synth`";
        return Err(Failure::input_with_help("these data are made, not read from files", help));
    };
    let on_conflict = args.on_conflict.into();
    let summary = tapedeck_catalog::import(*spec, &args.into, on_conflict, &interrupt::heed);
    let summary = summary.map_err(stopped_or_refused)?;
    print_out(&said(&summary, set.kind, &set.instrument.id))
}

/// The words for recordings, whose files are no tables.
pub(super) const RECORDINGS: [&str; 2] = [recording::FORMAT, cryptofeed::FORMAT];

/// The format out of the paths, where it is the first of them.
pub(super) fn with_format(asked: &Described) -> Result<Described, Failure> {
    let mut asked = asked.clone();
    let known = || ["parquet", "csv"].into_iter().chain(RECORDINGS).chain(Publisher::ALL.map(Publisher::text));
    if asked.format.is_none()
        && let [first, _, ..] = asked.paths.as_slice()
        && known().any(|word| word == first)
    {
        asked.format = Some(asked.paths.remove(0));
    }
    match asked.format.as_deref() {
        Some(format) if known().all(|word| word != format) => {
            let help = format!("known: {}", known().collect::<Vec<_>>().join(", "));
            Err(Failure::input_with_help(format!("`{format}` is no format of files"), help))
        }
        _ => Ok(asked),
    }
}

pub(super) fn stopped_or_refused(error: CatalogError) -> Failure {
    match error {
        CatalogError::Stopped => Failure::Interrupted,
        other => refused(other),
    }
}

/// What was imported, for people.
fn said(summary: &ImportSummary, kind: DataKind, id: &InstrumentId) -> String {
    let ImportSummary {
        rows,
        first,
        last,
        days_written,
        days_merged,
        days_unchanged,
        conflicts_kept,
        conflicts_replaced,
        issues,
    } = summary;
    let mut out = format!(
        "{rows} {} of {}, {first} .. {last}: {days_written} days written, {days_merged} merged, {days_unchanged} were there\n",
        kind.text(),
        id
    );
    for (what, count) in [("kept", conflicts_kept), ("replaced", conflicts_replaced)] {
        if *count > 0 {
            // Writing into a `String` cannot fail.
            let _ = writeln!(out, "conflicts with the catalog, its records {what}: {count}");
        }
    }
    for (issue, count) in issues.iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(out, "{issue}: {count}");
    }
    out
}

pub(super) fn described(asked: &Described, registry: &Registry) -> Result<DataSet, Failure> {
    for (value, missing, help) in [
        (&asked.kind, "--kind is missing", "bars, trades, quotes, depth, mark or funding"),
        (&asked.venue, "--venue is missing", "the name of the venue in your scenarios"),
        (&asked.symbol, "--symbol is missing", "the name of the instrument in your scenarios"),
        (&asked.tick, "--tick is missing", "the step of its prices, for example 0.01: its decimals are kept"),
        (&asked.lot, "--lot is missing", "the step of its quantities, for example 0.001: its decimals are kept"),
    ] {
        if value.is_none() {
            return Err(Failure::input_with_help(missing, help));
        }
    }
    let text = scenario_text(asked)?;
    let origin = scenario::Origin { file: "(arguments)", text: &text, overrides: &[] };
    let scenario = Scenario::load(origin, registry)?;
    data_set(&scenario, registry, Path::new(""), None)
}

/// The least scenario that has these data. Currencies and the rest do not matter to an import.
fn scenario_text(asked: &Described) -> Result<String, Failure> {
    let text = |value: &Option<String>| value.as_ref().map(|text| ParamValue::Text(text.clone()));
    let int = |value: Option<u8>| value.map(|number| ParamValue::Int(i64::from(number)));
    let mut columns = std::collections::BTreeMap::new();
    for pair in &asked.columns {
        let (ours, theirs) = pair.split_once('=').ok_or_else(|| {
            Failure::input_with_help(format!("--columns: `{pair}` has no `=`"), "write for example `ts=timestamp`")
        })?;
        columns.insert(ours.trim().to_owned(), theirs.trim().to_owned());
    }
    let columns = Some(columns).filter(|columns| !columns.is_empty()).map(ParamValue::TextMap);
    let instrument = [
        ("symbol", text(&asked.symbol)),
        ("venue", text(&asked.venue)),
        ("tick_size", text(&asked.tick)),
        ("lot_size", text(&asked.lot)),
    ];
    let data = [
        ("instrument", text(&asked.symbol)),
        ("kind", text(&asked.kind)),
        ("interval", text(&asked.interval)),
        ("path", Some(ParamValue::Texts(asked.paths.clone()))),
        ("columns", columns),
        ("time_unit", text(&asked.time_unit)),
        ("price_scale", int(asked.price_scale)),
        ("qty_scale", int(asked.qty_scale)),
        ("volume_unit", text(&asked.volume_unit)),
        ("format", text(&asked.format)),
        ("on_error", text(&asked.on_error)),
    ];
    let section = |header: &str, keys: &[(&str, Option<ParamValue>)]| {
        let mut out = format!("{header}\n");
        for (key, value) in keys {
            if let Some(value) = value {
                // Writing into a `String` cannot fail.
                let _ = writeln!(out, "{key} = {}", scenario::print(value));
            }
        }
        out
    };
    Ok([
        section("[[data]]", &data),
        section("[[instrument]]", &instrument),
        "base = \"BASE\"\nquote = \"QUOTE\"\n".to_owned(),
        section("[[venue]]", &[("name", text(&asked.venue))]),
        "[scenario]\nname = \"import\"\nbase_currency = \"QUOTE\"\n".to_owned(),
        "[account]\ndeposits = { QUOTE = 1 }\n[[strategy]]\ntype = \"noop\"\n".to_owned(),
    ]
    .concat())
}
