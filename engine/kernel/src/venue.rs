//! The simulated venue: orders arrive, market records pass, reports leave.
//!
//! Enters: commands at their time of arrival, market records at their time of event. Leaves:
//! reports with their economic time. Invariants: orders are handled in order of arrival; a record
//! that touches no order costs a few comparisons; nothing depends on another instrument, but the
//! venue's counters and a spot account's balances. Deliberately absent: the way there and back
//! (the driver adds latency), our own risk and accounts.
//!
//! Five kinds of record match orders, each in its own module: `bars`, `trades`, `quotes`, `depth` and, of a book
//! that is told order by order, `depth::by_order`.
//! They differ in what they offer; that an order takes an offer is the same for all: `fills`.
//!
//! A cancel or an amendment takes effect when it arrives. Inside a bar that means: before the bar's
//! path, as the path is only known when the bar is over.

mod bars;
mod borrowing;
mod checks;
mod commands;
mod depth;
mod desk;
mod fees;
mod fills;
mod funding;
mod funds;
mod gate;
mod groups;
mod iceberg;
mod impact;
mod latency;
mod liquidation;
mod loans;
mod margin;
mod path;
mod queue;
mod quotes;
mod redenomination;
mod scene;
mod self_trade;
mod settings;
mod settlement;
mod shift;
mod slippage;
mod stress;
#[cfg(test)]
mod tests;
mod token;
mod trades;
mod triggers;
mod watch;

use std::cell::Cell;

use thiserror::Error;

use tapedeck_model::number::pow10;
use tapedeck_model::port::{FeeModel, FeeQuery, Impact, LatencyModel, LatencyQuery, QueueModel, SlippageModel};
use tapedeck_model::{
    Amount, Bar, BookLaw, ClientOrderId, Command, CurrencyIx, Decimal, Draws, Instrument, InstrumentIx, Levels,
    MarketRecord, OrderRequest, PositionMode, Price, Qty, Ratio, RecordRef, Span, StrategyIx, Ts, VenueReport,
};

use crate::margin::MarginBook;
use desk::Desk;
use fills::Slip;
use funds::Funds;
use gate::Gate;
use loans::Loans;
use margin::VenueMargin;
use scene::Scene;
use token::Token;
use watch::{CANCEL, ENTRY, REPORT, Watch};

pub use fees::{DEFAULT_FEES, fee_components};
pub(crate) use gate::refused;
pub use gate::{Factor, RateLimit, Trouble, Window};
pub use latency::{DEFAULT_LATENCY, latency_components};
pub use loans::{LoanRules, LoanSpec};
pub use margin::{LIQUIDATION_RATE_ONE, LiquidationRules, MarginSpec};
pub use queue::{DEFAULT_QUEUE, queue_components};
pub use redenomination::Redenomination;
pub use settings::{
    LimitFill, MakerFill, Matching, OrderRules, PARAMS, PathModel, RecordKind, SelfTrade, parse_participation,
};
pub use settlement::{Delisting, Fate, SettlementPx};
pub use slippage::{DEFAULT_SLIPPAGE, slippage_components};
pub use stress::{stressed_fees, stressed_slippage};
pub use token::TokenSpec;

