//! What stands between an arriving command and matching: outages, refusals at random, limits on how
//! many orders are taken; and what holds messages up.
//!
//! Enters: commands at their arrival, delays and arrivals of messages. Leaves: a reason to refuse, or a
//! later time. Invariants: what is refused reaches no order; a draw depends on the command's own number
//! alone. Deliberately absent: data, which the driver keeps from us.

use tapedeck_model::number::pow10;
use tapedeck_model::order::RejectReason;
use tapedeck_model::param::ParamError;
use tapedeck_model::random::Draws;
use tapedeck_model::{ClientOrderId, Command, Decimal, Span, StrategyIx, Ts, VenueReport};

/// How many orders a venue takes: new ones and amendments of the whole account, counted from every
/// multiple of the interval since 1970, as exchanges count them. Cancels are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many.
    pub orders: u64,
    /// In which time, above zero.
    pub interval: Span,
}

/// A factor as a fraction of whole numbers, at least zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor {
    /// Above the line.
    pub num: i64,
    /// Below the line, above zero.
    pub den: i64,
}

impl Factor {
    /// Of a decimal that is not below zero.
    ///
    /// # Errors
    /// [`ParamError`] without a name if it has too many digits.
    pub fn new(value: Decimal) -> Result<Self, ParamError> {
        let value = value.normalize();
        let whole = |number: i128| i64::try_from(number).map_err(|_| ParamError::new("", "has too many digits"));
        Ok(Self { num: whole(value.mantissa().max(0))?, den: whole(pow10(value.scale() as u8))? })
    }

    /// So many times a number that is not below zero, rounded up; `None` on overflow.
    pub fn of(self, number: i64) -> Option<i64> {
        let product = i128::from(number) * i128::from(self.num);
        i64::try_from(-(-product).div_euclid(i128::from(self.den))).ok()
    }
}

/// What is wrong with a venue, or with the way to it.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// It cannot be reached: no data and no reports come from it, commands that arrive are refused.
    Outage,
    /// Its data do not reach us.
    FeedGap,
    /// Our line is cut: no data, no reports, commands do not leave.
    Disconnect,
    /// A part of new orders and amendments is refused.
    Reject {
        /// Which part, from 0 to 1.
        probability: f64,
        /// Keyed by what asks for it.
        draws: Draws,
    },
    /// It takes no more orders than this.
    RateLimit(RateLimit),
    /// Messages sent meanwhile take so many times as long, both ways.
    Slow(Factor),
}

impl Trouble {
    /// Whether data do not reach us.
    pub const fn stops_data(&self) -> bool {
        match self {
            Self::Outage | Self::FeedGap | Self::Disconnect => true,
            Self::Reject { .. } | Self::RateLimit(_) | Self::Slow(_) => false,
        }
    }

    /// Whether reports do not reach us before it is over.
    const fn holds_reports(&self) -> bool {
        match self {
            Self::Outage | Self::Disconnect => true,
            Self::FeedGap | Self::Reject { .. } | Self::RateLimit(_) | Self::Slow(_) => false,
        }
    }
}

/// When a trouble holds.
#[derive(Debug, Clone)]
pub struct Window {
    /// First instant.
    pub from: Ts,
    /// First instant after it.
    pub until: Ts,
    /// What.
    pub trouble: Trouble,
}

impl Window {
    fn holds(&self, now: Ts) -> bool {
        self.from <= now && now < self.until
    }
}

/// Longest delay that can come out: a day, as for every latency model.
const DELAY_NS_MAX: i64 = 86_400_000_000_000;

/// Orders taken since a multiple of the interval.
#[derive(Debug, Clone, Copy)]
struct Taken {
    since: Ts,
    orders: u64,
}

/// The windows of a venue.
#[derive(Debug)]
pub(super) struct Gate {
    /// With what a limit on the rate has taken.
    windows: Vec<(Window, Taken)>,
    /// Amendments that arrived, by strategy, for the numbers of their draws.
    amendments: Vec<u64>,
    /// The group of which an order came last, and what was decided of it.
    group: Option<((StrategyIx, u32), Option<RejectReason>)>,
}

impl Gate {
    pub(super) fn new(windows: Vec<Window>) -> Self {
        let windows = windows.into_iter().map(|window| (window, Taken { since: Ts::MIN, orders: 0 })).collect();
        Self { windows, amendments: Vec::new(), group: None }
    }

