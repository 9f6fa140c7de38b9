//! Fees that are paid in the venue's token, as text.
//!
//! Instrument 0 costs 0.1 % each way. Instrument 1 is the token (currency 2), in which fees are a quarter less.

use std::fmt::Write as _;

use tapedeck_model::param::{ParamValue, Params};
use tapedeck_model::{Bar, InstrumentKind, Price, Qty, Span, TradeTick};

use super::script::{SECOND, Stage, margin_of, plain_spec};
use crate::venue::*;

const TOKEN: CurrencyIx = CurrencyIx(2);

fn instruments(kind: InstrumentKind) -> [Instrument; 2] {
    let traded = Instrument { kind, ..super::instrument(0) };
    [traded, Instrument { kind, base: TOKEN, ..super::instrument(1) }]
}

fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

/// Fees by a maker and a taker rate.
fn fees(rates: &str, instruments: &[Instrument]) -> Box<dyn FeeModel> {
    let params = Params::new()
        .with("tiers", ParamValue::Texts(vec![format!("0 {rates}")]))
        .with("volume_in", ParamValue::Text("quote".to_owned()))
        .with("window", ParamValue::Span(Span::DAY))
        .with("volume_before", ParamValue::Decimal(Decimal::ZERO))
        .with("discount", ParamValue::Decimal(Decimal::new(25, 2)))
        .with("token", ParamValue::Text("TOK".to_owned()))
        .with("token_instrument", ParamValue::Text("X1".to_owned()));
    let component = fee_components().iter().find(|one| one.name == "schedule").unwrap();
    (component.build)(&params, &instruments.iter().collect::<Vec<_>>()).unwrap()
}

/// A stage from `spot QUOTE TOKEN`, `netting TOKEN` or `margin WALLET TOKEN`; after them `rebate`.
fn stage_of(words: &str) -> Stage {
    let words: Vec<&str> = words.split_whitespace().collect();
    let kind = if words[0] == "spot" { InstrumentKind::Spot } else { InstrumentKind::Linear };
    let instruments = instruments(kind);
    let rates = if words.contains(&"rebate") { "-0.0001 0.001" } else { "0.001 0.001" };
    let look_back = Span::MINUTE;
    let mut spec = VenueSpec {
        fees: fees(rates, &instruments),
        token: TokenSpec { look_back, ..TokenSpec::default() },
        ..plain_spec(2)
    };
    match words[0] {
        "spot" => spec.funds = Some(vec![(CurrencyIx(1), amount(words[1])), (TOKEN, amount(words[2]))]),
        "netting" => spec.token.balance = amount(words[1]),
        _ => {
            let mut margin = margin_of(&format!("cross:{}:10", words[1]));
            let terms = margin.terms[0].1.clone();
            margin.terms.push((InstrumentIx(1), terms));
            margin.wallets.push((TOKEN, amount(words[2])));
            margin.currencies = 3;
            spec.margin = Some(margin);
        }
    }
    let mut stage = Stage::new(plain_spec(2), 2);
    stage.venue = SimVenue::new(spec, &instruments).unwrap();
    stage
}

/// What the token costs: `token PX`, a second later, or `token_bar SECOND PX`, a minute's bar that ends then.
fn token(stage: &Stage, line: &str) -> Option<MarketRecord> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (instrument, qty, interval) = (InstrumentIx(1), Qty::from_raw(1_000), Span::MINUTE);
    let px = |text: &str| Price::parse(text, 2).unwrap();
    match words.as_slice() {
        ["token", text] => {
            let ts = Ts::from_nanos(stage.now + SECOND);
            let tick = TradeTick { instrument, ts_event: ts, ts_recv: ts, px: px(text), qty, aggressor: None };
            Some(MarketRecord::Trade(tick))
        }
        ["token_bar", second, text] => {
            let (ts, px) = (Ts::from_nanos(second.parse::<i64>().unwrap() * SECOND), px(text));
            Some(MarketRecord::Bar(Bar {
                instrument,
                ts_event: ts,
                ts_recv: ts,
                interval,
                open: px,
                high: px,
                low: px,
                close: px,
                volume: qty,
            }))
        }
        _ => None,
    }
}

