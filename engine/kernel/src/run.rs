//! The tour of the house: one input walks through every door, in order.
//!
//! `Core` is the pure state machine that a backtest and a live session share. Enters: market
//! records as received, venue reports, timers, each with the time of its receipt. Leaves: journal
//! records, commands for the venue, timers to set. Deliberately absent: sources, venues, latency
//! (see [`crate::drive`] for simulated time, the live adapter for wall time), threads, files.
//!
//! Invariants: account and orders change only in `Core::record`, which journals what it applies;
//! a command leaves only with an [`Approved`](crate::risk::Approved) in hand; time and input numbers never go back.

mod funding;
mod gate;
mod halt;
mod incident;
mod liquidation;
mod loan;
mod redenomination;
mod settlement;
mod state;
mod transfer;

use std::collections::VecDeque;

use tapedeck_journal::{Encoder, RawFrame};
use tapedeck_model::event::{Anomaly, EquityPoint, PostingLines, PostingReason};
use tapedeck_model::port::{RiskObservation, Wish};
use tapedeck_model::transfer::{TransferAsk, TransferUpdate};
use tapedeck_model::{
    Amount, ClientOrderId, Command, Context, CurrencyIx, Event, Fill, FillReport, Intent, Levels, MarketRecord, Order,
    OrderRequest, OrderUpdate, PositionMode, RuleIx, Shows, SourceIx, Strategy, StrategyIx, Tick, Ts, VenueIx,
    VenueReport, View,
};

use crate::account::{Account, Accounts, AccountsSpec, EquityTrack, LinearEquity, Marks, SeenMarks};
use crate::clock::Clock;
use crate::host::Host;
use crate::market::MarketView;
use crate::oms::{Oms, canceled_at_end};
use crate::risk::RiskChain;
use crate::spec::{CoreSpec, KernelError, VenueAccount};
use state::State;

pub use incident::IncidentNotice;
pub use transfer::TransferTerms;

/// How many calls of strategies one input may lead to before it counts as a loop.
const CALLS_PER_INPUT_MAX: u32 = 100_000;

/// Counts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Inputs taken.
    pub inputs: u64,
    /// Journal records written.
    pub events: u64,
    /// Orders sent to a venue.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Intents denied by our own side, warm-up included.
    pub denied: u64,
    /// Orders rejected by a venue.
    pub rejected: u64,
    /// Orders denied because the run was still warming up.
    pub warmup_denied: u64,
    /// Stages of liquidations.
    pub liquidations: u64,
}

/// A timer that a strategy asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerWish {
    /// When.
    pub at: Ts,
    /// Whose.
    pub strategy: StrategyIx,
    /// The strategy's own number of it.
    pub timer: u64,
}

/// Something to tell a strategy about one of its orders.
#[derive(Debug, Clone, Copy)]
struct Notice {
    update: OrderUpdate,
    fill: Option<FillReport>,
}

/// The deterministic machine.
pub struct Core {
    clock: Clock,
    state: State,
    host: Host,
    risk: RiskChain,
    track: EquityTrack,
    encoder: Encoder,
    commands: Vec<Command>,
    timers: Vec<TimerWish>,
    notices: VecDeque<Notice>,
    spare_wishes: Vec<Wish>,
    /// Transfers that are to leave, what became of others, and how many were asked for at which instant.
    transfers: Vec<TransferAsk>,
    news: VecDeque<(StrategyIx, TransferUpdate)>,
    asks: (Ts, u32),
    /// Number of the last transfer that left, and whether the driver carries any.
    transfer_last: u64,
    carries_transfers: bool,
    /// Orders of a group whose others are still to come.
    group: Vec<(ClientOrderId, OrderRequest)>,
    /// Strategies whose positions a halt is closing.
    flattening: Vec<StrategyIx>,
    counts: Counts,
    fees: Vec<Amount>,
    start: Ts,
    /// No order leaves any more: the run is ending.
    ending: bool,
    /// A halt with [`HaltAction::Stop`] wants the run to end.
    stop: bool,
    /// Money moved since equity was last looked at.
    moved: bool,
    equity_first: Option<Amount>,
    /// Equity as last looked at, and with which input: another one may have brought another price.
    equity_seen: (u64, Amount),
    /// Whether equity depended on a price when the account last changed.
    exposed: bool,
    /// Something happened that the driver should look at.
    stirred: bool,
    /// Equity in a form that is quick to compute, as of the last change of the account.
    linear: LinearEquity,
    /// Whether there is such a form.
    is_linear: bool,
    /// Marks that need no look at equity.
    seen_marks: SeenMarks,
}

