//! How long messages take.
//!
//! Enters: the number of a message, when it is sent, how busy the market is. Leaves: a delay. Deliberately
//! absent: state; a delay is a function of the seed and of what stands in the query.

use tapedeck_model::param::{ParamError, ParamKind, ParamSpec, Params};
use tapedeck_model::port::{
    BuildLatency, LatencyComponent, LatencyModel, LatencyQuery, LatencySample, LatencySetup, Leg,
};
use tapedeck_model::random::Draws;
use tapedeck_model::{Component, Span, Ts, math};

/// The model of a venue that names none.
pub const DEFAULT_LATENCY: &str = "constant";

/// Latency models that a scenario can choose.
pub fn latency_components() -> &'static [LatencyComponent] {
    &COMPONENTS
}

static COMPONENTS: [LatencyComponent; 5] = [
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
    Component {
        name: "recorded",
        help: "As orders took in a recording: by the time of sending (reports: by the time at the venue), linear between \
               two rows, the first and the last row beyond them. Not for feeds.",
        params: &[ParamSpec::required(
            "path",
            ParamKind::Text,
            "Parquet or CSV",
            "File with the times `sent`, `venue` and `received` of orders, relative to the scenario; `venue` is 0 or \
             missing where the venue refused.",
        )],
        build: build_recorded,
    },
    Component {
        name: "by_rate",
        help: "Grows with the rate r of market records, per second: base * (1 + r / reference), at most max.",
        params: &[
            ParamSpec::optional("base", ParamKind::Span, "duration", "The delay in a market that stands still.")
                .or("50ms"),
            ParamSpec::optional(
                "reference",
                ParamKind::Int { min: 1, max: 1_000_000_000 },
                "records per second",
                "Rate at which messages take twice as long.",
            )
            .or("1000"),
            ParamSpec::optional("window", ParamKind::Span, "duration", "Over how long records are counted.").or("1s"),
            ParamSpec::optional("max", ParamKind::Span, "duration", "Longer delays are cut to this.").or("10s"),
        ],
        build: build_by_rate,
    },
];

struct Constant {
    delay_ns: i64,
}

impl LatencyModel for Constant {
    fn delay_ns(&self, _: &LatencyQuery) -> i64 {
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
    fn delay_ns(&self, query: &LatencyQuery) -> i64 {
        let factor = math::exp(self.sigma * self.draws.stream(query.number).normal());
        // A float that does not fit saturates and is then cut.
        ((self.median_ns * factor) as i64).clamp(0, self.max_ns)
    }
}

/// Delays at times, by rising time. The convention for orders that the venue refused is that of the
/// hftbacktest project (`IntpOrderLatency`): between two rows of which one was refused every message is.
struct Recorded {
    rows: Vec<Row>,
}

struct Row {
    /// By what it is looked up.
    at: i64,
    delay_ns: i64,
    /// Of a refused order, when we heard of it, after sending.
    refused_after_ns: Option<i64>,
    /// From sending to the answer.
    answered_after_ns: i64,
}

impl Recorded {
    /// The rows around a time: one beyond the recording, else the one at or before it and the next.
    fn around(&self, at: i64) -> (&Row, Option<&Row>) {
        let after = self.rows.partition_point(|row| row.at <= at);
        let before = &self.rows[after.saturating_sub(1)];
        (before, self.rows.get(after).filter(|_| after > 0))
    }
}

/// On the line through two points, rounded toward the first.
fn between(at: i64, (x1, y1): (i64, i64), (x2, y2): (i64, i64)) -> i64 {
    let (run, rise) = (i128::from(x2) - i128::from(x1), i128::from(y2) - i128::from(y1));
    if run == 0 {
        return y1;
    }
    // Between two delays, so it fits.
    (i128::from(y1) + rise * (i128::from(at) - i128::from(x1)) / run) as i64
}

impl LatencyModel for Recorded {
    fn delay_ns(&self, query: &LatencyQuery) -> i64 {
        let at = query.sent.nanos();
        let delay = match self.around(at) {
            (only, None) => only.delay_ns,
            (one, Some(two)) => between(at, (one.at, one.delay_ns), (two.at, two.delay_ns)),
        };
        delay.clamp(0, DELAY_NS_MAX)
    }

    fn refused_after_ns(&self, query: &LatencyQuery) -> Option<i64> {
        let at = query.sent.nanos();
        match self.around(at) {
            (only, None) => only.refused_after_ns,
            (one, Some(two)) if one.refused_after_ns.or(two.refused_after_ns).is_some() => {
                Some(between(at, (one.at, one.answered_after_ns), (two.at, two.answered_after_ns)))
            }
            (_, Some(_)) => None,
        }
        .map(|delay| delay.clamp(0, DELAY_NS_MAX))
    }
}

/// What a rate is counted over: a second.
const SECOND_NS: i128 = 1_000_000_000;

struct ByRate {
    base_ns: i64,
    reference: i64,
    window: Span,
    max_ns: i64,
}

impl LatencyModel for ByRate {
    fn delay_ns(&self, query: &LatencyQuery) -> i64 {
        // base * (1 + events / window / reference), over one denominator.
        let base = i128::from(self.base_ns);
        let unit = i128::from(self.reference) * i128::from(self.window.nanos());
        let more = base.saturating_mul(i128::from(query.events) * SECOND_NS) / unit;
        i64::try_from(base + more).unwrap_or(i64::MAX).min(self.max_ns)
    }

