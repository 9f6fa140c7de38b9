//! Orders: what is asked for, what it becomes, and the words between us and the venue.

use crate::ids::{ClientOrderId, CurrencyIx, InstrumentIx, StrategyIx, TradeId, VenueOrderId};
use crate::instrument::Instrument;
use crate::loan::{InterestReport, LoanLiquidation, MarginCall};
use crate::margin::{Bankruptcy, Liquidation};
use crate::market::RecordRef;
use crate::number::{Amount, Price, Qty, pow10};
use crate::position::{Deal, PositionSide};
use crate::terms::{Terms, Trail, TriggerBy};
use crate::time::Ts;

/// Defines an enum whose variants bear the numbers of the journal format.
macro_rules! numbered {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $number:literal $text:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant),* }

        impl $name {
            /// Every variant, in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number in the journal.
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number),* }
            }

            /// The variant of a number in the journal.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// The word for people and tables.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.text())
            }
        }
    };
}
pub(crate) use numbered;

numbered! {
    /// Buy or sell (FIX 54).
    Side {
        /// Buy.
        Buy = 1 "buy",
        /// Sell.
        Sell = 2 "sell",
    }
}

impl Side {
    /// The other one.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// +1 for buy, -1 for sell.
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }
}

numbered! {
    /// Whether a fill gave or took liquidity (FIX 851).
    Liquidity {
        /// Rested in the book.
        Maker = 1 "maker",
        /// Took from the book.
        Taker = 2 "taker",
    }
}

/// What kind of order (FIX 40), with its prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// At the best price there is.
    Market,
    /// At `limit_px` or better (FIX 44).
    Limit {
        /// The worst price.
        limit_px: Price,
    },
    /// A market order once the price reaches `trigger_px` (FIX 99).
    Stop {
        /// Where it becomes a market order.
        trigger_px: Price,
    },
    /// A limit order once the price reaches `trigger_px`.
    StopLimit {
        /// Where it becomes a limit order.
        trigger_px: Price,
        /// The worst price.
        limit_px: Price,
    },
    /// A market order once the price comes back to `trigger_px`: a buy below the market, a sale above it.
    Touch {
        /// Where it becomes a market order.
        trigger_px: Price,
    },
    /// A limit order once the price comes back to `trigger_px`.
    TouchLimit {
        /// Where it becomes a limit order.
        trigger_px: Price,
        /// The worst price.
        limit_px: Price,
    },
    /// A stop whose trigger follows the best price at a distance, and never goes back.
    Trailing {
        /// How far behind.
        trail: Trail,
    },
}

impl OrderKind {
    /// The limit price, if it has one.
    pub const fn limit_px(self) -> Option<Price> {
        match self {
            Self::Limit { limit_px } | Self::StopLimit { limit_px, .. } | Self::TouchLimit { limit_px, .. } => {
                Some(limit_px)
            }
            Self::Market | Self::Stop { .. } | Self::Touch { .. } | Self::Trailing { .. } => None,
        }
    }

    /// The trigger price, if it has a fixed one.
    pub const fn trigger_px(self) -> Option<Price> {
        match self {
            Self::Stop { trigger_px }
            | Self::StopLimit { trigger_px, .. }
            | Self::Touch { trigger_px }
            | Self::TouchLimit { trigger_px, .. } => Some(trigger_px),
            Self::Market | Self::Limit { .. } | Self::Trailing { .. } => None,
        }
    }

    /// Whether it waits for a trigger.
    pub const fn has_trigger(self) -> bool {
        match self {
            Self::Stop { .. }
            | Self::StopLimit { .. }
            | Self::Touch { .. }
            | Self::TouchLimit { .. }
            | Self::Trailing { .. } => true,
            Self::Market | Self::Limit { .. } => false,
        }
    }

    /// Its price as far as it bears one: the limit, else the trigger; of a trailing stop where the trigger
    /// would be if the market stood best at `mark`, to the scale. `None` for a market order.
    pub fn borne_px(self, side: Side, mark: Price) -> Option<Price> {
        match self {
            Self::Trailing { trail } => Some(trail.trigger_px(mark, side, Price::from_raw(1))),
            Self::Market
            | Self::Limit { .. }
            | Self::Stop { .. }
            | Self::StopLimit { .. }
            | Self::Touch { .. }
            | Self::TouchLimit { .. } => self.limit_px().or(self.trigger_px()),
        }
    }

