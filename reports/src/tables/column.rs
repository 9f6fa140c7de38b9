//! One column under construction, and the page that it becomes.
//!
//! Enters: values of the rows of a page, in order. Leaves: a [`Page`]. Only values that are there
//! are kept, beside a bit for each row.
//!
//! Prices and quantities are kept as the integers that they are. In a file all of a kind share a
//! [`Form`]: if every instrument of the run has the same scale, they are 64-bit integers of that
//! scale; else 128-bit ones of the finest. Money has up to 24 decimals and is rounded half to even
//! at the 18th.

use std::collections::HashMap;

use arrow_schema::{DataType, TimeUnit};
use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use tapedeck_model::number::pow10;
use tapedeck_model::{Instrument, Side};

use super::encode::{self, Validity};
use crate::names::Names;
use crate::trips::DECIMALS;

/// Which table of names a column's indices point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameSet {
    /// Strategies.
    Strategies,
    /// Instruments.
    Instruments,
    /// Currencies.
    Currencies,
    /// Sources.
    Sources,
    /// Buy and sell, by number.
    Sides,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A signed integer.
    Int,
    /// A UTC instant in nanoseconds.
    Ts,
    /// A price.
    Px,
    /// A quantity.
    Qty,
    /// An exact decimal with 18 decimals: money and average prices.
    Decimal,
    /// A float.
    Float,
    /// Yes or no.
    Bool,
    /// A text that is rarely the same twice.
    Text,
    /// A kind of event.
    Event,
    /// One of few words.
    Word,
    /// One of a table of names.
    Named(NameSet),
}

/// How a price or a quantity is stored in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Decimals.
    scale: u8,
    /// Whether instruments differ in scale, so that 64 bits may be too few.
    wide: bool,
}

/// How prices and quantities are stored in the files of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forms {
    /// Prices.
    px: Form,
    /// Quantities.
    qty: Form,
}

impl Form {
    fn of(scales: impl Iterator<Item = u8> + Clone) -> Self {
        let scale = scales.clone().max().unwrap_or(0);
        Self { scale, wide: scales.into_iter().any(|other| other != scale) }
    }

    fn data_type(self) -> DataType {
        DataType::Decimal128(if self.wide { 38 } else { 18 }, self.scale as i8)
    }
}

impl Forms {
    /// Those of a run with these instruments.
    pub fn of(instruments: &[Instrument]) -> Self {
        Self {
            px: Form::of(instruments.iter().map(|instrument| instrument.price_scale)),
            qty: Form::of(instruments.iter().map(|instrument| instrument.qty_scale)),
        }
    }

    /// The type of a column.
    pub fn data_type(self, kind: Kind) -> DataType {
        match kind {
            Kind::Int => DataType::Int64,
            Kind::Ts => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            Kind::Px => self.px.data_type(),
            Kind::Qty => self.qty.data_type(),
            Kind::Decimal => DataType::Decimal128(38, DECIMALS as i8),
            Kind::Float => DataType::Float64,
            Kind::Bool => DataType::Boolean,
            Kind::Text => DataType::Utf8,
            Kind::Event | Kind::Word | Kind::Named(_) => {
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
            }
        }
    }
}

/// Words in the order in which they first came.
#[derive(Debug, Default)]
pub struct Words {
    keys: Vec<u32>,
    dictionary: Vec<u8>,
    /// The first words, which are nearly always enough and found without hashing.
    first: Vec<String>,
    others: HashMap<String, u32>,
}

/// Words that are searched one by one.
const WORDS_SEARCHED: usize = 12;

impl Words {
    /// Takes in the next word.
    #[inline]
    pub fn push(&mut self, word: &str) {
        let key = match self.first.iter().position(|known| known == word) {
            Some(nth) => nth as u32,
            None => self.other(word),
        };
        self.keys.push(key);
    }