    /// Why a command that arrives at `now` is refused, if it is.
    /// A group is one message: what is decided of its first order holds for the others.
    pub(super) fn refusal(&mut self, now: Ts, command: &Command) -> Option<RejectReason> {
        let group = match command {
            Command::Submit { client_order_id, request } => {
                request.terms.group.map(|leg| (client_order_id.strategy, leg.first))
            }
            Command::Amend { .. } | Command::Cancel { .. } | Command::CancelAll { .. } => None,
        };
        if let Some((known, reason)) = self.group.filter(|(known, _)| Some(*known) == group) {
            self.group = Some((known, reason));
            return reason;
        }
        let reason = self.judge(now, command);
        self.group = group.map(|group| (group, reason));
        reason
    }

    fn judge(&mut self, now: Ts, command: &Command) -> Option<RejectReason> {
        let (number, is_order) = match command {
            Command::Submit { client_order_id, .. } => (u64::from(client_order_id.number), true),
            Command::Amend { client_order_id, .. } => (self.count_amendment(*client_order_id), true),
            Command::Cancel { .. } | Command::CancelAll { .. } => (0, false),
        };
        let mut found = None;
        for (window, taken) in self.windows.iter_mut().filter(|(window, _)| window.holds(now)) {
            let reason = match &window.trouble {
                Trouble::Outage => Some(RejectReason::VenueUnavailable),
                Trouble::RateLimit(limit) if is_order => limit.take(now, taken),
                Trouble::Reject { probability, draws } if is_order => {
                    (draws.stream(number).uniform() < *probability).then_some(RejectReason::VenueBusy)
                }
                Trouble::RateLimit(_)
                | Trouble::Reject { .. }
                | Trouble::FeedGap
                | Trouble::Disconnect
                | Trouble::Slow(_) => None,
            };
            // The first one is told; those after it do not count what it refused.
            if reason.is_some() {
                found = reason;
                break;
            }
        }
        found
    }

    /// Order numbers have 32 bits: amendments draw from streams above them.
    fn count_amendment(&mut self, id: ClientOrderId) -> u64 {
        let strategy = id.strategy.usize();
        if self.amendments.len() <= strategy {
            self.amendments.resize(strategy + 1, 0);
        }
        let Some(count) = self.amendments.get_mut(strategy) else { return 0 };
        *count += 1;
        (1 << 32) + *count
    }

    /// Whether commands sent now do not leave.
    pub(super) fn is_cut_off(&self, now: Ts) -> bool {
        self.windows.iter().any(|(window, _)| matches!(window.trouble, Trouble::Disconnect) && window.holds(now))
    }

    /// When a report that would arrive at `arrival` does.
    pub(super) fn delivered(&self, mut arrival: Ts) -> Ts {
        let holds = |window: &Window, ts: Ts| window.trouble.holds_reports() && window.holds(ts);
        while let Some((window, _)) = self.windows.iter().find(|(window, _)| holds(window, arrival)) {
            // A window holds its first instant and not its end: this goes on.
            arrival = window.until;
        }
        arrival
    }

    /// The delay of a message sent at `now` whose model says `delay_ns`.
    pub(super) fn slowed(&self, now: Ts, delay_ns: i64) -> i64 {
        let mut delay = i128::from(delay_ns);
        for (window, _) in self.windows.iter().filter(|(window, _)| window.holds(now)) {
            if let Trouble::Slow(Factor { num, den }) = window.trouble {
                delay = (delay * i128::from(num) / i128::from(den)).min(i128::from(DELAY_NS_MAX));
            }
        }
        i64::try_from(delay).unwrap_or(DELAY_NS_MAX)
    }
}

impl RateLimit {
    /// From parameters.
    ///
    /// # Errors
    /// [`ParamError`] at `interval_key` for an interval that is not above zero.
    pub fn new(orders: i64, interval: Span, interval_key: &str) -> Result<Self, ParamError> {
        if interval <= Span::ZERO {
            return Err(ParamError::new(interval_key, "must be above zero"));
        }
        Ok(Self { orders: orders.max(0).unsigned_abs(), interval })
    }

    /// Counts an order, or says why it is refused; refused ones are not counted.
    fn take(&self, now: Ts, taken: &mut Taken) -> Option<RejectReason> {
        let since = now.floor_to(self.interval);
        if taken.since != since {
            *taken = Taken { since, orders: 0 };
        }
        if taken.orders >= self.orders {
            return Some(RejectReason::RateLimited);
        }
        taken.orders += 1;
        None
    }
}

