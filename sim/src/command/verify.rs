//! `sim verify RUN`: the same again, compared event by event.

use std::fs::File;
use std::path::PathBuf;

use tapedeck_journal::{Defect, JournalError, RawFrame, Reader};
use tapedeck_kernel::drive::{JournalSink, RunSummary, SimDriver};
use tapedeck_model::Record;
use tapedeck_reports::Describer;

use super::{RunArg, print_out};
use crate::assemble::assemble;
use crate::failure::Failure;
use crate::interrupt;
use crate::manifest::hex;
use crate::play::run_failure;
use crate::registry::Registry;
use crate::run_folder::{JOURNAL, RunFolder, SCENARIO};
use crate::scenario::{Origin, Scenario};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: RunArg,
    /// What data paths are relative to; default: the folder of the original scenario.
    #[arg(long, value_name = "DIR")]
    data_root: Option<PathBuf>,
}

/// Runs a run folder's scenario again.
///
/// # Errors
/// [`Failure::Difference`] if anything differs, [`Failure::Input`] if the journal is damaged.
pub fn verify(args: &Args, registry: &Registry) -> Result<(), Failure> {
    interrupt::listen()?;
    let folder = RunFolder::open(&args.run.run)?;
    let text = folder.scenario_text()?;
    let shown = folder.path.join(SCENARIO).display().to_string();
    let scenario = Scenario::load(Origin { file: &shown, text: &text, overrides: &[] }, registry)?;
    let data_root = args.data_root.clone().unwrap_or_else(|| PathBuf::from(folder.text("data_root")));
    let assembled = assemble(&scenario, registry, &data_root)?;
    let driver = SimDriver::new(assembled.spec).map_err(run_failure)?;
    let mut sink = Compare::with(folder.journal()?);
    // It goes on after a difference: only at the end is it known which data changed.
    let summary = driver.run(&mut sink, &interrupt::STOP).map_err(run_failure)?;
    sink.expect_end();
    if let Some(damage) = sink.damage {
        return Err(Failure::input(format!("{}: {damage}", folder.path.join(JOURNAL).display())));
    }
    let mut notes = changes(&folder, &scenario);
    notes.extend(changed_data(&folder, &summary));
    match sink.difference {
        None if notes.is_empty() => {
            print_out(&format!("identical: {} events, fingerprint {}\n", sink.matched, folder.text("fingerprint")))
        }
        difference => {
            notes.extend(difference);
            Err(Failure::Difference { message: notes.join("\n") })
        }
    }
}

/// What the manifest says that is no longer so, before anything runs.
fn changes(folder: &RunFolder, scenario: &Scenario) -> Vec<String> {
    let mut notes = Vec::new();
    let mut compare = |what: &str, then: &str, now: &str| {
        if then != now {
            notes.push(format!("{what} changed: {then} then, {now} now"));
        }
    };
    compare("the scenario", folder.text("scenario_hash"), &hex(&scenario.hash()));
    let seed = folder.manifest.get("seed").map(ToString::to_string).unwrap_or_default();
    compare("the seed", &seed, &scenario.seed().to_string());
    compare("the random generator", folder.text("prng"), tapedeck_model::random::PRNG);
    let version = env!("CARGO_PKG_VERSION");
    if folder.text("version") != version {
        // Another version may well give the same journal, which is what verifying finds out.
        eprintln!("note: the run was made by version {}, this is {version}", folder.text("version"));
    }
    notes
}

/// Sources whose content is not what it was.
fn changed_data(folder: &RunFolder, summary: &RunSummary) -> Vec<String> {
    let sources = folder.manifest.get("sources").and_then(|list| list.as_array()).cloned().unwrap_or_default();
    let then = |name: &str| {
        let entry = sources.iter().find(|entry| entry.get("name").and_then(|text| text.as_str()) == Some(name))?;
        entry.get("content_hash")?.as_str().map(str::to_owned)
    };
    let mut notes = Vec::new();
    for source in &summary.sources {
        let (then, now) = (then(&source.name).unwrap_or_default(), hex(&source.content_hash));
        if then != now {
            notes.push(format!("the data of {} changed: {then} then, {now} now", source.name));
        }
    }
    notes
}

/// Compares frames with a journal as they come.
struct Compare {
    journal: Reader<File>,
    describer: Describer,
    matched: u64,
    difference: Option<String>,
    /// Where the journal cannot be read: then it says nothing about the run.
    damage: Option<JournalError>,
}

impl Compare {
    fn with(journal: Reader<File>) -> Self {
        Self { journal, describer: Describer::new(), matched: 0, difference: None, damage: None }
    }

    fn compare(&mut self, record: &Record) {
        if self.difference.is_some() || self.damage.is_some() {
            return;
        }
        match self.journal.next_record() {
            Ok(Some(then)) if then == *record => {
                self.describer.learn(record);
                self.matched += 1;
            }
            Ok(then) => {
                self.describer.learn(record);
                let now = self.describer.line(record);
                let then =
                    then.map_or_else(|| "the journal is at its end".to_owned(), |then| self.describer.line(&then));
                let seq = record.header.seq;
                self.difference = Some(format!("event {seq} differs\n  then: {then}\n  now:  {now}"));
            }
            Err(error) => self.damage = Some(error),
        }
    }

    /// Nothing may follow in the journal.
    fn expect_end(&mut self) {
        if self.difference.is_some() || self.damage.is_some() {
            return;
        }
        match self.journal.next_record() {
            Ok(None) => {}
            Ok(Some(then)) => {
                self.difference = Some(format!("the journal goes on\n  then: {}", self.describer.line(&then)));
            }
            Err(error) => self.damage = Some(error),
        }
    }
}

impl JournalSink for Compare {
    fn frame(&mut self, frame: RawFrame) -> Option<RawFrame> {
        let compared = frame.visit(|record| {
            self.compare(record);
            Ok::<_, Defect>(())
        });
        if let Err(defect) = compared {
            self.difference.get_or_insert(format!("a new frame cannot be decoded: {defect}"));
        }
        Some(frame)
    }
}