/// Plays a script and compares what each fill cost with the lines after `>`.
fn check(script: &str) -> Stage {
    let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut stage = stage_of(lines.next().unwrap());
    let (mut said, mut expected) = (String::new(), String::new());
    let mut seen = 0;
    for line in lines {
        expected.extend([line, "\n"]);
        if line.starts_with('>') {
            continue;
        }
        said.extend([line, "\n"]);
        match token(&stage, line) {
            Some(record) => stage.record(&record),
            None => stage.line(line),
        }
        for timed in &stage.out[seen..] {
            if let VenueReport::Filled(fill) = &timed.report {
                let (number, qty, px) =
                    (fill.client_order_id.number, fill.last_qty.display(3), fill.last_px.display(2));
                let currency = ["base", "quote", "token"][fill.fee_currency.usize()];
                let seconds = fill.ts_event.nanos() as f64 / SECOND as f64;
                let _ = writeln!(said, "> {number} fills {qty} at {px} for {} {currency} @{seconds}", fill.fee);
            }
        }
        seen = stage.out.len();
    }
    assert!(said == expected, "expected:\n{expected}\nbut it was:\n{said}");
    stage
}

/// By hand: 0.1 x 0.75 / 30 = 0.0025; 0.075 / 7 = 0.0107, of which only 0.0075 are there: then 0.1 in full;
/// 0.15 / 70 = 0.002142857..., up to 0.00214286; 0.075 / 70 = 0.00107142..., up to 0.00107143.
#[test]
fn a_fee_is_paid_in_the_token_if_there_is_enough_of_it_and_it_has_a_price() {
    let stage = check(
        "spot 1000 0.01
         quote 99.9 50 100 50
         1 buy 1 market
         > 1 fills 1 at 100 for 0.1 quote @1
         token 30
         2 buy 1 market
         > 2 fills 1 at 100 for 0.0025 token @2
         token 7
         3 buy 1 market
         > 3 fills 1 at 100 for 0.1 quote @3
         token 70
         4 buy 2 market
         > 4 fills 2 at 100 for 0.00214286 token @4
         quote 100 50 100.1 50
         5 sell 1 market
         > 5 fills 1 at 100 for 0.00107143 token @5",
    );
    let balance = |ix| stage.venue.funds.balance(CurrencyIx(ix)).unwrap().to_string();
    assert_eq!([balance(0), balance(1), balance(2)], ["4", "599.8", "0.00428571"]);
}

/// 100.05 pay for 1 at 100 and not for the fee of 0.1; with 0.0025 of the token they need not.
#[test]
fn what_can_be_paid_is_what_can_be_paid_in_either_way() {
    for (there, expected) in [
        ("0.0025", "> 1 fills 1 at 100 for 0.0025 token @2"),
        ("0.00249999", "> 1 fills 0.99 at 100 for 0.002475 token @2"),
        ("0.001", "> 1 fills 0.99 at 100 for 0.099 quote @2"),
    ] {
        check(&format!("spot 100.05 {there}\nquote 99.9 9 100 9\ntoken 30\n1 buy 1 market\n{expected}"));
    }
}

/// A rebate is paid in the usual currency. Whoever buys the token pays its fee from what was there or came with the fill.
#[test]
fn rebates_stay_and_the_token_itself_is_bought_like_anything() {
    let stage = check(
        "spot 1000 1 rebate
         token 30
         trade 100 9
         1 buy 1 limit 90
         trade 90 1
         trade 89 5
         > 1 fills 1 at 90 for -0.009 quote @4",
    );
    assert_eq!(stage.venue.funds.balance(TOKEN).unwrap().to_string(), "1");
    let mut stage = stage_of("spot 1000 0");
    let record = token(&stage, "token 30").unwrap();
    stage.record(&record);
    let request =
        tapedeck_model::OrderRequest::market(InstrumentIx(1), tapedeck_model::Side::Buy, Qty::from_raw(1_000));
    let client_order_id = ClientOrderId { strategy: StrategyIx(0), number: 1 };
    let command = Command::Submit { client_order_id, request };
    stage.venue.on_command(Ts::from_nanos(2 * SECOND), &command, &mut stage.out).unwrap();
    let record = token(&stage, "token 30").unwrap();
    stage.record(&record);
    // 0.03 x 0.75 / 30
    assert_eq!(stage.venue.funds.balance(TOKEN).unwrap().to_string(), "0.99925");
    assert_eq!(stage.venue.funds.balance(CurrencyIx(1)).unwrap().to_string(), "970");
}

