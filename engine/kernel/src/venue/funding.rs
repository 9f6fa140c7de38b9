//! Settlements of funding.
//!
//! Enters: a rate at its instant. Leaves: one report per position of a strategy. With P(n) the sum of the
//! first n positions, in order of strategy, in hedge mode each one's long one before its short one, position n pays
//!
//! ```text
//! paid(n) = f(P(n)) - f(P(n - 1)),   f(q) = q x mark x multiplier x rate
//! ```
//!
//! in the settlement currency: paid above zero, received below, so longs pay when the rate is above zero.
//! f is rounded half to even at 1e-24. A margin account pays out of the wallet that holds the
//! position. Invariant: what all strategies pay is f of the account's position,
//! however it is divided among them. The mark is the one that the settlement names, else the last mark
//! price seen, else the last price. Source: the funding rules of Binance USD-M futures ("Funding Amount =
//! Nominal Value of Positions x Funding Rate").

use tapedeck_model::{Amount, FundingReport, FundingTick, Instrument, Price, Qty, VenueReport};

use super::gate::Factor;
use super::scene::Scene;
use super::{TimedReport, VenueError};

/// One in units of a rate.
const RATE_ONE: i64 = 1_000_000_000_000;

/// Settles what every strategy holds now. With `stress` the rate is multiplied if the account pays.
///
/// # Errors
/// [`VenueError::NoMark`] or [`VenueError::Overflow`].
pub(super) fn settle(scene: &mut Scene<'_>, tick: &FundingTick, stress: Option<Factor>) -> Result<(), VenueError> {
    let Scene { desk, out, funds, .. } = scene;
    let instrument = &desk.instrument;
    let mark = tick.mark_px.or(desk.mark_px()).or(desk.last_px()).filter(|px| *px > Price::ZERO);
    let Some(mark_px) = mark else {
        return Err(VenueError::NoMark { instrument: instrument.id.to_string(), at: tick.ts_event });
    };
    let FundingTick { ts_event, .. } = *tick;
    let rate = stress.map_or(Some(tick.rate), |factor| stressed_rate(tick.rate, &desk.positions, factor));
    let Some(rate) = rate else {
        return Err(VenueError::Overflow { instrument: instrument.id.to_string() });
    };
    let mut due = Due { instrument, mark_px, rate, sum: Qty::ZERO, settled: Amount::ZERO };
    for (cell, net_qty) in desk.positions.iter().copied().enumerate().filter(|(_, qty)| *qty != Qty::ZERO) {
        let overflow = || VenueError::Overflow { instrument: instrument.id.to_string() };
        let paid = due.part(net_qty).ok_or_else(overflow)?;
        if let (Some(margin), Some(received)) = (funds.margin_mut(), paid.checked_neg()) {
            let holding = margin.book.holding_of(tick.instrument, net_qty);
            margin.book.credit_position(holding, received).ok_or_else(overflow)?;
        }
        let strategy = Some(desk.strategy_of(cell));
        let report = FundingReport { instrument: tick.instrument, strategy, ts_event, rate, mark_px, net_qty, paid };
        out.push(TimedReport { ts_event, report: VenueReport::Funding(report) });
    }
    Ok(())
}

/// The rate of an account that pays, multiplied and rounded up to a unit; of one that is paid as it is.
/// `None` on overflow.
fn stressed_rate(rate: i64, positions: &[Qty], factor: Factor) -> Option<i64> {
    let net: i128 = positions.iter().map(|qty| i128::from(qty.raw())).sum();
    if net.signum() * i128::from(rate.signum()) <= 0 {
        return Some(rate);
    }
    factor.of(rate.checked_abs()?)?.checked_mul(rate.signum())
}

/// A settlement that goes from position to position.
struct Due<'a> {
    instrument: &'a Instrument,
    mark_px: Price,
    rate: i64,
    /// Positions so far, and what they pay together.
    sum: Qty,
    settled: Amount,
}

impl Due<'_> {
    /// What the next position pays; `None` on overflow.
    fn part(&mut self, net_qty: Qty) -> Option<Amount> {
        self.sum = self.sum.checked_add(net_qty)?;
        let so_far = self.instrument.notional(self.mark_px, self.sum)?.mul_div(self.rate, RATE_ONE)?;
        let part = so_far.checked_sub(self.settled)?;
        self.settled = so_far;
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::venue::tests::instrument;

    fn paid(instrument: &Instrument, mark: i64, rate: i64, positions: &[i64]) -> Vec<Amount> {
        let mut due = Due { instrument, mark_px: Price::from_raw(mark), rate, sum: Qty::ZERO, settled: Amount::ZERO };
        positions.iter().map(|qty| due.part(Qty::from_raw(*qty)).unwrap()).collect()
    }

    /// The case of the accounting oracle: 2 at a mark of 30000 and a rate of 0.0001 pay 6; short, they are paid.
    #[test]
    fn longs_pay_when_the_rate_is_above_zero() {
        let instrument = instrument(0);
        let six = Amount::parse("6").unwrap();
        assert_eq!(paid(&instrument, 3_000_000, 100_000_000, &[2_000]), [six]);
        assert_eq!(paid(&instrument, 3_000_000, 100_000_000, &[-2_000]), [six.checked_neg().unwrap()]);
        assert_eq!(paid(&instrument, 3_000_000, -100_000_000, &[2_000]), [six.checked_neg().unwrap()]);
    }

    #[test]
    fn a_stressed_rate_is_that_of_an_account_that_pays() {
        let factor = Factor { num: 5, den: 2 };
        let rate = |rate: i64, positions: &[i64]| {
            stressed_rate(rate, &positions.iter().map(|qty| Qty::from_raw(*qty)).collect::<Vec<_>>(), factor)
        };
        assert_eq!([rate(100, &[3, -1]), rate(-100, &[1, -3])], [Some(250), Some(-250)]);
        assert_eq!([rate(3, &[1]), rate(-3, &[-1])], [Some(8), Some(-8)]);
        assert_eq!([rate(100, &[1, -3]), rate(-100, &[3]), rate(100, &[2, -2])], [Some(100), Some(-100), Some(100)]);
        assert_eq!(rate(i64::MAX, &[1]), None);
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole_however_it_is_divided(
            positions in proptest::collection::vec(-1_000_000_000_i64..1_000_000_000, 1..6),
            mark in 1_i64..1_000_000_000,
            rate in -FundingTick::RATE_MAX..FundingTick::RATE_MAX,
            scale in 0_u8..12,
        ) {
            let instrument = Instrument { multiplier: 7, multiplier_scale: scale, ..instrument(0) };
            let parts = paid(&instrument, mark, rate, &positions);
            let sum = parts.iter().try_fold(Amount::ZERO, |sum, part| sum.checked_add(*part)).unwrap();
            let whole = paid(&instrument, mark, rate, &[positions.iter().sum()]);
            prop_assert_eq!(sum, whole[0]);
            for (part, qty) in parts.iter().zip(&positions) {
                let alone = paid(&instrument, mark, rate, &[*qty])[0];
                prop_assert!(part.checked_sub(alone).unwrap().raw().abs() <= 1);
            }
        }
    }
}
