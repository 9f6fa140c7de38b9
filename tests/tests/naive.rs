//! The second promise, true: a page of plain code that knows nothing of the kernel computes the same
//! trades, fees and equity, to the last digit, on real data.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::fs;

use tapedeck_model::{Amount, Deal, Decimal, Event, Side, Ts};
use tapedeck_tests::{Played, declared, play, shared};

/// One bar of the file: open time and prices.
struct Row {
    open_time: String,
    open: Decimal,
    close: Decimal,
}

fn rows(file: &std::path::Path) -> Vec<Row> {
    let text = fs::read_to_string(file).expect("the data file");
    let number = |cell: &str| cell.parse::<Decimal>().expect("a price").normalize();
    text.lines()
        .skip(1)
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            Row { open_time: cells[0].to_owned(), open: number(cells[1]), close: number(cells[4]) }
        })
        .collect()
}

#[derive(Debug, PartialEq)]
struct Trade {
    at: Ts,
    side: Side,
    px: Decimal,
    qty: Decimal,
    fee: Decimal,
}

/// What a strategy holds after its means have crossed.
enum Book {
    /// One unit long or short of a contract.
    Contract { qty: Decimal },
    /// Everything in the asset or in cash; `keep` of the cash is used, quantities fall to the lot.
    AllIn { keep: Decimal, lot: Decimal },
}

/// SMA cross decided at the close, filled at the next open; cash and position at the end.
fn naive(rows: &[Row], (fast, slow): (usize, usize), fee_rate: Decimal, book: &Book) -> (Vec<Trade>, Decimal, Decimal) {
    let mut cash = Decimal::from(100_000);
    let mut held = Decimal::ZERO;
    let mut trades = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        if i + 1 < slow || i + 1 == rows.len() {
            continue;
        }
        let sum = |n: usize| rows[i + 1 - n..=i].iter().map(|row| row.close).sum::<Decimal>();
        let above = sum(fast) * Decimal::from(slow as u64) > sum(slow) * Decimal::from(fast as u64);
        let wanted = match book {
            Book::Contract { qty } => {
                if above {
                    *qty
                } else {
                    -qty
                }
            }
            Book::AllIn { .. } if !above => Decimal::ZERO,
            Book::AllIn { .. } if held > Decimal::ZERO => held,
            Book::AllIn { keep, lot } => {
                let price = row.close * (Decimal::ONE + fee_rate);
                (cash * keep / price / lot).trunc() * lot
            }
        };
        let delta = wanted - held;
        if delta.is_zero() {
            continue;
        }
        let next = &rows[i + 1];
        let fee = delta.abs() * next.open * fee_rate;
        cash -= delta * next.open + fee;
        held = wanted;
        trades.push(Trade {
            at: next.open_time.parse().expect("a time"),
            side: if delta > Decimal::ZERO { Side::Buy } else { Side::Sell },
            px: next.open.normalize(),
            qty: delta.abs().normalize(),
            fee: fee.normalize(),
        });
    }
    let last = rows.last().map_or(Decimal::ZERO, |row| row.close);
    (trades, cash + held * last, held)
}

fn trades_of(played: &Played) -> Vec<Trade> {
    let names = declared(&played.records);
    let fills = played.records.iter().filter_map(|record| match &record.event {
        Event::Filled { instrument, deal: Deal { side, .. }, report, .. } => {
            let instrument = &names.instruments[instrument.usize()];
            Some(Trade {
                at: report.ts_event,
                side: *side,
                px: report.last_px.to_decimal(instrument.price_scale).normalize(),
                qty: report.last_qty.to_decimal(instrument.qty_scale).normalize(),
                fee: report.fee.to_string().parse::<Decimal>().expect("a fee").normalize(),
            })
        }
        _ => None,
    });
    fills.collect()
}

fn scenario(file: &std::path::Path, kind: &str, account: &str, strategy: &str) -> String {
    format!(
        r#"
[scenario]
name = "naive"
seed = 1
base_currency = "USD"

[[instrument]]
symbol = "BTC-PERP"
venue = "SIM"
kind = "{kind}"
base = "BTC"
quote = "USD"
tick_size = "0.001"
lot_size = "0.0001"

[[data]]
instrument = "BTC-PERP"
kind = "bars"
interval = "1m"
path = "{}"
volume_unit = "quote"

[[venue]]
name = "SIM"
participation = "none"
[venue.entry_latency]
model = "none"
[venue.cancel_latency]
model = "none"
[venue.report_latency]
model = "none"
[venue.slippage]
model = "none"
[venue.fees]
model = "maker_taker"
maker = "0.0007"
taker = "0.0007"

[account]
deposits = {{ USD = "100000" }}
{account}

[[strategy]]
type = "sma_cross"
{strategy}
"#,
        file.canonicalize().expect("the data file").display()
    )
}

const DATA: &str = "data/nautilus/btc-perp-20211231-20220201_1m.csv";

fn compare(kind: &str, account: &str, strategy: &str, lengths: (usize, usize), book: &Book) {
    let Some(file) = shared(DATA) else { return };
    let rows = rows(&file);
    assert!(rows.len() > 45_000);
    let played = play(&scenario(&file, kind, account, strategy));
    let (trades, equity, _) = naive(&rows, lengths, Decimal::new(7, 4), book);
    let found = trades_of(&played);
    assert!(trades.len() > 500, "too few trades to tell: {}", trades.len());
    for (nth, (expected, found)) in trades.iter().zip(&found).enumerate() {
        assert_eq!(expected, found, "trade {nth}");
    }
    assert_eq!(trades.len(), found.len());
    let found: Option<Decimal> =
        played.summary.equity_last.map(|equity: Amount| equity.to_string().parse().expect("a number"));
    assert_eq!(found.map(|found| found.normalize()), Some(equity.normalize()));
}

#[test]
fn a_contract_long_and_short_agrees_to_the_last_digit() {
    compare(
        "linear",
        "kind = \"netting\"\nmax_leverage = \"5\"",
        "fast = 10\nslow = 50\nsize = \"fixed\"\nqty = \"0.5\"\ndirection = \"long_short\"",
        (10, 50),
        &Book::Contract { qty: Decimal::new(5, 1) },
    );
}

#[test]
fn everything_in_or_out_agrees_to_the_last_digit() {
    compare(
        "spot",
        "kind = \"spot\"",
        "fast = 20\nslow = 100\nsize = \"all_in\"\nbuffer = \"0.01\"",
        (20, 100),
        &Book::AllIn { keep: Decimal::new(99, 2), lot: Decimal::new(1, 4) },
    );
}
