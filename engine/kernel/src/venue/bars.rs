//! Matching on bars: orders walk the bar's path in the order of its prices.
//!
//! Enters: a bar that touches an order. Leaves: reports in the order of the path. Invariants: an
//! order acts from its arrival to its expiry only; nothing is known inside a bar but the path that
//! the venue's model assumes; all orders together take no more than their share of the volume. A
//! path is tried on copies, so two can be compared and one kept.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tapedeck_model::number::pow10;
use tapedeck_model::order::FillBasis;
use tapedeck_model::{Amount, Bar, FillReport, Liquidity, Price, Qty, RecordRef, Side, Ts, VenueReport};

use super::desk::{Hold, Stance, Working};
use super::fills::{Hand, Offer, Terms};
use super::funds::Funds;
use super::path::{Extremes, Moment, Path};
use super::scene::{Parts, Scene};
use super::shift::Drift;
use super::{BarRules, LimitFill, PathModel, TimedReport, VenueError};

/// What an order does next on the path. Ordered as it happens, at a tie by arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    moment: Moment,
    /// Position among the orders of the trial, in order of arrival.
    order: usize,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Expire,
    /// First point of the bar at which it is active.
    Start,
    /// Its trigger or limit is reached.
    Reach,
    /// Its parent was filled.
    Wake,
}

/// The orders whose next step is known, by that step.
type Agenda = BinaryHeap<Reverse<Step>>;

/// One path through one bar, on copies. Kept and reused, so that trying allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Trial {
    orders: Vec<Working>,
    /// Where they stand at the desk.
    places: Vec<usize>,
    positions: Vec<Qty>,
    funds: Funds,
    trade_id_last: u64,
    reports: Vec<TimedReport>,
    agenda: Agenda,
    end: End,
}

/// How far a path was gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct End {
    /// The last moment at which an order acted, if one did; margin was looked at up to it.
    since: Option<Moment>,
    /// Whether it was stopped there, because margin runs out.
    stopped: bool,
}

/// What came of a bar's orders.
pub(super) struct Walked {
    /// Whether it depended on the path.
    pub(super) ambiguous: bool,
    /// What a margin account has still to look at.
    pub(super) rest: Rest,
}

/// The part of a path that nobody's orders act on any more.
pub(super) struct Rest {
    path: Path,
    pub(super) since: Moment,
}

impl Rest {
    /// Where it first breaches something; see [`Path::first_breach`].
    pub(super) fn first_breach(&self, breaches: impl Fn(Price, Ts) -> bool) -> Option<(Moment, Price)> {
        self.path.first_breach(self.since, None, breaches)
    }
}

/// The path through a bar that touches no order.
pub(super) fn whole_path(bar: &Bar, model: PathModel) -> Rest {
    let path = Path::new(bar, extremes(bar, model));
    Rest { path, since: path.open().0 }
}

/// Which extreme comes first; of two that are to be compared, in the first one.
fn extremes(bar: &Bar, model: PathModel) -> Extremes {
    match model {
        PathModel::Adaptive => Extremes::adaptive(bar),
        PathModel::Ohlc | PathModel::Best | PathModel::Worst => Extremes::HighFirst,
        PathModel::Olhc => Extremes::LowFirst,
    }
}

/// What a path goes over: copies, or the desk itself.
struct Stage<'a> {
    hand: Hand<'a>,
    /// What may still be taken of the bar's volume; `None` for no bound.
    budget: Option<Qty>,
    end: End,
}

/// What is the same for every order of a bar.
#[derive(Clone, Copy)]
struct Play<'a> {
    terms: Terms<'a>,
    bar: &'a Bar,
    at: RecordRef,
    path: Path,
    limit_fill: LimitFill,
    /// Nobody traded, so nobody trades with us.
    dead: bool,
    observations: u64,
    /// How far ahead of the path triggers may see as the bar begins.
    drift: Drift,
}

