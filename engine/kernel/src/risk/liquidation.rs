//! A rule that watches liquidations and halts trading. It lets every order through itself: a halt is the
//! chain's to enforce.

use tapedeck_model::event::HaltAction;
use tapedeck_model::port::{HaltRequest, RiskComponent, RiskObservation, RiskOutcome, RiskQuery, RiskRule};
use tapedeck_model::{ParamError, ParamKind, ParamSpec, Params, Span, StrategyIx, Ts};

use super::count;
use super::parse::{self, ACTION};

pub(super) const LIQUIDATION: RiskComponent = RiskComponent {
    name: "liquidation",
    help: "Halts once the venue has liquidated positions so many times; every strategy's share of a stage counts. With \
           `strategy`, only that strategy's shares count and only it is halted.",
    params: &[
        ParamSpec::required("count", ParamKind::Int { min: 1, max: 1_000_000 }, "shares", "Shares of liquidations.")
            .or("1"),
        ParamSpec::optional("pause", ParamKind::Span, "", "How long to halt, above zero; absent: the rest of the run."),
        ACTION,
    ],
    build: build_liquidation,
};

struct Liquidation {
    scope: Option<StrategyIx>,
    limit: i64,
    pause: Option<Span>,
    action: HaltAction,
    seen: i64,
}

fn build_liquidation(params: &Params, scope: Option<StrategyIx>) -> Result<Box<dyn RiskRule>, ParamError> {
    let pause = params.span_opt("pause")?;
    if pause.is_some_and(|pause| pause <= Span::ZERO) {
        return Err(ParamError::new("pause", "must be above zero"));
    }
    let (limit, action) = (params.int("count")?, parse::action(params)?);
    Ok(Box::new(Liquidation { scope, limit, pause, action, seen: 0 }))
}

impl RiskRule for Liquidation {
    fn check(&mut self, _: &RiskQuery<'_>) -> RiskOutcome {
        RiskOutcome::Pass { value: count(self.seen), limit: count(self.limit) }
    }

    fn observe(&mut self, observation: &RiskObservation) -> Option<HaltRequest> {
        let RiskObservation::Liquidated { now, .. } = *observation else { return None };
        self.seen += 1;
        if self.seen < self.limit {
            return None;
        }
        let (value, limit) = (count(self.seen), count(self.limit));
        self.seen = 0;
        let until = self.pause.map_or(Ts::MAX, |pause| now.saturating_add(pause));
        Some(HaltRequest { strategy: self.scope, action: self.action, until, value, limit })
    }
}
