//! Figures of a run.
//!
//! Enters: [`RunFacts`]. Leaves: [`Metrics`] and its JSON. Conventions: returns are those of equity
//! sampled at UTC multiples of the interval, forward filled; a year has 365 days; deviations are
//! those of a sample (ddof 1); the riskless rate is zero; `max_drawdown` is a fraction of the peak,
//! at least zero, over every mark of the run; figures of trades are after fees. What is not defined
//! is `None` (JSON null), never NaN. Money is a decimal string.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use tapedeck_model::number::div_half_even;
use tapedeck_model::{Amount, CurrencyIx, Span, StrategyIx};

use crate::facts::RunFacts;

/// The figures of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// Code of the base currency.
    pub base_currency: String,
    /// Equity at the start, in the base currency.
    pub initial_equity: Option<Amount>,
    /// Last known equity, in the base currency.
    pub final_equity: Option<Amount>,
    /// Growth of equity, less one; money put in or taken out meanwhile is neither profit nor loss.
    pub total_return: Option<f64>,
    /// Compound growth per year of the sampled equity.
    pub cagr: Option<f64>,
    /// Deviation of returns, per year.
    pub volatility: Option<f64>,
    /// Mean return over deviation, per year.
    pub sharpe: Option<f64>,
    /// Mean return over downside deviation, per year.
    pub sortino: Option<f64>,
    /// `cagr` over `max_drawdown`.
    pub calmar: Option<f64>,
    /// Largest fall from a peak over every mark, as a fraction of the peak, at least zero.
    pub max_drawdown: Option<f64>,
    /// Length of a return's period.
    pub returns_interval: Span,
    /// Periods in a year of 365 days.
    pub periods_per_year: f64,
    /// How many returns there are.
    pub returns: u64,
    /// Fees paid, by currency.
    pub fees: Vec<(String, Amount)>,
    /// Funding paid by currency; below zero: received.
    pub funding: Vec<(String, Amount)>,
    /// Interest on what was borrowed, by currency.
    pub interest: Vec<(String, Amount)>,
    /// Round trips closed.
    pub trades: u64,
    /// Trips won over all trips.
    pub win_rate: Option<f64>,
    /// Sum of wins over sum of losses; undefined without a loss.
    pub profit_factor: Option<f64>,
    /// Mean profit of a trip, after fees, in `trades_currency`, half to even at 1e-24.
    pub average_trade: Option<Amount>,
    /// Mean profit of a trip over the mean loss of a losing one.
    pub expectancy: Option<f64>,
    /// Mean win.
    pub average_win: Option<Amount>,
    /// Mean loss, below zero.
    pub average_loss: Option<Amount>,
    /// Code of the currency of all trips, if there is one.
    pub trades_currency: Option<String>,
    /// Share of the time with an open position.
    pub exposure_time: Option<f64>,
    /// Notional traded over mean equity, if all of it is quoted in the base currency and its sum is
    /// in the range of an amount.
    pub turnover: Option<f64>,
    /// Fees of liquidations, by currency.
    pub liquidation_fees: Vec<(String, Amount)>,
    /// Losses beyond wallets that the venue's insurance fund covered, by currency.
    pub insurance: Vec<(String, Amount)>,
    /// What transfers between venues cost, by currency; not part of `fees`.
    pub transfer_fees: Vec<(String, Amount)>,
    /// What is under way between venues at the end, by currency.
    pub under_way: Vec<(String, Amount)>,
    /// Realised profit before fees, by strategy and currency.
    pub realized_pnl: Vec<(String, String, Amount)>,
}

fn mean(sum: Amount, count: u64) -> Option<Amount> {
    (count > 0).then(|| Amount::from_raw(div_half_even(sum.raw(), i128::from(count))))
}

fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    let value = numerator / denominator;
    (denominator != 0.0 && value.is_finite()).then_some(value)
}

