//! The ports: what the kernel asks of sources, strategies, risk rules, venues and their models.

use rust_decimal::Decimal;
use thiserror::Error;

use crate::book::Book;
use crate::event::{DataIssue, HaltAction, LogLevel};
use crate::ids::{ClientOrderId, CurrencyIx, InstrumentIx, StrategyIx, VenueIx};
use crate::instrument::Instrument;
use crate::margin::LiquidationShare;
use crate::market::{Bar, Chunk, DepthTick, FundingTick, MarkTick, MarketState, QuoteTick, TradeTick};
use crate::number::{Amount, Price, Qty};
use crate::order::{Amendment, Command, Intent, Liquidity, Order, OrderRequest, Side};
use crate::param::{Component, ParamError, Params};
use crate::position::{PositionMode, PositionSide};
use crate::random::Draws;
use crate::redenomination::RedenominationReport;
use crate::terms::{GroupKind, GroupLeg};
use crate::time::{Span, Ts};
use crate::transfer::TransferUpdate;

/// A defect of data: where, what was found, what was expected.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A value in a file is wrong.
    #[error("{file}, row {row}, column `{column}`: {problem} (found {value})")]
    Row {
        /// File or generator.
        file: String,
        /// Row in the file, from 1, header not counted.
        row: u64,
        /// Column as named in the file.
        column: String,
        /// The value as text.
        value: String,
        /// What is wrong with it and what was expected.
        problem: String,
    },
    /// A file as a whole is wrong.
    #[error("{file}: {problem}")]
    File {
        /// File or generator.
        file: String,
        /// What is wrong with it and what was expected.
        problem: String,
    },
}

/// Counted defects that a source dealt with.
pub type DataIssues = Vec<(DataIssue, u64)>;

/// A stream of market records of one instrument.
///
/// Invariants: records do not go back in time, neither within a chunk nor between chunks; numbers
/// are consecutive from 0; the same scenario and data give the same records whatever the sizes of
/// the chunks.
pub trait Source: Send {
    /// The next piece, swapped into `chunk` (whose old buffers may be reused), or `false` at the end.
    ///
    /// # Errors
    /// [`SourceError`] naming the place. After an error the source is at its end.
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError>;

    /// BLAKE3 of the content (file bytes in order, or the generator's parameters); complete once
    /// the source is at its end.
    fn content_hash(&self) -> [u8; 32];

    /// Defects dealt with so far; complete once the source is at its end.
    fn issues(&self) -> DataIssues {
        Vec::new()
    }
}

/// A position as a strategy sees it: its own part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PositionView {
    /// Signed quantity.
    pub net_qty: Qty,
    /// Cost of the open part in the quote currency, signed like the quantity.
    pub entry_cost: Amount,
    /// Realised profit and loss without fees and funding, in the quote currency.
    pub realized_pnl: Amount,
    /// Funding paid so far, in the settlement currency; below zero: received.
    pub funding_paid: Amount,
}

/// A balance of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// What we have.
    pub total: Amount,
    /// What open orders have set aside.
    pub reserved: Amount,
}

impl Balance {
    /// What a new order may use.
    pub fn free(&self) -> Amount {
        self.total.checked_sub(self.reserved).unwrap_or(Amount::ZERO)
    }
}

/// What the kernel shows to strategies: the past as received, never the future.
pub trait View {
    /// Every instrument of the run, by index.
    fn instruments(&self) -> &[Instrument];
    /// What was received last of an instrument.
    fn market(&self, instrument: InstrumentIx) -> &MarketState;
    /// Our view of an instrument's order book; empty where no depth is received.
    fn book(&self, instrument: InstrumentIx) -> &Book;
    /// A strategy's position; in hedge mode the sum of its two.
    fn position(&self, strategy: StrategyIx, instrument: InstrumentIx) -> PositionView;
    /// One of a strategy's two positions of hedge mode; flat in one-way mode.
    fn side_position(&self, strategy: StrategyIx, instrument: InstrumentIx, side: PositionSide) -> PositionView;
    /// How the account that an instrument is traded from holds it.
    fn position_mode(&self, instrument: InstrumentIx) -> PositionMode;
    /// The balance of a currency over the accounts of all venues; zero if there is none.
    fn balance(&self, currency: CurrencyIx) -> Balance;
    /// Where an instrument is traded.
    fn venue_of(&self, instrument: InstrumentIx) -> VenueIx;
    /// The balance of a currency in the account at one venue, which alone pays for orders there.
    fn balance_at(&self, venue: VenueIx, currency: CurrencyIx) -> Balance;
    /// Equity over the accounts of all venues, in the base currency; `None` before every price it needs is
    /// known.
    fn equity(&self) -> Option<Amount>;
    /// What an order of `notional` may cost in fees at most, as a fraction in units of 1e-12.
    fn fee_rate_max(&self, instrument: InstrumentIx) -> i64;
    /// An order that is open or ended not long ago.
    fn order(&self, id: ClientOrderId) -> Option<&Order>;
    /// Calls `visit` for each open order of a strategy, oldest first.
    fn each_open_order(&self, strategy: StrategyIx, visit: &mut dyn FnMut(&Order));
}