/// All about a venue.
pub struct VenueSpec {
    /// Its name.
    pub name: String,
    /// What it trades.
    pub instruments: Vec<InstrumentIx>,
    /// The finest kind of record that each instrument has; bars where it is not said. A finer kind
    /// that turns up takes over.
    pub finest: Vec<(InstrumentIx, RecordKind)>,
    /// The path of prices through a bar.
    pub path: PathModel,
    /// Part of a bar's volume that all our orders of an instrument together may take, above 0 and at
    /// most 1; `None` for no bound.
    pub participation: Option<Decimal>,
    /// When a resting limit order fills on a bar.
    pub limit_fill: LimitFill,
    /// What must trade at a resting order's price before it fills on trades, in units of quantity;
    /// `None`: all volume at our price is ahead of us.
    pub queue_ahead: Option<Decimal>,
    /// Who left a level of an order book, where the data does not say.
    pub queue: Box<dyn QueueModel>,
    /// How much of a resting order fills on an order book.
    pub maker_fill: MakerFill,
    /// How it treats orders beside matching them.
    pub orders: OrderRules,
    /// Draws of what icebergs show anew, keyed by the venue.
    pub display_draws: Draws,
    /// How the venue's and our order books are kept, where an instrument has depth.
    pub books: BookLaw,
    /// How long orders and amendments take to the venue.
    pub entry_latency: Box<dyn LatencyModel>,
    /// How long cancels take to the venue.
    pub cancel_latency: Box<dyn LatencyModel>,
    /// How long reports take back.
    pub report_latency: Box<dyn LatencyModel>,
    /// What takers pay beyond the reference price.
    pub slippage: Box<dyn SlippageModel>,
    /// What the venue charges.
    pub fees: Box<dyn FeeModel>,
    /// What the account has of the token in which [`FeeModel::token_terms`] takes fees.
    pub token: TokenSpec,
    /// At which price positions in expiring contracts are settled, where that is stated.
    pub settlement_px: Vec<(InstrumentIx, Price)>,
    /// What a spot account has at the venue, which never lets a balance fall below zero; `None` for
    /// no such check.
    pub funds: Option<Vec<(CurrencyIx, Amount)>>,
    /// A margin account, in place of `funds`; `None` for no look at margin.
    pub margin: Option<MarginSpec>,
    /// Whether an instrument has one position or a long and a short one.
    pub position_mode: PositionMode,
    /// A spot account that may borrow, in place of `funds`.
    pub loans: Option<LoanSpec>,
    /// When commands are refused and messages are held up; the first one that refuses is told.
    pub troubles: Vec<Window>,
    /// How far limits may lie from the mark price, else the last known price, as a part of it.
    pub price_band: Option<Factor>,
    /// How old what an order meets on arrival may be, where that is bounded.
    pub age_limits: Vec<(InstrumentIx, Span)>,
    /// By how much funding that the account pays is multiplied, in a run that multiplies costs.
    pub funding_stress: Option<Factor>,
}

/// Why the venue cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VenueError {
    /// A part of its description is impossible.
    #[error("venue {venue}: {problem}")]
    Spec {
        /// Which venue.
        venue: String,
        /// What is wrong.
        problem: String,
    },
    /// Something came that is traded elsewhere.
    #[error("venue {venue} does not trade instrument number {}", .instrument.0)]
    NotTraded {
        /// Which venue.
        venue: String,
        /// What came.
        instrument: InstrumentIx,
    },
    /// A value cannot be represented.
    #[error("a fill of {instrument} is too large to be represented")]
    Overflow {
        /// Of what.
        instrument: String,
    },
    /// A position of a contract cannot be held in new units.
    #[error(
        "a position of {qty} in {instrument} times {ratio} is finer than its quantities are: a contract is not \
         redenominated in part; give the instrument finer lots from that time on"
    )]
    Fraction {
        /// Of what.
        instrument: String,
        /// How much of it is held.
        qty: String,
        /// How many new units one old unit is.
        ratio: Ratio,
    },
    /// A position cannot be valued.
    #[error("positions in {instrument} are to be settled at {at}, and no price above zero is known")]
    NoMark {
        /// Of what.
        instrument: String,
        /// When.
        at: Ts,
    },
}

/// A report and when what it says happened; never before the last report about the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedReport {
    /// Economic time: a fill at a bar's open bears the bar's open time.
    pub ts_event: Ts,
    /// What is said.
    pub report: VenueReport,
}

/// Reports about the account draw from streams of their own, above those of the strategies.
const ACCOUNT_STREAMS: u64 = 1 << 48;

