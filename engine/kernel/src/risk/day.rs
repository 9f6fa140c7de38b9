//! The hours and days of the week at which orders may be sent, UTC.

use tapedeck_model::port::{RiskComponent, RiskOutcome, RiskQuery, RiskRule};
use tapedeck_model::{Component, ParamError, ParamKind, ParamSpec, Params, Span, StrategyIx, Ts};

use super::{count, reduces};

pub(super) const TRADING_HOURS: RiskComponent = Component {
    name: "trading_hours",
    help: "Denies orders outside of a daily window, UTC; those marked reduce_only and those that only reduce the \
           account's position pass. A window past midnight belongs to the day on which it begins.",
    params: &[
        ParamSpec::required("from", ParamKind::Text, "HH:MM or HH:MM:SS, UTC", "First moment of the window.")
            .or("00:00"),
        ParamSpec::required("to", ParamKind::Text, "HH:MM or HH:MM:SS, UTC", "First moment after the window.")
            .or("24:00"),
        ParamSpec::optional("weekdays", ParamKind::Texts, "mon tue wed thu fri sat sun", "Days; default: every day."),
    ],
    build: build_trading_hours,
};

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

struct TradingHours {
    /// Nanoseconds of the day.
    from: i64,
    /// Nanoseconds of the day, up to a whole day; at or below `from` for a window past midnight.
    to: i64,
    /// By number of the weekday, Monday first.
    weekdays: [bool; 7],
}

fn build_trading_hours(params: &Params, _: Option<StrategyIx>) -> Result<Box<dyn RiskRule>, ParamError> {
    let (from, to) = (time_of_day(params, "from")?, time_of_day(params, "to")?);
    if from == to || from == Span::DAY.nanos() {
        return Err(ParamError::new("from", "the window is empty; leave out `from` and `to` for the whole day"));
    }
    let mut weekdays = [true; 7];
    if let Some(names) = params.texts_opt("weekdays")? {
        weekdays = [false; 7];
        for name in names {
            let day = WEEKDAYS.iter().position(|day| *day == name).ok_or_else(|| {
                ParamError::new("weekdays", format!("`{name}` is not one of {}", WEEKDAYS.join(", ")))
            })?;
            weekdays[day] = true;
        }
    }
    if !weekdays.contains(&true) {
        return Err(ParamError::new("weekdays", "at least one day is needed"));
    }
    Ok(Box::new(TradingHours { from, to, weekdays }))
}

fn time_of_day(params: &Params, name: &str) -> Result<i64, ParamError> {
    let text = params.text(name)?;
    parse_time_of_day(&text)
        .ok_or_else(|| ParamError::new(name, format!("`{text}` is not a time of day; expected for example `09:30`")))
}

/// Nanoseconds of the day of `HH:MM` or `HH:MM:SS`, up to `24:00`.
fn parse_time_of_day(text: &str) -> Option<i64> {
    let two_digits = |part: &str| {
        let plain = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| part.parse::<i64>().ok()).flatten()
    };
    let mut parts = text.split(':');
    let hour = two_digits(parts.next()?)?;
    let minute = two_digits(parts.next()?)?;
    let second = parts.next().map_or(Some(0), two_digits)?;
    let total = hour * Span::HOUR.nanos() + minute * Span::MINUTE.nanos() + second * Span::SECOND.nanos();
    (parts.next().is_none() && minute < 60 && second < 60 && total <= Span::DAY.nanos()).then_some(total)
}

impl TradingHours {
    fn is_open(&self, now: Ts) -> bool {
        let (time, today) = (now.nanos_of_day(), usize::from(now.weekday()));
        if self.from < self.to {
            return self.weekdays[today] && (self.from..self.to).contains(&time);
        }
        let yesterday = (today + 6) % 7;
        (self.weekdays[today] && time >= self.from) || (self.weekdays[yesterday] && time < self.to)
    }
}

impl RiskRule for TradingHours {
    /// Measures the second of the day against the window's end.
    fn check(&mut self, query: &RiskQuery<'_>) -> RiskOutcome {
        let value = count(query.now.nanos_of_day() / Span::SECOND.nanos());
        let limit = count(self.to / Span::SECOND.nanos());
        if self.is_open(query.now) || query.request.only_reduces() || reduces(query.request, query.net_qty) {
            RiskOutcome::Pass { value, limit }
        } else {
            RiskOutcome::Deny { value, limit }
        }
    }
}
