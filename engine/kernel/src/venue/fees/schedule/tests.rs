//! Tiers by volume and date.

use super::*;
use crate::venue::tests::instrument;
use tapedeck_model::param::ParamValue;
use tapedeck_model::{Qty, Side};

fn params(tiers: &[&str], more: &[(&str, ParamValue)]) -> Params {
    let tiers = tiers.iter().map(|text| (*text).to_owned()).collect();
    let zero = || ParamValue::Decimal(Decimal::ZERO);
    let plain = Params::new()
        .with("tiers", ParamValue::Texts(tiers))
        .with("volume_in", ParamValue::Text("quote".to_owned()))
        .with("window", ParamValue::Span(Span::from_nanos(30 * Span::DAY.nanos())))
        .with("volume_before", zero())
        .with("discount", zero());
    more.iter().fold(plain, |params, (name, value)| params.with(name, value.clone()))
}

fn built(tiers: &[&str], more: &[(&str, ParamValue)]) -> Box<dyn FeeModel> {
    build(&params(tiers, more), &[&instrument(0)]).unwrap()
}

/// A fill of 100 at 1 = 100 of value; what it costs.
fn fill(model: &mut dyn FeeModel, at: &str, liquidity: Liquidity) -> String {
    let instrument = instrument(0);
    let qty = Qty::from_raw(100_000);
    let notional = instrument.notional(Price::from_raw(100), qty).unwrap();
    let ts = at.parse().unwrap();
    let query = FeeQuery { instrument: &instrument, side: Side::Buy, liquidity, qty, notional, ts };
    let (fee, _) = model.fee(&query).unwrap();
    model.on_fill(&query);
    fee.to_string()
}

const TIERS: &[&str] = &["0 0.001 0.002", "200 0.0005 0.001", "2024-03-01 0 0 0.003"];

/// Worked by hand: the volume of a day counts from the next midnight on, for 30 days.
#[test]
fn the_tier_is_that_of_the_days_before() {
    let mut model = built(TIERS, &[]);
    let taker = Liquidity::Taker;
    for (at, expected) in [
        ("2024-01-01T00:00:00Z", "0.2"),
        ("2024-01-01T10:00:00Z", "0.2"),
        ("2024-01-01T23:59:59Z", "0.2"),
        // 300 were traded the day before.
        ("2024-01-02T00:00:00Z", "0.1"),
        // The 31st of January is the last day on which they count: 400 in the window.
        ("2024-01-31T00:00:00Z", "0.1"),
        // Now 200 are in the window: of the 2nd and of the 31st.
        ("2024-02-01T00:00:00Z", "0.1"),
        // The 2nd has left it, 200 remain.
        ("2024-02-02T00:00:00Z", "0.1"),
        ("2024-03-03T00:00:00Z", "0.3"),
    ] {
        assert_eq!(fill(&mut *model, at, taker), expected, "{at}");
    }
    assert_eq!(fill(&mut *model, "2024-03-04T00:00:00Z", Liquidity::Maker), "0");
    assert_eq!(model.rate_max(), 3_000_000_000);
}

#[test]
fn volume_before_the_run_leaves_the_window_day_by_day() {
    let before = [("volume_before", ParamValue::Decimal(Decimal::from(210)))];
    let mut model = built(TIERS, &before);
    assert_eq!(fill(&mut *model, "2024-01-01T00:00:00Z", Liquidity::Taker), "0.1");
    // 29 of 30 parts are 203, and 100 were traded.
    assert_eq!(fill(&mut *model, "2024-01-02T00:00:00Z", Liquidity::Taker), "0.1");
    // 12 of 30 parts are 84, and 200 were traded, 19 and 18 days ago.
    assert_eq!(fill(&mut *model, "2024-01-19T00:00:00Z", Liquidity::Taker), "0.1");
}

#[test]
fn a_discount_is_for_fees_and_not_for_rebates() {
    let quarter = [("discount", ParamValue::Decimal(Decimal::new(25, 2)))];
    let mut model = built(&["0 -0.0001 0.001"], &quarter);
    assert_eq!(fill(&mut *model, "2024-01-01T00:00:00Z", Liquidity::Taker), "0.075");
    assert_eq!(fill(&mut *model, "2024-01-01T00:00:00Z", Liquidity::Maker), "-0.01");
}

#[test]
fn schedules_that_contradict_themselves_are_refused() {
    for tiers in [
        &["10 0.001 0.002"][..],
        &["2024-01-01 0 0.001 0.002"],
        &["0 0.001 0.002", "0 0.0005 0.001"],
        &["0 0.001 0.002", "2024-01-01 5 0.0005 0.001"],
        &["0 0.001"],
        &["0 0.1 10"],
        &["0 0.001 -0.001"],
        &["x 0.001 0.002"],
        &["yesterday 0 0.001 0.002"],
    ] {
        let error = build(&params(tiers, &[]), &[&instrument(0)]).err().unwrap();
        assert_eq!(error.name, "tiers", "{tiers:?}");
    }
    let hour = [("window", ParamValue::Span(Span::HOUR))];
    assert_eq!(build(&params(TIERS, &hour), &[&instrument(0)]).err().unwrap().name, "window");
}