/// What a strategy asked for during a call, in the order in which it asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// Something about an order.
    Order(Intent),
    /// A call at `at`, with the strategy's own number.
    Timer {
        /// When.
        at: Ts,
        /// The strategy's own number of it.
        timer: u64,
    },
    /// Money from one venue to another.
    Transfer {
        /// From which.
        from: VenueIx,
        /// To which.
        to: VenueIx,
        /// In what.
        currency: CurrencyIx,
        /// What is to leave; what arrives is less by the fee.
        amount: Amount,
    },
    /// A number on record.
    Signal {
        /// Its name.
        name: String,
        /// Its value.
        value: f64,
    },
    /// A line on record.
    Log {
        /// How much it matters.
        level: LogLevel,
        /// The text.
        text: String,
    },
}

/// What a strategy can see and do during a call. It holds no future, no clock and no randomness
/// but what stands here.
pub struct Context<'a> {
    /// The kernel's time.
    pub now: Ts,
    /// Who is asking.
    pub strategy: StrategyIx,
    /// Instruments that the strategy subscribed to, in order of index; never empty.
    pub instruments: &'a [InstrumentIx],
    /// Whether the run is still warming up: orders are denied and counted.
    pub warm_up: bool,
    view: &'a dyn View,
    draws: &'a Draws,
    wishes: &'a mut Vec<Wish>,
    next_order: &'a mut u32,
}

/// What the kernel hands over to build a [`Context`].
pub struct ContextParts<'a> {
    /// The kernel's time.
    pub now: Ts,
    /// Who is asking.
    pub strategy: StrategyIx,
    /// Its subscriptions.
    pub instruments: &'a [InstrumentIx],
    /// Whether the run is still warming up.
    pub warm_up: bool,
    /// What it may see.
    pub view: &'a dyn View,
    /// Its random streams.
    pub draws: &'a Draws,
    /// Where its wishes go.
    pub wishes: &'a mut Vec<Wish>,
    /// Its order counter: the number of the last order, 0 before the first.
    pub next_order: &'a mut u32,
}

impl<'a> Context<'a> {
    /// For the kernel and for tests of strategies.
    pub fn new(parts: ContextParts<'a>) -> Self {
        let ContextParts { now, strategy, instruments, warm_up, view, draws, wishes, next_order } = parts;
        Self { now, strategy, instruments, warm_up, view, draws, wishes, next_order }
    }