    /// The word for people and tables.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Limit { .. } => "limit",
            Self::Stop { .. } => "stop",
            Self::StopLimit { .. } => "stop_limit",
            Self::Touch { .. } => "if_touched",
            Self::TouchLimit { .. } => "limit_if_touched",
            Self::Trailing { .. } => "trailing_stop",
        }
    }
}

/// How long an order lives (FIX 59).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeInForce {
    /// Until canceled.
    Gtc,
    /// What fills at once; the rest is canceled.
    Ioc,
    /// All at once or nothing.
    Fok,
    /// Until an instant (FIX 126).
    Gtd(Ts),
    /// Until the next midnight UTC.
    Day,
}

impl TimeInForce {
    /// The word for people and tables.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Gtc => "gtc",
            Self::Ioc => "ioc",
            Self::Fok => "fok",
            Self::Gtd(_) => "gtd",
            Self::Day => "day",
        }
    }
}

/// What a strategy asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRequest {
    /// Which instrument.
    pub instrument: InstrumentIx,
    /// Buy or sell.
    pub side: Side,
    /// Kind and prices.
    pub kind: OrderKind,
    /// How much (FIX 38); above zero.
    pub order_qty: Qty,
    /// How long.
    pub time_in_force: TimeInForce,
    /// Refuse rather than take liquidity.
    pub post_only: bool,
    /// May only bring the position nearer to zero.
    pub reduce_only: bool,
    /// What few orders have.
    pub terms: Terms,
}

impl OrderRequest {
    /// A market order, good till canceled.
    pub const fn market(instrument: InstrumentIx, side: Side, order_qty: Qty) -> Self {
        Self {
            instrument,
            side,
            kind: OrderKind::Market,
            order_qty,
            time_in_force: TimeInForce::Gtc,
            post_only: false,
            reduce_only: false,
            terms: Terms {
                trigger_by: TriggerBy::Last,
                activation_px: None,
                display: None,
                reprice: false,
                position_side: None,
                group: None,
            },
        }
    }

    /// A limit order, good till canceled.
    pub const fn limit(instrument: InstrumentIx, side: Side, order_qty: Qty, limit_px: Price) -> Self {
        Self { kind: OrderKind::Limit { limit_px }, ..Self::market(instrument, side, order_qty) }
    }

    /// The same of one position of hedge mode: a buy of the long one opens, of the short one closes.
    #[must_use]
    pub const fn of(mut self, position_side: PositionSide) -> Self {
        self.terms.position_side = Some(position_side);
        self
    }

    /// What it trades.
    pub const fn deal(&self) -> Deal {
        Deal { side: self.side, position_side: self.terms.position_side }
    }

    /// Whether it may only bring a position nearer to zero: it says so, or in hedge mode its side does.
    pub const fn only_reduces(&self) -> bool {
        match self.terms.position_side {
            None => self.reduce_only,
            Some(position_side) => self.reduce_only || position_side.is_closed_by(self.side),
        }
    }
}

/// New values for an open order; `None` leaves a value as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amendment {
    /// New total quantity (filled part included).
    pub order_qty: Option<Qty>,
    /// New limit price.
    pub limit_px: Option<Price>,
    /// New trigger price.
    pub trigger_px: Option<Price>,
}

impl Amendment {
    /// The kind and prices of an order once this is accepted. A price that the kind does not have is
    /// left out: the venue refuses such a change.
    pub fn applied_to(&self, kind: OrderKind) -> OrderKind {
        match kind {
            OrderKind::Market => OrderKind::Market,
            OrderKind::Limit { limit_px } => OrderKind::Limit { limit_px: self.limit_px.unwrap_or(limit_px) },
            OrderKind::Stop { trigger_px } => OrderKind::Stop { trigger_px: self.trigger_px.unwrap_or(trigger_px) },
            OrderKind::StopLimit { trigger_px, limit_px } => OrderKind::StopLimit {
                trigger_px: self.trigger_px.unwrap_or(trigger_px),
                limit_px: self.limit_px.unwrap_or(limit_px),
            },
            OrderKind::Touch { trigger_px } => OrderKind::Touch { trigger_px: self.trigger_px.unwrap_or(trigger_px) },
            OrderKind::TouchLimit { trigger_px, limit_px } => OrderKind::TouchLimit {
                trigger_px: self.trigger_px.unwrap_or(trigger_px),
                limit_px: self.limit_px.unwrap_or(limit_px),
            },
            OrderKind::Trailing { trail } => OrderKind::Trailing { trail },
        }
    }
}