    fn other(&mut self, word: &str) -> u32 {
        if let Some(key) = self.others.get(word) {
            return *key;
        }
        let key = self.len() as u32;
        encode::text(&mut self.dictionary, word);
        if self.first.len() < WORDS_SEARCHED {
            self.first.push(word.to_owned());
        } else {
            self.others.insert(word.to_owned(), key);
        }
        key
    }

    fn len(&self) -> usize {
        self.first.len() + self.others.len()
    }

    fn clear(&mut self) {
        self.keys.clear();
        self.first.clear();
        self.others.clear();
    }
}

/// Kinds of events by their numbers.
#[derive(Debug, Default)]
pub struct EventKinds {
    keys: Vec<u32>,
    texts: Vec<&'static str>,
}

impl EventKinds {
    /// Takes in the next kind.
    #[inline]
    pub fn push(&mut self, number: u16, text: &'static str) {
        let at = usize::from(number);
        if self.texts.len() <= at {
            self.texts.resize(at + 1, "?");
        }
        self.texts[at] = text;
        self.keys.push(u32::from(number));
    }

    fn dictionary(&self) -> Dictionary {
        let mut bytes = Vec::new();
        self.texts.iter().for_each(|text| encode::text(&mut bytes, text));
        Dictionary { bytes, entries: self.texts.len() }
    }
}

/// Values of a column, by what they are.
#[derive(Debug)]
pub enum Values {
    /// Integers and instants.
    Int(Vec<i64>),
    /// Prices or quantities with their scales.
    Scaled(Vec<i64>, Vec<u8>),
    /// Decimals, as the file has them.
    Decimal(Vec<u8>),
    /// Floats, as the file has them.
    Float(Vec<u8>),
    /// Yes or no.
    Bool(Vec<bool>),
    /// Texts, as the file has them.
    Text(Vec<u8>),
    /// Kinds of events.
    Event(EventKinds),
    /// Words.
    Word(Words),
    /// Positions in a table of names.
    Named(Vec<u32>),
}

/// A column under construction.
#[derive(Debug)]
pub struct Column {
    kind: Kind,
    /// Absent if every row has a value.
    pub validity: Option<Validity>,
    /// The values.
    pub values: Values,
}

/// Entries of a dictionary, as the file has them.
#[derive(Debug)]
pub struct Dictionary {
    /// Texts after their lengths.
    pub bytes: Vec<u8>,
    /// How many there are.
    pub entries: usize,
}

/// A page as it goes into a file.
#[derive(Debug)]
pub struct Page {
    /// The words that indices stand for, if the page holds indices.
    pub dictionary: Option<Dictionary>,
    /// Levels and values.
    pub bytes: Vec<u8>,
    /// How values are encoded.
    pub encoding: Encoding,
    /// Smallest and largest instant of a column of instants.
    pub range: Option<(i64, i64)>,
}

impl Page {
    fn plain(bytes: Vec<u8>) -> Self {
        Self { dictionary: None, bytes, encoding: Encoding::PLAIN, range: None }
    }

    fn deltas(mut bytes: Vec<u8>, values: &[i64]) -> Self {
        encode::deltas(&mut bytes, values);
        Self { encoding: Encoding::DELTA_BINARY_PACKED, ..Self::plain(bytes) }
    }

    fn indices(mut bytes: Vec<u8>, keys: &[u32], dictionary: Dictionary) -> Self {
        encode::indices(&mut bytes, keys, dictionary.entries);
        let dictionary = Some(dictionary);
        Self { dictionary, bytes, encoding: Encoding::RLE_DICTIONARY, range: None }
    }
}

impl Column {
    /// No rows of a column; `empty` says whether cells may be empty.
    pub fn new(kind: Kind, empty: bool) -> Self {
        let values = match kind {
            Kind::Int | Kind::Ts => Values::Int(Vec::new()),
            Kind::Px | Kind::Qty => Values::Scaled(Vec::new(), Vec::new()),
            Kind::Decimal => Values::Decimal(Vec::new()),
            Kind::Float => Values::Float(Vec::new()),
            Kind::Bool => Values::Bool(Vec::new()),
            Kind::Text => Values::Text(Vec::new()),
            Kind::Event => Values::Event(EventKinds::default()),
            Kind::Word => Values::Word(Words::default()),
            Kind::Named(_) => Values::Named(Vec::new()),
        };
        Self { kind, validity: empty.then(Validity::default), values }
    }

