//! Down-sampling while streaming, so that extremes survive and memory is bounded.
//!
//! Enters: points in time order. Leaves: at most a fixed number of buckets, each with its first,
//! last, lowest and highest value. When the buckets run out, neighbours are merged and each further
//! bucket takes twice as many points.

use tapedeck_model::Ts;

/// Neighbouring points, summed up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Time of the first point.
    pub ts_first: Ts,
    /// Time of the last point.
    pub ts_last: Ts,
    /// Lowest value.
    pub low: f64,
    /// Highest value.
    pub high: f64,
    /// Last value.
    pub last: f64,
}

impl Bucket {
    fn merge(&mut self, next: &Self) {
        self.ts_last = next.ts_last;
        self.low = self.low.min(next.low);
        self.high = self.high.max(next.high);
        self.last = next.last;
    }
}

/// A series of bounded size.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    capacity: usize,
    stride: u64,
    in_last: u64,
    buckets: Vec<Bucket>,
}

impl Series {
    /// At most `capacity` buckets.
    ///
    /// # Panics
    /// If `capacity` is below 2.
    pub fn new(capacity: usize) -> Self {
        assert!(capacity >= 2, "neighbours can be merged only if there are two");
        Self { capacity, stride: 1, in_last: 0, buckets: Vec::new() }
    }

    /// Takes in a point. Values that are not finite are left out.
    pub fn push(&mut self, ts: Ts, low: f64, high: f64, last: f64) {
        if !(low.is_finite() && high.is_finite() && last.is_finite()) {
            return;
        }
        let point = Bucket { ts_first: ts, ts_last: ts, low, high, last };
        if self.in_last < self.stride
            && let Some(bucket) = self.buckets.last_mut()
        {
            bucket.merge(&point);
            self.in_last += 1;
            return;
        }
        if self.buckets.len() == self.capacity {
            self.halve();
        }
        self.buckets.push(point);
        self.in_last = 1;
    }

    fn halve(&mut self) {
        let merged = self.buckets.chunks(2).map(|pair| {
            let mut bucket = pair[0];
            pair[1..].iter().for_each(|next| bucket.merge(next));
            bucket
        });
        self.buckets = merged.collect();
        self.stride *= 2;
    }

    /// The buckets, in time order.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }
}

/// Keeps every `2^n`-th of the things pushed, so that at most `capacity` are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Thinned<T> {
    capacity: usize,
    stride: u64,
    seen: u64,
    kept: Vec<T>,
}

impl<T> Thinned<T> {
    /// At most `capacity` things.
    ///
    /// # Panics
    /// If `capacity` is zero.
    pub fn new(capacity: usize) -> Self {
        assert!(capacity > 0, "something must be kept");
        Self { capacity, stride: 1, seen: 0, kept: Vec::new() }
    }

    /// Takes in a thing.
    pub fn push(&mut self, value: T) {
        if self.seen.is_multiple_of(self.stride) {
            if self.kept.len() == self.capacity {
                let mut nth = 0_usize;
                self.kept.retain(|_| {
                    nth += 1;
                    nth % 2 == 1
                });
                self.stride *= 2;
            }
            if self.seen.is_multiple_of(self.stride) {
                self.kept.push(value);
            }
        }
        self.seen += 1;
    }

    /// What was kept, in order.
    pub fn kept(&self) -> &[T] {
        &self.kept
    }

    /// How many were pushed.
    pub const fn seen(&self) -> u64 {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn extremes_and_ends_survive(values in prop::collection::vec(-1e6_f64..1e6, 1..500), capacity in 2_usize..40) {
            let mut series = Series::new(capacity);
            for (i, v) in values.iter().enumerate() {
                series.push(Ts::from_nanos(i as i64), *v, *v, *v);
            }
            let buckets = series.buckets();
            prop_assert!(buckets.len() <= capacity);
            let low = buckets.iter().map(|b| b.low).fold(f64::INFINITY, f64::min);
            let high = buckets.iter().map(|b| b.high).fold(f64::NEG_INFINITY, f64::max);
            prop_assert_eq!(low, values.iter().copied().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(high, values.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            prop_assert_eq!(buckets.last().map(|b| b.last), values.last().copied());
            prop_assert!(buckets.is_sorted_by(|a, b| a.ts_last < b.ts_first));
        }

        #[test]
        fn thinning_keeps_every_nth(count in 0_u64..2000, capacity in 1_usize..50) {
            let mut thinned = Thinned::new(capacity);
            (0..count).for_each(|i| thinned.push(i));
            prop_assert!(thinned.kept().len() <= capacity);
            prop_assert_eq!(thinned.seen(), count);
            prop_assert_eq!(thinned.kept().first().copied(), (count > 0).then_some(0));
            prop_assert!(thinned.kept().iter().all(|v| v % thinned.stride == 0));
        }
    }
}