/// What a strategy wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Send an order.
    Submit {
        /// Its name.
        client_order_id: ClientOrderId,
        /// What.
        request: OrderRequest,
    },
    /// Change an open order.
    Amend {
        /// Which.
        client_order_id: ClientOrderId,
        /// How.
        amendment: Amendment,
    },
    /// Take an open order back.
    Cancel {
        /// Which.
        client_order_id: ClientOrderId,
    },
    /// Take every open order of a strategy back, with one message (FIX `OrderMassCancelRequest`).
    CancelAll {
        /// Whose.
        strategy: StrategyIx,
        /// Only of this instrument; `None`: of all. A command has one, as it goes to one place.
        instrument: Option<InstrumentIx>,
    },
}

impl Intent {
    /// Who wants it.
    pub const fn strategy(&self) -> StrategyIx {
        match self {
            Self::Submit { client_order_id, .. }
            | Self::Amend { client_order_id, .. }
            | Self::Cancel { client_order_id } => client_order_id.strategy,
            Self::CancelAll { strategy, .. } => *strategy,
        }
    }
}

/// What goes to the venue.
pub type Command = Intent;

numbered! {
    /// Where an order stands (FIX 39).
    OrderStatus {
        /// Sent, no answer yet.
        Submitted = 1 "submitted",
        /// In the venue's book.
        Accepted = 2 "accepted",
        /// A stop whose trigger was reached.
        Triggered = 3 "triggered",
        /// Filled in part.
        PartiallyFilled = 4 "partially_filled",
        /// Change asked for.
        PendingAmend = 5 "pending_amend",
        /// Cancel asked for.
        PendingCancel = 6 "pending_cancel",
        /// Filled whole.
        Filled = 7 "filled",
        /// Canceled.
        Canceled = 8 "canceled",
        /// Its time ran out.
        Expired = 9 "expired",
        /// Refused by the venue.
        Rejected = 10 "rejected",
        /// Refused by our risk rules; it never left.
        Denied = 11 "denied",
        /// At the venue, waiting for the fills of its parent.
        Held = 20 "held",
    }
}

impl OrderStatus {
    /// Whether nothing more is to come, save a late fill.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Filled | Self::Canceled | Self::Expired | Self::Rejected | Self::Denied => true,
            Self::Submitted
            | Self::Held
            | Self::Accepted
            | Self::Triggered
            | Self::PartiallyFilled
            | Self::PendingAmend
            | Self::PendingCancel => false,
        }
    }
}

/// An order of ours as we know it.
///
/// Invariant: `cum_qty + leaves_qty + canceled_qty == request.order_qty`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Its name.
    pub client_order_id: ClientOrderId,
    /// The venue's name, once accepted.
    pub venue_order_id: Option<VenueOrderId>,
    /// What was asked for, as amended.
    pub request: OrderRequest,
    /// Where it stands.
    pub status: OrderStatus,
    /// Filled so far (FIX 14).
    pub cum_qty: Qty,
    /// Still open (FIX 151).
    pub leaves_qty: Qty,
    /// Taken back, expired or refused.
    pub canceled_qty: Qty,
    /// Whether it waits for the fills of its parent, whatever else we wait for.
    pub held: bool,
    /// Sum of `last_px * last_qty` of its fills, raw in price scale + quantity scale.
    pub cum_px_qty: i128,
    /// When it was submitted.
    pub ts_submitted: Ts,
}

impl Order {
    /// Average fill price (FIX 6) as a float for display; `None` before the first fill.
    pub fn avg_px(&self, price_scale: u8) -> Option<f64> {
        (self.cum_qty.raw() != 0)
            .then(|| self.cum_px_qty as f64 / self.cum_qty.raw() as f64 / crate::number::pow10(price_scale) as f64)
    }
}

