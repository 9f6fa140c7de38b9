use super::*;
use crate::fixture::{
    self, MINUTES, build, context, find, instrument, made, moments, origin, params, records, returns,
};
use proptest::prelude::{Just, prop_assert, prop_assert_eq, prop_oneof, proptest};
use tapedeck_model::{Bar, Chunk, InstrumentIx, MarketRecord, QuoteTick, Side, TradeTick, math};

fn bars(name: &str, given: &str) -> Vec<Bar> {
    fixture::bars(name, given, MINUTES)
}

/// What each generator of random bars needs besides its defaults.
const RANDOM_BARS: [(&str, &str); 6] = [
    ("basket", "basket=x loading=-0.8"),
    ("bootstrap", "block=20"),
    ("garch", ""),
    ("gbm", ""),
    ("jump_diffusion", "jump_rate=50000"),
    ("regimes", "drifts=1,-1 volatilities=0.5,2 durations=30m,10m"),
];

/// A tape of random bars in chunks of so many rows.
fn chunked(name: &'static str, given: &str, chunk_rows: u64) -> Vec<MarketRecord> {
    fn tape<M: tape::BarMaker>(
        name: &'static str,
        given: &Params,
        context: &SynthContext<'_>,
        maker: Result<M, ParamError>,
        chunk_rows: u64,
    ) -> Vec<MarketRecord> {
        let tape = tape::BarTape::new(name, given, context, maker.unwrap()).unwrap();
        records(&mut tape.with_chunk_rows(chunk_rows))
    }
    let item = instrument();
    let (given, context) = (params(name, given), context(&item, MINUTES, 1));
    match name {
        "basket" => tape(name, &given, &context, basket::maker(&given, &context), chunk_rows),
        "bootstrap" => {
            let maker = bootstrap::maker(&given, &context, &mut *origin("count=5000"));
            tape(name, &given, &context, maker, chunk_rows)
        }
        "garch" => tape(name, &given, &context, garch::maker(&given, &context), chunk_rows),
        "gbm" => tape(name, &given, &context, gbm::maker(&given, &context), chunk_rows),
        "jump_diffusion" => tape(name, &given, &context, jump_diffusion::maker(&given, &context), chunk_rows),
        "regimes" => tape(name, &given, &context, regimes::maker(&given, &context), chunk_rows),
        _ => panic!("no random bars: {name}"),
    }
}

fn market(given: &str, seed: u64) -> (Vec<QuoteTick>, Vec<TradeTick>) {
    let (mut quotes, mut trades) = (Vec::new(), Vec::new());
    for kind in [SynthKind::Quotes, SynthKind::Trades] {
        let item = instrument();
        let mut source = made(&find("ticks"), &params("ticks", given), &context(&item, kind, seed)).unwrap();
        for record in records(&mut *source) {
            match record {
                MarketRecord::Quote(quote) => quotes.push(quote),
                MarketRecord::Trade(trade) => trades.push(trade),
                _ => panic!("not a tick"),
            }
        }
    }
    (quotes, trades)
}

#[test]
fn names_are_sorted_and_parameters_are_described() {
    assert!(components().is_sorted_by(|a, b| a.name < b.name));
    for spec in components().iter().flat_map(|component| component.params) {
        assert!(spec.help.ends_with('.'), "{}", spec.name);
    }
}

/// open high low close of each bar, raw; the tick is 5, the price starts at 100.00.
#[test]
fn closed_forms_by_hand() {
    for (name, given, expected) in [
        ("constant", "count=2", "10000 10000 10000 10000 | 10000 10000 10000 10000"),
        ("ramp", "count=3 change=0.5", "10000 10050 10000 10050 | 10050 10100 10050 10100 | 10100 10150 10100 10150"),
        ("ramp", "count=2 change=-1", "10000 10000 9900 9900 | 9900 9900 9800 9800"),
        (
            "sine",
            "count=5 amplitude=10 period=4",
            "10000 11000 10000 11000 | 11000 11000 10000 10000 | 10000 10000 9000 9000 | 9000 10000 9000 10000 | 10000 11000 10000 11000",
        ),
        (
            "step",
            "count=3 change=5 at=1",
            "10000 10000 10000 10000 | 10000 10500 10000 10500 | 10500 10500 10500 10500",
        ),
        ("gap", "count=3 change=-5 at=1", "10000 10000 10000 10000 | 9500 9500 9500 9500 | 9500 9500 9500 9500"),
        ("gap", "count=1 change=-5 at=0", "9500 9500 9500 9500"),
        ("constant", "count=0", ""),
    ] {
        let row = |bar: &Bar| [bar.open, bar.high, bar.low, bar.close].map(|px| px.raw().to_string()).join(" ");
        let rows: Vec<_> = bars(name, given).iter().map(row).collect();
        assert_eq!(rows.join(" | "), expected, "{name} {given}");
    }
}

