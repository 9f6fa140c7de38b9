//! One readable line for each record.
//!
//! Enters: a record and the names declared before it. Leaves: text. Orders know their instrument
//! only in some events, so quantities of the others need an [`Instruments`] memory; where it is
//! unknown the raw integer is shown with a question mark.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tapedeck_model::event::{EquityPoint, PositionPoint, PostingLines, PostingReason};
use tapedeck_model::loan::{DatedRate, LoanStanding};
use tapedeck_model::margin::LiquidationStage;
use tapedeck_model::number::format_scaled;
use tapedeck_model::{
    Amendment, Amount, ClientOrderId, CurrencyIx, Event, FillReport, FundingTick, GroupLeg, Instrument, InstrumentIx,
    OrderKind, OrderRequest, Record, RuleIx, StrategyIx, Terms, TimeInForce, Trail, TriggerBy,
};

use crate::names::Names;

/// The names of a run and the instruments of its orders in flight.
#[derive(Debug, Clone, Default)]
pub struct Describer {
    names: Names,
    /// By counter first, so that the oldest come first whoever sent them.
    orders: BTreeMap<(u32, StrategyIx), InstrumentIx>,
}

/// Orders remembered at most; the oldest are forgotten first.
const ORDERS_MAX: usize = 4_096;

impl Describer {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The names seen so far.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Takes in what later lines need. Call it before [`Describer::line`] for the same record.
    pub fn learn(&mut self, record: &Record) {
        if self.names.apply(&record.event) {
            return;
        }
        if let Event::SubmitIntended { client_order_id, request } | Event::Submitted { client_order_id, request, .. } =
            &record.event
        {
            if self.orders.len() >= ORDERS_MAX {
                self.orders.pop_first();
            }
            self.orders.insert(key(*client_order_id), request.instrument);
        }
    }

    /// The line of a record: seq, input, time, text.
    pub fn line(&self, record: &Record) -> String {
        let instrument = record.event.client_order_id().and_then(|id| self.orders.get(&key(id)).copied());
        let text = event_text(&record.event, &self.names, instrument);
        format!("#{:<6} {:<24} in {:<6} {text}", record.header.seq, record.header.ts.to_string(), record.header.input)
    }
}

const fn key(id: ClientOrderId) -> (u32, StrategyIx) {
    (id.number, id.strategy)
}

/// One readable line for a record, without memory of its order's instrument.
pub fn describe(record: &Record, names: &Names) -> String {
    let mut describer = Describer { names: names.clone(), orders: BTreeMap::new() };
    describer.learn(record);
    describer.line(record)
}

/// What happened, in words.
fn event_text(event: &Event, names: &Names, instrument: Option<InstrumentIx>) -> String {
    match event.number() {
        1..=6 | 57..=60 => run_text(event, names),
        10..=37 => order_text(event, names, instrument.unwrap_or(InstrumentIx(u16::MAX))),
        _ => state_text(event, names),
    }
}

fn kind_text(kind: OrderKind, names: &Names, ix: InstrumentIx) -> String {
    let mut text = kind.text().to_owned();
    if let Some(px) = kind.trigger_px() {
        let _ = write!(text, " trigger {}", names.px(ix, px));
    }
    if let Some(px) = kind.limit_px() {
        let _ = write!(text, " at {}", names.px(ix, px));
    }
    if let OrderKind::Trailing { trail } = kind {
        let _ = match trail {
            Trail::Px(distance) => write!(text, " {} behind", names.px(ix, distance)),
            Trail::Bps(bps) => write!(text, " {bps} bps behind"),
        };
    }
    text
}

