//! hftbacktest on a tape of an order book: stepping through without a strategy, or with a grid market maker, queue
//! model and latency.
//!
//! ```text
//! peer-hftbacktest TAPE noop|market_maker hash_map|array
//! ```
//!
//! TAPE holds its events as they lie in memory (64 bytes each, little endian), as `books` of `tapedeck-benches`
//! writes it. The tape is in memory before the clock starts. Prints one line of JSON.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::time::Instant;

use hftbacktest::backtest::assettype::LinearAsset;
use hftbacktest::backtest::data::{Data, DataPtr, DataSource};
use hftbacktest::backtest::models::{CommonFees, ConstantLatency, RiskAdverseQueueModel, TradingValueFeeModel};
use hftbacktest::backtest::{Backtest, ExchangeKind, L2AssetBuilder};
use hftbacktest::prelude::*;

const TICK: f64 = 0.1;
const LOT: f64 = 0.001;
const QTY: f64 = 0.01;
const STEP_NS: i64 = 100_000_000;
const LATENCY_NS: i64 = 10_000_000;

// The grid, in ticks: distance from the middle, distance between orders, lean per unit held.
const HALF: i64 = 5;
const SPACING: i64 = 5;
const SKEW: i64 = 2;
/// Orders a side.
const LEVELS: i64 = 10;
/// Units held at which a side is not quoted.
const UNITS_MAX: i64 = 10;
/// Prices between which the array holds a place for each tick.
const ARRAY_PRICES: (f64, f64) = (30_000.0, 90_000.0);

fn word<const N: usize>(bytes: &[u8; 64], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("within an event")
}

/// The tape, in the memory that the engine reads.
fn tape(path: &str) -> Data<Event> {
    let file = File::open(path).expect("the tape");
    let size = file.metadata().expect("a file").len() as usize;
    // The engine's own memory: half a gigabyte that is copied from elsewhere would count as its peak.
    // SAFETY: the memory is aligned for an event, zeroed or not every bit pattern is one, and each is written below.
    let mut data: Data<Event> = unsafe { Data::from_data_ptr(DataPtr::new(size / 64 * 64), 0) };
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut bytes = [0_u8; 64];
    for at in 0..data.len() {
        reader.read_exact(&mut bytes).expect("a whole event");
        data[at] = Event {
            ev: u64::from_le_bytes(word(&bytes, 0)),
            exch_ts: i64::from_le_bytes(word(&bytes, 8)),
            local_ts: i64::from_le_bytes(word(&bytes, 16)),
            px: f64::from_le_bytes(word(&bytes, 24)),
            qty: f64::from_le_bytes(word(&bytes, 32)),
            order_id: 0,
            ival: 0,
            fval: 0.0,
        };
    }
    data
}

fn backtest<MD: MarketDepth + L2MarketDepth + 'static>(data: Data<Event>, depth: fn() -> MD) -> Backtest<MD> {
    Backtest::builder()
        .add_asset(
            L2AssetBuilder::new()
                .data(vec![DataSource::Data(data)])
                .latency_model(ConstantLatency::new(LATENCY_NS, LATENCY_NS))
                .asset_type(LinearAsset::new(1.0))
                .fee_model(TradingValueFeeModel::new(CommonFees::new(-0.000_05, 0.000_7)))
                .exchange(ExchangeKind::NoPartialFillExchange)
                .queue_model(RiskAdverseQueueModel::new())
                .depth(depth)
                .build()
                .expect("an asset"),
        )
        .build()
        .expect("a backtest")
}

/// One look at the book: what the grid wants is submitted, what it does not want is canceled. Gives the submits.
fn quote<MD: MarketDepth>(hbt: &mut Backtest<MD>, wanted: &mut [BTreeSet<i64>; 2]) -> u64 {
    let (bid, ask) = (hbt.depth(0).best_bid_tick(), hbt.depth(0).best_ask_tick());
    if bid == INVALID_MIN || ask == INVALID_MAX {
        return 0;
    }
    let units = (hbt.position(0) / QTY).round() as i64;
    let top_bid = ((bid + ask).div_euclid(2) - HALF - SKEW * units).min(bid).div_euclid(SPACING) * SPACING;
    let low_ask = -(-((bid + ask + 1).div_euclid(2) + HALF - SKEW * units).max(ask)).div_euclid(SPACING) * SPACING;
    hbt.clear_inactive_orders(Some(0));
    for set in wanted.iter_mut() {
        set.clear();
    }
    if units < UNITS_MAX {
        wanted[0].extend((0..LEVELS).map(|nth| top_bid - nth * SPACING));
    }
    if units > -UNITS_MAX {
        wanted[1].extend((0..LEVELS).map(|nth| low_ask + nth * SPACING));
    }
    let side_of = |order: &Order| usize::from(order.side == Side::Sell);
    let stale = hbt.orders(0).values().filter(|order| order.cancellable());
    let stale: Vec<u64> = stale
        .filter(|order| !wanted[side_of(order)].contains(&order.price_tick))
        .map(|order| order.order_id)
        .collect();
    for order_id in stale {
        hbt.cancel(0, order_id, false).expect("a cancel");
    }
    let mut submits = 0;
    for (side, set) in wanted.iter().enumerate() {
        for tick in set {
            // A price has one order: bids and asks never share one.
            let order_id = *tick as u64;
            if hbt.orders(0).contains_key(&order_id) {
                continue;
            }
            let (px, tif, kind) = (*tick as f64 * TICK, TimeInForce::GTX, OrdType::Limit);
            if side == 0 {
                hbt.submit_buy_order(0, order_id, px, QTY, tif, kind, false).expect("an order");
            } else {
                hbt.submit_sell_order(0, order_id, px, QTY, tif, kind, false).expect("an order");
            }
            submits += 1;
        }
    }
    submits
}

fn play<MD: MarketDepth + L2MarketDepth + 'static>(data: Data<Event>, depth: fn() -> MD, quotes: bool) -> String {
    let mut hbt = backtest(data, depth);
    let mut wanted = [BTreeSet::new(), BTreeSet::new()];
    let (mut submits, mut steps) = (0, 0_u64);
    let begun = Instant::now();
    while hbt.elapse(STEP_NS).expect("a step") == ElapseResult::Ok {
        steps += 1;
        if quotes {
            submits += quote(&mut hbt, &mut wanted);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let fills = hbt.state_values(0).num_trades;
    format!("\"seconds\":{seconds},\"steps\":{steps},\"orders\":{submits},\"fills\":{fills}")
}

/// The largest resident memory of this process, in bytes, as Linux tells it.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, work, depth] = args.as_slice() else {
        eprintln!("usage: peer-hftbacktest TAPE noop|market_maker hash_map|array");
        std::process::exit(2);
    };
    let data = tape(path);
    let events = data.len();
    let quotes = work == "market_maker";
    let said = match depth.as_str() {
        "array" => play(data, || ROIVectorMarketDepth::new(TICK, LOT, ARRAY_PRICES.0, ARRAY_PRICES.1), quotes),
        _ => play(data, || HashMapMarketDepth::new(TICK, LOT), quotes),
    };
    println!("{{\"rows\":{events},{said},\"peak_rss_bytes\":{}}}", peak_rss_bytes());
}