/// A fraction, exact.
#[derive(Debug, Clone, Copy)]
struct Share {
    num: i128,
    den: i128,
}

impl Share {
    /// Rounded down. A share of at most one fits wherever the whole fits.
    fn of(self, qty: Qty) -> Qty {
        Qty::from_raw((i128::from(qty.raw()) * self.num).div_euclid(self.den) as i64)
    }
}

/// How bars are matched.
struct BarRules {
    path: PathModel,
    participation: Option<Share>,
    limit_fill: LimitFill,
}

/// How a command gets to the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It arrives after so many nanoseconds.
    ArrivesAfter(i64),
    /// The venue refuses it without looking at it, and we hear of that after so many nanoseconds.
    RefusedAfter(i64),
}

/// Messages of one strategy so far, for the numbers of their draws: no draw depends on others.
#[derive(Debug, Clone, Copy, Default)]
struct Messages {
    amends: u64,
    cancels: u64,
    reports: u64,
}

/// The venue.
pub struct SimVenue {
    name: String,
    /// By instrument; `None` where it is traded elsewhere.
    desks: Vec<Option<Desk>>,
    queue_ahead: Vec<Option<Qty>>,
    /// Where each working order stands, sorted.
    working: Vec<(ClientOrderId, InstrumentIx)>,
    bar_rules: BarRules,
    trials: [bars::Trial; 2],
    queue: Box<dyn QueueModel>,
    maker_fill: MakerFill,
    order_rules: OrderRules,
    display_draws: Draws,
    /// Orders of groups whose others are still to come.
    arriving: Vec<(ClientOrderId, OrderRequest)>,
    funds: Funds,
    settlement_px: Vec<(InstrumentIx, Price)>,
    funding_stress: Option<Factor>,
    /// Absent where no model asks for it.
    watch: Option<Box<Watch>>,
    /// Absent where nothing is ever wrong.
    gate: Option<Box<Gate>>,
    entry_latency: Box<dyn LatencyModel>,
    cancel_latency: Box<dyn LatencyModel>,
    report_latency: Box<dyn LatencyModel>,
    slippage: Box<dyn SlippageModel>,
    /// By instrument, where our own trading has moved the price.
    impacts: Vec<Cell<Impact>>,
    fees: Box<dyn FeeModel>,
    fees_want_fills: bool,
    messages: Vec<Messages>,
    /// Of the account itself.
    account_messages: Messages,
    venue_order_id_last: u64,
    trade_id_last: u64,
    ambiguous_bars: u64,
}

