//! `sim data import binance|freqtrade|lean`.

use tapedeck_catalog::{DataKind, FileSpec, Published, Publisher};

use super::{Args, Described, described, said, stopped_or_refused};
use crate::assemble::data_set::{DataSet, Origin};
use crate::command::data::refused;
use crate::command::print_out;
use crate::failure::Failure;
use crate::interrupt;
use crate::registry::Registry;

/// Imports the files of a publisher: all of them, or none.
///
/// # Errors
/// [`Failure`] as `import`.
pub(super) fn import(publisher: Publisher, args: &Args, asked: &Described, registry: &Registry) -> Result<(), Failure> {
    let foreign = [
        ("--columns", !asked.columns.is_empty()),
        ("--time-unit", asked.time_unit.is_some()),
        ("--price-scale", asked.price_scale.is_some()),
        ("--qty-scale", asked.qty_scale.is_some()),
        ("--volume-unit", asked.volume_unit.is_some()),
        ("--interval", asked.interval.is_some()),
    ];
    if let Some((name, _)) = foreign.iter().find(|(_, given)| *given) {
        let problem = format!("{name} means nothing with files of {}", publisher.text());
        return Err(Failure::input_with_help(problem, "leave it out: their layout says it"));
    }
    let sets = tapedeck_catalog::published(publisher, &asked.paths, asked.kind.as_deref()).map_err(refused)?;
    if let (Some(symbol), [_, other, ..]) = (&asked.symbol, sets.as_slice())
        && sets.iter().any(|set| set.symbol != other.symbol)
    {
        let problem = format!("--symbol {symbol}: the files are of more than one instrument");
        return Err(Failure::input_with_help(problem, "leave it out: their names say whose they are"));
    }
    let specs = sets.iter().map(|set| spec(set, asked, registry)).collect::<Result<Vec<_>, Failure>>()?;
    let whose: Vec<_> = specs.iter().map(|spec| (spec.kind, spec.instrument.clone())).collect();
    let summaries = tapedeck_catalog::import_all(specs, &args.into, args.on_conflict.into(), &interrupt::heed);
    let summaries = summaries.map_err(stopped_or_refused)?;
    let lines = summaries.iter().zip(&whose).map(|(summary, (kind, instrument))| said(summary, *kind, &instrument.id));
    print_out(&lines.collect::<String>())
}

/// How one data set is read.
fn spec(set: &Published, asked: &Described, registry: &Registry) -> Result<FileSpec, Failure> {
    let DataSet { instrument, origin, .. } = described(
        &Described {
            venue: asked.venue.clone().or_else(|| set.venue.clone()),
            symbol: asked.symbol.clone().or_else(|| Some(set.symbol.clone())),
            kind: Some(DataKind::Trades.text().to_owned()),
            format: None,
            paths: set.paths.iter().map(|path| path.display().to_string()).collect(),
            ..asked.clone()
        },
        registry,
    )?;
    let on_error = match origin {
        Origin::Files(spec) => spec.on_error,
        Origin::Generator(_) => return Err(Failure::input_with_help("there are no files", "name them")),
    };
    Ok(set.spec(instrument, on_error))
}