/// What few orders have.
fn terms_text(terms: &Terms, names: &Names, ix: InstrumentIx) -> String {
    let Terms { trigger_by, activation_px, display, reprice, position_side, group } = terms;
    let mut text = String::new();
    if let Some(side) = position_side {
        let _ = write!(text, " of the {side} position");
    }
    if *trigger_by != TriggerBy::Last {
        let _ = write!(text, " triggered by {trigger_by}");
    }
    if let Some(px) = activation_px {
        let _ = write!(text, " from {}", names.px(ix, *px));
    }
    if let Some(display) = display {
        let _ = write!(text, " showing {}", names.qty(ix, display.qty));
        if display.variance_bps > 0 {
            let _ = write!(text, " give or take {} bps", display.variance_bps);
        }
    }
    if *reprice {
        text.push_str(" repriced");
    }
    if let Some(GroupLeg { kind, leg, first }) = group {
        let _ = write!(text, ", order {} of {} of {kind} {first}", u16::from(*leg) + 1, kind.legs());
    }
    text
}

fn request_text(request: &OrderRequest, names: &Names) -> String {
    let ix = request.instrument;
    let mut text = format!(
        "{} {} {} {} {}",
        request.side,
        names.qty(ix, request.order_qty),
        names.instrument_text(ix),
        kind_text(request.kind, names, ix),
        request.time_in_force.text()
    );
    if let TimeInForce::Gtd(until) = request.time_in_force {
        let _ = write!(text, " until {until}");
    }
    if request.post_only {
        text.push_str(" post-only");
    }
    if request.reduce_only {
        text.push_str(" reduce-only");
    }
    text.push_str(&terms_text(&request.terms, names, ix));
    text
}

fn amendment_text(amendment: &Amendment, names: &Names, ix: InstrumentIx) -> String {
    let mut text = String::new();
    if let Some(qty) = amendment.order_qty {
        let _ = write!(text, " qty {}", names.qty(ix, qty));
    }
    if let Some(px) = amendment.limit_px {
        let _ = write!(text, " limit {}", names.px(ix, px));
    }
    if let Some(px) = amendment.trigger_px {
        let _ = write!(text, " trigger {}", names.px(ix, px));
    }
    text
}

fn rule_text(rule: Option<RuleIx>, names: &Names) -> String {
    rule.map_or_else(String::new, |rule| format!(" by rule {}", names.rule(rule)))
}

/// Events about one order.
fn order_text(event: &Event, names: &Names, ix: InstrumentIx) -> String {
    let order = event.client_order_id().map_or_else(String::new, |id| names.order(id));
    let what = event.text();
    if let Event::SubmitIntended { request, .. } = event {
        return format!("{order} {what}: {}", request_text(request, names));
    }
    if let Event::Submitted { request, currency, reserved, .. } = event {
        let reserve = names.money(*reserved, *currency);
        return format!("{order} {what}: {}, reserves {reserve}", request_text(request, names));
    }
    if let Event::AmendIntended { amendment, .. } | Event::AmendSubmitted { amendment, .. } = event {
        return format!("{order} {what}:{}", amendment_text(amendment, names, ix));
    }
    if let Event::RiskChecked { rule, decision, value, limit, .. } = event {
        return format!("{order} {what}: {} says {decision} (measured {value}, limit {limit})", names.rule(*rule));
    }
    if let Event::Approved { order_qty, .. } = event {
        return format!("{order} {what}: {}", names.qty(ix, *order_qty));
    }
    if let Event::Denied { reason, rule, .. } = event {
        return format!("{order} {what}: {reason}{}", rule_text(*rule, names));
    }
    if let Event::Accepted { venue_order_id, .. } | Event::Held { venue_order_id, .. } = event {
        return format!("{order} {what}: venue order {}", venue_order_id.0);
    }
    if let Event::Rejected { reason, .. } | Event::AmendRejected { reason, .. } | Event::CancelRejected { reason, .. } =
        event
    {
        return format!("{order} {what}: {reason}");
    }
    ending_text(event, names, ix).map_or_else(|| format!("{order} {what}"), |text| format!("{order} {what}: {text}"))
}