numbered! {
    /// Why the venue refused (FIX 103); numbers are part of the journal format.
    RejectReason {
        /// Price is not a multiple of the tick.
        OffTick = 1 "off_tick",
        /// Quantity is not a multiple of the lot.
        OffLot = 2 "off_lot",
        /// Quantity is below the minimum.
        QtyTooSmall = 3 "qty_too_small",
        /// Quantity is above the maximum.
        QtyTooLarge = 4 "qty_too_large",
        /// Notional is below the minimum.
        NotionalTooSmall = 5 "notional_too_small",
        /// A post-only order would have taken.
        WouldTake = 6 "post_only_would_take",
        /// A reduce-only order would not have reduced.
        WouldNotReduce = 7 "reduce_only_would_not_reduce",
        /// A stop whose trigger is already passed.
        WouldTrigger = 8 "stop_would_trigger_at_once",
        /// Price is zero or negative.
        BadPrice = 9 "bad_price",
        /// The expiry is not in the future.
        AlreadyExpired = 10 "already_expired",
        /// The order is not known or no longer open.
        UnknownOrder = 11 "unknown_order",
        /// The combination of fields makes no sense.
        BadCombination = 12 "bad_combination",
        /// The amended quantity is not above what was filled.
        BelowFilled = 13 "below_filled",
        /// Another order of its group was refused.
        GroupLeg = 14 "group_leg_rejected",
        /// The orders of its group do not go together.
        BadGroup = 15 "bad_group",
        /// The rest of its group did not come.
        GroupIncomplete = 16 "group_incomplete",
        /// Trigger, trail or displayed quantity makes no sense.
        BadTerms = 17 "bad_terms",
        /// The contract has expired.
        InstrumentExpired = 30 "instrument_expired",
        /// The margin that is free does not cover what it would open.
        InsufficientMargin = 40 "insufficient_margin",
        /// No bracket allows a position of that value at this leverage.
        PositionTooLarge = 41 "position_too_large",
        /// The venue is out of order.
        VenueUnavailable = 50 "venue_unavailable",
        /// Our line to the venue is cut: the command did not leave.
        NotConnected = 51 "not_connected",
        /// The venue was too busy to take it.
        VenueBusy = 52 "venue_busy",
        /// More orders than the venue takes in an interval.
        RateLimited = 53 "rate_limited",
        /// A limit too far from the mark price, or from the last price where there is none.
        PriceBand = 54 "price_band",
        /// In hedge mode it names no position side or is reduce-only, or it names one in one-way mode.
        PositionSide = 70 "position_side",
        /// The instrument was taken off the venue.
        Delisted = 80 "instrument_delisted",
        /// It is in units that the instrument no longer has.
        Redenominated = 85 "instrument_redenominated",
    }
}

numbered! {
    /// Why an order ended without being filled whole.
    CancelReason {
        /// Its owner asked.
        Requested = 1 "requested",
        /// Immediate-or-cancel: the rest.
        ImmediateOrCancel = 2 "ioc_rest",
        /// Fill-or-kill: could not be filled whole.
        FillOrKill = 3 "fok_not_filled",
        /// Reduce-only: nothing left to reduce.
        NothingToReduce = 4 "nothing_to_reduce",
        /// The run ended.
        RunEnded = 5 "run_ended",
        /// A risk rule took it back.
        RiskHalt = 6 "risk_halt",
        /// The venue found too little money to pay for more of it.
        InsufficientFunds = 7 "insufficient_funds",
        /// The order book had no more to take.
        NoLiquidity = 8 "no_liquidity",
        /// The other order of its pair was filled.
        SiblingFilled = 9 "sibling_filled",
        /// The other order of its pair ended without being filled whole.
        SiblingEnded = 10 "sibling_ended",
        /// The order that it waited for ended without a fill.
        ParentEnded = 11 "parent_ended",
        /// The orders that waited for it have closed all that it had filled.
        ExitDone = 12 "exit_done",
        /// It would have traded with another order of the same account.
        SelfTrade = 13 "self_trade",
        /// The connection was lost, and the venue cancels then.
        Disconnected = 14 "disconnected",
        /// The venue is liquidating the position.
        Liquidation = 40 "liquidation",
        /// The instrument was taken off the venue.
        Delisted = 80 "instrument_delisted",
        /// The units of the instrument changed.
        Redenominated = 85 "instrument_redenominated",
    }
}