    /// What the kernel shows.
    pub fn view(&self) -> &'a dyn View {
        self.view
    }

    /// An instrument of the run.
    ///
    /// # Panics
    /// If the index is not from this run.
    pub fn instrument(&self, instrument: InstrumentIx) -> &'a Instrument {
        &self.view.instruments()[instrument.usize()]
    }

    /// What was received last of an instrument.
    pub fn market(&self, instrument: InstrumentIx) -> &'a MarketState {
        self.view.market(instrument)
    }

    /// The venue's mark price as last received; `None` where the instrument has no such data.
    pub fn mark_price(&self, instrument: InstrumentIx) -> Option<Price> {
        self.market(instrument).venue_mark.map(|mark| mark.mark_px)
    }

    /// The price of the index that the mark follows, as last received; `None` where nothing is known of it.
    pub fn index_price(&self, instrument: InstrumentIx) -> Option<Price> {
        self.market(instrument).venue_mark.and_then(|mark| mark.index_px)
    }

    /// The last settlement of funding received; `None` where there was none.
    pub fn last_funding(&self, instrument: InstrumentIx) -> Option<&'a FundingTick> {
        self.market(instrument).funding.as_ref()
    }

    /// The order book as we have received it; empty where no depth is received.
    pub fn book(&self, instrument: InstrumentIx) -> &'a Book {
        self.view.book(instrument)
    }

    /// The strategy's own position; in hedge mode the sum of its two.
    pub fn position(&self, instrument: InstrumentIx) -> PositionView {
        self.view.position(self.strategy, instrument)
    }

    /// One of the strategy's two positions of hedge mode; flat in one-way mode.
    pub fn side_position(&self, instrument: InstrumentIx, side: PositionSide) -> PositionView {
        self.view.side_position(self.strategy, instrument, side)
    }

    /// Whether an instrument has one position or two. In hedge mode every order must say which one it
    /// means ([`OrderRequest::of`]), and none is reduce-only; else none may.
    pub fn position_mode(&self, instrument: InstrumentIx) -> PositionMode {
        self.view.position_mode(instrument)
    }

    /// The balance of a currency over the accounts of all venues. An order is paid from its venue's account
    /// alone: see [`Context::balance_for`].
    pub fn balance(&self, currency: CurrencyIx) -> Balance {
        self.view.balance(currency)
    }

    /// The balance of a currency in the account that an instrument is traded from.
    pub fn balance_for(&self, instrument: InstrumentIx, currency: CurrencyIx) -> Balance {
        self.view.balance_at(self.view.venue_of(instrument), currency)
    }

    /// An order of this run, if open or ended not long ago.
    pub fn order(&self, id: ClientOrderId) -> Option<&'a Order> {
        self.view.order(id)
    }

    /// Where an instrument is traded.
    pub fn venue_of(&self, instrument: InstrumentIx) -> VenueIx {
        self.view.venue_of(instrument)
    }

    /// Asks for money to be sent from the account at one venue to that at another, by a `[[transfer]]` of the
    /// scenario. `amount` leaves at once, if so much is free there; it arrives later, less a fee.
    /// [`Strategy::on_transfer`] tells what becomes of it.
    pub fn transfer(&mut self, from: VenueIx, to: VenueIx, currency: CurrencyIx, amount: Amount) {
        self.wishes.push(Wish::Transfer { from, to, currency, amount });
    }

    /// Random streams of this strategy, keyed by the scenario's seed and the strategy's id.
    pub fn draws(&self) -> &'a Draws {
        self.draws
    }

    /// Asks for an order; what becomes of it is told to [`Strategy::on_order`].
    pub fn submit(&mut self, mut request: OrderRequest) -> ClientOrderId {
        request.terms.group = None;
        self.send(request)
    }

    /// Asks for two orders of one side and quantity of which one cancels the other: what one fills, the
    /// other loses. They go as one message, and either both or neither.
    pub fn submit_oco(&mut self, one: OrderRequest, other: OrderRequest) -> [ClientOrderId; 2] {
        self.send_group(GroupKind::Oco, [one, other])
    }

    /// Asks for an order and another one, opposite to it, that the venue holds until the first is filled;
    /// the child's quantity is what the parent has filled so far. They go as one message.
    pub fn submit_oto(&mut self, parent: OrderRequest, child: OrderRequest) -> [ClientOrderId; 2] {
        self.send_group(GroupKind::Oto, [parent, child])
    }

    /// Asks for an order and a pair, opposite to it, that the venue holds until the first is filled: its
    /// profit target and its stop, of which one cancels the other. Entry, target, stop: their names come
    /// in this order.
    pub fn submit_bracket(
        &mut self,
        entry: OrderRequest,
        target: OrderRequest,
        stop: OrderRequest,
    ) -> [ClientOrderId; 3] {
        self.send_group(GroupKind::Bracket, [entry, target, stop])
    }

    fn send_group<const LEGS: usize>(
        &mut self,
        kind: GroupKind,
        requests: [OrderRequest; LEGS],
    ) -> [ClientOrderId; LEGS] {
        let first = *self.next_order + 1;
        let mut leg = 0;
        requests.map(|mut request| {
            request.terms.group = Some(GroupLeg { kind, leg, first });
            leg += 1;
            self.send(request)
        })
    }

    fn send(&mut self, request: OrderRequest) -> ClientOrderId {
        *self.next_order += 1;
        let client_order_id = ClientOrderId { strategy: self.strategy, number: *self.next_order };
        self.wishes.push(Wish::Order(Intent::Submit { client_order_id, request }));
        client_order_id
    }

    /// Asks for a change of an open order.
    pub fn amend(&mut self, client_order_id: ClientOrderId, amendment: Amendment) {
        self.wishes.push(Wish::Order(Intent::Amend { client_order_id, amendment }));
    }

    /// Asks for an open order back.
    pub fn cancel(&mut self, client_order_id: ClientOrderId) {
        self.wishes.push(Wish::Order(Intent::Cancel { client_order_id }));
    }

    /// Asks for every open order of this strategy back, those asked for in this call included: one message
    /// for each instrument in which there are any.
    pub fn cancel_all(&mut self) {
        self.wishes.push(Wish::Order(Intent::CancelAll { strategy: self.strategy, instrument: None }));
    }

    /// Asks for every open order of this strategy in one instrument back, with one message.
    pub fn cancel_all_of(&mut self, instrument: InstrumentIx) {
        self.wishes.push(Wish::Order(Intent::CancelAll { strategy: self.strategy, instrument: Some(instrument) }));
    }

    /// Asks for a call of [`Strategy::on_timer`] at `at` (at once if that is past).
    pub fn set_timer(&mut self, at: Ts, timer: u64) {
        self.wishes.push(Wish::Timer { at, timer });
    }

    /// Puts a number on record.
    pub fn signal(&mut self, name: &str, value: f64) {
        self.wishes.push(Wish::Signal { name: name.to_owned(), value });
    }

    /// Puts a line on record.
    pub fn log(&mut self, level: LogLevel, text: impl Into<String>) {
        self.wishes.push(Wish::Log { level, text: text.into() });
    }
}

