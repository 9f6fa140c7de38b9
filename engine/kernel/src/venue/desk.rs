//! The desk of one instrument: working orders in order of arrival, what was seen last, and the
//! window of prices that would touch an order.
//!
//! Enters: records and accepted orders. Leaves: whether a record touches anything. Invariants:
//! orders stand in order of arrival; an untouched record costs a few comparisons whatever the
//! number of orders; state grows with open orders only, never with the history. Deliberately
//! absent: how orders are filled, which is each kind of record's own affair.

use tapedeck_model::book::Change;
use tapedeck_model::order::RejectReason;
use tapedeck_model::port::QueueModel;
use tapedeck_model::{
    Bar, BookLaw, ClientOrderId, DepthFlags, DepthTick, Instrument, Levels, MarkTick, MarketRecord, OrderKind,
    OrderRequest, PositionMode, PositionSide, Price, Qty, QuoteTick, RecordRef, Side, Span, StrategyIx, TimeInForce,
    TriggerBy, Ts,
};

use super::RecordKind;
use super::depth::{self, Depth, by_order};
use super::gate::Factor;
use super::queue::Place;
use super::shift::Drift;
use super::triggers::Trailed;

/// A working order of ours at the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Working {
    pub(super) id: ClientOrderId,
    pub(super) request: OrderRequest,
    pub(super) cum_qty: Qty,
    /// Whether its trigger was reached; from then on it is a market or a limit order.
    pub(super) triggered: bool,
    /// Whether it waits for its parent.
    pub(super) hold: Hold,
    /// What a trailing stop follows.
    pub(super) trail: Trailed,
    /// Of an iceberg: how much shows, and how often it was shown anew.
    pub(super) shown: Qty,
    pub(super) refreshes: u32,
    /// Since when it stands as it does: its arrival or its last amendment.
    pub(super) arrived: Ts,
    /// The desk's count of observations at that time: no other count means that it was observed.
    pub(super) arrived_at: u64,
    /// From when on it can fill no more.
    pub(super) expiry: Ts,
    /// On prints alone: what must trade at its price before it does; `None`: everything.
    pub(super) queue_ahead: Option<Qty>,
    /// On an order book: where it stands in its level.
    pub(super) place: Place,
    /// Fills so far, for the number of a draw.
    pub(super) fills: u32,
    /// When the last report about it happened.
    pub(super) ts_last: Ts,
    pub(super) done: bool,
}

/// What an order is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stance {
    /// The next price.
    Market,
    /// A price at the limit or better.
    Limit(Price),
    /// A price at the trigger or beyond.
    Stop(Price),
    /// A price at the trigger or better.
    Touch(Price),
    /// A price that falls behind the best one.
    Trail,
    /// No price of this instrument's trading: its parent's fills, or another price.
    Away,
}

/// Whether an order waits for its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Hold {
    /// It works.
    #[default]
    Live,
    /// Its parent has filled nothing.
    Held,
    /// Its parent was filled just now; it works from the end of the record or command on.
    Woken,
}

impl Working {
    pub(super) fn leaves(&self) -> Qty {
        Qty::from_raw(self.request.order_qty.raw() - self.cum_qty.raw())
    }

    pub(super) fn stance(&self) -> Stance {
        if self.hold != Hold::Live {
            return Stance::Away;
        }
        match self.request.kind {
            OrderKind::Market => Stance::Market,
            OrderKind::Limit { limit_px } => Stance::Limit(limit_px),
            kind if !self.triggered => self.stance_before(kind),
            OrderKind::StopLimit { limit_px, .. } | OrderKind::TouchLimit { limit_px, .. } => Stance::Limit(limit_px),
            OrderKind::Stop { .. } | OrderKind::Touch { .. } | OrderKind::Trailing { .. } => Stance::Market,
        }
    }

