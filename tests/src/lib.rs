//! What the tests of the whole house share: playing a scenario on one thread, in memory.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use tapedeck::assemble::{Assembled, assemble};
use tapedeck::{Origin, Registry, Scenario};
use tapedeck_journal::{RawFrame, Reader, Sealer};
use tapedeck_kernel::account::{Account, AccountSpec};
use tapedeck_kernel::drive::{JournalSink, RunSummary, SimDriver};
use tapedeck_kernel::oms::Oms;
use tapedeck_kernel::spec::RunSpec;
use tapedeck_model::{CurrencyIx, Event, Instrument, Record};

/// A run, whole.
pub struct Played {
    /// The journal, decoded.
    pub records: Vec<Record>,
    /// The journal as it would stand in a file.
    pub bytes: Vec<u8>,
    /// The run's fingerprint.
    pub fingerprint: String,
    /// What the driver says of it.
    pub summary: RunSummary,
    /// The account at the end, as the kernel has it.
    pub account: Account,
    /// The orders at the end, as the kernel has them.
    pub oms: Oms,
}

/// Seals what comes and keeps it.
#[derive(Default)]
struct Memory {
    sealer: Option<Sealer>,
    bytes: Vec<u8>,
}

impl JournalSink for Memory {
    fn frame(&mut self, frame: RawFrame) -> Option<RawFrame> {
        self.sealer.get_or_insert_with(Sealer::new).seal(&frame, &mut self.bytes);
        Some(frame)
    }
}

/// The root of the repository.
///
/// # Panics
/// Never: the tests live one folder below it.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// Reference data outside of the repository: `$TAPEDECK_SHARED`, else `../shared`. `None`, said so,
/// where it is absent.
///
/// # Panics
/// If it is absent and `CI` is set.
pub fn shared(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("TAPEDECK_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let path = folder.join(path);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing", path.display());
    println!("skipped: {} is missing", path.display());
    None
}

/// Loads and assembles a scenario whose paths are relative to the scenarios' folder.
///
/// # Panics
/// With every problem found.
pub fn assembled(text: &str, overrides: &[String]) -> RunSpec {
    let registry = Registry::standard();
    let origin = Origin { file: "test.toml", text, overrides };
    let shown = |problems: tapedeck::Problems| -> Scenario {
        panic!("{}", problems.render(tapedeck::scenario::Colors::Off));
    };
    let scenario = Scenario::load(origin, &registry).unwrap_or_else(shown);
    match assemble(&scenario, &registry, &root().join("scenarios")) {
        Ok(Assembled { spec, .. }) => spec,
        Err(problems) => panic!("{}", problems.render(tapedeck::scenario::Colors::Off)),
    }
}

/// Plays a scenario on this thread.
///
/// # Panics
/// If it does not load or does not end well.
pub fn play(text: &str) -> Played {
    play_spec(assembled(text, &[]))
}

/// Plays a run on this thread.
///
/// # Panics
/// If it does not end well.
pub fn play_spec(spec: RunSpec) -> Played {
    let mut memory = Memory::default();
    let stop = AtomicBool::new(false);
    let ended = SimDriver::new(spec).and_then(|mut driver| {
        driver.play(&mut memory, &stop)?;
        let summary = driver.finish(&mut memory)?;
        let core = driver.core();
        Ok((summary, core.account().clone(), core.oms().clone()))
    });
    let (summary, account, oms) = ended.unwrap_or_else(|error| panic!("{error}"));
    let fingerprint = memory.sealer.map_or_else(String::new, |sealer| sealer.fingerprint().to_string());
    let records = decode(&memory.bytes);
    Played { records, bytes: memory.bytes, fingerprint, summary, account, oms }
}

/// The records of a sealed journal.
///
/// # Panics
/// If it is damaged.
pub fn decode(bytes: &[u8]) -> Vec<Record> {
    let mut reader = Reader::new(bytes);
    let mut records = Vec::new();
    loop {
        match reader.next_record() {
            Ok(Some(record)) => records.push(record),
            Ok(None) => return records,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The names that a journal declares.
#[derive(Debug, Default)]
pub struct Declared {
    /// Instruments by index.
    pub instruments: Vec<Instrument>,
    /// Currency codes by index.
    pub currencies: Vec<String>,
    /// Strategy ids by index.
    pub strategies: Vec<String>,
    /// In what equity is measured.
    pub base_currency: CurrencyIx,
}

/// Reads the declarations at the head of a journal.
pub fn declared(records: &[Record]) -> Declared {
    let mut found = Declared::default();
    for record in records {
        match &record.event {
            Event::RunStarted { base_currency, .. } => found.base_currency = *base_currency,
            Event::CurrencyDeclared { code, .. } => found.currencies.push(code.clone()),
            Event::InstrumentDeclared { instrument } => found.instruments.push((**instrument).clone()),
            Event::StrategyDeclared { id, .. } => found.strategies.push(id.clone()),
            _ => {}
        }
    }
    found
}

/// Account and orders as the fold of a journal alone.
///
/// # Panics
/// If an event cannot be applied.
pub fn fold(records: &[Record], spec: &AccountSpec) -> (Account, Oms) {
    let names = declared(records);
    let mut account = Account::new(spec, &names.instruments).unwrap_or_else(|error| panic!("{error}"));
    let mut oms = Oms::new(names.strategies.len(), names.instruments.len());
    for record in records {
        oms.apply(record.header.ts, &record.event);
        account.apply(&record.event).unwrap_or_else(|error| panic!("record {}: {error}", record.header.seq));
    }
    (account, oms)
}
