//! Columns of words and names: a number for each value, and a dictionary of what the numbers mean.
//!
//! Enters: numbers that stand for words, or words. Leaves: a [`Page`] with its dictionary.
//! Invariants: a word stands once in its dictionary, because readers build categories of it; no
//! value allocates but the first of its word in a page.

use std::collections::HashMap;
use std::marker::PhantomData;

use parquet::errors::ParquetError;

use super::column::{Column, Page, Run};
use super::encode;
use super::form::Kind;
use crate::names::Names;

/// Entries of a dictionary, as the file has them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Dictionary {
    /// Texts after their lengths.
    pub bytes: Vec<u8>,
    /// How many there are.
    pub entries: usize,
}

impl Dictionary {
    fn push(&mut self, text: &str) {
        encode::text(&mut self.bytes, &[text.as_bytes()]);
        self.entries += 1;
    }
}

/// One of a closed set, by number.
#[derive(Debug, Default)]
pub struct Choice {
    keys: Vec<u16>,
    /// The key of each number that came in this page.
    known: Vec<Option<u16>>,
    dictionary: Dictionary,
}

impl Choice {
    /// Takes in the next value: its number, and its word should it be the first of its kind.
    #[inline]
    pub fn push(&mut self, number: impl Into<u16>, text: impl FnOnce() -> &'static str) {
        let number = number.into();
        let key = match self.known.get(usize::from(number)) {
            Some(Some(key)) => *key,
            Some(None) | None => self.first(number, text()),
        };
        self.keys.push(key);
    }

    #[cold]
    fn first(&mut self, number: u16, text: &str) -> u16 {
        let at = usize::from(number);
        if self.known.len() <= at {
            self.known.resize(at + 1, None);
        }
        let key = self.dictionary.entries as u16;
        self.known[at] = Some(key);
        self.dictionary.push(text);
        key
    }
}

impl Column for Choice {
    const KIND: Kind = Kind::Word;

    fn len(&self) -> usize {
        self.keys.len()
    }

    fn take(&mut self, levels: Vec<u8>, _: Run<'_>) -> Result<Page, ParquetError> {
        self.known.clear();
        let page = Page::indices(levels, &self.keys, std::mem::take(&mut self.dictionary));
        self.keys.clear();
        Ok(page)
    }
}

/// Words of all origins.
///
/// What is said of one thing is mostly the same, so the word that came last with the same hint is
/// tried before the others.
#[derive(Debug, Default)]
pub struct Words {
    keys: Vec<u32>,
    known: HashMap<Box<str>, u32>,
    /// The last word of each hint.
    last: Vec<Option<(Box<str>, u32)>>,
    dictionary: Dictionary,
}

impl Words {
    /// Takes in the next word. `hint` is the number of what it is about.
    #[inline]
    pub fn push(&mut self, hint: u16, word: &str) {
        let key = match self.last.get(usize::from(hint)) {
            Some(Some((last, key))) if **last == *word => *key,
            _ => self.other(hint, word),
        };
        self.keys.push(key);
    }

    fn other(&mut self, hint: u16, word: &str) -> u32 {
        let key = match self.known.get(word) {
            Some(key) => *key,
            None => {
                let key = self.dictionary.entries as u32;
                self.dictionary.push(word);
                self.known.insert(word.into(), key);
                key
            }
        };
        let at = usize::from(hint);
        if self.last.len() <= at {
            self.last.resize(at + 1, None);
        }
        self.last[at] = Some((word.into(), key));
        key
    }
}

impl Column for Words {
    const KIND: Kind = Kind::Word;

    fn len(&self) -> usize {
        self.keys.len()
    }

    fn take(&mut self, levels: Vec<u8>, _: Run<'_>) -> Result<Page, ParquetError> {
        self.known.clear();
        self.last.clear();
        let page = Page::indices(levels, &self.keys, std::mem::take(&mut self.dictionary));
        self.keys.clear();
        Ok(page)
    }
}

/// One of the run's tables of names.
pub trait NameTable: Default {
    /// The names by position.
    fn texts(names: &Names) -> &[String];
}

