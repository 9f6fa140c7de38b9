//! The files of a run folder that are made for people: figures and page.

use std::sync::PoisonError;

use serde_json::{Value, json};
use tapedeck_reports::{Metrics, PageInput, PriceSeries, RunFacts, Variants, render_page};

use crate::assemble::PriceTaps;
use crate::assumptions::assumptions;
use crate::failure::Failure;
use crate::scenario::Scenario;

/// Name and text of the files.
///
/// # Errors
/// [`Failure::Internal`] if a figure cannot be written as JSON.
pub fn files(
    scenario: &Scenario,
    facts: &RunFacts,
    fingerprint: &str,
    (prices, variants): (&[PriceSeries], &Variants),
) -> Result<[(&'static str, String); 2], Failure> {
    let metrics = Metrics::of(facts);
    let page = render_page(&PageInput {
        name: &scenario.name(),
        fingerprint,
        assumptions: &assumptions(scenario, facts),
        facts,
        metrics: &metrics,
        prices,
        variants,
    });
    let mut figures = metrics.to_json(facts);
    if let (Some(figures), Value::Object(others)) = (figures.as_object_mut(), variants.to_json()) {
        figures.extend(others);
    }
    Ok([("metrics.json", pretty(&figures)?), ("report.html", page)])
}

/// Prices that the sources showed while they were played.
pub fn tapped(taps: &PriceTaps, facts: &RunFacts) -> Vec<PriceSeries> {
    taps.iter()
        .map(|(instrument, series)| {
            let series = series.lock().unwrap_or_else(PoisonError::into_inner);
            let points = series.buckets().iter().map(|b| (b.ts_last.nanos(), b.low, b.high, b.last)).collect();
            PriceSeries { instrument: facts.names.instrument_text(*instrument).to_owned(), points }
        })
        .collect()
}

/// Prices as JSON.
///
/// # Errors
/// [`Failure::Internal`] if they cannot be written.
pub fn prices_to_json(prices: &[PriceSeries]) -> Result<String, Failure> {
    let list: Vec<Value> =
        prices.iter().map(|series| json!({ "instrument": series.instrument, "points": series.points })).collect();
    serde_json::to_string(&list).map(|text| text + "\n").map_err(Failure::internal)
}

/// The reverse of [`prices_to_json`]; what is not understood is left out.
pub fn prices_from_json(text: &str) -> Vec<PriceSeries> {
    let list: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    let point = |point: &Value| {
        let number = |at: usize| point.get(at).and_then(Value::as_f64);
        Some((point.get(0)?.as_i64()?, number(1)?, number(2)?, number(3)?))
    };
    list.iter()
        .filter_map(|series| {
            let points = series.get("points")?.as_array()?.iter().filter_map(point).collect();
            Some(PriceSeries { instrument: series.get("instrument")?.as_str()?.to_owned(), points })
        })
        .collect()
}

/// Variants of the run as they were written; none if the folder holds none.
pub fn variants_from_json(text: &str) -> Variants {
    serde_json::from_str(text).map(|value| Variants::from_json(&value)).unwrap_or_default()
}

/// JSON for people.
///
/// # Errors
/// [`Failure::Internal`] if it cannot be written.
pub fn pretty(value: &Value) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(Failure::internal)
}
