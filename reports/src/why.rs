//! Why an order did what it did: its records, from what the strategy saw to what it changed.
//!
//! Enters: records and an order. Leaves: a [`Chain`] of readable lines. Besides the records about
//! the order itself it holds the signals and logs of its strategy from the input in which it was
//! wanted, the incidents that were in force or began while it was open, and the posting and position
//! that follow each of its fills.

use std::fmt;

use tapedeck_model::{ClientOrderId, Event, Record, StrategyIx};

use crate::describe::Describer;
use crate::error::ReportError;

/// Signals and logs of one input that are remembered at most.
const SIGNALS_MAX: usize = 64;

/// Everything about one order, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// The order's name.
    pub order: String,
    /// The records.
    pub records: Vec<Record>,
    /// One line for each record.
    pub lines: Vec<String>,
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return writeln!(f, "{}: not in this journal", self.order);
        }
        writeln!(f, "{}", self.order)?;
        let mut input = None;
        for (record, line) in self.records.iter().zip(&self.lines) {
            if input.is_some_and(|input| input != record.header.input) {
                writeln!(f)?;
            }
            input = Some(record.header.input);
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

fn said_by(event: &Event) -> Option<StrategyIx> {
    match event {
        Event::Signal { strategy, .. } | Event::Log { strategy, .. } | Event::TimerFired { strategy, .. } => {
            Some(*strategy)
        }
        _ => None,
    }
}

/// Whether nothing more is expected of an order.
fn is_end(event: &Event) -> bool {
    match event {
        Event::Filled { leaves_qty, .. } => leaves_qty.raw() == 0,
        Event::Denied { .. } | Event::Rejected { .. } | Event::Canceled { .. } | Event::Expired { .. } => true,
        _ => false,
    }
}

/// What is being put together.
#[derive(Default)]
struct Collector {
    describer: Describer,
    said: Vec<Record>,
    records: Vec<Record>,
    lines: Vec<String>,
    after_fill: bool,
    /// Incidents in force, by name.
    incidents: Vec<(String, Record)>,
    /// Whether the order was wanted and has not ended.
    is_open: bool,
}

impl Collector {
    fn keep(&mut self, record: Record) {
        self.lines.push(self.describer.line(&record));
        self.records.push(record);
    }

    /// Notes an incident, and keeps it if the order is open; whether the record is about one.
    fn take_incident(&mut self, record: &Record) -> bool {
        match &record.event {
            Event::IncidentBegan { name, until, .. } if *until > record.header.ts => {
                self.incidents.push((name.clone(), record.clone()));
            }
            Event::IncidentEnded { name, .. } => self.incidents.retain(|(other, _)| other != name),
            Event::IncidentBegan { .. } | Event::WithdrawalRefused { .. } => {}
            _ => return false,
        }
        if self.is_open {
            self.keep(record.clone());
        }
        true
    }

    fn take(&mut self, record: Record, order: ClientOrderId) {
        self.describer.learn(&record);
        if self.said.first().is_some_and(|first| first.header.input != record.header.input) {
            self.said.clear();
        }
        if said_by(&record.event) == Some(order.strategy) && self.said.len() < SIGNALS_MAX {
            self.said.push(record);
            return;
        }
        let about = record.event.client_order_id();
        if self.take_incident(&record) {
            self.after_fill = false;
        } else if about == Some(order) {
            self.is_open = !is_end(&record.event);
            if matches!(record.event, Event::SubmitIntended { .. }) {
                for (_, began) in self.incidents.clone() {
                    self.keep(began);
                }
                for said in std::mem::take(&mut self.said) {
                    self.keep(said);
                }
            }
            self.after_fill = matches!(record.event, Event::Filled { .. });
            self.keep(record);
        } else if self.after_fill
            && matches!(
                record.event,
                Event::Posted { .. }
                    | Event::PostedAt { .. }
                    | Event::PositionChanged(_)
                    | Event::SidePositionChanged { .. }
            )
        {
            self.keep(record);
        } else {
            self.after_fill = false;
        }
    }
}

/// All about one order, named as in `sma-17`.
///
/// # Errors
/// [`ReportError::Journal`] for what the records fail with.
pub fn why<E>(records: impl Iterator<Item = Result<Record, E>>, order: &str) -> Result<Chain, ReportError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let mut collector = Collector::default();
    let mut id = None;
    for record in records {
        let record = record.map_err(ReportError::journal)?;
        if id.is_none() {
            collector.describer.learn(&record);
            id = collector.describer.names().parse_order(order);
            continue;
        }
        if let Some(id) = id {
            collector.take(record, id);
        }
    }
    let name = id.map_or_else(|| order.to_owned(), |id| collector.describer.names().order(id));
    Ok(Chain { order: name, records: collector.records, lines: collector.lines })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Journal, SMA};
    use tapedeck_model::Side;

    #[test]
    fn a_chain_goes_from_signal_to_position() {
        let mut journal = Journal::new();
        journal.input(1);
        journal.push(Event::Signal { strategy: SMA, name: "fast".to_owned(), value: 1.5 });
        let first = journal.order(Side::Buy, "1");
        journal.input(1);
        let second = journal.order(Side::Buy, "2");
        journal.fill(second, Side::Buy, ("2", "0"), ("50", "0.1"));
        journal.fill(first, Side::Buy, ("1", "0"), ("51", "0.1"));
        journal.end();
        let records = || journal.records.iter().cloned().map(Ok::<_, std::convert::Infallible>);
        let chain = why(records(), "sma-1").unwrap();
        let kinds: Vec<&str> = chain.records.iter().map(|r| r.event.text()).collect();
        assert_eq!(
            kinds,
            ["signal", "submit_intended", "approved", "submitted", "accepted", "filled", "posted", "position_changed"]
        );
        assert!(chain.lines[5].contains("1 BTCUSD.SIM at 51"), "{}", chain.lines[5]);
        assert!(chain.lines[5].contains("bar_open by BTCUSD/bars record 2"), "{}", chain.lines[5]);
        assert!(chain.lines[2].contains("sma-1 approved: 1"), "{}", chain.lines[2]);
        assert_eq!(why(records(), "1").unwrap().records.len(), 8);
        assert!(why(records(), "sma-9").unwrap().to_string().contains("not in this journal"));
    }
}
