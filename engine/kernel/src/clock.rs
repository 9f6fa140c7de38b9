//! The clock: the only place where the kernel's time moves.
//!
//! Enters: the time of the next input. Leaves: `now`. Invariant: time never goes back.

use tapedeck_model::Ts;

/// The kernel's time and the count of inputs taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    now: Ts,
    input: u64,
}

impl Clock {
    /// Before the first input.
    pub const fn new() -> Self {
        Self { now: Ts::MIN, input: 0 }
    }

    /// Sets the time of what happens before the first input.
    ///
    /// # Panics
    /// After the first input.
    pub fn start(&mut self, at: Ts) {
        assert!(self.input == 0, "the clock has started already");
        self.now = at;
    }

    /// Moves to the next input's time.
    ///
    /// # Panics
    /// If time would go back: the merge is broken.
    #[inline]
    pub fn advance(&mut self, to: Ts) {
        assert!(to >= self.now, "time went back from {} to {to}", self.now);
        self.now = to;
        self.input += 1;
    }

    /// More inputs of the time that it is.
    #[inline]
    pub const fn count(&mut self, inputs: u64) {
        self.input += inputs;
    }

    /// The time of the current input.
    #[inline]
    pub const fn now(&self) -> Ts {
        self.now
    }

    /// Number of the current input, from 1; 0 before the first.
    #[inline]
    pub const fn input(&self) -> u64 {
        self.input
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "time went back")]
    fn time_never_goes_back() {
        let mut clock = Clock::new();
        clock.advance(Ts::from_nanos(2));
        clock.advance(Ts::from_nanos(1));
    }
}