impl Core {
    /// A machine at rest.
    ///
    /// # Errors
    /// [`KernelError`] if the account cannot be set up (for example no conversion path).
    pub fn new(spec: CoreSpec) -> Result<Self, KernelError> {
        let about = AccountsSpec {
            venues: spec.accounts.iter().map(|one| (one.venue.clone(), one.kind)).collect(),
            strategies: spec.strategies.len(),
            base_currency: spec.base_currency,
            currencies: spec.currencies.len(),
        };
        let accounts = Accounts::new(&about, &spec.instruments)?;
        let marks = Marks::new(&about.of(accounts.first().kind()), &spec.instruments)?;
        let state = State {
            market: MarketView::new(&spec.books),
            oms: Oms::new(spec.strategies.len(), spec.instruments.len()),
            accounts,
            marks,
            fee_rate_max: spec.fee_rate_max.clone(),
            instruments: spec.instruments.clone(),
        };
        let mut core = Self {
            clock: Clock::new(),
            state,
            host: Host::new(Vec::new(), 0, spec.seed),
            risk: RiskChain::new(Vec::new()),
            track: EquityTrack::new(spec.first_ts, spec.equity_interval),
            encoder: Encoder::new(),
            commands: Vec::new(),
            timers: Vec::new(),
            notices: VecDeque::new(),
            spare_wishes: Vec::new(),
            transfers: Vec::new(),
            news: VecDeque::new(),
            asks: (Ts::MIN, 0),
            transfer_last: 0,
            carries_transfers: spec.carries_transfers,
            group: Vec::new(),
            flattening: Vec::new(),
            counts: Counts::default(),
            fees: vec![Amount::ZERO; spec.currencies.len()],
            start: spec.start,
            ending: false,
            stop: false,
            moved: true,
            equity_first: None,
            equity_seen: (0, Amount::ZERO),
            exposed: false,
            stirred: false,
            linear: LinearEquity::default(),
            is_linear: false,
            seen_marks: SeenMarks::NONE,
        };
        core.clock.start(spec.first_ts);
        core.declare(&spec)?;
        core.host = Host::new(spec.strategies, spec.instruments.len(), spec.seed);
        core.risk = RiskChain::new(spec.rules);
        Ok(core)
    }

    /// Journals who takes part, and the money put in.
    fn declare(&mut self, spec: &CoreSpec) -> Result<(), KernelError> {
        self.note(&Event::RunStarted {
            format: Event::FORMAT,
            seed: spec.seed,
            scenario_hash: spec.scenario_hash,
            base_currency: spec.base_currency,
        });
        for (ix, currency) in spec.currencies.iter().enumerate() {
            let code = currency.code().to_owned();
            self.note(&Event::CurrencyDeclared { currency: CurrencyIx(ix as u16), code });
        }
        for instrument in &spec.instruments {
            self.note(&Event::InstrumentDeclared { instrument: Box::new(instrument.clone()) });
        }
        for (ix, slot) in spec.strategies.iter().enumerate() {
            self.note(&Event::StrategyDeclared { strategy: StrategyIx(ix as u16), id: slot.id.clone() });
        }
        for (ix, slot) in spec.rules.iter().enumerate() {
            self.note(&Event::RuleDeclared { rule: RuleIx(ix as u16), name: slot.name.clone() });
        }
        for (ix, name) in spec.source_names.iter().enumerate() {
            let source = SourceIx(ix as u16);
            self.note(&Event::SourceDeclared { source, name: name.clone() });
        }
        self.declare_accounts(&spec.accounts)?;
        for (instrument, terms) in &spec.margin {
            self.record(&Event::MarginDeclared { instrument: *instrument, terms: Box::new(terms.clone()) })?;
        }
        for (currency, terms) in &spec.loans {
            self.record(&Event::BorrowDeclared { currency: *currency, terms: Box::new(terms.clone()) })?;
        }
        for (ix, account) in spec.accounts.iter().enumerate() {
            for (currency, amount) in &account.deposits {
                let lines = Account::deposit(*currency, *amount)?;
                self.post(VenueIx(ix as u16), PostingReason::Deposit, lines)?;
            }
        }
        Ok(())
    }

