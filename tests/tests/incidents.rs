//! Incidents of the scenario, seen in the journal.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use tapedeck_model::event::{IncidentKind, PostingReason};
use tapedeck_model::order::{CancelReason, RejectReason};
use tapedeck_model::{Amount, Event, Record, Ts};
use tapedeck_reports::Audit;
use tapedeck_tests::{Played, play};

/// A grid on a random walk of quotes and trades, two hours long.
const HEAD: &str = r#"
[scenario]
name = "incidents"
seed = 5
base_currency = "USD"
start = "2024-01-01"
end = "2024-01-01T02:00:00"

[[instrument]]
symbol = "BTCUSD"
venue = "SIM"
base = "BTC"
quote = "USD"
tick_size = "0.01"
lot_size = "0.00001"

[[data]]
instrument = "BTCUSD"
kind = "quotes"
synthetic = { generator = "ticks", start_price = "1000", spread = 4, move_rate = "0.9" }

[account]
deposits = { USD = "10000", BTC = "5" }

[[strategy]]
type = "grid"
levels = 4
spacing = "5"
spacing_unit = "ticks"
qty = "0.1"
"#;

fn run(venue: &str, incidents: &str) -> Played {
    let played = play(&format!("{HEAD}\n[[venue]]\nname = \"SIM\"\n{venue}\n{incidents}"));
    let mut audit = Audit::new();
    for record in &played.records {
        audit.apply(record).unwrap();
    }
    assert_eq!(audit.disagreements(), [""; 0]);
    played
}

fn at(text: &str) -> Ts {
    text.parse().unwrap()
}

/// Times of the records that something is true of.
fn times(played: &Played, is: impl Fn(&Event) -> bool) -> Vec<Ts> {
    played.records.iter().filter(|record| is(&record.event)).map(|record| record.header.ts).collect()
}

fn inside<'a>(played: &'a Played, from: &str, until: &str) -> impl Iterator<Item = &'a Record> {
    let (from, until) = (at(from), at(until));
    played.records.iter().filter(move |record| (from..until).contains(&record.header.ts))
}

const START: &str = "2024-01-01T00:30:00Z";
const END: &str = "2024-01-01T00:40:00Z";

fn incident(kind: &str, rest: &str) -> String {
    format!("[[incident]]\nkind = \"{kind}\"\nstart = \"{START}\"\n{rest}\n")
}

#[test]
fn nothing_is_heard_during_an_outage_and_what_was_sent_into_it_is_refused() {
    let played = run("", &incident("outage", "duration = \"10m\""));
    let mut heard: Vec<&str> = inside(&played, START, END).map(|record| record.event.text()).collect();
    heard.retain(|text| *text != "equity");
    assert_eq!(heard, ["incident_began"]);
    let missed = played.records.iter().find_map(|record| match record.event {
        Event::IncidentEnded { missed, .. } => Some((record.header.ts, missed)),
        _ => None,
    });
    // One quote a second on average.
    assert!(missed.is_some_and(|(ts, count)| ts == at(END) && (400..800).contains(&count)), "{missed:?}");
    // Resting orders were matched meanwhile; their reports come as it ends.
    let fills = times(
        &played,
        |event| matches!(event, Event::Filled { report, .. } if (at(START)..at(END)).contains(&report.ts_event)),
    );
    assert!(!fills.is_empty() && fills.iter().all(|ts| *ts >= at(END)), "{fills:?}");
}

#[test]
fn a_gap_in_the_data_leaves_orders_alone() {
    let played = run("", &incident("feed_gap", "duration = \"10m\""));
    let fills = inside(&played, START, END).filter(|record| matches!(record.event, Event::Filled { .. })).count();
    assert!(fills > 0, "reports come as ever");
    let rejected = times(&played, |event| matches!(event, Event::Rejected { .. }));
    assert_eq!(rejected, []);
}

#[test]
fn a_cut_line_refuses_what_is_sent_and_cancels_if_the_venue_does_so() {
    let line = incident("disconnect", "duration = \"10m\"");
    let canceled = |played: &Played| {
        times(played, |event| matches!(event, Event::Canceled { reason: CancelReason::Disconnected, .. }))
    };
    assert_eq!(canceled(&run("", &line)), []);
    let played = run("cancel_on_disconnect = true", &line);
    let ended = canceled(&played);
    assert!(!ended.is_empty() && ended.iter().all(|ts| *ts == at(END)), "{ended:?}");
}

