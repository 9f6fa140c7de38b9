//! What must hold of every run, whatever the scenario: random strategies over random models.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use tapedeck_model::order::FillBasis;
use tapedeck_model::{
    Amount, Book, ClientOrderId, CurrencyIx, Deal, DepthFlags, Event, Liquidity, MarketRecord, OrderKind, OrderRequest,
    Record, Side,
};
use tapedeck_tests::{Played, assembled, declared, play, play_checked};

/// A scenario from a handful of choices.
#[derive(Debug, Clone)]
struct Choice {
    seed: u64,
    spot: bool,
    kind: &'static str,
    path: &'static str,
    latency: &'static str,
    slippage: &'static str,
    fee_currency: &'static str,
    limit_fill: &'static str,
    queue: &'static str,
    halts: bool,
}

fn choices() -> impl Strategy<Value = Choice> {
    let models = (
        prop::sample::select(vec!["bars", "trades", "quotes", "depth", "mbo"]),
        prop::sample::select(vec!["adaptive", "worst", "best", "ohlc", "olhc"]),
        prop::sample::select(vec![
            "model = \"none\"",
            "model = \"constant\"\ndelay = \"2s\"",
            "model = \"lognormal\"\nmedian = \"500ms\"\nsigma = \"1\"",
        ]),
        prop::sample::select(vec![
            "model = \"none\"",
            "model = \"fixed_bps\"\nbps = \"5\"",
            "model = \"half_spread\"",
            "model = \"volume_share\"",
        ]),
        prop::sample::select(vec!["base", "quote"]),
        prop::sample::select(vec!["touch", "through"]),
        prop::sample::select(vec!["risk_averse", "power", "power2", "power3", "log", "log2"]),
    );
    (any::<u32>(), any::<bool>(), any::<bool>(), models).prop_map(
        |(seed, spot, halts, (kind, path, latency, slippage, fee_currency, limit_fill, queue))| Choice {
            seed: u64::from(seed),
            spot,
            kind,
            path,
            latency,
            slippage,
            // A netting account pays fees in the currency of its profit.
            fee_currency: if spot { fee_currency } else { "quote" },
            limit_fill,
            queue,
            halts,
        },
    )
}

impl Choice {
    fn text(&self) -> String {
        let Self { seed, kind, path, latency, slippage, fee_currency, limit_fill, queue, .. } = self;
        let (generator, more, prints) = data_of(kind);
        let interval = if *kind == "bars" { "interval = \"1m\"" } else { "" };
        let (instrument, account, deposits) = if self.spot {
            ("spot", "kind = \"spot\"", "{ USD = \"3000\", BTC = \"5\" }")
        } else {
            ("linear", "kind = \"netting\"\nmax_leverage = \"2\"", "{ USD = \"3000\" }")
        };
        let kinds = if self.seed.is_multiple_of(4) { "plain" } else { "all" };
        let halts = if self.halts {
            "[[risk]]\nrule = \"drawdown\"\nfraction = \"0.02\"\naction = \"flatten\"\n\n[[risk]]\nrule = \"order_rate\"\ncount = 20\ninterval = \"10m\"\n"
        } else {
            ""
        };
        format!(
            r#"
[scenario]
name = "random"
seed = {seed}
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-01T06:00:00Z"

[[instrument]]
symbol = "BTCUSD"
venue = "SIM"
kind = "{instrument}"
base = "BTC"
quote = "USD"
tick_size = "0.05"
lot_size = "0.01"

[[data]]
instrument = "BTCUSD"
kind = "{kind}"
{interval}
[data.synthetic]
generator = "{generator}"
start_price = "100"
{more}

{prints}

[[venue]]
name = "SIM"
path = "{path}"
limit_fill = "{limit_fill}"
participation = "0.3"
[venue.queue]
model = "{queue}"
[venue.entry_latency]
{latency}
[venue.cancel_latency]
{latency}
[venue.report_latency]
{latency}
[venue.slippage]
{slippage}
[venue.fees]
model = "maker_taker"
maker = "-0.0001"
taker = "0.001"
currency = "{fee_currency}"

[account]
{account}
deposits = {deposits}

[[strategy]]
type = "random"
rate = "0.4"
lots_max = 300
kinds = "{kinds}"

{halts}"#
        )
    }
}

