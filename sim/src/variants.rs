//! The same scenario played again under other assumptions: costs multiplied, other paths through bars.
//!
//! Enters: a scenario that asks for it, and what its own run came to. Leaves: a row per variant.
//! Invariants: the run itself is played without any of this, so its journal is the same; a variant that
//! assumes what the run assumes is the run, and is not played again. Deliberately absent: journals of
//! variants, which are sealed for their fingerprint and dropped.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use tapedeck_journal::{Defect, RawFrame, Sealer};
use tapedeck_kernel::drive::{JournalSink, SimDriver};
use tapedeck_kernel::venue::PathModel;
use tapedeck_model::{Decimal, Span};
use tapedeck_reports::{Gatherer, ReportError, RunFacts, VariantRow, Variants};
use thiserror::Error;

use crate::assemble::{Variant, assemble_variant};
use crate::failure::Failure;
use crate::play::run_failure;
use crate::registry::Registry;
use crate::scenario::Scenario;

/// Where variants are played.
pub struct VariantStage<'a> {
    /// The components.
    pub registry: &'a Registry,
    /// What paths are relative to.
    pub base_dir: &'a Path,
    /// Set by Ctrl-C.
    pub stop: &'a AtomicBool,
}

/// Plays every variant that the scenario asks for; `own` is the scenario's own run and its fingerprint.
///
/// # Errors
/// [`Failure`] as for the run itself.
pub fn play_variants(
    scenario: &Scenario,
    own: (&RunFacts, &str),
    stage: &VariantStage<'_>,
) -> Result<Variants, Failure> {
    let mut variants = Variants::default();
    for factor in cost_factors(scenario) {
        let label = format!("x{factor}");
        let variant = Variant { cost_factor: Some(factor).filter(|factor| *factor != Decimal::ONE), path: None };
        variants.cost_stress.push(row(scenario, label, variant, own, stage)?);
    }
    if wants_band(scenario) {
        for path in [Some(PathModel::Worst), None, Some(PathModel::Best)] {
            let label = path.map_or("as chosen", PathModel::text).to_owned();
            let all_so = path.is_none_or(|path| {
                scenario.venues.iter().all(|venue| venue.own.text("path").as_deref() == Some(path.text()))
            });
            let variant = Variant { cost_factor: None, path: path.filter(|_| !all_so) };
            variants.paths.push(row(scenario, label, variant, own, stage)?);
        }
    }
    Ok(variants)
}

/// By how much costs are multiplied, from least to most.
fn cost_factors(scenario: &Scenario) -> Vec<Decimal> {
    scenario.general.own.params.decimal_list_opt("cost_stress").ok().flatten().unwrap_or_default()
}

fn wants_band(scenario: &Scenario) -> bool {
    scenario.general.own.params.bool_opt("band") == Ok(Some(true))
}

fn row(
    scenario: &Scenario,
    label: String,
    variant: Variant,
    (facts, fingerprint): (&RunFacts, &str),
    stage: &VariantStage<'_>,
) -> Result<VariantRow, Failure> {
    if variant == Variant::default() {
        return Ok(VariantRow::of(label, facts, fingerprint.to_owned()));
    }
    let assembled = assemble_variant(scenario, stage.registry, stage.base_dir, variant)?;
    let driver = SimDriver::new(assembled.spec).map_err(run_failure)?;
    let returns_interval = scenario.report.own.params.span("returns_interval").unwrap_or(Span::DAY);
    let mut sink =
        Folding { sealer: Sealer::new(), gatherer: Gatherer::new(returns_interval), failed: None, stop: stage.stop };
    let played = driver.run(&mut sink, stage.stop);
    if let Some(failed) = sink.failed {
        return Err(Failure::internal(failed));
    }
    played.map_err(run_failure)?;
    let facts = sink.gatherer.finish().map_err(Failure::internal)?;
    Ok(VariantRow::of(label, &facts, sink.sealer.fingerprint().to_string()))
}

/// Why a variant's journal could not be folded.
#[derive(Debug, Error)]
enum FoldError {
    /// A frame does not hold what it was made of: a bug.
    #[error("a journal frame cannot be decoded: {0}")]
    Defect(#[from] Defect),
    /// A sum left its range.
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// Seals and folds what comes, and keeps nothing of it.
struct Folding<'a> {
    sealer: Sealer,
    gatherer: Gatherer,
    failed: Option<FoldError>,
    stop: &'a AtomicBool,
}

impl JournalSink for Folding<'_> {
    fn frame(&mut self, frame: RawFrame) -> Option<RawFrame> {
        self.sealer.link(&frame);
        if self.failed.is_none() {
            let gatherer = &mut self.gatherer;
            let folded = frame.visit(|record| gatherer.push(record).map(|_| ()).map_err(FoldError::from));
            if let Err(failed) = folded {
                self.failed = Some(failed);
                // There is no point in going on.
                self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        }
        Some(frame)
    }
}
