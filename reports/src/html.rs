//! The report of a run as one HTML page: nothing is loaded, nothing leaves.
//!
//! Enters: facts, metrics, what was assumed and, if the caller has them, prices. Leaves: the page's
//! text. Everything that came from outside is escaped. Size does not grow with the run: charts have
//! at most a thousand buckets, round trips are cut in the middle.

mod chart;

use std::fmt::Write as _;

use tapedeck_model::Ts;

use crate::facts::{RunFacts, TRIPS_SHOWN};
use crate::metrics::Metrics;
use crate::series::{Bucket, Series};
use crate::summary::{costs, figures, wallets};
use crate::text::{NONE, count, grouped, money, span};
use crate::trips::{DECIMALS, RoundTrip};
use crate::variants::Variants;
use chart::{Chart, Dot, chart};

/// Buckets of a price chart.
const PRICE_BUCKETS: usize = 1_000;
/// Decimals of average prices in the table.
const PX_DECIMALS_MAX: u32 = 8;

/// Prices of one instrument, as gathered while it was played.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PriceSeries {
    /// The instrument's name, `SYMBOL.VENUE`.
    pub instrument: String,
    /// Time in nanoseconds, low, high, close; in time order. Any number: they are sampled down.
    pub points: Vec<(i64, f64, f64, f64)>,
}

/// What the page shows.
#[derive(Debug, Clone, Copy)]
pub struct PageInput<'a> {
    /// The run's name.
    pub name: &'a str,
    /// The run's fingerprint.
    pub fingerprint: &'a str,
    /// What was assumed: label and value, in order.
    pub assumptions: &'a [(String, String)],
    /// What the journal says.
    pub facts: &'a RunFacts,
    /// The figures made of it.
    pub metrics: &'a Metrics,
    /// Prices, where they are known.
    pub prices: &'a [PriceSeries],
    /// The same run under other assumptions.
    pub variants: &'a Variants,
}

/// Text that is safe in markup and in attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// Everything before the body's content; the title is escaped already.
fn head(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title>\n<style>\n{}</style></head>\n<body><main>\n",
        include_str!("html/page.css")
    )
}

/// A page in the style of the reports without charts: `body` is markup, in which everything from outside is escaped.
pub fn plain_page(title: &str, body: &str) -> String {
    format!("{}{body}</main></body></html>\n", head(&escape(title)))
}

/// The page.
pub fn render_page(input: &PageInput<'_>) -> String {
    let title = escape(input.name);
    let mut html = head(&title);
    html.push_str(&header(input, &title));
    html.push_str(&pairs_section("Assumptions", input.assumptions.iter().map(|(k, v)| (k.as_str(), v.as_str()))));
    html.push_str(&key_figures(input));
    html.push_str(&charts(input));
    let costs = costs(input.facts);
    html.push_str(&pairs_section("Costs", costs.iter().map(|(k, v)| (k.as_str(), v.as_str()))));
    let wallets = wallets(input.facts);
    if !wallets.is_empty() {
        html.push_str(&pairs_section("Accounts at the end", wallets.iter().map(|(k, v)| (k.as_str(), v.as_str()))));
    }
    html.push_str(&variants(input));
    html.push_str(&realized(input.metrics));
    html.push_str(&trips(input.facts));
    let _ = writeln!(html, "</main>\n<script>\n{}</script></body></html>", include_str!("html/page.js"));
    html
}

fn header(input: &PageInput<'_>, title: &str) -> String {
    let mut html = format!("<header><h1>{title}</h1>");
    if let Some((first, last)) = input.facts.period {
        let days = span(last.saturating_since(first));
        let _ = write!(html, "<p class=\"sub\">{first} to {last} ({days}), seed {}</p>", input.facts.seed);
    }
    let _ = writeln!(html, "<p class=\"sub\">Fingerprint <code>{}</code></p></header>", escape(input.fingerprint));
    if !input.facts.complete {
        html.push_str("<section class=\"note\"><b>This run did not come to its end.</b> What follows is what there is.</section>\n");
    }
    html
}

fn pairs_section<'a>(title: &str, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut rows = String::new();
    for (key, value) in pairs {
        let _ = write!(rows, "<div><dt>{}</dt><dd>{}</dd></div>", escape(key), escape(value));
    }
    if rows.is_empty() {
        rows.push_str("<div><dt>None</dt><dd></dd></div>");
    }
    format!("<section><h2>{title}</h2><dl>{rows}</dl></section>\n")
}

fn key_figures(input: &PageInput<'_>) -> String {
    let mut html = String::from("<section><h2>Key figures</h2><div class=\"key\">");
    for (label, value) in figures(input.facts, input.metrics) {
        let sign = if label == "Total return" { sign_class(value.starts_with('-'), value == NONE) } else { "" };
        let _ = write!(html, "<div><span>{label}</span><b class=\"{sign}\">{}</b></div>", escape(&value));
    }
    let metrics = input.metrics;
    let _ = writeln!(
        html,
        "</div><p class=\"sub\" style=\"margin-top:.8rem\">Returns at multiples of {} UTC, {} periods a year, riskless rate 0; drawdown over every mark; trades after fees.</p></section>",
        metrics.returns_interval,
        grouped(&format!("{:.0}", metrics.periods_per_year))
    );
    html
}

