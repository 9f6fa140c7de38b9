//! A scenario's text as a tree in which every key and value knows its place.
//!
//! Enters: TOML text, and overrides from the command line. Leaves: [`Node`]s with [`Place`]s.
//! Numbers keep their text, so that a decimal never passes through a float. Deliberately absent:
//! any idea of what the keys mean.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::problem::Problem;

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Place {
    /// Bytes of the scenario's text.
    File(Range<usize>),
    /// The override with this number.
    Override(usize),
    /// Nowhere: a default.
    #[default]
    Nowhere,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it stands; of a table: its header.
    pub place: Place,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_place: Place,
    /// The value.
    pub node: Node,
}

/// A TOML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Any other number, as written.
    Number(String),
    /// True or false.
    Bool(bool),
    /// A TOML date or date-time, as text.
    Time(String),
    /// A list.
    List(Vec<Node>),
    /// A table, in the order of the text.
    Table(Vec<Entry>),
}

impl Value {
    /// What it is, for messages.
    pub fn describe(&self) -> String {
        match self {
            Self::Text(text) => format!("the text \"{text}\""),
            Self::Int(number) => format!("the number {number}"),
            Self::Number(text) => format!("the number {text}"),
            Self::Bool(value) => format!("{value}"),
            Self::Time(text) => format!("the time {text}"),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}

/// Reads a scenario's text.
///
/// # Errors
/// A [`Problem`] at the first place that is not TOML.
pub fn parse(text: &str) -> Result<Vec<Entry>, Problem> {
    let table = DeTable::parse(text).map_err(|error| {
        let place = error.span().map_or(Place::Nowhere, Place::File);
        Problem::new("scenario::syntax", format!("this is not TOML: {}", error.message().trim()), place)
    })?;
    Ok(entries(table.get_ref(), &Place::File))
}

/// Reads the value of an override: TOML where it is TOML, else the text itself.
fn parse_override(text: &str, number: usize) -> Value {
    DeValue::parse(text).map_or_else(
        |_| Value::Text(text.to_owned()),
        |value| node_value(value.get_ref(), &|_| Place::Override(number)),
    )
}

fn entries(table: &DeTable<'_>, place: &dyn Fn(Range<usize>) -> Place) -> Vec<Entry> {
    table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_place: place(key.span()),
            node: Node { value: node_value(value.get_ref(), place), place: place(value.span()) },
        })
        .collect()
}

fn node_value(value: &DeValue<'_>, place: &dyn Fn(Range<usize>) -> Place) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Number(number.to_string()), Value::Int),
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(time) => Value::Time(time.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| Node { value: node_value(item.get_ref(), place), place: place(item.span()) })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(entries(table, place)),
    }
}

/// Keys by which an element of a `[[section]]` can be named in an override, besides its index.
const NAMING_KEYS: [&str; 6] = ["id", "name", "symbol", "type", "rule", "instrument"];

/// Applies one override `path=value`, for example `strategy.0.fast=10` or `strategy.sma.fast=10`.
///
/// # Errors
/// A [`Problem`] if it has no `=` or names an element that there is not.
pub fn apply_override(root: &mut Vec<Entry>, text: &str, number: usize) -> Result<(), Problem> {
    let bad = |message: String| {
        Problem::new("scenario::override", message, Place::Override(number))
            .help("write for example `--set strategy.0.fast=10` or `--set strategy.sma.fast=10`")
    };
    let (path, value) = text.split_once('=').ok_or_else(|| bad(format!("`{text}` has no `=`")))?;
    let steps: Vec<&str> = path.trim().split('.').map(str::trim).collect();
    if steps.len() < 2 || steps.iter().any(|step| step.is_empty()) {
        return Err(bad(format!("`{path}` does not name a key of a section")));
    }
    let node = Node { value: parse_override(value.trim(), number), place: Place::Override(number) };
    set(root, &steps, node).map_err(bad)
}

fn set(table: &mut Vec<Entry>, steps: &[&str], node: Node) -> Result<(), String> {
    let [step, rest @ ..] = steps else { return Err("the path ends at a table".to_owned()) };
    let at = table.iter().position(|entry| entry.key == *step);
    if rest.is_empty() {
        match at.and_then(|at| table.get_mut(at)) {
            Some(entry) => {
                entry.key_place = node.place.clone();
                entry.node = node;
            }
            None => table.push(Entry { key: (*step).to_owned(), key_place: node.place.clone(), node }),
        }
        return Ok(());
    }
    let at = at.unwrap_or_else(|| {
        let place = node.place.clone();
        let empty = Node { value: Value::Table(Vec::new()), place: place.clone() };
        table.push(Entry { key: (*step).to_owned(), key_place: place, node: empty });
        table.len() - 1
    });
    match table.get_mut(at).map(|entry| &mut entry.node.value) {
        Some(Value::Table(inner)) => set(inner, rest, node),
        Some(Value::List(items)) => set_in_list(items, step, rest, node),
        Some(_) | None => Err(format!("`{step}` is not a table")),
    }
}

fn set_in_list(items: &mut [Node], section: &str, steps: &[&str], node: Node) -> Result<(), String> {
    let [selector, rest @ ..] = steps else { return Err(format!("`{section}` is a list: say which element")) };
    let chosen = match selector.parse::<usize>() {
        Ok(index) => items.get(index).map(|_| index),
        Err(_) => NAMING_KEYS.iter().find_map(|key| items.iter().position(|item| is_named(item, key, selector))),
    };
    match chosen.and_then(|at| items.get_mut(at)).map(|item| &mut item.value) {
        Some(Value::Table(inner)) => set(inner, rest, node),
        Some(_) => Err(format!("`{section}.{selector}` is not a table")),
        None => Err(format!("there is no `{section}` number or name `{selector}` ({} in the file)", items.len())),
    }
}

fn is_named(item: &Node, key: &str, name: &str) -> bool {
    let Value::Table(entries) = &item.value else { return false };
    entries.iter().any(|entry| entry.key == key && entry.node.value == Value::Text(name.to_owned()))
}
