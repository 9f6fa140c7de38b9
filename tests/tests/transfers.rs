//! Money on its way between venues.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tapedeck_model::event::{PostingReason, TransferRefusal};
use tapedeck_model::transfer::{TransferNews, TransferUpdate};
use tapedeck_model::{
    Amount, Bar, Context, CurrencyIx, Event, InstrumentIx, OrderRequest, Price, Qty, Side, Strategy, Ts, VenueIx,
};
use tapedeck_reports::Audit;
use tapedeck_tests::{Played, assembled, play_spec_checked};

const ALPHA: VenueIx = VenueIx(0);
const BETA: VenueIx = VenueIx(1);
/// Currencies by code: BTC, USD.
const USD: CurrencyIx = CurrencyIx(1);

/// Two venues with bars that stay at 100; the accounts and the rest are `what`.
fn scenario([alpha, beta]: [&str; 2], what: &str) -> String {
    let instrument = |venue: &str, account: &str| {
        let (symbol, kind) = if account.contains("account") { ("PERP", "linear") } else { ("BTCUSD", "spot") };
        format!(
            "[[instrument]]\nsymbol = \"{symbol}\"\nvenue = \"{venue}\"\nkind = \"{kind}\"\nbase = \"BTC\"\nquote = \"USD\"\n\
             tick_size = \"0.01\"\nlot_size = \"0.01\"\n\
             [[data]]\ninstrument = \"{symbol}.{venue}\"\nkind = \"bars\"\ninterval = \"1m\"\n\
             synthetic = {{ generator = \"constant\", price = \"100\" }}\n\
             [[venue]]\nname = \"{venue}\"\n{account}\nparticipation = \"none\"\nslippage = {{ model = \"none\" }}\n"
        )
    };
    let symbol = |account: &str| if account.contains("account") { "PERP" } else { "BTCUSD" };
    format!(
        "[scenario]\nname = \"transfers\"\nbase_currency = \"USD\"\nstart = \"2024-01-01\"\nend = \"2024-01-01T01:00:00\"\n\
         {}{}{what}\n[[strategy]]\ntype = \"noop\"\ninstruments = [\"{}.ALPHA\", \"{}.BETA\"]\n",
        instrument("ALPHA", alpha),
        instrument("BETA", beta),
        symbol(alpha),
        symbol(beta),
    )
}

const RICH: [&str; 2] = ["deposits = { USD = \"1000\" }", "deposits = {}"];

fn route(from: &str, to: &str, fee: &str, time: &str) -> String {
    format!(
        "[[transfer]]\nfrom = \"{from}\"\nto = \"{to}\"\ncurrency = \"USD\"\nfee = \"{fee}\"\ntime = {{ {time} }}\n"
    )
}

fn there() -> String {
    route("ALPHA", "BETA", "2", "model = \"constant\", delay = \"10m\"")
}

fn incident(amount: &str) -> String {
    format!(
        "[[incident]]\nkind = \"transfer\"\nfrom = \"ALPHA\"\nto = \"BETA\"\ncurrency = \"USD\"\namount = \"{amount}\"\n\
         start = \"2024-01-01T00:05:00Z\"\n"
    )
}

/// What a strategy does after so many bars of the first instrument.
#[derive(Clone)]
enum Step {
    Transfer(VenueIx, VenueIx, &'static str),
    Buy(InstrumentIx, &'static str, Option<&'static str>),
}

/// Follows a script, and keeps what it is told of transfers.
struct Script {
    steps: VecDeque<(u32, Step)>,
    bars: u32,
    news: Arc<Mutex<Vec<(Ts, TransferUpdate)>>>,
    /// Whether it asks again for whatever is refused.
    stubborn: bool,
}

impl Strategy for Script {
    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        self.bars += u32::from(bar.instrument == InstrumentIx(0));
        while bar.instrument == InstrumentIx(0) && self.steps.front().is_some_and(|(at, _)| *at == self.bars) {
            match self.steps.pop_front().unwrap().1 {
                Step::Transfer(from, to, amount) => ctx.transfer(from, to, USD, Amount::parse(amount).unwrap()),
                Step::Buy(instrument, qty, limit) => {
                    let qty = Qty::parse(qty, 2).unwrap();
                    let limit = limit.map(|limit| Price::parse(limit, 2).unwrap());
                    ctx.submit(match limit {
                        Some(limit) => OrderRequest::limit(instrument, Side::Buy, qty, limit),
                        None => OrderRequest::market(instrument, Side::Buy, qty),
                    });
                }
            }
        }
    }

    fn on_transfer(&mut self, ctx: &mut Context<'_>, update: &TransferUpdate) {
        if self.stubborn {
            ctx.transfer(update.from, update.to, update.currency, update.amount);
        }
        self.news.lock().unwrap().push((ctx.now, *update));
    }
}