/// What is told about an order of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderUpdate {
    /// The order after the change. A denied order has status `Denied`.
    pub order: Order,
    /// Number of the kind of the event that changed it (see [`crate::event::Event::number`]).
    pub event_number: u16,
}

/// A fill as told to the strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// The order after the fill.
    pub order: Order,
    /// Price.
    pub last_px: Price,
    /// Quantity.
    pub last_qty: Qty,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// Fee: paid above zero.
    pub fee: Amount,
    /// Currency of the fee.
    pub fee_currency: CurrencyIx,
}

/// A strategy. It may keep any state of its own; it must be a function of the calls it gets.
pub trait Strategy: Send {
    /// Before the first record.
    fn on_start(&mut self, ctx: &mut Context<'_>) {
        let _ = ctx;
    }
    /// A bar of a subscribed instrument closed.
    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        let _ = (ctx, bar);
    }
    /// A public trade.
    fn on_trade(&mut self, ctx: &mut Context<'_>, trade: &TradeTick) {
        let _ = (ctx, trade);
    }
    /// A new best bid or offer.
    fn on_quote(&mut self, ctx: &mut Context<'_>, quote: &QuoteTick) {
        let _ = (ctx, quote);
    }
    /// A message changed the order book, which is whole and not crossed; `last` is the message's last row.
    fn on_book(&mut self, ctx: &mut Context<'_>, last: &DepthTick) {
        let _ = (ctx, last);
    }
    /// The venue's mark price of a subscribed instrument, at which positions are valued.
    fn on_mark(&mut self, ctx: &mut Context<'_>, mark: &MarkTick) {
        let _ = (ctx, mark);
    }
    /// A funding rate of a subscribed instrument was settled; what we paid or were paid comes with a
    /// report of the venue, later.
    fn on_funding(&mut self, ctx: &mut Context<'_>, funding: &FundingTick) {
        let _ = (ctx, funding);
    }
    /// Something happened to an order of ours (fills are told to `on_fill` as well, after this).
    fn on_order(&mut self, ctx: &mut Context<'_>, update: &OrderUpdate) {
        let _ = (ctx, update);
    }
    /// An order of ours was filled, whole or in part.
    fn on_fill(&mut self, ctx: &mut Context<'_>, fill: &Fill) {
        let _ = (ctx, fill);
    }
    /// The venue liquidated a position, and this is what it took of ours; canceled orders were told before.
    fn on_liquidation(&mut self, ctx: &mut Context<'_>, share: &LiquidationShare) {
        let _ = (ctx, share);
    }
    /// Something became of a transfer that this strategy asked for.
    fn on_transfer(&mut self, ctx: &mut Context<'_>, update: &TransferUpdate) {
        let _ = (ctx, update);
    }
    /// The units of an asset changed: positions, balances and the market view are in new ones. Orders of before are
    /// ended or will be refused; what the strategy itself keeps of prices and quantities is in old units.
    fn on_redenomination(&mut self, ctx: &mut Context<'_>, report: &RedenominationReport) {
        let _ = (ctx, report);
    }
    /// A timer that this strategy set went off.
    fn on_timer(&mut self, ctx: &mut Context<'_>, timer: u64) {
        let _ = (ctx, timer);
    }
    /// After the last record; orders asked for here are denied.
    fn on_stop(&mut self, ctx: &mut Context<'_>) {
        let _ = ctx;
    }
}

