//! What the tests of the whole house share: playing a scenario on one thread, in memory.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use tapedeck::assemble::{Assembled, Variant, assemble_variant};
use tapedeck::{Origin, Registry, Scenario};
use tapedeck_journal::{Bookmark, Defect, RawFrame, Reader, Sealer};
use tapedeck_kernel::account::{AccountKind, Accounts, AccountsSpec};
use tapedeck_kernel::drive::{JournalSink, RunSummary, SimDriver};
use tapedeck_kernel::margin::MarginBook;
use tapedeck_kernel::oms::Oms;
use tapedeck_kernel::run::Core;
use tapedeck_kernel::spec::RunSpec;
use tapedeck_kernel::venue::SimVenue;
use tapedeck_model::{Amount, ClientOrderId, CurrencyIx, Event, Instrument, Record, Ts};

pub mod soak;

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
    /// The accounts at the end, as the kernel has them.
    pub accounts: Accounts,
    /// The orders at the end, as the kernel has them.
    pub oms: Oms,
    /// What each venue has for us at the end, by currency; `None` where it does not look at balances, or looks at
    /// margin.
    pub venue_balances: Vec<Option<Vec<Amount>>>,
    /// Wallets and positions of each margin account at the end, as its venue has them.
    pub venue_margins: Vec<Option<MarginBook>>,
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

impl Memory {
    fn played(self, summary: RunSummary, driver: &SimDriver) -> Played {
        let core = driver.core();
        let fingerprint = self.sealer.map_or_else(String::new, |sealer| sealer.fingerprint().to_string());
        let records = decode(&self.bytes);
        let (accounts, oms) = (core.accounts().clone(), core.oms().clone());
        let venue_margins = driver.venues().iter().map(|venue| venue.margin_book().cloned()).collect();
        let currencies = declared(&records).currencies.len() as u16;
        let balances = |venue: &SimVenue| {
            let balance = |ix| venue.withdrawable(Ts::MAX, CurrencyIx(ix));
            if venue.margin_book().is_some() { None } else { (0..currencies).map(balance).collect() }
        };
        let venue_balances = driver.venues().iter().map(balances).collect();
        Played { records, bytes: self.bytes, fingerprint, summary, accounts, oms, venue_balances, venue_margins }
    }
}

/// How fine a checked run was looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turns {
    /// Turns that wrote to the journal, the end of the run among them.
    pub writing: u64,
    /// Those of them whose records belong to more than one input.
    pub of_many_inputs: u64,
}

/// A checked run's orders are compared whole at every turn as long as the journal has fewer records,
/// then at every second turn for as many, and so on.
const WHOLE_EVERY: u64 = 128;

/// Folds a journal while it is written.
struct Audit {
    memory: Memory,
    folded: Folded,
    inputs: u64,
    turns: Turns,
}

impl JournalSink for Audit {
    fn frame(&mut self, frame: RawFrame) -> Option<RawFrame> {
        self.folded.take(&frame);
        self.memory.frame(frame)
    }
}

impl Audit {
    /// The account, and the orders that the new records are about; the others too, ever more seldom
    /// as there are more of them: no record would make them right again, so a difference would still
    /// be there.
    fn check(&mut self, core: &Core) {
        self.folded.take(core.open_frame());
        let seq = self.folded.next_seq;
        assert_eq!(seq, core.counts().events, "records of the core that were not to be seen");
        let inputs = self.folded.inputs - self.inputs;
        self.inputs = self.folded.inputs;
        if inputs == 0 {
            return;
        }
        self.turns.writing += 1;
        self.turns.of_many_inputs += u64::from(inputs > 1);
        let touched = std::mem::take(&mut self.folded.touched);
        let (accounts, oms) = self.folded.state();
        assert!(accounts == core.accounts(), "before record {seq} the accounts are not the fold of the journal");
        assert_eq!(oms.open_orders(), core.oms().open_orders(), "before record {seq}: open orders");
        for order in &touched {
            assert_eq!(oms.order(*order), core.oms().order(*order), "before record {seq}: order {order}");
        }
        self.folded.touched = touched;
        self.folded.touched.clear();
        if self.turns.writing.is_multiple_of(1 + seq / WHOLE_EVERY) {
            self.check_whole(core);
        }
    }

    fn check_whole(&mut self, core: &Core) {
        let seq = self.folded.next_seq;
        assert!(self.folded.state().1 == core.oms(), "before record {seq} the orders are not the fold of the journal");
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
    assembled_as(text, overrides, Variant::default())
}

/// The same with other assumptions than the scenario's.
///
/// # Panics
/// As [`assembled`].
pub fn assembled_as(text: &str, overrides: &[String], variant: Variant) -> RunSpec {
    let registry = Registry::standard();
    let origin = Origin { file: "test.toml", text, overrides };
    let shown = |problems: tapedeck::Problems| -> Scenario {
        panic!("{}", problems.render(tapedeck::scenario::Colors::Off));
    };
    let scenario = Scenario::load(origin, &registry).unwrap_or_else(shown);
    match assemble_variant(&scenario, &registry, &root().join("scenarios"), variant) {
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
        Ok(memory.played(summary, &driver))
    });
    ended.unwrap_or_else(|error| panic!("{error}"))
}

