//! How the rows of every table are filled.
//!
//! Enters: records, and what was gathered of them. Leaves: values in the columns of a table. A cell
//! that stays empty is not touched. A row allocates nothing.

use tapedeck_model::event::{EquityPoint, LedgerAccount, PositionPoint, PostingLines, PostingReason};
use tapedeck_model::margin::Liquidation;
use tapedeck_model::{
    Amount, CurrencyIx, Deal, Event, FillReport, Instrument, InstrumentIx, OrderKind, OrderRequest, PositionSide,
    Price, Qty, Record, Side, StrategyIx, Terms, TimeInForce, Trail,
};

use super::layout::{EquityRows, EventRows, FillRows, OrderRows, PositionRows, TradeRows};
use crate::names::Names;
use crate::orders::OrderState;
use crate::trips::{RoundTrip, average_px_e18};

/// Whether an order's event says in which instrument the order is.
pub const fn names_instrument(event: &Event) -> bool {
    matches!(event, Event::SubmitIntended { .. } | Event::Submitted { .. } | Event::Filled { .. })
}

/// The price that stands for an order of this kind.
fn kind_px(kind: OrderKind) -> Option<Price> {
    kind.limit_px().or(kind.trigger_px())
}

/// A row of the table `events` whose first cells are filled.
struct EventRow<'a> {
    rows: &'a mut EventRows,
    at: u32,
    number: u16,
    names: &'a Names,
}

impl EventRows {
    /// Fills a row. `known` is the instrument of the order, if it is known and the event does not
    /// say it.
    pub fn push(&mut self, record: &Record, known: Option<InstrumentIx>, names: &Names) {
        let event = &record.event;
        let (at, number) = (self.row(), event.number());
        self.seq.push(record.header.seq);
        self.input.push(record.header.input);
        self.ts.push(record.header.ts);
        self.kind.push(number, || event.text());
        let order = event.client_order_id();
        let mut row = EventRow { rows: self, at, number, names };
        if let Some(id) = order {
            row.strategy(id.strategy);
            row.rows.order_number.at(at).push(u64::from(id.number));
            let instrument = known.and_then(|ix| row.instrument(ix));
            row.order_event(event, instrument);
        } else {
            row.state_event(event);
        }
    }
}

impl<'a> EventRow<'a> {
    fn strategy(&mut self, strategy: StrategyIx) {
        self.rows.strategy.at(self.at).push(strategy.0);
    }

