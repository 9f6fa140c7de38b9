//! What is written is read back, and nothing is left behind where writing fails.

use std::fs;
use std::path::PathBuf;

use tapedeck_model::market::{Chunk, Columns};
use tapedeck_model::{InstrumentIx, MarketRecord, Source, SourceError, Span, Ts};
use tempfile::TempDir;

use super::*;
use crate::footer::Footer;
use crate::spec::{FileSpec, TimeUnit};
use crate::tests::{MINUTE_BARS, MINUTE_NS, instrument, play, spec};

/// A source of given chunks, which may fail after the last.
pub(crate) struct Given {
    chunks: std::vec::IntoIter<Chunk>,
    failure: Option<SourceError>,
}

impl Source for Given {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        match (self.chunks.next(), self.failure.take()) {
            (Some(next), failure) => {
                self.failure = failure;
                *chunk = next;
                Ok(true)
            }
            (None, Some(failure)) => Err(failure),
            (None, None) => Ok(false),
        }
    }

    fn content_hash(&self) -> [u8; 32] {
        [0; 32]
    }
}

pub(crate) fn of_chunks(chunks: Vec<Chunk>) -> Given {
    Given { chunks: chunks.into_iter(), failure: None }
}

const KINDS: [DataKind; 7] = [
    MINUTE_BARS,
    DataKind::Trades,
    DataKind::Quotes,
    DataKind::Depth,
    DataKind::Mbo,
    DataKind::Marks,
    DataKind::Funding,
];

/// `rows` records from minute `from`, in chunks of `chunk_rows`.
fn given(kind: DataKind, rows: i64, chunk_rows: usize, has_recv: bool) -> Given {
    let column = |of: fn(i64) -> i64, numbers: &[i64]| numbers.iter().map(|n| of(*n)).collect::<Vec<i64>>();
    let all: Vec<i64> = (0..rows).collect();
    let chunks: Vec<Chunk> = all
        .chunks(chunk_rows)
        .map(|n| Chunk {
            instrument: InstrumentIx(0),
            first_number: n[0] as u64,
            ts_event: column(|n| (n + 1) * MINUTE_NS, n),
            ts_recv: if has_recv { column(|n| (n + 1) * MINUTE_NS + n, n) } else { Vec::new() },
            columns: match kind {
                DataKind::Bars { interval } => Columns::Bars {
                    interval,
                    open: column(|n| 10_001 + n, n),
                    high: column(|n| 10_003 + n * 2, n),
                    low: column(|n| 9_999 - n % 7, n),
                    close: column(|n| 10_002 + n, n),
                    volume: column(|n| n * 1_000_003 % 777_777, n),
                },
                DataKind::Trades => Columns::Trades {
                    px: column(|n| 1 + n * 7, n),
                    qty: column(|n| 1 + n * 3, n),
                    aggressor: n.iter().map(|n| (n % 3 - 1) as i8).collect(),
                },
                DataKind::Quotes => Columns::Quotes {
                    bid_px: column(|n| 100_000 + n, n),
                    ask_px: column(|n| 100_000 - n % 5, n),
                    bid_qty: column(|n| n % 11, n),
                    ask_qty: column(|n| 12_345_678_901 + n, n),
                },
                DataKind::Depth => Columns::Depth {
                    side: n.iter().map(|n| (n % 3 - 1) as i8).collect(),
                    px: column(|n| if n % 3 == 1 { 0 } else { 1 + n * 7 }, n),
                    qty: column(|n| if n % 3 == 1 { 0 } else { n % 5 * 3 }, n),
                    flags: n.iter().map(|n| 1 + ((n + 1) % 4 * 2) as u8).collect(),
                },
                DataKind::Marks => Columns::Marks {
                    mark_px: column(|n| 10_001 + n * 3, n),
                    index_px: column(|n| if n % 4 == 0 { 0 } else { 10_000 + n }, n),
                },
                DataKind::Mbo => Columns::Mbo {
                    action: n.iter().map(|n| (n % 4 + 1) as u8).collect(),
                    side: n.iter().map(|n| (n % 2 * 2 - 1) as i8).collect(),
                    px: column(|n| 1 + n * 7, n),
                    qty: column(|n| 1 + n % 5 * 3, n),
                    order_id: n.iter().map(|n| u64::MAX - *n as u64).collect(),
                    flags: n.iter().map(|n| 1 + ((n + 1) % 4 * 2) as u8).collect(),
                },
                DataKind::Funding => Columns::Funding {
                    rate: column(|n| (n - 500) * 10_007, n),
                    interval: column(|n| n % 3 * 28_800_000_000_000, n),
                    mark_px: column(|n| n % 2 * (20_000 + n), n),
                },
            },
        })
        .collect();
    Given { chunks: chunks.into_iter(), failure: None }
}