impl SimVenue {
    /// Opens the venue. `instruments` is the run's table.
    ///
    /// # Errors
    /// [`VenueError::Spec`] or [`VenueError::NotTraded`].
    pub fn new(spec: VenueSpec, instruments: &[Instrument]) -> Result<Self, VenueError> {
        let wrong = |problem: String| VenueError::Spec { venue: spec.name.clone(), problem };
        let participation = spec.participation.map(|share| {
            let fits = share > Decimal::ZERO && share <= Decimal::ONE;
            let exact = Share { num: share.mantissa(), den: pow10(share.scale() as u8) };
            fits.then_some(exact).ok_or_else(|| wrong(format!("participation {share} is not above 0 and at most 1")))
        });
        let mut funds = funds_of(&spec, instruments).map_err(&wrong)?;
        let mut desks = Vec::with_capacity(instruments.len());
        desks.resize_with(instruments.len(), || None);
        let mut queue_ahead = vec![None; instruments.len()];
        for ix in &spec.instruments {
            let instrument = instruments
                .get(ix.usize())
                .ok_or_else(|| VenueError::NotTraded { venue: spec.name.clone(), instrument: *ix })?;
            instrument.validate().map_err(|e| wrong(format!("{}: {e}", instrument.id)))?;
            let finest = spec.finest.iter().find(|(other, _)| other == ix).map_or(RecordKind::Bars, |(_, kind)| *kind);
            funds.admit(instrument);
            queue_ahead[ix.usize()] = queue_in(spec.queue_ahead, instrument).map_err(&wrong)?;
            let age_limit = spec.age_limits.iter().find(|(other, _)| other == ix).map(|(_, limit)| *limit);
            let price_band = spec.price_band;
            let mut desk = Desk::new(instrument.clone(), finest, spec.books);
            desk.position_mode = spec.position_mode;
            (desk.age_limit, desk.price_band) = (age_limit, price_band);
            desks[ix.usize()] = Some(desk);
        }
        let participation = participation.transpose()?;
        let terms = spec.fees.token_terms();
        let token = terms.map(|terms| Token::new(terms, spec.token, instruments).map_err(&wrong)).transpose()?;
        if let Some(token) = &token {
            if funds.loans().is_some() {
                return Err(wrong("an account that borrows does not pay fees in a token".to_owned()));
            }
            funds.take_token(token.currency(), spec.token.balance);
        }
        Ok(Self {
            name: spec.name,
            desks,
            queue_ahead,
            working: Vec::new(),
            bar_rules: BarRules { path: spec.path, participation, limit_fill: spec.limit_fill },
            trials: Default::default(),
            queue: spec.queue,
            maker_fill: spec.maker_fill,
            order_rules: spec.orders,
            display_draws: spec.display_draws,
            arriving: Vec::new(),
            funds,
            settlement_px: spec.settlement_px,
            funding_stress: spec.funding_stress,
            watch: Watch::of(
                [&*spec.entry_latency, &*spec.cancel_latency, &*spec.report_latency],
                (spec.slippage.memory(), instruments.len()),
                (!spec.age_limits.is_empty(), token),
            ),
            impacts: vec![Cell::default(); instruments.len()],
            gate: (!spec.troubles.is_empty()).then(|| Box::new(Gate::new(spec.troubles))),
            entry_latency: spec.entry_latency,
            cancel_latency: spec.cancel_latency,
            report_latency: spec.report_latency,
            slippage: spec.slippage,
            fees_want_fills: spec.fees.wants_fills(),
            fees: spec.fees,
            messages: Vec::new(),
            account_messages: Messages::default(),
            venue_order_id_last: 0,
            trade_id_last: 0,
            ambiguous_bars: 0,
        })
    }

    /// A record passes, at its time of event. Reports are added to `out`.
    ///
    /// # Errors
    /// [`VenueError::NotTraded`] or [`VenueError::Overflow`].
    #[inline]
    pub fn on_record(
        &mut self,
        at: RecordRef,
        record: &MarketRecord,
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        match self.desks.get_mut(record.instrument().usize()) {
            Some(Some(desk)) => {
                let touched = desk.is_touched_by(at, record, &*self.queue);
                if self.funds.margin().is_some() {
                    self.on_margined_record(touched, at, record, out)?;
                } else if self.funds.loans().is_some() {
                    self.on_borrowing_record(touched, at, record, out)?;
                } else if touched {
                    self.match_record(at, record, out)?;
                }
                if self.watch.is_some() {
                    self.watch_record(record);
                }
                Ok(())
            }
            Some(None) | None => Err(self.not_traded(record.instrument())),
        }
    }

    /// Rows of depth that only change levels, at their time of event, the first of them at `at`: the same as
    /// [`SimVenue::on_record`] for each, if it can be done so; else `false`.
    #[inline]
    pub fn on_levels(&mut self, at: RecordRef, levels: &Levels<'_>) -> bool {
        let desk = self.desks.get_mut(levels.instrument.usize()).and_then(Option::as_mut);
        let Some(desk) = desk.filter(|_| self.watch.is_none() && !self.funds.looks_at_each()) else { return false };
        desk.see_levels(at, levels, &*self.queue)
    }

