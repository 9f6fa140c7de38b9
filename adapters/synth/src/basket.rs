//! Bars of one instrument of a basket whose members move together: a one-factor model (W. F. Sharpe, "A simplified
//! model for portfolio analysis", Management Science 9, 1963).
//!
//! With f standard normal, drawn for the basket, and z standard normal, drawn for the instrument, every bar has the log
//! return of geometric Brownian motion (see `gbm`) whose shock is
//!
//! ```text
//! loading f + sqrt(1 - loading^2) z
//! ```
//!
//! so that the log returns of instruments with loadings a and b correlate by a b. Invariant: f depends on the
//! basket's name, the seed and the number of the bar only, so an instrument more or less changes no other's bars; all
//! bars of a basket have one interval and start. Deliberately absent: correlation of the paths inside of bars and
//! of volumes.

use tapedeck_model::param::{ParamKind, ParamSpec};
use tapedeck_model::{Decimal, ParamError, Params, Source, Stream, math};

use crate::gbm::{DRIFT, Diffusion, VOLATILITY};
use crate::given::{self, COUNT, VOLUME};
use crate::marks::{PREMIUM, PREMIUM_NOISE, source};
use crate::path::{Move, Path, Returns, START_PRICE};
use crate::tape::Blocks;
use crate::{BuildSynth, SynthComponent, SynthContext};

pub(crate) const COMPONENT: SynthComponent = SynthComponent {
    name: "basket",
    help: "Geometric Brownian motion that moves together with other instruments: one common factor (Sharpe 1963).",
    params: &[
        ParamSpec::required(
            "basket",
            ParamKind::Text,
            "",
            "Name of the basket; the common factor depends on it and the seed.",
        ),
        ParamSpec::required(
            "loading",
            ParamKind::Decimal { min: "-1", max: "1" },
            "",
            "Correlation with the common factor; instruments with loadings a and b correlate by a x b.",
        ),
        START_PRICE,
        DRIFT,
        VOLATILITY,
        VOLUME,
        PREMIUM,
        PREMIUM_NOISE,
        COUNT,
    ],
    build: BuildSynth::Alone(build),
};

pub(crate) struct Member {
    diffusion: Diffusion,
    common: Blocks,
    loading: f64,
    /// Square root of what the loading leaves of the variance.
    own: f64,
}

fn build(params: &Params, context: &SynthContext<'_>) -> Result<Box<dyn Source>, ParamError> {
    source("basket", params, context, maker(params, context)?)
}

pub(crate) fn maker(params: &Params, context: &SynthContext<'_>) -> Result<Path<Member>, ParamError> {
    let name = params.text("basket")?;
    if name.trim().is_empty() {
        return Err(ParamError::new("basket", "must not be empty"));
    }
    if params.decimal("loading")?.abs() > Decimal::ONE {
        return Err(ParamError::new("loading", "must be from -1 to 1"));
    }
    let loading = given::float(params, "loading")?;
    let member = Member {
        diffusion: Diffusion::from_params(params, context)?,
        common: Blocks::new(&context.basket_draws(&name)),
        loading,
        own: math::sqrt(1.0 - loading * loading),
    };
    Path::new(member, params, context)
}

impl Returns for Member {
    fn draw(&mut self, stream: &mut Stream) -> Move {
        let (_, common) = self.common.advance();
        self.diffusion.by(self.loading * common.normal() + self.own * stream.normal())
    }
}

#[cfg(test)]
mod tests {
    use tapedeck_model::Bar;

    use super::*;
    use crate::fixture::{MINUTES, bars_of, build as built, find, instrument, made, moments, params, returns};

    const PARAMS: &str = "count=200000 start_price=1000000000 volatility=0.5";

    fn member(symbol: &str, basket: &str, loading: &str, seed: u64) -> Vec<Bar> {
        let mut item = instrument();
        symbol.clone_into(&mut item.id.symbol);
        let given = params("basket", &format!("{PARAMS} basket={basket} loading={loading}"));
        let context = crate::fixture::context(&item, MINUTES, seed);
        bars_of(&mut *made(&find("basket"), &given, &context).unwrap())
    }

    fn correlation(a: &[Bar], b: &[Bar]) -> f64 {
        let (a, b) = (returns(a), returns(b));
        let (of_a, of_b) = (moments(&a), moments(&b));
        let product: Vec<f64> = a.iter().zip(&b).map(|(a, b)| (a - of_a.mean) * (b - of_b.mean)).collect();
        moments(&product).mean / math::sqrt(of_a.variance * of_b.variance)
    }

    /// The standard error is below 1 / sqrt(200000) = 0.0022.
    #[test]
    fn members_correlate_by_the_product_of_their_loadings() {
        let all = [("A", 0.9), ("B", 0.5), ("C", -0.7), ("D", 0.0)];
        let made: Vec<(f64, Vec<Bar>)> =
            all.iter().map(|(symbol, loading)| (*loading, member(symbol, "coins", &loading.to_string(), 1))).collect();
        for (at, (a, bars_a)) in made.iter().enumerate() {
            for (b, bars_b) in &made[at + 1..] {
                let found = correlation(bars_a, bars_b);
                assert!((found - a * b).abs() < 0.009, "{a} {b}: {found}");
            }
            let variance = moments(&returns(bars_a)).variance;
            assert!((variance / (0.25 / 525_600.0) - 1.0).abs() < 0.015, "{variance}");
        }
    }

    #[test]
    fn another_basket_or_seed_has_another_factor() {
        let first = member("A", "coins", "1", 1);
        assert!(correlation(&first, &member("B", "coins", "1", 1)) > 0.999_9);
        assert!(correlation(&first, &member("B", "coins", "-1", 1)) < -0.999_9);
        assert!(correlation(&first, &member("B", "stocks", "1", 1)).abs() < 0.009);
        assert!(correlation(&first, &member("B", "coins", "1", 2)).abs() < 0.009);
    }

    #[test]
    fn wrong_parameters_are_named() {
        for (given, name) in [("basket=x loading=1.1", "loading"), ("basket= loading=1", "basket")] {
            let error = built("basket", &format!("count=1 {given}"), MINUTES).err().unwrap();
            assert_eq!(error.name, name, "{given}: {error}");
        }
    }
}
