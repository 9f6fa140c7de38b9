//! How equity moves: peak, deepest fall, and samples at multiples of an interval.

use tapedeck_model::event::EquityPoint;
use tapedeck_model::{Amount, Span, Ts};

/// Follows equity over every mark of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct EquityTrack {
    interval: Span,
    /// The next moment to sample.
    next: Ts,
    extremes: Option<Extremes>,
    /// Of falls that are over: the one since the peak is looked at when it is asked for or over.
    max_drawdown: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Extremes {
    /// Highest of the run.
    peak: Amount,
    /// Lowest since the peak.
    trough: Amount,
    /// Highest since the last sample.
    high: Amount,
    /// Lowest since the last sample.
    low: Amount,
}

impl EquityTrack {
    /// Samples at multiples of `interval` since the epoch that are not before `start`.
    ///
    /// # Panics
    /// If `interval` is not positive.
    pub fn new(start: Ts, interval: Span) -> Self {
        let floor = start.floor_to(interval);
        let next = if floor < start { floor.saturating_add(interval) } else { start };
        Self { interval, next, extremes: None, max_drawdown: 0.0 }
    }

    /// Takes note of equity at a mark; says whether it is a new peak, or the first.
    #[inline]
    pub fn observe(&mut self, equity: Amount) -> bool {
        let Some(seen) = &mut self.extremes else {
            self.extremes = Some(Extremes { peak: equity, trough: equity, high: equity, low: equity });
            return true;
        };
        seen.high = seen.high.max(equity);
        seen.low = seen.low.min(equity);
        if equity > seen.peak {
            self.max_drawdown = self.max_drawdown.max(seen.fall());
            (seen.peak, seen.trough) = (equity, equity);
            return true;
        }
        seen.trough = seen.trough.min(equity);
        false
    }

    /// Money was put in or taken out: the fall from the peak, as a fraction, stays what it was. What
    /// follows counts for the next sample alone.
    pub fn rescale(&mut self, before: Amount, after: Amount) {
        self.observe(before);
        self.max_drawdown = self.max_drawdown();
        let peak = self.extremes.map_or(before, |seen| seen.peak);
        let peak = peak.mul_ratio(after, before).unwrap_or(after).max(after);
        self.extremes = Some(Extremes { peak, trough: after, high: after, low: after });
    }

    /// Whether [`EquityTrack::observe`] would change nothing.
    pub fn is_no_news(&self, equity: Amount) -> bool {
        let nothing_new = |seen: Extremes| seen.low.max(seen.trough) <= equity && equity <= seen.high;
        self.extremes.is_some_and(nothing_new)
    }

    /// The moment to sample before an event at `now` is applied: the latest multiple of the
    /// interval before `now`, if there was none since the last sample. A stretch without events
    /// gives one sample, at its last multiple.
    #[inline]
    pub fn due(&self, now: Ts) -> Option<Ts> {
        if now <= self.next {
            return None;
        }
        Some(Ts::from_nanos(now.nanos().saturating_sub(1)).floor_to(self.interval))
    }

    /// The sample at `ts_event`; what follows counts for the next one.
    pub fn sample(&mut self, ts_event: Ts, equity: Amount, exposure: Amount) -> EquityPoint {
        self.observe(equity);
        let (high, low) = self.extremes.map_or((equity, equity), |seen| (seen.high, seen.low));
        if let Some(seen) = &mut self.extremes {
            (seen.high, seen.low) = (equity, equity);
        }
        self.next = self.next.max(ts_event.floor_to(self.interval).saturating_add(self.interval));
        assert!(low <= equity && equity <= high, "a sample lies between its extremes");
        EquityPoint { ts_event, equity, high, low, exposure, max_drawdown: self.max_drawdown() }
    }

    /// Largest fall from a peak so far, as a fraction of the peak; falls from a peak that is not
    /// above zero do not count.
    pub fn max_drawdown(&self) -> f64 {
        self.extremes.map_or(self.max_drawdown, |seen| self.max_drawdown.max(seen.fall()))
    }
}

impl Extremes {
    /// The fall from the peak as a fraction; floats for the ratio only.
    fn fall(&self) -> f64 {
        if self.peak <= Amount::ZERO || self.trough == self.peak {
            return 0.0;
        }
        self.peak.checked_sub(self.trough).map_or(f64::INFINITY, Amount::to_f64) / self.peak.to_f64()
    }
}