/// Replacements, fills and ends of orders.
fn ending_text(event: &Event, names: &Names, ix: InstrumentIx) -> Option<String> {
    if let Event::Replaced { order_qty, kind, .. } = event {
        return Some(format!("{} {}", names.qty(ix, *order_qty), kind_text(*kind, names, ix)));
    }
    if let Event::Filled { instrument, deal, report, cum_qty, leaves_qty } = event {
        let (cum, leaves) = (names.qty(*instrument, *cum_qty), names.qty(*instrument, *leaves_qty));
        let whole = fill_text(report, names, *instrument);
        return Some(format!("{} {whole}, filled {cum}, leaves {leaves}", deal.side));
    }
    if let Event::Canceled { reason, canceled_qty, .. } = event {
        return Some(format!("{reason}, {} not filled", names.qty(ix, *canceled_qty)));
    }
    if let Event::Expired { canceled_qty, .. } = event {
        return Some(format!("{} not filled", names.qty(ix, *canceled_qty)));
    }
    if let Event::Activated { order_qty, .. } | Event::Resized { order_qty, .. } = event {
        return Some(names.qty(ix, *order_qty));
    }
    if let Event::ReportRefused { anomaly, .. } = event {
        return Some(anomaly.to_string());
    }
    None
}

fn fill_text(report: &FillReport, names: &Names, ix: InstrumentIx) -> String {
    let evidence = &report.evidence;
    format!(
        "{} {} at {} on {} as {}, fee {}; {} by {} record {}: reference {}, slippage {} (impact {}, noise {}), available {}, queue ahead {} of {}",
        names.qty(ix, report.last_qty),
        names.instrument_text(ix),
        names.px(ix, report.last_px),
        report.ts_event,
        report.liquidity,
        names.money(report.fee, report.fee_currency),
        evidence.basis,
        names.source(evidence.record.source),
        evidence.record.number,
        names.px(ix, evidence.reference_px),
        names.px(ix, evidence.slippage_px),
        names.px(ix, evidence.impact_px),
        names.px(ix, evidence.noise_px),
        names.qty(ix, evidence.available_qty),
        names.qty(ix, evidence.queue_ahead_qty),
        names.qty(ix, evidence.queue_entry_qty),
    )
}

/// Events about money, positions, strategies and the market.
fn state_text(event: &Event, names: &Names) -> String {
    let what = event.text();
    if let Event::Posted { reason, lines } = event {
        return posting_text(*reason, lines, names);
    }
    if let Event::PostedAt { venue, reason, lines } = event {
        return format!("at {}, {}", names.venue(*venue), posting_text(*reason, lines, names));
    }
    if let Event::PositionChanged(point) = event {
        return format!("{what}: {}", position_text(point, names));
    }
    if let Event::SidePositionChanged { position_side, point } = event {
        return format!("{what}: {position_side}, {}", position_text(point, names));
    }
    if let Some(text) = settlement_text(event, names) {
        return text;
    }
    if let Event::FundingPaid { strategy, instrument, ts_event, rate, mark_px, net_qty, paid } = event {
        let whose = strategy.map_or("nobody", |ix| names.strategy(ix));
        let settlement = names.instrument(*instrument).map(|instrument| instrument.settlement);
        let paid = settlement.map_or_else(|| paid.to_string(), |currency| names.money(*paid, currency));
        let (qty, px) = (names.qty(*instrument, *net_qty), names.px(*instrument, *mark_px));
        let (rate, name) =
            (format_scaled(i128::from(*rate), FundingTick::RATE_SCALE), names.instrument_text(*instrument));
        return format!("{whose} {what}: {paid} on {ts_event} for {qty} {name} at mark {px}, rate {rate}");
    }
    if let Event::Equity(point) = event {
        return format!("{what}: {}", equity_text(point));
    }
    if let Some(text) = margin_text(event, names) {
        return text;
    }
    if let Event::Signal { strategy, name, value } = event {
        return format!("{} {what}: {name} = {value}", names.strategy(*strategy));
    }
    if let Event::Log { strategy, level, text } = event {
        return format!("{} {what} {level}: {}", names.strategy(*strategy), one_line(text));
    }
    if let Event::CancelAllSubmitted { strategy, instrument } = event {
        return format!("{} {what}: {}", names.strategy(*strategy), names.instrument_text(*instrument));
    }
    if let Event::TimerFired { strategy, timer } = event {
        return format!("{} {what}: {timer}", names.strategy(*strategy));
    }
    if let Event::Halted { rule, strategy, action, value, limit } = event {
        let whom = strategy.map_or("everybody", |ix| names.strategy(ix));
        return format!("{what}: {} halts {whom}: {action} (measured {value}, limit {limit})", names.rule(*rule));
    }
    if let Event::Resumed { rule } = event {
        return format!("{what}: {} is over", names.rule(*rule));
    }
    if let Some(text) = incident_text(event, names) {
        return format!("{what}: {text}");
    }
    if let Event::MarketRefused { exception, quote } = event {
        let ix = quote.instrument;
        let (bid, ask) = (names.px(ix, quote.bid_px), names.px(ix, quote.ask_px));
        return format!("{what}: {exception} {} bid {bid} ask {ask}", names.instrument_text(ix));
    }
    what.to_owned()
}

