//! Imports into days that are there, against a naive model of the rule.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tapedeck_model::market::{Chunk, Columns};
use tapedeck_model::{InstrumentIx, MarketRecord, Span};
use tempfile::TempDir;

use super::*;
use crate::tests::{instrument, play};
use crate::transaction::{ImportSummary, Transaction};
use crate::{FileSpec, expand_paths};

const HOUR_BARS: DataKind = DataKind::Bars { interval: Span::HOUR };
const HOUR_NS: i64 = 3_600_000_000_000;

/// A row of any kind: its time, and a number that tells it from others.
type Row = (i64, i64);

fn chunk(kind: DataKind, rows: &[Row]) -> Chunk {
    let column = |add: i64| rows.iter().map(|(_, value)| 100 + value + add).collect::<Vec<i64>>();
    let columns = match kind {
        DataKind::Bars { interval } => {
            let [open, high, low, close, volume] = [0, 5, -5, 1, 0].map(column);
            Columns::Bars { interval, open, high, low, close, volume }
        }
        DataKind::Trades => {
            Columns::Trades { px: column(0), qty: column(1), aggressor: rows.iter().map(|_| 1).collect() }
        }
        DataKind::Quotes => {
            let [bid_px, ask_px, bid_qty, ask_qty] = [0, 2, 5, 5].map(column);
            Columns::Quotes { bid_px, ask_px, bid_qty, ask_qty }
        }
        DataKind::Marks => Columns::Marks { mark_px: column(0), index_px: column(0) },
        DataKind::Funding => Columns::Funding { rate: column(0), interval: column(0), mark_px: column(0) },
        DataKind::Depth => Columns::Depth {
            side: rows.iter().map(|_| 1).collect(),
            px: column(0),
            qty: column(0),
            flags: rows.iter().map(|_| 1).collect(),
        },
        DataKind::Mbo => Columns::Mbo {
            action: rows.iter().map(|_| 1).collect(),
            side: rows.iter().map(|_| -1).collect(),
            px: column(0),
            qty: column(0),
            order_id: rows.iter().map(|(_, value)| value.unsigned_abs()).collect(),
            flags: rows.iter().map(|_| 1).collect(),
        },
    };
    let ts_event = rows.iter().map(|(ts, _)| ts + kind.shift()).collect();
    Chunk { instrument: InstrumentIx(0), first_number: 0, ts_event, ts_recv: Vec::new(), columns }
}

struct Stage {
    folder: TempDir,
    kind: DataKind,
}

impl Stage {
    fn new(kind: DataKind) -> Self {
        Self { folder: TempDir::new().unwrap(), kind }
    }

    fn import_chunk(&self, chunk: &Chunk, on_conflict: OnConflict) -> Result<ImportSummary, CatalogError> {
        let mut transaction = Transaction::open(self.folder.path(), on_conflict)?;
        let series = transaction.series(self.kind, &instrument(1), Vec::new());
        transaction.add(series, chunk, &|| false)?;
        Ok(transaction.finish(&|| false)?.remove(0))
    }

    fn import(&self, rows: &[Row], on_conflict: OnConflict) -> Result<ImportSummary, CatalogError> {
        self.import_chunk(&chunk(self.kind, rows), on_conflict)
    }

    fn file(&self) -> PathBuf {
        expand_paths(&[".".to_owned()], self.folder.path()).unwrap().remove(0)
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.file()).unwrap()
    }

    fn records(&self) -> Vec<MarketRecord> {
        play(FileSpec::of_catalog(self.kind, &instrument(1), vec![self.file()])).unwrap().records
    }

    /// The day holds exactly these rows.
    #[track_caller]
    fn check(&self, rows: &[Row]) {
        let chunk = chunk(self.kind, rows);
        let expected: Vec<MarketRecord> = (0..rows.len()).map(|row| chunk.record(row)).collect();
        assert_eq!(self.records(), expected);
        let left = fs::read_dir(self.folder.path()).unwrap().count();
        assert_eq!(left, 1, "neither lock nor staging folder is left");
    }
}

#[test]
fn bars_are_put_together_and_equal_ones_collapse() {
    let stage = Stage::new(HOUR_BARS);
    stage.import(&[(0, 1), (2 * HOUR_NS, 3)], OnConflict::Error).unwrap();
    let summary = stage.import(&[(HOUR_NS, 2), (2 * HOUR_NS, 3), (5 * HOUR_NS, 6)], OnConflict::Error).unwrap();
    assert_eq!((summary.rows, summary.days_written, summary.days_merged, summary.days_unchanged), (3, 0, 1, 0));
    let all = [(0, 1), (HOUR_NS, 2), (2 * HOUR_NS, 3), (5 * HOUR_NS, 6)];
    stage.check(&all);
    let bytes = stage.bytes();
    for rows in [&all[..], &all[1..3], &[all[0], all[3]]] {
        assert_eq!(stage.import(rows, OnConflict::Error).unwrap().days_unchanged, 1);
        assert_eq!(stage.bytes(), bytes);
    }
}

