//! Randomness that is keyed, not shared.
//!
//! The key comes from `(scenario seed, component path)`, the stream from the order's or record's
//! own number, so a draw never depends on what else is going on. The generator is ChaCha with 8
//! rounds (D. J. Bernstein, "ChaCha, a variant of Salsa20", 2008).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::math;

/// Name and version of the generator, written into every manifest.
pub const PRNG: &str = "chacha8/blake3-key/v1";

/// The random streams of one component.
#[derive(Debug, Clone)]
pub struct Draws {
    key: [u8; 32],
}

impl Draws {
    /// The streams of the component at `path` (for example `venue/BINANCE/latency/entry`).
    pub fn new(seed: u64, path: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("tapedeck 2026 random stream v1");
        hasher.update(&seed.to_le_bytes());
        hasher.update(path.as_bytes());
        Self { key: *hasher.finalize().as_bytes() }
    }

    /// The stream of one order or record.
    pub fn stream(&self, number: u64) -> Stream {
        let mut rng = ChaCha8Rng::from_seed(self.key);
        rng.set_stream(number);
        Stream { rng }
    }
}

/// One sequence of draws.
#[derive(Debug, Clone)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `0..bound` (Lemire's multiplication; bias below 2^-32 for bounds below 2^32).
    ///
    /// # Panics
    /// If `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a draw below zero is impossible");
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// Standard normal (Box and Muller, 1958; one of the pair).
    pub fn normal(&mut self) -> f64 {
        // 1 - u lies in (0, 1], so the logarithm is finite.
        let radius = math::sqrt(-2.0 * math::ln(1.0 - self.uniform()));
        radius * math::cos(std::f64::consts::TAU * self.uniform())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_depend_on_seed_path_and_number_only() {
        let first = |seed, path: &str, number| Draws::new(seed, path).stream(number).bits();
        assert_eq!(first(1, "a", 7), first(1, "a", 7));
        assert_ne!(first(1, "a", 7), first(2, "a", 7));
        assert_ne!(first(1, "a", 7), first(1, "b", 7));
        assert_ne!(first(1, "a", 7), first(1, "a", 8));
    }

    /// Golden values: a change of the generator changes every result and must be a decision.
    #[test]
    fn the_generator_is_the_named_one() {
        let mut stream = Draws::new(42, "golden").stream(1);
        let drawn = [stream.bits(), stream.bits(), stream.below(1000)];
        assert_eq!(drawn, GOLDEN);
    }

    const GOLDEN: [u64; 3] = [9_481_156_960_501_037_366, 1_130_909_743_285_729_605, 404];

    #[test]
    fn normal_has_mean_zero_and_variance_one() {
        let mut stream = Draws::new(7, "normal").stream(0);
        let n = 20_000;
        let draws: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let var = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n - 1);
        // Five standard errors.
        assert!(mean.abs() < 5.0 / f64::from(n).sqrt(), "{mean}");
        assert!((var - 1.0).abs() < 5.0 * (2.0 / f64::from(n)).sqrt(), "{var}");
    }
}