numbered! {
    /// By which law a fill came about.
    FillBasis {
        /// At a bar's open.
        BarOpen = 1 "bar_open",
        /// On a bar's path, at the order's own price.
        BarPath = 2 "bar_path",
        /// On a bar's path, at the price at which the order arrived.
        BarArrival = 3 "bar_arrival",
        /// With a public trade, at its price.
        TradeTake = 4 "trade_take",
        /// A public trade went through our price.
        TradeThrough = 5 "trade_through",
        /// A public trade at our price, after the queue ahead.
        TradeQueue = 6 "trade_queue",
        /// Against the shown quote.
        QuoteTake = 7 "quote_take",
        /// The opposite quote reached our resting price.
        QuoteCross = 8 "quote_cross",
        /// Reported by a live venue.
        Venue = 9 "venue",
        /// Against a level of the order book.
        BookTake = 10 "book_take",
        /// The opposite side of the order book reached our resting price.
        BookCross = 11 "book_cross",
    }
}

/// Why a fill happened and what the models added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// The market record that caused it.
    pub record: RecordRef,
    /// The law.
    pub basis: FillBasis,
    /// The price before slippage.
    pub reference_px: Price,
    /// What slippage, impact and noise added against us together, rounding to the tick and the order's limit
    /// included; at least zero.
    pub slippage_px: Price,
    /// The part of it that is impact, as the model says before rounding, to the nearest price unit.
    pub impact_px: Price,
    /// The part of it that was drawn, likewise; of either sign.
    pub noise_px: Price,
    /// Quantity that the record offered when this fill was made.
    pub available_qty: Qty,
    /// Queue ahead of us as the order came, where a queue is modelled; else zero.
    pub queue_entry_qty: Qty,
    /// Queue ahead of us just before, where a queue is modelled; else zero.
    pub queue_ahead_qty: Qty,
}

/// A fill as the venue reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillReport {
    /// Whose.
    pub client_order_id: ClientOrderId,
    /// The venue's name of it.
    pub trade_id: TradeId,
    /// Price (FIX 31).
    pub last_px: Price,
    /// Quantity (FIX 32).
    pub last_qty: Qty,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// Fee: paid above zero, rebate below.
    pub fee: Amount,
    /// Currency of the fee.
    pub fee_currency: CurrencyIx,
    /// Economic time: a fill at a bar's open bears the bar's open time.
    pub ts_event: Ts,
    /// Why.
    pub evidence: Evidence,
}

/// A settlement of funding as the venue reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FundingReport {
    /// Of which instrument.
    pub instrument: InstrumentIx,
    /// Whose position; `None` from a venue that knows only the account as a whole.
    pub strategy: Option<StrategyIx>,
    /// The instant of settlement.
    pub ts_event: Ts,
    /// Fraction of the value, in units of 1e-12; above zero longs pay.
    pub rate: i64,
    /// The price at which the position was valued.
    pub mark_px: Price,
    /// Signed quantity at that instant.
    pub net_qty: Qty,
    /// In the settlement currency: paid above zero, received below.
    pub paid: Amount,
}

/// The end of a position at its contract's expiry or delisting, as the venue reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettlementReport {
    /// Of which instrument.
    pub instrument: InstrumentIx,
    /// Whose position; `None` from a venue that knows only the account as a whole: then everybody's.
    pub strategy: Option<StrategyIx>,
    /// The expiry or delisting.
    pub ts_event: Ts,
    /// The price at which it was settled.
    pub settlement_px: Price,
}

/// What became of the assets that a spot account held of an instrument when that was taken off the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldingReport {
    /// Of which instrument.
    pub instrument: InstrumentIx,
    /// When.
    pub ts_event: Ts,
    /// At which price they were exchanged for the quote currency; `None`: they are gone for nothing.
    pub settlement_px: Option<Price>,
    /// How much of the base asset there was, all of it.
    pub holding: Amount,
}

impl HoldingReport {
    /// What was paid for it, in the quote currency, rounded half to even at 1e-24. `None` on overflow.
    pub fn paid(&self, instrument: &Instrument) -> Option<Amount> {
        let Some(px) = self.settlement_px else { return Some(Amount::ZERO) };
        self.holding.mul_div(px.raw(), i64::try_from(pow10(instrument.price_scale)).ok()?)
    }
}

