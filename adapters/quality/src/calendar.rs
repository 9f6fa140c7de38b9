//! When a venue is open, as a calendar says it: sessions of the week in UTC (or at a fixed distance from it) and
//! holidays. Deliberately absent: summer time.

use std::ops::Range;

use serde::Deserialize;
use tapedeck_model::{Span, Ts};

use crate::settings::SettingsError;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: i64 = Span::DAY.nanos();
const WEEK: i64 = 7 * DAY;
const MINUTE: i64 = Span::MINUTE.nanos();
/// A Monday before the epoch.
const MONDAY: i64 = -3 * DAY;

/// When a venue is open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calendar {
    /// Open stretches of a week as nanoseconds after Monday's midnight, sorted, apart; all of it if empty.
    sessions: Vec<Range<i64>>,
    /// First nanosecond of each closed day, sorted.
    holidays: Vec<i64>,
    /// Local time less UTC.
    offset: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sessions: toml::Spanned<Vec<toml::Spanned<String>>>,
    #[serde(default)]
    holidays: Vec<toml::Spanned<String>>,
    utc_offset: Option<toml::Spanned<String>>,
}

impl Calendar {
    /// Open at all times.
    pub fn always() -> Self {
        Self::default()
    }

    /// From a file: `sessions = ["sun 22:00 - fri 22:00"]`, and if need be `holidays = ["2013-12-25"]` and
    /// `utc_offset = "-05:00"`, which both then mean.
    ///
    /// # Errors
    /// [`SettingsError`] for text that is no TOML, keys that are not known and sessions that make no sense.
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        let file: File = toml::from_str(text).map_err(|e| SettingsError::of(&e))?;
        let mut sessions = Vec::new();
        for session in file.sessions.get_ref() {
            let read = session_of(session.get_ref());
            let refuse = || {
                let problem =
                    format!("`{}` is no session; expected for example `sun 22:00 - fri 22:00`", session.get_ref());
                SettingsError::at(problem, session.span())
            };
            sessions.extend(read.ok_or_else(refuse)?);
        }
        sessions.sort_by_key(|session| (session.start, session.end));
        if sessions.is_empty() {
            return Err(SettingsError::at("expected at least one session".to_owned(), file.sessions.span()));
        }
        if sessions.windows(2).any(|pair| matches!(pair, [a, b] if a.end > b.start)) {
            return Err(SettingsError::at("two sessions overlap".to_owned(), file.sessions.span()));
        }
        // What ends where the next one begins is one stretch.
        sessions.dedup_by(|next, before| {
            let joined = before.end == next.start;
            if joined {
                before.end = next.end;
            }
            joined
        });
        let mut holidays = Vec::new();
        for day in &file.holidays {
            let parsed = Some(day.get_ref()).filter(|text| text.len() == 10).and_then(|text| text.parse::<Ts>().ok());
            let refuse =
                || SettingsError::at(format!("`{}` is no day; expected YYYY-MM-DD", day.get_ref()), day.span());
            holidays.push(parsed.ok_or_else(refuse)?.nanos());
        }
        holidays.sort_unstable();
        let offset = match &file.utc_offset {
            None => 0,
            Some(text) => offset_of(text.get_ref()).ok_or_else(|| {
                let problem = format!("`{}` is no distance from UTC; expected for example -05:00", text.get_ref());
                SettingsError::at(problem, text.span())
            })?,
        };
        Ok(Self { sessions, holidays, offset })
    }

    /// Whether the venue is open at an instant.
    pub(crate) fn is_open(&self, ts: i64) -> bool {
        self.count(ts, ts.saturating_add(1), 1) == 1
    }

    /// How many of the instants `from`, `from + step`, ... before `end` lie where the venue is open.
    pub(crate) fn count(&self, from: i64, end: i64, step: i64) -> u64 {
        if from >= end || step <= 0 {
            return 0;
        }
        if self.sessions.is_empty() {
            return instants(from, end, from, step);
        }
        let (local_from, local_end) = (from.saturating_add(self.offset), end.saturating_add(self.offset));
        let mut count = 0;
        let mut week = local_from.saturating_sub(MONDAY).div_euclid(WEEK).saturating_mul(WEEK).saturating_add(MONDAY);
        while week < local_end {
            for session in &self.sessions {
                let open =
                    week.saturating_add(session.start).max(local_from)..week.saturating_add(session.end).min(local_end);
                count += instants(open.start, open.end, local_from, step) - self.on_holidays(&open, local_from, step);
            }
            week = week.saturating_add(WEEK);
        }
        count
    }

    /// The instants of an open stretch that lie on holidays.
    fn on_holidays(&self, open: &Range<i64>, anchor: i64, step: i64) -> u64 {
        let first = self.holidays.partition_point(|day| day + DAY <= open.start);
        let days = self.holidays.iter().skip(first).take_while(|day| **day < open.end);
        days.map(|day| instants(open.start.max(*day), open.end.min(day + DAY), anchor, step)).sum()
    }
}

