//! Steps that call forth steps: a Hawkes process of two kinds of steps, market orders and changes of the book (A. G.
//! Hawkes, "Spectra of some self-exciting and mutually exciting point processes", Biometrika 58, 1971; E. Bacry, I.
//! Mastromatteo, J.-F. Muzy, "Hawkes processes in finance", Market Microstructure and Liquidity 1, 2015).
//!
//! Let p(1) be `market_rate` and p(2) the rest. Steps of kind i come at the rate
//!
//! ```text
//! base p(i) + sum of a(i, j) exp(-s / decay) / decay     over earlier steps, of kind j, s ago
//! a(i, i) = excitation + cross_excitation p(i)           how many of its own kind a step calls forth
//! a(i, j) = cross_excitation p(i)                        of the other kind
//! base    = (1 - excitation - cross_excitation) / mean
//! ```
//!
//! so that every step calls forth excitation + cross_excitation steps (the branching ratio, below 1), the mean rate is
//! base / (1 - excitation - cross_excitation), that is 1 / mean, and kinds come in the proportion of p, as without
//! excitation; but in clusters. The first steps find nothing that excites them. Time is that of the process: what
//! steps are apart at least is not counted.
//!
//! Simulated exactly (A. Dassios, H. Zhao, "Exact simulation of Hawkes process with exponentially decaying intensity",
//! Electronic Communications in Probability 18, 2013): the next step is the first of one that comes by itself and one
//! that is called forth, each drawn by inversion.

use tapedeck_model::{Decimal, ParamError, Params, Span, Stream, math};

use crate::given;
use crate::tape::HALF;

/// The rates of both kinds of steps, per nanosecond.
#[derive(Debug, Clone)]
pub(super) struct Excitation {
    base: f64,
    /// Part of market orders among steps that come by themselves.
    takers_share: f64,
    /// What a step adds to the rate of its own kind, and to both together by their shares.
    of_its_kind: f64,
    of_both: f64,
    decay_ns: f64,
    /// State: the excited rates after the last step.
    takers: f64,
    changes: f64,
}

impl Excitation {
    /// From the parameters, if there is any excitation; market orders have a part of `takers` in units of 2^-32.
    pub(super) fn from_params(params: &Params, takers: u64, mean_gap_ns: f64) -> Result<Option<Self>, ParamError> {
        let part = |name: &str| -> Result<Decimal, ParamError> {
            let value = params.decimal_opt(name)?.unwrap_or(Decimal::ZERO);
            if value < Decimal::ZERO { Err(ParamError::new(name, "must not be negative")) } else { Ok(value) }
        };
        let (own, cross) = (part("excitation")?, part("cross_excitation")?);
        let decay = params.span_opt("decay")?;
        if own + cross == Decimal::ZERO {
            return match decay {
                Some(_) => Err(ParamError::new("decay", "is of `excitation` or `cross_excitation`, but there is none")),
                None => Ok(None),
            };
        }
        if own + cross >= Decimal::ONE {
            let problem = "excitation + cross_excitation must be below 1, or steps call forth ever more of them";
            return Err(ParamError::new("excitation", problem));
        }
        let decay = decay.ok_or_else(|| ParamError::new("decay", "must be given: how long excitation lasts"))?;
        if !(1_000..=Span::DAY.nanos()).contains(&decay.nanos()) {
            return Err(ParamError::new("decay", format!("must be from 1us to 1d, found {decay}")));
        }
        let decay_ns = decay.nanos() as f64;
        let (own, cross) = (given::as_float("excitation", own)?, given::as_float("cross_excitation", cross)?);
        Ok(Some(Self {
            base: (1.0 - own - cross) / mean_gap_ns,
            takers_share: takers as f64 / HALF as f64,
            of_its_kind: own / decay_ns,
            of_both: cross / decay_ns,
            decay_ns,
            takers: 0.0,
            changes: 0.0,
        }))
    }

    /// Nanoseconds to the next step, by two uniforms.
    pub(super) fn wait(&mut self, by_itself: f64, stream: &mut Stream) -> f64 {
        // One minus a uniform lies in (0, 1], so logarithms are finite.
        let alone = -math::ln(1.0 - by_itself) / self.base;
        let drawn = math::ln(1.0 - stream.uniform());
        let excited = self.takers + self.changes;
        // The chance that nothing is called forth within s is exp(-excited decay (1 - exp(-s / decay))).
        let left = if excited > 0.0 { 1.0 + drawn / (excited * self.decay_ns) } else { 0.0 };
        let wait = if left > 0.0 { alone.min(-math::ln(left) * self.decay_ns) } else { alone };
        let faded = math::exp(-wait / self.decay_ns);
        self.takers *= faded;
        self.changes *= faded;
        wait
    }

