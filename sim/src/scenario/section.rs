//! Tables of a scenario against the tables of [`super::layout`] and of the components.
//!
//! Leaves: [`Item`]s whose parameters are checked and whose constant defaults are filled in. Every
//! problem is collected; a wrong value is left out, and the rest is still checked.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_model::param::{ParamError, ParamSpec, ParamValue, Params};

use crate::registry::{Described, Family, Registry};

use super::document::{Entry, Node, Place, Value};
use super::layout::{PartSpec, RowSpec, SectionSpec};
use super::problem::{Problem, suggest};
use super::value;

/// Checked parameters, and where they stand.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// The parameters.
    pub params: Params,
    /// Where the table stands.
    pub place: Place,
    places: BTreeMap<String, Place>,
    /// Keys that were given a value that is wrong.
    wrong: BTreeSet<String>,
}

/// A chosen component with its parameters.
#[derive(Debug, Clone, Default)]
pub struct Chosen {
    /// Its name.
    pub name: String,
    /// Its parameters.
    pub section: Section,
}

/// One section of the scenario.
#[derive(Debug, Clone, Default)]
pub struct Item {
    /// Its own parameters.
    pub own: Section,
    /// The component that it chooses itself.
    pub inline: Option<Chosen>,
    /// Components chosen by tables in it.
    pub parts: BTreeMap<&'static str, Chosen>,
    /// Tables listed in it.
    pub rows: Vec<Section>,
}

impl Section {
    /// Where a key stands; the table's header if it was not given.
    pub fn place_of(&self, key: &str) -> Place {
        self.places.get(key).unwrap_or(&self.place).clone()
    }

    /// Whether the key was given, right or wrong.
    pub fn given(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// The text of a key, if it has one.
    pub fn text(&self, key: &str) -> Option<String> {
        self.params.text_opt(key).ok().flatten()
    }

    /// The texts of a key; empty if it has none.
    pub fn texts(&self, key: &str) -> Vec<String> {
        self.params.texts_opt(key).ok().flatten().unwrap_or_default()
    }

    /// Sets a default that depends on other keys, unless the key was given.
    pub fn default_to(&mut self, key: &str, value: impl FnOnce() -> Option<ParamValue>) {
        if !self.params.contains(key)
            && !self.wrong.contains(key)
            && let Some(value) = value()
        {
            self.params.insert(key, value);
        }
    }

    /// A problem with one key that a component found.
    pub fn refuse(&self, error: &ParamError) -> Problem {
        let message = if error.name.is_empty() { error.problem.clone() } else { error.to_string() };
        Problem::new("scenario::refused", message, self.place_of(&error.name))
    }
}

/// Reads tables and collects what is wrong with them.
pub struct Checker<'a> {
    /// The components that can be chosen.
    pub registry: &'a Registry,
    /// What is wrong so far.
    pub problems: Vec<Problem>,
}