/// What the venue says about our orders and positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VenueReport {
    /// In the book.
    Accepted {
        /// Which.
        client_order_id: ClientOrderId,
        /// The venue's name.
        venue_order_id: VenueOrderId,
    },
    /// Refused.
    Rejected {
        /// Which.
        client_order_id: ClientOrderId,
        /// Why.
        reason: RejectReason,
    },
    /// A stop was triggered.
    Triggered {
        /// Which.
        client_order_id: ClientOrderId,
    },
    /// Changed as asked; the values that now hold.
    Replaced {
        /// Which.
        client_order_id: ClientOrderId,
        /// Total quantity.
        order_qty: Qty,
        /// Kind and prices.
        kind: OrderKind,
    },
    /// Not changed.
    AmendRejected {
        /// Which.
        client_order_id: ClientOrderId,
        /// Why.
        reason: RejectReason,
    },
    /// Not canceled.
    CancelRejected {
        /// Which.
        client_order_id: ClientOrderId,
        /// Why.
        reason: RejectReason,
    },
    /// Filled, whole or in part.
    Filled(FillReport),
    /// Ended.
    Canceled {
        /// Which.
        client_order_id: ClientOrderId,
        /// Why.
        reason: CancelReason,
    },
    /// Its time ran out.
    Expired {
        /// Which.
        client_order_id: ClientOrderId,
    },
    /// At the venue, but waiting for the fills of its parent.
    Held {
        /// Which.
        client_order_id: ClientOrderId,
        /// The venue's name.
        venue_order_id: VenueOrderId,
    },
    /// Its parent was filled: it works now.
    Activated {
        /// Which.
        client_order_id: ClientOrderId,
        /// Total quantity: what its parent has filled.
        order_qty: Qty,
    },
    /// The venue changed its quantity without being asked: it follows a group or a position.
    Resized {
        /// Which.
        client_order_id: ClientOrderId,
        /// Total quantity; above what was filled.
        order_qty: Qty,
    },
    /// A position paid funding, or was paid.
    Funding(FundingReport),
    /// A contract expired, and the position in it ended.
    Settled(SettlementReport),
    /// The venue took a position away, whole or in part.
    Liquidated(Liquidation),
    /// The venue's insurance fund covered a loss beyond the wallet.
    Bankrupt(Bankruptcy),
    /// An instrument was taken off the venue, and what a spot account held of it is gone.
    HoldingSettled(HoldingReport),
    /// Interest was charged on a debt.
    Interest(InterestReport),
    /// The venue sold, or bought back, so that a debt is paid.
    LoanLiquidated(LoanLiquidation),
    /// The margin level fell to that of a margin call.
    MarginCalled(MarginCall),
}

impl VenueReport {
    /// Which order it is about; `None` for what is about a position or the account.
    pub const fn client_order_id(&self) -> Option<ClientOrderId> {
        match self {
            Self::Accepted { client_order_id, .. }
            | Self::Rejected { client_order_id, .. }
            | Self::Triggered { client_order_id }
            | Self::Replaced { client_order_id, .. }
            | Self::AmendRejected { client_order_id, .. }
            | Self::CancelRejected { client_order_id, .. }
            | Self::Canceled { client_order_id, .. }
            | Self::Held { client_order_id, .. }
            | Self::Activated { client_order_id, .. }
            | Self::Resized { client_order_id, .. }
            | Self::Expired { client_order_id } => Some(*client_order_id),
            Self::Filled(fill) => Some(fill.client_order_id),
            Self::Funding(_)
            | Self::Settled(_)
            | Self::Liquidated(_)
            | Self::Bankrupt(_)
            | Self::HoldingSettled(_)
            | Self::Interest(_)
            | Self::LoanLiquidated(_)
            | Self::MarginCalled(_) => None,
        }
    }

    /// Over whose session with the venue it comes; `None` if it is about the account as a whole.
    pub const fn strategy(&self) -> Option<StrategyIx> {
        match (self, self.client_order_id()) {
            (_, Some(id)) => Some(id.strategy),
            (Self::Funding(funding), None) => funding.strategy,
            (Self::Settled(settled), None) => settled.strategy,
            (_, None) => None,
        }
    }
}
