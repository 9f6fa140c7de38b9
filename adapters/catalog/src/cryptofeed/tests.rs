//! Small sessions written by hand: orders of files, holes, checksums, connections, defects.

mod real;

use tapedeck_model::event::DataIssue;
use tapedeck_model::{MarketRecord, Side};
use tempfile::TempDir;

use super::*;
use crate::expand_paths;
use crate::spec::DataKind;
use crate::tests::depth::rows_in_ms;
use crate::tests::{Played, instrument, play, spec, write_text};

/// The second that stands in a line as `ms`.
const ZERO: i64 = 1_700_000_000_000_000_000;
const URL: &str = "wss://example";

/// A line that was received `ms` after zero.
fn line(ms: i64, message: &str) -> String {
    format!("1700000{:03}.{:03}: {message}\n", ms / 1_000, ms % 1_000)
}

fn opened(ms: i64) -> String {
    format!("{URL} <-> 1700000{:03}.{:03}\n", ms / 1_000, ms % 1_000)
}

/// An instrument of a session with the decimals of its messages.
pub(super) fn of_session(session: &Session, found: &SessionSymbol) -> Instrument {
    let mut instrument = instrument(1);
    instrument.id = InstrumentId { venue: session.venue().to_owned(), symbol: found.symbol.clone() };
    (instrument.price_scale, instrument.qty_scale) = (found.price_decimals, found.qty_decimals);
    instrument
}

/// What an instrument has in a catalog of one session.
pub(super) fn read(root: &Path, kind: DataKind, instrument: &Instrument) -> Played {
    let symbol = instrument.id.symbol.replace('/', "%2F");
    let folder = format!("{}/venue={}/instrument={symbol}", kind.text(), instrument.id.venue);
    let files = expand_paths(&[folder], root).unwrap();
    play(crate::FileSpec { instrument: instrument.clone(), ..spec(kind, &files) }).unwrap()
}

struct Outcome {
    folder: TempDir,
    instruments: Vec<Instrument>,
    summary: SessionSummary,
}

impl Outcome {
    fn read(&self, at: usize, kind: DataKind) -> Played {
        read(&self.folder.path().join("catalog"), kind, &self.instruments[at])
    }

    fn depth(&self, at: usize) -> Vec<String> {
        rows_in_ms(&self.read(at, DataKind::Depth), ZERO)
    }

    /// Milliseconds, aggressor, price and quantity.
    fn trades(&self, at: usize) -> Vec<(i64, Option<Side>, i64, i64)> {
        let row = |record: &MarketRecord| {
            let MarketRecord::Trade(trade) = record else { panic!("a trade") };
            ((trade.ts_event.nanos() - ZERO) / 1_000_000, trade.aggressor, trade.px.raw(), trade.qty.raw())
        };
        self.read(at, DataKind::Trades).records.iter().map(row).collect()
    }
}

fn try_import(files: &[(&str, String)], on_error: OnError) -> Result<Outcome, CatalogError> {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("catalog");
    for (name, text) in files {
        write_text(&folder, name, text);
    }
    let outcome = sessions(&[folder.path().display().to_string()], on_error, &|| false).and_then(|sessions| {
        let [session] = sessions.as_slice() else { panic!("one session") };
        let instruments: Vec<Instrument> =
            session.symbols(Wanted::All).map(|found| of_session(session, &found)).collect();
        let summary = session.import((&instruments, Wanted::All), &root, OnConflict::Error, &|| false)?;
        Ok((instruments, summary))
    });
    assert!(outcome.is_ok() || !root.exists(), "a failure leaves nothing");
    outcome.map(|(instruments, summary)| Outcome { folder, instruments, summary })
}

fn import(files: &[(&str, String)]) -> Outcome {
    try_import(files, OnError::Fail).unwrap()
}