    /// Whether records like this one cannot concern any order: then [`SimVenue::on_quiet_records`] may
    /// stand for [`SimVenue::on_record`], as long as no command arrives.
    pub fn is_quiet_for(&self, record: &MarketRecord) -> bool {
        let desk = self.desks.get(record.instrument().usize()).and_then(Option::as_ref);
        self.watch.is_none()
            && desk.is_some_and(|desk| desk.is_quiet_for(record))
            && self.funds.margin().is_none_or(|margin| !margin.book.is_held(record.instrument()))
            && self.funds.loans().is_none_or(|loans| !loans.owes())
    }

    /// `count` records like this one, the last of them, passed while the venue was quiet for them.
    pub fn on_quiet_records(&mut self, count: u64, at: RecordRef, record: &MarketRecord) {
        if let (1.., Some(Some(desk))) = (count, self.desks.get_mut(record.instrument().usize())) {
            desk.see_last_of(count, at, record, &*self.queue);
            self.note_quiet_mark(record);
        }
    }

    /// A contract expires at `now`: open orders end, positions are settled, and no order is taken any more.
    /// Reports are added to `out`.
    ///
    /// # Errors
    /// [`VenueError::NotTraded`] or [`VenueError::NoMark`].
    pub fn on_expiry(
        &mut self,
        now: Ts,
        instrument: InstrumentIx,
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        let stated = self.settlement_px.iter().find(|(ix, _)| *ix == instrument).map(|(_, px)| *px);
        self.at_desk((instrument, now), out, |scene, _, _| settlement::settle(scene, now, stated))?;
        self.watch_pool_of(instrument, now, out)
    }

    /// An instrument is taken off the venue at `now`: open orders are canceled, what is held is dealt with, and no
    /// order is taken any more. Reports are added to `out`.
    ///
    /// # Errors
    /// [`VenueError::NotTraded`], [`VenueError::NoMark`] or [`VenueError::Overflow`].
    pub fn on_delisting(
        &mut self,
        now: Ts,
        delisting: &Delisting,
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        let instrument = delisting.instrument;
        self.at_desk((instrument, now), out, |scene, _, _| settlement::delist(scene, now, delisting))?;
        self.watch_pool_of(instrument, now, out)
    }

    /// Models that look at the market as a whole see the record, after orders have met it.
    #[inline(never)]
    fn watch_record(&mut self, record: &MarketRecord) {
        if let (Some(watch), Some(Some(desk))) = (&mut self.watch, self.desks.get_mut(record.instrument().usize())) {
            watch.see(record, desk);
        }
    }

    /// Whether a command that is sent now does not leave.
    pub fn is_cut_off(&self, now: Ts) -> bool {
        self.gate.as_ref().is_some_and(|gate| gate.is_cut_off(now))
    }

    /// When a report arrives that would by itself arrive at `arrival`.
    pub fn delivered(&self, arrival: Ts) -> Ts {
        self.gate.as_ref().map_or(arrival, |gate| gate.delivered(arrival))
    }

    /// Money that came or went beside trading.
    ///
    /// # Errors
    /// [`VenueError::Overflow`] if a wallet would be too large.
    pub fn on_money(&mut self, currency: CurrencyIx, amount: Amount) -> Result<(), VenueError> {
        if let Some(margin) = self.funds.margin_mut() {
            let too_large = || VenueError::Overflow { instrument: "a wallet".to_owned() };
            return margin.book.credit(currency, amount).ok_or_else(too_large);
        }
        self.funds.fund(currency, amount);
        Ok(())
    }

