//! Parameters as raw numbers on the instrument's grids, and the specs that generators share.

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{DatedRules, Decimal, ParamError, Params, Price, Qty, Span, Ts};

use crate::SynthContext;

pub(crate) const COUNT: ParamSpec = ParamSpec::optional(
    "count",
    ParamKind::Int { min: 0, max: 1_000_000_000_000 },
    "records",
    "How many records at most; needed if the scenario has no `end`.",
);

pub(crate) const VOLUME: ParamSpec = ParamSpec::required(
    "volume",
    ParamKind::Decimal { min: "0", max: "1000000000" },
    "units of the instrument",
    "Volume of each bar; its mean where it is random.",
)
.or("1000");

/// The kind of a parameter that is a price.
pub(crate) const PRICE: ParamKind = ParamKind::Decimal { min: "0", max: "1000000000000" };

/// The kind of a parameter that is a difference of prices.
pub(crate) const PRICE_CHANGE: ParamKind = ParamKind::Decimal { min: "-1000000000000", max: "1000000000000" };

/// The filters that hold at the start.
pub(crate) fn rules<'a>(context: &SynthContext<'a>) -> &'a DatedRules {
    context.instrument.rules_at(context.start)
}

/// A price above zero on the tick grid, raw.
pub(crate) fn price(params: &Params, name: &str, context: &SynthContext<'_>) -> Result<i64, ParamError> {
    let raw = price_change(params, name, context)?;
    if raw <= 0 {
        return Err(ParamError::new(name, "must be above zero"));
    }
    Ok(raw)
}

/// A difference of prices on the tick grid, raw.
pub(crate) fn price_change(params: &Params, name: &str, context: &SynthContext<'_>) -> Result<i64, ParamError> {
    let scale = context.instrument.price_scale;
    let px =
        Price::from_decimal(params.decimal(name)?, scale).map_err(|error| ParamError::new(name, error.to_string()))?;
    let tick = rules(context).tick_size;
    if !px.is_multiple_of(tick) {
        let problem = format!("{} is not a multiple of the tick {}", px.display(scale), tick.display(scale));
        return Err(ParamError::new(name, problem));
    }
    Ok(px.raw())
}

/// A quantity rounded down to whole lots, at least zero, in lots.
pub(crate) fn lots(params: &Params, name: &str, context: &SynthContext<'_>) -> Result<i64, ParamError> {
    let qty = Qty::from_decimal(params.decimal(name)?, context.instrument.qty_scale)
        .map_err(|error| ParamError::new(name, error.to_string()))?;
    if qty < Qty::ZERO {
        return Err(ParamError::new(name, "must not be negative"));
    }
    Ok(qty.raw() / rules(context).lot_size.raw())
}

/// 365 days: markets that do not close.
const YEAR_NS: f64 = 365.0 * Span::DAY.nanos() as f64;

/// The length of a bar in years. A kind without an interval is refused by the tape.
pub(crate) fn years(context: &SynthContext<'_>) -> f64 {
    context.kind.interval().nanos() as f64 / YEAR_NS
}

/// A decimal as a float.
pub(crate) fn float(params: &Params, name: &str) -> Result<f64, ParamError> {
    params.decimal(name).and_then(|value| as_float(name, value))
}

/// A decimal of at least zero as a float.
pub(crate) fn float_from_zero(params: &Params, name: &str) -> Result<f64, ParamError> {
    let value = float(params, name)?;
    if value < 0.0 { Err(ParamError::new(name, "must not be negative")) } else { Ok(value) }
}

/// A decimal of at most 12 decimals as a float; the same on every platform.
pub(crate) fn as_float(name: &str, value: Decimal) -> Result<f64, ParamError> {
    // Whatever it is called, the scaled number is exact and so is what it is divided by.
    let raw = Price::from_decimal(value, 12).map_err(|error| ParamError::new(name, error.to_string()))?;
    Ok(raw.to_f64(12))
}

/// A whole number of at least `min`.
pub(crate) fn int_from(params: &Params, name: &str, min: i64) -> Result<i64, ParamError> {
    let value = params.int(name)?;
    if value < min {
        return Err(ParamError::new(name, format!("must be at least {min}, found {value}")));
    }
    Ok(value)
}

/// `count`, if given.
pub(crate) fn count(params: &Params) -> Result<Option<u64>, ParamError> {
    let Some(count) = params.int_opt("count")? else {
        return Ok(None);
    };
    u64::try_from(count).map(Some).map_err(|_| ParamError::new("count", "must not be negative"))
}

/// At most how many records, and before when, as `count` and the scenario's `end` say.
pub(crate) fn limits(params: &Params, context: &SynthContext<'_>) -> Result<(u64, i64), ParamError> {
    let count = count(params)?;
    if count.is_none() && context.end.is_none() {
        return Err(endless());
    }
    Ok((count.unwrap_or(u64::MAX), context.end.map_or(i64::MAX, Ts::nanos)))
}

/// Nothing says where the tape ends.
pub(crate) fn endless() -> ParamError {
    ParamError::new("count", "must be given, since the scenario has no `end`")
}