/// Builds a strategy from its parameters and the instruments that it subscribed to.
pub type BuildStrategy = fn(&Params, &[&Instrument]) -> Result<Box<dyn Strategy>, ParamError>;
/// A strategy that a scenario can choose.
pub type StrategyComponent = Component<BuildStrategy>;

/// What a risk rule looks at. Quantities in the instrument's scale; money in the base currency.
#[derive(Debug, Clone, Copy)]
pub struct RiskQuery<'a> {
    /// The kernel's time.
    pub now: Ts,
    /// Who is asking.
    pub strategy: StrategyIx,
    /// What is asked for, as shrunk by earlier rules.
    pub request: &'a OrderRequest,
    /// In what.
    pub instrument: &'a Instrument,
    /// Last known price.
    pub mark: Price,
    /// The account's signed position in the instrument; in hedge mode the one that the order trades.
    pub net_qty: Qty,
    /// Open buy quantity of the account in that position, this order not included.
    pub open_buy_qty: Qty,
    /// Open sell quantity of the account in that position, this order not included.
    pub open_sell_qty: Qty,
    /// Value of the order at its own worst price (market and stop: the last known price).
    pub notional: Amount,
    /// Gross value of all positions at the last known prices.
    pub gross_exposure: Amount,
    /// What the open orders of other positions would add to it, were those of the side that adds
    /// more filled in each.
    pub open_exposure: Amount,
    /// Open orders of the account, this one not included; those of its group that go before it are.
    pub open_orders: u32,
    /// Orders of its group that go before it and that no rule was told of yet as sent.
    pub orders_ahead: u32,
    /// The account's equity.
    pub equity: Amount,
}

/// What a risk rule says, with what it measured and where its limit lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RiskOutcome {
    /// Fine.
    Pass {
        /// Measured.
        value: Amount,
        /// Limit.
        limit: Amount,
    },
    /// Fine with this quantity, which is less than asked for.
    Shrink {
        /// New quantity.
        order_qty: Qty,
        /// Measured.
        value: Amount,
        /// Limit.
        limit: Amount,
    },
    /// No.
    Deny {
        /// Measured.
        value: Amount,
        /// Limit.
        limit: Amount,
    },
}

/// Something that a risk rule may watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RiskObservation {
    /// Equity at a mark.
    Equity {
        /// When.
        now: Ts,
        /// How much, in the base currency.
        equity: Amount,
    },
    /// An order was approved and sent.
    Sent {
        /// When.
        now: Ts,
        /// By whom.
        strategy: StrategyIx,
    },
    /// Money was put in or taken out, which is neither profit nor loss.
    Capital {
        /// Equity just before, in the base currency.
        before: Amount,
        /// Equity just after.
        after: Amount,
    },
    /// A position was reduced or closed: profit of the closed part less the fee of the fill.
    Closed {
        /// When.
        now: Ts,
        /// Whose.
        strategy: StrategyIx,
        /// In the base currency.
        pnl: Amount,
    },
    /// The venue took a position away, whole or in part; told after the `Closed` of the same part.
    Liquidated {
        /// When.
        now: Ts,
        /// Whose.
        strategy: StrategyIx,
        /// What the part earned, less its liquidation fee, in the base currency.
        pnl: Amount,
    },
}

/// A halt that a rule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HaltRequest {
    /// Of whom; `None` for all.
    pub strategy: Option<StrategyIx>,
    /// What to do.
    pub action: HaltAction,
    /// When trading may go on; [`Ts::MAX`] for never.
    pub until: Ts,
    /// Measured.
    pub value: Amount,
    /// Limit.
    pub limit: Amount,
}

