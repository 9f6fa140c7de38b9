//! The same feed, latency, queue model and orders as in the reference results of another engine; where
//! we differ, `docs/l2-parity.md` says why.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;
use tapedeck_model::{Amount, Deal, Event, Liquidity, Qty};
use tapedeck_tests::{Played, play, shared};

/// Rows of a CSV data set.
type Rows = String;

/// The reference's conversion of the recording: levels before the snapshot count, and the snapshot clears
/// each side as far as it reaches.
struct Converter {
    depth: Rows,
    trades: Rows,
    begun: bool,
    bids: BTreeMap<i64, String>,
    asks: BTreeMap<i64, String>,
}

fn tenths(px: &str) -> i64 {
    let (whole, fraction) = px.split_once('.').unwrap_or((px, "0"));
    whole.parse::<i64>().expect("a price") * 10 + fraction[..1].parse::<i64>().expect("a tenth")
}

fn levels(value: &Value) -> Vec<(String, String)> {
    let pair = |level: &Value| Some((level.get(0)?.as_str()?.to_owned(), level.get(1)?.as_str()?.to_owned()));
    value.as_array().into_iter().flatten().filter_map(pair).collect()
}

impl Converter {
    /// One message of levels, the last row marked.
    fn message(&mut self, (ts, local): (i64, i64), rows: &[(&str, i64, String)]) {
        for (nth, (side, px, qty)) in rows.iter().enumerate() {
            let book = if *side == "bid" { &mut self.bids } else { &mut self.asks };
            if qty.trim_matches(['0', '.']).is_empty() {
                book.remove(px)
            } else {
                book.insert(*px, qty.clone())
            };
            // The reference begins with an empty book and believes it.
            let clear = if std::mem::replace(&mut self.begun, true) { 0 } else { 2 };
            let flags = clear + i32::from(nth + 1 == rows.len());
            writeln!(self.depth, "{ts},{local},{side},{}.{},{qty},{flags}", px / 10, px % 10).expect("it fits");
        }
    }

    fn depth(&mut self, times: (i64, i64), bids: &Value, asks: &Value, snapshot: bool) {
        let of = |side: &'static str, value: &Value| -> Vec<(&'static str, i64, String)> {
            levels(value).into_iter().map(|(px, qty)| (side, tenths(&px), qty)).collect()
        };
        let (bids, asks) = (of("bid", bids), of("ask", asks));
        let mut rows = Vec::new();
        if snapshot {
            let (low, high) = (bids.last().map_or(0, |l| l.1), asks.last().map_or(i64::MAX, |l| l.1));
            let stays = |side: &[(&str, i64, String)], px: i64| side.iter().any(|(_, at, _)| *at == px);
            let gone = |px: i64| (px, "0".to_owned());
            let bids_gone = self.bids.range(low..).map(|(px, _)| *px).filter(|px| !stays(&bids, *px)).map(gone);
            rows.extend(bids_gone.map(|(px, qty)| ("bid", px, qty)));
            let asks_gone = self.asks.range(..=high).map(|(px, _)| *px).filter(|px| !stays(&asks, *px)).map(gone);
            rows.extend(asks_gone.map(|(px, qty)| ("ask", px, qty)));
        }
        rows.extend(bids.into_iter().chain(asks));
        self.message(times, &rows);
    }
}

/// Depth and trades as CSV, and the first local time.
fn convert(recording: &Path) -> (Rows, Rows, i64) {
    let mut text = String::new();
    let file = std::fs::File::open(recording).expect("it is there");
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("it is gzip");
    let lines: Vec<(i64, Value)> = text
        .lines()
        .map(|line| line.split_once(' ').expect("a time and a message"))
        .map(|(local, json)| (local.parse().expect("a time"), serde_json::from_str(json).expect("a message")))
        .collect();
    let head = "ts,ts_recv,";
    let mut to = Converter {
        depth: format!("{head}side,px,qty,flags\n"),
        trades: format!("{head}px,qty,side\n"),
        begun: false,
        bids: BTreeMap::new(),
        asks: BTreeMap::new(),
    };
    let time = |data: &Value| data["T"].as_i64().expect("a time") * 1_000_000;
    let used: Vec<(i64, &Value, bool)> = lines
        .iter()
        .filter_map(|(local, json)| match json.get("data") {
            Some(data) if matches!(data["e"].as_str(), Some("depthUpdate" | "trade")) => Some((*local, data, false)),
            Some(_) => None,
            None => Some((*local, json, true)),
        })
        .collect();
    let mut used = used;
    let first_event = time(used[0].1);
    let shift = used.iter().map(|(local, data, _)| time(data) - local).max().expect("a message").max(0);
    // The snapshot comes after updates that happened after it. What was received before it is received
    // with it: each data set is in order by both times.
    used.sort_by_key(|(_, data, _)| time(data));
    let (mut depth_recv, mut trade_recv) = (0, 0);
    for (local, data, snapshot) in &used {
        let recv = if data["e"] == "trade" { &mut trade_recv } else { &mut depth_recv };
        *recv = (*recv).max(local + shift);
        let times = (time(data), *recv);
        if *snapshot {
            to.depth(times, &data["bids"], &data["asks"], true);
        } else if data["e"] == "trade" {
            let side = if data["m"] == Value::Bool(true) { "sell" } else { "buy" };
            let (px, qty) = (data["p"].as_str().expect("a price"), data["q"].as_str().expect("a quantity"));
            writeln!(to.trades, "{},{},{px},{qty},{side}", times.0, times.1).expect("it fits");
        } else {
            to.depth(times, &data["b"], &data["a"], false);
        }
    }
    (to.depth, to.trades, first_event)
}

