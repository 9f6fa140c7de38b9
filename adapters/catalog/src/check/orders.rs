//! What a row of orders must be by itself. Whether it can be true of the book is for the book to say.

use tapedeck_model::MboAction;

use crate::layout::Field;
use crate::rows::Rows;

/// The first thing that is wrong with a row; prices are multiples of `tick`.
pub(super) fn wrong(rows: &Rows, row: usize, tick: i64) -> Option<(Field, &'static str)> {
    let [px, qty, ..] = &rows.values;
    let value = |column: &[i64]| column.get(row).copied().unwrap_or_default();
    let (px, qty) = (value(px), value(qty));
    let action = rows.action.get(row).copied().and_then(MboAction::from_number);
    let Some(action) = action else {
        if rows.flags.is_empty() {
            return Some((Field::Action, "only with a column `flags` may a row be without an action"));
        }
        return (px != 0 || qty != 0)
            .then_some((Field::Action, "a row without an action has no price and no quantity"));
    };
    let (names_level, least) = match action {
        MboAction::Add | MboAction::Modify => (true, 1),
        MboAction::Cancel => (false, 0),
        MboAction::Execute => (false, 1),
    };
    if action == MboAction::Add && rows.side.get(row).is_none_or(|side| *side == 0) {
        return Some((Field::Side, "an order that is added is a bid or an ask"));
    }
    if px < i64::from(names_level) {
        return Some((Field::Price(0), "a price must be above zero"));
    }
    if px % tick != 0 {
        return Some((Field::Price(0), "the price is no multiple of the tick"));
    }
    (qty < least).then_some((
        Field::Qty(1),
        if least == 0 { "a quantity must not be negative" } else { "a quantity must be above zero" },
    ))
}