/// A rule that every order passes. Closing orders pass it too; a rule that must not stand in the
/// way of closing says so itself.
pub trait RiskRule: Send {
    /// Looks at one order.
    fn check(&mut self, query: &RiskQuery<'_>) -> RiskOutcome;

    /// Whether [`RiskObservation::Equity`] is wanted at every mark (it costs time).
    fn watches_equity(&self) -> bool {
        false
    }

    /// Watches; may ask for a halt.
    fn observe(&mut self, observation: &RiskObservation) -> Option<HaltRequest> {
        let _ = observation;
        None
    }
}

/// Builds a risk rule. `scope`: only orders of this strategy pass it; `None`: all.
pub type BuildRisk = fn(&Params, scope: Option<StrategyIx>) -> Result<Box<dyn RiskRule>, ParamError>;
/// A risk rule that a scenario can choose.
pub type RiskComponent = Component<BuildRisk>;

/// What a latency model looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencyQuery {
    /// The message's own number, for seeded draws: the same message draws the same.
    pub number: u64,
    /// When it is sent; of a market record, when it happened.
    pub sent: Ts,
    /// Market records in the model's [`LatencyModel::rate_window`] before that; zero for models without one.
    pub events: u64,
}

/// How long a message takes, one way.
pub trait LatencyModel: Send {
    /// Nanoseconds, at least zero.
    fn delay_ns(&self, query: &LatencyQuery) -> i64;

    /// Over how long market records are counted for it; `None`: it does not ask.
    fn rate_window(&self) -> Option<Span> {
        None
    }

    /// If the message gets lost on its way, after how many nanoseconds its sender hears of that.
    fn refused_after_ns(&self, query: &LatencyQuery) -> Option<i64> {
        let _ = query;
        None
    }
}

/// Which messages a latency model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// Orders, amendments and cancels on their way to the venue.
    ToVenue,
    /// Reports on their way to us.
    FromVenue,
    /// Market records on their way to us.
    Feed,
}

/// How long one order took, as recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencySample {
    /// When it was sent, by our clock.
    pub sent: Ts,
    /// When the venue had it; `None` if the venue refused it without looking at it.
    pub at_venue: Option<Ts>,
    /// When we had the answer.
    pub answered: Ts,
}

/// What a latency model is built from, beside its parameters.
#[derive(Debug, Clone)]
pub struct LatencySetup {
    /// Keyed by venue and leg.
    pub draws: Draws,
    /// For which messages.
    pub leg: Leg,
    /// The recording that `path` of the parameters names, by time of sending; read by whoever may read files.
    pub recorded: Option<Vec<LatencySample>>,
}

/// Builds a latency model.
pub type BuildLatency = fn(&Params, setup: LatencySetup) -> Result<Box<dyn LatencyModel>, ParamError>;
/// A latency model that a scenario can choose.
pub type LatencyComponent = Component<BuildLatency>;

/// Who left a price level, where the data does not say.
pub trait QueueModel: Send {
    /// Of what a level lost beside trades, the part that stood behind us, from 0 to 1. `ahead` and
    /// `behind` are what stood there before the loss, in units of the instrument.
    fn behind_share(&self, ahead: f64, behind: f64) -> f64;
}

/// Builds a queue model.
pub type BuildQueue = fn(&Params) -> Result<Box<dyn QueueModel>, ParamError>;
/// A queue model that a scenario can choose.
pub type QueueComponent = Component<BuildQueue>;

/// What a slippage model looks at.
#[derive(Debug, Clone, Copy)]
pub struct SlippageQuery<'a> {
    /// In what.
    pub instrument: &'a Instrument,
    /// Our side.
    pub side: Side,
    /// The price before slippage.
    pub reference_px: Price,
    /// How much of ours is filled.
    pub qty: Qty,
    /// How much the record offers (a bar's volume, a print's or quote's size); zero if not known.
    pub market_qty: Qty,
    /// Half of the spread, if a quote is known.
    pub half_spread: Option<Price>,
    /// Number of the order's fill, for seeded noise: the same order draws the same.
    pub draw_number: u64,
    /// When it is filled.
    pub ts: Ts,
    /// How much of the order was filled before.
    pub cum_qty: Qty,
    /// Standard deviation of the logarithm of price over a day, from the last while; `None` before it is known or
    /// where the model does not ask for it.
    pub volatility: Option<f64>,
    /// What is traded in a day, in raw units of quantity, from the last while; `None` likewise.
    pub daily_volume: Option<f64>,
    /// Where our own trading has moved the price.
    pub impact: Impact,
}