    /// Journals venues, where there are several, and how their accounts hold instruments, where that is not as usual.
    fn declare_accounts(&mut self, accounts: &[VenueAccount]) -> Result<(), KernelError> {
        let several = !self.state.accounts.is_one();
        for (ix, account) in accounts.iter().enumerate().filter(|_| several) {
            self.note(&Event::VenueDeclared { venue: VenueIx(ix as u16), name: account.venue.clone() });
        }
        for (ix, VenueAccount { position_mode: mode, .. }) in accounts.iter().enumerate() {
            let (venue, mode) = (VenueIx(ix as u16), *mode);
            if mode != PositionMode::OneWay {
                let at = Event::PositionModeDeclaredAt { venue, mode };
                self.record(&if several { at } else { Event::PositionModeDeclared { mode } })?;
            }
        }
        Ok(())
    }

    /// Calls `on_start` of every strategy. Once, before the first input.
    ///
    /// # Errors
    /// [`KernelError`], after which the machine must not be used.
    pub fn begin_run(&mut self) -> Result<(), KernelError> {
        self.each_strategy(|strategy, ctx| strategy.on_start(ctx))
    }

    /// Doors 3 to 8 for a market record, received at `now`.
    ///
    /// # Errors
    /// [`KernelError`], after which the machine must not be used.
    pub fn on_market(&mut self, now: Ts, record: &MarketRecord) -> Result<(), KernelError> {
        match record {
            MarketRecord::Bar(bar) => self.on_tick(now, bar),
            MarketRecord::Trade(trade) => self.on_tick(now, trade),
            MarketRecord::Quote(quote) => self.on_tick(now, quote),
            MarketRecord::Depth(row) => self.on_tick(now, row),
            MarketRecord::Mark(mark) => self.on_tick(now, mark),
            MarketRecord::Funding(funding) => self.on_tick(now, funding),
            MarketRecord::Mbo(row) => self.on_tick(now, row),
        }
    }

    /// The same for a record whose kind is known, for loops over many.
    ///
    /// # Errors
    /// [`KernelError`], after which the machine must not be used.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the way of every record: a call costs as much as what most of them do")]
    pub fn on_tick<T: Tick>(&mut self, now: Ts, tick: &T) -> Result<(), KernelError> {
        self.begin_input(now);
        let instrument = tick.instrument();
        match self.state.market.apply(tick) {
            Ok(Some(_)) if T::SHOWS == Shows::Nothing => {}
            Ok(Some(mark_x2)) => {
                self.state.marks.on_price(instrument, mark_x2, T::SHOWS);
                if self.moved | (self.exposed && !self.seen_marks.covers(instrument, mark_x2)) {
                    self.look_at_equity()?;
                } else {
                    self.check_no_news();
                }
            }
            Ok(None) => return Ok(()),
            Err(exception) => {
                self.refuse_record(exception, &tick.record());
                return Ok(());
            }
        }
        let mut nth = 0;
        while let Some(strategy) = self.host.subscriber(instrument, nth) {
            nth += 1;
            let Self { host, state, .. } = self;
            // Told from where it was written to: a copy read back at once would wait for its own stores.
            let Some(tick) = T::last(state.market.state(instrument)) else { break };
            let wished = host.call(strategy, (now, now < self.start), state, |strategy, ctx| tick.tell(strategy, ctx));
            self.heed(strategy, wished)?;
        }
        if self.flattening.is_empty() { Ok(()) } else { self.flatten() }
    }

    /// The same for rows of depth that only change levels: nobody is told before their message is whole. Each is an
    /// input.
    #[inline]
    pub fn on_levels(&mut self, levels: &Levels<'_>) {
        self.begin_input(levels.ts_recv);
        self.clock.count(levels.len() as u64 - 1);
        self.state.market.set_levels(levels);
    }

