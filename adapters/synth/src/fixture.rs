//! An instrument, parameters with their defaults, and whole tapes, for the tests.

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{
    Amount, Bar, Chunk, CurrencyIx, DatedRules, Instrument, InstrumentId, InstrumentIx, InstrumentKind, MarketRecord,
    ParamError, ParamValue, Params, Price, Qty, Source, Span, Ts, math,
};

use crate::{BuildSynth, SynthComponent, SynthContext, SynthKind, components};

pub(crate) const MINUTES: SynthKind = SynthKind::Bars { interval: Span::MINUTE };

/// Prices to 0.01 in steps of 0.05, quantities to 0.001 in steps of 0.002.
pub(crate) fn instrument() -> Instrument {
    Instrument {
        ix: InstrumentIx(3),
        id: InstrumentId { venue: "SIM".to_owned(), symbol: "X".to_owned() },
        kind: InstrumentKind::Spot,
        base: CurrencyIx(0),
        quote: CurrencyIx(1),
        settlement: CurrencyIx(1),
        price_scale: 2,
        qty_scale: 3,
        multiplier: 1,
        multiplier_scale: 0,
        rules: vec![DatedRules {
            from: Ts::MIN,
            tick_size: Price::from_raw(5),
            lot_size: Qty::from_raw(2),
            qty_min: Qty::ZERO,
            qty_max: Qty::from_raw(i64::MAX),
            notional_min: Amount::ZERO,
        }],
    }
}

/// A context that starts at 1000 s and has no end.
pub(crate) fn context(instrument: &Instrument, kind: SynthKind, seed: u64) -> SynthContext<'_> {
    SynthContext { instrument, seed, start: Ts::from_nanos(1_000_000_000_000), end: None, kind }
}

pub(crate) fn find(name: &str) -> SynthComponent {
    *components().iter().find(|component| component.name == name).unwrap()
}

fn value(spec: &ParamSpec, text: &str) -> ParamValue {
    match spec.kind {
        ParamKind::Int { .. } => ParamValue::Int(text.parse().unwrap()),
        ParamKind::Decimal { .. } => ParamValue::Decimal(text.parse().unwrap()),
        ParamKind::Span => ParamValue::Span(text.parse().unwrap()),
        ParamKind::DecimalList { .. } => {
            ParamValue::DecimalList(text.split(',').map(|part| part.parse().unwrap()).collect())
        }
        ParamKind::Texts => ParamValue::Texts(text.split(',').map(str::to_owned).collect()),
        _ => ParamValue::Text(text.to_owned()),
    }
}

/// The defaults, and `given` as `key=value` words over them.
pub(crate) fn params(name: &str, given: &str) -> Params {
    let mut params = Params::new();
    let specs = find(name).params;
    for spec in specs {
        if let Some(text) = spec.default {
            params.insert(spec.name, value(spec, text));
        }
    }
    for word in given.split_whitespace() {
        let (key, text) = word.split_once('=').unwrap();
        params.insert(key, value(specs.iter().find(|spec| spec.name == key).unwrap(), text));
    }
    params
}

pub(crate) fn build(name: &str, given: &str, kind: SynthKind) -> Result<Box<dyn Source>, ParamError> {
    made(&find(name), &params(name, given), &context(&instrument(), kind, 1))
}

/// A component built; what resamples draws from [`origin`].
pub(crate) fn made(
    component: &SynthComponent,
    params: &Params,
    context: &SynthContext<'_>,
) -> Result<Box<dyn Source>, ParamError> {
    match component.build {
        BuildSynth::Alone(build) => build(params, context),
        BuildSynth::Resample(build) => build(params, context, origin("count=5000")),
    }
}

/// Bars to draw from.
pub(crate) fn origin(given: &str) -> Box<dyn Source> {
    let given = params("garch", given);
    let item = instrument();
    made(&find("garch"), &given, &context(&item, MINUTES, 99)).unwrap()
}

/// Every record, with the checks that hold for all sources.
pub(crate) fn records(source: &mut dyn Source) -> Vec<MarketRecord> {
    let mut chunk = Chunk::new(InstrumentIx(0));
    let mut all = Vec::new();
    while source.next_chunk(&mut chunk).unwrap() {
        assert!(!chunk.is_empty(), "a chunk has records");
        assert_eq!(chunk.first_number, all.len() as u64);
        all.extend((0..chunk.len()).map(|row| chunk.record(row)));
    }
    assert!(!source.next_chunk(&mut chunk).unwrap(), "the end is the end");
    assert!(all.is_sorted_by_key(MarketRecord::ts_event));
    assert!(all.iter().all(|record| record.instrument() == InstrumentIx(3)));
    all
}

/// The bars of a source.
pub(crate) fn bars_of(source: &mut dyn Source) -> Vec<Bar> {
    let only_bars = |record| if let MarketRecord::Bar(bar) = record { bar } else { panic!("not a bar") };
    records(source).into_iter().map(only_bars).collect()
}

pub(crate) fn bars(name: &str, given: &str, kind: SynthKind) -> Vec<Bar> {
    bars_of(&mut *build(name, given, kind).unwrap())
}

/// Log returns from close to close.
pub(crate) fn returns(bars: &[Bar]) -> Vec<f64> {
    bars.windows(2).map(|pair| math::ln(pair[1].close.raw() as f64 / pair[0].close.raw() as f64)).collect()
}

pub(crate) struct Moments {
    pub mean: f64,
    pub variance: f64,
    pub excess_kurtosis: f64,
}

/// Those of a sample, not corrected for its size.
pub(crate) fn moments(values: &[f64]) -> Moments {
    let number = values.len() as f64;
    let mean = values.iter().sum::<f64>() / number;
    let squares: Vec<f64> = values.iter().map(|value| (value - mean) * (value - mean)).collect();
    let variance = squares.iter().sum::<f64>() / number;
    let fourth = squares.iter().map(|square| square * square).sum::<f64>() / number;
    Moments { mean, variance, excess_kurtosis: fourth / (variance * variance) - 3.0 }
}