    /// Whether it waits for its trigger.
    pub(super) fn waits(&self) -> bool {
        match self.stance() {
            Stance::Stop(_) | Stance::Touch(_) | Stance::Trail | Stance::Away => true,
            Stance::Market | Stance::Limit(_) => false,
        }
    }

    /// Whether what does not fill at the first observation is canceled.
    pub(super) fn is_immediate(&self) -> bool {
        match self.request.time_in_force {
            TimeInForce::Ioc | TimeInForce::Fok => true,
            TimeInForce::Gtc | TimeInForce::Gtd(_) | TimeInForce::Day => false,
        }
    }

    /// Whether `px` is the level or better for the side that buys low and sells high.
    pub(super) fn within(&self, px: Price, limit: Price) -> bool {
        match self.request.side {
            Side::Buy => px <= limit,
            Side::Sell => px >= limit,
        }
    }
}

/// From when on an order that arrives at `now` can fill no more.
pub(super) fn expiry_of(time_in_force: TimeInForce, now: Ts) -> Ts {
    match time_in_force {
        TimeInForce::Gtd(until) => until,
        TimeInForce::Day => now.floor_to(Span::DAY).saturating_add(Span::DAY),
        TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok => Ts::MAX,
    }
}

/// The prices that would touch an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    buy_limit_min: Price,
    buy_limit_max: Price,
    sell_limit_min: Price,
    sell_limit_max: Price,
    buy_stop_min: Price,
    sell_stop_max: Price,
    expiry_min: Ts,
    /// Whether an order acts on whatever record comes next.
    eager: bool,
    /// Whether an order looks at mark or index prices.
    watches: bool,
}

impl Window {
    const EMPTY: Self = Self {
        buy_limit_min: Price::from_raw(i64::MAX),
        buy_limit_max: Price::from_raw(i64::MIN),
        sell_limit_min: Price::from_raw(i64::MAX),
        sell_limit_max: Price::from_raw(i64::MIN),
        buy_stop_min: Price::from_raw(i64::MAX),
        sell_stop_max: Price::from_raw(i64::MIN),
        expiry_min: Ts::MAX,
        eager: false,
        watches: false,
    };

    fn admit(&mut self, order: &Working, drift: Drift) {
        self.expiry_min = self.expiry_min.min(order.expiry);
        match (order.stance(), order.request.side) {
            (Stance::Market, _) => self.eager = true,
            (Stance::Limit(px), Side::Buy) => {
                self.buy_limit_min = self.buy_limit_min.min(px);
                self.buy_limit_max = self.buy_limit_max.max(px);
            }
            (Stance::Limit(px), Side::Sell) => {
                self.sell_limit_min = self.sell_limit_min.min(px);
                self.sell_limit_max = self.sell_limit_max.max(px);
            }
            (Stance::Stop(px), side) => self.admit_beyond(drift.nearest(px, side), side),
            (Stance::Touch(px), side) => self.admit_better(px, side),
            (Stance::Trail, side) => match (order.trail.best, order.request.terms.activation_px) {
                (Some(_), _) => {
                    self.admit_beyond(drift.nearest(order.trail.trigger_px, side), side);
                    self.admit_better(order.trail.better_px(side), side);
                }
                (None, Some(px)) => self.admit_better(px, side),
                (None, None) => self.eager = true,
            },
            (Stance::Away, _) => self.watches |= order.watches(),
        }
        if order.is_immediate() && !order.waits() {
            self.eager = true;
        }
    }

    /// An order of this side acts on a price at `px` or worse for it.
    fn admit_beyond(&mut self, px: Price, side: Side) {
        match side {
            Side::Buy => self.buy_stop_min = self.buy_stop_min.min(px),
            Side::Sell => self.sell_stop_max = self.sell_stop_max.max(px),
        }
    }

    /// An order of this side acts on a price at `px` or better for it, but does not rest there.
    fn admit_better(&mut self, px: Price, side: Side) {
        match side {
            Side::Buy => self.buy_limit_max = self.buy_limit_max.max(px),
            Side::Sell => self.sell_limit_min = self.sell_limit_min.min(px),
        }
    }