#[test]
fn a_sine_is_rounded_to_the_tick() {
    // 100 + 10 sin(2 pi / 12) = 105; 100 + 10 sin(2 pi 2 / 12) = 108.6602..., to 0.05: 108.65.
    let closes: Vec<_> = bars("sine", "count=2 amplitude=10 period=12").iter().map(|bar| bar.close.raw()).collect();
    assert_eq!(closes, [10_500, 10_865]);
}

#[test]
fn the_first_bar_opens_at_the_start() {
    let bars = bars("constant", "count=2 volume=7.003");
    assert_eq!(bars[0].ts_open(), Ts::from_nanos(1_000_000_000_000));
    assert_eq!(bars[0].ts_event, Ts::from_nanos(1_060_000_000_000));
    assert_eq!(bars[1].ts_event, Ts::from_nanos(1_120_000_000_000));
    assert_eq!(bars[0].volume.raw(), 7_002, "whole lots of 0.002");
}

/// End in seconds after the start -> how many minute bars open before it.
#[test]
fn nothing_is_made_at_or_after_the_end() {
    for (end, expected) in [(-1, 0), (0, 0), (1, 1), (60, 1), (61, 2), (120, 2), (121, 3), (600, 3)] {
        let item = instrument();
        let mut given = context(&item, MINUTES, 1);
        given.end = Some(Ts::from_nanos((1_000 + end) * 1_000_000_000));
        let mut source = made(&find("constant"), &params("constant", "count=3"), &given).unwrap();
        assert_eq!(records(&mut *source).len(), expected, "{end}");
        given.kind = SynthKind::Trades;
        let mut source = made(&find("ticks"), &params("ticks", "gap=1s"), &given).unwrap();
        assert!(records(&mut *source).iter().all(|record| record.ts_event() < given.end.unwrap()));
    }
}

#[test]
fn wrong_parameters_are_named() {
    for (name, given, kind, expected) in [
        ("constant", "", MINUTES, "count"),
        ("constant", "count=9000000000000000", MINUTES, "count"),
        ("constant", "count=1", SynthKind::Trades, ""),
        ("constant", "count=1 price=0", MINUTES, "price"),
        ("constant", "count=1 price=100.01", MINUTES, "price"),
        ("constant", "count=1 volume=-1", MINUTES, "volume"),
        ("ramp", "count=1 change=0.001", MINUTES, "change"),
        ("sine", "count=1 amplitude=100 period=9", MINUTES, "amplitude"),
        ("sine", "count=1 amplitude=10 period=1", MINUTES, "period"),
        ("step", "count=1 change=1 at=-1", MINUTES, "at"),
        ("garch", "count=1 alpha=0.1 beta=0.9", MINUTES, "alpha"),
        ("garch", "count=1 volatility=-1", MINUTES, "volatility"),
        ("garch", "count=1", SynthKind::Quotes, ""),
        ("garch", "count=1", SynthKind::Bars { interval: Span::ZERO }, ""),
        ("ticks", "", SynthKind::Trades, "count"),
        ("ticks", "count=1", MINUTES, ""),
        ("ticks", "count=1 output=quotes", SynthKind::Trades, "output"),
        ("ticks", "count=1 gap=1ns", SynthKind::Trades, "gap"),
        ("ticks", "count=1 move_rate=1.1", SynthKind::Trades, "move_rate"),
        ("ticks", "count=1 size=0.001", SynthKind::Trades, "size"),
    ] {
        let error = build(name, given, kind).err().unwrap_or_else(|| panic!("{name} {given} is accepted"));
        assert_eq!(error.name, expected, "{name} {given}: {error}");
    }
}

/// A ramp that reaches zero: the records before it come, then the error, once, then the end.
#[test]
fn a_price_out_of_range_is_an_error() {
    let mut source = build("ramp", "count=9 price=1 change=-0.25", MINUTES).unwrap();
    let mut chunk = Chunk::new(InstrumentIx(0));
    assert_eq!(source.next_chunk(&mut chunk), Ok(true));
    assert_eq!(chunk.len(), 3);
    let error = source.next_chunk(&mut chunk).unwrap_err().to_string();
    assert!(error.starts_with("synthetic ramp: record 4 has"), "{error}");
    assert_eq!(source.next_chunk(&mut chunk), Ok(false));

    let mut source = build("ticks", "count=9 start_price=92233720368547758.05", SynthKind::Quotes).unwrap();
    assert!(source.next_chunk(&mut chunk).unwrap_err().to_string().starts_with("synthetic ticks: record 1 has"));
    assert_eq!(source.next_chunk(&mut chunk), Ok(false));
}

