//! How many market records there were in the last while.
//!
//! Enters: times of records, which do not go back. Leaves: an estimate for a window that slides: what was
//! counted since the last multiple of the window, and of what was counted in the window before the part
//! that still lies within. Two counts, whatever the rate.

use tapedeck_model::{Span, Ts};

/// Counts records.
#[derive(Debug, Clone, Copy)]
pub struct RateMeter {
    window_ns: i64,
    /// Number of the window since 1970.
    window: i64,
    current: u64,
    previous: u64,
}

impl RateMeter {
    /// Over `window`, which is above zero.
    pub fn new(window: Span) -> Self {
        Self { window_ns: window.nanos().max(1), window: i64::MIN, current: 0, previous: 0 }
    }

    /// A record happened.
    #[inline]
    pub fn see(&mut self, ts: Ts) {
        let window = ts.nanos().div_euclid(self.window_ns);
        if window != self.window {
            self.previous = if window.wrapping_sub(self.window) == 1 { self.current } else { 0 };
            (self.window, self.current) = (window, 0);
        }
        self.current += 1;
    }

    /// How many there were in the window that ends at `now`.
    pub fn events(&self, now: Ts) -> u64 {
        let (window, into) = (now.nanos().div_euclid(self.window_ns), now.nanos().rem_euclid(self.window_ns));
        let (current, previous) = match window.wrapping_sub(self.window) {
            0 => (self.current, self.previous),
            1 => (0, self.current),
            _ => (0, 0),
        };
        let still = i128::from(previous) * i128::from(self.window_ns - into) / i128::from(self.window_ns);
        current + still as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_slides() {
        let at = |ms: i64| Ts::from_nanos(ms * 1_000_000);
        let mut meter = RateMeter::new(Span::SECOND);
        assert_eq!(meter.events(at(0)), 0);
        (0..10).for_each(|n| meter.see(at(100 * n)));
        assert_eq!([900, 1_000, 1_500, 1_999, 2_000, 9_000].map(|ms| meter.events(at(ms))), [10, 10, 5, 0, 0, 0]);
        meter.see(at(1_500));
        assert_eq!([1_500, 1_750, 2_500].map(|ms| meter.events(at(ms))), [6, 3, 0]);
        meter.see(at(60_000));
        assert_eq!(meter.events(at(60_500)), 1);
    }
}