/// How far our own trading has moved the price of an instrument, in price units, up above zero.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Impact {
    /// For good.
    pub permanent: f64,
    /// For a while: what it was at `ts`.
    pub temporary: f64,
    /// When that was.
    pub ts: Ts,
}

/// What a taker pays beyond the reference price, by term, in price units before rounding to the tick. The sum is at
/// least zero.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Adverse {
    /// Spread and slippage proper, at least zero.
    pub slippage: f64,
    /// What this fill and our earlier ones have moved the price, at least zero.
    pub impact: f64,
    /// Drawn noise, of either sign.
    pub noise: f64,
}

impl Adverse {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.slippage + self.impact + self.noise
    }
}

/// What a slippage model wants to know of the last while of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketMemory {
    /// Prices and volumes are looked at at multiples of it.
    pub sample: Span,
    /// What lies so long back counts half.
    pub half_life: Span,
}

/// What a taker pays beyond the reference price.
pub trait SlippageModel: Send {
    /// Price units against us, by term.
    fn adverse(&self, query: &SlippageQuery<'_>) -> Adverse;

    /// Where the price stands after this fill; for most models it is not moved.
    fn impact_after(&self, query: &SlippageQuery<'_>) -> Impact {
        query.impact
    }

    /// How far the market stands from the tape at `ts` because of our own trading, in price units, up above zero.
    fn moved(&self, _impact: &Impact, _ts: Ts) -> f64 {
        0.0
    }

    /// What it wants to know of the market; `None`: nothing.
    fn memory(&self) -> Option<MarketMemory> {
        None
    }
}

/// Builds a slippage model; `draws` is keyed by venue.
pub type BuildSlippage = fn(&Params, draws: Draws) -> Result<Box<dyn SlippageModel>, ParamError>;
/// A slippage model that a scenario can choose.
pub type SlippageComponent = Component<BuildSlippage>;

/// What a fee model looks at.
#[derive(Debug, Clone, Copy)]
pub struct FeeQuery<'a> {
    /// In what.
    pub instrument: &'a Instrument,
    /// Our side.
    pub side: Side,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// How much.
    pub qty: Qty,
    /// Its value, in [`Instrument::value_currency`].
    pub notional: Amount,
    /// Economic time of the fill.
    pub ts: Ts,
}

/// On what terms a venue takes its own token for its fees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenTerms {
    /// The token.
    pub token: CurrencyIx,
    /// What is paid of a fee in the token, from 0 to 1.
    pub kept: Decimal,
    /// Amounts of the token are rounded up to so many decimals.
    pub decimals: u8,
    /// Deals in the token, in the currency in which fees are charged: its last price says what the token is worth.
    pub instrument: InstrumentIx,
}

/// What a venue charges.
pub trait FeeModel: Send {
    /// Fee and its currency: paid above zero, rebate below. `None` if it cannot be represented. Where fees can be
    /// paid in the venue's token: what is charged if they are not.
    fn fee(&self, query: &FeeQuery<'_>) -> Option<(Amount, CurrencyIx)>;

    /// On what terms fees are paid in the venue's token; `None`: they are not.
    fn token_terms(&self) -> Option<&TokenTerms> {
        None
    }

    /// The largest fraction of notional that can be charged, in units of 1e-12.
    fn rate_max(&self) -> i64;

    /// Whether [`FeeModel::on_fill`] is wanted (it costs time).
    fn wants_fills(&self) -> bool {
        false
    }

    /// A fill was made. What it costs was asked before, and must not depend on it.
    fn on_fill(&mut self, query: &FeeQuery<'_>) {
        let _ = query;
    }
}

/// Builds a fee model; the instruments of its venue are checked against the rate's decimals.
pub type BuildFee = fn(&Params, instruments: &[&Instrument]) -> Result<Box<dyn FeeModel>, ParamError>;
/// A fee model that a scenario can choose.
pub type FeeComponent = Component<BuildFee>;

/// Why a command did not leave.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the venue link is down: {problem}")]
pub struct LinkError {
    /// What happened.
    pub problem: String,
}

/// The way to a venue outside of the kernel. Its reports come back as inputs, never by return.
pub trait VenueLink: Send {
    /// Sends one command.
    ///
    /// # Errors
    /// [`LinkError`] if it certainly did not leave.
    fn send(&mut self, now: Ts, command: &Command) -> Result<(), LinkError>;
}
