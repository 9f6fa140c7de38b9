//! `sim run SCENARIO`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use tapedeck_reports::{Metrics, Variants, summary};

use super::print_out;
use crate::assumptions::assumptions;
use crate::failure::Failure;
use crate::interrupt;
use crate::load::{Loaded, load};
use crate::manifest::{Provenance, manifest, peak_rss_bytes};
use crate::page;
use crate::play::{Played, Stage, play};
use crate::progress::Progress;
use crate::registry::Registry;
use crate::run_folder::{Finished, MANIFEST, PRICES, SCENARIO, Unfinished, VARIANTS, fingerprint_of, occupied};
use crate::scenario::Scenario;
use crate::variants::{VariantStage, play_variants};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenario file.
    scenario: PathBuf,
    /// Overrides a key, for example `strategy.0.fast=10` or `strategy.sma.fast=10`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Overrides the seed.
    #[arg(long)]
    seed: Option<u64>,
    /// The run folder; default: `runs/<name>-<fingerprint>`.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Prints one JSON object to standard output.
    #[arg(long)]
    json: bool,
}

/// Digits of the fingerprint in a folder's name.
const SHORT_FINGERPRINT: usize = 12;

/// Plays the scenario.
///
/// # Errors
/// [`Failure`]; nothing is left behind.
pub fn run(args: &Args, registry: &Registry) -> Result<(), Failure> {
    let started = Instant::now();
    interrupt::listen()?;
    let mut overrides = args.set.clone();
    overrides.extend(args.seed.map(|seed| format!("scenario.seed={seed}")));
    let loaded = load(&args.scenario, &overrides, registry)?;
    let parent = parent_of(args.out.as_deref())?;
    let unfinished = Unfinished::create(&parent)?;
    let stage = Stage {
        registry,
        base_dir: &loaded.base_dir,
        folder: unfinished.path(),
        stop: &interrupt::STOP,
        progress: if args.json { Progress::Hidden } else { Progress::on_terminal() },
    };
    let (played, tables) = play(&loaded.scenario, &stage)?;
    let fingerprint = played.written.fingerprint.to_string();
    let again = VariantStage { registry, base_dir: &loaded.base_dir, stop: &interrupt::STOP };
    let variants = play_variants(&loaded.scenario, (&played.written.facts, &fingerprint), &again)?;
    let metrics = Metrics::of(&played.written.facts);
    let assumed = assumptions(&loaded.scenario, &played.written.facts);
    std::thread::scope(|scope| {
        // Closing the tables takes as long as the page, so each has a core.
        let closing = scope.spawn(|| tables.close(&played.written.facts.names));
        let texts = write_texts(&unfinished, &loaded.scenario, &played, &variants);
        let closed = closing.join().map_err(|_| Failure::internal("closing the tables panicked"))?;
        closed.map_err(Failure::internal).and(texts)
    })?;
    let provenance = Provenance { file: &loaded.file, base_dir: &loaded.base_dir, elapsed: started.elapsed() };
    unfinished.write(MANIFEST, &page::pretty(&manifest(&loaded.scenario, &played, &provenance))?)?;
    interrupt::check()?;
    let short = fingerprint.get(..SHORT_FINGERPRINT).unwrap_or(&fingerprint);
    let target = args.out.clone().unwrap_or_else(|| parent.join(format!("{}-{short}", loaded.scenario.name())));
    let finished = unfinished.finish(&target, &fingerprint)?;
    let elapsed_s = started.elapsed().as_secs_f64();
    if args.json {
        let mut result = result_json(&loaded, &played, &metrics, &finished, elapsed_s);
        if let (Some(result), Value::Object(others)) = (result.as_object_mut(), variants.to_json()) {
            result.extend(others);
        }
        return print_out(&format!("{result}\n"));
    }
    let title = format!("{} {short}", loaded.scenario.name());
    let kept = if finished.kept { " (the same run was there already and is kept)" } else { "" };
    let mut text = summary(&title, &assumed, &played.written.facts, &metrics);
    text.push_str(&variants.to_text(&metrics.base_currency));
    let rate = played.summary.counts.inputs as f64 / elapsed_s;
    print_out(&format!(
        "{text}\n{} inputs in {elapsed_s:.3} s ({rate:.0} per second)\n{}{kept}\n",
        played.summary.counts.inputs,
        finished.path.display()
    ))
}

