//! The laws against their formulas.

use super::super::tests::instrument;
use super::*;
use tapedeck_model::{Instrument, Price, Qty, Side, Ts};

fn query(instrument: &Instrument, qty: i64) -> SlippageQuery<'_> {
    SlippageQuery {
        instrument,
        side: Side::Buy,
        reference_px: Price::from_raw(30_000),
        qty: Qty::from_raw(qty),
        market_qty: Qty::ZERO,
        half_spread: None,
        draw_number: 1,
        ts: Ts::from_nanos(0),
        cum_qty: Qty::ZERO,
        volatility: Some(0.05),
        daily_volume: Some(1_000_000.0),
        impact: Impact::default(),
    }
}

const UNKNOWN: Daily = Daily { volatility_default: 0.02, volume: None };

fn close(ours: f64, expected: f64) -> bool {
    (ours - expected).abs() <= 1e-9 * expected.abs().max(1e-12)
}

#[test]
fn volatility_scales_with_the_root_of_the_horizon() {
    let instrument = instrument(0);
    let hour = Span::HOUR;
    let query = query(&instrument, 10);
    let paid = of_volatility(&query, &UNKNOWN, (0.5, hour));
    assert!(close(paid, 0.5 * 0.05 * math::sqrt(1.0 / 24.0) * 30_000.0), "{paid}");
    let before = SlippageQuery { volatility: None, ..query };
    assert!(close(of_volatility(&before, &UNKNOWN, (1.0, Span::DAY)), 0.02 * 30_000.0));
}

#[test]
fn the_square_root_law_does_not_care_for_the_pieces_of_an_order() {
    let instrument = instrument(0);
    let whole = square_root(&query(&instrument, 10_000), &UNKNOWN, 1.0);
    assert!(close(whole, 0.05 * 0.1 * 30_000.0), "{whole}");
    let (mut paid, mut filled) = (0.0, 0);
    for piece in [1, 999, 4_000, 5_000] {
        let next = SlippageQuery { cum_qty: Qty::from_raw(filled), ..query(&instrument, piece) };
        paid += square_root(&next, &UNKNOWN, 1.0) * piece as f64;
        filled += piece;
    }
    assert!(close(paid, whole * 10_000.0), "{paid}");
    // A stated volume: a tenth of it is ten times the share.
    let stated = Daily { volume: Some(Decimal::from(100)), ..UNKNOWN };
    assert!(close(square_root(&query(&instrument, 10_000), &stated, 1.0), whole * math::sqrt(10.0)));
    let nothing = SlippageQuery { daily_volume: None, ..query(&instrument, 10_000) };
    assert!(close(square_root(&nothing, &UNKNOWN, 1.0), 0.05 * 30_000.0), "all of it");
}

const LAW: AlmgrenChriss =
    AlmgrenChriss { epsilon: 0.0, eta: 0.1, gamma: 0.01, half_life: Span::from_nanos(600_000_000_000), daily: UNKNOWN };

#[test]
fn temporary_impact_fades_and_permanent_impact_stays() {
    let instrument = instrument(0);
    let at = |seconds: i64| Ts::from_nanos(seconds * 1_000_000_000);
    let first = query(&instrument, 100_000);
    let (temporary, permanent) = (0.1 * 0.1 * 30_000.0, 0.01 * 0.1 * 30_000.0);
    assert!(close(LAW.impact(&first), temporary), "the first pays what it moves for a while");
    let after = LAW.after(&first);
    assert!(close(after.temporary, temporary) && close(after.permanent, permanent));
    let later = |seconds| SlippageQuery { impact: after, ts: at(seconds), ..first };
    assert!(close(LAW.impact(&later(0)), 2.0 * temporary + permanent));
    assert!(close(LAW.impact(&later(600)), 1.5 * temporary + permanent));
    assert!(close(LAW.impact(&later(6_000_000)), temporary + permanent));
    // A sale does not gain by what our buying moved, and moves it back.
    let sale = SlippageQuery { side: Side::Sell, ..later(6_000_000) };
    assert!(close(LAW.impact(&sale), temporary));
    assert!(LAW.after(&sale).permanent.abs() < 1e-9);
    // And one that comes after it pays what it moved.
    let sold = SlippageQuery { side: Side::Sell, impact: LAW.after(&query(&instrument, 1)), ..first };
    assert!(close(LAW.impact(&sold), temporary), "little was moved, and in its favour");
}