/// Plays a script, the fold held against the kernel at every turn, the auditor listening.
fn scripted(text: &str, steps: &[(u32, Step)]) -> (Played, Vec<(Ts, TransferUpdate)>) {
    let news = Arc::new(Mutex::new(Vec::new()));
    let mut spec = assembled(text, &[]);
    let steps = steps.iter().cloned().collect();
    spec.strategies[0].strategy = Box::new(Script { steps, bars: 0, news: Arc::clone(&news), stubborn: false });
    let (played, _) = play_spec_checked(spec);
    let mut audit = Audit::new();
    played.records.iter().for_each(|record| audit.apply(record).unwrap());
    assert_eq!(audit.disagreements(), [""; 0]);
    let news = news.lock().unwrap().clone();
    (played, news)
}

fn total(played: &Played, venue: VenueIx) -> String {
    played.accounts.at(venue).unwrap().balance(USD).total.to_string()
}

fn equity(played: &Played) -> String {
    played.summary.equity_last.unwrap().to_string()
}

fn at(text: &str) -> Ts {
    format!("2024-01-01T{text}Z").parse().unwrap()
}

/// What was refused, with what was free.
fn refusals(played: &Played) -> Vec<(TransferRefusal, String)> {
    let refused = played.records.iter().filter_map(|record| match &record.event {
        Event::TransferRefused { reason, free, .. } => Some((*reason, free.to_string())),
        _ => None,
    });
    refused.collect()
}

#[test]
fn a_scripted_transfer_leaves_at_once_and_arrives_later_less_its_fee() {
    let (played, _) = scripted(&scenario(RICH, &(there() + &incident("500"))), &[]);
    let times: Vec<(Ts, VenueIx, Vec<String>)> = played
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::PostedAt { venue, reason: PostingReason::Transfer, lines } => {
                let lines = lines.as_slice().iter().map(|line| format!("{} {}", line.account, line.amount));
                Some((record.header.ts, *venue, lines.collect()))
            }
            _ => None,
        })
        .collect();
    let lines = |text: &str| text.split(", ").map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        times,
        [
            (at("00:05:00"), ALPHA, lines("cash -500, fees 2, transit 498")),
            (at("00:15:00"), BETA, lines("cash 498, transit -498")),
        ]
    );
    assert_eq!((total(&played, ALPHA), total(&played, BETA)), ("500".to_owned(), "498".to_owned()));
    assert_eq!(equity(&played), "998");
    // The fee is a cost, and money under way is neither a fall nor capital that moved.
    assert!((played.summary.max_drawdown - 0.002).abs() < 1e-12, "{}", played.summary.max_drawdown);
    assert!(played.records.iter().all(|record| !matches!(record.event, Event::CapitalMoved { .. })));
}

#[test]
fn money_under_way_at_the_end_is_equity_and_nothing_else() {
    let slow = route("ALPHA", "BETA", "2", "model = \"constant\", delay = \"10h\"");
    let buy = Step::Buy(InstrumentIx(1), "1", None);
    let (played, _) = scripted(&scenario(RICH, &(slow + &incident("500"))), &[(20, buy)]);
    assert_eq!(
        (total(&played, ALPHA), total(&played, BETA), equity(&played)),
        ("500".into(), "0".into(), "998".into())
    );
    assert_eq!(played.accounts.under_way(), [(USD, Amount::parse("498").unwrap())]);
    assert_eq!(played.summary.counts.fills, 0, "what is under way pays for nothing");
    assert_eq!(played.summary.counts.denied, 1);
}

#[test]
fn a_strategy_sends_money_is_told_and_can_use_it_where_it_arrives() {
    let steps = [(5, Step::Transfer(ALPHA, BETA, "310")), (20, Step::Buy(InstrumentIx(1), "3", None))];
    let (played, news) = scripted(&scenario(RICH, &there()), &steps);
    let (fee, arrives) = (Amount::parse("2").unwrap(), at("00:15:00"));
    let told: Vec<(Ts, String, TransferNews)> =
        news.iter().map(|(ts, update)| (*ts, update.amount.to_string(), update.news)).collect();
    assert_eq!(
        told,
        [
            (at("00:05:00"), "310".to_owned(), TransferNews::Sent { fee, arrives }),
            (arrives, "308".to_owned(), TransferNews::Arrived),
        ]
    );
    // 3 x 100 and 0.1 %.
    assert_eq!(played.summary.counts.fills, 1);
    assert_eq!((total(&played, ALPHA), total(&played, BETA)), ("690".to_owned(), "7.7".to_owned()));
    assert_eq!(equity(&played), "997.7");
}