/// Matches a bar.
///
/// # Errors
/// [`VenueError::Overflow`].
pub(super) fn on_bar(
    scene: &mut Scene<'_>,
    rules: &BarRules,
    trials: &mut [Trial; 2],
    at: RecordRef,
    bar: &Bar,
) -> Result<Walked, VenueError> {
    let Parts { terms, hand, observations, .. } = scene.parts();
    let lot = terms.instrument.rules_at(bar.ts_event).lot_size;
    let budget = rules.participation.map(|share| share.of(bar.volume).floor_to(lot));
    let mut stage = Stage { hand, budget, end: End::default() };
    let chosen = extremes(bar, rules.path);
    let [first, second] = trials;
    let play = Play {
        terms,
        bar,
        at,
        path: Path::new(bar, chosen),
        limit_fill: rules.limit_fill,
        dead: rules.participation.is_some() && bar.volume <= Qty::ZERO,
        observations: *observations,
        drift: terms.slippage.drift(),
    };
    let other = Play { path: Path::new(bar, chosen.other()), ..play };
    let branching = |order: &Working| order.stance() != Stance::Market || order.arrived > bar.ts_open();
    let (mut ambiguous, mut path) = (false, play.path);
    if other.path == play.path
        || play.dead
        || !stage.hand.orders.iter().any(|order| play.concerns(order) && branching(order))
    {
        // Whatever the path, the outcome is the same: no need to try.
        stage.walk(&play, &mut first.agenda)?;
    } else {
        // Each path moves the price from where it stands.
        let impact = play.terms.slippage.impact;
        let before = impact.get();
        second.run(&stage, &other)?;
        let after_second = impact.replace(before);
        first.run(&stage, &play)?;
        ambiguous = first.differs_from(second);
        // A path on which margin runs out leaves less than one on which it does not.
        let rank = |trial: &Trial, play| Ok((!trial.end.stopped, trial.worth(play)?));
        let swap = match rules.path {
            PathModel::Worst => rank(second, &other)? < rank(first, &play)?,
            PathModel::Best => rank(second, &other)? > rank(first, &play)?,
            PathModel::Adaptive | PathModel::Ohlc | PathModel::Olhc => false,
        };
        if swap {
            std::mem::swap(first, second);
            path = other.path;
            impact.set(after_second);
        }
        first.commit(&mut stage);
    }
    // A bar without trades shows nobody whether an order rests.
    let rest = Rest { path, since: stage.end.since.unwrap_or_else(|| path.open().0) };
    *observations += u64::from(!play.dead);
    Ok(Walked { ambiguous, rest })
}

impl Trial {
    /// Goes along a path on copies of all that the bar may change.
    fn run(&mut self, stage: &Stage<'_>, play: &Play<'_>) -> Result<(), VenueError> {
        self.orders.clear();
        self.places.clear();
        for (place, order) in stage.hand.orders.iter().enumerate() {
            if play.concerns(order) {
                self.orders.push(*order);
                self.places.push(place);
            }
        }
        self.positions.clear();
        self.positions.extend_from_slice(stage.hand.positions);
        self.funds.clone_from(stage.hand.funds);
        self.trade_id_last = *stage.hand.trade_id_last;
        self.reports.clear();
        let Self { orders, positions, funds, trade_id_last, reports, agenda, .. } = self;
        let self_trade = stage.hand.self_trade;
        let observed = play.observations;
        let out = reports;
        let hand = Hand { orders, stirred: &mut false, self_trade, observed, positions, funds, trade_id_last, out };
        let mut copy = Stage { hand, budget: stage.budget, end: End::default() };
        copy.walk(play, agenda)?;
        self.end = copy.end;
        Ok(())
    }

    /// Makes the copies the truth.
    fn commit(&mut self, stage: &mut Stage<'_>) {
        for (order, place) in self.orders.iter().zip(&self.places) {
            stage.hand.orders[*place] = *order;
        }
        stage.hand.positions.copy_from_slice(&self.positions);
        stage.hand.funds.clone_from(&self.funds);
        *stage.hand.trade_id_last = self.trade_id_last;
        stage.hand.out.append(&mut self.reports);
        stage.end = self.end;
    }