/// What became of what was held.
fn settlement_text(event: &Event, names: &Names) -> Option<String> {
    let what = event.text();
    if let Event::PositionSettled { strategy, instrument, ts_event, settlement_px, net_qty } = event {
        let (qty, px) = (names.qty(*instrument, *net_qty), names.px(*instrument, *settlement_px));
        let (whose, name) = (names.strategy(*strategy), names.instrument_text(*instrument));
        return Some(format!("{whose} {what}: {qty} {name} at {px} on {ts_event}"));
    }
    if let Event::HoldingSettled(report) = event {
        let base = names.instrument(report.instrument).map(|instrument| instrument.base);
        let held = base.map_or_else(|| report.holding.to_string(), |base| names.money(report.holding, base));
        let name = names.instrument_text(report.instrument);
        let fate = match report.settlement_px {
            Some(px) => format!("exchanged at {}", names.px(report.instrument, px)),
            None => "lost".to_owned(),
        };
        return Some(format!("{what}: {held} of {name} {fate} on {}", report.ts_event));
    }
    if let Event::Redenominated { report, .. } = event {
        let code = names.currency(report.asset);
        let held = report.holding.map_or_else(String::new, |held| format!(", {held} in the account"));
        return Some(format!("{what}: 1 {code} is {} from {} on{held}", report.ratio, report.ts_event));
    }
    None
}

/// Events about debts.
fn loan_text(event: &Event, names: &Names) -> Option<String> {
    if let Event::BorrowDeclared { currency, terms } = event {
        let rate = |rate: &DatedRate| format_scaled(i128::from(rate.daily_rate), FundingTick::RATE_SCALE);
        let rates: Vec<String> =
            terms.rates.iter().map(|one| format!("{} a day from {}", rate(one), one.from)).collect();
        return Some(format!("{} at {}", names.currency(*currency), rates.join(", ")));
    }
    if let Event::InterestCharged(report) = event {
        let money = |amount| names.money(amount, report.currency);
        let rate = format_scaled(i128::from(report.daily_rate), FundingTick::RATE_SCALE);
        let (interest, borrowed) = (money(report.interest), money(report.borrowed));
        return Some(format!("{interest} on {}, an hour of {borrowed} at {rate} a day", report.ts_event));
    }
    if let Event::MarginCalled(call) = event {
        let LoanStanding { assets, debt } = call.standing;
        return Some(format!("assets {assets} against a debt of {debt} on {}", call.ts_event));
    }
    let Event::LoanLiquidated(trade) = event else { return None };
    let instrument = names.instrument(trade.instrument);
    let money = |amount: Amount, of: fn(&Instrument) -> CurrencyIx| {
        instrument.map_or_else(|| amount.to_string(), |one| names.money(amount, of(one)))
    };
    Some(format!(
        "{} {} {} at {} on {}; mark {}, assets {} against a debt of {}, fee {}",
        names.instrument_text(trade.instrument),
        trade.side,
        money(trade.amount, |one| one.base),
        names.px(trade.instrument, trade.last_px),
        trade.ts_event,
        names.px(trade.instrument, trade.mark_px),
        trade.standing.assets,
        trade.standing.debt,
        money(trade.fee, |one| one.quote),
    ))
}