#[test]
fn what_is_not_free_does_not_leave() {
    let why = |text: String, steps: &[(u32, Step)]| refusals(&scripted(&text, steps).0);
    let send = |amount| Step::Transfer(ALPHA, BETA, amount);
    let run = || scenario(RICH, &there());
    let no = TransferRefusal::InsufficientFunds;
    assert_eq!(why(run(), &[(5, send("1000.01"))]), [(no, "1000".to_owned())]);
    assert_eq!(why(run(), &[(5, send("1000"))]), []);
    // Twice in one call: what the first took is gone.
    assert_eq!(why(run(), &[(5, send("600")), (5, send("600"))]), [(no, "400".to_owned())]);
    // 5 x 90 and 0.1 % are set aside.
    let order = || (5, Step::Buy(InstrumentIx(0), "5", Some("90")));
    assert_eq!(why(run(), &[order(), (6, send("549.56"))]), [(no, "549.55".to_owned())]);
    assert_eq!(why(run(), &[order(), (6, send("549.55"))]), []);
    // Nothing would arrive; no way back; no way at all to oneself.
    assert_eq!(why(run(), &[(5, send("2"))]), [(TransferRefusal::BelowFee, "1000".to_owned())]);
    assert_eq!(why(run(), &[(5, send("-5"))]), [(TransferRefusal::BelowFee, "1000".to_owned())]);
    let back = Step::Transfer(BETA, ALPHA, "1");
    assert_eq!(why(run(), &[(5, back)]), [(TransferRefusal::NoRoute, "0".to_owned())]);
    let nowhere = Step::Transfer(ALPHA, VenueIx(9), "1");
    assert_eq!(why(run(), &[(5, nowhere)]), [(TransferRefusal::NoRoute, "1000".to_owned())]);
    // The scenario's own is refused alike.
    assert_eq!(why(scenario(RICH, &(there() + &incident("1000.5"))), &[]), [(no, "1000".to_owned())]);
}

#[test]
fn margin_in_use_stays() {
    for kind in ["account = \"margin\"\nleverage = \"10\"", "account = \"netting\"\nmax_leverage = \"10\""] {
        let account = format!("{kind}\ndeposits = {{ USD = \"1000\" }}\nfees = {{ model = \"none\" }}");
        let run = || scenario([&account, "deposits = {}"], &there());
        // 50 x 100 / 10 is margin.
        let steps = |amount| [(5, Step::Buy(InstrumentIx(0), "50", None)), (20, Step::Transfer(ALPHA, BETA, amount))];
        let (kept, _) = scripted(&run(), &steps("500.01"));
        assert_eq!(refusals(&kept), [(TransferRefusal::InsufficientFunds, "500".to_owned())], "{kind}");
        assert_eq!(total(&kept, ALPHA), "1000");
        let (sent, _) = scripted(&run(), &steps("500"));
        assert_eq!((total(&sent, ALPHA), total(&sent, BETA)), ("500".to_owned(), "498".to_owned()), "{kind}");
        assert_eq!(sent.venue_margins[0].as_ref(), sent.accounts.at(ALPHA).unwrap().margin());
    }
}

#[test]
fn how_long_a_transfer_takes_depends_on_its_own_way_alone() {
    let drawn = "model = \"lognormal\", median = \"5m\", sigma = \"0.5\"";
    let both = route("ALPHA", "BETA", "0", drawn) + &route("BETA", "ALPHA", "0", drawn);
    let rich = ["deposits = { USD = \"1000\" }", "deposits = { USD = \"1000\" }"];
    let arrivals = |steps: &[(u32, Step)]| -> Vec<i64> {
        let (played, _) = scripted(&scenario(rich, &both), steps);
        let sent = played.records.iter().filter_map(|record| match &record.event {
            Event::TransferSent(sent) if sent.from == ALPHA => Some(sent.arrives.nanos() - record.header.ts.nanos()),
            _ => None,
        });
        sent.collect()
    };
    let (one, other) = (Step::Transfer(ALPHA, BETA, "10"), Step::Transfer(BETA, ALPHA, "10"));
    let alone = arrivals(&[(5, one.clone()), (9, one.clone())]);
    assert_eq!(alone.len(), 2);
    assert_ne!(alone[0], alone[1], "each draws for itself");
    assert_eq!(arrivals(&[(5, other), (5, one.clone()), (9, one)]), alone);
}

#[test]
fn a_strategy_that_never_gives_up_is_stopped() {
    let mut spec = assembled(&scenario(RICH, &there()), &[]);
    let news = Arc::new(Mutex::new(Vec::new()));
    let steps = VecDeque::from([(5, Step::Transfer(ALPHA, BETA, "5000"))]);
    spec.strategies[0].strategy = Box::new(Script { steps, bars: 0, news, stubborn: true });
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tapedeck_tests::play_spec(spec)));
    let said = caught.err().and_then(|said| said.downcast::<String>().ok()).expect("an error");
    assert!(said.contains("loops"), "{said}");
}
