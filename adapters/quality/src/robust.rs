//! Median and median absolute deviation of what went before.
//!
//! The modified z-score is 0.6745 (x - median) / MAD; where more than half of the values are the same, MAD is 0 and
//! 1.2533 times the mean absolute deviation takes its place without the 0.6745. Source: B. Iglewicz, D. Hoaglin, How to
//! Detect and Handle Outliers, ASQC 1993.

use std::collections::VecDeque;

use crate::settings::Checks;

/// The 0.75 quantile of the normal distribution: MAD over standard deviation.
const MAD_OF_NORMAL: f64 = 0.6745;
/// Standard deviation over mean absolute deviation of a normal distribution.
const MEAN_AD_OF_NORMAL: f64 = 1.253_314;

/// The last values of a series.
#[derive(Debug)]
pub(crate) struct Rolling {
    values: VecDeque<f64>,
    window: usize,
    window_min: usize,
    scratch: Vec<f64>,
}

impl Rolling {
    pub(crate) fn new(checks: &Checks) -> Self {
        Self {
            values: VecDeque::with_capacity(checks.window),
            window: checks.window,
            window_min: checks.window_min,
            scratch: Vec::with_capacity(checks.window),
        }
    }

    /// The modified z-score of a value against those before it; `None` if they are too few or all the same. It costs a
    /// pass over the window: ask only about values that are large in themselves.
    pub(crate) fn score(&mut self, value: f64) -> Option<f64> {
        if self.values.len() < self.window_min {
            return None;
        }
        self.scratch.clear();
        self.scratch.extend(&self.values);
        let median = median(&mut self.scratch);
        for other in &mut self.scratch {
            *other = (*other - median).abs();
        }
        let mean = self.scratch.iter().sum::<f64>() / self.scratch.len() as f64;
        let mad = self::median(&mut self.scratch);
        let deviation = if mad > 0.0 { mad / MAD_OF_NORMAL } else { mean * MEAN_AD_OF_NORMAL };
        (deviation > 0.0).then(|| (value - median) / deviation)
    }

    /// Takes a value into the window.
    pub(crate) fn push(&mut self, value: f64) {
        if self.values.len() == self.window {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }
}

/// The median; of an even number of values the mean of the middle two, of none 0.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    let is_even = values.len().is_multiple_of(2);
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if is_even { f64::midpoint(below.iter().copied().fold(f64::MIN, f64::max), upper) } else { upper }
}

/// Least, median and most of a series in bounded memory: every value until there are 65,536, then every second, every
/// fourth and so on for the median; least and most are exact.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spread {
    least: i64,
    most: i64,
    count: u64,
    stride: u64,
    sample: Vec<i64>,
}

/// Values of a [`Spread`] that are kept.
const SAMPLE_MAX: usize = 65_536;

impl Default for Spread {
    fn default() -> Self {
        Self { least: i64::MAX, most: i64::MIN, count: 0, stride: 1, sample: Vec::new() }
    }
}

impl Spread {
    pub(crate) fn push(&mut self, value: i64) {
        self.least = self.least.min(value);
        self.most = self.most.max(value);
        if self.count.is_multiple_of(self.stride) {
            if self.sample.len() == SAMPLE_MAX {
                let mut nth = 0;
                self.sample.retain(|_| {
                    nth += 1;
                    nth % 2 == 1
                });
                self.stride *= 2;
            }
            if self.count.is_multiple_of(self.stride) {
                self.sample.push(value);
            }
        }
        self.count += 1;
    }

    /// Least, median (the lower one of two) and most; `None` of nothing.
    pub(crate) fn finish(mut self) -> Option<[i64; 3]> {
        let middle = self.sample.len().checked_sub(1)? / 2;
        let (_, median, _) = self.sample.select_nth_unstable(middle);
        Some([self.least, *median, self.most])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_formula() {
        let mut rolling = Rolling::new(&Checks { window: 5, window_min: 5, ..Checks::default() });
        assert_eq!(rolling.score(1.0), None);
        for value in [1.0, 2.0, 3.0, 4.0, 100.0] {
            rolling.push(value);
        }
        // Median 3, deviations 2 1 0 1 97, their median 1.
        assert!((rolling.score(13.0).unwrap() - 6.745).abs() < 1e-12);
        let mut flat = Rolling::new(&Checks { window: 4, window_min: 4, ..Checks::default() });
        for value in [0.0, 0.0, 0.0, 0.4] {
            flat.push(value);
        }
        // MAD 0, mean deviation 0.1.
        assert!((flat.score(0.2).unwrap() - 0.2 / 0.125_331_4).abs() < 1e-9);
        let mut same = Rolling::new(&Checks { window: 4, window_min: 2, ..Checks::default() });
        same.push(1.0);
        same.push(1.0);
        assert_eq!(same.score(5.0), None);
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
    }

    #[test]
    fn a_long_series_is_sampled_evenly() {
        let mut spread = Spread::default();
        for value in 0..1_000_000 {
            spread.push(value);
        }
        assert!(spread.sample.len() <= SAMPLE_MAX && spread.sample.windows(2).all(|p| p[1] - p[0] == 16));
        let [least, median, most] = spread.finish().unwrap();
        assert_eq!((least, most), (0, 999_999));
        assert!((median - 500_000).abs() < 32, "{median}");
        assert_eq!(Spread::default().finish(), None);
    }
}
