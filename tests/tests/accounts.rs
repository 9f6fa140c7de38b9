//! Several venues in one run, each with an account of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use tapedeck_kernel::account::AccountKind;
use tapedeck_model::event::{DenyReason, PostingReason};
use tapedeck_model::{Amount, CurrencyIx, Event, Record, VenueIx};
use tapedeck_reports::Audit;
use tapedeck_tests::{Played, assembled, declared, kinds, play, play_checked};

/// An instrument at a venue with bars that stay at 100.
fn coin(symbol: &str, venue: &str, kind: &str) -> String {
    format!(
        "[[instrument]]\nsymbol = \"{symbol}\"\nvenue = \"{venue}\"\nkind = \"{kind}\"\nbase = \"BTC\"\nquote = \"USD\"\n\
         tick_size = \"0.01\"\nlot_size = \"0.01\"\n\
         [[data]]\ninstrument = \"{symbol}.{venue}\"\nkind = \"bars\"\ninterval = \"1m\"\n\
         synthetic = {{ generator = \"constant\", price = \"100\" }}\n"
    )
}

fn head() -> &'static str {
    "[scenario]\nname = \"accounts\"\nbase_currency = \"USD\"\nstart = \"2024-01-01\"\nend = \"2024-01-01T00:30:00\"\n"
}

/// A venue without slippage and bounds.
fn venue(name: &str, account: &str) -> String {
    format!("[[venue]]\nname = \"{name}\"\n{account}\nparticipation = \"none\"\nslippage = {{ model = \"none\" }}\n")
}

/// Buys so much of a symbol and holds it.
fn buyer(id: &str, symbol: &str, qty: &str) -> String {
    format!(
        "[[strategy]]\nid = \"{id}\"\ntype = \"buy_and_hold\"\ninstruments = [\"{symbol}\"]\nsize = \"fixed\"\nqty = \"{qty}\"\n"
    )
}

/// Plays with the fold held against the kernel at every turn, and the auditor listening.
fn checked(text: &str) -> Played {
    let (played, _) = play_checked(text);
    let mut audit = Audit::new();
    played.records.iter().for_each(|record| audit.apply(record).unwrap());
    assert_eq!(audit.disagreements(), [""; 0]);
    played
}

/// What the account at a venue has of a currency.
fn wallet(played: &Played, venue: u16, code: &str) -> String {
    let names = declared(&played.records);
    let ix = names.currencies.iter().position(|other| other == code).expect("a currency of the run");
    played.accounts.at(VenueIx(venue)).expect("an account").balance(CurrencyIx(ix as u16)).total.to_string()
}

fn count(records: &[Record], is: impl Fn(&Event) -> bool) -> usize {
    records.iter().filter(|record| is(&record.event)).count()
}

/// Two venues that trade the same pair. The first has the money.
fn two_spot_venues(first: &str, second: &str) -> String {
    let (instruments, strategies) = (
        coin("BTCUSD", "ALPHA", "spot") + &coin("BTCUSD", "BETA", "spot"),
        buyer("a", "BTCUSD.ALPHA", "3") + &buyer("b", "BTCUSD.BETA", "3"),
    );
    format!("{}{instruments}{}{}{strategies}", head(), venue("ALPHA", first), venue("BETA", second))
}

#[test]
fn an_order_is_paid_from_the_account_at_its_venue_alone() {
    let played = checked(&two_spot_venues("deposits = { USD = \"1000\" }", "deposits = {}"));
    let poor = |event: &Event| matches!(event, Event::Denied { reason: DenyReason::InsufficientFunds, .. });
    assert!(count(&played.records, poor) > 0, "BETA has no money");
    assert_eq!(played.summary.counts.fills, 1);
    // 3 x 100 and a fee of 0.1 %.
    assert_eq!(wallet(&played, 0, "USD"), "699.7");
    assert_eq!(wallet(&played, 0, "BTC"), "3");
    assert_eq!((wallet(&played, 1, "USD"), wallet(&played, 1, "BTC")), ("0".to_owned(), "0".to_owned()));
    assert_eq!(played.summary.equity_last.map(|equity| equity.to_string()), Some("999.7".to_owned()));
}

#[test]
fn equity_is_the_sum_over_the_accounts() {
    let deposits = ["deposits = { USD = \"1000\" }", "deposits = { USD = \"500\", BTC = \"2\" }"];
    let played = checked(&two_spot_venues(deposits[0], deposits[1]));
    assert_eq!(played.summary.counts.fills, 2);
    assert_eq!(wallet(&played, 0, "USD"), "699.7");
    assert_eq!((wallet(&played, 1, "USD"), wallet(&played, 1, "BTC")), ("199.7".to_owned(), "5".to_owned()));
    // 1000 + 500 + 2 x 100, less two fees of 0.3.
    assert_eq!(played.summary.equity_first.map(|equity| equity.to_string()), Some("1700".to_owned()));
    assert_eq!(played.summary.equity_last.map(|equity| equity.to_string()), Some("1699.4".to_owned()));
}

