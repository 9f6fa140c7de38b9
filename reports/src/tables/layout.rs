//! The columns of every table, and how their rows are filled.

use tapedeck_model::event::{EquityPoint, LedgerAccount, PositionPoint};
use tapedeck_model::{
    Amount, ClientOrderId, CurrencyIx, Event, FillReport, Instrument, InstrumentIx, Price, Qty, Record, Side,
    StrategyIx, TimeInForce,
};

use super::column::{Kind, NameSet};
use super::rows::Rows;
use crate::names::Names;
use crate::orders::OrderState;
use crate::trips::{RoundTrip, average_px_e18};

/// A column: name, kind, whether it may be empty.
pub type ColumnSpec = (&'static str, Kind, bool);

const STRATEGY: Kind = Kind::Named(NameSet::Strategies);
const INSTRUMENT: Kind = Kind::Named(NameSet::Instruments);
const CURRENCY: Kind = Kind::Named(NameSet::Currencies);
const SIDE: Kind = Kind::Named(NameSet::Sides);

/// One row for each record of the journal.
pub const EVENTS: &[ColumnSpec] = &[
    ("seq", Kind::Int, false),
    ("input", Kind::Int, false),
    ("ts", Kind::Ts, false),
    ("kind", Kind::Event, false),
    ("strategy", STRATEGY, true),
    ("instrument", INSTRUMENT, true),
    ("order_number", Kind::Int, true),
    ("side", SIDE, true),
    ("px", Kind::Px, true),
    ("qty", Kind::Qty, true),
    ("amount", Kind::Decimal, true),
    ("currency", CURRENCY, true),
    ("text", Kind::Word, true),
];

/// One row for each order, in the order in which they ended.
pub const ORDERS: &[ColumnSpec] = &[
    ("client_order_id", Kind::Text, false),
    ("venue_order_id", Kind::Int, true),
    ("strategy", STRATEGY, false),
    ("instrument", INSTRUMENT, false),
    ("side", SIDE, false),
    ("kind", Kind::Word, false),
    ("time_in_force", Kind::Word, false),
    ("expires", Kind::Ts, true),
    ("post_only", Kind::Bool, false),
    ("reduce_only", Kind::Bool, false),
    ("limit_px", Kind::Px, true),
    ("trigger_px", Kind::Px, true),
    ("status", Kind::Word, true),
    ("reason", Kind::Word, true),
    ("order_qty", Kind::Qty, false),
    ("cum_qty", Kind::Qty, false),
    ("canceled_qty", Kind::Qty, false),
    ("avg_px", Kind::Decimal, true),
    ("fills", Kind::Int, false),
    ("fee", Kind::Decimal, true),
    ("fee_currency", CURRENCY, true),
    ("ts_intended", Kind::Ts, false),
    ("ts_submitted", Kind::Ts, true),
    ("ts_accepted", Kind::Ts, true),
    ("ts_filled", Kind::Ts, true),
    ("ts_ended", Kind::Ts, true),
];

/// One row for each fill.
pub const FILLS: &[ColumnSpec] = &[
    ("seq", Kind::Int, false),
    ("input", Kind::Int, false),
    ("ts", Kind::Ts, false),
    ("ts_event", Kind::Ts, false),
    ("client_order_id", Kind::Text, false),
    ("trade_id", Kind::Int, false),
    ("strategy", STRATEGY, false),
    ("instrument", INSTRUMENT, false),
    ("side", SIDE, false),
    ("last_px", Kind::Px, false),
    ("last_qty", Kind::Qty, false),
    ("cum_qty", Kind::Qty, false),
    ("leaves_qty", Kind::Qty, false),
    ("notional", Kind::Decimal, true),
    ("liquidity", Kind::Word, false),
    ("fee", Kind::Decimal, false),
    ("fee_currency", CURRENCY, false),
    ("basis", Kind::Word, false),
    ("source", Kind::Named(NameSet::Sources), false),
    ("source_record", Kind::Int, false),
    ("reference_px", Kind::Px, false),
    ("slippage_px", Kind::Px, false),
    ("available_qty", Kind::Qty, false),
    ("queue_entry_qty", Kind::Qty, false),
    ("queue_ahead_qty", Kind::Qty, false),
];

/// One row for each round trip.
pub const TRADES: &[ColumnSpec] = &[
    ("strategy", STRATEGY, false),
    ("instrument", INSTRUMENT, false),
    ("side", SIDE, false),
    ("entry_ts", Kind::Ts, false),
    ("exit_ts", Kind::Ts, false),
    ("duration_ns", Kind::Int, false),
    ("qty", Kind::Qty, false),
    ("qty_max", Kind::Qty, false),
    ("entry_px", Kind::Decimal, false),
    ("exit_px", Kind::Decimal, false),
    ("gross_pnl", Kind::Decimal, false),
    ("fees", Kind::Decimal, true),
    ("net_pnl", Kind::Decimal, true),
    ("currency", CURRENCY, false),
    ("fills", Kind::Int, false),
];

/// One row for each change of a position.
pub const POSITIONS: &[ColumnSpec] = &[
    ("seq", Kind::Int, false),
    ("ts", Kind::Ts, false),
    ("strategy", STRATEGY, false),
    ("instrument", INSTRUMENT, false),
    ("net_qty", Kind::Qty, false),
    ("entry_cost", Kind::Decimal, false),
    ("realized_pnl", Kind::Decimal, false),
    ("currency", CURRENCY, false),
];

/// One row for each sample of equity.
pub const EQUITY: &[ColumnSpec] = &[
    ("seq", Kind::Int, false),
    ("ts_event", Kind::Ts, false),
    ("equity", Kind::Decimal, false),
    ("high", Kind::Decimal, false),
    ("low", Kind::Decimal, false),
    ("exposure", Kind::Decimal, false),
    ("max_drawdown", Kind::Float, false),
];

/// The cells of the table `events` that depend on the kind.
#[derive(Debug, Clone, Copy, Default)]
struct EventCells<'a> {
    strategy: Option<StrategyIx>,
    instrument: Option<InstrumentIx>,
    side: Option<Side>,
    px: Option<Price>,
    qty: Option<Qty>,
    amount: Option<Amount>,
    currency: Option<CurrencyIx>,
    text: Option<&'a str>,
}