    /// Doors 10 to 12 for a report of a venue, received at `now`.
    ///
    /// # Errors
    /// [`KernelError`], after which the machine must not be used.
    pub fn on_report(&mut self, now: Ts, venue: VenueIx, report: &VenueReport) -> Result<(), KernelError> {
        self.begin_input(now);
        let Some(client_order_id) = report.client_order_id() else { return self.on_account_report(venue, report) };
        match self.state.oms.judge(report) {
            Ok(event) => self.take_event(&event, report, client_order_id),
            Err(anomaly) => self.refuse_report(anomaly, report, client_order_id),
        }
    }

    /// A timer of a strategy goes off at `now`.
    ///
    /// # Errors
    /// [`KernelError`], after which the machine must not be used.
    pub fn on_timer(&mut self, now: Ts, strategy: StrategyIx, timer: u64) -> Result<(), KernelError> {
        self.begin_input(now);
        self.note(&Event::TimerFired { strategy, timer });
        self.call(strategy, |strategy, ctx| strategy.on_timer(ctx, timer))
    }

    /// From now on no order leaves; what is under way may still come in.
    pub fn close_gate(&mut self) {
        self.ending = true;
    }

    /// Calls `on_stop`, ends open orders, takes the last equity and writes the last record. The
    /// journal's last frame is then to be had from [`Core::last_frame`].
    ///
    /// # Errors
    /// [`KernelError`].
    pub fn end_run(&mut self, notes: &[Event], ambiguous_bars: u64) -> Result<(), KernelError> {
        self.ending = true;
        self.each_strategy(|strategy, ctx| strategy.on_stop(ctx))?;
        let mut open = Vec::new();
        for strategy in 0..self.host.len() {
            self.state.oms.each_open(StrategyIx(strategy as u16), &mut |order| open.push(canceled_at_end(order)));
        }
        for event in &open {
            self.record(event)?;
        }
        if self.moved | self.exposed {
            self.look_at_equity()?;
        }
        self.sample(self.clock.now());
        for note in notes {
            self.note(note);
        }
        let Counts { inputs, warmup_denied, .. } = self.counts();
        self.note(&Event::RunEnded { inputs, ambiguous_bars, warmup_denied });
        Ok(())
    }

    /// The last frame of the journal. Once, after [`Core::end_run`] and after every full frame was
    /// taken.
    pub fn last_frame(&mut self) -> RawFrame {
        self.encoder.finish()
    }

    /// Takes the commands that are to be sent now, in order.
    #[inline]
    pub fn take_commands(&mut self, into: &mut Vec<Command>) {
        if into.is_empty() {
            std::mem::swap(into, &mut self.commands);
        } else {
            into.append(&mut self.commands);
        }
    }

    /// Takes the timers that are to be set now, in order.
    #[inline]
    pub fn take_timers(&mut self, into: &mut Vec<TimerWish>) {
        into.append(&mut self.timers);
    }

    /// Whether commands or timers wait to be taken.
    #[inline]
    pub fn has_output(&self) -> bool {
        !self.commands.is_empty() || !self.timers.is_empty() || !self.transfers.is_empty()
    }

    /// Whether output may wait or a rule may want the run to end, since the driver last asked.
    #[inline]
    pub const fn is_stirred(&self) -> bool {
        self.stirred
    }

    /// The driver has looked.
    #[inline]
    pub const fn calm(&mut self) {
        self.stirred = false;
    }

    /// A full piece of the journal, if there is one.
    #[inline]
    pub fn take_frame(&mut self) -> Option<RawFrame> {
        self.encoder.take_full()
    }

    /// The piece of the journal that is being written, to look at: the records after the last full one.
    pub const fn open_frame(&self) -> &RawFrame {
        self.encoder.open_frame()
    }

    /// Gives a spent piece back for reuse.
    pub fn recycle(&mut self, frame: RawFrame) {
        self.encoder.recycle(frame);
    }

    /// Whether a rule wants the run to end.
    #[inline]
    pub const fn wants_stop(&self) -> bool {
        self.stop
    }

    /// Counts so far.
    pub fn counts(&self) -> Counts {
        Counts { inputs: self.clock.input(), events: self.encoder.next_seq(), ..self.counts }
    }

    /// Equity now, at the last known prices.
    pub fn equity(&self) -> Option<Amount> {
        self.state.equity()
    }

    /// Equity when it was first known.
    pub const fn equity_first(&self) -> Option<Amount> {
        self.equity_first
    }

    /// Largest fall from a peak so far, as a fraction of the peak.
    pub fn max_drawdown(&self) -> f64 {
        self.track.max_drawdown()
    }