/// Plays a scenario turn by turn, and holds the account and the orders of the running core against
/// the fold of the journal so far: before the first turn, after each one, and at the end. The fold
/// goes along: it takes only the records that a turn added.
///
/// # Panics
/// If it does not load or does not end well, or if state is not the fold.
pub fn play_checked(text: &str) -> (Played, Turns) {
    play_spec_checked(assembled(text, &[]))
}

/// The same for a run.
///
/// # Panics
/// If it does not end well, or if state is not the fold.
pub fn play_spec_checked(spec: RunSpec) -> (Played, Turns) {
    let folded = Folded::new(kinds(&spec));
    let mut audit = Audit { memory: Memory::default(), folded, inputs: 0, turns: Turns::default() };
    let ended = SimDriver::new(spec).and_then(|mut driver| {
        audit.check(driver.core());
        driver.begin()?;
        audit.check(driver.core());
        while driver.turn(&mut audit)? {
            audit.check(driver.core());
        }
        let summary = driver.finish(&mut audit)?;
        audit.check(driver.core());
        audit.check_whole(driver.core());
        Ok((audit.memory.played(summary, &driver), audit.turns))
    });
    ended.unwrap_or_else(|error| panic!("{error}"))
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

/// The kind of account at each venue.
pub fn kinds(spec: &RunSpec) -> Vec<AccountKind> {
    spec.accounts.iter().map(|account| account.kind).collect()
}

/// Accounts and orders as a journal alone makes them, with accounts of these kinds by venue.
///
/// # Panics
/// If a record is missing or cannot be applied.
pub fn refold(records: &[Record], kinds: Vec<AccountKind>) -> (Accounts, Oms) {
    let mut folded = Folded::new(kinds);
    for record in records {
        folded.note(record);
    }
    let (accounts, oms) = folded.state();
    (accounts.clone(), oms.clone())
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
    /// Names of venues by index, where there are several.
    pub venues: Vec<String>,
    /// In what equity is measured.
    pub base_currency: CurrencyIx,
}

impl Declared {
    /// Takes in an event; whether it was a declaration.
    fn take(&mut self, event: &Event) -> bool {
        match event {
            Event::RunStarted { base_currency, .. } => self.base_currency = *base_currency,
            Event::CurrencyDeclared { code, .. } => self.currencies.push(code.clone()),
            Event::InstrumentDeclared { instrument } => self.instruments.push((**instrument).clone()),
            Event::StrategyDeclared { id, .. } => self.strategies.push(id.clone()),
            Event::VenueDeclared { name, .. } => self.venues.push(name.clone()),
            Event::RuleDeclared { .. } | Event::SourceDeclared { .. } => {}
            _ => return false,
        }
        true
    }
}

/// Reads the declarations at the head of a journal.
pub fn declared(records: &[Record]) -> Declared {
    let mut found = Declared::default();
    for record in records {
        found.take(&record.event);
    }
    found
}

/// Account and orders as the fold of a journal alone.
struct Folded {
    kinds: Vec<AccountKind>,
    names: Declared,
    /// There once the declarations are read.
    state: Option<(Accounts, Oms)>,
    next_seq: u64,
    place: Bookmark,
    /// Number of the last input that wrote, and how many inputs did.
    last_input: u64,
    inputs: u64,
    /// Orders that records are about which were not yet looked at.
    touched: Vec<ClientOrderId>,
}

impl Folded {
    fn new(kinds: Vec<AccountKind>) -> Self {
        Self {
            kinds,
            names: Declared::default(),
            state: None,
            next_seq: 0,
            place: Bookmark::default(),
            last_input: 0,
            inputs: 0,
            touched: Vec::new(),
        }
    }

    /// Takes the records of a frame that were not taken before.
    fn take(&mut self, frame: &RawFrame) {
        let taken = frame.visit_from(self.place, |record| {
            self.note(record);
            Ok::<(), Defect>(())
        });
        self.place = taken.unwrap_or_else(|defect| panic!("{defect}"));
    }

    fn note(&mut self, Record { header, event }: &Record) {
        assert_eq!(header.seq, self.next_seq, "a record was passed over");
        self.next_seq += 1;
        self.inputs += u64::from(header.input > self.last_input);
        self.last_input = header.input;
        self.touched.extend(event.client_order_id());
        if self.state.is_some() || !self.names.take(event) {
            let (accounts, oms) = self.state();
            oms.apply(header.ts, event);
            accounts.apply(event).unwrap_or_else(|error| panic!("record {}: {error}", header.seq));
        }
    }

    fn state(&mut self) -> (&mut Accounts, &mut Oms) {
        let Self { kinds, names, state, .. } = self;
        let (accounts, oms) = state.get_or_insert_with(|| {
            let (strategies, currencies) = (names.strategies.len(), names.currencies.len());
            // One venue is not declared.
            let name = |at: usize| names.venues.get(at).cloned().unwrap_or_default();
            let venues = kinds.iter().enumerate().map(|(at, kind)| (name(at), *kind)).collect();
            let spec = AccountsSpec { venues, strategies, base_currency: names.base_currency, currencies };
            let accounts = Accounts::new(&spec, &names.instruments).unwrap_or_else(|error| panic!("{error}"));
            (accounts, Oms::new(strategies, names.instruments.len()))
        });
        (accounts, oms)
    }
}