fn records(mut source: Given) -> Vec<MarketRecord> {
    let mut chunk = Chunk::new(InstrumentIx(0));
    let mut records = Vec::new();
    while source.next_chunk(&mut chunk).unwrap() {
        records.extend((0..chunk.len()).map(|row| chunk.record(row)));
    }
    records
}

fn names(folder: &TempDir) -> Vec<PathBuf> {
    fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into()).collect()
}

#[test]
fn every_kind_and_layout_is_read_back_as_it_was() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new/folder/data.parquet");
    for kind in KINDS {
        for layout in [FileLayout::Catalog, FileLayout::Float] {
            for has_recv in [false, true] {
                let mut source = given(kind, 1_000, 300, has_recv);
                let summary = write_source(&mut source, &instrument(1), kind, &path, layout).unwrap();
                assert_eq!(summary.rows, 1_000);
                assert_eq!(summary.bytes, fs::metadata(&path).unwrap().len());
                let played = play(spec(kind, std::slice::from_ref(&path))).unwrap();
                assert!(played.records == records(given(kind, 1_000, 1, has_recv)), "{kind:?} {layout:?} {has_recv}");
                assert_eq!(played.issues, []);
            }
        }
    }
}

#[test]
fn the_footer_says_what_is_in_the_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("bars.parquet");
    // Three row groups.
    let rows = 2 * GROUP_ROWS as i64 + 5;
    let mut source = given(MINUTE_BARS, rows, 100_000, false);
    let summary = write_source(&mut source, &instrument(1), MINUTE_BARS, &path, FileLayout::Catalog).unwrap();
    let (first, last) = (Ts::from_nanos(0), Ts::from_nanos((rows - 1) * MINUTE_NS));
    assert_eq!((summary.first, summary.last), (first, last));
    let content_hash = blake3::Hash::from_bytes(summary.content_hash).to_hex().to_string();
    let (content_hash, range) = (Some(content_hash), Some((first, last)));
    let expected = Footer { content_hash, rows: rows as u64, range, notes: Vec::new() };
    assert_eq!(Footer::read(&path, MINUTE_BARS).unwrap(), expected);

    // Only the last group is read, and gives the same rows.
    let start = Ts::from_nanos((rows - 3) * MINUTE_NS);
    let late = play(FileSpec { start: Some(start), ..spec(MINUTE_BARS, &[path]) }).unwrap();
    assert_eq!(late.records, records(given(MINUTE_BARS, rows, 100_000, false)).split_off(rows as usize - 3));
}

#[test]
fn the_content_hash_is_of_the_records_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.parquet");
    let hash = |kind, rows, chunk_rows, has_recv, layout| {
        let mut source = given(kind, rows, chunk_rows, has_recv);
        write_source(&mut source, &instrument(1), kind, &path, layout).unwrap().content_hash
    };
    for kind in KINDS {
        let first = hash(kind, 500, 500, false, FileLayout::Catalog);
        assert_eq!(first, hash(kind, 500, 7, false, FileLayout::Float));
        assert_ne!(first, hash(kind, 499, 500, false, FileLayout::Catalog));
        assert_ne!(first, hash(kind, 500, 500, true, FileLayout::Catalog));
    }
    let bytes = |chunk_rows| {
        hash(MINUTE_BARS, 500, chunk_rows, false, FileLayout::Catalog);
        fs::read(&path).unwrap()
    };
    assert!(bytes(500) == bytes(500), "the same records give the same file");
}