/// Events about margin and liquidations.
fn margin_text(event: &Event, names: &Names) -> Option<String> {
    let what = event.text();
    let currency = |ix| names.instrument(ix).map_or(CurrencyIx(u16::MAX), |one| one.settlement);
    if let Event::MarginDeclared { instrument, terms } = event {
        let leverage = Amount::from_scaled(i128::from(terms.leverage), 6).unwrap_or_default();
        let brackets = terms.tables.iter().map(|table| table.brackets.len()).sum::<usize>();
        let name = names.instrument_text(*instrument);
        return Some(format!("{what}: {name} {}, leverage {leverage}, {brackets} brackets", terms.mode));
    }
    if let Event::Liquidated(l) = event {
        let ix = l.instrument;
        let money = |amount| names.money(amount, currency(ix));
        return Some(format!(
            "{what}: {} {} {} {} at {} on {} ({}, {}); mark {}, position {}, margin balance {} at most maintenance {}, fee {}",
            names.instrument_text(ix),
            l.side,
            names.qty(ix, l.last_qty),
            if l.stage == LiquidationStage::Close { "to close" } else { "to reduce" },
            names.px(ix, l.last_px),
            l.ts_event,
            l.mode,
            l.stage,
            names.px(ix, l.mark_px),
            names.qty(ix, l.net_qty),
            money(l.margin_balance),
            money(l.maintenance),
            money(l.fee),
        ));
    }
    if let Event::LiquidationShared(share) = event {
        let ix = share.instrument;
        return Some(format!(
            "{} {what}: {} {} {} at {}, fee {}",
            names.strategy(share.strategy),
            share.side,
            names.qty(ix, share.last_qty),
            names.instrument_text(ix),
            names.px(ix, share.last_px),
            names.money(share.fee, currency(ix)),
        ));
    }
    if let Some(text) = loan_text(event, names) {
        return Some(format!("{what}: {text}"));
    }
    if let Event::Bankrupt(b) | Event::BankruptAt { bankruptcy: b, .. } = event {
        let of = b.instrument.map_or("the cross wallet", |ix| names.instrument_text(ix));
        let of = event.venue().map_or_else(|| of.to_owned(), |venue| format!("{of} at {}", names.venue(venue)));
        let covered = names.money(b.covered, b.currency);
        return Some(format!("{what}: {of} lost {covered} more than it had; the insurance fund covers it"));
    }
    None
}

