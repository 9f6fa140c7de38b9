//! Scenarios: one TOML text that describes a run completely.
//!
//! Enters: the text, overrides, the registry of components. Leaves: a [`Scenario`] in which every
//! default is explicit and sections are sorted by name, or every problem with its line. Invariants:
//! permuted sections give the same scenario; the printed scenario loads to itself.
//! Deliberately absent: files, and building the run (see [`crate::assemble`]).

use std::sync::Arc;

use crate::registry::Registry;

mod accounts;
mod canonical;
mod cross;
mod document;
pub mod layout;
mod problem;
mod resolve;
mod section;
mod transfers;
mod value;

pub use accounts::Account;
pub use document::Place;
pub use problem::{Colors, Problem, Problems, did_you_mean, suggest};
pub use section::{Chosen, Item, Section};
pub use value::print;

use document::{Entry, Value};
use layout::{Count, SECTIONS, SectionSpec};
pub(crate) use problem::Texts;
use section::Checker;

/// A checked scenario with every default in place. Lists are sorted by name.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// `[scenario]`.
    pub general: Item,
    /// `[[instrument]]`, by (venue, symbol).
    pub instruments: Vec<Item>,
    /// `[[data]]`, by name.
    pub data: Vec<Item>,
    /// `[[venue]]`, by name.
    pub venues: Vec<Item>,
    /// `[account]`.
    pub account: Item,
    /// `[[margin]]`, by instrument.
    pub margin: Vec<Item>,
    /// `[[transfer]]`, by venues and currency.
    pub transfers: Vec<Item>,
    /// `[[borrow]]`, by currency, then date.
    pub borrow: Vec<Item>,
    /// `[[strategy]]`, by id.
    pub strategies: Vec<Item>,
    /// `[[risk]]`, by rule, scope and parameters.
    pub risk: Vec<Item>,
    /// `[[incident]]`, by start and name.
    pub incidents: Vec<Item>,
    /// `[report]`.
    pub report: Item,
    texts: Arc<Texts>,
}

/// What a scenario is loaded from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The file's name, for messages.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Overrides `path=value`, applied in order before anything is checked.
    pub overrides: &'a [String],
}

impl Scenario {
    /// Reads, overrides, checks and completes a scenario.
    ///
    /// # Errors
    /// [`Problems`]: all that were found, each with its place.
    pub fn load(origin: Origin<'_>, registry: &Registry) -> Result<Self, Problems> {
        let texts = Arc::new(Texts {
            file: origin.file.to_owned(),
            text: origin.text.to_owned(),
            overrides: origin.overrides.to_vec(),
        });
        let root = parse_and_override(origin).map_err(|problems| Problems::new(Arc::clone(&texts), problems))?;
        let mut checker = Checker { registry, problems: Vec::new() };
        check_headers(&root, &mut checker.problems);
        let mut scenario = read_sections(&root, &mut checker, Arc::clone(&texts));
        let mut problems = checker.problems;
        resolve::complete(&mut scenario, &mut problems);
        cross::check(&scenario, &mut problems);
        if !problems.is_empty() {
            return Err(Problems::new(texts, problems));
        }
        scenario.sort();
        Ok(scenario)
    }

    /// The data of one kind.
    pub(crate) fn data_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Item> {
        self.data.iter().filter(move |data| data.own.text("kind").as_deref() == Some(kind))
    }

    /// The scenario as TOML, every default explicit.
    pub fn to_toml(&self) -> String {
        canonical::to_toml(self)
    }

    /// BLAKE3 of [`Scenario::to_toml`] without the keys that change nothing of the run itself.
    pub fn hash(&self) -> [u8; 32] {
        let text = canonical::to_toml_without(self, &layout::BESIDE_THE_RUN);
        *blake3::hash(text.as_bytes()).as_bytes()
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.general.own.text("name").unwrap_or_default()
    }

    /// The seed of every random stream.
    pub fn seed(&self) -> u64 {
        self.general.own.params.int("seed").map_or(0, i64::unsigned_abs)
    }

    /// The overrides that were applied.
    pub fn overrides(&self) -> &[String] {
        &self.texts.overrides
    }

    /// Problems found after loading, with this scenario's text.
    pub fn problems(&self, list: Vec<Problem>) -> Problems {
        Problems::new(Arc::clone(&self.texts), list)
    }

