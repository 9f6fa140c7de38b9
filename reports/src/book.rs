//! The state of a run at any point, folded from its journal alone.
//!
//! Enters: records in order. Leaves: names, open orders, positions, cash and equity, as data and as
//! text. An [`Audit`] runs beside the fold and recomputes what it can from the fills.

use std::collections::BTreeMap;
use std::fmt;

use tapedeck_model::event::{EquityPoint, LedgerAccount, PositionPoint, TransferSent};
use tapedeck_model::{Amount, CurrencyIx, Event, Header, Record, Ts, VenueIx};

use crate::audit::Audit;
use crate::error::ReportError;
use crate::names::{Names, PositionKey};
use crate::orders::Orders;

/// State of a run.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// The names of the run.
    pub names: Names,
    /// In what equity is measured, once the run started.
    pub base_currency: Option<CurrencyIx>,
    /// Orders.
    pub orders: Orders,
    /// Positions that there were.
    pub positions: BTreeMap<PositionKey, PositionPoint>,
    /// Funding paid, by position; below zero: received.
    pub funding: BTreeMap<PositionKey, Amount>,
    /// Cash by venue and currency.
    pub cash: BTreeMap<(VenueIx, CurrencyIx), Amount>,
    /// What is under way between venues, by the transfer's number.
    pub under_way: BTreeMap<u64, TransferSent>,
    /// The last sample of equity.
    pub equity: Option<EquityPoint>,
    /// The last record taken in.
    pub last: Option<Header>,
    /// Whether the run came to its end.
    pub complete: bool,
}

impl Book {
    /// Nothing has happened.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next record.
    ///
    /// # Errors
    /// [`ReportError::Overflow`].
    pub fn apply(&mut self, record: &Record) -> Result<(), ReportError> {
        let seq = record.header.seq;
        self.last = Some(record.header);
        self.orders.apply(record).ok_or(ReportError::Overflow { seq, what: "a sum over an order's fills" })?;
        match &record.event {
            Event::RunStarted { base_currency, .. } => self.base_currency = Some(*base_currency),
            Event::RunEnded { .. } => self.complete = true,
            Event::PositionChanged(point) => {
                self.positions.insert((point.strategy, point.instrument, None), *point);
            }
            Event::SidePositionChanged { position_side, point } => {
                self.positions.insert((point.strategy, point.instrument, Some(*position_side)), *point);
            }
            Event::FundingPaid { strategy: Some(strategy), instrument, net_qty, paid, .. } => {
                let key = (*strategy, *instrument, self.names.side_of(*instrument, *net_qty));
                let sum = self.funding.entry(key).or_default();
                *sum = sum.checked_add(*paid).ok_or(ReportError::Overflow { seq, what: "funding" })?;
            }
            Event::TransferSent(sent) => {
                self.under_way.insert(sent.transfer, *sent);
            }
            Event::TransferArrived { transfer, .. } => {
                self.under_way.remove(transfer);
            }
            Event::Equity(point) => self.equity = Some(*point),
            Event::Posted { lines, .. } | Event::PostedAt { lines, .. } => {
                let venue = record.event.venue().unwrap_or_default();
                for line in lines.as_slice().iter().filter(|line| line.account == LedgerAccount::Cash) {
                    let sum = self.cash.entry((venue, line.currency)).or_default();
                    *sum = sum.checked_add(line.amount).ok_or(ReportError::Overflow { seq, what: "cash" })?;
                }
            }
            other => {
                self.names.apply(other);
            }
        }
        Ok(())
    }
}

impl fmt::Display for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(Header { seq, input, ts }) => {
                writeln!(f, "At {ts}, record {seq}, input {input}{}", if self.complete { ", run ended" } else { "" })?;
            }
            None => writeln!(f, "Nothing has happened")?,
        }
        writeln!(f, "\nOpen orders")?;
        let mut none = true;
        for order in self.orders.open() {
            none = false;
            let ix = order.request.instrument;
            writeln!(
                f,
                "  {:<12} {:<4} {:<12} {} of {} filled, {}",
                self.names.order(order.client_order_id),
                order.request.side.text(),
                self.names.instrument_text(ix),
                self.names.qty(ix, order.cum_qty),
                self.names.qty(ix, order.request.order_qty),
                order.status().map_or("intended", |status| status.text()),
            )?;
        }
        none_line(f, none)?;
        self.fmt_positions(f)?;
        writeln!(f, "\nCash")?;
        for ((venue, currency), sum) in &self.cash {
            writeln!(f, "  {:<12} {sum}", self.names.wallet(*venue, *currency))?;
        }
        none_line(f, self.cash.is_empty())?;
        for sent in self.under_way.values() {
            let rest = sent.amount.checked_sub(sent.fee).unwrap_or_default();
            let (what, to) = (self.names.money(rest, sent.currency), self.names.venue(sent.to));
            writeln!(f, "  under way    {what} to {to}, arrives at {}", sent.arrives)?;
        }
        let base = self.base_currency.map_or("?", |ix| self.names.currency(ix));
        match &self.equity {
            Some(point) => writeln!(f, "\nEquity\n  {:<12} {} at {}", base, point.equity, point.ts_event),
            None => writeln!(f, "\nEquity\n  not known"),
        }
    }
}

impl Book {
    fn fmt_positions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nPositions")?;
        for (key, point) in &self.positions {
            let funding = self.funding.get(key).map(|sum| format!(" funding paid {}", sum.display_rounded(12)));
            let side = key.2.map_or_else(String::new, |side| format!("{side} "));
            writeln!(
                f,
                "  {:<12} {:<12} {side}{} cost {} realised {}{}",
                self.names.strategy(point.strategy),
                self.names.instrument_text(point.instrument),
                self.names.qty(point.instrument, point.net_qty),
                point.entry_cost.display_rounded(12),
                point.realized_pnl.display_rounded(12),
                funding.unwrap_or_default(),
            )?;
        }
        none_line(f, self.positions.is_empty())
    }
}

/// Says that a list is empty.
fn none_line(f: &mut fmt::Formatter<'_>, none: bool) -> fmt::Result {
    if none { writeln!(f, "  none") } else { Ok(()) }
}

/// A book with its auditor.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// The state.
    pub book: Book,
    /// What the auditor found.
    pub audit: Audit,
}

impl Replay {
    /// Nothing has happened.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the next record.
    ///
    /// # Errors
    /// [`ReportError::Overflow`] or [`ReportError::Unknown`].
    pub fn apply(&mut self, record: &Record) -> Result<(), ReportError> {
        self.book.apply(record)?;
        self.audit.apply(record)
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.book)?;
        let found = self.audit.disagreements();
        if found.is_empty() {
            return writeln!(
                f,
                "\nAudit\n  positions, fees and cash agree with the fills, funding with positions and rates"
            );
        }
        writeln!(f, "\nAudit: DISAGREEMENT")?;
        found.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// Folds records up to and including those at `until`.
///
/// # Errors
/// As [`Replay::apply`], and [`ReportError::Journal`] for what the records fail with.
pub fn replay<E>(records: impl Iterator<Item = Result<Record, E>>, until: Option<Ts>) -> Result<Replay, ReportError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let mut replay = Replay::new();
    for record in records {
        let record = record.map_err(ReportError::journal)?;
        if until.is_some_and(|until| record.header.ts > until) {
            break;
        }
        replay.apply(&record)?;
    }
    Ok(replay)
}
