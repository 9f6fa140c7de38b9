//! From arguments to data sets: series of a catalog, files of a publisher, or files that are described.

use std::path::Path;

use tapedeck_catalog::{CatalogError, DataKind, FileSpec, Format, Holding, OnError, Publisher, VolumeUnit};
use tapedeck_model::number::{parse_decimal, pow10};
use tapedeck_model::{
    Amount, CurrencyIx, DatedRules, Instrument, InstrumentId, InstrumentIx, InstrumentKind, Price, Qty, Ts,
};

use crate::assemble::data_set::Origin;
use crate::command::data::import::{Described, RECORDINGS, described};
use crate::command::data::refused;
use crate::failure::Failure;
use crate::registry::Registry;

/// Decimals of prices and of quantities where nobody says how many there are.
const SCALES: (u8, u8) = (10, 8);
/// Decimals of prices beyond those of the tick, so that a price between two ticks is seen as it is.
const BEYOND_TICK: u8 = 4;

/// A data set to look at.
pub(super) struct Target {
    pub(super) spec: FileSpec,
    /// Step of a price in the scale of `spec`, if it is known.
    pub(super) tick: Option<i64>,
    /// The series of a catalog, where the whole of it is looked at.
    pub(super) holding: Option<Holding>,
}

/// What the arguments name.
pub(super) struct Targets {
    pub(super) list: Vec<Target>,
    /// Files whose names say nothing.
    pub(super) refused: Vec<CatalogError>,
}

/// How many decimals are kept.
#[derive(Clone, Copy)]
struct Decimals {
    price: Option<u8>,
    qty: Option<u8>,
    tick: Option<(i64, u8)>,
}

/// The data sets that the arguments name; the format is no longer among the paths.
pub(super) fn targets(asked: &Described, registry: &Registry) -> Result<Targets, Failure> {
    if asked.on_error.is_some() {
        return Err(Failure::input_with_help("--on-error means nothing here", "leave it out: every row is looked at"));
    }
    let decimals = Decimals::of(asked)?;
    if let Some(list) = in_catalog(asked, decimals)? {
        return Ok(Targets { list, refused: Vec::new() });
    }
    match asked.format.as_deref().and_then(Publisher::from_text) {
        Some(publisher) => published(publisher, asked, decimals),
        None if asked.format.as_deref().is_some_and(|word| RECORDINGS.contains(&word)) => {
            let help = "import them into a catalog (what is lost is then flagged in its rows), and check that";
            Err(Failure::input_with_help("recordings are not looked at themselves", help))
        }
        None => files(asked, decimals, registry),
    }
}

/// The series of a catalog, if all paths are in one.
fn in_catalog(asked: &Described, decimals: Decimals) -> Result<Option<Vec<Target>>, Failure> {
    let mut list = Vec::new();
    for path in &asked.paths {
        let path = Path::new(path);
        let held = if path.exists() { tapedeck_catalog::holdings(path).map_err(refused)? } else { Vec::new() };
        if held.is_empty() {
            return Ok(None);
        }
        for holding in held {
            let whole = tapedeck_catalog::holdings(&holding.folder).map_err(refused)?;
            let is_whole = whole.iter().map(|other| other.files.len()).sum::<usize>() == holding.files.len();
            let (price, qty) = holding.scales.unwrap_or(SCALES);
            let (instrument, tick) = decimals.instrument(holding.instrument.clone(), (price, qty));
            let paths = holding.files.iter().map(|file| file.path.clone()).collect();
            let spec = plain_spec(holding.kind, paths, instrument);
            list.push(Target { spec, tick, holding: Some(holding).filter(|_| is_whole) });
        }
    }
    Ok(Some(list))
}

/// Files as a publisher lays them out.
fn published(publisher: Publisher, asked: &Described, decimals: Decimals) -> Result<Targets, Failure> {
    let (sets, unknown) =
        tapedeck_catalog::published_forms(publisher, &asked.paths, asked.kind.as_deref()).map_err(refused)?;
    let list = sets.iter().map(|set| {
        let venue = asked.venue.clone().or_else(|| set.venue.clone()).unwrap_or_else(|| publisher.text().to_owned());
        let symbol = asked.symbol.clone().unwrap_or_else(|| set.symbol.clone());
        let (instrument, tick) = decimals.instrument(InstrumentId { venue, symbol }, SCALES);
        let mut spec = set.spec(instrument, OnError::Fail);
        spec.name = name_of(&spec);
        Target { spec, tick, holding: None }
    });
    Ok(Targets { list: list.collect(), refused: unknown })
}