    /// Names the instrument, of which everything is said, if it was declared.
    fn instrument(&mut self, ix: InstrumentIx) -> Option<&'a Instrument> {
        self.rows.instrument.at(self.at).push(ix.0);
        self.names.instrument(ix)
    }

    fn side(&mut self, side: Side) {
        self.rows.side.at(self.at).push(side.number(), || side.text());
    }

    /// Empty without a price, and for an instrument that was never declared.
    fn px(&mut self, px: Option<Price>, instrument: Option<&Instrument>) {
        if let (Some(px), Some(instrument)) = (px, instrument) {
            self.rows.px.at(self.at).push(px, instrument.price_scale);
        }
    }

    /// As [`Self::px`].
    fn qty(&mut self, qty: Option<Qty>, instrument: Option<&Instrument>) {
        if let (Some(qty), Some(instrument)) = (qty, instrument) {
            self.rows.qty.at(self.at).push(qty, instrument.qty_scale);
        }
    }

    fn amount(&mut self, amount: Amount) {
        self.rows.amount.at(self.at).push(amount);
    }

    fn money(&mut self, amount: Amount, currency: CurrencyIx) {
        self.amount(amount);
        self.rows.currency.at(self.at).push(currency.0);
    }

    fn text(&mut self, text: &str) {
        self.rows.text.at(self.at).push(self.number, text);
    }

    fn request(&mut self, request: &OrderRequest) {
        let instrument = self.instrument(request.instrument);
        self.side(request.side);
        self.px(kind_px(request.kind), instrument);
        self.qty(Some(request.order_qty), instrument);
        self.text(request.kind.text());
    }

    /// `known` is the instrument if the event does not say it.
    fn order_event(&mut self, event: &Event, known: Option<&Instrument>) {
        match event {
            Event::SubmitIntended { request, .. } => self.request(request),
            Event::Submitted { request, currency, reserved, .. } => {
                self.request(request);
                self.money(*reserved, *currency);
            }
            Event::Filled { instrument, deal, report, .. } => {
                let instrument = self.instrument(*instrument);
                self.side(deal.side);
                self.px(Some(report.last_px), instrument);
                self.qty(Some(report.last_qty), instrument);
                self.money(report.fee, report.fee_currency);
                self.text(report.evidence.basis.text());
            }
            Event::AmendIntended { amendment, .. } | Event::AmendSubmitted { amendment, .. } => {
                self.px(amendment.limit_px.or(amendment.trigger_px), known);
                self.qty(amendment.order_qty, known);
            }
            Event::Replaced { order_qty, kind, .. } => {
                self.px(kind_px(*kind), known);
                self.qty(Some(*order_qty), known);
                self.text(kind.text());
            }
            Event::RiskChecked { rule, value, .. } => {
                self.amount(*value);
                self.text(self.names.rule(*rule));
            }
            Event::Approved { order_qty: qty, .. } | Event::Expired { canceled_qty: qty, .. } => {
                self.qty(Some(*qty), known);
            }
            Event::Canceled { canceled_qty, reason, .. } => {
                self.qty(Some(*canceled_qty), known);
                self.text(reason.text());
            }
            Event::Denied { reason, .. } => self.text(reason.text()),
            Event::Rejected { reason, .. }
            | Event::AmendRejected { reason, .. }
            | Event::CancelRejected { reason, .. } => self.text(reason.text()),
            Event::ReportRefused { anomaly, .. } => self.text(anomaly.text()),
            _ => {}
        }
    }

    fn posted(&mut self, reason: PostingReason, lines: &PostingLines) {
        self.text(reason.text());
        // The first line of cash; every line stands in the journal.
        if let Some(cash) = lines.as_slice().iter().find(|line| line.account == LedgerAccount::Cash) {
            self.money(cash.amount, cash.currency);
        }
    }

    fn position(&mut self, point: &PositionPoint) {
        self.strategy(point.strategy);
        let instrument = self.instrument(point.instrument);
        self.qty(Some(point.net_qty), instrument);
        self.amount(point.realized_pnl);
        if let Some(instrument) = instrument {
            self.rows.currency.at(self.at).push(instrument.value_currency().0);
        }
    }

    /// What befell a position without a fill.
    fn holding(&mut self, event: &Event) {
        if let Event::PositionSettled { strategy, instrument, settlement_px, net_qty, .. } = event {
            self.strategy(*strategy);
            let instrument = self.instrument(*instrument);
            self.px(Some(*settlement_px), instrument);
            self.qty(Some(*net_qty), instrument);
        }
        if let Event::HoldingSettled(report) = event {
            let instrument = self.instrument(report.instrument);
            self.px(report.settlement_px, instrument);
            match instrument {
                Some(instrument) => self.money(report.holding, instrument.base),
                None => self.amount(report.holding),
            }
        }
        if let Event::Redenominated { report, .. } = event {
            if let Some(holding) = report.holding {
                self.money(holding, report.asset);
            }
            self.text(&report.ratio.to_string());
        }
        if let Event::FundingPaid { strategy, instrument, mark_px, net_qty, paid, .. } = event {
            if let Some(strategy) = strategy {
                self.strategy(*strategy);
            }
            let instrument = self.instrument(*instrument);
            self.px(Some(*mark_px), instrument);
            self.qty(Some(*net_qty), instrument);
            match instrument {
                Some(instrument) => self.money(*paid, instrument.settlement),
                None => self.amount(*paid),
            }
        }
    }

    /// A forced trade and its fee.
    fn forced(&mut self, (instrument, side): (InstrumentIx, Side), (px, qty): (Price, Qty), fee: Amount) {
        let instrument = self.instrument(instrument);
        self.side(side);
        self.px(Some(px), instrument);
        self.qty(Some(qty), instrument);
        self.amount(fee);
        if let Some(instrument) = instrument {
            self.rows.currency.at(self.at).push(instrument.settlement.0);
        }
    }

    fn state_event(&mut self, event: &Event) {
        match event {
            Event::Posted { reason, lines } | Event::PostedAt { reason, lines, .. } => self.posted(*reason, lines),
            Event::PositionChanged(point) => self.position(point),
            Event::SidePositionChanged { position_side, point } => {
                self.position(point);
                self.text(position_side.text());
            }
            Event::PositionSettled { .. }
            | Event::FundingPaid { .. }
            | Event::HoldingSettled(_)
            | Event::Redenominated { .. } => self.holding(event),
            Event::Equity(point) => self.amount(point.equity),
            Event::Signal { strategy, name: text, .. } | Event::Log { strategy, text, .. } => {
                self.strategy(*strategy);
                self.text(text);
            }
            Event::TimerFired { strategy, .. } => self.strategy(*strategy),
            Event::Halted { rule, strategy, value, .. } => {
                if let Some(strategy) = strategy {
                    self.strategy(*strategy);
                }
                self.amount(*value);
                self.text(self.names.rule(*rule));
            }
            Event::Liquidated(liquidation) => {
                let Liquidation { instrument, side, last_px, last_qty, fee, .. } = *liquidation;
                self.forced((instrument, side), (last_px, last_qty), fee);
                self.text(liquidation.stage.text());
            }
            Event::LiquidationShared(share) => {
                self.strategy(share.strategy);
                self.forced((share.instrument, share.side), (share.last_px, share.last_qty), share.fee);
            }
            Event::Bankrupt(bankruptcy) | Event::BankruptAt { bankruptcy, .. } => {
                if let Some(instrument) = bankruptcy.instrument {
                    self.instrument(instrument);
                }
                self.money(bankruptcy.covered, bankruptcy.currency);
            }
            Event::MarginDeclared { instrument, terms } => {
                self.instrument(*instrument);
                self.text(terms.mode.text());
            }
            Event::Resumed { rule } => self.text(self.names.rule(*rule)),
            Event::MarketRefused { exception, quote } => {
                self.instrument(quote.instrument);
                self.text(exception.text());
            }
            Event::CurrencyDeclared { code: text, .. }
            | Event::StrategyDeclared { id: text, .. }
            | Event::RuleDeclared { name: text, .. }
            | Event::VenueDeclared { name: text, .. }
            | Event::SourceDeclared { name: text, .. } => self.text(text),
            Event::InstrumentDeclared { instrument } => self.text(self.names.instrument_text(instrument.ix)),
            Event::DataIssues { issue, .. } => self.text(issue.text()),
            Event::SourceEnded { source, .. } => self.text(self.names.source(*source)),
            other => self.rarer_event(other),
        }
    }

    fn rarer_event(&mut self, event: &Event) {
        match event {
            Event::IncidentBegan { name: text, .. } | Event::IncidentEnded { name: text, .. } => self.text(text),
            Event::PositionModeDeclared { mode } | Event::PositionModeDeclaredAt { mode, .. } => self.text(mode.text()),
            Event::BorrowDeclared { currency, .. } => self.text(self.names.currency(*currency)),
            Event::InterestCharged(report) => self.money(report.interest, report.currency),
            Event::MarginCalled(call) => self.amount(call.standing.debt),
            Event::LoanLiquidated(trade) => {
                let instrument = self.instrument(trade.instrument);
                self.side(trade.side);
                self.px(Some(trade.last_px), instrument);
                match instrument {
                    Some(instrument) => self.money(trade.amount, instrument.base),
                    None => self.amount(trade.amount),
                }
            }
            Event::FillsBlocked { instrument, .. } => {
                self.instrument(*instrument);
            }
            Event::TransferSent(sent) => {
                if let Some(strategy) = sent.strategy {
                    self.strategy(strategy);
                }
                self.money(sent.amount, sent.currency);
                self.text(self.names.venue(sent.to));
            }
            Event::TransferArrived { venue, currency, amount, .. } => {
                self.money(*amount, *currency);
                self.text(self.names.venue(*venue));
            }
            Event::TransferRefused { strategy, currency, amount, reason, .. } => {
                if let Some(strategy) = strategy {
                    self.strategy(*strategy);
                }
                self.money(*amount, *currency);
                self.text(reason.text());
            }
            Event::CapitalMoved { after, .. } => self.amount(*after),
            Event::WithdrawalRefused { currency, amount, .. } => self.money(*amount, *currency),
            _ => {}
        }
    }
}