#[test]
fn refusals_come_with_their_reasons() {
    let reasons = |played: &Played, wanted: RejectReason| {
        times(played, |event| matches!(event, Event::Rejected { reason, .. } if *reason == wanted)).len()
    };
    let busy = run("reject_probability = \"0.5\"", "");
    assert!(reasons(&busy, RejectReason::VenueBusy) > 0);
    let limited = run("rate_limit = 1\nrate_limit_interval = \"1m\"", "");
    assert!(reasons(&limited, RejectReason::RateLimited) > 0);
    let accepted = times(&limited, |event| matches!(event, Event::Accepted { .. }));
    let minute = |ts: &Ts| (ts.nanos() - 50_000_000) / 60_000_000_000;
    assert!(accepted.windows(2).all(|pair| minute(&pair[0]) != minute(&pair[1])), "one order a minute");
}

#[test]
fn slow_messages_take_so_many_times_as_long() {
    let latency = "entry_latency = { model = \"constant\", delay = \"100ms\" }";
    let delay = |played: &Played, from: &str, until: &str| -> Vec<i64> {
        let sent = inside(played, from, until).filter_map(|record| match record.event {
            Event::Submitted { client_order_id, .. } => Some((client_order_id, record.header.ts)),
            _ => None,
        });
        sent.filter_map(|(id, ts)| {
            let said = played.records.iter().find(
                |record| matches!(record.event, Event::Accepted { client_order_id, .. } if client_order_id == id),
            )?;
            Some((said.header.ts.nanos() - ts.nanos()) / 1_000_000)
        })
        .collect()
    };
    let played = run(latency, &incident("slow", "duration = \"10m\"\nfactor = \"2.5\""));
    let (before, meanwhile) = (delay(&played, "2024-01-01T00:00:00Z", START), delay(&played, START, END));
    assert!(!before.is_empty() && before.iter().all(|ms| *ms == 150), "{before:?}");
    // The way there: 250 ms; back 125 ms, or 50 ms if it is sent after the end.
    assert!(!meanwhile.is_empty() && meanwhile.iter().all(|ms| [375, 300].contains(ms)), "{meanwhile:?}");
}

#[test]
fn money_comes_and_goes_without_being_profit() {
    let flat = |incidents: &str| {
        let text = HEAD.replace("qty = \"0.1\"", "qty = \"0.00001\"");
        let played = play(&format!("{text}\n[[venue]]\nname = \"SIM\"\nfees = {{ model = \"none\" }}\n{incidents}"));
        (played.summary.max_drawdown, played.summary.equity_last.map(Amount::to_f64).unwrap_or_default())
    };
    let money = |kind: &str, amount: &str| incident(kind, &format!("currency = \"USD\"\namount = \"{amount}\""));
    let (fall, last) = flat("");
    let (fall_with, last_with) = flat(&money("withdrawal", "5000"));
    assert!((last - last_with - 5_000.0).abs() < 0.01, "{last} {last_with}");
    assert!(fall_with < 0.01 && fall < 0.01, "a withdrawal is no fall: {fall_with}");
    let refused = run("", &money("withdrawal", "1000000"));
    assert_eq!(times(&refused, |event| matches!(event, Event::WithdrawalRefused { .. })), [at(START)]);
    let gift = run("", &money("airdrop", "7"));
    let posted = times(&gift, |event| matches!(event, Event::Posted { reason: PostingReason::Airdrop, .. }));
    assert_eq!(posted, [at(START)]);
    assert_eq!(times(&gift, |event| matches!(event, Event::CapitalMoved { .. })), []);
    let kinds = times(&gift, |event| matches!(event, Event::IncidentBegan { kind: IncidentKind::Airdrop, .. }));
    assert_eq!(kinds, [at(START)]);
}

#[test]
fn an_incident_changes_nothing_before_it() {
    let (without, with) = (run("", ""), run("", &incident("outage", "duration = \"10m\"")));
    let before = |played: &Played| -> Vec<Event> {
        let all = played.records.iter().filter(|record| record.header.ts < at(START));
        all.map(|record| record.event.clone()).filter(|event| !matches!(event, Event::RunStarted { .. })).collect()
    };
    assert_eq!(before(&without), before(&with));
}

/// When orders ended or were refused because of a delisting, in order.
fn ended_by_delisting(played: &Played) -> (Vec<Ts>, Vec<Ts>) {
    let canceled = times(played, |event| matches!(event, Event::Canceled { reason: CancelReason::Delisted, .. }));
    let refused = times(played, |event| matches!(event, Event::Rejected { reason: RejectReason::Delisted, .. }));
    (canceled, refused)
}