    fn fills(&self) -> impl Iterator<Item = &FillReport> {
        self.reports.iter().filter_map(|timed| match &timed.report {
            VenueReport::Filled(fill) => Some(fill),
            VenueReport::Accepted { .. }
            | VenueReport::Rejected { .. }
            | VenueReport::Triggered { .. }
            | VenueReport::Replaced { .. }
            | VenueReport::AmendRejected { .. }
            | VenueReport::CancelRejected { .. }
            | VenueReport::Canceled { .. }
            | VenueReport::Held { .. }
            | VenueReport::Activated { .. }
            | VenueReport::Resized { .. }
            | VenueReport::Expired { .. }
            | VenueReport::Liquidated(_)
            | VenueReport::Bankrupt(_)
            | VenueReport::Funding(_)
            | VenueReport::Settled(_)
            | VenueReport::HoldingSettled(_)
            | VenueReport::Interest(_)
            | VenueReport::LoanLiquidated(_)
            | VenueReport::MarginCalled(_) => None,
        })
    }

    /// Whether the two paths gave other fills, whatever their times and their sequence.
    fn differs_from(&self, other: &Self) -> bool {
        let same = |a: &FillReport, b: &FillReport| {
            (a.client_order_id, a.last_px, a.last_qty, a.liquidity)
                == (b.client_order_id, b.last_px, b.last_qty, b.liquidity)
        };
        let count = |trial: &Self, fill: &FillReport| trial.fills().filter(|f| same(f, fill)).count();
        self.end.stopped != other.end.stopped
            || self.fills().count() != other.fills().count()
            || self.fills().any(|fill| count(self, fill) != count(other, fill))
    }

    /// What the fills leave us with at the bar's close: money received, inventory at the close, less fees.
    fn worth(&self, play: &Play<'_>) -> Result<Amount, VenueError> {
        let instrument = play.terms.instrument;
        let mut worth = Amount::ZERO;
        for fill in self.fills() {
            let side = self.orders.iter().find(|o| o.id == fill.client_order_id).map(|o| o.request.side);
            let gain = side.and_then(|side| {
                let paid = instrument.notional(fill.last_px, fill.last_qty)?;
                let held = instrument.notional(play.bar.close, fill.last_qty)?;
                let gain = match side {
                    Side::Buy => instrument.gain(paid, held)?,
                    Side::Sell => instrument.gain(held, paid)?,
                };
                let fee = if fill.fee_currency == instrument.base && fill.fee_currency != instrument.value_currency() {
                    let one = i64::try_from(pow10(instrument.price_scale)).ok()?;
                    fill.fee.mul_div(play.bar.close.raw(), one)?
                } else if let Some(token) = play.terms.token.filter(|token| token.currency() == fill.fee_currency) {
                    token.worth(fill.fee, fill.ts_event)?
                } else {
                    fill.fee
                };
                worth.checked_add(gain)?.checked_sub(fee)
            });
            worth = gain.ok_or_else(|| VenueError::Overflow { instrument: instrument.id.to_string() })?;
        }
        Ok(worth)
    }
}

