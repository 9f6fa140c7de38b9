//! Groups of orders seen from a whole run: what is admitted, reserved, sent and told.

#![allow(clippy::expect_used, reason = "a test that cannot set its stage fails")]

use std::fmt::Write as _;

use tapedeck_model::{
    Bar, Context, CurrencyIx, Event, InstrumentIx, OrderKind, OrderRequest, OrderStatus, Price, Qty, Record, Side,
    Span, Strategy,
};
use tapedeck_tests::{Played, assembled, play_spec};

/// What a test does at the close of a bar, from 1, or at a timer by its number.
type Act = fn(u32, &mut Context<'_>);

/// Does what a test says, and puts what is reserved on record.
struct Scripted {
    act: Act,
    bars: u32,
}

impl Strategy for Scripted {
    fn on_bar(&mut self, ctx: &mut Context<'_>, _: &Bar) {
        self.bars += 1;
        (self.act)(self.bars, ctx);
        let mut open = 0;
        ctx.view().each_open_order(ctx.strategy, &mut |order| open += i32::from(order.status != OrderStatus::Held));
        // Currencies are sorted by code: BTC, USD.
        let reserved = |ix| ctx.balance(CurrencyIx(ix)).reserved.to_string().parse().unwrap_or(f64::NAN);
        let (base, quote): (f64, f64) = (reserved(0), reserved(1));
        ctx.signal("base", base);
        ctx.signal("quote", quote);
        ctx.signal("working", f64::from(open));
    }

    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: u64) {
        (self.act)(timer as u32, ctx);
    }
}

/// Bars that rise from 100 by 1 a minute; a fee of nothing, no slippage.
fn run(act: Act, more: &str) -> Played {
    run_on("", act, more)
}

/// The same with more keys of the venue.
fn run_on(venue: &str, act: Act, more: &str) -> Played {
    let text = format!(
        r#"
[scenario]
name = "groups"
seed = 7
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-01T00:12:00"

[[instrument]]
symbol = "BTCUSD"
venue = "SIM"
base = "BTC"
quote = "USD"
tick_size = "0.01"
lot_size = "0.001"

[[data]]
instrument = "BTCUSD"
kind = "bars"
interval = "1m"
[data.synthetic]
generator = "ramp"
price = "100"
change = "1"

[[venue]]
name = "SIM"
slippage = {{ model = "none" }}
fees = {{ model = "none" }}
{venue}

[[strategy]]
id = "scripted"
type = "noop"
{more}"#
    );
    let mut spec = assembled(&text, &[]);
    for slot in &mut spec.strategies {
        slot.strategy = Box::new(Scripted { act, bars: 0 });
    }
    play_spec(spec)
}

const SPOT: &str = "\n[account]\ndeposits = { USD = \"1000\" }\n";

fn px(units: i64) -> Price {
    Price::from_raw(units * 100)
}

fn market(side: Side, lots: i64) -> OrderRequest {
    OrderRequest::market(InstrumentIx(0), side, Qty::from_raw(lots))
}

fn kind(request: OrderRequest, kind: OrderKind) -> OrderRequest {
    OrderRequest { kind, ..request }
}

/// Entry at market, target at 105, stop at 90, of 2.000.
fn bracket(ctx: &mut Context<'_>) {
    let exit = market(Side::Sell, 2_000);
    let target = kind(exit, OrderKind::Limit { limit_px: px(105) });
    let stop = kind(exit, OrderKind::Stop { trigger_px: px(90) });
    ctx.submit_bracket(market(Side::Buy, 2_000), target, stop);
}

/// What happened to orders, in words: the number and the kind of event.
fn words(records: &[Record]) -> String {
    let mut words = String::new();
    for record in records {
        let Some(id) = record.event.client_order_id() else { continue };
        let _ = match &record.event {
            Event::SubmitIntended { .. } | Event::Approved { .. } | Event::RiskChecked { .. } => Ok(()),
            Event::Denied { reason, .. } => write!(words, "{} denied {reason}; ", id.number),
            Event::Rejected { reason, .. } => write!(words, "{} rejected {reason}; ", id.number),
            Event::Canceled { reason, .. } => write!(words, "{} canceled {reason}; ", id.number),
            event => write!(words, "{} {}; ", id.number, event.text()),
        };
    }
    words.trim_end().to_owned()
}

fn signals(records: &[Record], wanted: &str) -> Vec<f64> {
    let values = records.iter().filter_map(|record| match &record.event {
        Event::Signal { name, value, .. } if name == wanted => Some(*value),
        _ => None,
    });
    values.collect()
}