    fn rate_window(&self) -> Option<Span> {
        Some(self.window)
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
fn build_none(_params: &Params, _setup: LatencySetup) -> Result<Box<dyn LatencyModel>, ParamError> {
    Ok(Box::new(Constant { delay_ns: 0 }))
}

fn build_constant(params: &Params, _setup: LatencySetup) -> Result<Box<dyn LatencyModel>, ParamError> {
    Ok(Box::new(Constant { delay_ns: delay_param(params, "delay")? }))
}

fn build_lognormal(params: &Params, setup: LatencySetup) -> Result<Box<dyn LatencyModel>, ParamError> {
    let max_ns = if params.contains("max") { delay_param(params, "max")? } else { DELAY_NS_MAX };
    let sigma = super::float(params.decimal("sigma")?);
    Ok(Box::new(Lognormal { median_ns: delay_param(params, "median")? as f64, sigma, max_ns, draws: setup.draws }))
}

fn build_recorded(params: &Params, setup: LatencySetup) -> Result<Box<dyn LatencyModel>, ParamError> {
    let path = params.text("path")?;
    let wrong = |problem: String| ParamError::new("path", problem);
    let samples = setup.recorded.ok_or_else(|| wrong(format!("{path} was not read")))?;
    let row = |sample: &LatencySample| {
        let LatencySample { sent, at_venue, answered } = *sample;
        let span = |from: Ts, to: Ts| to.saturating_since(from).nanos();
        match (setup.leg, at_venue) {
            (Leg::ToVenue, Some(at_venue)) => Some(Row {
                at: sent.nanos(),
                delay_ns: span(sent, at_venue),
                refused_after_ns: None,
                answered_after_ns: span(sent, answered),
            }),
            (Leg::ToVenue, None) => Some(Row {
                at: sent.nanos(),
                delay_ns: span(sent, answered),
                refused_after_ns: Some(span(sent, answered)),
                answered_after_ns: span(sent, answered),
            }),
            (Leg::FromVenue, Some(at_venue)) => Some(Row {
                at: at_venue.nanos(),
                delay_ns: span(at_venue, answered),
                refused_after_ns: None,
                answered_after_ns: span(at_venue, answered),
            }),
            // What was refused says nothing of reports.
            (Leg::FromVenue, None) | (Leg::Feed, _) => None,
        }
    };
    if setup.leg == Leg::Feed {
        return Err(ParamError::new("", "a recording of orders says nothing of a feed"));
    }
    let mut rows: Vec<Row> = samples.iter().filter_map(row).collect();
    if rows.is_empty() {
        return Err(wrong(format!("{path} has no order that the venue had")));
    }
    if let Some(row) = rows.iter().find(|row| row.delay_ns < 0 || row.answered_after_ns < 0) {
        let at = Ts::from_nanos(row.at);
        return Err(wrong(format!("{path}: the message of {at} arrives before it is sent; the clocks must agree")));
    }
    rows.sort_by_key(|row| row.at);
    Ok(Box::new(Recorded { rows }))
}

fn build_by_rate(params: &Params, _setup: LatencySetup) -> Result<Box<dyn LatencyModel>, ParamError> {
    let window = params.span("window")?;
    if window <= Span::ZERO {
        return Err(ParamError::new("window", "must be above zero"));
    }
    let (base_ns, max_ns) = (delay_param(params, "base")?, delay_param(params, "max")?);
    if base_ns > max_ns {
        return Err(ParamError::new("max", "must not be below `base`"));
    }
    Ok(Box::new(ByRate { base_ns, reference: params.int("reference")?.max(1), window, max_ns }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_model::Decimal;
    use tapedeck_model::param::ParamValue;

    fn setup(leg: Leg, recorded: Option<Vec<LatencySample>>) -> LatencySetup {
        LatencySetup { draws: Draws::new(1, "venue/SIM/latency"), leg, recorded }
    }

    fn build(name: &str, params: &Params) -> Result<Box<dyn LatencyModel>, ParamError> {
        let component = latency_components().iter().find(|c| c.name == name).unwrap();
        (component.build)(params, setup(Leg::ToVenue, None))
    }

    fn numbered(number: u64) -> LatencyQuery {
        LatencyQuery { number, sent: Ts::MIN, events: 0 }
    }

    fn sent(nanos: i64) -> LatencyQuery {
        LatencyQuery { number: 0, sent: Ts::from_nanos(nanos), events: 0 }
    }

    #[test]
    fn constant_is_constant_and_bounded() {
        let delay = |nanos| Params::new().with("delay", ParamValue::Span(Span::from_nanos(nanos)));
        let model = build("constant", &delay(5_000_000)).unwrap();
        assert_eq!((model.delay_ns(&numbered(1)), model.delay_ns(&numbered(2))), (5_000_000, 5_000_000));
        assert!(build("constant", &delay(-1)).is_err());
        assert!(build("constant", &delay(2 * DELAY_NS_MAX)).is_err());
        assert_eq!(build("none", &Params::new()).unwrap().delay_ns(&numbered(9)), 0);
    }

    #[test]
    fn lognormal_has_its_median_and_depends_on_the_number_only() {
        let params = Params::new()
            .with("median", ParamValue::Span(Span::from_nanos(1_000_000)))
            .with("sigma", ParamValue::Decimal(Decimal::new(5, 1)))
            .with("max", ParamValue::Span(Span::from_nanos(2_000_000)));
        let model = build("lognormal", &params).unwrap();
        let delays: Vec<i64> = (0..2_000).map(|n| model.delay_ns(&numbered(n))).collect();
        assert_eq!(model.delay_ns(&LatencyQuery { number: 7, sent: Ts::MAX, events: 9 }), delays[7]);
        let below = delays.iter().filter(|d| **d < 1_000_000).count();
        assert!((900..1_100).contains(&below), "{below}");
        assert!(delays.iter().all(|d| (1..=2_000_000).contains(d)));
        assert!(delays.contains(&2_000_000), "the tail is cut");
    }

    /// Sent, at the venue (0: refused), answered.
    fn recording(rows: &[(i64, i64, i64)], leg: Leg) -> Result<Box<dyn LatencyModel>, ParamError> {
        let sample = |(sent, at_venue, answered): &(i64, i64, i64)| LatencySample {
            sent: Ts::from_nanos(*sent),
            at_venue: (*at_venue > 0).then(|| Ts::from_nanos(*at_venue)),
            answered: Ts::from_nanos(*answered),
        };
        let recorded = Some(rows.iter().map(sample).collect());
        let params = Params::new().with("path", ParamValue::Text("orders.parquet".to_owned()));
        build_recorded(&params, setup(leg, recorded))
    }

    #[test]
    fn a_recording_is_read_between_its_rows() {
        let rows = [(1_000, 1_100, 1_150), (2_000, 2_300, 2_450), (3_000, 3_100, 3_200)];
        let model = recording(&rows, Leg::ToVenue).unwrap();
        let delays = [0, 1_000, 1_500, 2_000, 2_001, 2_999, 3_000, 9_000].map(|at| model.delay_ns(&sent(at)));
        assert_eq!(delays, [100, 100, 200, 300, 300, 101, 100, 100]);
        // Reports by the time at the venue: 50 at 1100, 150 at 2300, 100 at 3100.
        let model = recording(&rows, Leg::FromVenue).unwrap();
        let delays = [0, 1_100, 1_700, 2_300, 2_700, 3_100, 9_000].map(|at| model.delay_ns(&sent(at)));
        assert_eq!(delays, [50, 50, 100, 150, 125, 100, 100]);
    }

    #[test]
    fn around_a_refused_row_every_message_is_refused() {
        let model =
            recording(&[(1_000, 1_100, 1_200), (2_000, 0, 2_600), (3_000, 3_100, 3_200)], Leg::ToVenue).unwrap();
        let told = [500, 1_000, 1_500, 2_000, 2_500, 3_000].map(|at| model.refused_after_ns(&sent(at)));
        assert_eq!(told, [None, Some(200), Some(400), Some(600), Some(400), None]);
    }

    #[test]
    fn a_recording_that_goes_back_in_time_is_refused() {
        assert!(recording(&[(1_000, 900, 1_200)], Leg::ToVenue).is_err());
        assert!(recording(&[(1_000, 1_100, 1_050)], Leg::FromVenue).is_err());
        assert!(recording(&[(1_000, 0, 1_050)], Leg::FromVenue).is_err(), "nothing left");
        assert!(recording(&[(1_000, 1_010, 1_050)], Leg::Feed).is_err());
    }

    #[test]
    fn the_delay_grows_with_the_rate_up_to_its_bound() {
        let span = |ms: i64| ParamValue::Span(Span::from_nanos(ms * 1_000_000));
        let params = Params::new()
            .with("base", span(50))
            .with("reference", ParamValue::Int(1_000))
            .with("window", span(500))
            .with("max", span(400));
        let model = build("by_rate", &params).unwrap();
        assert_eq!(model.rate_window(), Some(Span::from_nanos(500_000_000)));
        let delay = |events| model.delay_ns(&LatencyQuery { events, ..sent(0) }) / 1_000_000;
        // 500 records in half a second are 1000 a second.
        assert_eq!([delay(0), delay(250), delay(500), delay(5_000)], [50, 75, 100, 400]);
    }
}