/// How many instants of the grid through `anchor` lie from `from` to before `end`.
fn instants(from: i64, end: i64, anchor: i64, step: i64) -> u64 {
    if from >= end {
        return 0;
    }
    let before = |ts: i64| (i128::from(ts) - i128::from(anchor) - 1).div_euclid(i128::from(step));
    u64::try_from(before(end) - before(from)).unwrap_or(0)
}

/// `sun 22:00 - fri 22:00` as one stretch of the week, or two if it passes Monday's midnight.
fn session_of(text: &str) -> Option<Vec<Range<i64>>> {
    let (from, to) = text.split_once(" - ")?;
    let (from, to) = (moment_of(from)?, moment_of(to)?);
    let (from, to) = (from % WEEK, if to == 0 { WEEK } else { to });
    let (before, after) = if from < to { (from..to, 0..0) } else { (from..WEEK, 0..to) };
    Some([before, after].into_iter().filter(|session| !session.is_empty()).collect())
}

/// `sun 22:00` as nanoseconds after Monday's midnight; `24:00` ends a day.
fn moment_of(text: &str) -> Option<i64> {
    let (day, clock) = text.trim().split_once(' ')?;
    let day = DAYS.iter().position(|name| name.eq_ignore_ascii_case(day.trim()))?;
    Some(day as i64 * DAY + clock_of(clock.trim())?)
}

fn clock_of(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok()).flatten().map(i64::from);
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some((hours * 60 + minutes) * MINUTE)
}

fn offset_of(text: &str) -> Option<i64> {
    let (sign, clock) = match text.split_at_checked(1)? {
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    Some(sign * clock_of(clock)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FX: &str = "sessions = [\"sun 22:00 - fri 22:00\"]\nholidays = [\"2024-01-01\"]\n";

    fn ts(text: &str) -> i64 {
        text.parse::<Ts>().unwrap().nanos()
    }

    #[test]
    fn a_week_of_currencies_is_closed_at_the_weekend_and_on_holidays() {
        let fx = Calendar::from_toml(FX).unwrap();
        for (at, open) in [
            ("2024-01-05T21:59:00Z", true),
            ("2024-01-05T22:00:00Z", false),
            ("2024-01-06T12:00:00Z", false),
            ("2024-01-07T21:59:00Z", false),
            ("2024-01-07T22:00:00Z", true),
            ("2024-01-08T00:00:00Z", true),
            ("2024-01-01T12:00:00Z", false),
            ("2023-12-31T23:00:00Z", true),
        ] {
            assert_eq!(fx.is_open(ts(at)), open, "{at}");
        }
        let hours = fx.count(ts("2024-01-01"), ts("2024-01-08"), Span::HOUR.nanos());
        assert_eq!(hours, 3 * 24 + 22 + 2);
        let eastern = Calendar::from_toml("sessions = [\"mon 09:30 - mon 16:00\"]\nutc_offset = \"-05:00\"").unwrap();
        assert!(!eastern.is_open(ts("2024-01-01T14:29:00Z")) && eastern.is_open(ts("2024-01-01T14:30:00Z")));
        assert!(eastern.is_open(ts("2024-01-01T20:59:00Z")) && !eastern.is_open(ts("2024-01-01T21:00:00Z")));
    }

    #[test]
    fn a_calendar_that_makes_no_sense_is_refused_with_its_place() {
        for (text, problem) in [
            ("sessions = []", "at least one session"),
            ("sessions = [\"sun 22:00\"]", "is no session"),
            ("sessions = [\"sun 22:00 - xxx 22:00\"]", "is no session"),
            ("sessions = [\"sun 22:61 - fri 22:00\"]", "is no session"),
            ("sessions = [\"mon 00:00 - tue 00:00\", \"mon 12:00 - wed 00:00\"]", "overlap"),
            ("sessions = [\"mon 00:00 - tue 00:00\"]\nholidays = [\"2024-13-01\"]", "is no day"),
            ("sessions = [\"mon 00:00 - tue 00:00\"]\nutc_offset = \"5\"", "is no distance from UTC"),
            ("holidays = []", "missing field `sessions`"),
            ("sessions = []\nzone = \"UTC\"", "unknown field `zone`"),
        ] {
            let error = Calendar::from_toml(text).unwrap_err();
            assert!(error.problem.contains(problem), "{text}: {}", error.problem);
        }
    }

    proptest! {
        #[test]
        fn counting_is_asking_at_every_instant(from in -2_000_i64..2_000, length in 0_i64..2_000, step in 1_i64..30) {
            const HOUR: i64 = Span::HOUR.nanos();
            let text = "sessions = [\"sun 22:00 - tue 03:00\", \"wed 00:00 - fri 24:00\"]\nholidays = [\"1970-01-05\"]\nutc_offset = \"+02:00\"";
            let calendar = Calendar::from_toml(text).unwrap();
            let (from, end, step) = (from * HOUR, (from + length) * HOUR, step * HOUR);
            let mut expected = 0;
            let mut at = from;
            while at < end {
                expected += u64::from(calendar.is_open(at));
                at += step;
            }
            prop_assert_eq!(calendar.count(from, end, step), expected);
            prop_assert_eq!(Calendar::always().count(from, end, step), instants(from, end, from, step));
        }
    }
}