/// What an inverse contract is worth has decimals without end: a soak test found that its fee was cut.
#[test]
fn an_inverse_contract_pays_in_coin_and_counts_in_quote() {
    let mut instrument = instrument(0);
    instrument.kind = InstrumentKind::Inverse;
    let mut model = build(&params(&["0 0 0.0003", "100 0 0.0001"], &[]), &[&instrument]).unwrap();
    // 100 contracts of 1 at a price of 3: 33.33 coins.
    let (px, qty) = (Price::from_raw(300), Qty::from_raw(100_000));
    let notional = instrument.notional(px, qty).unwrap();
    for (at, expected) in [("2024-01-01T00:00:00Z", "0.01"), ("2024-01-02T00:00:00Z", "0.003333333333333333333333")] {
        let (side, liquidity, ts) = (Side::Sell, Liquidity::Taker, at.parse().unwrap());
        let query = FeeQuery { instrument: &instrument, side, liquidity, qty, notional, ts };
        assert_eq!(model.fee(&query).unwrap().0.to_string(), expected, "{at}");
        model.on_fill(&query);
    }
}

fn token_of(instruments: &[&Instrument], more: &[(&str, ParamValue)]) -> Result<Option<TokenTerms>, ParamError> {
    let quarter = ("discount", ParamValue::Decimal(Decimal::new(25, 2)));
    let more: Vec<_> = std::iter::once(quarter).chain(more.iter().cloned()).collect();
    Ok(build(&params(&["0 -0.0001 0.001"], &more), instruments)?.token_terms().copied())
}

#[test]
fn with_a_token_the_discount_is_for_what_is_paid_in_it() {
    let token = instrument(1);
    let token = Instrument { base: CurrencyIx(2), ..token };
    let named = [
        ("token", ParamValue::Text("TOK".to_owned())),
        ("token_instrument", ParamValue::Text("X1.SIM".to_owned())),
        ("discount", ParamValue::Decimal(Decimal::new(25, 2))),
    ];
    let mut model = build(&params(&["0 -0.0001 0.001"], &named), &[&instrument(0), &token]).unwrap();
    assert_eq!(fill(&mut *model, "2024-01-01T00:00:00Z", Liquidity::Taker), "0.1");
    assert_eq!(fill(&mut *model, "2024-01-01T00:00:00Z", Liquidity::Maker), "-0.01");
    let expected = TokenTerms { token: CurrencyIx(2), kept: Decimal::new(75, 2), decimals: 8, instrument: token.ix };
    assert_eq!(model.token_terms(), Some(&expected));
    let stressed = crate::venue::stressed_fees(model, crate::venue::Factor { num: 3, den: 1 });
    assert_eq!(stressed.token_terms(), Some(&expected));
}

#[test]
fn a_token_that_cannot_be_paid_in_is_refused() {
    use tapedeck_model::instrument::InstrumentKind::Inverse;
    let at = |ix: u16, base: u16, quote: u16| {
        let (base, quote) = (CurrencyIx(base), CurrencyIx(quote));
        Instrument { base, quote, settlement: quote, ..instrument(ix) }
    };
    let (traded, token) = (at(0, 0, 1), at(1, 2, 1));
    let coin = Instrument { kind: Inverse, settlement: CurrencyIx(0), ..traded.clone() };
    let elsewhere = Instrument { settlement: CurrencyIx(3), ..at(2, 0, 1) };
    let in_token = Instrument { settlement: CurrencyIx(2), ..at(2, 0, 1) };
    let named = ("token", ParamValue::Text("TOK".to_owned()));
    let by = |name: &str| ("token_instrument", ParamValue::Text(name.to_owned()));
    for (instruments, more, name) in [
        (vec![&traded], vec![by("X1")], "token_instrument"),
        (vec![&traded], vec![("token_decimals", ParamValue::Int(8))], "token_decimals"),
        (vec![&traded, &token], vec![named.clone()], "token_instrument"),
        (vec![&traded, &token], vec![named.clone(), by("X7")], "token_instrument"),
        (vec![&traded, &token, &elsewhere], vec![named.clone(), by("X1")], "token_instrument"),
        (vec![&traded, &token, &in_token], vec![named.clone(), by("X1")], "token"),
        (vec![&coin, &token], vec![named.clone(), by("X1")], "token"),
    ] {
        assert_eq!(token_of(&instruments, &more).unwrap_err().name, name, "{more:?}");
    }
    let digits = ("discount", ParamValue::Decimal(Decimal::new(1, 13)));
    let finest = token_of(&[&traded, &token], &[named.clone(), by("X1"), digits]).unwrap_err();
    assert_eq!(finest.name, "discount");
    let decimals = ("token_decimals", ParamValue::Int(3));
    let terms = token_of(&[&traded, &token], &[named, by("X1"), decimals]).unwrap();
    assert_eq!(terms.map(|terms| terms.decimals), Some(3));
}