/// Incidents, and money that comes and goes with them.
fn incident_text(event: &Event, names: &Names) -> Option<String> {
    if let Event::IncidentBegan { name, kind, target, until } = event {
        return Some(format!("{}, {kind} of {} until {until}", one_line(name), one_line(target)));
    }
    if let Event::IncidentEnded { name, missed } = event {
        return Some(format!("{}, {missed} records missed", one_line(name)));
    }
    if let Event::CapitalMoved { before, after } = event {
        let (before, after) = (before.display_rounded(12), after.display_rounded(12));
        return Some(format!("equity from {before} to {after}, neither profit nor loss"));
    }
    if let Event::FillsBlocked { instrument, count } = event {
        return Some(format!("{count} x {}: what was shown was too old", names.instrument_text(*instrument)));
    }
    if let Event::TransferSent(sent) = event {
        let (from, to) = (names.venue(sent.from), names.venue(sent.to));
        let who = sent.strategy.map_or("the scenario", |ix| names.strategy(ix));
        let (amount, fee) = (names.money(sent.amount, sent.currency), names.money(sent.fee, sent.currency));
        let (number, arrives) = (sent.transfer, sent.arrives);
        return Some(format!(
            "{who} sends {amount} from {from} to {to}, fee {fee}, arrives at {arrives} (number {number})"
        ));
    }
    if let Event::TransferArrived { transfer, venue, currency, amount } = event {
        let amount = names.money(*amount, *currency);
        return Some(format!("{amount} at {} (number {transfer})", names.venue(*venue)));
    }
    if let Event::TransferRefused { strategy, from, to, currency, amount, free, reason } = event {
        let who = strategy.map_or("the scenario", |ix| names.strategy(ix));
        let (amount, free) = (names.money(*amount, *currency), names.money(*free, *currency));
        let (from, to) = (names.venue(*from), names.venue(*to));
        return Some(format!("{who} would send {amount} from {from} to {to}: {reason}, {free} free"));
    }
    if let Event::WithdrawalRefused { currency, amount, free } = event {
        let (amount, free) = (names.money(*amount, *currency), names.money(*free, *currency));
        return Some(format!("{amount} asked for, {free} free"));
    }
    None
}

/// Control characters of a log must not change a terminal.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn posting_text(reason: PostingReason, lines: &PostingLines, names: &Names) -> String {
    let mut text = format!("posted ({reason}):");
    for line in lines.as_slice() {
        let _ = write!(text, " {} {};", line.account, names.money(line.amount, line.currency));
    }
    text.pop();
    text
}

fn position_text(point: &PositionPoint, names: &Names) -> String {
    format!(
        "{} holds {} {}, cost {}, realised {}",
        names.strategy(point.strategy),
        names.qty(point.instrument, point.net_qty),
        names.instrument_text(point.instrument),
        point.entry_cost.display_rounded(12),
        point.realized_pnl.display_rounded(12),
    )
}

fn equity_text(point: &EquityPoint) -> String {
    format!(
        "{} at {}, exposure {}, worst fall so far {:.4} %",
        point.equity.display_rounded(12),
        point.ts_event,
        point.exposure.display_rounded(12),
        point.max_drawdown * 100.0,
    )
}

/// Start, declarations and end of a run.
fn run_text(event: &Event, names: &Names) -> String {
    let what = event.text();
    if let Event::RunStarted { format, seed, base_currency, .. } = event {
        return format!("{what}: journal format {format}, seed {seed}, base currency #{}", base_currency.0);
    }
    if let Event::CurrencyDeclared { code, .. } = event {
        return format!("{what}: {code}");
    }
    if let Event::InstrumentDeclared { instrument } = event {
        return format!("{what}: {} ({})", instrument.id, instrument.kind);
    }
    if let Event::StrategyDeclared { id: name, .. }
    | Event::RuleDeclared { name, .. }
    | Event::VenueDeclared { name, .. }
    | Event::SourceDeclared { name, .. } = event
    {
        return format!("{what}: {name}");
    }
    if let Event::PositionModeDeclared { mode } = event {
        return format!("{what}: {mode}");
    }
    if let Event::DataIssues { source, issue, count } = event {
        return format!("{what}: {}: {count} x {issue}", names.source(*source));
    }
    if let Event::SourceEnded { source, records, .. } = event {
        return format!("{what}: {} after {records} records", names.source(*source));
    }
    if let Event::RunEnded { inputs, ambiguous_bars, warmup_denied } = event {
        return format!("{what}: {inputs} inputs, {ambiguous_bars} ambiguous bars, {warmup_denied} denied in warm-up");
    }
    what.to_owned()
}