    /// How a command that is sent now gets to the venue.
    ///
    /// Orders draw by their own number, those of a group by the number of its first, for they are one message;
    /// amendments and cancels by how many their strategy has sent.
    pub fn way_of(&mut self, now: Ts, command: &Command) -> Way {
        let (number, leg) = match command {
            Command::Submit { client_order_id, request } => {
                let number = request.terms.group.map_or(client_order_id.number, |leg| leg.first);
                (u64::from(number), ENTRY)
            }
            Command::Amend { client_order_id, .. } => {
                let messages = self.messages_of(client_order_id.strategy);
                messages.amends += 1;
                // Order numbers have 32 bits: amendments draw from streams above them.
                ((1 << 32) + messages.amends, ENTRY)
            }
            Command::Cancel { .. } | Command::CancelAll { .. } => {
                let messages = self.messages_of(command.strategy());
                messages.cancels += 1;
                (messages.cancels, CANCEL)
            }
        };
        let query = self.latency_query(now, number, leg);
        let model = if leg == ENTRY { &self.entry_latency } else { &self.cancel_latency };
        match model.refused_after_ns(&query) {
            Some(delay) => Way::RefusedAfter(self.slowed(now, delay)),
            None => Way::ArrivesAfter(self.slowed(now, model.delay_ns(&query))),
        }
    }

    fn latency_query(&self, sent: Ts, number: u64, leg: usize) -> LatencyQuery {
        LatencyQuery { number, sent, events: self.watch.as_ref().map_or(0, |watch| watch.events(leg, sent)) }
    }

    fn slowed(&self, now: Ts, delay_ns: i64) -> i64 {
        self.gate.as_ref().map_or(delay_ns, |gate| gate.slowed(now, delay_ns))
    }

    /// Nanoseconds until a message about the account that is sent now arrives.
    pub fn account_report_delay_ns(&mut self, now: Ts) -> i64 {
        self.account_messages.reports += 1;
        let number = self.account_messages.reports + ACCOUNT_STREAMS;
        let query = self.latency_query(now, number, REPORT);
        self.slowed(now, self.report_latency.delay_ns(&query))
    }

    /// Nanoseconds until a report that is sent now arrives. Draws by how many reports the strategy
    /// was sent.
    pub fn report_delay_ns(&mut self, now: Ts, report: &VenueReport) -> i64 {
        let messages = match report.strategy() {
            Some(strategy) => self.messages_of(strategy),
            None => &mut self.account_messages,
        };
        messages.reports += 1;
        let number = messages.reports + if report.client_order_id().is_none() { ACCOUNT_STREAMS } else { 0 };
        let query = self.latency_query(now, number, REPORT);
        self.slowed(now, self.report_latency.delay_ns(&query))
    }

    /// Number of working orders.
    pub fn working_orders(&self) -> usize {
        self.working.len()
    }

    /// The venue's mark price of an instrument, as far as it is known.
    pub fn mark_px(&self, instrument: InstrumentIx) -> Option<Price> {
        self.desks.get(instrument.usize())?.as_ref()?.mark_px()
    }

    /// The price of the index that the mark follows, as far as it is known.
    pub fn index_px(&self, instrument: InstrumentIx) -> Option<Price> {
        self.desks.get(instrument.usize())?.as_ref()?.index_px()
    }

    /// Number of bars whose outcome depended on the assumed path.
    pub fn ambiguous_bars(&self) -> u64 {
        self.ambiguous_bars
    }

    /// Wallets and positions of a margin account, as the venue has them; `None` for other accounts.
    pub fn margin_book(&self) -> Option<&MarginBook> {
        self.funds.margin().map(|margin| &margin.book)
    }

    /// What the venue has of a currency for an account that may borrow, below zero: owed; `None` for other accounts.
    pub fn loan_balance(&self, currency: CurrencyIx) -> Option<Amount> {
        self.funds.loans().map(|loans| loans.balance(currency))
    }

    /// How the book of an instrument is kept.
    pub fn book_law(&self, instrument: InstrumentIx) -> BookLaw {
        let desk = self.desks.get(instrument.usize()).and_then(Option::as_ref);
        desk.map_or_else(BookLaw::default, |desk| desk.depth.law())
    }

