//! Parameters that several rules share, and how they become exact numbers.

use tapedeck_model::event::HaltAction;
use tapedeck_model::{Amount, ParamError, ParamKind, ParamSpec, Params};

/// Bounds of amounts and quantities: what an `Amount` holds with room to spare.
pub(super) const POSITIVE: ParamKind = ParamKind::Decimal { min: "0", max: "100000000000000" };
/// Bounds of fractions.
pub(super) const FRACTION: ParamKind = ParamKind::Decimal { min: "0.000001", max: "1" };
/// What a fraction of 1 is in integers.
pub(super) const FRACTION_ONE: i64 = 1_000_000_000_000;

/// Whether a rule cuts an order that is too large.
pub(super) const SHRINK: ParamSpec = ParamSpec::required(
    "shrink",
    ParamKind::Bool,
    "",
    "Cut an order to the largest quantity that passes (rounded down to the lot) instead of denying it.",
)
.or("false");

/// What a halt does.
pub(super) const ACTION: ParamSpec = ParamSpec::required(
    "action",
    ParamKind::Choice(&["cancel", "flatten", "stop"]),
    "",
    "cancel: cancel open orders and deny new ones that do not reduce; flatten: also close every position at market; \
     stop: cancel and end the run.",
)
.or("cancel");

/// An exact amount.
pub(super) fn amount(params: &Params, name: &str) -> Result<Amount, ParamError> {
    Amount::from_decimal(params.decimal(name)?).map_err(|error| ParamError::new(name, error.to_string()))
}

/// A fraction in units of 1e-12.
pub(super) fn fraction(params: &Params, name: &str) -> Result<Option<i64>, ParamError> {
    let Some(value) = params.decimal_opt(name)? else { return Ok(None) };
    tapedeck_model::Price::from_decimal(value, 12)
        .map(|scaled| Some(scaled.raw()))
        .map_err(|error| ParamError::new(name, error.to_string()))
}

/// What the halt does.
pub(super) fn action(params: &Params) -> Result<HaltAction, ParamError> {
    let word = params.text("action")?;
    HaltAction::ALL
        .iter()
        .copied()
        .find(|action| action.text() == word)
        .ok_or_else(|| ParamError::new("action", format!("expected cancel, flatten or stop, found `{word}`")))
}
