//! A stand for strategies: shows them what a test says, collects what they ask for.
//!
//! Enters: market records, positions, balances and orders as the test sets them. Leaves: wishes.
//! Deliberately absent: a venue, risk rules and an account; nothing is filled unless the test says
//! so. For whole runs use the simulator.
//!
//! ```
//! use tapedeck_model::{Context, OrderRequest, Qty, Side, Strategy, Bar};
//! use tapedeck_strategies::testing::Stand;
//!
//! struct BuyEveryBar;
//! impl Strategy for BuyEveryBar {
//!     fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
//!         ctx.submit(OrderRequest::market(bar.instrument, Side::Buy, Qty::from_raw(1)));
//!     }
//! }
//!
//! let mut stand = Stand::new();
//! stand.bar(&mut BuyEveryBar, 10_000);
//! assert_eq!(stand.requests().len(), 1);
//! ```

use tapedeck_model::port::{ContextParts, PositionView, Wish};
use tapedeck_model::{
    Amount, Bar, Book, ClientOrderId, Context, CurrencyIx, DatedRules, DepthFlags, DepthTick, Draws, Instrument,
    InstrumentId, InstrumentIx, InstrumentKind, Intent, MarketState, Order, OrderRequest, OrderStatus, PositionMode,
    PositionSide, Price, Qty, QuoteTick, Side, Span, Strategy, StrategyIx, TradeTick, Ts, VenueIx, View,
};
use tapedeck_model::{port::Balance, port::Fill, port::OrderUpdate};

/// A spot pair with index 0: base currency 0, quote currency 1, prices to 0.01, quantities to
/// 0.00001, no minima.
pub fn spot() -> Instrument {
    Instrument {
        ix: InstrumentIx(0),
        id: InstrumentId { venue: "SIM".to_owned(), symbol: "BTCUSD".to_owned() },
        kind: InstrumentKind::Spot,
        base: CurrencyIx(0),
        quote: CurrencyIx(1),
        settlement: CurrencyIx(1),
        price_scale: 2,
        qty_scale: 5,
        multiplier: 1,
        multiplier_scale: 0,
        rules: vec![DatedRules {
            from: Ts::MIN,
            tick_size: Price::from_raw(1),
            lot_size: Qty::from_raw(1),
            qty_min: Qty::ZERO,
            qty_max: Qty::from_raw(i64::MAX),
            notional_min: Amount::ZERO,
        }],
    }
}

/// What a strategy sees; set it as the test needs it.
#[derive(Debug, Clone)]
pub struct FakeView {
    /// The run's one instrument, whose index is 0.
    pub instrument: Instrument,
    /// What is known of it; kept by the calls of [`Stand`].
    pub market: MarketState,
    /// Its order book.
    pub book: Book,
    /// The strategy's position.
    pub position: PositionView,
    /// Whether there are two positions.
    pub position_mode: PositionMode,
    /// The strategy's long and short position of hedge mode.
    pub side_positions: [PositionView; 2],
    /// Balance by currency; zero beyond the end.
    pub balances: Vec<Balance>,
    /// The answer to [`View::equity`].
    pub equity: Option<Amount>,
    /// The answer to [`View::fee_rate_max`], in units of 1e-12.
    pub fee_rate_max: i64,
    /// Every order that the strategy asked for, oldest first.
    pub orders: Vec<Order>,
}

impl View for FakeView {
    fn instruments(&self) -> &[Instrument] {
        std::slice::from_ref(&self.instrument)
    }

    fn market(&self, _: InstrumentIx) -> &MarketState {
        &self.market
    }

    fn book(&self, _: InstrumentIx) -> &Book {
        &self.book
    }

    fn position(&self, _: StrategyIx, _: InstrumentIx) -> PositionView {
        self.position
    }

    fn side_position(&self, _: StrategyIx, _: InstrumentIx, side: PositionSide) -> PositionView {
        let [long, short] = self.side_positions;
        match (self.position_mode, side) {
            (PositionMode::OneWay, _) => PositionView::default(),
            (PositionMode::Hedge, PositionSide::Long) => long,
            (PositionMode::Hedge, PositionSide::Short) => short,
        }
    }

    fn position_mode(&self, _: InstrumentIx) -> PositionMode {
        self.position_mode
    }