#[test]
fn a_bracket_needs_no_more_than_its_entry_and_reserves_what_it_bought() {
    let played = run(
        |bar, ctx| {
            if bar == 1 {
                bracket(ctx);
            }
        },
        SPOT,
    );
    assert_eq!(
        words(&played.records),
        "1 submitted; 2 submitted; 3 submitted; 1 accepted; 2 held; 3 held; 1 filled; 2 activated; 3 activated; \
         2 filled; 3 canceled sibling_filled;"
    );
    // The entry reserves 2 x 101 + 1 % and is filled in the second bar; of the exits one counts, once it works.
    let base = signals(&played.records, "base");
    assert_eq!(base[..4], [0.0, 0.0, 2.0, 2.0], "{base:?}");
    assert_eq!(base.last(), Some(&0.0), "all is done by then");
    assert!(signals(&played.records, "quote").iter().skip(3).all(|reserved| *reserved == 0.0));
    assert_eq!(signals(&played.records, "working").last(), Some(&0.0));
}

#[test]
fn one_order_that_is_denied_denies_its_group() {
    let limit = "\n[[risk]]\nrule = \"price_collar\"\nbps = \"500\"\n";
    let played = run(
        |bar, ctx| {
            if bar == 1 {
                bracket(ctx);
            }
        },
        &format!("{SPOT}{limit}"),
    );
    // The stop is too far away.
    assert_eq!(words(&played.records), "1 denied group_leg_denied; 2 denied group_leg_denied; 3 denied risk_rule;");
    // A rule that would cut an order cuts none of a group.
    let shrink = "\n[[risk]]\nrule = \"max_order_qty\"\nlimit = \"1.5\"\nshrink = true\n";
    let played = run(
        |bar, ctx| match bar {
            1 => bracket(ctx),
            2 => drop(ctx.submit(market(Side::Buy, 2_000))),
            _ => {}
        },
        &format!("{SPOT}{shrink}"),
    );
    assert!(words(&played.records).starts_with("1 denied risk_rule; 2 denied group_leg_denied; 3 denied"));
    assert!(words(&played.records).contains("4 submitted"), "alone it is cut");
    // Three orders are three, however they are sent.
    for rule in ["rule = \"max_open_orders\"\nlimit = 2", "rule = \"order_rate\"\ncount = 2\ninterval = \"1h\""] {
        let act: Act = |bar, ctx| {
            if bar == 1 {
                bracket(ctx);
            }
        };
        let played = run(act, &format!("{SPOT}\n[[risk]]\n{rule}\n"));
        let expected = "1 denied group_leg_denied; 2 denied group_leg_denied; 3 denied risk_rule;";
        assert_eq!(words(&played.records), expected, "{rule}");
    }
    // And orders that make no group.
    let played = run(
        |bar, ctx| {
            if bar == 1 {
                ctx.submit_oco(market(Side::Buy, 1_000), market(Side::Buy, 1_000));
            }
        },
        SPOT,
    );
    assert_eq!(words(&played.records), "1 denied invalid_order; 2 denied group_leg_denied;");
}

#[test]
fn of_a_pair_the_larger_is_reserved() {
    let played = run(
        |bar, ctx| {
            let buy = market(Side::Buy, 2_000);
            match bar {
                // 180 and 2 x 120 + 1 %.
                1 => {
                    let below = kind(buy, OrderKind::Limit { limit_px: px(90) });
                    ctx.submit_oco(below, kind(buy, OrderKind::Stop { trigger_px: px(120) }));
                }
                // 700 more: with both of the pair that would be too much.
                2 => drop(ctx.submit(kind(market(Side::Buy, 8_000), OrderKind::Limit { limit_px: px(90) }))),
                5 => ctx.cancel_all(),
                _ => {}
            }
        },
        SPOT,
    );
    assert_eq!(
        words(&played.records),
        "1 submitted; 2 submitted; 1 accepted; 2 accepted; 3 submitted; 3 accepted; 1 cancel_submitted; \
         2 cancel_submitted; 3 cancel_submitted; 1 canceled requested; 2 canceled sibling_ended; 3 canceled requested;"
    );
    let quote = signals(&played.records, "quote");
    assert_eq!(quote[..4], [0.0, 242.4, 962.4, 962.4], "{quote:?}");
    assert_eq!(quote.last(), Some(&0.0));
    let alls = played.records.iter().filter(|record| matches!(record.event, Event::CancelAllSubmitted { .. }));
    assert_eq!(alls.count(), 1, "one message");
}

#[test]
fn a_group_arrives_as_one_whatever_the_latency() {
    let venue = "entry_latency = { model = \"lognormal\", median = \"20s\", sigma = \"1\" }\n\
                 report_latency = { model = \"lognormal\", median = \"20s\", sigma = \"1\" }";
    let act: Act = |bar, ctx| {
        if bar < 9 {
            bracket(ctx);
        }
    };
    let deposit = "\n[account]\ndeposits = { USD = \"100000\" }\n";
    let played = run_on(venue, act, deposit);
    let text = words(&played.records);
    assert!(!text.contains("rejected"), "{text}");
    assert!(text.contains("activated") && text.contains("sibling_filled"), "{text}");
    let again = run_on(venue, act, deposit);
    assert_eq!(played.fingerprint, again.fingerprint);
}