/// Kinds of orders by number, for a dictionary.
const fn kind_number(kind: OrderKind) -> u16 {
    match kind {
        OrderKind::Market => 0,
        OrderKind::Limit { .. } => 1,
        OrderKind::Stop { .. } => 2,
        OrderKind::StopLimit { .. } => 3,
        OrderKind::Touch { .. } => 4,
        OrderKind::TouchLimit { .. } => 5,
        OrderKind::Trailing { .. } => 6,
    }
}

/// Times in force by number, for a dictionary.
const fn time_in_force_number(time_in_force: TimeInForce) -> u16 {
    match time_in_force {
        TimeInForce::Gtc => 0,
        TimeInForce::Ioc => 1,
        TimeInForce::Fok => 2,
        TimeInForce::Gtd(_) => 3,
        TimeInForce::Day => 4,
    }
}

impl OrderRows {
    /// Fills a row. `None` on overflow.
    pub fn push(&mut self, order: &OrderState, instrument: &Instrument, names: &Names) -> Option<()> {
        let at = self.row();
        self.client_order_id.push(order.client_order_id, names);
        if let Some(id) = order.venue_order_id {
            self.venue_order_id.at(at).push(id.0);
        }
        self.strategy.push(order.client_order_id.strategy.0);
        self.request(at, &order.request, instrument);
        if let Some(status) = order.status() {
            self.status.at(at).push(status.number(), || status.text());
        }
        if let Some(reason) = order.reason {
            self.reason.at(at).push(0, reason);
        }
        self.cum_qty.push(order.cum_qty, instrument.qty_scale);
        self.canceled_qty.push(order.canceled_qty, instrument.qty_scale);
        self.fills.push(u64::from(order.fills));
        if order.fills > 0 {
            let average = average_px_e18(order.cum_px_qty, order.cum_qty.raw(), instrument.price_scale)?;
            self.avg_px.at(at).push_e18(average);
        }
        if let Some((fee, currency)) = order.fees {
            self.fee.at(at).push(fee);
            self.fee_currency.at(at).push(currency.0);
        }
        self.ts_intended.push(order.ts_intended);
        let instants = [
            (&mut self.ts_submitted, order.ts_submitted),
            (&mut self.ts_accepted, order.ts_accepted),
            (&mut self.ts_filled, order.ts_filled),
            (&mut self.ts_ended, order.ts_ended),
        ];
        for (column, ts) in instants {
            if let Some(ts) = ts {
                column.at(at).push(ts);
            }
        }
        Some(())
    }