fn scenario(folder: &Path, strategy: &str, queue: &str, first_at: i64) -> String {
    format!(
        r#"
[scenario]
name = "parity"
seed = 1
base_currency = "USDT"

[[instrument]]
symbol = "BTCUSDT"
venue = "BINANCE"
kind = "linear"
base = "BTC"
quote = "USDT"
settlement = "USDT"
tick_size = "0.1"
lot_size = "0.001"

[[data]]
name = "depth"
instrument = "BTCUSDT"
kind = "depth"
path = "{folder}/depth.csv"
time_unit = "ns"

[[data]]
name = "trades"
instrument = "BTCUSDT"
kind = "trades"
path = "{folder}/trades.csv"
time_unit = "ns"

[[venue]]
name = "BINANCE"
maker_fill = "whole"
{queue}
[venue.entry_latency]
model = "constant"
delay = "10ms"
[venue.cancel_latency]
model = "constant"
delay = "10ms"
[venue.report_latency]
model = "constant"
delay = "10ms"
[venue.slippage]
model = "none"
[venue.fees]
model = "maker_taker"
maker = "-0.00005"
taker = "0.0007"

[account]
kind = "netting"
deposits = {{ USDT = "1000000" }}
max_leverage = "100"

[[strategy]]
type = "market_maker"
qty = "0.01"
max_units = 10
interval = "100ms"
first_at = "{first_at}"
{strategy}
"#,
        folder = folder.display(),
        first_at = tapedeck_model::Ts::from_nanos(first_at),
    )
}

/// What the reference tells of a run.
#[derive(Debug, PartialEq)]
struct Figures {
    submits: usize,
    cancels: usize,
    fills: usize,
    /// Units of the instrument.
    position: &'static str,
    /// Cash from trading, without fees.
    balance: &'static str,
    /// Below zero: received.
    fee: &'static str,
}

/// Naive sums over the journal, held against the figures.
fn agree(played: &Played, expected: &Figures) {
    let (mut submits, mut cancels, mut fills, mut position, mut balance) = (0, 0, 0, 0, 0);
    for record in &played.records {
        match &record.event {
            Event::Submitted { .. } => submits += 1,
            Event::CancelSubmitted { .. } => cancels += 1,
            Event::Filled { deal: Deal { side, .. }, report, .. } => {
                assert_eq!(report.liquidity, Liquidity::Maker);
                assert!(report.evidence.queue_ahead_qty <= report.evidence.queue_entry_qty);
                let signed = side.sign() * report.last_qty.raw();
                fills += 1;
                position += signed;
                balance -= i128::from(signed) * i128::from(report.last_px.raw());
            }
            _ => {}
        }
    }
    assert_eq!((submits, cancels, fills), (expected.submits, expected.cancels, expected.fills));
    assert_eq!(Some(position), Qty::parse(expected.position, 3).ok().map(Qty::raw));
    // Price scale 1 and quantity scale 3.
    let unit = 10_i128.pow(u32::from(Amount::SCALE) - 4);
    assert_eq!(Amount::parse(expected.balance), Ok(Amount::from_raw(balance * unit)));
    let fees = played.summary.fees_in_base;
    assert_eq!(fees, Amount::parse(expected.fee).ok(), "fees");
}

#[test]
fn a_grid_over_a_real_recording_fills_as_in_the_reference() {
    let Some(recording) = shared("data/hftbacktest/usdm/btcusdt_20240808.gz") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (depth, trades, first_event) = convert(&recording);
    std::fs::write(folder.path().join("depth.csv"), depth).expect("written");
    std::fs::write(folder.path().join("trades.csv"), trades).expect("written");
    let first_at = first_event + 100_000_000;
    let wide = "half_spread = 5\nspacing = 5\nskew = 2\nlevels = 10";
    let tight = "half_spread = 0\nspacing = 1\nskew = 1\nlevels = 3";
    let averse = "[venue.queue]\nmodel = \"risk_averse\"";
    let power = "[venue.queue]\nmodel = \"power3\"\nn = \"3\"";
    let of_wide = Figures {
        submits: 4_052,
        cancels: 2_408,
        fills: 1_538,
        position: "-0.02",
        balance: "1139.62",
        fee: "-47.451481",
    };
    let of_tight = Figures {
        submits: 2_149,
        cancels: 1_166,
        fills: 878,
        position: "-0.02",
        balance: "1176.166",
        fee: "-27.0919134",
    };
    let of_tight_power = Figures {
        submits: 2_150,
        cancels: 1_166,
        fills: 879,
        position: "-0.01",
        balance: "559.456",
        fee: "-27.1227486",
    };
    for (strategy, queue, expected) in
        [(wide, averse, &of_wide), (wide, power, &of_wide), (tight, averse, &of_tight), (tight, power, &of_tight_power)]
    {
        let played = play(&scenario(folder.path(), strategy, queue, first_at));
        agree(&played, expected);
    }
}