#[test]
fn sizes_of_groups_are_not_amended() {
    let played = run(
        |bar, ctx| {
            let amend = |order_qty| tapedeck_model::Amendment {
                order_qty: Some(Qty::from_raw(order_qty)),
                ..Default::default()
            };
            let id = |number| tapedeck_model::ClientOrderId { strategy: ctx.strategy, number };
            let (first, second) = (id(1), id(2));
            match bar {
                1 => {
                    let entry = kind(market(Side::Buy, 2_000), OrderKind::Limit { limit_px: px(90) });
                    ctx.submit_oto(entry, kind(market(Side::Sell, 2_000), OrderKind::Limit { limit_px: px(120) }));
                }
                2 => ctx.amend(second, amend(1_000)),
                3 => ctx.amend(first, amend(3_000)),
                4 => ctx.amend(first, amend(1_000)),
                _ => {}
            }
        },
        SPOT,
    );
    let end = "1 canceled run_ended; 2 canceled run_ended;";
    assert_eq!(
        words(&played.records),
        format!(
            "1 submitted; 2 submitted; 1 accepted; 2 held; 2 amend_intended; 2 denied invalid_order; 1 amend_intended; \
             1 denied invalid_order; 1 amend_intended; 1 amend_submitted; 1 replaced; {end}"
        )
    );
}

#[test]
fn margin_is_kept_for_the_larger_of_a_pair_and_for_no_exit() {
    // Of 300 at most twice: a pair of 2 at 120 takes 120, a third order for 3 at 90 takes 135.
    let account = "\n[account]\nkind = \"netting\"\nmax_leverage = \"2\"\ndeposits = { USD = \"300\" }\n";
    let played = run(
        |bar, ctx| {
            let buy = market(Side::Buy, 2_000);
            match bar {
                1 => {
                    let below = kind(buy, OrderKind::Limit { limit_px: px(90) });
                    ctx.submit_oco(below, kind(buy, OrderKind::Stop { trigger_px: px(120) }));
                }
                2 => drop(ctx.submit(kind(market(Side::Buy, 3_000), OrderKind::Limit { limit_px: px(90) }))),
                3 => drop(ctx.submit(kind(market(Side::Buy, 2_000), OrderKind::Limit { limit_px: px(90) }))),
                _ => {}
            }
        },
        account,
    );
    let quote = signals(&played.records, "quote");
    assert_eq!(quote[1..5], [120.0, 255.0, 255.0, 255.0], "{quote:?}");
    assert!(words(&played.records).contains("4 denied insufficient_funds"));
    let played = run(
        |bar, ctx| {
            if bar == 1 {
                bracket(ctx);
            }
        },
        account,
    );
    // Only the entry increases the position: 2 x 101 / 2, until it is filled.
    let quote = signals(&played.records, "quote");
    assert!(quote[2..].iter().all(|reserved| *reserved == 0.0), "{quote:?}");
    assert!(words(&played.records).contains("2 filled; 3 canceled sibling_filled;"));
}

/// What is sent into an incident is refused order by order, and so is the cancel of all.
#[test]
fn an_incident_refuses_a_group_whole_and_a_cancel_of_all_for_each_order() {
    let refused = |incident: &str| {
        let act: Act = |bar, ctx| match bar {
            1 => {
                let below = kind(market(Side::Buy, 1_000), OrderKind::Limit { limit_px: px(50) });
                ctx.submit(below);
                ctx.submit(below);
                // During an outage no bar is heard.
                ctx.set_timer(ctx.now.saturating_add(Span::from_nanos(2 * 60_000_000_000)), 99);
            }
            99 => {
                bracket(ctx);
                ctx.cancel_all();
            }
            _ => {}
        };
        let during = "start = \"2024-01-01T00:02:30Z\"\nduration = \"2m\"";
        let played = run(act, &format!("{SPOT}\n[[incident]]\n{incident}\n{during}\n"));
        let mut audit = tapedeck_reports::Audit::new();
        for record in &played.records {
            audit.apply(record).expect("a journal in order");
        }
        assert_eq!(audit.disagreements(), [""; 0]);
        words(&played.records)
    };
    let before = "1 submitted; 2 submitted; 1 accepted; 2 accepted; 3 submitted; 4 submitted; 5 submitted; \
                  1 cancel_submitted; 2 cancel_submitted; 3 cancel_submitted; 4 cancel_submitted; 5 cancel_submitted; ";
    for (incident, reason) in [("kind = \"outage\"", "venue_unavailable"), ("kind = \"disconnect\"", "not_connected")] {
        let text = refused(incident);
        let after = text.strip_prefix(before).unwrap_or_else(|| panic!("{incident}: {text}"));
        for number in 3..=5 {
            assert!(after.contains(&format!("{number} rejected {reason};")), "{incident}: {text}");
        }
        for number in 1..=2 {
            assert!(after.contains(&format!("{number} cancel_rejected;")), "{incident}: {text}");
        }
    }
}
