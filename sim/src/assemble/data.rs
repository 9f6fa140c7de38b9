//! Sources: files and generators, and a look at their prices for the charts.

use std::path::Path;
use std::sync::{Arc, Mutex};

use tapedeck_catalog::{
    CatalogError, Custom, DataKind, FileSpec, Format, MissingRate, OnError, ReadAhead, Settlements, TimeUnit,
    VolumeUnit, WholeFunding,
};
use tapedeck_kernel::spec::SourceSlot;
use tapedeck_kernel::venue::RecordKind;
use tapedeck_model::param::ParamError;
use tapedeck_model::port::Leg;
use tapedeck_model::{Instrument, InstrumentIx, Source, Span, Ts};
use tapedeck_reports::Series;
use tapedeck_synth::{BuildSynth, SynthContext, SynthKind};

use super::tap::{Chart, Meter, Tap};
use super::{Builder, Tables, find};
use crate::scenario::{Chosen, Item};
use crate::stored_quality;

/// Chunks that are decoded ahead of the kernel.
const READ_AHEAD_CHUNKS: usize = 3;

/// Buckets of a price chart.
const PRICE_BUCKETS: usize = 1_000;

/// Prices as they went by, one series per instrument that has data.
pub type PriceTaps = Vec<(InstrumentIx, Arc<Mutex<Series>>)>;