    /// Sections with their specification, in the order in which they are printed.
    fn sections(&self) -> [(&'static SectionSpec, &[Item]); 12] {
        let one = std::slice::from_ref;
        [
            (&layout::SCENARIO, one(&self.general)),
            (&layout::INSTRUMENT, &self.instruments),
            (&layout::DATA, &self.data),
            (&layout::VENUE, &self.venues),
            (&layout::ACCOUNT, if self.has_venue_accounts() { &[] } else { one(&self.account) }),
            (&layout::MARGIN, &self.margin),
            (&layout::TRANSFER, &self.transfers),
            (&layout::BORROW, &self.borrow),
            (&layout::STRATEGY, &self.strategies),
            (&layout::RISK, &self.risk),
            (&layout::INCIDENT, &self.incidents),
            (&layout::REPORT, one(&self.report)),
        ]
    }

    fn sort(&mut self) {
        let text = |item: &Item, key: &str| item.own.text(key).unwrap_or_default();
        self.instruments.sort_by_key(|item| (text(item, "venue"), text(item, "symbol")));
        self.data.sort_by_key(|item| text(item, "name"));
        self.venues.sort_by_key(|item| text(item, "name"));
        self.margin.sort_by_key(|item| text(item, "instrument"));
        self.transfers.sort_by_key(|item| (text(item, "from"), text(item, "to"), text(item, "currency")));
        self.borrow.sort_by_key(|item| (text(item, "currency"), item.own.params.time_opt("from").ok().flatten()));
        self.strategies.sort_by_key(|item| text(item, "id"));
        self.risk.sort_by_key(|item| {
            let params = item.inline.iter().flat_map(|chosen| chosen.section.params.iter());
            let params: Vec<String> = params.map(|(name, value)| format!("{name}={}", value::print(value))).collect();
            (text(item, "rule"), text(item, "strategy"), params)
        });
        self.incidents.sort_by_key(|item| (item.own.params.time("start").ok(), text(item, "name")));
    }
}

fn parse_and_override(origin: Origin<'_>) -> Result<Vec<Entry>, Vec<Problem>> {
    let mut root = document::parse(origin.text).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    for (number, text) in origin.overrides.iter().enumerate() {
        if let Err(problem) = document::apply_override(&mut root, text, number) {
            problems.push(problem);
        }
    }
    if problems.is_empty() { Ok(root) } else { Err(problems) }
}

/// Sections that do not exist, and sections that must be there.
fn check_headers(root: &[Entry], problems: &mut Vec<Problem>) {
    for entry in root {
        let Some(spec) = SECTIONS.iter().find(|spec| spec.name == entry.key) else {
            let message = format!("a scenario has no section `{}`", entry.key);
            let help = suggest(&entry.key, SECTIONS.iter().map(|spec| spec.name));
            let problem = Problem::new("scenario::unknown_section", message, entry.key_place.clone());
            problems.push(problem.label("not a section").help(help));
            continue;
        };
        let is_list = matches!(entry.node.value, Value::List(_));
        if is_list == (spec.count == Count::One) {
            let (right, wrong) = (format!("[{}]", spec.name), format!("[[{}]]", spec.name));
            let (right, wrong) = if is_list { (right, wrong) } else { (wrong, right) };
            let message = format!("`{}` must be written {right}, not {wrong}", spec.name);
            let problem = Problem::new("scenario::wrong_header", message, entry.node.place.clone());
            problems.push(problem.help(format!("write {right}")));
        }
    }
    for spec in SECTIONS {
        let needed = spec.count == Count::Some || spec.keys().any(|key| key.default.is_none() && !key.optional);
        let required = spec.count != Count::Any && needed;
        if required && !root.iter().any(|entry| entry.key == spec.name && !is_empty_list(&entry.node.value)) {
            let header =
                if spec.count == Count::One { format!("[{}]", spec.name) } else { format!("[[{}]]", spec.name) };
            let problem = Problem::new("scenario::missing_section", format!("{header} is missing"), Place::Nowhere);
            problems.push(problem.help(format!("{} See `sim list scenario`.", spec.help)));
        }
    }
}

fn is_empty_list(value: &Value) -> bool {
    matches!(value, Value::List(items) if items.is_empty())
}

fn read_sections(root: &[Entry], checker: &mut Checker<'_>, texts: Arc<Texts>) -> Scenario {
    let mut list = |spec: &SectionSpec| -> Vec<Item> {
        let entry = root.iter().find(|entry| entry.key == spec.name);
        match entry.map(|entry| &entry.node) {
            Some(node) => match &node.value {
                Value::List(items) if spec.count != Count::One => {
                    items.iter().map(|node| checker.item(spec, node)).collect()
                }
                Value::Table(_) if spec.count == Count::One => vec![checker.item(spec, node)],
                // The wrong kind of header is already reported.
                _ => Vec::new(),
            },
            // Defaults; what is missing altogether is already reported.
            None if spec.count == Count::One => {
                let empty = document::Node { value: Value::Table(Vec::new()), place: Place::Nowhere };
                let before = checker.problems.len();
                let item = checker.item(spec, &empty);
                checker.problems.truncate(before);
                vec![item]
            }
            None => Vec::new(),
        }
    };
    let mut one = |spec: &SectionSpec| list(spec).pop().unwrap_or_default();
    let (general, account, report) = (one(&layout::SCENARIO), one(&layout::ACCOUNT), one(&layout::REPORT));
    Scenario {
        general,
        account,
        report,
        instruments: list(&layout::INSTRUMENT),
        data: list(&layout::DATA),
        venues: list(&layout::VENUE),
        margin: list(&layout::MARGIN),
        transfers: list(&layout::TRANSFER),
        borrow: list(&layout::BORROW),
        strategies: list(&layout::STRATEGY),
        risk: list(&layout::RISK),
        incidents: list(&layout::INCIDENT),
        texts,
    }
}