impl Metrics {
    /// The figures of a run.
    pub fn of(facts: &RunFacts) -> Self {
        let stats = facts.returns.stats();
        let per_year = facts.returns.periods_per_year();
        let known = facts.final_equity.is_some();
        let max_drawdown = (known && facts.max_drawdown.is_finite()).then_some(facts.max_drawdown);
        let cagr = stats.cagr(per_year);
        let trips = &facts.trips;
        let comparable = trips.count > 0 && !trips.mixed;
        let net = if comparable { trips.won.checked_add(trips.lost) } else { None };
        let average_trade = net.and_then(|net| mean(net, trips.count));
        let average_loss = if comparable { mean(trips.lost, trips.losses) } else { None };
        Self {
            base_currency: facts.names.currency(facts.base_currency).to_owned(),
            initial_equity: facts.initial_equity,
            final_equity: facts.final_equity,
            total_return: facts.initial_equity.zip(facts.final_equity).and_then(|(first, last)| {
                let first = first.to_f64() * facts.capital_factor;
                ratio(last.to_f64() - first, first)
            }),
            cagr,
            volatility: stats.volatility(per_year),
            sharpe: stats.sharpe(per_year),
            sortino: stats.sortino(per_year),
            calmar: cagr.zip(max_drawdown).and_then(|(cagr, fall)| ratio(cagr, fall)),
            max_drawdown,
            returns_interval: facts.returns.interval(),
            periods_per_year: per_year,
            returns: stats.count(),
            fees: by_code(facts, &facts.fees),
            funding: by_code(facts, &facts.funding),
            interest: by_code(facts, &facts.interest),
            trades: trips.count,
            win_rate: if comparable { ratio(trips.wins as f64, trips.count as f64) } else { None },
            profit_factor: if comparable { ratio(trips.won.to_f64(), -trips.lost.to_f64()) } else { None },
            average_trade,
            expectancy: average_trade.zip(average_loss).and_then(|(mean, loss)| ratio(mean.to_f64(), -loss.to_f64())),
            average_win: if comparable { mean(trips.won, trips.wins) } else { None },
            average_loss,
            trades_currency: trips.currency.filter(|_| !trips.mixed).map(|ix| facts.names.currency(ix).to_owned()),
            exposure_time: exposure_time(facts),
            turnover: turnover(facts),
            liquidation_fees: by_code(facts, &facts.liquidation_fees),
            insurance: by_code(facts, &facts.insurance),
            transfer_fees: by_code(facts, &facts.transfer_fees),
            under_way: by_code(facts, &facts.under_way),
            realized_pnl: realized(facts),
        }
    }

    /// As a JSON object; `counts` come from the facts.
    pub fn to_json(&self, facts: &RunFacts) -> Value {
        let money = |value: Option<Amount>| value.map(|amount| amount.to_string());
        let sums = |list: &[(String, Amount)]| -> Map<String, Value> {
            list.iter().map(|(code, sum)| (code.clone(), Value::from(sum.to_string()))).collect()
        };
        let mut realized = Map::new();
        for (strategy, code, sum) in &self.realized_pnl {
            let entry = realized.entry(strategy.clone()).or_insert_with(|| json!({}));
            entry[code] = Value::from(sum.to_string());
        }
        let counts = &facts.counts;
        let mut figures = json!({
            "base_currency": self.base_currency,
            "initial_equity": money(self.initial_equity),
            "final_equity": money(self.final_equity),
            "total_return": self.total_return,
            "cagr": self.cagr,
            "volatility": self.volatility,
            "sharpe": self.sharpe,
            "sortino": self.sortino,
            "calmar": self.calmar,
            "max_drawdown": self.max_drawdown,
            "returns_interval": self.returns_interval.to_string(),
            "periods_per_year": self.periods_per_year,
            "returns": self.returns,
            "fees": sums(&self.fees),
            "liquidations": counts.liquidations,
            "bankruptcies": counts.bankruptcies,
            "liquidation_fees": sums(&self.liquidation_fees),
            "insurance": sums(&self.insurance),
            "funding": sums(&self.funding),
            "orders": counts.orders,
            "fills": counts.fills,
            "denied": counts.denied,
            "rejected": counts.rejected,
            "canceled": counts.canceled,
            "expired": counts.expired,
            "ambiguous_bars": counts.ambiguous_bars,
            "warmup_denied": counts.warmup_denied,
            "trades": self.trades,
            "trades_open": facts.trips_open,
            "win_rate": self.win_rate,
            "profit_factor": self.profit_factor,
            "expectancy": self.expectancy,
            "average_trade": money(self.average_trade),
            "average_win": money(self.average_win),
            "average_loss": money(self.average_loss),
            "trades_currency": self.trades_currency,
            "exposure_time": self.exposure_time,
            "turnover": self.turnover,
            "realized_pnl": realized,
        });
        figures["blocked_fills"] = json!(counts.blocked);
        figures["incidents"] = json!(counts.incidents);
        figures["interest"] = json!(sums(&self.interest));
        figures["margin_calls"] = json!(counts.margin_calls);
        figures["missed_records"] = json!(counts.missed);
        figures["transfers"] = json!(counts.transfers);
        figures["transfers_refused"] = json!(counts.transfers_refused);
        figures["transfer_fees"] = json!(sums(&self.transfer_fees));
        figures["under_way"] = json!(sums(&self.under_way));
        figures
    }
}