#[test]
fn of_two_different_bars_the_user_chooses() {
    let (there, new) = ([(0, 1), (HOUR_NS, 2)], [(HOUR_NS, 9), (2 * HOUR_NS, 3)]);
    let imported = |on_conflict| {
        let stage = Stage::new(HOUR_BARS);
        stage.import(&there, OnConflict::Error).unwrap();
        let outcome = stage.import(&new, on_conflict);
        (stage, outcome)
    };
    let (stage, outcome) = imported(OnConflict::Error);
    let text = outcome.unwrap_err().to_string();
    for part in ["date=1970-01-01/part-0.parquet", "1970-01-01T01:00:00Z", "close 1.03", "close 1.1,", "--on-conflict"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    stage.check(&there);
    let (stage, outcome) = imported(OnConflict::Keep);
    let summary = outcome.unwrap();
    assert_eq!((summary.conflicts_kept, summary.conflicts_replaced), (1, 0));
    stage.check(&[(0, 1), (HOUR_NS, 2), (2 * HOUR_NS, 3)]);
    let (stage, outcome) = imported(OnConflict::Replace);
    let summary = outcome.unwrap();
    assert_eq!((summary.conflicts_kept, summary.conflicts_replaced), (0, 1));
    stage.check(&[(0, 1), (HOUR_NS, 9), (2 * HOUR_NS, 3)]);
}

#[test]
fn trades_of_one_instant_are_never_taken_for_each_other() {
    // Two equal trades are two trades; a source that was cut amid the instant has one of them.
    let whole = [(5, 1), (5, 1), (5, 2), (6, 1)];
    for (first, second) in [(&whole[..], &whole[1..]), (&whole[..1], &whole[..]), (&whole[..3], &whole[..2])] {
        let stage = Stage::new(DataKind::Trades);
        stage.import(first, OnConflict::Error).unwrap();
        stage.import(second, OnConflict::Error).unwrap();
        stage.check(if first.len() > second.len() { first } else { second });
    }
    // Neither holds the other: which rows are the same ones nobody knows.
    for (first, second) in [([(5, 1), (5, 2)], [(5, 2), (5, 1)]), ([(5, 1), (5, 2)], [(5, 2), (5, 3)])] {
        let stage = Stage::new(DataKind::Trades);
        stage.import(&first, OnConflict::Error).unwrap();
        let error = stage.import(&second, OnConflict::Error).unwrap_err();
        assert!(matches!(error, CatalogError::Conflict { .. }), "{error}");
        stage.check(&first);
    }
}

#[test]
fn of_marks_several_at_an_instant_are_equal_or_in_conflict() {
    for kind in [DataKind::Marks, DataKind::Funding] {
        let stage = Stage::new(kind);
        stage.import(&[(1, 1), (3, 3)], OnConflict::Error).unwrap();
        stage.import(&[(2, 2), (3, 3)], OnConflict::Error).unwrap();
        stage.check(&[(1, 1), (2, 2), (3, 3)]);
        assert!(stage.import(&[(2, 7)], OnConflict::Error).is_err());
    }
}

#[test]
fn days_of_books_follow_one_another_or_hold_one_another() {
    let rows: Vec<Row> = (0..10).map(|ts| (ts, ts % 3)).collect();
    for kind in [DataKind::Depth, DataKind::Mbo] {
        let imported = |first: &[Row], second: &[Row], on_conflict| {
            let stage = Stage::new(kind);
            stage.import(first, OnConflict::Error).unwrap();
            let outcome = stage.import(second, on_conflict);
            (stage, outcome)
        };
        for (first, second, expected) in [
            (0..4, 4..10, Some(0..10)),
            (4..10, 0..4, Some(0..10)),
            (0..10, 3..6, Some(0..10)),
            (0..10, 0..10, Some(0..10)),
            (3..6, 0..10, Some(0..10)),
            (0..3, 5..8, None),
            (0..6, 4..10, None),
            (4..10, 0..6, None),
        ] {
            let (stage, outcome) = imported(&rows[first.clone()], &rows[second.clone()], OnConflict::Error);
            match (&expected, first.end < second.start) {
                (Some(expected), _) => read_as(&stage, &rows[expected.clone()]),
                (None, true) => read_as(&stage, &[&rows[first.clone()], &rows[second.clone()]].concat()),
                (None, false) => {
                    let text = outcome.unwrap_err().to_string();
                    assert!(text.contains("cannot be put together"), "{text}");
                    read_as(&stage, &rows[first.clone()]);
                }
            }
        }
        // One row in between is missing, or another one.
        let mut other = rows[2..8].to_vec();
        other.remove(3);
        for part in [other.clone(), [&rows[2..4], &[(4, 8)], &rows[5..8]].concat()] {
            for (first, second) in [(rows.as_slice(), part.as_slice()), (part.as_slice(), rows.as_slice())] {
                let (stage, outcome) = imported(first, second, OnConflict::Error);
                assert!(matches!(outcome, Err(CatalogError::Conflict { .. })));
                read_as(&stage, first);
                let (stage, outcome) = imported(first, second, OnConflict::Keep);
                assert_eq!(outcome.unwrap().conflicts_kept, 1);
                read_as(&stage, first);
                let (stage, outcome) = imported(first, second, OnConflict::Replace);
                assert_eq!(outcome.unwrap().conflicts_replaced, 1);
                read_as(&stage, second);
            }
        }
    }
}

/// As `Stage::check`, for tapes of books: one that begins with no snapshot is read with a gap before it.
#[track_caller]
fn read_as(stage: &Stage, rows: &[Row]) {
    let short = |record: &MarketRecord| match record {
        MarketRecord::Depth(row) => (row.ts_event.nanos(), row.px.raw() - 100),
        MarketRecord::Mbo(row) => (row.ts_event.nanos(), row.px.raw() - 100),
        other => panic!("{other:?}"),
    };
    assert_eq!(stage.records().iter().map(short).collect::<Vec<Row>>(), rows);
}

#[test]
fn a_source_that_begins_amid_the_day_of_a_book_may_say_so() {
    let rows: Vec<Row> = (0..6).map(|ts| (ts, ts)).collect();
    let mut part = chunk(DataKind::Depth, &rows[2..]);
    if let Columns::Depth { flags, .. } = &mut part.columns {
        flags[0] |= 4;
    }
    let stage = Stage::new(DataKind::Depth);
    stage.import(&rows, OnConflict::Error).unwrap();
    let bytes = stage.bytes();
    assert_eq!(stage.import_chunk(&part, OnConflict::Error).unwrap().days_unchanged, 1);
    assert_eq!(stage.bytes(), bytes);
}

#[test]
fn rows_that_nobody_could_read_side_by_side_are_refused() {
    let stage = Stage::new(HOUR_BARS);
    stage.import(&[(0, 1), (HOUR_NS, 1)], OnConflict::Error).unwrap();
    let text = stage.import(&[(HOUR_NS / 2, 1)], OnConflict::Replace).unwrap_err().to_string();
    assert!(text.contains("no multiple of the interval"), "{text}");
    let received = |rows: &[Row], late: i64| {
        let chunk = chunk(DataKind::Trades, rows);
        Chunk { ts_recv: chunk.ts_event.iter().map(|ts| ts + late).collect(), ..chunk }
    };
    let stage = Stage::new(DataKind::Trades);
    stage.import_chunk(&received(&[(1, 1), (5, 5)], 10), OnConflict::Error).unwrap();
    let text = stage.import(&[(3, 3)], OnConflict::Keep).unwrap_err().to_string();
    assert!(text.contains("the catalog's rows have receive times"), "{text}");
    let text = stage.import_chunk(&received(&[(3, 3)], 0), OnConflict::Keep).unwrap_err().to_string();
    assert!(text.contains("the receive time goes back"), "{text}");
    stage.import_chunk(&received(&[(3, 3)], 9), OnConflict::Error).unwrap();
    assert_eq!(stage.records().len(), 3);
}

#[test]
fn an_import_that_keeps_fewer_decimals_takes_none_away() {
    let stage = Stage::new(DataKind::Trades);
    stage.import(&[(1, 1), (5, 5)], OnConflict::Error).unwrap();
    let bytes = stage.bytes();
    let import = |price_scale, qty_scale| {
        let instrument = Instrument { price_scale, qty_scale, ..instrument(1) };
        let mut transaction = Transaction::open(stage.folder.path(), OnConflict::Replace)?;
        let series = transaction.series(stage.kind, &instrument, Vec::new());
        transaction.add(series, &chunk(stage.kind, &[(3, 3)]), &|| false)?;
        transaction.finish(&|| false)
    };
    let text = import(2, 2).unwrap_err().to_string();
    assert!(text.contains("more decimals than `--lot` keeps"), "{text}");
    let text = import(1, 3).unwrap_err().to_string();
    assert!(text.contains("does not fit 1 decimals"), "{text}");
    assert_eq!(stage.bytes(), bytes);
    // More of them hold what is there as well.
    import(3, 4).unwrap();
    assert_eq!(crate::ls(stage.folder.path()).unwrap()[0].rows, 3);
}

/// The rule for trades, naively: every instant once.
fn naive(there: &[Row], new: &[Row]) -> Option<Vec<Row>> {
    let by_time = |rows: &[Row]| {
        let mut instants: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
        for row in rows {
            instants.entry(row.0).or_default().push(*row);
        }
        instants
    };
    let holds = |whole: &[Row], part: &[Row]| {
        // All ways to leave rows out.
        (0_u32..1 << whole.len()).any(|kept| {
            let rows = whole.iter().enumerate().filter(|(place, _)| kept >> place & 1 == 1).map(|(_, row)| *row);
            rows.collect::<Vec<Row>>() == part
        })
    };
    let mut all = by_time(there);
    for (ts, rows) in by_time(new) {
        match all.get(&ts) {
            Some(known) if holds(known, &rows) => {}
            Some(known) if !holds(&rows, known) => return None,
            _ => {
                all.insert(ts, rows);
            }
        }
    }
    Some(all.into_values().flatten().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn trades_merge_as_the_naive_rule_says(
        mut tape in prop::collection::vec((0_i64..12, 0_i64..3), 1..40),
        cuts in prop::array::uniform4(0_usize..40),
    ) {
        tape.sort_by_key(|row| row.0);
        let piece = |from: usize, until: usize| {
            let (from, until) = (from.min(until) % tape.len(), from.max(until).clamp(1, tape.len()));
            &tape[from.min(until - 1)..until]
        };
        let (first, second) = (piece(cuts[0], cuts[1]), piece(cuts[2], cuts[3]));
        let stage = Stage::new(DataKind::Trades);
        stage.import(first, OnConflict::Error).unwrap();
        let before = stage.bytes();
        match (stage.import(second, OnConflict::Error), naive(first, second)) {
            (Ok(_), Some(expected)) => {
                stage.check(&expected);
                let bytes = stage.bytes();
                for again in [first, second] {
                    prop_assert_eq!(stage.import(again, OnConflict::Error).unwrap().days_unchanged, 1);
                    prop_assert_eq!(&stage.bytes(), &bytes);
                }
            }
            (Err(CatalogError::Conflict { .. }), None) => prop_assert_eq!(stage.bytes(), before),
            (outcome, expected) => prop_assert!(false, "{:?} instead of {:?}", outcome, expected),
        }
    }

    #[test]
    fn bars_merge_as_maps_do(
        there in prop::collection::btree_map(0_i64..24, 0_i64..2, 1..24),
        new in prop::collection::btree_map(0_i64..24, 0_i64..2, 1..24),
    ) {
        let rows = |map: &BTreeMap<i64, i64>| map.iter().map(|(hour, v)| (hour * HOUR_NS, *v)).collect::<Vec<Row>>();
        let differ = new.iter().filter(|(hour, v)| there.get(hour).is_some_and(|known| known != *v)).count() as u64;
        let union = |first: &BTreeMap<i64, i64>, then: &BTreeMap<i64, i64>| {
            first.iter().chain(then).map(|(hour, v)| (*hour, *v)).collect::<BTreeMap<i64, i64>>()
        };
        for (on_conflict, expected) in
            [(OnConflict::Error, union(&there, &new)), (OnConflict::Keep, union(&new, &there)), (OnConflict::Replace, union(&there, &new))]
        {
            let stage = Stage::new(HOUR_BARS);
            stage.import(&rows(&there), OnConflict::Error).unwrap();
            let outcome = stage.import(&rows(&new), on_conflict);
            if on_conflict == OnConflict::Error && differ > 0 {
                prop_assert!(outcome.is_err());
                stage.check(&rows(&there));
                continue;
            }
            let summary = outcome.unwrap();
            stage.check(&rows(&expected));
            let (kept, replaced) = match on_conflict {
                OnConflict::Keep => (differ, 0),
                OnConflict::Error | OnConflict::Replace => (0, differ),
            };
            prop_assert_eq!((summary.conflicts_kept, summary.conflicts_replaced), (kept, replaced));
        }
    }
}
