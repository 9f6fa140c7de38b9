//! Where a resting order stands in the queue of its level, as far as price levels tell.
//!
//! Enters: what its level showed when it came, prints at its price, changes of the level. Leaves: what
//! stands before it, and what a print leaves for it. Invariants: what stands before an order never
//! grows, and is never more than its level shows. Levels do not tell who left: where a level loses more
//! than was traded, a model says which part stood behind us.
//!
//! Sources: the queue functions are those published with the L2 queue estimation of Rigtorp, "Estimating
//! order queue position" (2013), and of the hftbacktest project ("Probability queue model").

use tapedeck_model::param::{ParamError, ParamKind, ParamSpec, Params};
use tapedeck_model::port::{BuildQueue, QueueComponent, QueueModel};
use tapedeck_model::{Component, Qty, math};

/// The model of a venue that names none.
pub const DEFAULT_QUEUE: &str = "risk_averse";

const POWER: ParamSpec = ParamSpec::optional(
    "n",
    ParamKind::Decimal { min: "0.01", max: "100" },
    "",
    "Exponent: f(x) = x^n; the larger, the more of a loss is taken to stand where more stands.",
)
.or("3");

/// Queue models that a scenario can choose.
pub fn queue_components() -> &'static [QueueComponent] {
    &COMPONENTS
}

static COMPONENTS: [QueueComponent; 6] = [
    Component {
        name: "risk_averse",
        help: "Only trades at our price move us; what leaves the level otherwise stood behind us (default).",
        params: &[],
        build: (|_| Ok(Box::new(Law::RiskAverse))) as BuildQueue,
    },
    Component {
        name: "power",
        help: "Of a loss without trades the part f(behind) / (f(behind) + f(ahead)) stood behind us; f(x) = x^n.",
        params: &[POWER],
        build: |params| Ok(Box::new(Law::Power { n: exponent(params)? })),
    },
    Component {
        name: "power2",
        help: "Of a loss without trades the part f(behind) / f(behind + ahead) stood behind us; f(x) = x^n.",
        params: &[POWER],
        build: |params| Ok(Box::new(Law::Power2 { n: exponent(params)? })),
    },
    Component {
        name: "power3",
        help: "Of a loss without trades the part 1 - f(ahead / (ahead + behind)) stood behind us; f(x) = x^n.",
        params: &[POWER],
        build: |params| Ok(Box::new(Law::Power3 { n: exponent(params)? })),
    },
    Component {
        name: "log",
        help: "Of a loss without trades the part f(behind) / (f(behind) + f(ahead)) stood behind us; f(x) = ln(1 + x), \
               x in units of the instrument.",
        params: &[],
        build: |_| Ok(Box::new(Law::Log)),
    },
    Component {
        name: "log2",
        help: "Of a loss without trades the part f(behind) / f(behind + ahead) stood behind us; f(x) = ln(1 + x), x in \
               units of the instrument.",
        params: &[],
        build: |_| Ok(Box::new(Law::Log2)),
    },
];

fn exponent(params: &Params) -> Result<f64, ParamError> {
    params.decimal("n").map(super::float)
}

/// The shipped models.
enum Law {
    RiskAverse,
    Power { n: f64 },
    Power2 { n: f64 },
    Power3 { n: f64 },
    Log,
    Log2,
}

impl QueueModel for Law {
    fn behind_share(&self, ahead: f64, behind: f64) -> f64 {
        let log = |x: f64| math::ln(1.0 + x);
        match self {
            Self::RiskAverse => 1.0,
            Self::Power { n } => {
                let (ahead, behind) = (math::pow(ahead, *n), math::pow(behind, *n));
                behind / (behind + ahead)
            }
            Self::Power2 { n } => math::pow(behind, *n) / math::pow(behind + ahead, *n),
            Self::Power3 { n } => 1.0 - math::pow(ahead / (ahead + behind), *n),
            Self::Log => log(behind) / (log(behind) + log(ahead)),
            Self::Log2 => log(behind) / log(behind + ahead),
        }
    }
}

/// One raw quantity: an estimate is kept finer than what can be traded.
const FINE: i128 = 1_000_000;

/// An order's place in the queue of its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// What stands before it, in millionths of a raw quantity; below zero: what a print left for it.
    ahead: i128,
    /// The same as it came.
    entry: Qty,
    /// On levels: what was printed at its price since the level last changed. Where orders are told one by one: those
    /// of its level with a smaller place stand before it. One field for both, as orders are copied often.
    since: u64,
}

impl Place {
    /// Behind all that the level shows.
    pub(super) const fn behind(shown: Qty) -> Self {
        Self { ahead: shown.raw() as i128 * FINE, entry: shown, since: 0 }
    }

    /// The same, in a line of orders that have places.
    pub(super) const fn joined_at(self, joined: u64) -> Self {
        Self { since: joined, ..self }
    }

    /// Whether the order with this place, of the same level, stands before it.
    pub(super) const fn is_behind(&self, place: u64) -> bool {
        place < self.since
    }