impl Stage<'_> {
    /// Takes every concerned order along the path, in the order of what happens.
    fn walk(&mut self, play: &Play<'_>, agenda: &mut Agenda) -> Result<(), VenueError> {
        agenda.clear();
        for (place, order) in self.hand.orders.iter().enumerate().filter(|(_, order)| play.concerns(order)) {
            let start = (order.stance() != Stance::Away).then(|| (play.start_of(order).0, What::Start));
            agenda.extend(next_step(order, place, play.bar, start).map(Reverse));
        }
        while let Some(Reverse(mut step)) = agenda.pop() {
            loop {
                if self.runs_out_before(play, &step) {
                    return Ok(());
                }
                let Some(next) = self.take(play, step)? else { break };
                self.wake(play, step.moment, agenda);
                // It goes on at once, unless another one comes before it.
                if agenda.peek().is_some_and(|Reverse(other)| *other < next) {
                    agenda.push(Reverse(next));
                    break;
                }
                step = next;
            }
            self.wake(play, step.moment, agenda);
        }
        Ok(())
    }

    /// Orders whose parents were filled at `moment` go along the path from there.
    fn wake(&mut self, play: &Play<'_>, moment: Moment, agenda: &mut Agenda) {
        if !std::mem::take(self.hand.stirred) {
            return;
        }
        for (place, order) in self.hand.orders.iter_mut().enumerate().filter(|(_, order)| order.hold == Hold::Woken) {
            (order.hold, order.arrived, order.arrived_at) = (Hold::Live, moment.ts, play.observations);
            if !order.done {
                agenda.extend(next_step(order, place, play.bar, Some((moment, What::Wake))).map(Reverse));
            }
        }
    }

    /// Whether margin runs out on the way to a step: then no order acts any more, and what is to be done
    /// about it is not the orders' affair.
    fn runs_out_before(&mut self, play: &Play<'_>, step: &Step) -> bool {
        let funds = &*self.hand.funds;
        let ix = play.terms.instrument.ix;
        // The moment of an expiry says nothing about the price.
        if step.what == What::Expire || !funds.follows_last(ix) {
            return false;
        }
        let since = self.end.since.unwrap_or_else(|| play.path.open().0);
        let breach = if funds.is_watched(ix) {
            play.path.first_breach(since, Some(step.moment), |px, ts| funds.is_breached_at(ix, px, ts))
        } else {
            None
        };
        self.end = match breach {
            Some((moment, _)) => End { since: Some(moment), stopped: true },
            None => End { since: Some(step.moment.max(since)), stopped: false },
        };
        self.end.stopped
    }

    /// Takes one step of an order; gives its next one.
    fn take(&mut self, play: &Play<'_>, step: Step) -> Result<Option<Step>, VenueError> {
        let Self { hand, budget, .. } = self;
        let order = &hand.orders[step.order];
        if order.done {
            // Another order's fate was its own.
            return Ok(None);
        }
        let next = match step.what {
            What::Expire => {
                hand.expire(step.order);
                None
            }
            What::Start | What::Reach | What::Wake if play.dead => {
                if !order.waits() {
                    hand.end_if_immediate(step.order, step.moment.ts);
                }
                None
            }
            What::Start => play.start(hand, step.order, budget)?,
            What::Wake => play.wake(hand, step.order, step.moment, budget)?,
            What::Reach => play.reach(hand, step.order, step.moment, budget)?,
        };
        let order = &hand.orders[step.order];
        if order.done {
            return Ok(None);
        }
        Ok(next_step(order, step.order, play.bar, next.map(|moment| (moment, What::Reach))))
    }
}

/// An order's next step: `next`, or its expiry if that comes before; `None` if nothing more happens to
/// it in this bar.
fn next_step(order: &Working, place: usize, bar: &Bar, next: Option<(Moment, What)>) -> Option<Step> {
    match next {
        Some((moment, what)) if moment.ts < order.expiry => Some(Step { moment, order: place, what }),
        Some(_) | None if order.expiry <= bar.ts_event => {
            Some(Step { moment: Path::end_at(order.expiry), order: place, what: What::Expire })
        }
        Some(_) | None => None,
    }
}

