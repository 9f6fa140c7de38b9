//! Everything that can happen in a run, as it stands in the journal.
//!
//! State is a fold of these events. A new kind gets a new number; a number is never used twice.

mod posting;

use crate::ids::{ClientOrderId, CurrencyIx, InstrumentIx, RuleIx, SourceIx, StrategyIx, VenueIx, VenueOrderId};
use crate::instrument::Instrument;
use crate::loan::{BorrowTerms, InterestReport, LoanLiquidation, MarginCall};
use crate::margin::{Bankruptcy, Liquidation, LiquidationShare, MarginTerms};
use crate::market::QuoteTick;
use crate::number::{Amount, Price, Qty};
use crate::order::{
    Amendment, CancelReason, FillReport, HoldingReport, OrderKind, OrderRequest, RejectReason, numbered,
};
use crate::position::{Deal, PositionMode, PositionSide};
use crate::redenomination::RedenominationReport;
use crate::time::Ts;

pub use posting::{LedgerAccount, POSTING_LINES_MAX, PostingLine, PostingLines, PostingReason};

pub use crate::transfer::{TransferRefusal, TransferSent};

numbered! {
    /// Why our own side refused; numbers are part of the journal format.
    DenyReason {
        /// The run is still warming up.
        WarmUp = 1 "warm_up",
        /// A halt is in force.
        Halted = 2 "halted",
        /// It cannot be paid.
        InsufficientFunds = 3 "insufficient_funds",
        /// A field makes no sense (zero quantity, negative price, unknown instrument).
        InvalidOrder = 4 "invalid_order",
        /// The order named is not ours or no longer open.
        UnknownOrder = 5 "unknown_order",
        /// A risk rule said no.
        RiskRule = 6 "risk_rule",
        /// No price is known yet.
        NoPrice = 7 "no_price",
        /// Its value cannot be represented.
        Overflow = 8 "overflow",
        /// A cancel or amend is already on its way.
        AlreadyPending = 9 "already_pending",
        /// A reduce-only order would not reduce the position.
        WouldNotReduce = 10 "would_not_reduce",
        /// Another order of its group was denied, so none of them left.
        GroupLeg = 20 "group_leg_denied",
        /// In hedge mode it names no position side or is reduce-only, or it names one in one-way mode.
        PositionSide = 70 "position_side",
    }
}

numbered! {
    /// What one risk rule said.
    RiskDecision {
        /// Fine.
        Pass = 1 "pass",
        /// Fine with less.
        Shrink = 2 "shrink",
        /// No.
        Deny = 3 "deny",
    }
}

numbered! {
    /// What a halt does.
    HaltAction {
        /// Cancel open orders, deny new ones that do not reduce.
        Cancel = 1 "cancel",
        /// Cancel, and close every position at market.
        Flatten = 2 "flatten",
        /// Cancel, and end the run.
        Stop = 3 "stop",
    }
}

numbered! {
    /// A report that the order-state machine refused.
    Anomaly {
        /// The same `trade_id` again.
        DuplicateFill = 1 "duplicate_fill",
        /// More filled than ordered.
        Overfill = 2 "overfill",
        /// Not possible in this status.
        IllegalTransition = 3 "illegal_transition",
        /// Nobody knows the order.
        UnknownOrder = 4 "unknown_order",
    }
}

numbered! {
    /// What befalls a venue or the account on schedule.
    IncidentKind {
        /// The venue cannot be reached: no data, no reports, commands are refused by it.
        Outage = 1 "outage",
        /// We receive no data; all else goes on.
        FeedGap = 2 "feed_gap",
        /// Our line is cut: no data, no reports, commands do not leave.
        Disconnect = 3 "disconnect",
        /// The venue refuses a part of new orders and amendments at random.
        Reject = 4 "reject",
        /// The venue takes a bounded number of orders per interval.
        RateLimit = 5 "rate_limit",
        /// Messages take longer.
        Slow = 6 "slow",
        /// Money is put in.
        Deposit = 7 "deposit",
        /// Money is taken out.
        Withdrawal = 8 "withdrawal",
        /// Something is given to us.
        Airdrop = 9 "airdrop",
        /// Money is sent from one venue to another.
        Transfer = 75 "transfer",
        /// An instrument is taken off the venue.
        Delisting = 80 "delisting",
        /// The units of an asset change.
        Redenomination = 85 "redenomination",
    }
}