/// Kraken's book of the symbol A/B, told to two levels.
fn snapshot(ms: i64) -> String {
    let book = r#"{"as":[["1.20","6.0","1700000000.100000"]],"bs":[["1.00","5.0","1700000000.050000"]]}"#;
    line(ms, &format!(r#"[1,{book},"book-2","A/B"]"#))
}

/// Changes both sides; the sum is that of `1.10 2.0, 1.20 6.0, 1.01 1.0, 1.00 5.0` by another program.
fn both(ms: i64, sum: u32) -> String {
    let (asks, bids) = (r#"[["1.10","2.0","1700000001.000000"]]"#, r#"[["1.01","1.0","1700000001.100000"]]"#);
    line(ms, &format!(r#"[1,{{"a":{asks}}},{{"b":{bids},"c":"{sum}"}},"book-2","A/B"]"#))
}

const SUM: u32 = 3_499_912_894;
/// Of `1.10 2.0, 1.15 3.0, 1.01 1.0, 1.00 5.0`.
const SUM_CUT: u32 = 695_308_134;

/// A third ask, so that the second one falls out of the depth.
fn third(ms: i64, sum: u32) -> String {
    line(ms, &format!(r#"[1,{{"a":[["1.15","3.0","1700000001.200000","r"]],"c":"{sum}"}},"book-2","A/B"]"#))
}

#[test]
fn krakens_books_are_checked_and_kept_to_their_depth() {
    let trades = r#"[2,[["1.05","0.50","1700000001.050000","s","m",""],["1.06","1.0","1700000001.060000","b","l",""]],"trade","A/B"]"#;
    let other = [opened(0), line(5, r#"{"event":"heartbeat"}"#), "\n".to_owned()].concat();
    let books = [opened(1), snapshot(300), both(1_150, SUM), third(1_250, SUM_CUT)].concat();
    let outcome = import(&[
        ("KRAKEN.0", "anything".to_owned()),
        ("KRAKEN.ws.1.0", other + &line(1_090, trades)),
        ("KRAKEN.ws.2.0", books),
    ]);
    assert_eq!(
        outcome.depth(0),
        [
            "100 bid 100 500 2 at 300",
            "100 ask 120 600 1 at 300",
            "1100 bid 101 100 0 at 1150",
            "1100 ask 110 200 1 at 1150",
            "1200 ask 115 300 0 at 1250",
            "1200 ask 120 0 1 at 1250",
        ]
    );
    assert_eq!(outcome.trades(0), [(1_050, Some(Side::Sell), 105, 50), (1_060, Some(Side::Buy), 106, 100)]);
    let [feed] = outcome.summary.feeds.as_slice() else { panic!("one symbol") };
    let counts =
        RecordingCounts { updates: 2, snapshots: 1, checksums: 2, levels_out_of_depth: 1, ..Default::default() };
    assert_eq!((feed.counts, outcome.summary.other, outcome.summary.left_out), (counts, 3, 0));
    assert_eq!(feed.instrument.to_string(), "A/B.KRAKEN");
    let lines: Vec<u64> = outcome.summary.files.iter().map(|file| file.lines).collect();
    assert_eq!(lines, [4, 4]);
}

#[test]
fn a_wrong_checksum_is_an_error_with_its_line_or_a_gap() {
    let text = [snapshot(300), both(1_150, SUM + 1), third(1_250, SUM_CUT), snapshot(1_300), both(1_400, SUM)];
    let files = [("KRAKEN.ws.1.0", text.concat())];
    let error = try_import(&files, OnError::Fail).err().unwrap().to_string();
    assert!(error.contains(&format!("KRAKEN.ws.1.0, line 2: the book's checksum is {SUM}, expected")), "{error}");
    for on_error in [OnError::Skip, OnError::Repair] {
        let outcome = try_import(&files, on_error).unwrap();
        let depth = outcome.depth(0);
        assert_eq!(depth[2], "100 - 0 0 5 at 1150");
        // A snapshot happened with the last of its levels.
        assert_eq!(depth[3..5], ["100 bid 100 50 2 at 1300", "100 ask 120 60 1 at 1300"]);
        let [feed] = outcome.summary.feeds.as_slice() else { panic!("one symbol") };
        let counts = RecordingCounts {
            updates: 1,
            updates_without_snapshot: 1,
            gaps: 1,
            snapshots: 2,
            checksums: 1,
            checksums_wrong: 1,
            ..Default::default()
        };
        assert_eq!(feed.counts, counts);
        let [wrong] = outcome.summary.wrong_checksums.as_slice() else { panic!("one place") };
        assert_eq!((wrong.symbol.as_str(), wrong.line), ("A/B", 2));
    }
}

#[test]
fn what_is_lost_of_a_file_makes_gaps_in_its_books() {
    let books = |lost: &str| [snapshot(300), lost.to_owned(), both(1_150, SUM), snapshot(1_200)].concat();
    for (lost, problem) in [
        (line(400, r#"[1,{"a":[["1.10","#), "line 2: the message cannot be read: EOF"),
        (line(400, r#"[1,"A/B"]"#), "line 2: `message` is [1,\"A/B\"]: it has less than three parts"),
        ("nonsense\n".to_owned(), "line 2: it begins with `nonsense`; expected the local time in Unix seconds"),
        (line(200, r#"{"event":"heartbeat"}"#), "line 2: the local time goes back"),
        (
            line(400, r#"[1,{"a":[["x","2.0","1700000001.0"]],"c":"1"},"book-2","A/B"]"#),
            "line 2: `price of a` is x: the value cannot be read",
        ),
        (line(400, r#"[1,{"a":[["1.1","2.0","soon"]]},"book-2","A/B"]"#), "line 2: `time` is soon: this is no time"),
    ] {
        let files = [("KRAKEN.ws.1.0", books(&lost)), ("KRAKEN.ws.2.0", opened(500))];
        let error = try_import(&files, OnError::Fail).err().unwrap().to_string();
        assert!(error.contains(problem), "{problem}: {error}");
        let outcome = try_import(&files, OnError::Skip).unwrap();
        let counts = outcome.summary.feeds[0].counts;
        assert_eq!((counts.gaps, counts.updates, counts.updates_without_snapshot), (1, 0, 1), "{problem}");
        let depth = outcome.summary.feeds[0].depth.as_ref().unwrap();
        let of_symbol: u64 = depth.issues.iter().map(|(_, count)| *count).sum();
        assert_eq!(outcome.summary.left_out + of_symbol, 1, "{problem}");
        assert!(depth.issues.iter().all(|(issue, _)| *issue == DataIssue::SkippedRow));
    }
    // A new connection as well, but not that of another file.
    let outcome = import(&[("KRAKEN.ws.1.0", books(&opened(400))), ("KRAKEN.ws.2.0", opened(500))]);
    assert_eq!((outcome.summary.feeds[0].counts.gaps, outcome.depth(0)[2].as_str()), (1, "100 - 0 0 5 at 400"));
    let outcome = import(&[("KRAKEN.ws.1.0", books("\n")), ("KRAKEN.ws.2.0", opened(500))]);
    assert_eq!((outcome.summary.feeds[0].counts.gaps, outcome.summary.feeds[0].counts.updates), (0, 1));
}

fn binance(ms: i64, symbol: &str, data: &str) -> String {
    line(ms, &format!(r#"{{"stream":"x","data":{{"s":"{symbol}",{data}}}}}"#))
}

fn binance_update(ms: i64, symbol: &str, [first, last, before]: [u64; 3]) -> String {
    let time = ZERO / 1_000_000 + ms - 10;
    let ids = format!(r#""U":{first},"u":{last},"pu":{before}"#);
    binance(ms, symbol, &format!(r#""e":"depthUpdate","E":{time},"T":{time},{ids},"b":[["1.5","{first}"]],"a":[]"#))
}

fn binance_answer(ms: i64, symbol: &str, last: u64) -> String {
    let time = ZERO / 1_000_000 + ms - 20;
    let text = line(ms, &format!(r#"{{"lastUpdateId":{last},"T":{time},"bids":[["1.000","5"]],"asks":[["2","6"]]}}"#));
    format!("https://example/depth?symbol={symbol}&limit=9 -> {text}")
}

#[test]
fn binances_symbols_are_told_apart_and_their_snapshots_come_from_the_other_file() {
    let time = ZERO / 1_000_000 + 60;
    let text = [
        opened(1),
        binance_update(30, "AB", [1, 4, 0]),
        binance_update(40, "CD", [5, 6, 2]),
        binance_update(60, "AB", [7, 8, 4]),
        binance(70, "AB", &format!(r#""e":"aggTrade","E":{time},"T":{time},"a":9,"p":"1.5","q":"0.25","m":true"#)),
        binance(71, "AB", &format!(r#""e":"bookTicker","T":{time},"u":8,"b":"1.5","B":"1","a":"2","A":"6""#)),
        binance(72, "AB", r#""e":"kline","k":{}"#),
        // Something is missing.
        binance_update(80, "CD", [13, 14, 12]),
        line(90, r#"{"result":null,"id":1}"#),
    ];
    let answers = [binance_answer(50, "AB", 3), binance_answer(55, "CD", 5)];
    let files = [("BINANCE_FUTURES.ws.1.0", text.concat()), ("BINANCE_FUTURES.http.0.0", answers.concat())];
    let outcome = import(&files);
    assert_eq!(
        outcome.depth(0),
        ["20 bid 1000 500 2 at 50", "20 ask 2000 600 1 at 50", "20 bid 1500 100 1 at 50", "50 bid 1500 700 1 at 60"]
    );
    assert_eq!(outcome.depth(1)[3], "70 - 0 0 5 at 80");
    assert_eq!(outcome.trades(0), [(60, Some(Side::Sell), 1_500, 25)]);
    let [ab, cd] = outcome.summary.feeds.as_slice() else { panic!("two symbols") };
    assert_eq!((ab.counts.updates, ab.counts.gaps, ab.quotes.as_ref().unwrap().rows), (2, 0, 1));
    assert_eq!((cd.counts.updates, cd.counts.gaps, cd.trades.is_none()), (1, 1, true));
    assert_eq!(outcome.summary.other, 3);
    let error = try_import(&files[..1], OnError::Fail).err().unwrap().to_string();
    assert!(error.contains("AB.BINANCE_FUTURES") && error.contains("no snapshot"), "{error}");
}

#[test]
fn coinbases_snapshots_happen_with_the_first_update_after_them() {
    let time = |ms: i64| format!(r#""time":"2023-11-14T22:13:20.{ms:03}000Z""#);
    let trade = |kind: &str, id: u64, side: &str| {
        format!(
            r#"{{"type":"{kind}","trade_id":{id},"side":"{side}","size":"0.5","price":"1.5","product_id":"A-B",{}}}"#,
            time(40)
        )
    };
    let update = |ms: i64| {
        format!(
            r#"{{"type":"l2update","product_id":"A-B","changes":[["sell","2.5","0.0"],["buy","1.25","3"]],{}}}"#,
            time(ms)
        )
    };
    let text = [
        line(5, &update(1)),
        line(10, r#"{"type":"snapshot","product_id":"A-B","bids":[["1.0","5"]],"asks":[["2.5","6"]]}"#),
        line(11, &trade("last_match", 6, "buy")),
        line(30, &update(8)),
        line(50, &trade("match", 7, "buy")),
        line(51, &trade("match", 7, "buy")),
        line(52, &trade("match", 9, "sell")),
        line(53, r#"{"type":"ticker","product_id":"A-B","price":"1.5"}"#),
        line(54, r#"{"type":"subscriptions","channels":[]}"#),
        opened(60),
        line(70, &update(65)),
    ];
    let outcome = import(&[("COINBASE.ws.1.0", text.concat())]);
    assert_eq!(
        outcome.depth(0),
        [
            "8 bid 100 50 2 at 10",
            "8 ask 250 60 1 at 10",
            "8 bid 125 30 0 at 30",
            "8 ask 250 0 1 at 30",
            "8 - 0 0 5 at 60"
        ]
    );
    assert_eq!(outcome.trades(0), [(40, Some(Side::Sell), 150, 5), (40, Some(Side::Buy), 150, 5)]);
    let counts = RecordingCounts {
        updates: 1,
        updates_without_snapshot: 2,
        gaps: 1,
        snapshots: 1,
        trades_repeated: 1,
        trades_missing: 1,
        other: 2,
        ..Default::default()
    };
    assert_eq!(outcome.summary.feeds[0].counts, counts);
    let bad = text[3].replace("\"sell\"", "\"both\"");
    let error = try_import(&[("COINBASE.ws.1.0", bad)], OnError::Fail).err().unwrap().to_string();
    assert!(error.contains("line 1: `side` is both: expected `buy` or `sell`"), "{error}");
}

#[test]
fn foreign_files_are_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let refused = |name: &str| {
        let path = write_text(&folder, name, &opened(1)).display().to_string();
        sessions(&[path], OnError::Fail, &|| false).unwrap_err().to_string()
    };
    assert!(refused("OKX.ws.1.0").contains("recordings of OKX are not read"));
    assert!(refused("notes.txt").contains("none of cryptofeed's files"));
    assert!(refused("KRAKEN.0").contains("names no file of data"));
}

#[test]
fn a_stopped_import_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("catalog");
    let heartbeats: String = (0..9_000).map(|n| line(2_000 + n, r#"{"event":"heartbeat"}"#)).collect();
    let text = [snapshot(300), both(1_150, SUM), heartbeats].concat();
    let path = write_text(&folder, "KRAKEN.ws.1.0", &text).display().to_string();
    let sessions = sessions(&[path], OnError::Fail, &|| false).unwrap();
    let found: Vec<Instrument> = sessions[0].symbols(Wanted::Depth).map(|one| of_session(&sessions[0], &one)).collect();
    for asked in 0..3 {
        let left = std::cell::Cell::new(asked);
        let stop = || left.replace(left.get() - 1) == 0;
        let stopped = sessions[0].import((&found, Wanted::All), &root, OnConflict::Error, &stop);
        assert!(matches!(stopped, Err(CatalogError::Stopped)), "{asked}");
        assert!(!root.exists());
    }
}
