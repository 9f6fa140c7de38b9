//! Statistics of a series of returns, in constant memory.
//!
//! Enters: equity at moments, or returns. Leaves: mean, deviation, downside and the ratios made of
//! them. Equity is sampled at UTC multiples of an interval, the last known value carried forward
//! over gaps; the part before the first multiple and after the last one is in no return.
//! Deviation is that of a sample (one degree of freedom less); the riskless rate is zero.
//!
//! Invariant: an undefined figure is `None`, never NaN.

use tapedeck_model::math;
use tapedeck_model::{Amount, Span, Ts};

/// Nanoseconds of a year of 365 days: markets that never close.
const YEAR_NS: f64 = 365.0 * 86_400e9;

/// Moments of returns so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReturnStats {
    count: u64,
    mean: f64,
    /// Sum of squared distances from the mean.
    m2: f64,
    /// Sum of squared returns below zero.
    downside2: f64,
    growth: f64,
    growth_peak: f64,
    drawdown_max: f64,
    broken: bool,
}

impl Default for ReturnStats {
    fn default() -> Self {
        Self {
            count: 0,
            mean: 0.0,
            m2: 0.0,
            downside2: 0.0,
            growth: 1.0,
            growth_peak: 1.0,
            drawdown_max: 0.0,
            broken: false,
        }
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

impl ReturnStats {
    /// No returns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one simple return.
    pub fn push(&mut self, value: f64) {
        if !value.is_finite() {
            self.broken = true;
            return;
        }
        self.count += 1;
        let distance = value - self.mean;
        self.mean += distance / self.count as f64;
        self.m2 += distance * (value - self.mean);
        self.downside2 += value.min(0.0) * value.min(0.0);
        self.growth *= 1.0 + value;
        self.growth_peak = self.growth_peak.max(self.growth);
        self.drawdown_max = self.drawdown_max.max(1.0 - self.growth / self.growth_peak);
    }

    /// Takes in `count` returns of zero at once.
    pub fn push_zeros(&mut self, count: u64) {
        let (old, added) = (self.count as f64, count as f64);
        let all = old + added;
        if all > 0.0 {
            self.m2 += self.mean * self.mean * old * added / all;
            self.mean *= old / all;
            self.count += count;
        }
    }

    /// How many returns there are.
    pub const fn count(&self) -> u64 {
        self.count
    }

    fn usable(&self) -> bool {
        self.count >= 2 && !self.broken
    }

    /// Growth from the first sample to the last, less one.
    pub fn total_return(&self) -> Option<f64> {
        (!self.broken && self.count > 0).then_some(self.growth - 1.0).and_then(finite)
    }

    /// Deviation of returns, per year.
    pub fn volatility(&self, periods_per_year: f64) -> Option<f64> {
        self.usable().then(|| math::sqrt(self.m2 / (self.count - 1) as f64 * periods_per_year)).and_then(finite)
    }

    /// Mean over deviation, per year; undefined without deviation.
    pub fn sharpe(&self, periods_per_year: f64) -> Option<f64> {
        let volatility = self.volatility(periods_per_year).filter(|v| *v > 0.0)?;
        finite(self.mean * periods_per_year / volatility)
    }

    /// Root mean square of the returns below zero over all periods, per year.
    pub fn downside_deviation(&self, periods_per_year: f64) -> Option<f64> {
        self.usable().then(|| math::sqrt(self.downside2 / self.count as f64 * periods_per_year)).and_then(finite)
    }

    /// Mean over downside deviation, per year; undefined without a loss.
    pub fn sortino(&self, periods_per_year: f64) -> Option<f64> {
        let downside = self.downside_deviation(periods_per_year).filter(|d| *d > 0.0)?;
        finite(self.mean * periods_per_year / downside)
    }

    /// Compound growth per year, with `count / periods_per_year` years.
    pub fn cagr(&self, periods_per_year: f64) -> Option<f64> {
        let grown = self.usable() && self.growth > 0.0;
        grown.then(|| math::pow(self.growth, periods_per_year / self.count as f64) - 1.0).and_then(finite)
    }

    /// Largest fall from a peak between samples, as a fraction of the peak, at least zero.
    pub const fn drawdown_max(&self) -> f64 {
        self.drawdown_max
    }
}

/// Turns equity at moments into returns at multiples of an interval.
#[derive(Debug, Clone, PartialEq)]
pub struct ReturnSampler {
    interval: Span,
    last: Option<(Ts, Amount)>,
    sampled: Option<Amount>,
    /// By how much money put in and taken out has scaled equity since.
    scale: f64,
    stats: ReturnStats,
}

impl ReturnSampler {
    /// Samples at multiples of `interval`.
    ///
    /// # Panics
    /// If `interval` is not positive.
    pub fn new(interval: Span) -> Self {
        assert!(interval > Span::ZERO, "an interval is positive");
        Self { interval, last: None, sampled: None, scale: 1.0, stats: ReturnStats::new() }
    }

    /// Takes in equity at `ts`; time must not go back.
    pub fn push(&mut self, ts: Ts, equity: Amount) {
        if let Some((last_ts, last)) = self.last
            && ts > last_ts
        {
            // Multiples at or after the last point and before this one have the last value.
            let before = Ts::from_nanos(ts.nanos().saturating_sub(1)).floor_to(self.interval);
            self.sample_until(last_ts, before, last);
        }
        self.last = Some((ts, equity));
    }

    /// Money put in or taken out has scaled equity since the last point.
    pub fn rescale(&mut self, factor: f64) {
        self.scale *= factor;
    }

    /// Samples `value` at every multiple in `from..=to`.
    fn sample_until(&mut self, from: Ts, to: Ts, value: Amount) {
        let step = self.interval.nanos();
        let first = Ts::from_nanos(from.nanos().saturating_add(step - 1)).floor_to(self.interval);
        if first > to {
            return;
        }
        self.sample(value);
        self.stats.push_zeros((to.saturating_since(first).nanos() / step).unsigned_abs());
    }

    fn sample(&mut self, value: Amount) {
        if let Some(before) = self.sampled {
            let before = before.to_f64() * self.scale;
            self.stats.push(if before > 0.0 { value.to_f64() / before - 1.0 } else { f64::NAN });
        }
        (self.sampled, self.scale) = (Some(value), 1.0);
    }

    /// The statistics with the last point sampled if it lies on a multiple.
    pub fn stats(&self) -> ReturnStats {
        let mut closed = self.clone();
        if let Some((ts, equity)) = self.last {
            closed.sample_until(ts, ts, equity);
        }
        closed.stats
    }

    /// Length of a period.
    pub const fn interval(&self) -> Span {
        self.interval
    }

    /// Periods in a year of 365 days.
    pub fn periods_per_year(&self) -> f64 {
        YEAR_NS / self.interval.nanos() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    fn at(text: &str) -> Ts {
        text.parse().unwrap()
    }

    #[test]
    fn equity_is_carried_forward_to_midnights() {
        let mut sampler = ReturnSampler::new(Span::DAY);
        for (ts, equity) in [
            ("2024-01-01T00:00:00Z", "100"),
            ("2024-01-01T12:00:00Z", "130"),
            ("2024-01-02T00:00:00Z", "110"),
            ("2024-01-04T06:00:00Z", "99"),
            ("2024-01-05T00:00:00Z", "121"),
        ] {
            sampler.push(at(ts), amount(equity));
        }
        let stats = sampler.stats();
        // Samples: 100, 110, 110, 110, 121; returns 0.1, 0, 0, 0.1.
        assert_eq!(stats.count(), 4);
        assert!((stats.total_return().unwrap() - 0.21).abs() < 1e-12);
        let deviation = (4.0 * 0.05_f64 * 0.05 / 3.0).sqrt();
        assert!((stats.volatility(1.0).unwrap() - deviation).abs() < 1e-12);
        assert!((stats.sharpe(1.0).unwrap() - 0.05 / deviation).abs() < 1e-12);
        assert_eq!(stats.sortino(1.0), None);
    }

    #[test]
    fn undefined_figures_are_none() {
        let mut sampler = ReturnSampler::new(Span::DAY);
        assert_eq!(sampler.stats().total_return(), None);
        sampler.push(at("2024-01-01"), amount("100"));
        sampler.push(at("2024-01-02"), amount("105"));
        assert_eq!(sampler.stats().count(), 1);
        assert_eq!(sampler.stats().volatility(365.0), None);
        sampler.push(at("2024-03-01"), amount("0"));
        sampler.push(at("2024-03-02"), amount("5"));
        sampler.push(at("2024-03-03"), amount("5"));
        assert_eq!(sampler.stats().sharpe(365.0), None);
        let mut flat = ReturnStats::new();
        flat.push_zeros(10);
        assert_eq!((flat.sharpe(365.0), flat.volatility(365.0)), (None, Some(0.0)));
    }
}