numbered! {
    /// What was wrong with data and dealt with.
    DataIssue {
        /// A bad row was left out (`on_error = "skip"`).
        SkippedRow = 1 "skipped_row",
        /// A bad row was mended (`on_error = "repair"`).
        RepairedRow = 2 "repaired_row",
        /// A price between two ticks was kept.
        OffTickPrice = 3 "off_tick_price",
        /// Bars are missing between two bars.
        Gap = 4 "gap",
        /// A quantity finer than the scale was cut.
        TruncatedQty = 5 "truncated_qty",
        /// A funding rate was missing and was taken to be zero (`funding_missing = "zero"`).
        FundingZero = 30 "missing_funding_rate_taken_as_zero",
        /// A funding rate was missing and the one before was taken again (`funding_missing = "last"`).
        FundingCarried = 31 "missing_funding_rate_carried_over",
    }
}

numbered! {
    /// A market record that does not change our view.
    MarketException {
        /// Bid above ask.
        CrossedQuote = 1 "crossed_quote",
        /// Bid equal to ask.
        LockedQuote = 2 "locked_quote",
        /// After a depth message the best bid is above the best ask; said once as it begins.
        CrossedBook = 3 "crossed_book",
        /// After a depth message the best bid equals the best ask; said once as it begins.
        LockedBook = 4 "locked_book",
        /// Depth messages were lost: the book is not believed before the next snapshot.
        BookGap = 5 "book_gap",
        /// An order that is not on the book was changed, taken back or traded.
        UnknownOrder = 60 "unknown_order",
        /// An order came that is on the book already.
        DuplicateOrder = 61 "duplicate_order",
        /// More of an order was taken back or traded than there was.
        ExcessQty = 62 "excess_qty",
        /// An order came without a side, a price or a quantity, or changed to have none.
        ImpossibleOrder = 63 "impossible_order",
    }
}

numbered! {
    /// How much a line of log matters.
    LogLevel {
        /// For the author of the strategy.
        Debug = 1 "debug",
        /// Worth knowing.
        Info = 2 "info",
        /// Something is odd.
        Warn = 3 "warn",
        /// Something is wrong.
        Error = 4 "error",
    }
}

/// Equity at a moment, with what lies between it and the last such record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EquityPoint {
    /// The moment: a multiple of the sampling interval, or the end of the run.
    pub ts_event: Ts,
    /// Cash and positions at the last known prices, in the base currency.
    pub equity: Amount,
    /// Highest equity at any mark since the last record.
    pub high: Amount,
    /// Lowest equity at any mark since the last record.
    pub low: Amount,
    /// Gross notional of open positions, in the base currency.
    pub exposure: Amount,
    /// Largest fall from a peak so far, over every mark of the run, as a fraction of the peak.
    pub max_drawdown: f64,
}

/// A position after a change, per strategy and instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionPoint {
    /// Whose.
    pub strategy: StrategyIx,
    /// In what.
    pub instrument: InstrumentIx,
    /// Signed quantity.
    pub net_qty: Qty,
    /// What it cost: sum of `price * qty * multiplier` of the open part, signed like the quantity,
    /// in the quote currency. Average price = cost / (quantity * multiplier).
    pub entry_cost: Amount,
    /// Realised profit and loss so far, without fees, in the quote currency.
    pub realized_pnl: Amount,
}