    /// A part of an order that stands before it is gone.
    pub(super) fn move_up(&mut self, gone: Qty) {
        self.ahead -= i128::from(gone.raw()) * FINE;
        assert!(self.ahead >= 0, "no more is gone than stood before it");
    }

    /// After a snapshot: orders with smaller places than `joined` stand before it, together `ahead`.
    pub(super) fn seat(&mut self, joined: u64, ahead: Qty) {
        self.ahead = i128::from(ahead.raw()) * FINE;
        self.since = joined;
    }

    /// What stood before it as it came.
    pub(super) const fn entry_qty(&self) -> Qty {
        self.entry
    }

    /// What stands before it, rounded up.
    pub(super) fn ahead_qty(&self) -> Qty {
        Qty::from_raw(((self.ahead.max(0) + FINE - 1) / FINE) as i64)
    }

    /// A print at its price; gives what is left for the order, to the nearest lot.
    pub(super) fn serve(&mut self, printed: Qty, lot: Qty) -> Qty {
        self.ahead -= i128::from(printed.raw()) * FINE;
        self.since = self.since.saturating_add(printed.raw().unsigned_abs());
        let unit = i128::from(lot.raw().max(1)) * FINE;
        let lots = if self.ahead < 0 { (-self.ahead + unit / 2) / unit } else { 0 };
        if lots > 0 {
            self.ahead = 0;
        }
        Qty::from_raw((lots as i64).saturating_mul(lot.raw()).min(printed.raw()))
    }

    /// The level shows `after` instead of `before`; `unit` raw quantities are one of the instrument.
    pub(super) fn level_changed(&mut self, (before, after): (Qty, Qty), unit: f64, model: &dyn QueueModel) {
        let fine = |qty: Qty| i128::from(qty.raw()) * FINE;
        // What was traded has moved the order already.
        let lost = fine(before) - fine(after) - i128::from(self.since) * FINE;
        self.since = 0;
        if lost > 0 && self.ahead > 0 {
            let behind = fine(before) - self.ahead;
            let units = |amount: i128| amount as f64 / FINE as f64 / unit;
            let share = model.behind_share(units(self.ahead), units(behind.max(0)));
            let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 };
            let lost_behind = (share * lost as f64) as i128;
            // Where less stands behind us than is said to have left there, the rest stood before us.
            self.ahead += (behind - lost_behind).min(0) - (lost - lost_behind);
        }
        self.ahead = self.ahead.max(0).min(fine(after));
    }

    /// A print went through its price: whoever stood before it is gone.
    pub(super) const fn reach(&mut self) {
        self.ahead = 0;
    }

    /// The level shows `shown` in a new snapshot: no more than that stands before the order.
    pub(super) fn cap(&mut self, shown: Qty) {
        self.ahead = self.ahead.min(i128::from(shown.raw()) * FINE);
        self.since = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str) -> Box<dyn QueueModel> {
        let component = queue_components().iter().find(|c| c.name == name).unwrap();
        let params = Params::new().with("n", tapedeck_model::ParamValue::Decimal(tapedeck_model::Decimal::new(3, 0)));
        (component.build)(&params).unwrap()
    }

    fn qty(raw: i64) -> Qty {
        Qty::from_raw(raw)
    }

    /// Behind 60 of 100 at the level; the level falls to 80 without trades.
    #[test]
    fn models_share_a_loss_as_published() {
        for (name, ahead) in [
            // 64 000 / (64 000 + 216 000) of 20 stood behind: 15.43 stood before.
            ("power", 44.571_428),
            // 64 000 / 1 000 000 of 20.
            ("power2", 41.28),
            // 1 - 0.6^3 of 20.
            ("power3", 55.68),
            // ln 41 / (ln 41 + ln 61) of 20.
            ("log", 49.492_23),
            // ln 41 / ln 101 of 20.
            ("log2", 56.093_066),
            ("risk_averse", 60.0),
        ] {
            let mut place = Place::behind(qty(60));
            place.level_changed((qty(100), qty(80)), 1.0, &*model(name));
            let found = place.ahead as f64 / FINE as f64;
            assert!((found - ahead).abs() < 1e-5, "{name}: {found} instead of {ahead}");
        }
    }

    #[test]
    fn a_place_moves_with_prints_and_never_back() {
        let averse = &*model("risk_averse");
        let mut place = Place::behind(qty(10));
        assert_eq!(place.serve(qty(4), qty(1)), Qty::ZERO);
        // The level tells of the same trade: it moves nobody twice.
        place.level_changed((qty(10), qty(6)), 1.0, averse);
        assert_eq!(place.ahead_qty(), qty(6));
        place.level_changed((qty(6), qty(50)), 1.0, averse);
        assert_eq!(place.ahead_qty(), qty(6), "who comes later stands behind");
        place.level_changed((qty(50), qty(5)), 1.0, averse);
        assert_eq!(place.ahead_qty(), qty(5), "no more than the level shows");
        assert_eq!(place.serve(qty(5), qty(1)), Qty::ZERO);
        assert_eq!(place.serve(qty(3), qty(1)), qty(3));
        assert_eq!((place.ahead_qty(), place.entry_qty()), (Qty::ZERO, qty(10)));
    }
}