    /// How often orders were kept from what an instrument showed because of its age, where it happened.
    pub fn blocked_fills(&self) -> impl Iterator<Item = (InstrumentIx, u64)> + '_ {
        let desks = self.desks.iter().flatten().filter(|desk| desk.blocked > 0);
        desks.map(|desk| (desk.instrument.ix, desk.blocked))
    }

    /// The largest fraction of notional that the venue charges, in units of 1e-12.
    pub fn fee_rate_max(&self) -> i64 {
        self.fees.rate_max()
    }

    fn messages_of(&mut self, strategy: StrategyIx) -> &mut Messages {
        let strategy = strategy.usize();
        if self.messages.len() <= strategy {
            self.messages.resize(strategy + 1, Messages::default());
        }
        &mut self.messages[strategy]
    }

    #[cold]
    fn not_traded(&self, instrument: InstrumentIx) -> VenueError {
        VenueError::NotTraded { venue: self.name.clone(), instrument }
    }

    /// Runs `work` at a desk and clears away what ended there.
    fn at_desk<T>(
        &mut self,
        (instrument, now): (InstrumentIx, Ts),
        out: &mut Vec<TimedReport>,
        work: impl FnOnce(&mut Scene<'_>, &BarRules, &mut [bars::Trial; 2]) -> Result<T, VenueError>,
    ) -> Result<T, VenueError> {
        let said = out.len();
        let Some(Some(desk)) = self.desks.get_mut(instrument.usize()) else {
            return Err(self.not_traded(instrument));
        };
        let (volatility, daily_volume) = self.watch.as_ref().map_or((None, None), |watch| watch.market(instrument));
        let slippage =
            Slip { model: &*self.slippage, volatility, daily_volume, impact: &self.impacts[instrument.usize()] };
        let mut scene = Scene {
            desk,
            slippage,
            fees: &*self.fees,
            token: self.watch.as_ref().and_then(|watch| watch.token.as_ref()),
            draws: &self.display_draws,
            funds: &mut self.funds,
            trade_id_last: &mut self.trade_id_last,
            out: &mut *out,
            maker_fill: self.maker_fill,
            self_trade: self.order_rules.self_trade,
        };
        let result = work(&mut scene, &self.bar_rules, &mut self.trials)?;
        if scene.desk.stirred {
            scene.wake(now)?;
        }
        let drift = scene.slippage.drift();
        let Some(Some(desk)) = self.desks.get_mut(instrument.usize()) else { return Ok(result) };
        if self.fees_want_fills {
            out[said..].iter().try_for_each(|timed| note_fill(&mut *self.fees, desk, &timed.report))?;
        }
        let working = &mut self.working;
        desk.settle(drift, |id| {
            if let Ok(place) = working.binary_search_by_key(&id, |(id, _)| *id) {
                working.remove(place);
            }
        });
        Ok(result)
    }

    #[inline(never)]
    fn match_record(
        &mut self,
        at: RecordRef,
        record: &MarketRecord,
        out: &mut Vec<TimedReport>,
    ) -> Result<(), VenueError> {
        if let MarketRecord::Bar(bar) = record {
            return self.match_bar(at, bar, out).map(|_| ());
        }
        let stress = self.funding_stress;
        self.at_desk((record.instrument(), record.ts_event()), out, |scene, _, _| match record {
            MarketRecord::Bar(_) => Ok(()),
            MarketRecord::Trade(trade) => {
                scene.expire_due(trade.ts_event);
                if scene.desk.finest == RecordKind::Depth {
                    depth::on_trade(scene, at, trade)
                } else {
                    trades::on_trade(scene, at, trade)
                }
            }
            MarketRecord::Quote(quote) => {
                scene.expire_due(quote.ts_event);
                if scene.desk.finest.is_of_book() {
                    return depth::on_message(scene, quote.ts_event);
                }
                quotes::on_quote(scene)
            }
            MarketRecord::Depth(row) => {
                scene.expire_due(row.ts_event);
                depth::on_message(scene, row.ts_event)
            }
            MarketRecord::Mbo(row) => {
                scene.expire_due(row.ts_event);
                depth::by_order::on_row(scene, row.ts_event)
            }
            MarketRecord::Mark(mark) => triggers::on_mark(scene, mark),
            MarketRecord::Funding(tick) => funding::settle(scene, tick, stress),
        })
    }

    /// Matches a bar; gives what a margin account has still to look at.
    fn match_bar(&mut self, at: RecordRef, bar: &Bar, out: &mut Vec<TimedReport>) -> Result<bars::Rest, VenueError> {
        let place = (bar.instrument, bar.ts_event);
        let walked = self.at_desk(place, out, |scene, rules, trials| bars::on_bar(scene, rules, trials, at, bar))?;
        self.ambiguous_bars += u64::from(walked.ambiguous);
        Ok(walked.rest)
    }
}