/// What is said of a command about one order that is refused whatever it asks for; a cancel of all is told of by
/// whoever knows the orders.
pub(crate) fn refused(command: &Command, reason: RejectReason) -> Option<VenueReport> {
    match *command {
        Command::Submit { client_order_id, .. } => Some(VenueReport::Rejected { client_order_id, reason }),
        Command::Amend { client_order_id, .. } => Some(VenueReport::AmendRejected { client_order_id, reason }),
        Command::Cancel { client_order_id } => Some(VenueReport::CancelRejected { client_order_id, reason }),
        Command::CancelAll { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_model::{InstrumentIx, OrderRequest, Qty, Side};

    fn ts(seconds: i64) -> Ts {
        Ts::from_nanos(seconds * 1_000_000_000)
    }

    fn window(from: i64, until: i64, trouble: Trouble) -> Window {
        Window { from: ts(from), until: ts(until), trouble }
    }

    fn order(number: u32) -> Command {
        let client_order_id = ClientOrderId { strategy: StrategyIx(0), number };
        Command::Submit { client_order_id, request: OrderRequest::market(InstrumentIx(0), Side::Buy, Qty::from_raw(1)) }
    }

    fn cancel(number: u32) -> Command {
        Command::Cancel { client_order_id: ClientOrderId { strategy: StrategyIx(0), number } }
    }

    #[test]
    fn an_outage_refuses_everything_from_its_first_instant_to_before_its_end() {
        let mut gate = Gate::new(vec![window(10, 20, Trouble::Outage)]);
        let found: Vec<bool> = [9, 10, 19, 20].map(|at| gate.refusal(ts(at), &cancel(1)).is_some()).to_vec();
        assert_eq!(found, [false, true, true, false]);
        assert_eq!(gate.refusal(ts(10), &order(1)), Some(RejectReason::VenueUnavailable));
    }

    #[test]
    fn a_limit_counts_orders_from_every_multiple_of_its_interval() {
        let limit = RateLimit { orders: 2, interval: Span::from_nanos(10_000_000_000) };
        let mut gate = Gate::new(vec![window(0, 100, Trouble::RateLimit(limit))]);
        let mut at = |seconds: i64, command: &Command| gate.refusal(ts(seconds), command);
        assert_eq!([at(8, &order(1)), at(9, &order(2))], [None, None]);
        assert_eq!(at(9, &order(3)), Some(RejectReason::RateLimited));
        assert_eq!(at(9, &cancel(1)), None, "cancels are not counted");
        assert_eq!(at(10, &order(4)), None, "a new interval");
    }

    #[test]
    fn refusals_at_random_depend_on_the_number_alone_and_come_as_often_as_said() {
        let trouble = || Trouble::Reject { probability: 0.3, draws: Draws::new(1, "venue/SIM/reject") };
        let mut gate = Gate::new(vec![window(0, 100, trouble())]);
        let refused: Vec<u32> = (1..=2_000).filter(|n| gate.refusal(ts(1), &order(*n)).is_some()).collect();
        assert!((540..660).contains(&refused.len()), "{}", refused.len());
        let mut other = Gate::new(vec![window(0, 100, trouble())]);
        assert!(refused.iter().rev().all(|n| other.refusal(ts(50), &order(*n)) == Some(RejectReason::VenueBusy)));
    }

    #[test]
    fn reports_wait_for_the_end_of_all_that_holds_them() {
        let gate = Gate::new(vec![
            window(20, 30, Trouble::Disconnect),
            window(10, 20, Trouble::Outage),
            window(30, 40, Trouble::FeedGap),
        ]);
        assert_eq!([5, 10, 29, 30].map(|at| gate.delivered(ts(at))), [ts(5), ts(30), ts(30), ts(30)]);
        assert_eq!([19, 20, 30].map(|at| gate.is_cut_off(ts(at))), [false, true, false]);
    }

    #[test]
    fn slow_messages_take_a_day_at_most() {
        let half_more = Factor { num: 5, den: 2 };
        let gate = Gate::new(vec![window(0, 10, Trouble::Slow(half_more)), window(5, 10, Trouble::Slow(half_more))]);
        assert_eq!([0, 5, 10].map(|at| gate.slowed(ts(at), 100)), [250, 625, 100]);
        assert_eq!(gate.slowed(ts(5), i64::MAX), DELAY_NS_MAX);
    }
}
