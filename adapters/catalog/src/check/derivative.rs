//! What mark prices and funding rates must be.
//!
//! A mark lies on no tick, as nobody deals at it. Unknown values are zero: an index beside a mark, the
//! interval and the mark beside a rate. A rate beyond all that a position is worth is a mistake of units.

use tapedeck_model::FundingTick;
use tapedeck_model::number::format_scaled;

use super::{Defect, Mend};
use crate::layout::{FUNDING_MARK, Field, INDEX};
use crate::rows::Rows;
use crate::spec::DataKind;

/// Nanoseconds as decimals of a second.
const SECONDS_SCALE: u8 = 9;

/// Whether every row of a batch is as it must be.
pub(super) fn values_are_fine(kind: DataKind, rows: &Rows) -> bool {
    let [first, second, third, _, _] = &rows.values;
    let least = |column: &[i64]| column.iter().fold(i64::MAX, |least, v| least.min(*v));
    if kind == DataKind::Marks {
        return least(first) > 0 && least(second) >= 0;
    }
    let rates = first.iter().all(|rate| rate.unsigned_abs() <= FundingTick::RATE_MAX.unsigned_abs());
    rates && least(second) >= 0 && least(third) >= 0
}

/// The first thing that is wrong with the values of a row: mark and index, or rate, interval and mark.
pub(super) fn defect(kind: DataKind, values: [i64; 3], price_scale: u8) -> Option<Defect> {
    let bad = |field: Field, raw: i64, scale: u8, problem: &str| {
        let value = format_scaled(i128::from(raw), scale);
        Some(Defect { field, value, problem: problem.to_owned(), mend: Mend::Drop })
    };
    let [first, second, third] = values;
    if kind == DataKind::Marks {
        return match (first, second) {
            (..=0, _) => bad(Field::Price(0), first, price_scale, "a mark price must be above zero"),
            (_, ..0) => bad(INDEX, second, price_scale, "an index price must be above zero"),
            _ => None,
        };
    }
    if first.unsigned_abs() > FundingTick::RATE_MAX.unsigned_abs() {
        let problem = "a funding rate is a fraction of the position's value, at most 1 (0.01 % is 0.0001)";
        return bad(Field::Rate, first, FundingTick::RATE_SCALE, problem);
    }
    if second < 0 {
        return bad(Field::Seconds, second, SECONDS_SCALE, "an interval must be above zero");
    }
    if third < 0 {
        return bad(FUNDING_MARK, third, price_scale, "a mark price must be above zero");
    }
    None
}