#[test]
fn each_venue_has_its_own_kind_of_account() {
    let contract =
        "account = \"margin\"\nleverage = \"10\"\ndeposits = { USD = \"1000\" }\nfees = { model = \"none\" }";
    let text = format!(
        "{}{}{}{}{}{}{}",
        head(),
        coin("BTCUSD", "ALPHA", "spot"),
        coin("PERP", "BETA", "linear"),
        venue("ALPHA", "deposits = { USD = \"100\" }"),
        venue("BETA", contract),
        buyer("a", "BTCUSD", "0.5"),
        buyer("b", "PERP", "50"),
    );
    assert_eq!(kinds(&assembled(&text, &[])), [AccountKind::Spot, AccountKind::Margin]);
    let played = checked(&text);
    assert_eq!(played.summary.counts.fills, 2);
    assert_eq!((wallet(&played, 0, "USD"), wallet(&played, 0, "BTC")), ("49.95".to_owned(), "0.5".to_owned()));
    assert_eq!((wallet(&played, 1, "USD"), wallet(&played, 1, "BTC")), ("1000".to_owned(), "0".to_owned()));
    assert!(played.venue_margins[0].is_none());
    assert_eq!(played.venue_margins[1].as_ref(), played.accounts.at(VenueIx(1)).unwrap().margin());
}

/// A margin account with 1000, of which 50 x 100 / 10 is initial margin from the first minutes on.
fn on_margin(incidents: &str) -> String {
    let account = "account = \"margin\"\nleverage = \"10\"\ndeposits = { USD = \"1000\" }\nfees = { model = \"none\" }";
    let run = coin("PERP", "BETA", "linear") + &venue("BETA", account) + &buyer("b", "PERP", "50");
    format!("{}{run}{incidents}", head())
}

fn money(kind: &str, amount: &str) -> String {
    format!(
        "[[incident]]\nkind = \"{kind}\"\ncurrency = \"USD\"\namount = \"{amount}\"\nstart = \"2024-01-01T00:20:00\"\n"
    )
}

#[test]
fn what_no_margin_needs_can_be_taken_out_of_a_margin_account() {
    for (amount, left, free) in [("500", "500", None), ("500.01", "1000", Some("500"))] {
        let played = checked(&on_margin(&money("withdrawal", amount)));
        assert_eq!(wallet(&played, 0, "USD"), left, "{amount}");
        assert_eq!(played.venue_margins[0].as_ref(), played.accounts.first().margin(), "{amount}");
        let refused = played.records.iter().find_map(|record| match &record.event {
            Event::WithdrawalRefused { free, .. } => Some(free.to_string()),
            _ => None,
        });
        assert_eq!(refused.as_deref(), free, "{amount}");
    }
}

#[test]
fn money_comes_to_and_goes_from_one_account() {
    let base = two_spot_venues("deposits = { USD = \"1000\" }", "deposits = { USD = \"400\" }");
    let at = |venue: &str, incident: String| incident + &format!("venue = \"{venue}\"\n");
    let played = checked(
        &(base
            + &at("BETA", money("withdrawal", "99.7"))
            + &at("ALPHA", money("airdrop", "7")).replace("kind = \"airdrop\"", "name = \"gift\"\nkind = \"airdrop\"")),
    );
    assert_eq!((wallet(&played, 0, "USD"), wallet(&played, 1, "USD")), ("706.7".to_owned(), "0".to_owned()));
    let moved =
        |event: &Event| matches!(event, Event::PostedAt { venue: VenueIx(1), reason: PostingReason::Withdrawal, .. });
    assert_eq!(count(&played.records, moved), 1);
}

/// One venue that tells of its account itself has the run that it would have by `[account]`.
#[test]
fn the_account_of_one_venue_may_be_told_of_in_either_section() {
    let run = |own: &str, account: &str| {
        let parts = coin("BTCUSD", "ALPHA", "linear") + &venue("ALPHA", own) + account + &buyer("a", "BTCUSD", "3");
        let played = play(&format!("{}{parts}", head()));
        let events = played.records.into_iter().map(|record| record.event);
        // The scenarios differ, and so do their hashes.
        events.filter(|event| !matches!(event, Event::RunStarted { .. })).collect::<Vec<_>>()
    };
    let at_venue = run("account = \"netting\"\nmax_leverage = \"2\"\ndeposits = { USD = \"1000\" }", "");
    let general = run("", "[account]\nkind = \"netting\"\nmax_leverage = \"2\"\ndeposits = { USD = \"1000\" }\n");
    assert!(at_venue == general);
    assert!(at_venue.iter().any(|event| matches!(event, Event::Filled { .. })));
    assert!(at_venue.iter().all(|event| event.venue().is_none()), "one venue is not named");
}

#[test]
fn leverage_is_bounded_by_the_equity_of_the_own_account() {
    // 3 x 100 of exposure at a leverage of 2: 150 of equity are enough, 149 are not, whatever the other account has.
    for (equity, fills) in [("150", 1), ("149", 0)] {
        let own = format!(
            "account = \"netting\"\nmax_leverage = \"2\"\nfees = {{ model = \"none\" }}\ndeposits = {{ USD = \"{equity}\" }}"
        );
        let text = format!(
            "{}{}{}{}{}{}",
            head(),
            coin("PERP", "ALPHA", "linear"),
            coin("BTCUSD", "BETA", "spot"),
            venue("ALPHA", &own),
            venue("BETA", "deposits = { USD = \"1000000\" }"),
            buyer("a", "PERP", "3"),
        );
        let played = checked(&text);
        assert_eq!(played.summary.counts.fills, fills, "{equity}");
        let whole = Amount::parse(equity).unwrap().checked_add(Amount::parse("1000000").unwrap());
        assert_eq!(played.summary.equity_last, whole);
    }
}