/// Whether an order's event says in which instrument the order is.
pub const fn names_instrument(event: &Event) -> bool {
    matches!(event, Event::SubmitIntended { .. } | Event::Submitted { .. } | Event::Filled { .. })
}

/// Fills a row of the table `events`. `known` is the instrument of the order, if it is
/// known and the event does not say it.
pub fn event_row(rows: &mut Rows, record: &Record, known: Option<InstrumentIx>, names: &Names) {
    let order = record.event.client_order_id();
    let strategy = order.map(|id| id.strategy);
    let base = EventCells { strategy, instrument: known, ..EventCells::default() };
    let cells =
        if order.is_some() { order_cells(base, &record.event, names) } else { state_cells(base, &record.event, names) };
    let instrument = cells.instrument.and_then(|ix| names.instrument(ix));
    rows.count(record.header.seq);
    rows.count(record.header.input);
    rows.ts(record.header.ts);
    rows.event(record.event.number(), record.event.text());
    rows.name(cells.strategy.map(|ix| ix.0));
    rows.name(cells.instrument.map(|ix| ix.0));
    rows.maybe_count(order.map(|id| u64::from(id.number)));
    rows.side(cells.side);
    rows.px(cells.px, instrument.map(|i| i.price_scale));
    rows.qty(cells.qty, instrument.map(|i| i.qty_scale));
    rows.amount(cells.amount);
    rows.name(cells.currency.map(|ix| ix.0));
    rows.word(cells.text);
    rows.end();
}

fn order_cells<'a>(cells: EventCells<'a>, event: &'a Event, names: &'a Names) -> EventCells<'a> {
    if let Event::SubmitIntended { request, .. } | Event::Submitted { request, .. } = event {
        let (amount, currency) = match event {
            Event::Submitted { currency, reserved, .. } => (Some(*reserved), Some(*currency)),
            _ => (None, None),
        };
        return EventCells {
            instrument: Some(request.instrument),
            side: Some(request.side),
            px: request.kind.limit_px().or(request.kind.trigger_px()),
            qty: Some(request.order_qty),
            text: Some(request.kind.text()),
            amount,
            currency,
            ..cells
        };
    }
    if let Event::Filled { instrument, side, report, .. } = event {
        return EventCells {
            instrument: Some(*instrument),
            side: Some(*side),
            px: Some(report.last_px),
            qty: Some(report.last_qty),
            amount: Some(report.fee),
            currency: Some(report.fee_currency),
            text: Some(report.evidence.basis.text()),
            ..cells
        };
    }
    if let Event::AmendIntended { amendment, .. } | Event::AmendSubmitted { amendment, .. } = event {
        return EventCells { px: amendment.limit_px.or(amendment.trigger_px), qty: amendment.order_qty, ..cells };
    }
    if let Event::Replaced { order_qty, kind, .. } = event {
        let px = kind.limit_px().or(kind.trigger_px());
        return EventCells { px, qty: Some(*order_qty), text: Some(kind.text()), ..cells };
    }
    if let Event::RiskChecked { rule, value, .. } = event {
        return EventCells { amount: Some(*value), text: Some(names.rule(*rule)), ..cells };
    }
    EventCells { qty: quantity(event), text: reason(event), ..cells }
}