    fn request(&mut self, at: u32, request: &OrderRequest, instrument: &Instrument) {
        let OrderRequest { side, kind, time_in_force, .. } = *request;
        self.instrument.push(request.instrument.0);
        self.side.push(side.number(), || side.text());
        self.kind.push(kind_number(kind), || kind.text());
        self.time_in_force.push(time_in_force_number(time_in_force), || time_in_force.text());
        if let TimeInForce::Gtd(until) = time_in_force {
            self.expires.at(at).push(until);
        }
        self.post_only.push(request.post_only);
        self.reduce_only.push(request.reduce_only);
        if let Some(side) = request.terms.position_side {
            self.position_side.at(at).push(side.number(), || side.text());
        }
        if let Some(px) = kind.limit_px() {
            self.limit_px.at(at).push(px, instrument.price_scale);
        }
        if let Some(px) = kind.trigger_px() {
            self.trigger_px.at(at).push(px, instrument.price_scale);
        }
        self.order_qty.push(request.order_qty, instrument.qty_scale);
        self.rare_terms(at, request, instrument);
    }

    /// What few orders have; `group_first` is the number of the group's first order.
    fn rare_terms(&mut self, at: u32, request: &OrderRequest, instrument: &Instrument) {
        let Terms { trigger_by, activation_px, display, group, .. } = request.terms;
        self.trigger_by.push(trigger_by.number(), || trigger_by.text());
        if let OrderKind::Trailing { trail } = request.kind {
            match trail {
                Trail::Px(distance) => self.trail_px.at(at).push(distance, instrument.price_scale),
                Trail::Bps(bps) => self.trail_bps.at(at).push(u64::from(bps)),
            }
        }
        if let Some(px) = activation_px {
            self.activation_px.at(at).push(px, instrument.price_scale);
        }
        if let Some(display) = display {
            self.display_qty.at(at).push(display.qty, instrument.qty_scale);
        }
        if let Some(leg) = group {
            self.group_kind.at(at).push(leg.kind.number(), || leg.kind.text());
            self.group_first.at(at).push(u64::from(leg.first));
        }
    }
}

/// What a row of the table `fills` says beyond the report.
#[derive(Debug, Clone, Copy)]
pub struct FillContext<'a> {
    /// In what.
    pub instrument: &'a Instrument,
    /// Buy or sell, and of which position.
    pub deal: Deal,
    /// Filled so far.
    pub cum_qty: Qty,
    /// Still open.
    pub leaves_qty: Qty,
}

