//! Rules that watch results and halt trading. They let every order through themselves: a halt is
//! the chain's to enforce.

use tapedeck_model::event::HaltAction;
use tapedeck_model::port::{HaltRequest, RiskComponent, RiskObservation, RiskOutcome, RiskQuery, RiskRule};
use tapedeck_model::{Amount, Component, ParamError, ParamKind, ParamSpec, Params, Span, StrategyIx, Ts};

use super::count;
use super::parse::{self, ACTION, FRACTION, FRACTION_ONE, POSITIVE};

pub(super) const DAILY_LOSS: RiskComponent = Component {
    name: "daily_loss",
    help: "Halts until the next midnight UTC once the account has lost this much since midnight UTC (before the first \
           midnight: since the first known equity). Give `limit` or `fraction`. With `strategy`, only that strategy is \
           halted; the loss is the account's.",
    params: &[
        ParamSpec::optional("limit", POSITIVE, "base currency", "Loss at which to halt."),
        ParamSpec::optional("fraction", FRACTION, "of the day's opening equity", "Loss at which to halt."),
        ACTION,
    ],
    build: build_daily_loss,
};

pub(super) const DRAWDOWN: RiskComponent = Component {
    name: "drawdown",
    help: "Halts for the rest of the run once the account's equity has fallen this far from its peak. With `strategy`, \
           only that strategy is halted; the fall is the account's.",
    params: &[ParamSpec::required("fraction", FRACTION, "of the peak of equity", "Fall at which to halt."), ACTION],
    build: build_drawdown,
};

pub(super) const LOSING_STREAK: RiskComponent = Component {
    name: "losing_streak",
    help: "Halts for a while after so many losing closes in a row, fees included. Every fill that reduces a position is \
           one close; one that does not lose starts the count anew.",
    params: &[
        ParamSpec::required("count", ParamKind::Int { min: 1, max: 1_000_000 }, "closes", "Losing closes in a row."),
        ParamSpec::required("pause", ParamKind::Span, "", "How long to halt, above zero.").or("1d"),
        ACTION,
    ],
    build: build_losing_streak,
};

const PASSED: RiskOutcome = RiskOutcome::Pass { value: Amount::ZERO, limit: Amount::ZERO };

#[derive(Debug, Clone, Copy)]
enum LossLimit {
    Amount(Amount),
    Fraction(i64),
}

/// A trading day: where it began and where it halts.
#[derive(Debug, Clone, Copy)]
struct Day {
    ends: Ts,
    opening: Amount,
    limit: Amount,
    /// Equity at or below which trading halts; `None` once it has.
    floor: Option<Amount>,
    last: Amount,
}

struct DailyLoss {
    scope: Option<StrategyIx>,
    limit: LossLimit,
    action: HaltAction,
    day: Option<Day>,
}

fn build_daily_loss(params: &Params, scope: Option<StrategyIx>) -> Result<Box<dyn RiskRule>, ParamError> {
    let limit = match (params.contains("limit"), parse::fraction(params, "fraction")?) {
        (true, None) => LossLimit::Amount(parse::amount(params, "limit")?),
        (false, Some(fraction)) => LossLimit::Fraction(fraction),
        (true, Some(_)) => return Err(ParamError::new("fraction", "give either `limit` or `fraction`, not both")),
        (false, None) => return Err(ParamError::new("limit", "give either `limit` or `fraction`")),
    };
    if matches!(limit, LossLimit::Amount(Amount::ZERO)) {
        return Err(ParamError::new("limit", "must be above zero"));
    }
    Ok(Box::new(DailyLoss { scope, limit, action: parse::action(params)?, day: None }))
}

impl DailyLoss {
    fn open_day(&self, now: Ts, opening: Amount) -> Day {
        let limit = match self.limit {
            LossLimit::Amount(limit) => limit,
            LossLimit::Fraction(fraction) => opening.mul_div(fraction, FRACTION_ONE).unwrap_or(Amount::MAX),
        };
        let ends = now.floor_to(Span::DAY).saturating_add(Span::DAY);
        Day { ends, opening, limit, floor: opening.checked_sub(limit), last: opening }
    }
}

impl RiskRule for DailyLoss {
    fn check(&mut self, _: &RiskQuery<'_>) -> RiskOutcome {
        PASSED
    }

    fn watches_equity(&self) -> bool {
        true
    }