/// Positions in a table of names. One beyond the table, which only a damaged journal has, stands
/// for a question mark and its number.
#[derive(Debug, Default)]
pub struct Named<T> {
    keys: Vec<u16>,
    table: PhantomData<T>,
}

impl<T> Named<T> {
    /// Takes in the next position.
    #[inline]
    pub fn push(&mut self, ix: u16) {
        self.keys.push(ix);
    }
}

impl<T: NameTable> Column for Named<T> {
    const KIND: Kind = Kind::Word;

    fn len(&self) -> usize {
        self.keys.len()
    }

    fn take(&mut self, levels: Vec<u8>, run: Run<'_>) -> Result<Page, ParquetError> {
        let texts = T::texts(run.names);
        let mut dictionary = Dictionary::default();
        for text in texts {
            dictionary.push(text);
        }
        let used = self.keys.iter().max().map_or(0, |key| usize::from(*key) + 1);
        (texts.len()..used).for_each(|nth| dictionary.push(&format!("?{nth}")));
        let page = Page::indices(levels, &self.keys, dictionary);
        self.keys.clear();
        Ok(page)
    }
}

macro_rules! name_tables {
    ($($(#[$meta:meta])* $name:ident = $texts:ident),* $(,)?) => {$(
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub struct $name;

        impl NameTable for $name {
            fn texts(names: &Names) -> &[String] {
                names.$texts()
            }
        }
    )*};
}

name_tables! {
    /// Strategies.
    Strategies = strategies,
    /// Instruments.
    Instruments = instrument_texts,
    /// Currencies.
    Currencies = currencies,
    /// Sources.
    Sources = sources,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::column::tests::run;

    fn entries(dictionary: &Dictionary) -> Vec<String> {
        let mut rest = dictionary.bytes.as_slice();
        let mut texts = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk() {
            let (text, after) = after.split_at(u32::from_le_bytes(*length) as usize);
            texts.push(String::from_utf8(text.to_vec()).unwrap());
            rest = after;
        }
        assert_eq!(texts.len(), dictionary.entries);
        texts
    }

    #[test]
    fn a_choice_has_the_words_that_came() {
        let mut choice = Choice::default();
        for number in [7_u16, 2, 7] {
            choice.push(number, || if number == 7 { "seven" } else { "two" });
        }
        let page = choice.take(Vec::new(), run(&Names::new())).unwrap();
        assert_eq!(entries(&page.dictionary.unwrap()), ["seven", "two"]);
        assert_eq!(page.bytes, [1, 1 << 1 | 1, 0b010]);
        choice.push(2_u16, || "two");
        let page = choice.take(Vec::new(), run(&Names::new())).unwrap();
        assert_eq!(entries(&page.dictionary.unwrap()), ["two"], "a page leaves nothing behind");
    }

    #[test]
    fn words_stand_once_whatever_the_hint() {
        let mut words = Words::default();
        for (hint, word) in [(1, "a"), (2, "b"), (2, "a"), (1, "b"), (1, "b"), (9, "")] {
            words.push(hint, word);
        }
        assert_eq!(words.keys, [0, 1, 0, 1, 1, 2]);
        let page = words.take(Vec::new(), run(&Names::new())).unwrap();
        assert_eq!(entries(&page.dictionary.unwrap()), ["a", "b", ""]);
        words.push(1, "c");
        assert_eq!(words.keys, [0], "a page leaves nothing behind");
    }

    #[test]
    fn a_name_beyond_its_table_is_a_question_mark() {
        let mut names = Names::new();
        let code = "USD".to_owned();
        names.apply(&tapedeck_model::Event::CurrencyDeclared { currency: tapedeck_model::CurrencyIx(0), code });
        let mut named = Named::<Currencies>::default();
        named.push(2);
        let page = named.take(Vec::new(), run(&names)).unwrap();
        assert_eq!(entries(&page.dictionary.unwrap()), ["USD", "?1", "?2"]);
    }
}