impl FillRows {
    /// Fills a row.
    pub fn push(&mut self, record: &Record, report: &FillReport, context: &FillContext<'_>, names: &Names) {
        let FillContext { instrument, deal: Deal { side, position_side }, cum_qty, leaves_qty } = *context;
        let Instrument { price_scale, qty_scale, .. } = *instrument;
        let FillReport { liquidity, evidence, .. } = report;
        let at = self.row();
        self.seq.push(record.header.seq);
        self.input.push(record.header.input);
        self.ts.push(record.header.ts);
        self.ts_event.push(report.ts_event);
        self.client_order_id.push(report.client_order_id, names);
        self.trade_id.push(report.trade_id.0);
        self.strategy.push(report.client_order_id.strategy.0);
        self.instrument.push(instrument.ix.0);
        self.side.push(side.number(), || side.text());
        if let Some(side) = position_side {
            self.position_side.at(at).push(side.number(), || side.text());
        }
        self.last_px.push(report.last_px, price_scale);
        self.last_qty.push(report.last_qty, qty_scale);
        self.cum_qty.push(cum_qty, qty_scale);
        self.leaves_qty.push(leaves_qty, qty_scale);
        if let Some(notional) = instrument.notional(report.last_px, report.last_qty) {
            self.notional.at(at).push(notional);
        }
        self.liquidity.push(liquidity.number(), || liquidity.text());
        self.fee.push(report.fee);
        self.fee_currency.push(report.fee_currency.0);
        self.basis.push(evidence.basis.number(), || evidence.basis.text());
        self.source.push(evidence.record.source.0);
        self.source_record.push(evidence.record.number);
        self.reference_px.push(evidence.reference_px, price_scale);
        self.slippage_px.push(evidence.slippage_px, price_scale);
        self.impact_px.push(evidence.impact_px, price_scale);
        self.noise_px.push(evidence.noise_px, price_scale);
        self.available_qty.push(evidence.available_qty, qty_scale);
        self.queue_entry_qty.push(evidence.queue_entry_qty, qty_scale);
        self.queue_ahead_qty.push(evidence.queue_ahead_qty, qty_scale);
    }
}

impl TradeRows {
    /// Fills a row.
    pub fn push(&mut self, trip: &RoundTrip, instrument: &Instrument) {
        let at = self.row();
        self.strategy.push(trip.strategy.0);
        self.instrument.push(trip.instrument.0);
        self.side.push(trip.side.number(), || trip.side.text());
        self.entry_ts.push(trip.entry_ts);
        self.exit_ts.push(trip.exit_ts);
        self.duration_ns.push(trip.exit_ts.saturating_since(trip.entry_ts).nanos().unsigned_abs());
        self.qty.push(trip.qty, instrument.qty_scale);
        self.qty_max.push(trip.qty_max, instrument.qty_scale);
        self.entry_px.push_e18(trip.entry_px_e18);
        self.exit_px.push_e18(trip.exit_px_e18);
        self.gross_pnl.push(trip.gross_pnl);
        if let Some(fees) = trip.fees {
            self.fees.at(at).push(fees);
        }
        if let Some(net) = trip.net_pnl() {
            self.net_pnl.at(at).push(net);
        }
        self.currency.push(trip.currency.0);
        self.fills.push(u64::from(trip.fills));
    }
}

impl PositionRows {
    /// Fills a row.
    pub fn push(
        &mut self,
        record: &Record,
        (point, side): (&PositionPoint, Option<PositionSide>),
        (instrument, funding): (&Instrument, Amount),
    ) {
        let at = self.row();
        self.seq.push(record.header.seq);
        self.ts.push(record.header.ts);
        self.strategy.push(point.strategy.0);
        self.instrument.push(point.instrument.0);
        if let Some(side) = side {
            self.position_side.at(at).push(side.number(), || side.text());
        }
        self.net_qty.push(point.net_qty, instrument.qty_scale);
        self.entry_cost.push(point.entry_cost);
        self.realized_pnl.push(point.realized_pnl);
        self.currency.push(instrument.value_currency().0);
        self.funding_paid.push(funding);
    }
}

impl EquityRows {
    /// Fills a row.
    pub fn push(&mut self, record: &Record, point: &EquityPoint) {
        self.row();
        self.seq.push(record.header.seq);
        self.ts_event.push(point.ts_event);
        self.equity.push(point.equity);
        self.high.push(point.high);
        self.low.push(point.low);
        self.exposure.push(point.exposure);
        self.max_drawdown.push(point.max_drawdown);
    }
}