fn quantity(event: &Event) -> Option<Qty> {
    match event {
        Event::Approved { order_qty: qty, .. }
        | Event::Canceled { canceled_qty: qty, .. }
        | Event::Expired { canceled_qty: qty, .. } => Some(*qty),
        _ => None,
    }
}

fn reason(event: &Event) -> Option<&'static str> {
    match event {
        Event::Denied { reason, .. } => Some(reason.text()),
        Event::Rejected { reason, .. } | Event::AmendRejected { reason, .. } | Event::CancelRejected { reason, .. } => {
            Some(reason.text())
        }
        Event::Canceled { reason, .. } => Some(reason.text()),
        Event::ReportRefused { anomaly, .. } => Some(anomaly.text()),
        _ => None,
    }
}

fn state_cells<'a>(cells: EventCells<'a>, event: &'a Event, names: &'a Names) -> EventCells<'a> {
    if let Event::Posted { reason, lines } = event {
        // The first line of cash; every line stands in the journal.
        let cash = lines.as_slice().iter().find(|line| line.account == LedgerAccount::Cash);
        let (amount, currency) = (cash.map(|line| line.amount), cash.map(|line| line.currency));
        return EventCells { amount, currency, text: Some(reason.text()), ..cells };
    }
    if let Event::PositionChanged(point) = event {
        let (strategy, instrument) = (Some(point.strategy), Some(point.instrument));
        let currency = names.instrument(point.instrument).map(|i| i.quote);
        let amount = Some(point.realized_pnl);
        return EventCells { strategy, instrument, qty: Some(point.net_qty), amount, currency, ..cells };
    }
    if let Event::Equity(point) = event {
        return EventCells { amount: Some(point.equity), ..cells };
    }
    if let Event::Signal { strategy, name, .. } = event {
        return EventCells { strategy: Some(*strategy), text: Some(name), ..cells };
    }
    if let Event::Log { strategy, text, .. } = event {
        return EventCells { strategy: Some(*strategy), text: Some(text), ..cells };
    }
    if let Event::TimerFired { strategy, .. } = event {
        return EventCells { strategy: Some(*strategy), ..cells };
    }
    if let Event::Halted { rule, strategy, value, .. } = event {
        return EventCells { strategy: *strategy, amount: Some(*value), text: Some(names.rule(*rule)), ..cells };
    }
    if let Event::Resumed { rule } = event {
        return EventCells { text: Some(names.rule(*rule)), ..cells };
    }
    if let Event::MarketRefused { exception, quote } = event {
        return EventCells { instrument: Some(quote.instrument), text: Some(exception.text()), ..cells };
    }
    EventCells { text: declared(event, names), ..cells }
}

fn declared<'a>(event: &'a Event, names: &'a Names) -> Option<&'a str> {
    match event {
        Event::CurrencyDeclared { code: text, .. }
        | Event::StrategyDeclared { id: text, .. }
        | Event::RuleDeclared { name: text, .. }
        | Event::SourceDeclared { name: text, .. } => Some(text),
        Event::InstrumentDeclared { instrument } => Some(names.instrument_text(instrument.ix)),
        Event::DataIssues { issue, .. } => Some(issue.text()),
        Event::SourceEnded { source, .. } => Some(names.source(*source)),
        _ => None,
    }
}

/// Fills a row of the table `orders`. `None` on overflow.
pub fn order_row(rows: &mut Rows, order: &OrderState, names: &Names) -> Option<()> {
    let request = &order.request;
    let instrument = names.instrument(request.instrument);
    let (px_scale, qty_scale) = (instrument.map(|i| i.price_scale), instrument.map(|i| i.qty_scale));
    rows.order(order.client_order_id, names);
    rows.maybe_count(order.venue_order_id.map(|id| id.0));
    rows.name(Some(order.client_order_id.strategy.0));
    rows.name(Some(request.instrument.0));
    rows.side(Some(request.side));
    rows.word(Some(request.kind.text()));
    rows.word(Some(request.time_in_force.text()));
    rows.maybe_ts(match request.time_in_force {
        TimeInForce::Gtd(until) => Some(until),
        TimeInForce::Gtc | TimeInForce::Ioc | TimeInForce::Fok | TimeInForce::Day => None,
    });
    rows.flag(request.post_only);
    rows.flag(request.reduce_only);
    rows.px(request.kind.limit_px(), px_scale);
    rows.px(request.kind.trigger_px(), px_scale);
    rows.word(order.status().map(tapedeck_model::OrderStatus::text));
    rows.word(order.reason);
    rows.qty(Some(request.order_qty), qty_scale);
    rows.qty(Some(order.cum_qty), qty_scale);
    rows.qty(Some(order.canceled_qty), qty_scale);
    rows.e18(match px_scale {
        Some(scale) if order.fills > 0 => Some(average_px_e18(order.cum_px_qty, order.cum_qty.raw(), scale)?),
        Some(_) | None => None,
    });
    rows.count(u64::from(order.fills));
    rows.amount(order.fees.map(|(fee, _)| fee));
    rows.name(order.fees.map(|(_, currency)| currency.0));
    rows.ts(order.ts_intended);
    rows.maybe_ts(order.ts_submitted);
    rows.maybe_ts(order.ts_accepted);
    rows.maybe_ts(order.ts_filled);
    rows.maybe_ts(order.ts_ended);
    rows.end();
    Some(())
}