/// One event of a run. Numbers of kinds: [`Event::number`].
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// First record of every journal.
    RunStarted {
        /// Version of the journal format.
        format: u16,
        /// The scenario's seed.
        seed: u64,
        /// BLAKE3 of the resolved scenario.
        scenario_hash: [u8; 32],
        /// In what equity is measured.
        base_currency: CurrencyIx,
    },
    /// A currency of the run.
    CurrencyDeclared {
        /// Its position.
        currency: CurrencyIx,
        /// Its code.
        code: String,
    },
    /// An instrument of the run.
    InstrumentDeclared {
        /// All about it, with its dated rules.
        instrument: Box<Instrument>,
    },
    /// A strategy of the run.
    StrategyDeclared {
        /// Its position.
        strategy: StrategyIx,
        /// Its id.
        id: String,
    },
    /// A risk rule of the run.
    RuleDeclared {
        /// Its position.
        rule: RuleIx,
        /// Its name.
        name: String,
    },
    /// The margin terms of an instrument.
    MarginDeclared {
        /// Of which.
        instrument: InstrumentIx,
        /// Mode, leverage and brackets.
        terms: Box<MarginTerms>,
    },
    /// How the account holds instruments; not there in one-way mode.
    PositionModeDeclared {
        /// One signed position, or a long and a short one.
        mode: PositionMode,
    },
    /// The same of the account at one of several venues.
    PositionModeDeclaredAt {
        /// At which.
        venue: VenueIx,
        /// One signed position, or a long and a short one.
        mode: PositionMode,
    },
    /// A venue of a run that has several, each with an account of its own; where there is one, none is
    /// declared. Its instruments bear its name.
    VenueDeclared {
        /// Its position.
        venue: VenueIx,
        /// Its name.
        name: String,
    },
    /// A data source of the run.
    SourceDeclared {
        /// Its position.
        source: SourceIx,
        /// Its name.
        name: String,
    },

    /// A strategy wants an order.
    SubmitIntended {
        /// Its name.
        client_order_id: ClientOrderId,
        /// What.
        request: OrderRequest,
    },
    /// A strategy wants an order changed.
    AmendIntended {
        /// Which.
        client_order_id: ClientOrderId,
        /// How.
        amendment: Amendment,
    },
    /// A strategy (or a halt) wants an order back.
    CancelIntended {
        /// Which.
        client_order_id: ClientOrderId,
    },
    /// One rule looked at an intent. `value` and `limit` are in the rule's own unit.
    RiskChecked {
        /// Which order.
        client_order_id: ClientOrderId,
        /// Which rule.
        rule: RuleIx,
        /// What it said.
        decision: RiskDecision,
        /// What it measured.
        value: Amount,
        /// Where its limit lies.
        limit: Amount,
    },
    /// Every rule agreed, to this quantity.
    Approved {
        /// Which order.
        client_order_id: ClientOrderId,
        /// How much of it.
        order_qty: Qty,
    },
    /// An intent went no further.
    Denied {
        /// Which order.
        client_order_id: ClientOrderId,
        /// Why.
        reason: DenyReason,
        /// The rule, if a rule it was.
        rule: Option<RuleIx>,
    },

    /// An order left for the venue; `reserved` of `currency` is set aside for it.
    Submitted {
        /// Which.
        client_order_id: ClientOrderId,
        /// As sent.
        request: OrderRequest,
        /// In what the reserve is.
        currency: CurrencyIx,
        /// How much is reserved.
        reserved: Amount,
    },
    /// A change was sent.
    AmendSubmitted {
        /// Which.
        client_order_id: ClientOrderId,
        /// How.
        amendment: Amendment,
    },
    /// A cancel was sent.
    CancelSubmitted {
        /// Which.
        client_order_id: ClientOrderId,
    },
    /// The venue has it.
    Accepted {
        /// Which.
        client_order_id: ClientOrderId,
        /// The venue's name.
        venue_order_id: VenueOrderId,
    },
    /// The venue refused it.
    Rejected {
        /// Which.
        client_order_id: ClientOrderId,
        /// Why.
        reason: RejectReason,
    },
    /// Its stop was triggered.
    Triggered {
        /// Which.
        client_order_id: ClientOrderId,
    },
    /// It was changed; these values hold now.
    Replaced {
        /// Which.
        client_order_id: ClientOrderId,
        /// Total quantity.
        order_qty: Qty,
        /// Kind and prices.
        kind: OrderKind,
    },
    /// The venue refused the change.
    AmendRejected {
        /// Which.
        client_order_id: ClientOrderId,
        /// Why.
        reason: RejectReason,
    },
    /// The venue refused the cancel.
    CancelRejected {
        /// Which.
        client_order_id: ClientOrderId,
        /// Why.
        reason: RejectReason,
    },
    /// A fill.
    Filled {
        /// In what.
        instrument: InstrumentIx,
        /// Buy or sell, and in hedge mode of which position.
        deal: Deal,
        /// As the venue reported it.
        report: FillReport,
        /// Filled so far, this one included.
        cum_qty: Qty,
        /// Still open.
        leaves_qty: Qty,
    },
    /// Ended before it was filled whole.
    Canceled {
        /// Which.
        client_order_id: ClientOrderId,
        /// Why.
        reason: CancelReason,
        /// How much of it will not be filled.
        canceled_qty: Qty,
    },
    /// Its time ran out.
    Expired {
        /// Which.
        client_order_id: ClientOrderId,
        /// How much of it will not be filled.
        canceled_qty: Qty,
    },
    /// The venue has it, and it waits for the fills of its parent.
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
    /// The venue changed its quantity, as it follows a group or a position.
    Resized {
        /// Which.
        client_order_id: ClientOrderId,
        /// Total quantity.
        order_qty: Qty,
    },
    /// One message asked for every open order of a strategy; each of them has its own record after this.
    CancelAllSubmitted {
        /// Whose.
        strategy: StrategyIx,
        /// In what.
        instrument: InstrumentIx,
    },
    /// A report that changed nothing, and why.
    ReportRefused {
        /// Which order.
        client_order_id: ClientOrderId,
        /// What was wrong.
        anomaly: Anomaly,
    },

    /// The venue took a position of the account away, whole or in part; its shares follow.
    Liquidated(Liquidation),
    /// What a liquidation took from one strategy.
    LiquidationShared(LiquidationShare),
    /// The venue's insurance fund covered a loss beyond the wallet; nothing was left.
    Bankrupt(Bankruptcy),

    /// Money moved.
    Posted {
        /// Why.
        reason: PostingReason,
        /// The lines; each currency sums to zero.
        lines: PostingLines,
    },
    /// Money moved in the account at one of several venues.
    PostedAt {
        /// At which.
        venue: VenueIx,
        /// Why.
        reason: PostingReason,
        /// The lines; each currency sums to zero.
        lines: PostingLines,
    },
    /// The insurance fund of one of several venues covered a loss beyond the wallet; nothing was left.
    BankruptAt {
        /// Of which.
        venue: VenueIx,
        /// What it covered.
        bankruptcy: Bankruptcy,
    },
    /// Money left one venue for another. The posting follows; until it arrives it is under way.
    TransferSent(TransferSent),
    /// What was under way arrived. The posting follows.
    TransferArrived {
        /// Which transfer.
        transfer: u64,
        /// At which venue.
        venue: VenueIx,
        /// In what.
        currency: CurrencyIx,
        /// How much.
        amount: Amount,
    },
    /// A transfer did not leave.
    TransferRefused {
        /// Who asked for it; `None`: the scenario.
        strategy: Option<StrategyIx>,
        /// From which venue.
        from: VenueIx,
        /// To which venue.
        to: VenueIx,
        /// In what.
        currency: CurrencyIx,
        /// How much was asked for.
        amount: Amount,
        /// How much could have left.
        free: Amount,
        /// Why.
        reason: TransferRefusal,
    },
    /// A position changed.
    PositionChanged(PositionPoint),
    /// The same in hedge mode.
    SidePositionChanged {
        /// Which of the two.
        position_side: PositionSide,
        /// What it is now; a short one has a quantity below zero.
        point: PositionPoint,
    },
    /// A position ended at its contract's expiry or delisting. Its posting and the position that is left follow.
    PositionSettled {
        /// Whose.
        strategy: StrategyIx,
        /// In what.
        instrument: InstrumentIx,
        /// The expiry or delisting.
        ts_event: Ts,
        /// The price at which it was settled.
        settlement_px: Price,
        /// Signed quantity that was settled.
        net_qty: Qty,
    },
    /// A position paid funding, or was paid. The posting of the whole report follows.
    FundingPaid {
        /// Whose; `None` for a part that no strategy holds.
        strategy: Option<StrategyIx>,
        /// In what.
        instrument: InstrumentIx,
        /// The instant of settlement.
        ts_event: Ts,
        /// Fraction of the value, in units of 1e-12; above zero longs pay.
        rate: i64,
        /// The price at which the position was valued.
        mark_px: Price,
        /// Signed quantity at that instant.
        net_qty: Qty,
        /// In the settlement currency: paid above zero, received below.
        paid: Amount,
    },

    /// What a spot account held of an instrument ended as that was taken off the venue. The positions that
    /// strategies had of it and the posting follow.
    HoldingSettled(HoldingReport),

    /// The units of an asset changed. The positions in its instruments and the posting follow.
    Redenominated {
        /// At which venue.
        venue: VenueIx,
        /// What the venue said of it.
        report: RedenominationReport,
    },

    /// At what rates a currency can be borrowed.
    BorrowDeclared {
        /// Which.
        currency: CurrencyIx,
        /// The rates.
        terms: Box<BorrowTerms>,
    },
    /// Interest was charged on a debt. Its posting follows.
    InterestCharged(InterestReport),
    /// The margin level of an account with debts fell to that of a margin call.
    MarginCalled(MarginCall),
    /// The venue sold, or bought back, so that a debt is paid. What strategies held of it, if they did, and the
    /// posting of the whole follow.
    LoanLiquidated(LoanLiquidation),

    /// Equity at a moment.
    Equity(EquityPoint),
    /// A number that a strategy wants on record.
    Signal {
        /// Whose.
        strategy: StrategyIx,
        /// Its name.
        name: String,
        /// Its value.
        value: f64,
    },
    /// A line that a strategy wants on record.
    Log {
        /// Whose.
        strategy: StrategyIx,
        /// How much it matters.
        level: LogLevel,
        /// The text.
        text: String,
    },
    /// A strategy's timer went off.
    TimerFired {
        /// Whose.
        strategy: StrategyIx,
        /// The strategy's own number of it.
        timer: u64,
    },
    /// A risk rule halted trading.
    Halted {
        /// Which rule.
        rule: RuleIx,
        /// Of whom; `None` for all.
        strategy: Option<StrategyIx>,
        /// What it does.
        action: HaltAction,
        /// What it measured.
        value: Amount,
        /// Where its limit lies.
        limit: Amount,
    },
    /// A halt whose time is over.
    Resumed {
        /// Which rule.
        rule: RuleIx,
    },
    /// A market record that does not change our view.
    MarketRefused {
        /// What was wrong.
        exception: MarketException,
        /// The record; of a book its best levels, zero where a side is empty.
        quote: QuoteTick,
    },
    /// Defects of a source that were dealt with, counted.
    DataIssues {
        /// Which source.
        source: SourceIx,
        /// What kind.
        issue: DataIssue,
        /// How many.
        count: u64,
    },
    /// A source came to its end.
    SourceEnded {
        /// Which source.
        source: SourceIx,
        /// How many records it gave.
        records: u64,
        /// BLAKE3 of its content, or of what generates it.
        content_hash: [u8; 32],
    },
    /// An incident begins; of one that lasts no time, but for a redenomination, it is the only record.
    IncidentBegan {
        /// Its name in the scenario.
        name: String,
        /// What it is.
        kind: IncidentKind,
        /// Whom it befalls: a venue, an instrument or a currency.
        target: String,
        /// First instant at which it no longer holds.
        until: Ts,
    },
    /// An incident is over; a redenomination, when our side is through with it.
    IncidentEnded {
        /// Its name in the scenario.
        name: String,
        /// Market records that we did not receive because of it.
        missed: u64,
    },
    /// Money was put in or taken out during the run, which is neither profit nor loss: returns and
    /// falls are measured as if equity had been scaled from `before` to `after`.
    CapitalMoved {
        /// Equity just before, in the base currency.
        before: Amount,
        /// Equity just after, at the same prices.
        after: Amount,
    },
    /// A withdrawal asked for more than could be taken out, so nothing was.
    WithdrawalRefused {
        /// In what.
        currency: CurrencyIx,
        /// How much was asked for.
        amount: Amount,
        /// How much could have been taken out.
        free: Amount,
    },
    /// At the end: how often orders that arrived were kept from what an instrument showed because of its age.
    FillsBlocked {
        /// Of what.
        instrument: InstrumentIx,
        /// How often.
        count: u64,
    },
    /// Last record of every complete journal.
    RunEnded {
        /// Inputs that the kernel took.
        inputs: u64,
        /// Bars whose outcome depended on the assumed path.
        ambiguous_bars: u64,
        /// Orders denied because the run was still warming up.
        warmup_denied: u64,
    },
}