/// Tells a fee model of a fill; its order is still at the desk.
fn note_fill(fees: &mut dyn FeeModel, desk: &Desk, report: &VenueReport) -> Result<(), VenueError> {
    let VenueReport::Filled(fill) = report else { return Ok(()) };
    let Some(order) = desk.find(fill.client_order_id).and_then(|at| desk.orders.get(at)) else { return Ok(()) };
    let (instrument, qty, liquidity) = (&desk.instrument, fill.last_qty, fill.liquidity);
    let notional = instrument.notional(fill.last_px, qty);
    let notional = notional.ok_or_else(|| VenueError::Overflow { instrument: instrument.id.to_string() })?;
    fees.on_fill(&FeeQuery { instrument, side: order.request.side, liquidity, qty, notional, ts: fill.ts_event });
    Ok(())
}

/// What the venue knows of the account.
fn funds_of(spec: &VenueSpec, instruments: &[Instrument]) -> Result<Funds, String> {
    if let Some(margin) = &spec.margin {
        let margin = VenueMargin::new(margin, instruments, spec.position_mode);
        return margin.map(Funds::on_margin).ok_or_else(|| "a wallet is too large".to_owned());
    }
    if let Some(loans) = &spec.loans {
        // It is valued by its own prices, so it trades all there is.
        let trades_all = instruments.iter().all(|one| spec.instruments.contains(&one.ix));
        let loans = Loans::new(loans, instruments).filter(|_| trades_all);
        return loans.map(Funds::borrowing).ok_or_else(|| "an account that borrows makes no sense".to_owned());
    }
    Funds::new(spec.funds.as_deref()).ok_or_else(|| "a balance is below zero or too large".to_owned())
}

/// `queue_ahead` in the instrument's quantity scale, rounded up: more in the queue is the safer side.
fn queue_in(units: Option<Decimal>, instrument: &Instrument) -> Result<Option<Qty>, String> {
    let Some(units) = units else { return Ok(None) };
    let too_large = || format!("queue_ahead {units} is too large");
    // Rounded up by rounding the negative down.
    let raw = match units.scale() as u8 {
        scale if scale > instrument.qty_scale => -(-units.mantissa()).div_euclid(pow10(scale - instrument.qty_scale)),
        scale => units.mantissa().checked_mul(pow10(instrument.qty_scale - scale)).ok_or_else(too_large)?,
    };
    let qty = i64::try_from(raw).map(Qty::from_raw).map_err(|_| too_large())?;
    if qty < Qty::ZERO { Err(format!("queue_ahead {units} is below zero")) } else { Ok(Some(qty)) }
}

/// A part of a whole, from 0 to 1, as a float.
pub(crate) fn fraction(value: Decimal) -> f64 {
    float(value).clamp(0.0, 1.0)
}

/// A parameter as a float, for models only.
fn float(value: Decimal) -> f64 {
    value.mantissa() as f64 / pow10(value.scale() as u8) as f64
}
