//! Fees that are paid in the venue's token, as whole runs: every fee by plain arithmetic.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use tapedeck::assemble::Variant;
use tapedeck_model::{Amount, CurrencyIx, Decimal, Event, FillReport, Instrument, Span, Ts, VenueIx};
use tapedeck_reports::{Audit, Gatherer, RunFacts};
use tapedeck_tests::{Played, assembled, assembled_as, declared, play_checked, play_spec, play_spec_checked};

/// Coins or contracts that are traded at random, at 0.1 % less a quarter, and a token that stays at 300.
fn scenario(kind: &str, account: &str, rates: &str) -> String {
    let instrument = |symbol: &str, base: &str, data: &str| {
        format!(
            "[[instrument]]\nsymbol = \"{symbol}\"\nvenue = \"SIM\"\nkind = \"{kind}\"\nbase = \"{base}\"\nquote = \"USDT\"\n\
             tick_size = \"0.01\"\nlot_size = \"0.001\"\n[[data]]\ninstrument = \"{symbol}\"\nkind = \"bars\"\n\
             interval = \"1m\"\nsynthetic = {{ {data} }}\n"
        )
    };
    let coins = instrument("BTCUSDT", "BTC", "generator = \"garch\", start_price = \"1000\"");
    let token = instrument("BNBUSDT", "BNB", "generator = \"constant\", price = \"300\"");
    format!(
        "[scenario]\nname = \"token\"\nseed = 5\nbase_currency = \"USDT\"\nstart = \"2024-01-01\"\nend = \"2024-01-01T12:00:00\"\n\
         {coins}{token}\
         [[venue]]\nname = \"SIM\"\nparticipation = \"none\"\n[venue.fees]\nmodel = \"schedule\"\ntiers = \"0 {rates}\"\n\
         discount = \"0.25\"\ntoken = \"BNB\"\ntoken_instrument = \"BNBUSDT\"\n\
         [account]\nkind = \"{account}\"\ndeposits = {{ USDT = \"20000\", BNB = \"0.02\" }}\n\
         [[incident]]\nkind = \"deposit\"\ncurrency = \"BNB\"\namount = \"0.01\"\nstart = \"2024-01-01T08:00:00\"\n\
         [[strategy]]\ntype = \"random\"\ninstruments = [\"BTCUSDT\"]\nrate = \"0.4\"\nlots_max = 900\nreach = 20\n"
    )
}

fn audited(played: &Played) -> RunFacts {
    let mut audit = Audit::new();
    let mut gatherer = Gatherer::new(Span::DAY);
    for record in &played.records {
        audit.apply(record).unwrap();
        gatherer.push(record).unwrap();
    }
    assert_eq!(audit.disagreements(), [""; 0]);
    gatherer.finish().unwrap()
}

fn currency(played: &Played, code: &str) -> CurrencyIx {
    let names = declared(&played.records);
    CurrencyIx(names.currencies.iter().position(|other| other == code).unwrap() as u16)
}

fn fills(played: &Played) -> Vec<&FillReport> {
    let fills = played.records.iter().filter_map(|record| match &record.event {
        Event::Filled { report, .. } => Some(report),
        _ => None,
    });
    fills.collect()
}

fn decimal(amount: Amount) -> Decimal {
    amount.to_string().parse().unwrap()
}