    fn balance(&self, currency: CurrencyIx) -> Balance {
        self.balances.get(currency.usize()).copied().unwrap_or_default()
    }

    fn venue_of(&self, _: InstrumentIx) -> VenueIx {
        VenueIx(0)
    }

    fn balance_at(&self, _: VenueIx, currency: CurrencyIx) -> Balance {
        self.balance(currency)
    }

    fn equity(&self) -> Option<Amount> {
        self.equity
    }

    fn fee_rate_max(&self, _: InstrumentIx) -> i64 {
        self.fee_rate_max
    }

    fn order(&self, id: ClientOrderId) -> Option<&Order> {
        self.orders.iter().find(|order| order.client_order_id == id)
    }

    fn each_open_order(&self, _: StrategyIx, visit: &mut dyn FnMut(&Order)) {
        self.orders.iter().filter(|order| !order.status.is_terminal()).for_each(visit);
    }
}

/// Calls a strategy and keeps what it asks for. Orders it submits are taken as accepted.
#[derive(Debug, Clone)]
pub struct Stand {
    /// What the strategy sees.
    pub view: FakeView,
    /// The time of the next call; each record moves it on by one minute.
    pub now: Ts,
    /// Whether the run is warming up.
    pub warm_up: bool,
    /// Every wish so far, in order.
    pub wishes: Vec<Wish>,
    draws: Draws,
    next_order: u32,
}

impl Default for Stand {
    fn default() -> Self {
        Self::new()
    }
}

impl Stand {
    /// With [`spot`], a balance of 10,000 of its quote currency, no fees, and seed 1.
    pub fn new() -> Self {
        let deposit = Amount::from_scaled(10_000, 0).unwrap_or_default();
        let view = FakeView {
            instrument: spot(),
            market: MarketState::default(),
            book: Book::new(),
            position: PositionView::default(),
            position_mode: PositionMode::OneWay,
            side_positions: [PositionView::default(); 2],
            balances: vec![Balance::default(), Balance { total: deposit, reserved: Amount::ZERO }],
            equity: Some(deposit),
            fee_rate_max: 0,
            orders: Vec::new(),
        };
        let draws = Draws::new(1, "strategy/test");
        Self { view, now: Ts::from_nanos(0), warm_up: false, wishes: Vec::new(), draws, next_order: 0 }
    }

    /// The same with the random streams of another seed.
    pub fn seeded(seed: u64) -> Self {
        Self { draws: Draws::new(seed, "strategy/test"), ..Self::new() }
    }

    /// A bar whose four prices are `close`, raw.
    pub fn bar(&mut self, strategy: &mut dyn Strategy, close: i64) {
        self.now = self.now.saturating_add(Span::MINUTE);
        let px = Price::from_raw(close);
        let bar = Bar {
            instrument: InstrumentIx(0),
            ts_event: self.now,
            ts_recv: self.now,
            interval: Span::MINUTE,
            open: px,
            high: px,
            low: px,
            close: px,
            volume: Qty::from_raw(1_000_000),
        };
        self.view.market.bar = Some(bar);
        self.mark(2 * close);
        self.call(|ctx| strategy.on_bar(ctx, &bar));
    }

    /// A public trade at `px`, raw.
    pub fn trade(&mut self, strategy: &mut dyn Strategy, px: i64) {
        self.now = self.now.saturating_add(Span::MINUTE);
        let (ts_event, ts_recv) = (self.now, self.now);
        let (px_raw, qty) = (px, Qty::from_raw(1_000));
        let px = Price::from_raw(px);
        let trade = TradeTick { instrument: InstrumentIx(0), ts_event, ts_recv, px, qty, aggressor: None };
        self.view.market.trade = Some(trade);
        self.mark(2 * px_raw);
        self.call(|ctx| strategy.on_trade(ctx, &trade));
    }

    /// A quote, raw.
    pub fn quote(&mut self, strategy: &mut dyn Strategy, bid: i64, ask: i64) {
        self.now = self.now.saturating_add(Span::MINUTE);
        let quote = QuoteTick {
            instrument: InstrumentIx(0),
            ts_event: self.now,
            ts_recv: self.now,
            bid_px: Price::from_raw(bid),
            ask_px: Price::from_raw(ask),
            bid_qty: Qty::from_raw(1_000),
            ask_qty: Qty::from_raw(1_000),
        };
        self.view.market.quote = Some(quote);
        self.mark(bid + ask);
        self.call(|ctx| strategy.on_quote(ctx, &quote));
    }