#[test]
fn chunk_sizes_change_nothing() {
    let item = instrument();
    for (name, given) in RANDOM_BARS {
        let given = format!("count=9000 {given}");
        let expected = records(&mut *build(name, &given, MINUTES).unwrap());
        for rows in [1, 4095, 4096, 10_000] {
            assert!(chunked(name, &given, rows) == expected, "{name} {rows}");
        }
    }
    let given = params("ticks", "count=9000");
    for kind in [SynthKind::Trades, SynthKind::Quotes] {
        let expected = records(&mut ticks::tape(&given, &context(&item, kind, 1)).unwrap());
        for rows in [1, 4095, 4096, 10_000] {
            let mut tape = ticks::tape(&given, &context(&item, kind, 1)).unwrap().with_chunk_rows(rows);
            assert!(records(&mut tape) == expected, "{rows}");
        }
    }
}

#[test]
fn the_seed_decides_and_the_hash_tells() {
    let item = instrument();
    let played = |name: &str, seed, given: &str, kind| {
        let mut source = made(&find(name), &params(name, given), &context(&item, kind, seed)).unwrap();
        (records(&mut *source), source.content_hash())
    };
    let ticks = ("ticks", "", SynthKind::Trades, "spread=2");
    let bars = RANDOM_BARS.map(|(name, given)| (name, given, MINUTES, "start_price=101"));
    for (name, given, kind, other) in bars.into_iter().chain([ticks]) {
        let (same, other) = (format!("count=500 {given}"), format!("count=500 {given} {other}"));
        let first = played(name, 1, &same, kind);
        assert!(first == played(name, 1, &same, kind));
        for changed in [played(name, 2, &same, kind), played(name, 1, &other, kind)] {
            assert!(first.0 != changed.0 && first.1 != changed.1, "{name}");
        }
    }
}

/// Without clusters garch is geometric Brownian motion, shock for shock.
#[test]
fn garch_without_clusters_is_gbm() {
    let given = "count=2000 drift=0.5 volatility=0.8";
    assert_eq!(bars("gbm", given), bars("garch", &format!("{given} alpha=0 beta=0")));
    let found = moments(&returns(&bars("gbm", "count=400000 start_price=1000000000 volatility=0.6 drift=5")));
    let (variance, mean) = (0.36 / 525_600.0, (5.0 - 0.18) / 525_600.0);
    // Five standard errors: 0.011 of the variance, 0.04 of the kurtosis.
    assert!((found.variance / variance - 1.0).abs() < 0.011, "{}", found.variance);
    assert!((found.mean - mean).abs() < 5.0 * math::sqrt(variance / 400_000.0), "{}", found.mean);
    assert!(found.excess_kurtosis.abs() < 0.04, "{}", found.excess_kurtosis);
}

/// Volatility is 0.6 per year: a million minutes are 1.9 years of shocks.
#[test]
fn garch_has_its_variance_and_clusters() {
    let bars = bars("garch", "count=1000000 start_price=50000 volatility=0.6 alpha=0.1 beta=0.8");
    let returns = returns(&bars);
    let mean_of = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let squares: Vec<f64> = returns.iter().map(|r| r * r).collect();
    let variance = mean_of(&squares);
    let target = 0.36 / (365.0 * 24.0 * 60.0);
    assert!((variance / target - 1.0).abs() < 0.02, "{variance} {target}");
    let lagged: Vec<f64> = squares.windows(2).map(|pair| (pair[0] - variance) * (pair[1] - variance)).collect();
    let spread: Vec<f64> = squares.iter().map(|s| (s - variance) * (s - variance)).collect();
    // Theory: alpha (1 - alpha beta - beta^2) / (1 - 2 alpha beta - beta^2) = 0.14.
    let correlation = mean_of(&lagged) / mean_of(&spread);
    assert!((0.11..0.17).contains(&correlation), "{correlation}");
    // Of a walk of eight steps the mean range is about 1.15 standard deviations.
    let ranges: Vec<f64> = bars.iter().map(|bar| math::ln(bar.high.raw() as f64 / bar.low.raw() as f64)).collect();
    let range = mean_of(&ranges) / math::sqrt(target);
    assert!((1.0..1.6).contains(&range), "{range}");
    let volume = bars.iter().map(|bar| bar.volume.raw() as f64).sum::<f64>() / bars.len() as f64;
    assert!((volume / 1_000_000.0 - 1.0).abs() < 0.01, "{volume}");
}