fn equity_at(played: &Played, when: Ts) -> Option<Amount> {
    played.records.iter().find_map(|record| match &record.event {
        Event::Equity(point) if point.ts_event >= when => Some(point.equity),
        _ => None,
    })
}

/// A spot account whose instrument is taken off the venue after half an hour.
#[test]
fn a_delisting_ends_orders_and_does_with_the_holding_what_is_stated() {
    let report = "\n[report]\nequity_interval = \"1m\"\n";
    let delisted = |rest: &str| run("", &(incident("delisting", rest) + report));
    let code = |played: &Played, code: &str| {
        let currencies = played.records.iter().filter_map(|record| match &record.event {
            Event::CurrencyDeclared { currency, code } => Some((code.clone(), *currency)),
            _ => None,
        });
        let found = currencies.collect::<std::collections::BTreeMap<_, _>>();
        played.accounts.first().balance(found[code]).total
    };
    let kept = delisted("holdings = \"hold\"");
    let (canceled, refused) = ended_by_delisting(&kept);
    assert!(canceled.len() > 2 && canceled.iter().all(|ts| (at(START)..at("2024-01-01T00:30:01Z")).contains(ts)));
    assert!(
        times(&kept, |event| matches!(event, Event::Filled { .. })).iter().all(|ts| *ts < at("2024-01-01T00:30:01Z"))
    );
    assert!(refused.iter().all(|ts| *ts >= at(START)));
    let (held, before) = (code(&kept, "BTC"), code(&kept, "USD"));
    assert!(held > Amount::ZERO);

    let lost = delisted("holdings = \"write_off\"");
    assert_eq!((code(&lost, "BTC"), code(&lost, "USD")), (Amount::ZERO, before));
    let sold = delisted("holdings = \"settle\"\nsettle_at = \"price\"\nsettlement_px = \"500\"");
    let paid = held.mul_div(500, 1).unwrap();
    assert_eq!((code(&sold, "BTC"), code(&sold, "USD")), (Amount::ZERO, before.checked_add(paid).unwrap()));
    // At the last price nothing is won or lost: the middle of a quote has half a cent more, which is rounded down.
    let settled = delisted("holdings = \"settle\"\nsettle_at = \"last\"");
    let (first, last) =
        (equity_at(&settled, at("2024-01-01T00:30:00Z")), equity_at(&settled, at("2024-01-01T00:31:00Z")));
    let change = last.unwrap().checked_sub(first.unwrap()).unwrap().to_f64();
    assert!(change.abs() < 0.005 * 6.0 + 2.0 * 6.0, "{change}");
    assert_eq!(settled.summary.equity_last, Some(code(&settled, "USD")));
    for played in [&kept, &lost, &sold, &settled] {
        let kinds = times(played, |event| matches!(event, Event::IncidentBegan { kind: IncidentKind::Delisting, .. }));
        assert_eq!(kinds, [at(START)]);
        let mut gatherer = tapedeck_reports::Gatherer::new(tapedeck_model::Span::DAY);
        for record in &played.records {
            gatherer.push(record).unwrap();
        }
        gatherer.finish().unwrap();
    }
}

/// A contract: every strategy's position ends at the stated price, and profit is what that makes it.
#[test]
fn a_delisted_contract_is_settled_and_a_mistake_is_refused_at_its_line() {
    let text = HEAD.replace("quote = \"USD\"\n", "quote = \"USD\"\nkind = \"linear\"\n").replace(
        "[account]\ndeposits = { USD = \"10000\", BTC = \"5\" }",
        "[account]\nkind = \"netting\"\ndeposits = { USD = \"10000\" }",
    ) + "\n[[venue]]\nname = \"SIM\"\n";
    let played = play(&(text.clone() + &incident("delisting", "settle_at = \"price\"\nsettlement_px = \"990\"")));
    let settled = played.records.iter().filter_map(|record| match &record.event {
        Event::PositionSettled { settlement_px, net_qty, ts_event, .. } => {
            Some((settlement_px.raw(), net_qty.raw(), *ts_event))
        }
        _ => None,
    });
    let settled: Vec<_> = settled.collect();
    assert!(matches!(settled[..], [(99_000, held, when)] if held != 0 && when == at(START)), "{settled:?}");
    assert!(played.accounts.is_flat());
    let mut audit = Audit::new();
    for record in &played.records {
        audit.apply(record).unwrap();
    }
    assert_eq!(audit.disagreements(), [""; 0]);
}