/// What the run came to under other assumptions; nothing if nobody asked.
fn variants(input: &PageInput<'_>) -> String {
    let mut html = String::new();
    for (title, rows) in input.variants.tables(&input.metrics.base_currency) {
        let _ = write!(html, "<section><h2>{}</h2><div class=\"scroll\"><table>", escape(&title));
        for (nth, row) in rows.iter().enumerate() {
            let tag = if nth == 0 { "th" } else { "td" };
            let cells: Vec<String> = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
            let _ = write!(html, "<tr>{}</tr>", cells.concat());
        }
        html.push_str("</table></div></section>\n");
    }
    html
}

const fn sign_class(negative: bool, none: bool) -> &'static str {
    match (none, negative) {
        (true, _) => "",
        (false, true) => "bad",
        (false, false) => "good",
    }
}

fn charts(input: &PageInput<'_>) -> String {
    let facts = input.facts;
    let mut html = String::new();
    let unit = format!(" {}", input.metrics.base_currency);
    let equity = facts.equity_series.buckets();
    if let Some(period) = period_of(equity) {
        let base = Chart { class: "", label: "Equity", unit: &unit, factor: 1.0, buckets: equity, dots: &[], period };
        let _ = writeln!(html, "<section><h2>Equity,{}</h2>{}</section>", escape(&unit), chart(&base));
        let buckets = facts.drawdown_series.buckets();
        let fall = Chart { class: "fall", label: "Drawdown", unit: " %", factor: 100.0, buckets, ..base };
        let _ = writeln!(html, "<section><h2>Drawdown</h2>{}</section>", chart(&fall));
    }
    for ix in 0..facts.names.instruments().len() {
        html.push_str(&price_chart(input, ix));
    }
    html
}

fn period_of(buckets: &[Bucket]) -> Option<(Ts, Ts)> {
    buckets.first().zip(buckets.last()).map(|(first, last)| (first.ts_first, last.ts_last))
}

fn price_chart(input: &PageInput<'_>, ix: usize) -> String {
    let names = &input.facts.names;
    let (Some(instrument), Some(name)) = (names.instruments().get(ix), names.instrument_texts().get(ix)) else {
        return String::new();
    };
    let marks = input.facts.marks.kept().iter().filter(|mark| mark.instrument.usize() == ix);
    let dots: Vec<Dot> = marks
        .map(|mark| Dot {
            ts: mark.ts,
            value: mark.px.to_f64(instrument.price_scale),
            buy: mark.side == tapedeck_model::Side::Buy,
        })
        .collect();
    let mut series = Series::new(PRICE_BUCKETS);
    match input.prices.iter().find(|prices| prices.instrument == *name && !prices.points.is_empty()) {
        Some(prices) => prices.points.iter().for_each(|(ts, low, high, close)| {
            series.push(Ts::from_nanos(*ts), *low, *high, *close);
        }),
        None => dots.iter().for_each(|dot| series.push(dot.ts, dot.value, dot.value, dot.value)),
    }
    let buckets = series.buckets();
    let Some(period) = period_of(buckets) else { return String::new() };
    let unit = format!(" {}", names.currency(instrument.quote));
    let drawn = Chart { class: "price", label: name, unit: &unit, factor: 1.0, buckets, dots: &dots, period };
    let (shown, all) = (input.facts.marks.kept().len() as u64, input.facts.marks.seen());
    let note = if shown < all { format!(" ({} of {} fills shown)", count(shown), count(all)) } else { String::new() };
    format!(
        "<section><h2>{}</h2>{}<p class=\"key2\"><i></i>buy<i class=\"s\"></i>sell{note}</p></section>\n",
        escape(name),
        chart(&drawn)
    )
}

fn realized(metrics: &Metrics) -> String {
    if metrics.realized_pnl.len() < 2 {
        return String::new();
    }
    let rows: Vec<(String, String)> = metrics
        .realized_pnl
        .iter()
        .map(|(strategy, code, sum)| (strategy.clone(), format!("{} {code}", money(*sum))))
        .collect();
    pairs_section("Realised profit by strategy, before fees", rows.iter().map(|(k, v)| (k.as_str(), v.as_str())))
}

fn trips(facts: &RunFacts) -> String {
    let shown = &facts.trips_shown;
    let total = facts.trips.count;
    let cut = total.saturating_sub((shown.first.len() + shown.last.len()) as u64);
    let mut html = String::from("<section class=\"long\"><h2>Round trips</h2>");
    if total == 0 {
        html.push_str("<p class=\"sub\">None was closed.</p></section>\n");
        return html;
    }
    if cut > 0 {
        let _ = write!(
            html,
            "<p class=\"sub\">The first and the last {TRIPS_SHOWN} of {}; all are in <code>trades.parquet</code>.</p>",
            count(total)
        );
    }
    html.push_str(
        "<div class=\"wide\"><table><thead><tr><th class=\"t\">Strategy</th><th class=\"t\">Instrument</th>\
         <th class=\"t\">Side</th><th class=\"t\">Entry</th><th class=\"t\">Exit</th><th>Duration</th><th>Quantity</th>\
         <th>Entry price</th><th>Exit price</th><th>Gross</th><th>Fees</th><th>Net</th></tr></thead><tbody>",
    );
    shown.first.iter().for_each(|trip| html.push_str(&trip_row(trip, facts)));
    if cut > 0 {
        let _ = write!(html, "<tr><td class=\"cut\" colspan=\"12\">{} not shown</td></tr>", count(cut));
    }
    shown.last.iter().for_each(|trip| html.push_str(&trip_row(trip, facts)));
    html.push_str("</tbody></table></div></section>\n");
    html
}