    fn observe(&mut self, observation: &RiskObservation) -> Option<HaltRequest> {
        if let (RiskObservation::Capital { before, after }, Some(day)) = (*observation, &mut self.day) {
            // The day goes on with the loss that it had.
            let moved = |amount: Amount| after.checked_sub(before).and_then(|by| amount.checked_add(by));
            day.opening = moved(day.opening).unwrap_or(day.opening);
            day.floor = day.floor.and_then(moved);
            day.last = moved(day.last).unwrap_or(day.last);
        }
        let RiskObservation::Equity { now, equity } = *observation else { return None };
        let mut day = match self.day {
            Some(day) if now < day.ends => day,
            // The day opens with what the one before it closed with.
            Some(day) => self.open_day(now, day.last),
            None => self.open_day(now, equity),
        };
        day.last = equity;
        let reached = day.floor.is_some_and(|floor| equity <= floor && equity < day.opening);
        if reached {
            day.floor = None;
        }
        self.day = Some(day);
        reached.then(|| HaltRequest {
            strategy: self.scope,
            action: self.action,
            until: day.ends,
            value: day.opening.checked_sub(equity).unwrap_or(Amount::MAX),
            limit: day.limit,
        })
    }
}

struct Drawdown {
    scope: Option<StrategyIx>,
    fraction: i64,
    action: HaltAction,
    /// Peak and the equity at or below which trading halts; `None` before the first equity.
    peak: Option<(Amount, Amount)>,
    halted: bool,
}

fn build_drawdown(params: &Params, scope: Option<StrategyIx>) -> Result<Box<dyn RiskRule>, ParamError> {
    let fraction = parse::fraction(params, "fraction")?.ok_or_else(|| ParamError::new("fraction", "must be given"))?;
    Ok(Box::new(Drawdown { scope, fraction, action: parse::action(params)?, peak: None, halted: false }))
}

impl Drawdown {
    /// Equity that is too low after a peak. A peak that is not above zero has no fraction.
    fn floor(&self, peak: Amount) -> Amount {
        if peak <= Amount::ZERO {
            return Amount::MIN;
        }
        peak.mul_div(FRACTION_ONE - self.fraction, FRACTION_ONE).unwrap_or(Amount::MIN)
    }
}

impl RiskRule for Drawdown {
    fn check(&mut self, _: &RiskQuery<'_>) -> RiskOutcome {
        PASSED
    }

    fn watches_equity(&self) -> bool {
        true
    }

    fn observe(&mut self, observation: &RiskObservation) -> Option<HaltRequest> {
        if let (RiskObservation::Capital { before, after }, Some((peak, _))) = (*observation, self.peak) {
            // The fall as a fraction of the peak stays what it was.
            let peak = peak.mul_ratio(after, before).unwrap_or(after);
            self.peak = Some((peak, self.floor(peak)));
        }
        let RiskObservation::Equity { equity, .. } = *observation else { return None };
        let (peak, floor) = match self.peak {
            Some(seen) if equity <= seen.0 => seen,
            Some(_) | None => (equity, self.floor(equity)),
        };
        self.peak = Some((peak, floor));
        if self.halted || equity > floor {
            return None;
        }
        self.halted = true;
        Some(HaltRequest {
            strategy: self.scope,
            action: self.action,
            until: Ts::MAX,
            value: peak.checked_sub(equity).unwrap_or(Amount::MAX),
            limit: peak.checked_sub(floor).unwrap_or(Amount::MAX),
        })
    }
}

struct LosingStreak {
    scope: Option<StrategyIx>,
    limit: i64,
    pause: Span,
    action: HaltAction,
    streak: i64,
}

fn build_losing_streak(params: &Params, scope: Option<StrategyIx>) -> Result<Box<dyn RiskRule>, ParamError> {
    let pause = params.span("pause")?;
    if pause <= Span::ZERO {
        return Err(ParamError::new("pause", "must be above zero"));
    }
    let (limit, action) = (params.int("count")?, parse::action(params)?);
    Ok(Box::new(LosingStreak { scope, limit, pause, action, streak: 0 }))
}

impl RiskRule for LosingStreak {
    fn check(&mut self, _: &RiskQuery<'_>) -> RiskOutcome {
        RiskOutcome::Pass { value: count(self.streak), limit: count(self.limit) }
    }

    fn observe(&mut self, observation: &RiskObservation) -> Option<HaltRequest> {
        let RiskObservation::Closed { now, pnl, .. } = *observation else { return None };
        self.streak = if pnl < Amount::ZERO { self.streak + 1 } else { 0 };
        if self.streak < self.limit {
            return None;
        }
        let (value, limit) = (count(self.streak), count(self.limit));
        self.streak = 0;
        let until = now.saturating_add(self.pause);
        Some(HaltRequest { strategy: self.scope, action: self.action, until, value, limit })
    }
}