/// The files that are texts, but for the manifest, which comes last.
fn write_texts(
    unfinished: &Unfinished,
    scenario: &Scenario,
    played: &Played,
    variants: &Variants,
) -> Result<(), Failure> {
    let (facts, fingerprint) = (&played.written.facts, played.written.fingerprint.to_string());
    unfinished.write(SCENARIO, &scenario.to_toml())?;
    let prices = page::tapped(&played.prices, facts);
    unfinished.write(PRICES, &page::prices_to_json(&prices)?)?;
    for (name, text) in page::files(scenario, facts, &fingerprint, (&prices, variants))? {
        unfinished.write(name, &text)?;
    }
    if variants.is_empty() {
        return Ok(());
    }
    unfinished.write(VARIANTS, &page::pretty(&variants.to_stored())?)
}

/// The folder in which the run folder will be. An `--out` that is taken by something that cannot be
/// the same run is refused before anything is played.
fn parent_of(out: Option<&Path>) -> Result<PathBuf, Failure> {
    let Some(out) = out else { return Ok(PathBuf::from("runs")) };
    if out.exists() && fingerprint_of(out).is_none() {
        return Err(occupied(out, None));
    }
    match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => Ok(parent.to_owned()),
        Some(_) => Ok(PathBuf::from(".")),
        None => Err(Failure::input(format!("{} cannot be a run folder", out.display()))),
    }
}

fn result_json(loaded: &Loaded, played: &Played, metrics: &Metrics, finished: &Finished, elapsed_s: f64) -> Value {
    let (summary, counts) = (&played.summary, &played.summary.counts);
    let fees: serde_json::Map<String, Value> =
        metrics.fees.iter().map(|(code, sum)| (code.clone(), Value::from(sum.to_string()))).collect();
    let funding: serde_json::Map<String, Value> =
        metrics.funding.iter().map(|(code, sum)| (code.clone(), Value::from(sum.to_string()))).collect();
    let interest: serde_json::Map<String, Value> =
        metrics.interest.iter().map(|(code, sum)| (code.clone(), Value::from(sum.to_string()))).collect();
    json!({
        "fingerprint": played.written.fingerprint.to_string(),
        "run_dir": finished.path.display().to_string(),
        "kept": finished.kept,
        "scenario": loaded.scenario.name(),
        "seed": loaded.scenario.seed(),
        "records": summary.records,
        "inputs": counts.inputs,
        "events": counts.events,
        "orders": counts.orders,
        "fills": counts.fills,
        "denied": counts.denied,
        "rejected": counts.rejected,
        "liquidations": counts.liquidations,
        "ambiguous_bars": summary.ambiguous_bars,
        "trades": metrics.trades,
        "base_currency": metrics.base_currency,
        "initial_equity": metrics.initial_equity.map(|amount| amount.to_string()),
        "final_equity": summary.equity_last.map(|amount| amount.to_string()),
        "total_return": metrics.total_return,
        "max_drawdown": summary.max_drawdown,
        "sharpe": metrics.sharpe,
        "fees": summary.fees_in_base.map(|amount| amount.to_string()),
        "fees_by_currency": fees,
        "funding_by_currency": funding,
        "interest_by_currency": interest,
        "halted": summary.halted,
        "elapsed_s": elapsed_s,
        "play_s": played.elapsed.as_secs_f64(),
        "inputs_per_s": counts.inputs as f64 / elapsed_s,
        "peak_rss_bytes": peak_rss_bytes(),
    })
}