impl Event {
    /// Version of the journal format.
    pub const FORMAT: u16 = 1;

    /// The number of the kind in the journal; never used twice.
    pub const fn number(&self) -> u16 {
        self.kind().0
    }

    /// The word for the kind, for people and tables.
    pub const fn text(&self) -> &'static str {
        self.kind().1
    }

    const fn kind(&self) -> (u16, &'static str) {
        match self {
            Self::RunStarted { .. } => (1, "run_started"),
            Self::CurrencyDeclared { .. } => (2, "currency_declared"),
            Self::InstrumentDeclared { .. } => (3, "instrument_declared"),
            Self::StrategyDeclared { .. } => (4, "strategy_declared"),
            Self::RuleDeclared { .. } => (5, "rule_declared"),
            Self::SourceDeclared { .. } => (6, "source_declared"),
            Self::SubmitIntended { .. } => (10, "submit_intended"),
            Self::AmendIntended { .. } => (11, "amend_intended"),
            Self::CancelIntended { .. } => (12, "cancel_intended"),
            Self::RiskChecked { .. } => (13, "risk_checked"),
            Self::Approved { .. } => (14, "approved"),
            Self::Denied { .. } => (15, "denied"),
            Self::Submitted { .. } => (20, "submitted"),
            Self::AmendSubmitted { .. } => (21, "amend_submitted"),
            Self::CancelSubmitted { .. } => (22, "cancel_submitted"),
            Self::Accepted { .. } => (23, "accepted"),
            Self::Rejected { .. } => (24, "rejected"),
            Self::Triggered { .. } => (25, "triggered"),
            Self::Replaced { .. } => (26, "replaced"),
            Self::AmendRejected { .. } => (27, "amend_rejected"),
            Self::CancelRejected { .. } => (28, "cancel_rejected"),
            Self::Filled { .. } => (29, "filled"),
            Self::Canceled { .. } => (30, "canceled"),
            Self::Expired { .. } => (31, "expired"),
            Self::ReportRefused { .. } => (32, "report_refused"),
            Self::Liquidated(_) => (33, "liquidated"),
            Self::LiquidationShared(_) => (34, "liquidation_shared"),
            Self::Held { .. } => (35, "held"),
            Self::Activated { .. } => (36, "activated"),
            Self::Resized { .. } => (37, "resized"),
            Self::CancelAllSubmitted { .. } => (38, "cancel_all_submitted"),
            Self::Posted { .. } => (40, "posted"),
            Self::PositionChanged(_) => (41, "position_changed"),
            Self::FundingPaid { .. } => (42, "funding_paid"),
            Self::PositionSettled { .. } => (43, "position_settled"),
            Self::Bankrupt(_) => (46, "bankrupt"),
            Self::MarginDeclared { .. } => (47, "margin_declared"),
            Self::Equity(_) => (50, "equity"),
            Self::Signal { .. } => (51, "signal"),
            Self::Log { .. } => (52, "log"),
            Self::TimerFired { .. } => (53, "timer_fired"),
            Self::Halted { .. } => (54, "halted"),
            Self::Resumed { .. } => (55, "resumed"),
            Self::MarketRefused { .. } => (56, "market_refused"),
            Self::DataIssues { .. } => (57, "data_issues"),
            Self::SourceEnded { .. } => (58, "source_ended"),
            Self::RunEnded { .. } => (60, "run_ended"),
            Self::IncidentBegan { .. } => (61, "incident_began"),
            Self::IncidentEnded { .. } => (62, "incident_ended"),
            Self::CapitalMoved { .. } => (63, "capital_moved"),
            Self::WithdrawalRefused { .. } => (64, "withdrawal_refused"),
            Self::FillsBlocked { .. } => (65, "fills_blocked"),
            Self::SidePositionChanged { .. } => (70, "side_position_changed"),
            Self::PositionModeDeclared { .. } => (71, "position_mode_declared"),
            Self::VenueDeclared { .. } => (75, "venue_declared"),
            Self::PostedAt { .. } => (76, "posted_at"),
            Self::BankruptAt { .. } => (77, "bankrupt_at"),
            Self::TransferSent(_) => (78, "transfer_sent"),
            Self::TransferArrived { .. } => (79, "transfer_arrived"),
            Self::HoldingSettled(_) => (80, "holding_settled"),
            Self::InterestCharged(_) => (81, "interest_charged"),
            Self::LoanLiquidated(_) => (82, "loan_liquidated"),
            Self::MarginCalled(_) => (83, "margin_called"),
            Self::BorrowDeclared { .. } => (84, "borrow_declared"),
            Self::Redenominated { .. } => (85, "redenominated"),
            Self::TransferRefused { .. } => (90, "transfer_refused"),
            Self::PositionModeDeclaredAt { .. } => (91, "position_mode_declared_at"),
        }
    }

    /// The venue that the event names, which it does where there are several.
    pub const fn venue(&self) -> Option<VenueIx> {
        match self {
            Self::VenueDeclared { venue, .. }
            | Self::PostedAt { venue, .. }
            | Self::BankruptAt { venue, .. }
            | Self::PositionModeDeclaredAt { venue, .. }
            | Self::TransferArrived { venue, .. }
            | Self::Redenominated { venue, .. } => Some(*venue),
            _ => None,
        }
    }

    /// The order that the event is about, if it is about one.
    pub const fn client_order_id(&self) -> Option<ClientOrderId> {
        match self {
            Self::SubmitIntended { client_order_id, .. }
            | Self::AmendIntended { client_order_id, .. }
            | Self::CancelIntended { client_order_id }
            | Self::RiskChecked { client_order_id, .. }
            | Self::Approved { client_order_id, .. }
            | Self::Denied { client_order_id, .. }
            | Self::Submitted { client_order_id, .. }
            | Self::AmendSubmitted { client_order_id, .. }
            | Self::CancelSubmitted { client_order_id }
            | Self::Accepted { client_order_id, .. }
            | Self::Rejected { client_order_id, .. }
            | Self::Triggered { client_order_id }
            | Self::Replaced { client_order_id, .. }
            | Self::AmendRejected { client_order_id, .. }
            | Self::CancelRejected { client_order_id, .. }
            | Self::Canceled { client_order_id, .. }
            | Self::Expired { client_order_id, .. }
            | Self::Held { client_order_id, .. }
            | Self::Activated { client_order_id, .. }
            | Self::Resized { client_order_id, .. }
            | Self::ReportRefused { client_order_id, .. } => Some(*client_order_id),
            Self::Filled { report, .. } => Some(report.client_order_id),
            Self::RunStarted { .. }
            | Self::CurrencyDeclared { .. }
            | Self::InstrumentDeclared { .. }
            | Self::StrategyDeclared { .. }
            | Self::RuleDeclared { .. }
            | Self::SourceDeclared { .. }
            | Self::VenueDeclared { .. }
            | Self::PostedAt { .. }
            | Self::BankruptAt { .. }
            | Self::TransferSent(_)
            | Self::TransferArrived { .. }
            | Self::TransferRefused { .. }
            | Self::MarginDeclared { .. }
            | Self::Liquidated(_)
            | Self::LiquidationShared(_)
            | Self::Bankrupt(_)
            | Self::CancelAllSubmitted { .. }
            | Self::Posted { .. }
            | Self::PositionChanged(_)
            | Self::SidePositionChanged { .. }
            | Self::PositionModeDeclared { .. }
            | Self::PositionModeDeclaredAt { .. }
            | Self::FundingPaid { .. }
            | Self::PositionSettled { .. }
            | Self::HoldingSettled(_)
            | Self::InterestCharged(_)
            | Self::LoanLiquidated(_)
            | Self::MarginCalled(_)
            | Self::BorrowDeclared { .. }
            | Self::Redenominated { .. }
            | Self::Equity(_)
            | Self::Signal { .. }
            | Self::Log { .. }
            | Self::TimerFired { .. }
            | Self::Halted { .. }
            | Self::Resumed { .. }
            | Self::MarketRefused { .. }
            | Self::DataIssues { .. }
            | Self::SourceEnded { .. }
            | Self::IncidentBegan { .. }
            | Self::IncidentEnded { .. }
            | Self::CapitalMoved { .. }
            | Self::WithdrawalRefused { .. }
            | Self::FillsBlocked { .. }
            | Self::RunEnded { .. } => None,
        }
    }
}

/// What precedes every event in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Header {
    /// Number of the record in the journal, from 0, without gaps.
    pub seq: u64,
    /// Number of the input that caused it, from 1; 0 before the first input.
    pub input: u64,
    /// The kernel's time; never goes back.
    pub ts: Ts,
}

/// A record of the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Where it stands.
    pub header: Header,
    /// What happened.
    pub event: Event,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_reasons_are_unique_and_come_back() {
        for reason in DenyReason::ALL {
            assert_eq!(DenyReason::from_number(reason.number()), Some(*reason));
        }
        assert_eq!(DenyReason::from_number(0), None);
    }
}
