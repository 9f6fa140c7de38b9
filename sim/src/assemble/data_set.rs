//! One `[[data]]` section alone, as the `sim data` commands need it.

use std::path::Path;

use tapedeck_catalog::{CatalogError, DataKind, FileSpec};
use tapedeck_model::{Instrument, Source};

use super::data::{Refusal, data_kind, file_spec};
use super::{Builder, Tables, Variant, currencies};
use crate::failure::Failure;
use crate::registry::Registry;
use crate::scenario::{Item, Place, Problem, Scenario, did_you_mean, suggest};

/// What can be done about bars without volume.
const NO_VOLUME: &str = "fills are bound to a part of a bar's volume; for bars that have none write `participation = \"none\"` in [[venue]]";

/// The data that a scenario describes in one section.
pub struct DataSet {
    /// Whose they are.
    pub instrument: Instrument,
    /// What they are.
    pub kind: DataKind,
    /// Where they come from.
    pub origin: Origin,
}

/// Where data come from.
pub enum Origin {
    /// From files, whole: the scenario's period does not cut them.
    Files(Box<FileSpec>),
    /// From a generator, for the scenario's period.
    Generator(Box<dyn Source>),
}

/// The data named `name`; may be left out if the scenario has one `[[data]]`.
///
/// # Errors
/// [`Failure`] if there is no such section, or what its components found.
pub fn data_set(
    scenario: &Scenario,
    registry: &Registry,
    base_dir: &Path,
    name: Option<&str>,
) -> Result<DataSet, Failure> {
    let item = choose(scenario, name)?;
    let mut builder = Builder {
        scenario,
        registry,
        base_dir,
        seed: scenario.seed(),
        variant: Variant::default(),
        recordings: Vec::new(),
        quality: Vec::new(),
        problems: Vec::new(),
    };
    let built = builder.data_set(item);
    let mut problems = builder.problems;
    match built {
        Some(set) if problems.is_empty() => Ok(set),
        Some(_) | None => {
            if problems.is_empty() {
                problems.push(Problem::new("scenario::internal", "the data cannot be built", Place::Nowhere));
            }
            Err(scenario.problems(problems).into())
        }
    }
}

fn choose<'a>(scenario: &'a Scenario, name: Option<&str>) -> Result<&'a Item, Failure> {
    let names: Vec<String> = scenario.data.iter().filter_map(|item| item.own.text("name")).collect();
    let Some(name) = name else {
        return match scenario.data.as_slice() {
            [only] => Ok(only),
            _ => {
                let help = format!("known: {}", names.join(", "));
                Err(Failure::input_with_help("the scenario has more than one [[data]]: say which with --data", help))
            }
        };
    };
    let found = scenario.data.iter().find(|item| item.own.text("name").as_deref() == Some(name));
    found.ok_or_else(|| {
        let help = suggest(name, names.iter().map(String::as_str));
        Failure::input_with_help(format!("the scenario has no [[data]] named `{name}`"), help)
    })
}

impl Builder<'_> {
    fn data_set(&mut self, item: &Item) -> Option<DataSet> {
        let currencies = currencies::of(self.scenario);
        let instruments = self.instruments(&currencies)?;
        let tables = Tables { currencies, instruments };
        let ix = tables.instrument(&item.own.text("instrument")?)?;
        let instrument = tables.instruments.into_iter().find(|instrument| instrument.ix == ix)?;
        let kind = self.take(&item.own, data_kind(item))?;
        let origin = match item.parts.get("synthetic") {
            Some(chosen) => Origin::Generator(self.synthetic(item, chosen, &instrument)?),
            None => match file_spec(item, &instrument, self.base_dir, (None, None)) {
                Ok(spec) => Origin::Files(Box::new(spec)),
                Err(refusal) => {
                    self.refuse(item, refusal);
                    return None;
                }
            },
        };
        Some(DataSet { instrument, kind, origin })
    }

    /// Notes why data were refused.
    pub(super) fn refuse(&mut self, item: &Item, refusal: Refusal) {
        self.problems.push(match refusal {
            Refusal::Param(error) => item.own.refuse(&error),
            Refusal::Data(error) => {
                let key = if item.own.given("catalog") { "catalog" } else { "path" };
                let problem = Problem::new("data::refused", error.to_string(), item.own.place_of(key));
                match &*error {
                    CatalogError::NoVolume { .. } => problem.help(NO_VOLUME),
                    CatalogError::NoSeries { wanted, known, .. } => {
                        match did_you_mean(wanted, known.iter().map(String::as_str)) {
                            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
                            None => problem,
                        }
                    }
                    _ => problem,
                }
            }
        });
    }
}