/// What a row of the table `fills` says beyond the report.
#[derive(Debug, Clone, Copy)]
pub struct FillContext<'a> {
    /// In what.
    pub instrument: &'a Instrument,
    /// Buy or sell.
    pub side: Side,
    /// Filled so far.
    pub cum_qty: Qty,
    /// Still open.
    pub leaves_qty: Qty,
}

/// Fills a row of the table `fills`.
pub fn fill_row(rows: &mut Rows, record: &Record, report: &FillReport, context: &FillContext<'_>, names: &Names) {
    let FillContext { instrument, side, cum_qty, leaves_qty } = *context;
    let (px_scale, qty_scale) = (Some(instrument.price_scale), Some(instrument.qty_scale));
    let ClientOrderId { strategy, .. } = report.client_order_id;
    rows.count(record.header.seq);
    rows.count(record.header.input);
    rows.ts(record.header.ts);
    rows.ts(report.ts_event);
    rows.order(report.client_order_id, names);
    rows.count(report.trade_id.0);
    rows.name(Some(strategy.0));
    rows.name(Some(instrument.ix.0));
    rows.side(Some(side));
    rows.px(Some(report.last_px), px_scale);
    rows.qty(Some(report.last_qty), qty_scale);
    rows.qty(Some(cum_qty), qty_scale);
    rows.qty(Some(leaves_qty), qty_scale);
    rows.amount(instrument.notional(report.last_px, report.last_qty));
    rows.word(Some(report.liquidity.text()));
    rows.amount(Some(report.fee));
    rows.name(Some(report.fee_currency.0));
    let evidence = &report.evidence;
    rows.word(Some(evidence.basis.text()));
    rows.name(Some(evidence.record.source.0));
    rows.count(evidence.record.number);
    rows.px(Some(evidence.reference_px), px_scale);
    rows.px(Some(evidence.slippage_px), px_scale);
    rows.qty(Some(evidence.available_qty), qty_scale);
    rows.qty(Some(evidence.queue_entry_qty), qty_scale);
    rows.qty(Some(evidence.queue_ahead_qty), qty_scale);
    rows.end();
}

/// Fills a row of the table `trades`.
pub fn trade_row(rows: &mut Rows, trip: &RoundTrip, names: &Names) {
    let qty_scale = names.instrument(trip.instrument).map(|i| i.qty_scale);
    rows.name(Some(trip.strategy.0));
    rows.name(Some(trip.instrument.0));
    rows.side(Some(trip.side));
    rows.ts(trip.entry_ts);
    rows.ts(trip.exit_ts);
    rows.count(trip.exit_ts.saturating_since(trip.entry_ts).nanos().unsigned_abs());
    rows.qty(Some(trip.qty), qty_scale);
    rows.qty(Some(trip.qty_max), qty_scale);
    rows.e18(Some(trip.entry_px_e18));
    rows.e18(Some(trip.exit_px_e18));
    rows.amount(Some(trip.gross_pnl));
    rows.amount(trip.fees);
    rows.amount(trip.net_pnl());
    rows.name(Some(trip.currency.0));
    rows.count(u64::from(trip.fills));
    rows.end();
}

/// Fills a row of the table `positions`.
pub fn position_row(rows: &mut Rows, record: &Record, point: &PositionPoint, instrument: &Instrument) {
    rows.count(record.header.seq);
    rows.ts(record.header.ts);
    rows.name(Some(point.strategy.0));
    rows.name(Some(point.instrument.0));
    rows.qty(Some(point.net_qty), Some(instrument.qty_scale));
    rows.amount(Some(point.entry_cost));
    rows.amount(Some(point.realized_pnl));
    rows.name(Some(instrument.quote.0));
    rows.end();
}

/// Fills a row of the table `equity`.
pub fn equity_row(rows: &mut Rows, record: &Record, point: &EquityPoint) {
    rows.count(record.header.seq);
    rows.ts(point.ts_event);
    rows.amount(Some(point.equity));
    rows.amount(Some(point.high));
    rows.amount(Some(point.low));
    rows.amount(Some(point.exposure));
    rows.float(point.max_drawdown);
    rows.end();
}