    /// Fees paid so far, by currency.
    pub fn fees(&self) -> &[Amount] {
        &self.fees
    }

    /// Fees paid so far, in the base currency at the last known prices; `None` if one is not known.
    pub fn fees_in_base(&self) -> Option<Amount> {
        self.fees.iter().enumerate().try_fold(Amount::ZERO, |sum, (ix, fee)| {
            sum.checked_add(self.state.marks.to_base(*fee, CurrencyIx(ix as u16))?)
        })
    }

    /// The accounts, for inspection.
    pub const fn accounts(&self) -> &Accounts {
        &self.state.accounts
    }

    /// The orders, for inspection.
    pub const fn oms(&self) -> &Oms {
        &self.state.oms
    }

    /// Doors 3 and 4: time moves, and what is due by time happens first.
    #[inline]
    fn begin_input(&mut self, now: Ts) {
        if let Some(boundary) = self.track.due(now) {
            self.sample(boundary);
        }
        self.clock.advance(now);
        if self.risk.has_halts() {
            self.end_halts(now);
        }
    }

    #[cold]
    fn end_halts(&mut self, now: Ts) {
        let Self { risk, encoder, clock, .. } = self;
        risk.tick(now, &mut |event| {
            encoder.append(clock.input(), now, &event);
        });
    }

    /// Door 12 for an event that is no news to account and orders.
    #[inline]
    fn note(&mut self, event: &Event) {
        self.encoder.append(self.clock.input(), self.clock.now(), event);
    }

    /// Door 12, and the only place where account and orders change.
    fn record(&mut self, event: &Event) -> Result<(), KernelError> {
        let now = self.clock.now();
        let seq = self.encoder.append(self.clock.input(), now, event);
        self.state.oms.apply(now, event);
        self.state.accounts.apply(event).map_err(|source| KernelError::Account { seq, source })
    }

    /// A posting in the account at a venue, which is named where there are several.
    fn post(&mut self, venue: VenueIx, reason: PostingReason, lines: PostingLines) -> Result<(), KernelError> {
        if self.state.accounts.is_one() {
            self.record(&Event::Posted { reason, lines })
        } else {
            self.record(&Event::PostedAt { venue, reason, lines })
        }
    }

    #[cold]
    fn refuse_record(&mut self, exception: tapedeck_model::event::MarketException, record: &MarketRecord) {
        match record {
            MarketRecord::Quote(quote) => self.note(&Event::MarketRefused { exception, quote: *quote }),
            MarketRecord::Depth(row) => {
                let quote = self.state.market.book(row.instrument).quote(row);
                self.note(&Event::MarketRefused { exception, quote });
            }
            MarketRecord::Mbo(row) => {
                let quote = self.state.market.book(row.instrument).quote(&row.as_depth());
                self.note(&Event::MarketRefused { exception, quote });
            }
            MarketRecord::Bar(_) | MarketRecord::Trade(_) | MarketRecord::Mark(_) | MarketRecord::Funding(_) => {}
        }
    }