/// Generator, its parameters, and a second data set, of a kind of data.
fn data_of(kind: &str) -> (&'static str, &'static str, &'static str) {
    match kind {
        "bars" => ("garch", "", ""),
        "depth" => (
            "flow",
            "size = \"2\"\ngap = \"2s\"",
            "[[data]]\ninstrument = \"BTCUSD\"\nkind = \"trades\"\n[data.synthetic]\ngenerator = \"flow\"\n\
             start_price = \"100\"\nsize = \"2\"\ngap = \"2s\"\n",
        ),
        "mbo" => ("flow", "size = \"2\"\ngap = \"2s\"", ""),
        _ => ("ticks", "", ""),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens(choice in choices()) {
        let text = choice.text();
        // The whole way, state is the fold of the journal. A turn takes one input, or all inputs of one
        // time: with trading as lively as here, most turns that write take one. Rows of a message of a book are
        // inputs, too, of which only the last can lead to anything.
        let (played, turns) = play_checked(&text);
        prop_assert!(["depth", "mbo"].contains(&choice.kind) || turns.of_many_inputs * 2 <= turns.writing, "{turns:?}");
        time_and_numbers_rise(&played.records);
        postings_balance_and_cash_is_never_owed(&played.records, choice.spot);
        fills_obey_their_law(&played.records);
        equity_is_cash_and_inventory_at_the_mark(&played, &text, choice.spot);
        prop_assert_eq!(play(&text).fingerprint, played.fingerprint);
    }
}

fn time_and_numbers_rise(records: &[Record]) {
    for (nth, pair) in records.windows(2).enumerate() {
        assert_eq!(pair[0].header.seq, nth as u64);
        assert!(pair[0].header.ts <= pair[1].header.ts, "time went back at record {nth}");
        assert!(pair[0].header.input <= pair[1].header.input, "inputs went back at record {nth}");
    }
    let refused = records.iter().find(|record| matches!(record.event, Event::ReportRefused { .. }));
    assert!(refused.is_none(), "the simulated venue and we disagree: {refused:?}");
    assert!(matches!(records.last().map(|r| &r.event), Some(Event::RunEnded { .. })));
}

/// A naive ledger: nothing but a map.
fn postings_balance_and_cash_is_never_owed(records: &[Record], spot: bool) {
    let mut ledger: BTreeMap<(u8, CurrencyIx), i128> = BTreeMap::new();
    for record in records {
        let Event::Posted { lines, .. } = &record.event else { continue };
        for line in lines.as_slice() {
            *ledger.entry((line.account.number(), line.currency)).or_default() += line.amount.raw();
        }
        for currency in [CurrencyIx(0), CurrencyIx(1)] {
            let sum: i128 = ledger.iter().filter(|((_, c), _)| *c == currency).map(|(_, amount)| amount).sum();
            assert_eq!(sum, 0, "record {} does not balance", record.header.seq);
            let cash = ledger.get(&(1, currency)).copied().unwrap_or(0);
            assert!(!spot || cash >= 0, "record {}: cash below zero", record.header.seq);
        }
    }
}

fn fills_obey_their_law(records: &[Record]) {
    let mut orders: BTreeMap<ClientOrderId, OrderRequest> = BTreeMap::new();
    for record in records {
        match &record.event {
            Event::Submitted { client_order_id, request, .. } => {
                orders.insert(*client_order_id, *request);
            }
            Event::Replaced { client_order_id, order_qty, kind } => {
                if let Some(order) = orders.get_mut(client_order_id) {
                    order.order_qty = *order_qty;
                    order.kind = *kind;
                }
            }
            Event::Filled { deal: Deal { side, .. }, report, .. } => {
                let order = &orders[&report.client_order_id];
                let worse = |px: i64, than: i64| if *side == Side::Buy { px >= than } else { px <= than };
                let (px, evidence) = (report.last_px.raw(), &report.evidence);
                let place = format!("record {}: {order:?} {report:?}", record.header.seq);
                if let Some(limit) = order.kind.limit_px() {
                    assert!(worse(limit.raw(), px), "beyond the limit: {place}");
                }
                if report.liquidity == Liquidity::Taker && order.kind.limit_px().is_none() {
                    assert!(worse(px, evidence.reference_px.raw()), "better than the market: {place}");
                }
                if let OrderKind::Stop { trigger_px } = order.kind {
                    let at_stop = matches!(evidence.basis, FillBasis::BarPath);
                    assert!(!at_stop || worse(px, trigger_px.raw()), "better than the stop: {place}");
                }
                assert!(evidence.slippage_px.raw() >= 0, "slippage in our favour: {place}");
                assert!(report.last_qty <= evidence.available_qty, "more than there was: {place}");
                assert!(report.ts_event <= record.header.ts, "a fill from the future: {place}");
            }
            _ => {}
        }
    }
}

/// Plain sums over fills and the last price of the tape.
fn equity_is_cash_and_inventory_at_the_mark(played: &Played, text: &str, spot: bool) {
    let names = declared(&played.records);
    let instrument = &names.instruments[0];
    let Some(mark_x2) = last_mark_x2(text) else { panic!("the tape is empty") };
    let usd = CurrencyIx(1);
    let cash = played.accounts.first().balance(usd).total.raw();
    let (mut net, mut cost) = (0_i128, 0_i128);
    for record in &played.records {
        if let Event::Filled { deal: Deal { side, .. }, report, .. } = &record.event {
            let signed = i128::from(side.sign() * report.last_qty.raw());
            net += signed;
            cost += signed * i128::from(report.last_px.raw());
        }
    }
    let unit = 10_i128.pow(u32::from(Amount::SCALE - instrument.notional_scale()));
    let expected = if spot {
        let btc = played.accounts.first().balance(CurrencyIx(0)).total.raw();
        // Price scale 2: btc x mark / 100, in halves; exact because fees have few decimals.
        cash + btc * i128::from(mark_x2) / 200
    } else {
        let profit_x2 = (net * i128::from(mark_x2) - 2 * cost) * unit;
        let fees: i128 = played.summary.fees[usd.usize()].raw();
        Amount::parse("3000").map(Amount::raw).unwrap_or_default() + profit_x2 / 2 - fees
    };
    let found = played.summary.equity_last.map(Amount::raw);
    let difference = found.map(|found| (found - expected).abs());
    // One unit of 1e-24 for each division on the way.
    assert!(difference.is_some_and(|d| d <= 1000), "equity {found:?}, expected {expected}");
}

fn last_mark_x2(text: &str) -> Option<i64> {
    let mut sources: Vec<_> = assembled(text, &[]).sources.into_iter().map(|slot| slot.source).collect();
    // Of prints and a book the book comes last, and tells of each print after it.
    let source = sources.last_mut()?;
    let (mut last, mut book, mut book_mark) = (None, Book::new(), None);
    let mut chunk = tapedeck_model::Chunk::new(tapedeck_model::InstrumentIx(0));
    while source.next_chunk(&mut chunk).is_ok_and(|more| more) {
        for row in 0..chunk.len() {
            if let MarketRecord::Depth(row) = chunk.record(row) {
                book.apply(&row);
                let top = if row.flags.has(DepthFlags::LAST) { book.top() } else { Ok(None) };
                book_mark = top.ok().flatten().map(|(bid, ask)| bid.px.raw() + ask.px.raw()).or(book_mark);
            } else if let MarketRecord::Mbo(row) = chunk.record(row) {
                book.apply_order(&row);
                let top = if row.flags.has(DepthFlags::LAST) { book.top() } else { Ok(None) };
                book_mark = top.ok().flatten().map(|(bid, ask)| bid.px.raw() + ask.px.raw()).or(book_mark);
            }
        }
        last = (0..chunk.len()).next_back().map(|row| chunk.record(row)).or(last);
    }
    if book_mark.is_some() {
        return book_mark;
    }
    last.map(|record| match record {
        MarketRecord::Bar(bar) => 2 * bar.close.raw(),
        MarketRecord::Trade(trade) => 2 * trade.px.raw(),
        MarketRecord::Quote(quote) => quote.bid_px.raw() + quote.ask_px.raw(),
        MarketRecord::Depth(_) | MarketRecord::Mbo(_) | MarketRecord::Mark(_) | MarketRecord::Funding(_) => {
            unreachable!("the data sets of these scenarios are bars, trades and quotes")
        }
    })
}