fn by_code(facts: &RunFacts, sums: &BTreeMap<CurrencyIx, Amount>) -> Vec<(String, Amount)> {
    sums.iter().map(|(ix, sum)| (facts.names.currency(*ix).to_owned(), *sum)).collect()
}

fn exposure_time(facts: &RunFacts) -> Option<f64> {
    let (first, last) = facts.period?;
    let span = i128::from(last.nanos()) - i128::from(first.nanos());
    ratio(facts.exposed_ns as f64, span as f64)
}

fn turnover(facts: &RunFacts) -> Option<f64> {
    let (sum, count) = facts.equity_mean;
    let equity = ratio(sum, count as f64).filter(|mean| *mean > 0.0)?;
    let foreign = facts.traded.keys().any(|currency| *currency != facts.base_currency);
    let traded = facts.traded.get(&facts.base_currency).copied().unwrap_or(Some(Amount::ZERO))?;
    if foreign { None } else { ratio(traded.to_f64(), equity) }
}

fn realized(facts: &RunFacts) -> Vec<(String, String, Amount)> {
    realized_by_strategy(facts)
        .into_iter()
        .map(|((strategy, currency), sum)| {
            (facts.names.strategy(strategy).to_owned(), facts.names.currency(currency).to_owned(), sum)
        })
        .collect()
}

