//! How long messages take.
//!
//! Enters: the number of a message. Leaves: a delay. Deliberately absent: state; a delay is a
//! function of the seed and the message's own number, so nothing else can change it.

use tapedeck_model::param::{ParamError, ParamKind, ParamSpec, Params};
use tapedeck_model::port::{BuildLatency, LatencyComponent, LatencyModel};
use tapedeck_model::random::Draws;
use tapedeck_model::{Component, math};

/// The model of a venue that names none.
pub const DEFAULT_LATENCY: &str = "constant";

/// Latency models that a scenario can choose.
pub fn latency_components() -> &'static [LatencyComponent] {
    &COMPONENTS
}

static COMPONENTS: [LatencyComponent; 3] = [
    Component {
        name: "none",
        help: "Messages arrive at the instant at which they are sent.",
        params: &[],
        build: build_none as BuildLatency,
    },
    Component {
        name: "constant",
        help: "Every message takes the same time (default for orders, cancels and reports).",
        params: &[
            ParamSpec::optional("delay", ParamKind::Span, "duration", "How long a message takes, one way.").or("50ms")
        ],
        build: build_constant,
    },
    Component {
        name: "lognormal",
        help: "Seeded delays of median * exp(sigma * N(0, 1)): a long right tail, as measured on networks.",
        params: &[
            ParamSpec::optional("median", ParamKind::Span, "duration", "Half of the messages are faster.").or("50ms"),
            ParamSpec::optional(
                "sigma",
                ParamKind::Decimal { min: "0", max: "5" },
                "log units",
                "Standard deviation of the delay's logarithm.",
            )
            .or("0.5"),
            ParamSpec::optional("max", ParamKind::Span, "duration", "Longer delays are cut to this; absent: none are."),
        ],
        build: build_lognormal,
    },
];

struct Constant {
    delay_ns: i64,
}

impl LatencyModel for Constant {
    fn delay_ns(&self, _number: u64) -> i64 {
        self.delay_ns
    }
}

struct Lognormal {
    median_ns: f64,
    sigma: f64,
    max_ns: i64,
    draws: Draws,
}

impl LatencyModel for Lognormal {
    fn delay_ns(&self, number: u64) -> i64 {
        let factor = math::exp(self.sigma * self.draws.stream(number).normal());
        // A float that does not fit saturates and is then cut.
        ((self.median_ns * factor) as i64).clamp(0, self.max_ns)
    }
}

/// Longest delay that can come out: a day. A message that takes longer is lost, not late.
const DELAY_NS_MAX: i64 = 86_400_000_000_000;

fn delay_param(params: &Params, name: &str) -> Result<i64, ParamError> {
    let nanos = params.span(name)?.nanos();
    if (0..=DELAY_NS_MAX).contains(&nanos) {
        Ok(nanos)
    } else {
        Err(ParamError::new(name, "must lie between 0s and 1d"))
    }
}

#[allow(clippy::unnecessary_wraps, reason = "the signature is that of every latency model")]
fn build_none(_params: &Params, _draws: Draws) -> Result<Box<dyn LatencyModel>, ParamError> {
    Ok(Box::new(Constant { delay_ns: 0 }))
}

fn build_constant(params: &Params, _draws: Draws) -> Result<Box<dyn LatencyModel>, ParamError> {
    Ok(Box::new(Constant { delay_ns: delay_param(params, "delay")? }))
}

fn build_lognormal(params: &Params, draws: Draws) -> Result<Box<dyn LatencyModel>, ParamError> {
    let max_ns = if params.contains("max") { delay_param(params, "max")? } else { DELAY_NS_MAX };
    let sigma = super::float(params.decimal("sigma")?);
    Ok(Box::new(Lognormal { median_ns: delay_param(params, "median")? as f64, sigma, max_ns, draws }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_model::param::ParamValue;
    use tapedeck_model::{Decimal, Span};

    fn build(name: &str, params: &Params) -> Result<Box<dyn LatencyModel>, ParamError> {
        let component = latency_components().iter().find(|c| c.name == name).unwrap();
        (component.build)(params, Draws::new(1, "venue/SIM/latency"))
    }

    #[test]
    fn constant_is_constant_and_bounded() {
        let delay = |nanos| Params::new().with("delay", ParamValue::Span(Span::from_nanos(nanos)));
        let model = build("constant", &delay(5_000_000)).unwrap();
        assert_eq!((model.delay_ns(1), model.delay_ns(2)), (5_000_000, 5_000_000));
        assert!(build("constant", &delay(-1)).is_err());
        assert!(build("constant", &delay(2 * DELAY_NS_MAX)).is_err());
        assert_eq!(build("none", &Params::new()).unwrap().delay_ns(9), 0);
    }

    #[test]
    fn lognormal_has_its_median_and_depends_on_the_number_only() {
        let params = Params::new()
            .with("median", ParamValue::Span(Span::from_nanos(1_000_000)))
            .with("sigma", ParamValue::Decimal(Decimal::new(5, 1)))
            .with("max", ParamValue::Span(Span::from_nanos(2_000_000)));
        let model = build("lognormal", &params).unwrap();
        let delays: Vec<i64> = (0..2_000).map(|n| model.delay_ns(n)).collect();
        assert_eq!(model.delay_ns(7), delays[7]);
        let below = delays.iter().filter(|d| **d < 1_000_000).count();
        assert!((900..1_100).contains(&below), "{below}");
        assert!(delays.iter().all(|d| (1..=2_000_000).contains(d)));
        assert!(delays.contains(&2_000_000), "the tail is cut");
    }
}