impl Builder<'_> {
    pub(super) fn sources(&mut self, tables: &Tables, meter: &Arc<Meter>) -> (Vec<SourceSlot>, PriceTaps) {
        let (mut slots, mut prices) = (Vec::new(), PriceTaps::new());
        let mut items: Vec<&Item> = self.scenario.data.iter().collect();
        items.sort_by_key(|item| self.turn(item));
        for item in items {
            let instrument = item.own.text("instrument").and_then(|name| tables.instrument(&name));
            let Some(instrument) = instrument.and_then(|ix| tables.instruments.get(ix.usize())) else { continue };
            let Some(source) = self.source(item, instrument) else { continue };
            let source = self.whole_funding(item, instrument, source);
            let name = item.own.text("name").unwrap_or_default();
            let tap = Tap {
                inner: source,
                name: name.clone(),
                meter: Arc::clone(meter),
                chart: if self.turn(item) < 3 { chart(&mut prices, instrument) } else { None },
                wants_volume: self.wants_volume(item, instrument),
                records: 0,
            };
            let latency = item.parts.get("feed_latency");
            let feed_latency = match latency {
                Some(chosen) if chosen.name != "none" => {
                    self.latency((latency, Leg::Feed), &format!("data/{name}/latency"))
                }
                Some(_) | None => None,
            };
            let source = ReadAhead::spawn(Box::new(tap), READ_AHEAD_CHUNKS);
            let is_heard = item.own.params.bool("drill_down") != Ok(true);
            slots.push(SourceSlot { name, instrument: instrument.ix, feed_latency, is_heard, source });
        }
        (slots, prices)
    }

    /// What comes first at equal times: what was dealt before what it left, as a print explains what its
    /// level lost, and a best bid and offer before the book that knows more; then the mark at which is settled, then the
    /// settlement.
    fn turn(&self, item: &Item) -> u8 {
        let beside_depth = |name: &str| self.finest(name) == RecordKind::Depth;
        match item.own.text("kind").as_deref() {
            Some("depth" | "mbo") => 2,
            Some("mark") => 3,
            Some("funding") => 4,
            Some("quotes") if item.own.text("instrument").is_some_and(|name| beside_depth(&name)) => 1,
            Some(_) | None => 0,
        }
    }

    /// The part of a bar's volume that the venue lets us take, if these bars are what it fills from.
    fn wants_volume(&self, item: &Item, instrument: &Instrument) -> Option<String> {
        let venue =
            self.scenario.venues.iter().find(|venue| venue.own.text("name") == Some(instrument.id.venue.clone()));
        let share = venue?.own.text("participation").filter(|share| share != "none")?;
        let fills = item.own.text("kind").as_deref() == Some("bars")
            && self.finest(&instrument.id.to_string()) == RecordKind::Bars;
        fills.then_some(share)
    }

    /// When the first record may open: the warm-up before the start.
    fn first_open(&self) -> Option<Ts> {
        let warm_up = self.scenario.general.own.params.span("warm_up").unwrap_or(Span::ZERO);
        self.time("start").map(|start| Ts::from_nanos(start.nanos().saturating_sub(warm_up.nanos())))
    }

    /// Where rates of funding must come, holes in them are told or filled.
    fn whole_funding(&self, item: &Item, instrument: &Instrument, source: Box<dyn Source>) -> Box<dyn Source> {
        let section = self.scenario.instruments.get(instrument.ix.usize()).map(|item| &item.own);
        let interval = section.and_then(|own| own.params.span_opt("funding_interval").ok().flatten());
        let (Some(own), Some(interval), DataKind::Funding) =
            (section, interval, data_kind(item).unwrap_or(DataKind::Marks))
        else {
            return source;
        };
        let missing = match own.text("funding_missing").as_deref() {
            Some("zero") => MissingRate::Zero,
            Some("last") => MissingRate::Last,
            _ => MissingRate::Fail,
        };
        let (start, end) = (self.time("start").unwrap_or(Ts::MIN), self.time("end").unwrap_or(Ts::MAX));
        let (instrument, name) = (instrument.ix, instrument.id.to_string());
        Box::new(WholeFunding::new(source, Settlements { instrument, name, interval, start, end, missing }))
    }

    fn source(&mut self, item: &Item, instrument: &Instrument) -> Option<Box<dyn Source>> {
        if let Some(chosen) = item.parts.get("synthetic") {
            return self.synthetic(item, chosen, instrument);
        }
        self.files(item, instrument, (self.first_open(), self.time("end")))
    }

    /// What the files of some data hold for a period.
    fn files(
        &mut self,
        item: &Item,
        instrument: &Instrument,
        period: (Option<Ts>, Option<Ts>),
    ) -> Option<Box<dyn Source>> {
        let spec = file_spec(item, instrument, self.base_dir, period)
            .map(|spec| FileSpec { volume_optional: self.wants_volume(item, instrument).is_none(), ..spec });
        if let (Ok(spec), Some(_)) = (&spec, item.own.text("catalog")) {
            let folder = spec.paths.first().and_then(|file| file.parent()?.parent());
            self.quality.extend(folder.and_then(|folder| stored_quality::named(&spec.name, folder)));
        }
        match spec.and_then(|spec| tapedeck_catalog::open(spec).map_err(|error| Refusal::Data(Box::new(error)))) {
            Ok(source) => Some(source),
            Err(refusal) => {
                self.refuse(item, refusal);
                None
            }
        }
    }

    pub(super) fn synthetic(
        &mut self,
        item: &Item,
        chosen: &Chosen,
        instrument: &Instrument,
    ) -> Option<Box<dyn Source>> {
        let component = find(&self.registry.synthetic, &chosen.name)?;
        let kind = self.take(&item.own, synth_kind(item))?;
        let context =
            SynthContext { instrument, seed: self.seed, start: self.first_open()?, end: self.time("end"), kind };
        let params = &chosen.section.params;
        let built = match component.build {
            BuildSynth::Alone(build) => build(params, &context),
            // All that the files hold, whatever the scenario's period.
            BuildSynth::Resample(build) => build(params, &context, self.files(item, instrument, (None, None))?),
        };
        self.take(&chosen.section, built)
    }
}

/// One chart per instrument: of the first of its sources by name.
fn chart(prices: &mut PriceTaps, instrument: &Instrument) -> Option<Chart> {
    if prices.iter().any(|(ix, _)| *ix == instrument.ix) {
        return None;
    }
    let series = Arc::new(Mutex::new(Series::new(PRICE_BUCKETS)));
    prices.push((instrument.ix, Arc::clone(&series)));
    Some(Chart { series, price_scale: instrument.price_scale })
}

