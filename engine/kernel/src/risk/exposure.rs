//! Rules about what is held once the order and those that are open on its side are filled.

use tapedeck_model::port::{RiskComponent, RiskOutcome, RiskQuery, RiskRule};
use tapedeck_model::{Amount, Component, ParamError, ParamSpec, Params, StrategyIx};

use super::at_most_or_cut;
use super::limits::{affordable, directed, raw_floor};
use super::parse::{self, POSITIVE, SHRINK};

pub(super) const MAX_POSITION: RiskComponent = Component {
    name: "max_position",
    help: "Largest position of the account in one instrument, long or short, were this order and every open order on \
           its side filled. What brings the position nearer to zero passes.",
    params: &[
        ParamSpec::required("limit", POSITIVE, "units of the instrument", "Largest position; equal to it passes."),
        SHRINK,
    ],
    build: build_max_position,
};

pub(super) const MAX_GROSS_EXPOSURE: RiskComponent = Component {
    name: "max_gross_exposure",
    help: "Largest gross value of all positions, were this order and every open order filled: those on its side of \
           its instrument at this order's price, those of other instruments at the last known prices. An order that \
           makes its position no larger passes.",
    params: &[
        ParamSpec::required("limit", POSITIVE, "base currency", "Largest gross value; equal to it passes."),
        SHRINK,
    ],
    build: build_max_gross_exposure,
};

struct MaxPosition {
    limit: Amount,
    shrink: bool,
}

fn build_max_position(params: &Params, _: Option<StrategyIx>) -> Result<Box<dyn RiskRule>, ParamError> {
    Ok(Box::new(MaxPosition { limit: parse::amount(params, "limit")?, shrink: params.bool("shrink")? }))
}

impl RiskRule for MaxPosition {
    fn check(&mut self, query: &RiskQuery<'_>) -> RiskOutcome {
        let (net, open) = directed(query);
        let after = net + open + i128::from(query.request.order_qty.raw());
        let value = Amount::from_scaled(after, query.instrument.qty_scale).unwrap_or(Amount::MAX);
        let room = || raw_floor(self.limit, query.instrument.qty_scale) - net - open;
        at_most_or_cut(query, value, self.limit, self.shrink.then(room))
    }
}

struct MaxGrossExposure {
    limit: Amount,
    shrink: bool,
}

fn build_max_gross_exposure(params: &Params, _: Option<StrategyIx>) -> Result<Box<dyn RiskRule>, ParamError> {
    Ok(Box::new(MaxGrossExposure { limit: parse::amount(params, "limit")?, shrink: params.bool("shrink")? }))
}

impl RiskRule for MaxGrossExposure {
    fn check(&mut self, query: &RiskQuery<'_>) -> RiskOutcome {
        let qty = query.request.order_qty;
        let (net, open) = directed(query);
        let growth = (net + open + i128::from(qty.raw())).abs() - net.abs();
        if growth <= 0 {
            return RiskOutcome::Pass { value: query.gross_exposure, limit: self.limit };
        }
        let added = i64::try_from(growth).ok().and_then(|growth| query.notional.mul_div(growth, qty.raw()));
        let others = query.gross_exposure.checked_add(query.open_exposure).unwrap_or(Amount::MAX);
        let value = added.and_then(|added| others.checked_add(added)).unwrap_or(Amount::MAX);
        let room = || {
            let left = self.limit.checked_sub(others).unwrap_or(Amount::ZERO);
            // Growth may be `affordable`; what only closes the position comes on top.
            let closing = net.abs() - net;
            affordable(left, query.notional, qty) + closing - open
        };
        at_most_or_cut(query, value, self.limit, self.shrink.then(room))
    }
}