#[test]
fn garch_grows_with_its_drift() {
    // A tenth per year without volatility: e^0.1 after 525600 minutes.
    let bars = bars("garch", "count=525600 start_price=50000 volatility=0 drift=0.1");
    let growth = bars[525_599].close.raw() as f64 / 5_000_000.0;
    assert!((growth - 1.105_170_9).abs() < 1e-6, "{growth}");
}

#[test]
fn ticks_have_their_rates() {
    let (quotes, trades) = market("count=200000 gap=10ms move_rate=0.25 size=1 start_price=10000", 5);
    let span = quotes[199_999].ts_event.nanos() - quotes[0].ts_event.nanos();
    let gap = span as f64 / 199_999.0;
    assert!((gap / 1e7 - 1.0).abs() < 0.02, "{gap}");
    let moves = quotes.windows(2).filter(|pair| pair[0].bid_px != pair[1].bid_px).count();
    assert!((49_000..51_000).contains(&moves), "{moves}");
    let size = quotes.iter().map(|quote| quote.bid_qty.raw()).sum::<i64>() / 200_000;
    assert!((990..1_010).contains(&size), "{size}");
    let buys = trades.iter().filter(|trade| trade.aggressor == Some(Side::Buy)).count();
    assert!((99_000..101_000).contains(&buys), "{buys}");
}

proptest! {
    #[test]
    fn bars_are_consistent(
        which in 0..RANDOM_BARS.len(), start in 1_i64..200_000, volatility in 0_i64..1_000,
        drift in -1_000_i64..1_000, volume in 0_i64..5_000
    ) {
        let (name, more) = RANDOM_BARS[which];
        // Prices from one tick on, where rounding is coarsest.
        let (start, volatility) = (start as f64 * 0.05, volatility as f64 / 100.0);
        let drift = drift as f64 / 100.0;
        let motion = match name {
            "bootstrap" => more.to_owned(),
            "regimes" => format!("volume={volume} drifts={drift},-1 volatilities={volatility},2 durations=30m,10m"),
            _ => format!("volume={volume} {more} drift={drift} volatility={volatility}"),
        };
        let given = format!("count=300 start_price={start:.2} {motion}");
        let mut last = None;
        for bar in bars(name, &given) {
            prop_assert!(bar.low <= bar.open.min(bar.close) && bar.high >= bar.open.max(bar.close));
            prop_assert!(bar.low.raw() >= 5 && bar.volume.raw() >= 0);
            for px in [bar.open, bar.high, bar.low, bar.close] {
                prop_assert_eq!(px.raw() % 5, 0);
            }
            prop_assert_eq!(bar.volume.raw() % 2, 0);
            prop_assert!(last.is_none_or(|close| close == bar.open));
            last = Some(bar.close);
        }
    }

    /// Trades and quotes of one seed are one market.
    #[test]
    fn ticks_are_consistent(
        seed in 0_u64..1_000, start in 1_i64..50, spread in 1_i64..5,
        gap in prop_oneof![Just("1us"), Just("1s"), Just("1d")], move_rate in 0_i64..=10
    ) {
        let (start, move_rate) = (start as f64 * 0.05, move_rate as f64 / 10.0);
        let given =
            format!("count=300 start_price={start:.2} spread={spread} gap={gap} move_rate={move_rate} size=0.01");
        let (quotes, trades) = market(&given, seed);
        prop_assert_eq!((quotes.len(), trades.len()), (300, 300));
        for (n, (quote, trade)) in quotes.iter().zip(&trades).enumerate() {
            prop_assert!(quote.bid_px.raw() >= 5 && quote.bid_px.raw() % 5 == 0);
            prop_assert_eq!(quote.ask_px.raw() - quote.bid_px.raw(), 5 * spread);
            let (px, shown) = match trade.aggressor {
                Some(Side::Buy) => (quote.ask_px, quote.ask_qty),
                Some(Side::Sell) => (quote.bid_px, quote.bid_qty),
                None => panic!("the taker is known"),
            };
            prop_assert_eq!(trade.px, px);
            prop_assert!(trade.qty.raw() > 0 && trade.qty.raw() % 2 == 0 && trade.qty <= shown);
            prop_assert!(trade.ts_event > quote.ts_event);
            prop_assert!(quotes.get(n + 1).is_none_or(|next| trade.ts_event < next.ts_event));
        }
    }
}