impl Play<'_> {
    /// Whether the bar may do anything to an order; only these are copied and walked.
    fn concerns(&self, order: &Working) -> bool {
        let bar = self.bar;
        let touched = match (order.stance(), order.request.side) {
            (Stance::Market, _) => true,
            (Stance::Limit(px), Side::Buy) => bar.low <= px || order.is_immediate(),
            (Stance::Limit(px), Side::Sell) => bar.high >= px || order.is_immediate(),
            (Stance::Stop(px), Side::Buy) => bar.high >= self.drift.nearest(px, Side::Buy),
            (Stance::Stop(px), Side::Sell) => bar.low <= self.drift.nearest(px, Side::Sell),
            (Stance::Touch(px), Side::Buy) => bar.low <= px,
            (Stance::Touch(px), Side::Sell) => bar.high >= px,
            // Whatever it begins with, follows or is reached by.
            (Stance::Trail, _) => true,
            (Stance::Away, _) => false,
        };
        // What another order's fill may change goes along with it.
        touched || order.expiry <= bar.ts_event || order.request.terms.group.is_some() || order.request.only_reduces()
    }

    /// Where the order becomes active: the open, or the point of the path at which it arrived.
    fn start_of(&self, order: &Working) -> (Moment, Price, FillBasis) {
        if order.arrived > self.bar.ts_open() {
            let (moment, px) = self.path.at(order.arrived, order.request.side);
            (moment, self.on_tick(px, order), FillBasis::BarArrival)
        } else {
            let (moment, px) = self.path.open();
            (moment, px, FillBasis::BarOpen)
        }
    }

    /// A price between ticks, against the order.
    fn on_tick(&self, px: Price, order: &Working) -> Price {
        let tick = self.terms.instrument.rules_at(order.arrived).tick_size;
        match order.request.side {
            Side::Buy => px.ceil_to(tick),
            Side::Sell => px.floor_to(tick).max(tick),
        }
    }

    /// The order's first point in this bar. Returns when it acts next.
    fn start(&self, hand: &mut Hand<'_>, place: usize, budget: &mut Option<Qty>) -> Result<Option<Moment>, VenueError> {
        let (moment, px, basis) = self.start_of(&hand.orders[place]);
        let fresh = hand.orders[place].arrived_at == self.observations;
        self.meet(hand, place, Meeting { moment, px, basis, fresh }, budget)
    }

    /// The order's parent was filled here: it arrives. Returns when it acts next.
    fn wake(
        &self,
        hand: &mut Hand<'_>,
        place: usize,
        moment: Moment,
        budget: &mut Option<Qty>,
    ) -> Result<Option<Moment>, VenueError> {
        let px = self.on_tick(self.path.px_of(moment), &hand.orders[place]);
        self.meet(hand, place, Meeting { moment, px, basis: FillBasis::BarArrival, fresh: true }, budget)
    }

    /// The path reached the order's trigger or limit. Returns when it acts next.
    fn reach(
        &self,
        hand: &mut Hand<'_>,
        place: usize,
        moment: Moment,
        budget: &mut Option<Qty>,
    ) -> Result<Option<Moment>, VenueError> {
        let order = &hand.orders[place];
        let at = |px| Meeting { moment, px, basis: FillBasis::BarPath, fresh: false };
        match order.stance() {
            Stance::Stop(_) | Stance::Touch(_) | Stance::Trail => {
                self.meet(hand, place, at(self.path.px_of(moment)), budget)
            }
            Stance::Limit(limit) => {
                let enough = self.resting_level(order, limit, moment.ts);
                if !order.within(self.path.px_of(moment), enough) {
                    // The market was moved away since the order looked where the path leads.
                    return Ok(self.path.reaches(moment, enough, order.request.side == Side::Sell));
                }
                self.fill(hand, place, (&at(limit), Liquidity::Maker), budget)?;
                Ok(None)
            }
            Stance::Market | Stance::Away => Ok(None),
        }
    }

    /// One order at one price of the path. Returns when it acts next.
    fn meet(
        &self,
        hand: &mut Hand<'_>,
        place: usize,
        mut meeting: Meeting,
        budget: &mut Option<Qty>,
    ) -> Result<Option<Moment>, VenueError> {
        let (px, ts) = (meeting.px, meeting.moment.ts);
        if !hand.works_at(&self.terms, place, (px, ts), &mut meeting.fresh) {
            return Ok(self.trigger_ahead(&mut hand.orders[place], &meeting));
        }
        let order = hand.orders[place];
        let Stance::Limit(limit) = order.stance() else {
            self.fill(hand, place, (&meeting, Liquidity::Taker), budget)?;
            return Ok(None);
        };
        let takes = meeting.fresh && !order.request.post_only;
        let shift = self.terms.shift(order.request.side, ts);
        if takes && order.within(meeting.px, shift.met_at(limit)) {
            self.fill(hand, place, (&meeting, Liquidity::Taker), budget)?;
            hand.rest(place, limit, meeting.moment.ts);
            return Ok(None);
        }
        let enough = self.resting_level(&order, limit, ts);
        if !takes && order.within(meeting.px, enough) {
            if meeting.fresh || shift.is_some() {
                // It was to rest, so it was there when the price came to it; where a moved market opens is not told.
                meeting.px = limit;
            }
            self.fill(hand, place, (&meeting, Liquidity::Maker), budget)?;
            return Ok(None);
        }
        if meeting.fresh {
            hand.end_if_immediate(place, meeting.moment.ts);
            hand.rest(place, limit, meeting.moment.ts);
        }
        Ok(self.path.reaches(meeting.moment, enough, order.request.side == Side::Sell))
    }

    /// When the path reaches the trigger of an order that waits for one.
    fn trigger_ahead(&self, order: &mut Working, meeting: &Meeting) -> Option<Moment> {
        let is_buy = order.request.side == Side::Buy;
        let shift = self.terms.shift(order.request.side, meeting.moment.ts);
        match order.stance() {
            Stance::Stop(px) => self.path.reaches(meeting.moment, shift.on_tape(px), is_buy),
            Stance::Touch(px) => self.path.reaches(meeting.moment, shift.on_tape(px), !is_buy),
            Stance::Trail => {
                let tick = self.terms.instrument.rules_at(meeting.moment.ts).tick_size;
                self.path.trail((meeting.moment, meeting.px), order, (shift, tick))
            }
            Stance::Market | Stance::Limit(_) | Stance::Away => None,
        }
    }

    /// How far the price must come at `ts` for a resting limit order to fill.
    fn resting_level(&self, order: &Working, limit: Price, ts: Ts) -> Price {
        let limit = self.terms.shift(order.request.side, ts).met_at(limit);
        match self.limit_fill {
            LimitFill::Touch => limit,
            LimitFill::Through => {
                let tick = self.terms.instrument.rules_at(self.bar.ts_event).tick_size.raw();
                Price::from_raw(limit.raw().saturating_sub(tick * order.request.side.sign()))
            }
        }
    }

    fn fill(
        &self,
        hand: &mut Hand<'_>,
        place: usize,
        (meeting, liquidity): (&Meeting, Liquidity),
        budget: &mut Option<Qty>,
    ) -> Result<(), VenueError> {
        let offer = Offer {
            record: self.at,
            ts: meeting.moment.ts,
            basis: meeting.basis,
            liquidity,
            reference_px: meeting.px,
            limit_px: hand.orders[place].request.kind.limit_px(),
            available_qty: *budget,
            market_qty: self.bar.volume,
            queue_entry_qty: Qty::ZERO,
            queue_ahead_qty: Qty::ZERO,
            more_follow: false,
            half_spread: None,
            own_side_px: None,
        };
        let filled = hand.execute(&self.terms, place, &offer)?;
        if let Some(left) = budget {
            *left = Qty::from_raw(left.raw() - filled.raw());
        }
        Ok(())
    }
}

/// An order and a price of the path.
#[derive(Clone, Copy)]
struct Meeting {
    moment: Moment,
    px: Price,
    basis: FillBasis,
    /// Whether the order sees a price for the first time.
    fresh: bool,
}
