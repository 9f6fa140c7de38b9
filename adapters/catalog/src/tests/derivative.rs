//! Mark prices and funding rates from files.

use tapedeck_model::{FundingTick, MarkTick};

use super::*;

fn csv(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("data.csv");
    std::fs::write(&path, text).unwrap();
    path
}

fn played(kind: DataKind, text: &str, change: impl FnOnce(&mut FileSpec)) -> Result<Vec<MarketRecord>, String> {
    let folder = TempDir::new().unwrap();
    let mut spec = spec(kind, &[csv(&folder, text)]);
    change(&mut spec);
    play(spec).map(|played| played.records)
}

fn at(text: &str) -> Ts {
    text.parse().unwrap()
}

fn mark(ts: &str, mark_px: i64, index_px: Option<i64>) -> MarketRecord {
    let (ts_event, ts_recv) = (at(ts), at(ts));
    let index_px = index_px.map(Price::from_raw);
    MarketRecord::Mark(MarkTick {
        instrument: InstrumentIx(0),
        ts_event,
        ts_recv,
        mark_px: Price::from_raw(mark_px),
        index_px,
    })
}

fn funding(ts: &str, rate: i64, interval: Option<Span>, mark_px: Option<i64>) -> MarketRecord {
    let (ts_event, ts_recv) = (at(ts), at(ts));
    let mark_px = mark_px.map(Price::from_raw);
    MarketRecord::Funding(FundingTick { instrument: InstrumentIx(0), ts_event, ts_recv, rate, interval, mark_px })
}

#[test]
fn marks_lie_between_ticks_and_may_lack_their_index() {
    let text = "time,markPrice,indexPrice\n2024-01-01T00:00:01Z,100.03,100\n2024-01-01T00:00:02Z,100.01,\n";
    let records = played(DataKind::Marks, text, |spec| {
        spec.instrument.rules[0].tick_size = Price::from_raw(50);
        spec.strict_ticks = true;
    });
    let expected = [mark("2024-01-01T00:00:01Z", 10_003, Some(10_000)), mark("2024-01-01T00:00:02Z", 10_001, None)];
    assert_eq!(records.unwrap(), expected);
    let records = played(DataKind::Marks, "ts,mark\n2024-01-01,5\n", |_| {});
    assert_eq!(records.unwrap(), [mark("2024-01-01", 500, None)]);
}

/// Names, numbers and hours as Binance's files of funding rates have them.
#[test]
fn funding_rates_are_read_with_their_intervals() {
    let text = "calc_time,funding_interval_hours,last_funding_rate\n\
        1704067200005,8,0.00037409\n1704096000000,4,-0.0001\n";
    let records = played(DataKind::Funding, text, |spec| spec.time_unit = Some(TimeUnit::Millis));
    let hours = |count| Some(Span::from_nanos(count * Span::HOUR.nanos()));
    let expected = [
        funding("2024-01-01T00:00:00.005Z", 374_090_000, hours(8), None),
        funding("2024-01-01T08:00:00Z", -100_000_000, hours(4), None),
    ];
    assert_eq!(records.unwrap(), expected);
    let text = "fundingTime,fundingRate,markPrice\n2024-01-01,0.0001,42.5\n2024-01-02,0,\n";
    let expected = [funding("2024-01-01", 100_000_000, None, Some(4_250)), funding("2024-01-02", 0, None, None)];
    assert_eq!(played(DataKind::Funding, text, |_| {}).unwrap(), expected);
    let records = played(DataKind::Funding, "2024-01-01,0.01\n2024-01-02,-1\n", |spec| {
        spec.columns = [("ts", "#1"), ("rate", "#2")].map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned())).into();
    });
    let expected =
        [funding("2024-01-01", 10_000_000_000, None, None), funding("2024-01-02", -1_000_000_000_000, None, None)];
    assert_eq!(records.unwrap(), expected);
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    for (kind, text, expected) in [
        (DataKind::Marks, "ts,mark\n2024-01-01,0\n", "row 1, column `mark`: a mark price must be above zero"),
        (DataKind::Marks, "ts,mark,index\n2024-01-01,1,-2\n", "row 1, column `index`: an index price must be above"),
        (DataKind::Marks, "ts,mark\n2024-01-01,1.005\n", "does not fit 2 decimals"),
        (DataKind::Marks, "ts,index\n2024-01-01,1\n", "there is no column for `mark_px`"),
        (DataKind::Funding, "ts,rate\n2024-01-01,2.5\n", "row 1, column `rate`: a funding rate is a fraction"),
        (DataKind::Funding, "ts,rate\n2024-01-01,\n", "row 1, column `rate`: a value is missing"),
        (DataKind::Funding, "ts,rate\n2024-01-01,0\n2024-01-01,0\n", "row 2, column `ts`: there are two funding rates"),
        (DataKind::Funding, "ts,rate\n2024-01-02,0\n2024-01-01,0\n", "row 2, column `ts`: the time goes back"),
        (
            DataKind::Funding,
            "ts,rate,interval_s,interval_hours\n2024-01-02,0,1,1\n",
            "both `interval_hours` and `interval_s` are there",
        ),
    ] {
        let error = played(kind, text, |_| {}).unwrap_err();
        assert!(error.contains(expected), "{error}\n{expected}");
    }
}
