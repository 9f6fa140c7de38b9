//! Time: nanoseconds since the Unix epoch, UTC. Nothing here reads a clock.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Why a text is not a time or a span.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimeError {
    /// The text is neither an RFC 3339 instant nor a civil date or date-time.
    #[error("`{text}` is not a UTC time; expected for example `2022-01-01` or `2022-01-01T09:30:00Z`")]
    NotATime {
        /// What was read.
        text: String,
    },
    /// The text is not a number with a unit.
    #[error(
        "`{text}` is not a duration; expected a whole number and a unit (ns, us, ms, s, m, h, d, w), for example `250ms`"
    )]
    NotASpan {
        /// What was read.
        text: String,
    },
    /// The value lies outside of what 64-bit nanoseconds hold (years 1677 to 2262).
    #[error("`{text}` lies outside the years 1677 to 2262")]
    OutOfRange {
        /// What was read.
        text: String,
    },
}

/// An instant: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ts(i64);

impl Ts {
    /// The earliest instant.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant: "never" for a timer or an expiry.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// `self + span`, or `None` past the end of time.
    pub fn checked_add(self, span: Span) -> Option<Self> {
        self.0.checked_add(span.0).map(Self)
    }

    /// `self + span`, held at the ends of time.
    pub const fn saturating_add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// `self - earlier`, held at the ends of what a span can say.
    pub const fn saturating_since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The last multiple of `span` since the epoch that is not after `self`.
    ///
    /// # Panics
    /// If `span` is not positive.
    pub const fn floor_to(self, span: Span) -> Self {
        assert!(span.0 > 0, "floor_to needs a positive span");
        Self(self.0.saturating_sub(self.0.rem_euclid(span.0)))
    }

    /// Nanoseconds since midnight UTC, in `0..86_400_000_000_000`.
    pub const fn nanos_of_day(self) -> i64 {
        self.0.rem_euclid(Span::DAY.0)
    }

    /// Day of the week, 0 = Monday to 6 = Sunday (1970-01-01 was a Thursday).
    pub const fn weekday(self) -> u8 {
        (self.0.div_euclid(Span::DAY.0) + 3).rem_euclid(7) as u8
    }
}

impl fmt::Display for Ts {
    /// RFC 3339 with as many digits of the second as are needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(t) => write!(f, "{t}"),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

impl FromStr for Ts {
    type Err = TimeError;

    /// An RFC 3339 instant, or a civil date (midnight) or date-time taken as UTC.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let trimmed = text.trim();
        let instant = trimmed.parse::<jiff::Timestamp>().or_else(|_| {
            trimmed.parse::<jiff::civil::DateTime>().and_then(|civil| jiff::tz::TimeZone::UTC.to_timestamp(civil))
        });
        let instant = instant.map_err(|_| TimeError::NotATime { text: text.to_owned() })?;
        i64::try_from(instant.as_nanosecond()).map(Self).map_err(|_| TimeError::OutOfRange { text: text.to_owned() })
    }
}

/// A length of time in nanoseconds. May be negative where a difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

impl Span {
    /// No time.
    pub const ZERO: Self = Self(0);
    /// One second.
    pub const SECOND: Self = Self(1_000_000_000);
    /// One minute.
    pub const MINUTE: Self = Self(60 * Self::SECOND.0);
    /// One hour.
    pub const HOUR: Self = Self(60 * Self::MINUTE.0);
    /// Twenty-four hours.
    pub const DAY: Self = Self(24 * Self::HOUR.0);

    const UNITS: [(&'static str, i64); 8] = [
        ("w", 7 * Self::DAY.0),
        ("d", Self::DAY.0),
        ("h", Self::HOUR.0),
        ("m", Self::MINUTE.0),
        ("s", Self::SECOND.0),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];

    /// From nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Span {
    /// In the largest unit that divides it: `1m`, `90s`, `250ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, nanos) in Self::UNITS {
            if self.0 != 0 && unit != "w" && self.0 % nanos == 0 {
                return write!(f, "{}{unit}", self.0 / nanos);
            }
        }
        write!(f, "0s")
    }
}

impl FromStr for Span {
    type Err = TimeError;

    /// A whole number and a unit; several may follow each other: `1h30m`.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let not_a_span = || TimeError::NotASpan { text: text.to_owned() };
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(not_a_span());
        }
        let mut total: i64 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(not_a_span)?;
            let (number, tail) = rest.split_at(digits);
            let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, next) = tail.split_at(letters);
            let nanos =
                Self::UNITS.iter().find(|(name, _)| *name == unit).map(|(_, nanos)| *nanos).ok_or_else(not_a_span)?;
            let number: i64 = number.parse().map_err(|_| not_a_span())?;
            total = number
                .checked_mul(nanos)
                .and_then(|n| total.checked_add(n))
                .ok_or_else(|| TimeError::OutOfRange { text: text.to_owned() })?;
            rest = next;
        }
        Ok(Self(total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_printed() {
        for (text, printed) in [
            ("2022-01-01", "2022-01-01T00:00:00Z"),
            ("2022-01-01T09:30:00", "2022-01-01T09:30:00Z"),
            ("2022-01-01 09:30:00.000001", "2022-01-01T09:30:00.000001Z"),
            ("2022-01-01T09:30:00+02:00", "2022-01-01T07:30:00Z"),
        ] {
            assert_eq!(text.parse::<Ts>().unwrap().to_string(), printed);
        }
        assert!("yesterday".parse::<Ts>().is_err());
        assert!(matches!("3000-01-01".parse::<Ts>(), Err(TimeError::OutOfRange { .. })));
    }

    #[test]
    fn spans_are_read_and_printed() {
        for (text, printed) in
            [("1m", "1m"), ("90s", "90s"), ("1h30m", "90m"), ("7d", "7d"), ("1w", "7d"), ("0s", "0s")]
        {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), printed);
        }
        for bad in ["", "5", "m", "1.5h", "-3s", "3 s", "99999999999w"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn days_start_at_midnight_and_weeks_on_monday() {
        let t: Ts = "2022-01-03T12:00:00".parse().unwrap();
        assert_eq!(t.weekday(), 0);
        assert_eq!(t.floor_to(Span::DAY).to_string(), "2022-01-03T00:00:00Z");
        assert_eq!(Ts::from_nanos(-1).floor_to(Span::DAY).to_string(), "1969-12-31T00:00:00Z");
    }
}
