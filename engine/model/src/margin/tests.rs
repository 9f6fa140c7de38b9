//! Brackets and the price of liquidation, against figures printed by venues.

use super::*;
use crate::Decimal;
use proptest::prelude::*;

fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

/// Rows of floor, rate in units of 1e-12 and cum, each up to the next.
fn table(rows: &[(&str, &str, &str)]) -> Vec<Bracket> {
    let rows: Vec<BracketRow> = rows
        .iter()
        .map(|(floor, rate, cum)| BracketRow {
            floor: amount(floor),
            cap: None,
            rate: (amount(rate).raw() / 1_000_000_000_000) as i64,
            leverage_max: MARGIN_LEVERAGE_ONE,
            cum: Some(amount(cum)),
        })
        .collect();
    brackets_of(&rows).unwrap()
}

/// Binance, BTCUSDT: `cum` as the venue prints it.
#[test]
fn cum_is_what_the_venue_prints() {
    let brackets = table(&[
        ("0", "0.004", "0"),
        ("50000", "0.005", "50"),
        ("600000", "0.0065", "950"),
        ("3000000", "0.01", "11450"),
        ("12000000", "0.02", "131450"),
        ("70000000", "0.025", "481450"),
        ("100000000", "0.05", "2981450"),
        ("230000000", "0.1", "14481450"),
        ("480000000", "0.125", "26481450"),
        ("600000000", "0.15", "41481450"),
        ("800000000", "0.25", "121481450"),
        ("1200000000", "0.5", "421481450"),
    ]);
    assert_eq!(bracket_of(&brackets, amount("50000")).unwrap().0, 0);
    assert_eq!(bracket_of(&brackets, amount("50000.000000000000000000000001")).unwrap().0, 1);
    assert_eq!(maintenance_of(&brackets, amount("600000")), Some(amount("2950")));
}

/// The example of Binance's page on liquidation prices; cross with the other position's figures.
#[test]
fn liquidation_prices_are_those_of_the_venue() {
    for (px, qty, rate, cum, wallet, expected) in [
        ("1456.84", "3683.979", "0.10", "135365", "1535443.01", "1114.78"),
        ("32481.98", "109.488", "0.025", "16300", "1535443.01", "18778.73"),
        // Wallet less 71200.81144, and with a loss of 56354.57, of the other position.
        ("1456.84", "3683.979", "0.10", "135365", "1407887.62856", "1153.26"),
        ("32481.98", "109.488", "0.025", "16300", "730737.612", "26316.89"),
    ] {
        let rate = (amount(rate).raw() / 1_000_000_000_000) as i64;
        let bracket = Bracket { floor: Amount::ZERO, cap: Amount::MAX, rate, cum: amount(cum), leverage_max: 1 };
        let entry: Decimal = px.parse::<Decimal>().unwrap() * qty.parse::<Decimal>().unwrap();
        let found = liquidation_px(&LiquidationQuery {
            payoff: Payoff::Linear,
            side: Side::Buy,
            size: amount(qty),
            entry_value: Amount::from_decimal(entry).unwrap(),
            wallet: amount(wallet),
            brackets: &[bracket],
        });
        assert_eq!(found.unwrap().display_rounded(2), expected);
    }
}

#[test]
fn tables_that_contradict_themselves_are_refused() {
    let row = |floor: &str, rate: i64, leverage: i64| BracketRow {
        floor: amount(floor),
        cap: None,
        rate,
        leverage_max: leverage * MARGIN_LEVERAGE_ONE,
        cum: None,
    };
    let good = [row("0", 4_000_000_000, 125), row("50000", 5_000_000_000, 100)];
    assert!(brackets_of(&good).is_ok());
    assert!(brackets_of(&[]).is_err());
    assert!(brackets_of(&[row("1", 4_000_000_000, 125)]).is_err(), "a gap at the beginning");
    assert!(brackets_of(&[good[0], row("0", 5_000_000_000, 100)]).is_err(), "an empty bracket");
    assert!(brackets_of(&[good[0], row("50000", 3_000_000_000, 100)]).is_err(), "a rate that falls");
    assert!(brackets_of(&[row("0", 10_000_000_000, 125)]).is_err(), "no margin left at the largest leverage");
    assert!(brackets_of(&[BracketRow { cap: Some(amount("49999")), ..good[0] }, good[1]]).is_err(), "a gap");
    assert!(brackets_of(&[good[0], BracketRow { cum: Some(amount("49")), ..good[1] }]).is_err(), "a jump");
    let terms = |leverage| MarginTerms::flat(MarginMode::Cross, leverage, 50_000_000_000);
    assert!(terms(20 * MARGIN_LEVERAGE_ONE).is_ok());
    assert!(matches!(terms(20 * MARGIN_LEVERAGE_ONE + 1), Err(MarginError::Leverage { .. })));
    assert!(matches!(terms(0), Err(MarginError::Leverage { .. })));
}

proptest! {
    /// At the price of the formula margin balance equals maintenance margin, whatever the brackets.
    #[test]
    fn at_the_price_nothing_is_left(
        qty in 1_i64..1_000_000, px in 1_i64..100_000, part in 2_i64..99, long in any::<bool>(),
    ) {
        let brackets = table(&[("0", "0.004", "0"), ("50000", "0.005", "50"), ("250000", "0.01", "1300")]);
        let (size, entry_value) = (Amount::from_scaled(i128::from(qty), 3).unwrap(), Amount::from_scaled(i128::from(qty) * i128::from(px), 3).unwrap());
        let (side, sign) = if long { (Side::Buy, 1) } else { (Side::Sell, -1) };
        let wallet = entry_value.mul_div(part, 100).unwrap();
        let query = LiquidationQuery { payoff: Payoff::Linear, side, size, entry_value, wallet, brackets: &brackets };
        let Some(found) = liquidation_px(&query) else { return Ok(()) };
        let value = found.mul_div(qty, 1_000).unwrap();
        let profit = value.raw() - entry_value.raw();
        let balance = wallet.raw() + profit * sign;
        let maintenance = maintenance_of(&brackets, value).unwrap().raw();
        prop_assert!((balance - maintenance).abs() < 1_000_000_000, "{} {}", balance, maintenance);
    }
}
