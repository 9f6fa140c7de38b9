//! Parameters of named components: name, type, unit, default and help in one place.
//!
//! The scenario loader checks keys and types against these tables, `sim list` prints them and
//! `sim schema` turns them into JSON schema, so the three can not disagree.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use thiserror::Error;

use crate::time::{Span, Ts};

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ParamKind {
    /// A whole number within bounds, both included.
    Int {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// An exact decimal within bounds, both included, written as text in the tables.
    Decimal {
        /// Smallest.
        min: &'static str,
        /// Largest.
        max: &'static str,
    },
    /// True or false.
    Bool,
    /// Any text.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A span such as `250ms`.
    Span,
    /// A time such as `2022-01-01T00:00:00Z`.
    Time,
    /// A list of texts; a single text is a list of one.
    Texts,
    /// A list of exact decimals within bounds, both included; a single one is a list of one.
    DecimalList {
        /// Smallest.
        min: &'static str,
        /// Largest.
        max: &'static str,
    },
    /// A table of text to exact decimal, for example `{ USD = "10000" }`.
    Decimals,
    /// A table of text to text, for example column names.
    TextMap,
}

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParamSpec {
    /// Key in the scenario.
    pub name: &'static str,
    /// Type and bounds.
    pub kind: ParamKind,
    /// Default as it would be written in the scenario; `None`: it must be given, unless `optional`.
    pub default: Option<&'static str>,
    /// Whether it may be absent without a default.
    pub optional: bool,
    /// Unit, for people: `bars`, `bps of price`, `base units`; empty for none.
    pub unit: &'static str,
    /// What it does, one sentence.
    pub help: &'static str,
}

impl ParamSpec {
    /// A parameter that must be given.
    pub const fn required(name: &'static str, kind: ParamKind, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind, default: None, optional: false, unit, help }
    }

    /// A parameter that may be absent and then has no value.
    pub const fn optional(name: &'static str, kind: ParamKind, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind, default: None, optional: true, unit, help }
    }

    /// The same with a default, as it would be written in the scenario (texts without quotes).
    pub const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    /// Whole number.
    Int(i64),
    /// Exact decimal.
    Decimal(Decimal),
    /// True or false.
    Bool(bool),
    /// Text or choice.
    Text(String),
    /// Span.
    Span(Span),
    /// Time.
    Time(Ts),
    /// List of texts.
    Texts(Vec<String>),
    /// List of decimals.
    DecimalList(Vec<Decimal>),
    /// Text to decimal.
    Decimals(BTreeMap<String, Decimal>),
    /// Text to text.
    TextMap(BTreeMap<String, String>),
}

/// Why a component cannot be built from its parameters.
///
/// The loader turns it into a diagnostic that points at the parameter's line.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{name}: {problem}")]
pub struct ParamError {
    /// Which parameter; empty for the component as a whole.
    pub name: String,
    /// What is wrong, what was expected.
    pub problem: String,
}

impl ParamError {
    /// A problem with one parameter.
    pub fn new(name: &str, problem: impl Into<String>) -> Self {
        Self { name: name.to_owned(), problem: problem.into() }
    }
}

/// Checked parameters of one component: every required and defaulted one is there, with its type.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Params {
    values: BTreeMap<String, ParamValue>,
}

macro_rules! getter {
    ($(#[$meta:meta])* $name:ident, $opt:ident, $variant:ident, $ty:ty, $word:literal) => {
        $(#[$meta])*
        ///
        /// # Errors
        /// [`ParamError`] if it is absent or of another type.
        pub fn $name(&self, name: &str) -> Result<$ty, ParamError> {
            self.$opt(name)?.ok_or_else(|| ParamError::new(name, concat!("must be given: ", $word)))
        }

        /// The same, `None` if absent.
        ///
        /// # Errors
        /// [`ParamError`] if it is of another type.
        pub fn $opt(&self, name: &str) -> Result<Option<$ty>, ParamError> {
            match self.values.get(name) {
                None => Ok(None),
                Some(ParamValue::$variant(value)) => Ok(Some(value.clone())),
                Some(other) => Err(ParamError::new(name, format!("expected {}, found {other:?}", $word))),
            }
        }
    };
}

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one value.
    pub fn insert(&mut self, name: &str, value: ParamValue) {
        self.values.insert(name.to_owned(), value);
    }

    /// Sets one value, for building by hand.
    pub fn with(mut self, name: &str, value: ParamValue) -> Self {
        self.insert(name, value);
        self
    }

    /// Every value, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParamValue)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether it has a value.
    pub fn contains(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    getter! {
        /// A whole number.
        int, int_opt, Int, i64, "a whole number"
    }
    getter! {
        /// An exact decimal.
        decimal, decimal_opt, Decimal, Decimal, "a decimal"
    }
    getter! {
        /// True or false.
        bool, bool_opt, Bool, bool, "true or false"
    }
    getter! {
        /// A text.
        text, text_opt, Text, String, "a text"
    }
    getter! {
        /// A span.
        span, span_opt, Span, Span, "a duration"
    }
    getter! {
        /// A time.
        time, time_opt, Time, Ts, "a time"
    }
    getter! {
        /// A list of texts.
        texts, texts_opt, Texts, Vec<String>, "a list of texts"
    }
    getter! {
        /// A list of decimals.
        decimal_list, decimal_list_opt, DecimalList, Vec<Decimal>, "a list of decimals"
    }
    getter! {
        /// Text to decimal.
        decimals, decimals_opt, Decimals, BTreeMap<String, Decimal>, "a table of decimals"
    }
    getter! {
        /// Text to text.
        text_map, text_map_opt, TextMap, BTreeMap<String, String>, "a table of texts"
    }
}

/// A named implementation that a scenario can choose, with what `sim list` shows of it.
///
/// `B` is the function that builds it; its signature differs per port.
#[derive(Debug, Clone, Copy)]
pub struct Component<B> {
    /// The name in the scenario.
    pub name: &'static str,
    /// What it is, one sentence, with the source of a formula.
    pub help: &'static str,
    /// Its parameters.
    pub params: &'static [ParamSpec],
    /// Builds it.
    pub build: B,
}