/// The token's bar that ends at 120 is on the tape before that of the instrument; at 60 it was not known.
#[test]
fn a_fill_inside_a_bar_does_not_know_what_the_token_costs_at_its_end() {
    check(
        "spot 10000 1
         bar 100 100 100 100 50
         token_bar 60 30
         1 buy 1 market
         2 sell 1 limit 110
         token_bar 120 15
         bar_to 120 100 120 100 120 50
         > 1 fills 1 at 100 for 0.0025 token @60
         > 2 fills 1 at 110 for 0.00275 token @70
         3 buy 1 market
         bar_to 180 120 120 120 120 50
         > 3 fills 1 at 120 for 0.006 token @120",
    );
}

/// The venue knows what a netting account has of the token, and nothing else of it.
#[test]
fn contracts_pay_in_the_token_from_the_account_or_the_wallet() {
    let script = "
         quote 99.9 50 100 50
         1 buy 2 market
         > 1 fills 2 at 100 for 0.2 quote @1
         token 30
         quote 100 50 100.1 50
         2 sell 1 market
         > 2 fills 1 at 100 for 0.0025 token @3
         token 10
         3 sell 1 market
         > 3 fills 1 at 100 for 0.1 quote @4";
    let mut stage = check(&format!("netting 0.009 {script}"));
    assert_eq!(stage.venue.withdrawable(Ts::MIN, TOKEN).unwrap(), amount("0.0065"));
    assert_eq!(stage.venue.withdrawable(Ts::MIN, CurrencyIx(1)), None);
    // 0.075 / 10 are 0.0075: now they are there.
    stage.venue.on_money(TOKEN, amount("0.001")).unwrap();
    stage.line("4 sell 1 market");
    assert_eq!(stage.venue.withdrawable(Ts::MIN, TOKEN).unwrap(), Amount::ZERO);
    let stage = check(&format!("margin 1000 0.009 {script}"));
    let book = stage.venue.margin_book().unwrap();
    assert_eq!(book.wallet(TOKEN), amount("0.0065"));
    assert_eq!(book.wallet(CurrencyIx(1)), amount("999.7"));
}

/// At 7.5 % of 98 the entry costs 7.35, and the target 7.65 of 102. First up, then down: the entry alone, 2 - 7.35. First
/// down: 4 - 15, which is worse, though both are paid in a few thousandths of the token.
#[test]
fn paths_are_compared_by_what_fees_are_worth() {
    for (path, fills) in [(PathModel::Best, 1), (PathModel::Worst, 2)] {
        let instruments = instruments(InstrumentKind::Spot);
        let spec = VenueSpec {
            fees: fees("0.1 0.1", &instruments),
            funds: Some(vec![(CurrencyIx(1), amount("1000")), (TOKEN, amount("1"))]),
            path,
            ..plain_spec(2)
        };
        let mut stage = Stage::new(plain_spec(2), 2);
        stage.venue = SimVenue::new(spec, &instruments).unwrap();
        let record = token(&stage, "token_bar 60 3000").unwrap();
        stage.record(&record);
        stage.line("bar_to 60 100 100 100 100 50");
        stage.line("bracket 1 buy 1 limit 98 | 2 sell 1 limit 102 | 3 sell 1 stop 90");
        stage.line("bar_to 120 100 103 97 100 50");
        assert_eq!(stage.fills().len(), fills, "{path:?}");
        let left = stage.venue.funds.balance(TOKEN).unwrap().to_string();
        assert_eq!(left, ["0.99755", "0.995"][fills - 1]);
    }
}

#[test]
fn an_account_that_borrows_is_refused() {
    let instruments = instruments(InstrumentKind::Spot);
    let mut loans = super::script::loans_of("1000:3:0.24:0.024");
    loans.currencies = 3;
    let spec = VenueSpec { fees: fees("0 0", &instruments), loans: Some(loans), ..plain_spec(2) };
    let refused = SimVenue::new(spec, &instruments).err().unwrap();
    assert!(refused.to_string().contains("borrows does not pay fees in a token"), "{refused}");
}