/// Sums of the last positions; one that would overflow stays at its last sum.
fn realized_by_strategy(facts: &RunFacts) -> BTreeMap<(StrategyIx, CurrencyIx), Amount> {
    let mut sums: BTreeMap<(StrategyIx, CurrencyIx), Amount> = BTreeMap::new();
    for point in facts.positions.values() {
        let Some(instrument) = facts.names.instrument(point.instrument) else { continue };
        let sum = sums.entry((point.strategy, instrument.value_currency())).or_default();
        *sum = sum.checked_add(point.realized_pnl).unwrap_or(*sum);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Gatherer, TripStats};
    use crate::fixture::{Journal, amount};
    use crate::returns::ReturnStats;
    use tapedeck_model::Side;

    fn facts(journal: &Journal) -> RunFacts {
        let mut gatherer = Gatherer::new(Span::DAY);
        journal.records.iter().for_each(|record| {
            gatherer.push(record).unwrap();
        });
        gatherer.finish().unwrap()
    }

    #[test]
    fn an_empty_run_has_no_figures_and_no_nan() {
        let mut journal = Journal::new();
        journal.end();
        let facts = facts(&journal);
        let json = Metrics::of(&facts).to_json(&facts);
        for key in ["total_return", "sharpe", "win_rate", "max_drawdown", "profit_factor", "turnover"] {
            assert_eq!(json[key], Value::Null, "{key}");
        }
        assert_eq!(json["returns_interval"], "1d");
        assert_eq!(json["periods_per_year"], 365.0);
    }

    #[test]
    fn a_turnover_out_of_range_does_not_end_the_run() {
        let mut journal = Journal::new();
        // Each way is worth 9e13; an amount ends at 1.7e14.
        for _ in 0..3 {
            journal.input(60);
            for side in [Side::Buy, Side::Sell] {
                let id = journal.order(side, "0.5");
                journal.fill(id, side, ("0.5", "0"), ("180000000000000", "1"));
            }
        }
        journal.equity("10000", 0.0);
        journal.end();
        let facts = facts(&journal);
        let usd = facts.base_currency;
        assert_eq!(facts.traded[&usd], None);
        let metrics = Metrics::of(&facts);
        assert_eq!((metrics.turnover, metrics.trades), (None, 3));
        assert_eq!(metrics.fees, [("USD".to_owned(), amount("6"))]);
        assert!(crate::summary::costs(&facts).contains(&("Notional traded".to_owned(), "n/a USD".to_owned())));
    }

    #[test]
    fn figures_of_trades_by_hand() {
        let mut journal = Journal::new();
        for (buy, sell) in [("100", "110"), ("100", "95"), ("100", "100")] {
            journal.input(60 * 6);
            let id = journal.order(Side::Buy, "1");
            journal.fill(id, Side::Buy, ("1", "0"), (buy, "0.5"));
            journal.input(60 * 6);
            let id = journal.order(Side::Sell, "1");
            journal.fill(id, Side::Sell, ("1", "0"), (sell, "0.5"));
            journal.equity("10000", 0.01);
        }
        journal.input(60 * 12);
        journal.equity("10002", 0.01);
        journal.end();
        let facts = facts(&journal);
        let metrics = Metrics::of(&facts);
        // Net: +9, -6, -1.
        assert_eq!(metrics.win_rate, Some(1.0 / 3.0));
        assert!((metrics.profit_factor.unwrap() - 9.0 / 7.0).abs() < 1e-12);
        assert_eq!(metrics.average_loss, Some(amount("-3.5")));
        assert_eq!(metrics.average_trade.unwrap().display_rounded(12), "0.666666666667");
        assert_eq!(metrics.total_return, Some(2.0 / 10_000.0));
        // Three spans of six hours out of two days.
        assert_eq!(metrics.exposure_time, Some(0.375));
        assert_eq!(metrics.fees, [("USD".to_owned(), amount("3"))]);
        assert_eq!(metrics.realized_pnl, [("sma".to_owned(), "USD".to_owned(), amount("5"))]);
        assert_eq!(metrics.returns, 2);
    }

    /// The folder of reference numbers, if it is there.
    fn shared(file: &str) -> Option<String> {
        let root = std::env::var("TAPEDECK_SHARED")
            .map_or_else(|_| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), Into::into);
        match std::fs::read_to_string(root.join(file)) {
            Ok(text) => Some(text),
            Err(e) => {
                assert!(std::env::var_os("CI").is_none(), "{file} is needed: {e}");
                println!("skipped: {file} is not there");
                None
            }
        }
    }

    fn column(csv: &str, name: &str) -> Vec<f64> {
        let mut lines = csv.lines();
        let nth = lines.next().unwrap().split(',').position(|head| head == name).unwrap();
        lines.map(|line| line.split(',').nth(nth).unwrap().parse().unwrap()).collect()
    }

    fn close(what: &str, ours: Option<f64>, expected: &Value) {
        let (ours, expected) = (ours.unwrap(), expected.as_f64().unwrap());
        assert!((ours - expected).abs() <= 1e-9 * expected.abs().max(1e-12), "{what}: {ours} is not {expected}");
    }

    #[test]
    fn figures_agree_with_the_reference() {
        let Some(oracle) = shared("oracles/metrics/metrics.json") else { return };
        let oracle: Value = serde_json::from_str(&oracle).unwrap();
        let mut compared = 0;
        for (name, set) in oracle["sets"].as_object().unwrap() {
            let input = set["input"].as_str().unwrap().split(' ').next().unwrap();
            let (file, series) = input.split_once(':').unwrap();
            let Some(csv) = shared(&format!("oracles/{file}")) else { return };
            let (mut stats, mut trips) = (ReturnStats::new(), TripStats::default());
            for value in column(&csv, series) {
                stats.push(value);
                trips.push_pnl(Amount::parse(&format!("{value:.22}")).unwrap()).unwrap();
            }
            let (per_year, expected) = (set["periods_per_year"].as_f64().unwrap(), &set["expected"]);
            close(name, stats.total_return(), &expected["total_return"]);
            close(name, stats.cagr(per_year), &expected["cagr"]);
            close(name, stats.volatility(per_year), &expected["ann_vol"]);
            close(name, Some(-stats.drawdown_max()), &expected["max_drawdown"]);
            let calmar = stats.cagr(per_year).map(|cagr| cagr / stats.drawdown_max());
            close(name, calmar, &expected["calmar"]);
            let wins = trips.wins as f64 / (trips.wins + trips.losses) as f64;
            close(name, Some(wins), &expected["win_rate_nonzero"]);
            // Our riskless rate is zero; sets with another one say other figures.
            if set["rf_per_period"] == 0.0 {
                close(name, stats.sharpe(per_year), &expected["sharpe"]);
                close(name, stats.sortino(per_year), &expected["sortino"]);
                close(name, stats.downside_deviation(per_year), &expected["downside_dev_ann"]);
                close(name, Some(trips.won.to_f64() / -trips.lost.to_f64()), &expected["profit_factor"]);
            }
            compared += 1;
        }
        assert!(compared >= 4);
    }
}