    /// Whether trading between `low` and `high` up to `ts` concerns any order.
    fn touched_by_prices(&self, low: Price, high: Price, ts: Ts) -> bool {
        self.eager
            || low <= self.buy_limit_max
            || low <= self.sell_stop_max
            || high >= self.sell_limit_min
            || high >= self.buy_stop_min
            || ts >= self.expiry_min
    }

    fn touched_by_quote(&self, bid_px: Price, ask_px: Price, ts: Ts) -> bool {
        self.eager
            || ask_px <= self.buy_limit_max
            || bid_px <= self.sell_stop_max
            || bid_px >= self.sell_limit_min
            || ask_px >= self.buy_stop_min
            || ts >= self.expiry_min
    }
}

/// The quote that is shown now, with what we have left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) record: RecordRef,
    pub(super) quote: QuoteTick,
    pub(super) bid_left: Qty,
    pub(super) ask_left: Qty,
}

/// All that the venue keeps of one instrument.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) instrument: Instrument,
    /// By which kind of record takers are filled.
    pub(super) finest: RecordKind,
    /// Length of the shortest bars seen; longer ones would count the same trades again.
    interval_min: Span,
    pub(super) px_last: Option<Price>,
    pub(super) shown: Option<Shown>,
    pub(super) depth: Depth,
    /// The venue's last mark price, with its index.
    mark: Option<MarkTick>,
    /// Why it takes no order any more, if the contract has expired or was taken off the venue; of a change of units,
    /// none of before it.
    closed: Option<RejectReason>,
    /// By strategy, the first order after we have learned of a change of units; empty before that.
    first_orders: Vec<u32>,
    /// Records of the finest kind seen.
    pub(super) observations: u64,
    /// In order of arrival.
    pub(super) orders: Vec<Working>,
    /// Signed position by strategy, from this venue's own fills; in hedge mode the long one and the short one of
    /// each, one after the other.
    pub(super) positions: Vec<Qty>,
    pub(super) position_mode: PositionMode,
    /// Whether orders wait to be woken: their parent was filled just now.
    pub(super) stirred: bool,
    /// How old what an order meets on arrival may be, from when on what is shown now is older, and how often that
    /// kept an order from it.
    pub(super) age_limit: Option<Span>,
    pub(super) fresh_until: Ts,
    pub(super) blocked: u64,
    /// How far limits may lie from the reference price, as a part of it.
    pub(super) price_band: Option<Factor>,
    window: Window,
    drift: Drift,
}

impl Desk {
    pub(super) fn new(instrument: Instrument, finest: RecordKind, books: BookLaw) -> Self {
        Self {
            instrument,
            finest,
            interval_min: Span::from_nanos(i64::MAX),
            px_last: None,
            shown: None,
            depth: Depth::new(books),
            mark: None,
            closed: None,
            first_orders: Vec::new(),
            // From 1, so that there is a count before the first.
            observations: 1,
            orders: Vec::new(),
            positions: Vec::new(),
            position_mode: PositionMode::OneWay,
            stirred: false,
            age_limit: None,
            fresh_until: Ts::MAX,
            blocked: 0,
            price_band: None,
            window: Window::EMPTY,
            drift: Drift::default(),
        }
    }

    /// Why it does not take an order: it takes none, or none that was sent before a change of units was known.
    #[inline]
    pub(super) fn refuses(&self, id: ClientOrderId) -> Option<RejectReason> {
        self.closed.filter(|_| self.first_orders.get(id.strategy.usize()).is_none_or(|first| id.number < *first))
    }

    /// From now on it takes no order; the first reason for good stays.
    pub(super) fn close(&mut self, reason: RejectReason) {
        if self.closed.is_none_or(|before| before == RejectReason::Redenominated) {
            self.closed = Some(reason);
            self.first_orders.clear();
        }
    }