/// Follows the token through the fills: what each costs in it, rounded up to 8 decimals, while that much is there; else
/// what it costs without a discount. How many were paid in it, and what is left.
fn followed(played: &Played, instrument: &Instrument, (rate, times): (&str, i64)) -> (usize, Decimal) {
    let (bnb, usdt) = (currency(played, "BNB"), currency(played, "USDT"));
    let (rate, times): (Decimal, Decimal) = (rate.parse().unwrap(), times.into());
    let deposited: Ts = "2024-01-01T08:00:00".parse().unwrap();
    let (mut left, mut later): (Decimal, Decimal) = (Decimal::new(2, 2), Decimal::new(1, 2));
    let mut paid_in_token = 0;
    for fill in fills(played) {
        if fill.ts_event >= deposited {
            left += std::mem::take(&mut later);
        }
        let full = decimal(instrument.notional(fill.last_px, fill.last_qty).unwrap()) * rate * times;
        let units = full * Decimal::new(75, 2) / Decimal::from(300) * Decimal::from(100_000_000);
        let in_token = units.ceil() / Decimal::from(100_000_000);
        if full > Decimal::ZERO && in_token <= left {
            assert_eq!((decimal(fill.fee), fill.fee_currency), (in_token.normalize(), bnb), "{fill:?}");
            left -= in_token;
            paid_in_token += 1;
        } else {
            assert_eq!((decimal(fill.fee), fill.fee_currency), (full.normalize(), usdt), "{fill:?}");
        }
    }
    (paid_in_token, left)
}

/// In a spot, a netting and a margin account; with costs three times as high as well.
#[test]
fn every_fee_is_what_plain_arithmetic_says() {
    for (kind, account) in [("spot", "spot"), ("linear", "netting"), ("linear", "margin")] {
        let text = scenario(kind, account, "0.001 0.001");
        let instrument =
            assembled(&text, &[]).instruments.iter().find(|one| one.id.symbol == "BTCUSDT").cloned().unwrap();
        let (played, _) = play_checked(&text);
        let facts = audited(&played);
        let (paid, left) = followed(&played, &instrument, ("0.001", 1));
        let all = fills(&played).len();
        assert!(paid > 15 && all > paid + 15, "{account}: {paid} of {all} in the token");
        let bnb = currency(&played, "BNB");
        let account_of = played.accounts.at(VenueIx(0)).unwrap();
        assert_eq!(decimal(account_of.balance(bnb).total), left.normalize(), "{account}");
        assert_eq!(facts.fee_fills.get(&(VenueIx(0), bnb)).copied(), Some(paid as u64));
        assert_eq!(facts.fee_fills.values().sum::<u64>(), all as u64);
        assert_eq!(decimal(facts.fees[&bnb]), (Decimal::new(3, 2) - left).normalize());
        if let Some(book) = &played.venue_margins[0] {
            assert_eq!(book.wallet(bnb), account_of.balance(bnb).total);
        }
        let stress = Variant { cost_factor: Some(Decimal::from(3)), ..Variant::default() };
        let (dearer, _) = play_spec_checked(assembled_as(&text, &[], stress));
        audited(&dearer);
        assert!(followed(&dearer, &instrument, ("0.001", 3)).0 < paid, "{account}");
    }
}

/// Rebates are paid in the usual currency, however much of the token there is; nothing is owed in it either.
#[test]
fn rebates_are_paid_in_the_usual_currency() {
    let text = scenario("spot", "spot", "-0.0001 0.001");
    let (played, _) = play_checked(&text);
    audited(&played);
    let usdt = currency(&played, "USDT");
    let rebates = fills(&played).into_iter().filter(|fill| fill.fee < Amount::ZERO).collect::<Vec<_>>();
    assert!(rebates.len() > 5 && rebates.iter().all(|fill| fill.fee_currency == usdt), "{} rebates", rebates.len());
}

/// Without fees in it the token is an asset like any other: fills and prices are the same as in a run without one.
#[test]
fn a_token_of_which_there_is_none_changes_nothing() {
    let text = scenario("linear", "netting", "0.001 0.001").replace(", BNB = \"0.02\"", "");
    let text = text.split("[[incident]]").next().unwrap().to_owned() + &text[text.find("[[strategy]]").unwrap()..];
    let plain = text.replace("discount = \"0.25\"\ntoken = \"BNB\"\ntoken_instrument = \"BNBUSDT\"\n", "");
    assert_ne!(text, plain);
    let (with, without) = (play_spec(assembled(&text, &[])), play_spec(assembled(&plain, &[])));
    assert_eq!(fills(&with), fills(&without));
    assert!(!fills(&with).is_empty());
}