/// Files that the arguments describe, as an import describes them.
fn files(asked: &Described, decimals: Decimals, registry: &Registry) -> Result<Targets, Failure> {
    let is_there = |path: &&String| Path::new(path).exists() || path.contains(['*', '?', '[']);
    if let Some(path) = asked.paths.iter().find(|path| !is_there(path)) {
        return Err(Failure::input_with_help(
            format!("there is no {path}"),
            "name a catalog, a series of it, or files",
        ));
    }
    let or = |value: &Option<String>, default: &str| Some(value.clone().unwrap_or_else(|| default.to_owned()));
    let whole = Described {
        venue: or(&asked.venue, "FILE"),
        symbol: or(&asked.symbol, "DATA"),
        tick: Some("1".to_owned()),
        lot: Some("1".to_owned()),
        ..asked.clone()
    };
    let Origin::Files(mut spec) = described(&whole, registry)?.origin else {
        return Err(Failure::input_with_help("there are no files", "name them"));
    };
    let (instrument, tick) = decimals.instrument(spec.instrument.id.clone(), SCALES);
    spec.instrument = instrument;
    spec.volume_optional = !spec.columns.contains_key("volume");
    spec.name = if asked.symbol.is_some() { name_of(&spec) } else { asked.paths.join(", ") };
    Ok(Targets { list: vec![Target { spec: *spec, tick, holding: None }], refused: Vec::new() })
}

impl Decimals {
    fn of(asked: &Described) -> Result<Self, Failure> {
        let step = |name: &str, text: &Option<String>| -> Result<Option<(i64, u8)>, Failure> {
            let Some(text) = text else { return Ok(None) };
            let step = parse_decimal(text).ok().map(|step| step.normalize());
            let raw =
                step.and_then(|step| Some((i64::try_from(step.mantissa()).ok()?, u8::try_from(step.scale()).ok()?)));
            let fine = raw.filter(|(raw, scale)| *raw > 0 && *scale <= 14);
            let refuse = || Failure::input_with_help(format!("{name} {text}: not a step"), "write for example 0.01");
            fine.map(Some).ok_or_else(refuse)
        };
        let (tick, lot) = (step("--tick", &asked.tick)?, step("--lot", &asked.lot)?);
        let price = tick.map(|(_, scale)| scale + BEYOND_TICK);
        Ok(Self { price, qty: lot.map(|(_, scale)| scale), tick })
    }

    /// An instrument with the decimals that were asked for, or else as many as there are; and its tick.
    fn instrument(self, id: InstrumentId, (price, qty): (u8, u8)) -> (Instrument, Option<i64>) {
        let price = self.price.unwrap_or(price);
        let tick =
            self.tick.and_then(|(raw, scale)| i64::try_from(i128::from(raw) * pow10(price.saturating_sub(scale))).ok());
        (plain_instrument(id, price, self.qty.unwrap_or(qty)), tick)
    }
}

/// An instrument of which only the decimals matter.
fn plain_instrument(id: InstrumentId, price_scale: u8, qty_scale: u8) -> Instrument {
    let rules = DatedRules {
        from: Ts::MIN,
        tick_size: Price::from_raw(1),
        lot_size: Qty::from_raw(1),
        qty_min: Qty::from_raw(1),
        qty_max: Qty::from_raw(i64::MAX),
        notional_min: Amount::ZERO,
    };
    Instrument {
        ix: InstrumentIx(0),
        id,
        kind: InstrumentKind::Spot,
        base: CurrencyIx(0),
        quote: CurrencyIx(1),
        settlement: CurrencyIx(1),
        price_scale,
        qty_scale,
        multiplier: 1,
        multiplier_scale: 0,
        rules: vec![rules],
    }
}

/// Files of a catalog.
fn plain_spec(kind: DataKind, paths: Vec<std::path::PathBuf>, instrument: Instrument) -> FileSpec {
    let mut spec = FileSpec {
        name: String::new(),
        kind,
        paths,
        format: Some(Format::Parquet),
        columns: std::collections::BTreeMap::new(),
        time_unit: None,
        custom: tapedeck_catalog::Custom::default(),
        price_scale: None,
        qty_scale: None,
        volume_unit: VolumeUnit::Base,
        volume_optional: true,
        on_error: OnError::Fail,
        strict_ticks: false,
        start: None,
        end: None,
        instrument,
    };
    spec.name = name_of(&spec);
    spec
}

/// A data set for people: `BTCUSD.SIM bars 1m`.
fn name_of(spec: &FileSpec) -> String {
    let kind = spec.kind.text();
    match spec.kind {
        DataKind::Bars { interval } => format!("{} {kind} {interval}", spec.instrument.id),
        DataKind::Trades | DataKind::Quotes | DataKind::Depth | DataKind::Marks | DataKind::Funding | DataKind::Mbo => {
            format!("{} {kind}", spec.instrument.id)
        }
    }
}