    /// We have learned of a change of units: orders from these on, by strategy, are in new ones.
    pub(super) fn open_again(&mut self, first_orders: &[u32]) {
        if self.closed == Some(RejectReason::Redenominated) {
            self.first_orders = first_orders.to_vec();
        }
    }

    /// Prices and quantities that were seen are void.
    pub(super) fn forget_market(&mut self) {
        (self.px_last, self.shown, self.mark) = (None, None, None);
        self.depth = Depth::new(self.depth.law());
        self.fresh_until = Ts::MAX;
    }

    /// Remembers a record and says whether it may concern an order. The way of almost every record.
    #[inline]
    pub(super) fn is_touched_by(&mut self, at: RecordRef, record: &MarketRecord, queue: &dyn QueueModel) -> bool {
        match record {
            MarketRecord::Bar(bar) => self.see_bar(bar),
            MarketRecord::Trade(trade) => {
                if self.finest == RecordKind::Bars {
                    self.finest = RecordKind::Trades;
                }
                self.px_last = Some(trade.px);
                // Where orders are told one by one, theirs are the trades.
                let touched = !self.orders.is_empty()
                    && self.finest != RecordKind::Mbo
                    && self.window.touched_by_prices(trade.px, trade.px, trade.ts_event);
                self.observations += u64::from(self.finest == RecordKind::Trades && !touched);
                touched
            }
            MarketRecord::Quote(quote) => {
                if quote.bid_px >= quote.ask_px {
                    return false;
                }
                if self.finest.is_of_book() {
                    return self.see_quote_of_book(at, quote, queue);
                }
                self.finest = RecordKind::Quotes;
                self.shown =
                    Some(Shown { record: at, quote: *quote, bid_left: quote.bid_qty, ask_left: quote.ask_qty });
                let touched =
                    !self.orders.is_empty() && self.window.touched_by_quote(quote.bid_px, quote.ask_px, quote.ts_event);
                self.observations += u64::from(!touched);
                touched
            }
            MarketRecord::Depth(row) => self.see_depth(at, row, queue),
            MarketRecord::Mark(mark) => {
                self.mark = Some(*mark);
                self.window.watches
            }
            // Only who holds something pays.
            MarketRecord::Funding(_) => self.positions.iter().any(|qty| *qty != Qty::ZERO),
            MarketRecord::Mbo(row) => {
                self.finest = RecordKind::Mbo;
                by_order::see(self, at, row)
            }
        }
    }

    /// The venue's mark price, as far as it is known.
    pub(super) fn mark_px(&self) -> Option<Price> {
        self.mark.map(|mark| mark.mark_px)
    }

    /// The last price at which was dealt, or the middle of what is shown, rounded down.
    pub(super) fn last_px(&self) -> Option<Price> {
        let middle = |bid: Price, ask: Price| Price::from_raw(bid.raw() + (ask.raw() - bid.raw()).div_euclid(2));
        let best = |side| self.depth.best_px(side);
        let book = best(Side::Buy).zip(best(Side::Sell)).map(|(bid, ask)| middle(bid, ask));
        let shown = self.shown.map(|shown| middle(shown.quote.bid_px, shown.quote.ask_px));
        book.or(shown).or(self.px_last)
    }

    /// The price that triggers of this kind look at, where it is one for both sides.
    pub(super) fn watched_px(&self, by: TriggerBy) -> Option<Price> {
        match by {
            TriggerBy::Last => None,
            TriggerBy::Mark => self.mark_px(),
            TriggerBy::Index => self.index_px(),
        }
    }

    /// The price of the index that the mark follows, as far as it is known.
    pub(super) fn index_px(&self) -> Option<Price> {
        self.mark.and_then(|mark| mark.index_px)
    }

    /// Whether trading at a price concerns an order.
    pub(super) fn is_touched_at(&self, px: Price, ts: Ts) -> bool {
        self.window.touched_by_prices(px, px, ts)
    }