impl Checker<'_> {
    /// Reads one section.
    pub fn item(&mut self, spec: &SectionSpec, node: &Node) -> Item {
        let Value::Table(entries) = &node.value else {
            let message = format!("`{}` must be a table, not {}", spec.name, node.value.describe());
            self.problems.push(Problem::new("scenario::wrong_type", message, node.place.clone()));
            return Item::default();
        };
        let title = spec.name;
        let nested: Vec<&str> = spec.parts.iter().map(|part| part.key).chain(spec.rows.map(|rows| rows.key)).collect();
        let inline = spec.inline.and_then(|inline| self.choose(entries, inline.selector, inline.family));
        let mut known: Vec<ParamSpec> = spec.keys().copied().collect();
        let own_count = known.len();
        if let Some(component) = &inline {
            known.extend(component.params);
        }
        let unknown_component = spec.inline.is_some() && inline.is_none();
        let mut own = self.section(title, &known, entries, &node.place);
        if !unknown_component {
            self.unknown_keys(title, &known, &nested, entries);
        }
        let inline = inline.map(|component| {
            let specs = known.get(own_count..).unwrap_or_default();
            Chosen { name: component.name.to_owned(), section: split_off(&mut own, specs) }
        });
        let parts = spec.parts.iter().filter_map(|part| Some((part.key, self.part(part, entries, &node.place)?)));
        let parts = parts.collect();
        let rows = spec.rows.map(|rows| self.rows(&rows, entries)).unwrap_or_default();
        Item { own, inline, parts, rows }
    }

    /// The component that `selector` names; complains if there is no such component.
    fn choose(&mut self, entries: &[Entry], selector: &str, family: Family) -> Option<Described> {
        let node = &entries.iter().find(|entry| entry.key == selector)?.node;
        // A selector that is not a text is reported with the other keys.
        let Value::Text(name) = &node.value else { return None };
        let members = self.registry.described(family);
        let found = members.iter().find(|member| member.name == name);
        if found.is_none() {
            let message = format!("there is no {} `{name}`", family.word());
            let help = suggest(name, members.iter().map(|member| member.name));
            let known = members.iter().map(|member| member.name).collect::<Vec<_>>().join(", ");
            let problem = Problem::new("scenario::unknown_component", message, node.place.clone());
            self.problems.push(problem.label(format!("known: {known}")).help(help));
        }
        found.copied()
    }

    /// A table that chooses a component, or the default.
    fn part(&mut self, part: &PartSpec, entries: &[Entry], header: &Place) -> Option<Chosen> {
        let entry = entries.iter().find(|entry| entry.key == part.key);
        let Some(entry) = entry else {
            let name = part.default?;
            let component = self.registry.described(part.family).into_iter().find(|member| member.name == name);
            let component = component.unwrap_or_else(|| panic!("the default `{name}` of `{}` is registered", part.key));
            let section = self.section(part.key, component.params, &[], header);
            return Some(Chosen { name: name.to_owned(), section });
        };
        let Value::Table(inner) = &entry.node.value else {
            let message = format!("`{}` must be a table, not {}", part.key, entry.node.value.describe());
            let help = format!("write `{} = {{ {} = \"...\" }}`", part.key, part.selector);
            let problem = Problem::new("scenario::wrong_type", message, entry.node.place.clone());
            self.problems.push(problem.help(help));
            return None;
        };
        let selector = [ParamSpec::required(part.selector, tapedeck_model::ParamKind::Text, "", "Which one.")];
        let mut section = self.section(part.key, &selector, inner, &entry.node.place);
        let component = self.choose(inner, part.selector, part.family)?;
        let mut known = selector.to_vec();
        known.extend(component.params);
        self.unknown_keys(part.key, &known, &[], inner);
        let values = self.section(part.key, component.params, inner, &entry.node.place);
        section.params = values.params;
        section.places.extend(values.places);
        Some(Chosen { name: component.name.to_owned(), section })
    }

    fn rows(&mut self, spec: &RowSpec, entries: &[Entry]) -> Vec<Section> {
        let Some(entry) = entries.iter().find(|entry| entry.key == spec.key) else { return Vec::new() };
        let Value::List(items) = &entry.node.value else {
            let message = format!("`{}` must be a list of tables, not {}", spec.key, entry.node.value.describe());
            self.problems.push(Problem::new("scenario::wrong_type", message, entry.node.place.clone()));
            return Vec::new();
        };
        let mut rows = Vec::with_capacity(items.len());
        for item in items {
            if let Value::Table(inner) = &item.value {
                self.unknown_keys(spec.key, spec.params, &[], inner);
                rows.push(self.section(spec.key, spec.params, inner, &item.place));
            } else {
                let message = format!("an element of `{}` must be a table, not {}", spec.key, item.value.describe());
                self.problems.push(Problem::new("scenario::wrong_type", message, item.place.clone()));
            }
        }
        rows
    }

    /// Values and constant defaults of the keys in `specs`; other keys are left alone.
    fn section(&mut self, title: &str, specs: &[ParamSpec], entries: &[Entry], header: &Place) -> Section {
        let mut section = Section { place: header.clone(), ..Section::default() };
        for spec in specs {
            let Some(entry) = entries.iter().find(|entry| entry.key == spec.name) else {
                match spec.default {
                    Some(text) => section.params.insert(spec.name, value::read_default(spec.name, &spec.kind, text)),
                    None if spec.optional => {}
                    None => self.problems.push(missing(title, spec, header)),
                }
                continue;
            };
            section.places.insert(spec.name.to_owned(), entry.node.place.clone());
            match value::read(spec.name, &spec.kind, &entry.node) {
                Ok(value) => section.params.insert(spec.name, value),
                Err(problem) => {
                    let hint = hint(spec);
                    self.problems.push(Problem { label: hint, ..problem });
                    section.wrong.insert(spec.name.to_owned());
                }
            }
        }
        section
    }

    fn unknown_keys(&mut self, title: &str, specs: &[ParamSpec], nested: &[&str], entries: &[Entry]) {
        let known = || specs.iter().map(|spec| spec.name).chain(nested.iter().copied());
        for entry in entries {
            if known().any(|name| name == entry.key) {
                continue;
            }
            let message = format!("`{title}` has no key `{}`", entry.key);
            let problem = Problem::new("scenario::unknown_key", message, entry.key_place.clone());
            let names: Vec<&str> = known().collect();
            self.problems.push(problem.label("not a key").help(suggest(&entry.key, names.iter().copied())));
        }
    }
}

fn missing(title: &str, spec: &ParamSpec, header: &Place) -> Problem {
    let message = format!("`{title}` needs `{}`", spec.name);
    Problem::new("scenario::missing_key", message, header.clone())
        .label(format!("`{}` is missing", spec.name))
        .help(hint(spec))
}

/// What a key is, in a few words.
fn hint(spec: &ParamSpec) -> String {
    if spec.unit.is_empty() { spec.help.to_owned() } else { format!("{} ({})", spec.help, spec.unit) }
}

/// Moves the parameters in `specs` out of `own`.
fn split_off(own: &mut Section, specs: &[ParamSpec]) -> Section {
    let mut taken = Section { place: own.place.clone(), ..Section::default() };
    let mut kept = Params::new();
    for (name, value) in own.params.iter() {
        let moved = specs.iter().any(|spec| spec.name == name);
        let into = if moved { &mut taken.params } else { &mut kept };
        into.insert(name, value.clone());
    }
    own.params = kept;
    for spec in specs {
        if let Some(place) = own.places.remove(spec.name) {
            taken.places.insert(spec.name.to_owned(), place);
        }
    }
    taken
}