/// Minutes are enough in a table.
fn minute(ts: Ts) -> String {
    let text = ts.to_string();
    text.get(..16).map_or(text.clone(), |part| part.replace('T', " "))
}

fn trip_row(trip: &RoundTrip, facts: &RunFacts) -> String {
    let names = &facts.names;
    let code = names.currency(trip.currency);
    let scale = names.instrument(trip.instrument).map_or(2, |i| u32::from(i.price_scale)).min(PX_DECIMALS_MAX);
    let px = |e18: i128| {
        let value = e18 as f64 / 10_f64.powi(i32::from(DECIMALS));
        grouped(&format!("{value:.*}", scale as usize))
    };
    let net = trip.net_pnl();
    let class = sign_class(net.is_some_and(|net| net < tapedeck_model::Amount::ZERO), net.is_none());
    let show = |value: Option<tapedeck_model::Amount>| value.map_or_else(|| NONE.to_owned(), money);
    format!(
        "<tr><td class=\"t\">{}</td><td class=\"t\">{}</td><td class=\"t\">{}</td><td class=\"t\">{}</td><td class=\"t\">{}</td>\
         <td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"{class}\">{} {}</td></tr>\n",
        escape(names.strategy(trip.strategy)),
        escape(names.instrument_text(trip.instrument)),
        if trip.side == tapedeck_model::Side::Buy { "long" } else { "short" },
        minute(trip.entry_ts),
        minute(trip.exit_ts),
        span(trip.exit_ts.saturating_since(trip.entry_ts)),
        names.qty(trip.instrument, trip.qty),
        px(trip.entry_px_e18),
        px(trip.exit_px_e18),
        money(trip.gross_pnl),
        show(trip.fees),
        show(net),
        escape(code),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Gatherer;
    use crate::fixture::{Journal, busy};
    use tapedeck_model::Span;

    fn page(journal: &Journal, name: &str, prices: &[PriceSeries]) -> String {
        let mut gatherer = Gatherer::new(Span::DAY);
        journal.records.iter().for_each(|record| {
            gatherer.push(record).unwrap();
        });
        let facts = gatherer.finish().unwrap();
        let metrics = Metrics::of(&facts);
        let assumptions = [
            ("Fees".to_owned(), "maker 0.1 %, taker 0.1 % <script>".to_owned()),
            ("Slippage".to_owned(), "fixed, 1 bps".to_owned()),
        ];
        let fingerprint = "6f".repeat(32);
        let input = PageInput {
            name,
            fingerprint: &fingerprint,
            assumptions: &assumptions,
            facts: &facts,
            metrics: &metrics,
            prices,
            variants: &Variants::default(),
        };
        render_page(&input)
    }

    #[test]
    fn text_from_outside_is_escaped() {
        let html = page(&busy(500, 7), "</title><script>alert('x')</script>", &[]);
        assert!(!html.contains("alert('x')"));
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)"));
        assert!(html.contains("taker 0.1 % &lt;script&gt;"));
        assert!(!html.contains("NaN") && !html.contains("inf,"));
        for outside in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
    }

    #[test]
    fn assumptions_come_first() {
        let html = page(&busy(500, 7), "run", &[]);
        let at = |what: &str| html.find(what).unwrap();
        assert!(at("<h2>Assumptions") < at("<h2>Key figures"));
        assert!(at("<h2>Key figures") < at("<h2>Equity"));
        assert!(at("<h2>Equity") < at("<h2>Drawdown"));
    }

    #[test]
    fn a_million_points_make_a_small_page() {
        let mut journal = Journal::new();
        for minute in 0..1_000_000 {
            journal.input(1);
            journal.equity(if minute % 7 == 0 { "10123.45" } else { "9876.54" }, 0.03);
        }
        let points = (0..1_000_000_i64).map(|i| (i * 60_000_000_000, 1.0, 3.0 + (i % 5) as f64, 2.0)).collect();
        let html = page(&journal, "long", &[PriceSeries { instrument: "BTCUSD.SIM".to_owned(), points }]);
        assert!(html.len() < 3_000_000, "{} bytes", html.len());
        assert!(html.contains("did not come to its end"));
    }

    #[test]
    fn an_empty_run_still_has_a_page() {
        let mut journal = Journal::new();
        journal.end();
        let html = page(&journal, "empty", &[]);
        assert!(html.contains("None was closed") && !html.contains("NaN"));
    }
}
