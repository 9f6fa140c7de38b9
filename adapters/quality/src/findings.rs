//! Findings as they come: exact counts, and the first places of each kind.

use std::collections::BTreeMap;

use crate::kind::Kind;

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Position of the file in [`crate::Report::files`].
    pub file: Option<usize>,
    /// Row of the file, from 1 and without a header line.
    pub row: Option<u64>,
    /// Time of the row in nanoseconds, if it is known.
    pub ts: Option<i64>,
    /// What is there, for people.
    pub what: String,
}

/// What was found of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which kind.
    pub kind: Kind,
    /// How often; exact, whatever the number of places kept.
    pub count: u64,
    /// Rows that it is about: as many, but of gaps those that are missing, and of stale runs those in them.
    pub rows: u64,
    /// The first places, in the order in which they were found.
    pub places: Vec<Place>,
}

/// What has been found so far.
#[derive(Debug)]
pub(crate) struct Findings {
    by_kind: BTreeMap<Kind, Finding>,
    places_max: usize,
}

impl Findings {
    pub(crate) fn new(places_max: usize) -> Self {
        Self { by_kind: BTreeMap::new(), places_max }
    }

    /// One more, about one row.
    pub(crate) fn add(&mut self, kind: Kind, place: impl FnOnce() -> Place) {
        self.add_rows(kind, 1, place);
    }

    /// One more, about some rows.
    pub(crate) fn add_rows(&mut self, kind: Kind, rows: u64, place: impl FnOnce() -> Place) {
        let none = || Finding { kind, count: 0, rows: 0, places: Vec::new() };
        let finding = self.by_kind.entry(kind).or_insert_with(none);
        finding.count += 1;
        finding.rows += rows;
        if finding.places.len() < self.places_max {
            finding.places.push(place());
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Finding> {
        self.by_kind.into_values().collect()
    }
}