    fn each_strategy(&mut self, call: impl Fn(&mut dyn Strategy, &mut Context<'_>) + Copy) -> Result<(), KernelError> {
        (0..self.host.len()).try_for_each(|ix| self.call(StrategyIx(ix as u16), call))
    }

    /// Door 6: one call of a strategy, then what it wished for.
    #[inline]
    fn call(
        &mut self,
        strategy: StrategyIx,
        call: impl FnOnce(&mut dyn Strategy, &mut Context<'_>),
    ) -> Result<(), KernelError> {
        let now = self.clock.now();
        let wished = self.host.call(strategy, (now, now < self.start), &self.state, call);
        self.heed(strategy, wished)
    }

    /// Answers a strategy, if there is anything to answer.
    #[inline]
    fn heed(&mut self, strategy: StrategyIx, wished: bool) -> Result<(), KernelError> {
        if wished || !self.notices.is_empty() { self.answer(strategy) } else { Ok(()) }
    }

    /// What a strategy wished for, and what there is to be told about it.
    #[inline(never)]
    fn answer(&mut self, strategy: StrategyIx) -> Result<(), KernelError> {
        self.stirred = true;
        self.grant(strategy)?;
        self.tell()
    }

    /// Tells strategies about their orders until nobody has anything more to say.
    fn tell(&mut self) -> Result<(), KernelError> {
        let mut calls = 0;
        loop {
            while let Some(notice) = self.notices.pop_front() {
                calls += 1;
                if calls > CALLS_PER_INPUT_MAX {
                    return Err(KernelError::Runaway { strategy: notice.update.order.client_order_id.strategy });
                }
                self.tell_one(&notice.update, notice.fill.as_ref())?;
            }
            let Some((strategy, update)) = self.news.pop_front() else { return Ok(()) };
            let now = self.clock.now();
            let wished = self.host.call(strategy, (now, now < self.start), &self.state, |strategy, ctx| {
                strategy.on_transfer(ctx, &update);
            });
            if wished {
                self.grant(strategy)?;
            }
        }
    }

    fn tell_one(&mut self, update: &OrderUpdate, fill: Option<&FillReport>) -> Result<(), KernelError> {
        let strategy = update.order.client_order_id.strategy;
        let now = self.clock.now();
        let wished = self.host.call(strategy, (now, now < self.start), &self.state, |strategy, ctx| {
            strategy.on_order(ctx, update);
            if let Some(report) = fill {
                strategy.on_fill(
                    ctx,
                    &Fill {
                        order: update.order,
                        last_px: report.last_px,
                        last_qty: report.last_qty,
                        liquidity: report.liquidity,
                        fee: report.fee,
                        fee_currency: report.fee_currency,
                    },
                );
            }
        });
        if wished { self.grant(strategy) } else { Ok(()) }
    }

    /// Handles what a strategy wished for, in the order in which it wished.
    fn grant(&mut self, strategy: StrategyIx) -> Result<(), KernelError> {
        let mut wishes = std::mem::take(&mut self.spare_wishes);
        self.host.take_wishes(&mut wishes);
        for wish in wishes.drain(..) {
            match wish {
                Wish::Order(Intent::Submit { client_order_id, request }) => match request.terms.group {
                    Some(leg) => self.submit_leg(leg, client_order_id, &request)?,
                    None => self.submit(client_order_id, &request)?,
                },
                Wish::Order(Intent::Amend { client_order_id, amendment }) => {
                    self.amend(client_order_id, &amendment)?;
                }
                Wish::Order(Intent::Cancel { client_order_id }) => self.cancel(client_order_id)?,
                Wish::Order(Intent::CancelAll { instrument, .. }) => self.cancel_all(strategy, instrument)?,
                Wish::Timer { at, timer } => {
                    self.timers.push(TimerWish { at: at.max(self.clock.now()), strategy, timer });
                }
                Wish::Transfer { from, to, currency, amount } => {
                    self.ask_transfer(TransferAsk { strategy: Some(strategy), from, to, currency, amount })?;
                }
                Wish::Signal { name, value } => self.note(&Event::Signal { strategy, name, value }),
                Wish::Log { level, text } => self.note(&Event::Log { strategy, level, text }),
            }
        }
        self.spare_wishes = wishes;
        Ok(())
    }

    /// Doors 10 to 12: a judged report becomes state, and its strategy is told.
    fn take_event(
        &mut self,
        event: &Event,
        report: &VenueReport,
        client_order_id: ClientOrderId,
    ) -> Result<(), KernelError> {
        self.record(event)?;
        let order = *self.state.oms.order(client_order_id).ok_or(KernelError::UnknownFill { client_order_id })?;
        let update = OrderUpdate { order, event_number: event.number() };
        let fill = match report {
            VenueReport::Filled(fill) => Some(fill),
            VenueReport::Rejected { .. } => {
                self.counts.rejected += 1;
                None
            }
            VenueReport::Accepted { .. }
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
        };
        if let Some(fill) = fill {
            self.book(&update.order, fill)?;
        }
        // Halts may have had something to say before; what they say from here on comes after.
        let before = self.notices.len();
        if self.moved {
            self.look_at_equity()?;
        }
        if before > 0 {
            self.notices.insert(before, Notice { update, fill: fill.copied() });
        } else {
            self.tell_one(&update, fill)?;
        }
        self.tell()
    }

    #[cold]
    fn refuse_report(
        &mut self,
        anomaly: Anomaly,
        report: &VenueReport,
        client_order_id: ClientOrderId,
    ) -> Result<(), KernelError> {
        self.note(&Event::ReportRefused { client_order_id, anomaly });
        if anomaly == Anomaly::UnknownOrder && matches!(report, VenueReport::Filled(_)) {
            return Err(KernelError::UnknownFill { client_order_id });
        }
        if self.moved {
            self.look_at_equity()?;
        }
        self.tell()
    }

    /// Door 11: what a fill does to money and position.
    fn book(&mut self, order: &Order, report: &FillReport) -> Result<(), KernelError> {
        let strategy = order.client_order_id.strategy;
        let instrument = &self.state.instruments[order.request.instrument.usize()];
        let settlement = instrument.settlement;
        let seq = self.encoder.next_seq();
        let failed = |source| KernelError::Account { seq, source };
        let deal = order.request.deal();
        let account = self.state.account(instrument.ix);
        let effects = account.effects_of_fill(strategy, instrument, deal, report).map_err(failed)?;
        self.post(self.state.accounts.venue_of(order.request.instrument), PostingReason::Fill, effects.lines)?;
        self.record(&effects.position_changed())?;
        self.moved = true;
        self.counts.fills += 1;
        let fees = &mut self.fees[report.fee_currency.usize()];
        *fees = fees.checked_add(report.fee).ok_or(KernelError::Overflow { what: "the sum of fees" })?;
        if let Some(pnl) = effects.closed_pnl.and_then(|pnl| self.state.marks.to_base(pnl, settlement)) {
            self.observe(&RiskObservation::Closed { now: self.clock.now(), strategy, pnl })?;
        }
        Ok(())
    }

    /// Looks at equity, which may have changed.
    #[inline(never)]
    fn look_at_equity(&mut self) -> Result<(), KernelError> {
        let Self { state: State { marks, accounts, .. }, linear, .. } = self;
        if self.moved {
            self.exposed = !accounts.is_flat();
            self.is_linear = marks.linear_equity(accounts, linear);
        }
        let by_form = if self.is_linear { marks.equity_by(linear) } else { None };
        debug_assert!(
            by_form.is_none() || by_form == marks.equity_of_all(accounts),
            "both ways lead to the same equity"
        );
        let Some(equity) = by_form.or_else(|| marks.equity_of_all(accounts)) else { return Ok(()) };
        let afresh = self.track.observe(equity) | self.moved;
        self.moved = false;
        self.equity_seen = (self.clock.input(), equity);
        if self.equity_first.is_some() && !self.risk.watches_equity() {
            match marks.only_mark_of(linear) {
                Some((instrument, mark_x2)) if by_form.is_some() => self.seen_marks.add(instrument, mark_x2, afresh),
                _ => self.seen_marks = SeenMarks::NONE,
            }
            return Ok(());
        }
        self.seen_marks = SeenMarks::NONE;
        self.show_equity(equity)
    }

    /// In debug builds: equity that was not looked at is none that anybody had to see.
    #[inline]
    fn check_no_news(&self) {
        debug_assert!(
            !self.exposed || self.state.equity().is_none_or(|equity| self.track.is_no_news(equity)),
            "equity between what was seen is no news"
        );
    }

    /// Tells those who watch equity, and keeps the first one.
    #[inline(never)]
    fn show_equity(&mut self, equity: Amount) -> Result<(), KernelError> {
        let now = self.clock.now();
        if self.equity_first.is_none() {
            self.equity_first = Some(equity);
            self.sample(now);
        }
        if self.risk.watches_equity() {
            self.observe(&RiskObservation::Equity { now, equity })?;
        }
        Ok(())
    }

    /// Equity at the last known prices, which may have been looked at already.
    fn equity_known(&self) -> Option<Amount> {
        let (input, equity) = self.equity_seen;
        if input > 0 && input == self.clock.input() && !self.moved { Some(equity) } else { self.equity() }
    }

    #[inline(never)]
    fn sample(&mut self, at: Ts) {
        let equity = self.equity_known();
        let (Some(equity), Some(exposure)) = (equity, self.state.marks.exposure_of_all(&self.state.accounts)) else {
            return;
        };
        let point: EquityPoint = self.track.sample(at, equity, exposure);
        self.seen_marks = SeenMarks::NONE;
        self.note(&Event::Equity(point));
    }
}