    /// A message after which the order book stands as in `view`.
    pub fn book(&mut self, strategy: &mut dyn Strategy) {
        self.now = self.now.saturating_add(Span::MINUTE);
        let (ts_event, ts_recv, flags) = (self.now, self.now, DepthFlags::LAST);
        let (instrument, px, qty) = (InstrumentIx(0), Price::ZERO, Qty::ZERO);
        let last = DepthTick { instrument, ts_event, ts_recv, side: None, px, qty, flags };
        let best = |side| self.view.book.best(side).map(|level| level.px.raw());
        if let Some((bid, ask)) = best(Side::Buy).zip(best(Side::Sell)) {
            self.mark(bid + ask);
        }
        self.view.market.depth = Some(last);
        self.call(|ctx| strategy.on_book(ctx, &last));
    }

    /// One call of a strategy with a context; for the calls that have no method here.
    pub fn call(&mut self, call: impl FnOnce(&mut Context<'_>)) {
        let first = self.wishes.len();
        let mut context = Context::new(ContextParts {
            now: self.now,
            strategy: StrategyIx(0),
            instruments: &[InstrumentIx(0)],
            warm_up: self.warm_up,
            view: &self.view,
            draws: &self.draws,
            wishes: &mut self.wishes,
            next_order: &mut self.next_order,
        });
        call(&mut context);
        for wish in self.wishes.iter().skip(first) {
            if let Wish::Order(Intent::Submit { client_order_id, request }) = wish {
                self.view.orders.push(accepted(*client_order_id, *request, self.now));
            }
        }
    }

    /// Every order asked for so far.
    pub fn requests(&self) -> Vec<OrderRequest> {
        let requests = self.wishes.iter().filter_map(|wish| match wish {
            Wish::Order(Intent::Submit { request, .. }) => Some(*request),
            Wish::Order(_) | Wish::Timer { .. } | Wish::Transfer { .. } | Wish::Signal { .. } | Wish::Log { .. } => {
                None
            }
        });
        requests.collect()
    }

    /// Ends order `number` with `status`, moves the position if it is `Filled`, and tells the
    /// strategy. Balances stay as the test set them. Nothing happens if there is no such order.
    pub fn end(&mut self, strategy: &mut dyn Strategy, number: u32, status: OrderStatus) {
        let Some(order) = self.view.orders.iter_mut().find(|order| order.client_order_id.number == number) else {
            return;
        };
        order.status = status;
        let left = std::mem::take(&mut order.leaves_qty);
        if status == OrderStatus::Filled {
            order.cum_qty = order.request.order_qty;
            let signed = Qty::from_raw(left.raw() * order.request.side.sign());
            self.view.position.net_qty = self.view.position.net_qty.checked_add(signed).unwrap_or_default();
        } else {
            order.canceled_qty = left;
        }
        let order = *order;
        self.call(|ctx| strategy.on_order(ctx, &OrderUpdate { order, event_number: 0 }));
        if status == OrderStatus::Filled {
            let last_px = order.request.kind.limit_px().or(self.view.market.mark()).unwrap_or_default();
            let liquidity = tapedeck_model::Liquidity::Taker;
            let (fee, fee_currency) = (Amount::ZERO, self.view.instrument.quote);
            let fill = Fill { order, last_px, last_qty: left, liquidity, fee, fee_currency };
            self.call(|ctx| strategy.on_fill(ctx, &fill));
        }
    }

    fn mark(&mut self, mark_x2: i64) {
        self.view.market.mark_x2 = Some(mark_x2);
        self.view.market.mark_ts = self.now;
    }
}

fn accepted(client_order_id: ClientOrderId, request: OrderRequest, now: Ts) -> Order {
    Order {
        client_order_id,
        venue_order_id: None,
        request,
        status: OrderStatus::Accepted,
        cum_qty: Qty::ZERO,
        leaves_qty: request.order_qty,
        canceled_qty: Qty::ZERO,
        held: false,
        cum_px_qty: 0,
        ts_submitted: now,
    }
}