    /// Whether an order may rest at a price; of most prices it is known that none does.
    #[inline]
    pub(super) fn may_rest_at(&self, side: Side, px: Price) -> bool {
        let Window { buy_limit_min, buy_limit_max, sell_limit_min, sell_limit_max, .. } = &self.window;
        match side {
            Side::Buy => (*buy_limit_min..=*buy_limit_max).contains(&px),
            Side::Sell => (*sell_limit_min..=*sell_limit_max).contains(&px),
        }
    }

    /// Whether an order that arrives at `now` must wait for a fresh observation; counts it if so.
    pub(super) fn is_stale(&mut self, now: Ts) -> bool {
        let stale = now > self.fresh_until;
        self.blocked += u64::from(stale);
        stale
    }

    /// Whether a limit lies within the band around the mark price, or around the last known price where there is no
    /// mark. Without a band or a price every limit does.
    pub(super) fn is_within_band(&self, limit: Price, side: Side) -> bool {
        let (Some(Factor { num, den }), Some(reference)) = (self.price_band, self.mark_px().or(self.known_px(side)))
        else {
            return true;
        };
        let distance = i128::from(limit.raw()) - i128::from(reference.raw());
        distance.abs() * i128::from(den) <= i128::from(reference.raw()) * i128::from(num)
    }

    /// Whether records like this one change nothing but what was seen last: then only the last of them
    /// needs to be shown, with [`Desk::see_last_of`].
    pub(super) fn is_quiet_for(&self, record: &MarketRecord) -> bool {
        let only_last = match record {
            MarketRecord::Bar(bar) => self.finest == RecordKind::Bars && bar.interval <= self.interval_min,
            MarketRecord::Trade(_) => self.finest == RecordKind::Trades,
            MarketRecord::Quote(_)
            | MarketRecord::Depth(_)
            | MarketRecord::Mbo(_)
            | MarketRecord::Mark(_)
            | MarketRecord::Funding(_) => false,
        };
        only_last && self.orders.is_empty()
    }

    /// Remembers the last of `count` records, for which the desk was quiet.
    pub(super) fn see_last_of(&mut self, count: u64, at: RecordRef, record: &MarketRecord, queue: &dyn QueueModel) {
        self.observations += count - 1;
        self.is_touched_by(at, record, queue);
    }

    /// A row of depth changes the book at once; orders look at it when its message is whole.
    #[inline]
    fn see_depth(&mut self, at: RecordRef, row: &DepthTick, queue: &dyn QueueModel) -> bool {
        if self.finest != RecordKind::Depth {
            if self.finest == RecordKind::Mbo {
                return false;
            }
            self.finest = RecordKind::Depth;
        }
        let before = self.depth.apply(at, row);
        if self.orders.is_empty() {
            return false;
        }
        if let Some(side) = row.side {
            depth::move_up(self, side, Change { px: row.px, before, after: row.qty }, queue);
        }
        row.flags.has(DepthFlags::LAST) && self.see_book(row.ts_event)
    }

    /// Rows of depth of a message that goes on after them, none of which can concern an order by itself; `false` if
    /// this is not known to be a desk of depth.
    #[inline]
    pub(super) fn see_levels(&mut self, at: RecordRef, levels: &Levels<'_>, queue: &dyn QueueModel) -> bool {
        if self.finest != RecordKind::Depth {
            return false;
        }
        let number = at.number + levels.len() as u64 - 1;
        self.depth.begin_levels(RecordRef { number, ..at });
        let idle = self.orders.is_empty();
        for (side, px, after) in levels.iter() {
            let before = self.depth.set_level(side, px, after);
            if !idle {
                depth::move_up(self, side, Change { px, before, after }, queue);
            }
        }
        true
    }

    /// A best bid and offer beside depth: it may say of the book what depth has not said yet.
    fn see_quote_of_book(&mut self, at: RecordRef, quote: &QuoteTick, queue: &dyn QueueModel) -> bool {
        let counts = depth::take_quote(self, at, quote, queue);
        counts && !self.orders.is_empty() && self.see_book(quote.ts_event)
    }