pub(super) enum Refusal {
    Param(ParamError),
    Data(Box<CatalogError>),
}

impl From<ParamError> for Refusal {
    fn from(error: ParamError) -> Self {
        Self::Param(error)
    }
}

fn synth_kind(item: &Item) -> Result<SynthKind, ParamError> {
    let interval = || item.own.params.span("interval");
    Ok(match data_kind(item)? {
        DataKind::Bars { interval } => SynthKind::Bars { interval },
        DataKind::Trades => SynthKind::Trades,
        DataKind::Quotes => SynthKind::Quotes,
        DataKind::Depth => SynthKind::Depth,
        DataKind::Marks => SynthKind::Marks { interval: interval()? },
        DataKind::Funding => SynthKind::Funding { interval: interval()? },
        DataKind::Mbo => SynthKind::Mbo,
    })
}

pub(super) fn data_kind(item: &Item) -> Result<DataKind, ParamError> {
    let params = &item.own.params;
    match params.text("kind")?.as_str() {
        "bars" => Ok(DataKind::Bars { interval: params.span("interval")? }),
        "trades" => Ok(DataKind::Trades),
        "quotes" => Ok(DataKind::Quotes),
        "depth" => Ok(DataKind::Depth),
        "mark" => Ok(DataKind::Marks),
        "funding" => Ok(DataKind::Funding),
        "mbo" => Ok(DataKind::Mbo),
        other => Err(ParamError::new("kind", format!("there is no kind `{other}`"))),
    }
}

/// The files of a section, of which the records from the first to before the second time are wanted.
/// What the files hold: marks that are made from files are made from bars.
fn file_kind(item: &Item) -> Result<DataKind, ParamError> {
    Ok(match data_kind(item)? {
        DataKind::Marks if item.parts.contains_key("synthetic") => {
            DataKind::Bars { interval: item.own.params.span("interval")? }
        }
        kind => kind,
    })
}

pub(super) fn file_spec(
    item: &Item,
    instrument: &Instrument,
    base_dir: &Path,
    (start, end): (Option<Ts>, Option<Ts>),
) -> Result<FileSpec, Refusal> {
    let params = &item.own.params;
    let (name, kind) = (params.text("name")?, file_kind(item)?);
    let on_error = match params.text("on_error")?.as_str() {
        "skip" => OnError::Skip,
        "repair" => OnError::Repair,
        _ => OnError::Fail,
    };
    let strict_ticks = params.bool("strict_ticks")?;
    let refuse = |error: CatalogError| Refusal::Data(Box::new(error));
    if let Some(root) = params.text_opt("catalog")? {
        let spec = FileSpec::in_catalog(&base_dir.join(root), kind, instrument, (start, end)).map_err(refuse)?;
        return Ok(FileSpec { name, on_error, strict_ticks, ..spec });
    }
    let scale = |key: &str| params.int_opt(key).map(|scale| scale.map(|scale| scale.clamp(0, 24) as u8));
    let paths = tapedeck_catalog::expand_paths(&params.texts("path")?, base_dir).map_err(refuse)?;
    Ok(FileSpec {
        name,
        kind,
        paths,
        format: match params.text_opt("format")?.as_deref() {
            Some("csv") => Some(Format::Csv),
            Some(_) => Some(Format::Parquet),
            None => None,
        },
        columns: params.text_map_opt("columns")?.unwrap_or_default(),
        time_unit: params.text_opt("time_unit")?.as_deref().and_then(TimeUnit::from_text),
        custom: Custom::default(),
        price_scale: scale("price_scale")?,
        qty_scale: scale("qty_scale")?,
        volume_unit: if params.text("volume_unit")? == "quote" { VolumeUnit::Quote } else { VolumeUnit::Base },
        volume_optional: false,
        on_error,
        strict_ticks,
        start,
        end,
        instrument: instrument.clone(),
    })
}