#[test]
fn what_cannot_be_written_leaves_everything_as_it_was() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.parquet");
    fs::write(&path, "precious").unwrap();
    let failing = || {
        let problem = "the tape broke".to_owned();
        let failure = Some(SourceError::File { file: "tape".to_owned(), problem });
        Given { failure, ..given(MINUTE_BARS, 10, 5, false) }
    };
    let huge = || {
        let mut source = given(DataKind::Trades, 1, 1, false);
        let mut chunk = source.chunks.next().unwrap();
        chunk.columns = Columns::Trades { px: vec![1_000_000_000_000_000_000], qty: vec![1], aggressor: vec![0] };
        Given { chunks: vec![chunk].into_iter(), failure: None }
    };
    let mixed = || {
        let chunks: Vec<Chunk> =
            [true, false].into_iter().flat_map(|recv| given(DataKind::Trades, 1, 1, recv).chunks).collect();
        Given { chunks: chunks.into_iter(), failure: None }
    };
    let hours = DataKind::Bars { interval: Span::HOUR };
    for (mut source, kind, layout, problem) in [
        (failing(), MINUTE_BARS, FileLayout::Catalog, "the tape broke"),
        (given(MINUTE_BARS, 0, 1, false), MINUTE_BARS, FileLayout::Catalog, "there are no records"),
        (given(MINUTE_BARS, 9, 9, false), hours, FileLayout::Catalog, "other records than bars of 1h"),
        (given(MINUTE_BARS, 9, 9, false), DataKind::Quotes, FileLayout::Catalog, "other records than quotes"),
        (huge(), DataKind::Trades, FileLayout::Catalog, "`px`: 10000000000000000 does not fit"),
        (huge(), DataKind::Trades, FileLayout::Float, "`px`: 10000000000000000 does not fit"),
        (mixed(), DataKind::Trades, FileLayout::Catalog, "some records have receive times"),
    ] {
        let error = write_source(&mut source, &instrument(1), kind, &path, layout).unwrap_err().to_string();
        assert!(error.contains(problem), "{problem}: {error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        assert_eq!(names(&folder), [PathBuf::from("data.parquet")]);
    }
}

#[test]
fn unfinished_files_are_seen_by_nobody_and_go_away() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("data.parquet");
    let chunk = given(MINUTE_BARS, 10, 10, false).chunks.next().unwrap();
    let mut writer = FileWriter::for_catalog((&path, &path), &instrument(1), MINUTE_BARS, &chunk).unwrap();
    writer.write(&chunk, 0..10).unwrap();
    let finished = writer.finish().unwrap();
    assert_eq!(names(&folder).len(), 1, "it is there under another name");
    let named = crate::expand_paths(&[".".to_owned()], folder.path());
    assert!(matches!(named, Err(CatalogError::NoFiles { .. })), "{named:?}");
    drop(finished);
    assert!(names(&folder).is_empty());
}

#[test]
fn csv_becomes_parquet() {
    let folder = TempDir::new().unwrap();
    let text = "time,price,amount,side\n10,1.5,2,buy\n11,1.25,1.5,\n11,1.5,3,S\n";
    let csv = crate::tests::write_text(&folder, "trades.csv", text);
    let path = folder.path().join("trades.parquet");
    let spec_of = |path| FileSpec { time_unit: Some(TimeUnit::Seconds), ..spec(DataKind::Trades, &[path]) };
    let mut source = crate::open(spec_of(csv.clone())).unwrap();
    write_source(source.as_mut(), &instrument(1), DataKind::Trades, &path, FileLayout::Catalog).unwrap();
    assert_eq!(play(spec_of(path)).unwrap().records, play(spec_of(csv)).unwrap().records);
}
