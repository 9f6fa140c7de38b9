//! What is looked for and how much of it is too much, as a file of thresholds says it.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use thiserror::Error;

use crate::kind::{Kind, Severity};

/// Numbers of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Checks {
    /// Rows with the same price that make a run of [`Kind::Stale`].
    pub stale_rows: u64,
    /// Returns (and reaches of bars) that a new one is compared with.
    pub window: usize,
    /// Of them, how many there must be first.
    pub window_min: usize,
    /// Modified z-score beyond which a normal return would be an outlier.
    pub outlier_z: f64,
    /// Times that: returns have fat tails.
    pub tail_factor: f64,
    /// A return below this, as a share of the price, is never an outlier or a bad tick.
    pub move_min: f64,
    /// Share of a jump that may be left in the next row if it is to have come back.
    pub return_share: f64,
    /// A bar's high or low nearer to open and close than this, as a share, is never a bad tick.
    pub reach_min: f64,
    /// Relative difference of two numbers that are the same: floats of one decimal differ in their last bits.
    pub tolerance: f64,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            stale_rows: 60,
            window: 64,
            window_min: 20,
            outlier_z: 3.5,
            tail_factor: 4.0,
            move_min: 0.01,
            return_share: 0.25,
            reach_min: 0.25,
            tolerance: 1e-12,
        }
    }
}

/// How much of a kind may be there.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// At most so many; of [`Kind::Gap`] places.
    pub count: Option<u64>,
    /// At most this share of all rows (those missing included); of [`Kind::Gap`] the rows that are missing.
    pub share: Option<f64>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Numbers of the checks.
    pub checks: Checks,
    /// Score below which the data fail, if there is one.
    pub score_min: Option<f64>,
    /// Limits by kind; a kind that is not there has none.
    pub limits: BTreeMap<Kind, Limit>,
    /// Places of a kind that are kept.
    pub places_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let limit = |kind: &Kind| match kind.severity() {
            Severity::Error => Some((*kind, Limit { count: Some(0), share: None })),
            Severity::Warning => Some((*kind, Limit { count: None, share: Some(0.05) })),
            Severity::Info => None,
        };
        Self {
            checks: Checks::default(),
            score_min: None,
            limits: Kind::ALL.iter().filter_map(limit).collect(),
            places_max: 1_000,
        }
    }
}

/// Why a file of settings is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct SettingsError {
    /// What is wrong and what was expected.
    pub problem: String,
    /// Where, as bytes of the text, if a place can be named.
    pub place: Option<Range<usize>>,
}

impl SettingsError {
    pub(crate) fn of(error: &toml::de::Error) -> Self {
        Self { problem: error.message().trim().to_owned(), place: error.span() }
    }

    pub(crate) fn at(problem: String, place: Range<usize>) -> Self {
        Self { problem, place: Some(place) }
    }
}

/// A file of thresholds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    checks: Option<toml::Spanned<Checks>>,
    score_min: Option<toml::Spanned<f64>>,
    #[serde(default)]
    limits: BTreeMap<toml::Spanned<String>, toml::Spanned<Limit>>,
}

impl Settings {
    /// The defaults with what a file of thresholds says instead.
    ///
    /// # Errors
    /// [`SettingsError`] for text that is no TOML, keys that are not known and values that make no sense.
    pub fn from_toml(text: &str) -> Result<Self, SettingsError> {
        let file: File = toml::from_str(text).map_err(|e| SettingsError::of(&e))?;
        let mut settings = Self::default();
        if let Some(checks) = file.checks {
            settings.checks = *checks.get_ref();
            if let Some(problem) = settings.checks.problem() {
                return Err(SettingsError::at(problem, checks.span()));
            }
        }
        if let Some(score) = file.score_min {
            if !(0.0..=100.0).contains(score.get_ref()) {
                return Err(SettingsError::at("expected a score from 0 to 100".to_owned(), score.span()));
            }
            settings.score_min = Some(*score.get_ref());
        }
        for (name, limit) in file.limits {
            let Some(kind) = Kind::from_name(name.get_ref()) else {
                let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
                let problem =
                    format!("`{}` is no kind of finding; expected one of {}", name.get_ref(), known.join(", "));
                return Err(SettingsError::at(problem, name.span()));
            };
            if limit.get_ref().share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
                return Err(SettingsError::at("expected a share from 0 to 1".to_owned(), limit.span()));
            }
            settings.limits.insert(kind, *limit.get_ref());
        }
        Ok(settings)
    }
}

impl Checks {
    /// The first thing that makes no sense.
    fn problem(&self) -> Option<String> {
        let above_zero = [("outlier_z", self.outlier_z), ("tail_factor", self.tail_factor)];
        if let Some((name, _)) = above_zero.iter().find(|(_, value)| !(*value > 0.0 && value.is_finite())) {
            return Some(format!("`{name}` must be above zero"));
        }
        let shares = [
            ("move_min", self.move_min),
            ("return_share", self.return_share),
            ("reach_min", self.reach_min),
            ("tolerance", self.tolerance),
        ];
        if let Some((name, _)) = shares.iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
            return Some(format!("`{name}` must be from 0 to 1"));
        }
        if self.stale_rows < 2 {
            return Some("`stale_rows` must be 2 or more".to_owned());
        }
        let fits = self.window_min >= 2 && self.window_min <= self.window && self.window <= 65_536;
        (!fits).then(|| "expected 2 <= `window_min` <= `window` <= 65536".to_owned())
    }

    /// Modified z-score beyond which a return is an outlier.
    pub(crate) fn z_max(&self) -> f64 {
        self.outlier_z * self.tail_factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_differs_from_the_defaults() {
        let settings = Settings::from_toml(
            "score_min = 90\n[checks]\nstale_rows = 5\n[limits]\ngap = { share = 0.5 }\nflat_bar = { count = 3 }\n",
        )
        .unwrap();
        assert_eq!((settings.score_min, settings.checks.stale_rows), (Some(90.0), 5));
        assert_eq!(settings.checks.window, Checks::default().window);
        assert_eq!(settings.limits.get(&Kind::Gap), Some(&Limit { count: None, share: Some(0.5) }));
        assert_eq!(settings.limits.get(&Kind::FlatBar), Some(&Limit { count: Some(3), share: None }));
        assert_eq!(settings.limits.get(&Kind::BadOhlc), Some(&Limit { count: Some(0), share: None }));
        assert_eq!(Settings::from_toml("").unwrap(), Settings::default());
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_place() {
        for (text, problem, place) in [
            ("[limits]\nflat = { count = 1 }", "`flat` is no kind of finding", "flat"),
            ("[limits]\ngap = { share = 2 }", "a share from 0 to 1", "{ share = 2 }"),
            ("score_min = 101", "from 0 to 100", "101"),
            ("[checks]\nstale = 3", "unknown field `stale`", "stale"),
            ("[checks]\nstale_rows = 1", "`stale_rows` must be 2 or more", "[checks]"),
            ("[checks]\nwindow = 3", "`window_min` <= `window`", "[checks]"),
            ("[checks]\nmove_min = nan", "`move_min` must be from 0 to 1", "[checks]"),
            ("[checks]\noutlier_z = 0.0", "`outlier_z` must be above zero", "[checks]"),
            ("gap", "key with no value", ""),
        ] {
            let error = Settings::from_toml(text).unwrap_err();
            assert!(error.problem.contains(problem), "{text}: {}", error.problem);
            let place = text.find(place).unwrap();
            assert!(error.place.as_ref().is_some_and(|range| place <= range.end), "{text}: {error:?}");
        }
    }
}