    /// The probability that the step that comes now is a market order, in units of 2^-32.
    pub(super) fn takers_now(&self) -> u64 {
        let takers = self.base * self.takers_share + self.takers;
        (HALF as f64 * (takers / (self.base + self.takers + self.changes))) as u64
    }

    /// What the step that came adds.
    pub(super) fn add(&mut self, is_taker: bool) {
        self.takers += self.of_both * self.takers_share;
        self.changes += self.of_both * (1.0 - self.takers_share);
        *(if is_taker { &mut self.takers } else { &mut self.changes }) += self.of_its_kind;
    }
}

#[cfg(test)]
mod tests {
    use tapedeck_model::Draws;

    use super::*;
    use crate::fixture::{moments, params};

    const MEAN_NS: f64 = 1e9;

    fn model(given: &str, takers: f64) -> Excitation {
        Excitation::from_params(&params("flow", given), (takers * HALF as f64) as u64, MEAN_NS).unwrap().unwrap()
    }

    /// Steps per window of so many nanoseconds, and the part of market orders.
    fn counts(given: &str, windows: usize, window_ns: f64) -> (Vec<f64>, f64) {
        let (mut model, mut stream) = (model(given, 0.2), Draws::new(1, "test").stream(0));
        let (mut now, mut steps, mut takers) = (0.0, 0.0, 0.0);
        let mut counts = vec![0.0; windows];
        loop {
            let by_itself = stream.uniform();
            now += model.wait(by_itself, &mut stream);
            let Some(count) = counts.get_mut((now / window_ns) as usize) else {
                return (counts, takers / steps);
            };
            *count += 1.0;
            steps += 1.0;
            let is_taker = stream.bits() >> 32 < model.takers_now();
            takers += f64::from(u8::from(is_taker));
            model.add(is_taker);
        }
    }

    /// Over windows much longer than the decay the variance of the count is its mean / (1 - branching)^2: a
    /// Fano factor of 1 for Poisson arrivals, 4 for a branching ratio of a half.
    #[test]
    fn the_mean_rate_is_the_base_over_one_less_the_branching_ratio_and_steps_cluster() {
        for (given, branching) in [
            ("excitation=0.5 decay=1s", 0.5),
            ("cross_excitation=0.5 decay=1s", 0.5),
            ("excitation=0.5 cross_excitation=0.2 decay=2s", 0.7),
            ("excitation=0.000001 decay=1s", 0.0),
        ] {
            let base = model(given, 0.2).base;
            assert!((base / (1.0 - branching) * MEAN_NS - 1.0).abs() < 1e-5);
            let (counts, takers) = counts(given, 4_000, 200e9);
            let found = moments(&counts);
            // 200 a window; the mean of 4000 windows has an error of 0.0011 / (1 - branching), relatively.
            assert!((found.mean / 200.0 - 1.0).abs() < 0.012, "{given}: {}", found.mean);
            let fano = found.variance / found.mean;
            let expected = 1.0 / ((1.0 - branching) * (1.0 - branching));
            assert!((fano / expected - 1.0).abs() < 0.12, "{given}: {fano} {expected}");
            assert!((takers - 0.2).abs() < 0.005, "{given}: {takers}");
        }
    }

    /// With one kind alone exciting itself, a market order follows a market order more often than a fifth of the time.
    #[test]
    fn a_step_calls_forth_its_own_kind() {
        let follows = |given: &str| {
            let (mut model, mut stream) = (model(given, 0.2), Draws::new(1, "test").stream(0));
            let (mut last, mut pairs, mut firsts) = (false, 0.0, 0.0);
            for _ in 0..200_000 {
                let by_itself = stream.uniform();
                model.wait(by_itself, &mut stream);
                let is_taker = stream.bits() >> 32 < model.takers_now();
                model.add(is_taker);
                firsts += f64::from(u8::from(last));
                pairs += f64::from(u8::from(last && is_taker));
                last = is_taker;
            }
            pairs / firsts
        };
        let (own, both) = (follows("excitation=0.6 decay=100ms"), follows("cross_excitation=0.6 decay=100ms"));
        assert!(own > 0.4 && (both - 0.2).abs() < 0.01, "{own} {both}");
    }

    #[test]
    fn wrong_parameters_are_named() {
        for (given, name) in [
            ("excitation=0.5", "decay"),
            ("decay=1s", "decay"),
            ("excitation=0.5 decay=2d", "decay"),
            ("excitation=0.5 cross_excitation=0.5 decay=1s", "excitation"),
            ("excitation=-0.5 decay=1s", "excitation"),
        ] {
            let error = Excitation::from_params(&params("flow", given), 0, MEAN_NS).unwrap_err();
            assert_eq!(error.name, name, "{given}: {error}");
        }
        assert!(Excitation::from_params(&params("flow", ""), 0, MEAN_NS).unwrap().is_none());
    }
}