    /// Whether the book, as it is now that a message is whole, may concern an order.
    #[inline]
    pub(super) fn see_book(&mut self, ts: Ts) -> bool {
        let touched = self.depth.is_anew()
            || ts >= self.window.expiry_min
            || self.depth.top().is_some_and(|(bid, ask)| self.window.touched_by_quote(bid, ask, ts));
        self.observations += u64::from(!touched);
        touched
    }

    #[inline]
    fn see_bar(&mut self, bar: &Bar) -> bool {
        if self.finest != RecordKind::Bars {
            // What the bar sums up was seen already.
            self.px_last = self.px_last.or(Some(bar.close));
            return false;
        }
        if bar.interval > self.interval_min {
            return false;
        }
        self.interval_min = bar.interval;
        self.px_last = Some(bar.close);
        let touched = !self.orders.is_empty() && self.window.touched_by_prices(bar.low, bar.high, bar.ts_event);
        self.observations += u64::from(!touched);
        touched
    }

    /// Whether a bar is one of those that fill orders, once it was seen.
    pub(super) fn counts(&self, bar: &Bar) -> bool {
        self.finest == RecordKind::Bars && bar.interval == self.interval_min
    }

    /// The price that an order of this side would meet now, as far as it is known.
    pub(super) fn known_px(&self, side: Side) -> Option<Price> {
        if self.finest.is_of_book() {
            return self.depth.best_px(side.opposite());
        }
        match (&self.shown, side) {
            (Some(shown), Side::Buy) => Some(shown.quote.ask_px),
            (Some(shown), Side::Sell) => Some(shown.quote.bid_px),
            (None, _) => self.px_last,
        }
    }

    /// The best price at which an order of ours rests on a side.
    pub(super) fn own_px(&self, side: Side) -> Option<Price> {
        let resting = self.orders.iter().filter(|order| order.request.side == side && !order.done);
        let prices = resting.filter_map(|order| match order.stance() {
            Stance::Limit(px) => Some(px),
            Stance::Market | Stance::Stop(_) | Stance::Touch(_) | Stance::Trail | Stance::Away => None,
        });
        match side {
            Side::Buy => prices.max(),
            Side::Sell => prices.min(),
        }
    }

    pub(super) fn find(&self, id: ClientOrderId) -> Option<usize> {
        self.orders.iter().position(|order| order.id == id)
    }

    /// The positions of one side, by strategy; in one-way mode all there are.
    pub(super) fn cells_of(&mut self, side: Option<PositionSide>) -> impl Iterator<Item = &mut Qty> {
        let first = side.map_or(0, PositionSide::place);
        self.positions.iter_mut().skip(first).step_by(self.position_mode.sides())
    }

    /// Whose position stands in a cell.
    pub(super) fn strategy_of(&self, cell: usize) -> StrategyIx {
        StrategyIx((cell / self.position_mode.sides()) as u16)
    }

    /// Puts an order last in the order of arrival.
    pub(super) fn admit(&mut self, order: Working) {
        let cells = (order.id.strategy.usize() + 1) * self.position_mode.sides();
        if self.positions.len() < cells {
            self.positions.resize(cells, Qty::ZERO);
        }
        self.window.admit(&order, self.drift);
        self.orders.push(order);
    }

    /// Drops ended orders, calling `ended` for each, and finds the window anew for a market that stands as far from the
    /// tape as `drift` says.
    pub(super) fn settle(&mut self, drift: Drift, mut ended: impl FnMut(ClientOrderId)) {
        let mut window = Window::EMPTY;
        self.orders.retain(|order| {
            if order.done {
                ended(order.id);
            } else {
                window.admit(order, drift);
            }
            !order.done
        });
        (self.window, self.drift) = (window, drift);
    }
}
