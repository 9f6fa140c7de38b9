//! The summary of a run as text: what was assumed first, then what came of it.

use std::fmt::Write as _;

use tapedeck_model::{Amount, CurrencyIx, VenueIx};

use crate::facts::RunFacts;
use crate::metrics::Metrics;
use crate::text::{NONE, count, money, percent, ratio, span};

/// Label and value of one figure.
pub type Figure = (&'static str, String);

/// What a person wants to know of a run, in order.
pub fn figures(facts: &RunFacts, metrics: &Metrics) -> Vec<Figure> {
    let base = &metrics.base_currency;
    let cash = |value| value_in(value, base);
    let mut rows = vec![
        ("Final equity", cash(metrics.final_equity)),
        ("Initial equity", cash(metrics.initial_equity)),
        ("Total return", percent(metrics.total_return)),
        ("CAGR", percent(metrics.cagr)),
        ("Max drawdown", percent(metrics.max_drawdown)),
        ("Volatility (annual)", percent(metrics.volatility)),
        ("Sharpe", ratio(metrics.sharpe)),
        ("Sortino", ratio(metrics.sortino)),
        ("Calmar", ratio(metrics.calmar)),
        ("Exposure time", percent(metrics.exposure_time)),
        ("Turnover", metrics.turnover.map_or_else(|| NONE.to_owned(), |v| format!("{} x", ratio(Some(v))))),
    ];
    rows.extend(trade_figures(facts, metrics));
    rows
}

fn value_in(value: Option<tapedeck_model::Amount>, code: &str) -> String {
    value.map_or_else(|| NONE.to_owned(), |amount| format!("{} {code}", money(amount)))
}

fn trade_figures(facts: &RunFacts, metrics: &Metrics) -> Vec<Figure> {
    let counts = &facts.counts;
    let code = metrics.trades_currency.as_deref().unwrap_or("");
    let open = if facts.trips_open > 0 { format!(" (+ {} open)", facts.trips_open) } else { String::new() };
    let duration = (facts.trips.count > 0)
        .then(|| facts.trips.duration_sum_ns / i128::from(facts.trips.count))
        .and_then(|nanos| i64::try_from(nanos).ok());
    let mut rows = vec![
        ("Round trips", format!("{}{open}", count(metrics.trades))),
        ("Win rate", percent(metrics.win_rate)),
        ("Profit factor", ratio(metrics.profit_factor)),
        ("Average trade (net)", value_in(metrics.average_trade, code)),
        (
            "Average duration",
            duration.map_or_else(|| NONE.to_owned(), |nanos| span(tapedeck_model::Span::from_nanos(nanos))),
        ),
        ("Orders / fills", format!("{} / {}", count(counts.orders), count(counts.fills))),
        ("Denied / rejected", format!("{} / {}", count(counts.denied), count(counts.rejected))),
    ];
    if counts.transfers + counts.transfers_refused > 0 {
        let (sent, refused) = (count(counts.transfers), count(counts.transfers_refused));
        rows.push(("Transfers / refused", format!("{sent} / {refused}")));
    }
    if counts.liquidations > 0 {
        rows.push(("Liquidations", count(counts.liquidations)));
    }
    if counts.margin_calls > 0 {
        rows.push(("Margin calls", count(counts.margin_calls)));
    }
    rows
}

/// What each account has at the end, where there are several.
pub fn wallets(facts: &RunFacts) -> Vec<(String, String)> {
    let under_way = facts.under_way.iter().map(|(currency, sum)| {
        ("Under way".to_owned(), format!("{} {}", money(*sum), facts.names.currency(*currency)))
    });
    let row = |((venue, currency), sum): (&(VenueIx, CurrencyIx), &Amount)| {
        let venue = facts.names.venue(*venue).to_owned();
        (venue, format!("{} {}", money(*sum), facts.names.currency(*currency)))
    };
    facts.wallets.iter().map(row).chain(under_way).collect()
}

/// What the run cost, in order.
pub fn costs(facts: &RunFacts) -> Vec<(String, String)> {
    let names = &facts.names;
    let mut rows = Vec::new();
    for (currency, sum) in &facts.fees {
        rows.push(("Fees".to_owned(), format!("{} {}", money(*sum), names.currency(*currency))));
    }
    for (currency, sum) in &facts.funding {
        rows.push(("Funding paid".to_owned(), format!("{} {}", money(*sum), names.currency(*currency))));
    }
    for (currency, sum) in &facts.interest {
        rows.push(("Interest".to_owned(), format!("{} {}", money(*sum), names.currency(*currency))));
    }
    for (title, sums) in [
        ("Liquidation fees", &facts.liquidation_fees),
        ("Covered by insurance", &facts.insurance),
        ("Transfer fees", &facts.transfer_fees),
    ] {
        for (currency, sum) in sums {
            rows.push((title.to_owned(), format!("{} {}", money(*sum), names.currency(*currency))));
        }
    }
    for (title, sums) in [("Slippage", &facts.slippage), ("Notional traded", &facts.traded)] {
        for (currency, sum) in sums {
            let sum = sum.map_or_else(|| NONE.to_owned(), money);
            rows.push((title.to_owned(), format!("{sum} {}", names.currency(*currency))));
        }
    }
    if facts.counts.fills > 0 {
        let (maker, fills) = (facts.counts.maker_fills, facts.counts.fills);
        rows.push(("Maker fills".to_owned(), percent(Some(maker as f64 / fills as f64))));
    }
    rows
}

/// The summary as text, headed by `assumptions`; the same run under other assumptions is told of by
/// [`crate::Variants::to_text`].
pub fn summary(title: &str, assumptions: &[(String, String)], facts: &RunFacts, metrics: &Metrics) -> String {
    let figures = figures(facts, metrics);
    let costs = costs(facts);
    let width = assumptions
        .iter()
        .map(|(key, _)| key.chars().count())
        .chain(figures.iter().map(|(key, _)| key.len()))
        .max()
        .unwrap_or(0);
    let mut text = format!("{title}\n");
    if let Some((first, last)) = facts.period {
        let _ = writeln!(text, "{first} to {last}");
    }
    text.push_str("\nAssumed\n");
    for (key, value) in assumptions {
        line(&mut text, width, key, value);
    }
    text.push_str("\nResult\n");
    for (key, value) in &figures {
        line(&mut text, width, key, value);
    }
    text.push_str("\nCosts\n");
    for (key, value) in &costs {
        line(&mut text, width, key, value);
    }
    let wallets = wallets(facts);
    if !wallets.is_empty() {
        text.push_str("\nAccounts at the end\n");
        for (venue, value) in &wallets {
            line(&mut text, width, venue, value);
        }
    }
    if metrics.realized_pnl.len() > 1 {
        text.push_str("\nRealised, before fees\n");
        for (strategy, code, sum) in &metrics.realized_pnl {
            line(&mut text, width, strategy, &format!("{} {code}", money(*sum)));
        }
    }
    text
}

fn line(text: &mut String, width: usize, key: &str, value: &str) {
    let _ = writeln!(text, "  {key:<width$}  {value}");
}