    /// The rows so far as a page; there are none afterwards.
    ///
    /// # Errors
    /// An instrument that was declared too late.
    pub fn take(&mut self, names: &Names, forms: Forms) -> Result<Page, ParquetError> {
        let mut bytes = Vec::new();
        if let Some(validity) = &mut self.validity {
            validity.take(&mut bytes);
        }
        Ok(match &mut self.values {
            Values::Int(values) => {
                let mut page = Page::deltas(bytes, values);
                if self.kind == Kind::Ts {
                    page.range = values.iter().copied().min().zip(values.iter().copied().max());
                }
                values.clear();
                page
            }
            Values::Scaled(raws, scales) => {
                let form = if self.kind == Kind::Px { forms.px } else { forms.qty };
                let page = scaled(bytes, raws, scales, form)?;
                raws.clear();
                scales.clear();
                page
            }
            Values::Decimal(plain) | Values::Float(plain) | Values::Text(plain) => {
                bytes.append(plain);
                Page::plain(bytes)
            }
            Values::Bool(values) => {
                encode::flags(&mut bytes, values);
                values.clear();
                Page::plain(bytes)
            }
            Values::Event(kinds) => {
                let page = Page::indices(bytes, &kinds.keys, kinds.dictionary());
                kinds.keys.clear();
                page
            }
            Values::Word(words) => {
                let dictionary = Dictionary { entries: words.len(), bytes: std::mem::take(&mut words.dictionary) };
                let page = Page::indices(bytes, &words.keys, dictionary);
                words.clear();
                page
            }
            Values::Named(keys) => {
                let page = Page::indices(bytes, keys, named(self.kind, keys, names));
                keys.clear();
                page
            }
        })
    }
}

fn scaled(mut bytes: Vec<u8>, raws: &[i64], scales: &[u8], form: Form) -> Result<Page, ParquetError> {
    let late = || ParquetError::General("an instrument was declared after rows had been written".to_owned());
    if !form.wide {
        let same = scales.iter().all(|scale| *scale == form.scale);
        return if same { Ok(Page::deltas(bytes, raws)) } else { Err(late()) };
    }
    for (raw, scale) in raws.iter().zip(scales) {
        let up = form.scale.checked_sub(*scale).ok_or_else(late)?;
        bytes.extend_from_slice(&(i128::from(*raw) * pow10(up)).to_be_bytes());
    }
    Ok(Page::plain(bytes))
}

/// The table of names behind a column's keys. A key beyond the table, which only a damaged journal
/// has, stands for a question mark and its number.
fn named(kind: Kind, keys: &[u32], names: &Names) -> Dictionary {
    let texts: &[String] = match kind {
        Kind::Named(NameSet::Strategies) => names.strategies(),
        Kind::Named(NameSet::Instruments) => names.instrument_texts(),
        Kind::Named(NameSet::Currencies) => names.currencies(),
        Kind::Named(NameSet::Sources) => names.sources(),
        _ => &[],
    };
    let entries = keys.iter().copied().max().map_or(0, |key| key as usize + 1).max(texts.len());
    let mut bytes = Vec::new();
    for nth in 0..entries {
        let fixed = match kind {
            Kind::Named(NameSet::Sides) => u8::try_from(nth).ok().and_then(Side::from_number).map(Side::text),
            _ => texts.get(nth).map(String::as_str),
        };
        match fixed {
            Some(text) => encode::text(&mut bytes, text),
            None => encode::text(&mut bytes, &format!("?{nth}")),
        }
    }
    Dictionary { bytes, entries }
}
