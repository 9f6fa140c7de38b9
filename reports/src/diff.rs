//! Where two runs part, and what that came to.
//!
//! Enters: the records of two journals. Leaves: the first record that differs with its causes on
//! both sides, and how counts, equity and profit differ at the end. The common past is remembered
//! for a bounded number of records only.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use tapedeck_model::{Amount, Event, Record};

use crate::describe::Describer;
use crate::error::ReportError;
use crate::names::Names;

/// Records of the common past that are remembered.
const LOOK_BACK: usize = 4_096;
/// Earlier records about the same order that are shown.
const ORDER_RECORDS_MAX: usize = 12;
/// Records of the same input that are shown.
const INPUT_RECORDS_MAX: usize = 24;

/// How one run ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Records.
    pub events: u64,
    /// Orders sent.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Last known equity, in the base currency.
    pub final_equity: Option<Amount>,
    /// Realised profit before fees, by strategy and instrument.
    pub realized_pnl: BTreeMap<(String, String), Amount>,
}

/// One side at the parting.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The first record that differs; `None` if the journal ends there.
    pub record: Option<Record>,
    /// Its line.
    pub line: Option<String>,
    /// What led to it: earlier records of its input and about its order, as lines.
    pub causes: Vec<String>,
}

/// The difference of two runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Diff {
    /// Whether the runs were of other scenarios or seeds: their first records say so. The search for
    /// the first record that differs begins after them.
    pub other_scenario: bool,
    /// Position of the first record that differs, and both sides; `None` if the journals are equal.
    pub parting: Option<(u64, Branch, Branch)>,
    /// How the first run ended.
    pub a: Outcome,
    /// How the second run ended.
    pub b: Outcome,
}

/// Equal to the bit: a signal that is not a number equals itself.
fn same(a: &Record, b: &Record) -> bool {
    if a == b {
        return true;
    }
    match (&a.event, &b.event) {
        (Event::Signal { strategy: sa, name: na, value: va }, Event::Signal { strategy: sb, name: nb, value: vb }) => {
            a.header == b.header && sa == sb && na == nb && va.to_bits() == vb.to_bits()
        }
        _ => false,
    }
}

/// Whether both are the first records of runs in the same format and base currency: what else they
/// say, the hash of the scenario and the seed, is the cause of all that follows and not its start.
fn both_start(a: &Record, b: &Record) -> bool {
    match (&a.event, &b.event) {
        (
            Event::RunStarted { format: fa, base_currency: ca, .. },
            Event::RunStarted { format: fb, base_currency: cb, .. },
        ) => a.header == b.header && (fa, ca) == (fb, cb),
        _ => false,
    }
}

/// Counts one run.
#[derive(Debug, Clone, Default)]
struct Tally {
    names: Names,
    outcome: Outcome,
    realized: BTreeMap<(u16, u16, Option<tapedeck_model::PositionSide>), Amount>,
}

impl Tally {
    fn take(&mut self, record: &Record) {
        self.outcome.events += 1;
        match &record.event {
            Event::Submitted { .. } => self.outcome.orders += 1,
            Event::Filled { .. } => self.outcome.fills += 1,
            Event::Equity(point) => self.outcome.final_equity = Some(point.equity),
            Event::PositionChanged(point) => {
                self.realized.insert((point.strategy.0, point.instrument.0, None), point.realized_pnl);
            }
            Event::SidePositionChanged { position_side, point } => {
                let key = (point.strategy.0, point.instrument.0, Some(*position_side));
                self.realized.insert(key, point.realized_pnl);
            }
            other => {
                self.names.apply(other);
            }
        }
    }

    fn finish(mut self) -> Outcome {
        for ((strategy, instrument, side), sum) in self.realized {
            let strategy = self.names.strategy(tapedeck_model::StrategyIx(strategy)).to_owned();
            let mut instrument = self.names.instrument_text(tapedeck_model::InstrumentIx(instrument)).to_owned();
            if let Some(side) = side {
                instrument.extend([" ", side.text()]);
            }
            self.outcome.realized_pnl.insert((strategy, instrument), sum);
        }
        self.outcome
    }
}

/// What led to `record`, out of the common past.
fn branch(record: Option<Record>, past: &VecDeque<Record>, describer: &Describer) -> Branch {
    let Some(record) = record else { return Branch { record: None, line: None, causes: Vec::new() } };
    let order = record.event.client_order_id();
    let mut causes: Vec<&Record> = Vec::new();
    let (mut of_order, mut of_input) = (0, 0);
    for earlier in past.iter().rev() {
        let about = order.is_some() && earlier.event.client_order_id() == order && of_order < ORDER_RECORDS_MAX;
        let together = earlier.header.input == record.header.input && of_input < INPUT_RECORDS_MAX;
        if about || together {
            of_order += usize::from(about);
            of_input += usize::from(together);
            causes.push(earlier);
        }
    }
    let causes = causes.into_iter().rev().map(|cause| describer.line(cause)).collect();
    let mut describer = describer.clone();
    describer.learn(&record);
    Branch { line: Some(describer.line(&record)), record: Some(record), causes }
}

/// Compares two journals.
///
/// # Errors
/// [`ReportError::Journal`] for what the records of either fail with.
pub fn diff<A, B>(
    a: impl Iterator<Item = Result<Record, A>>,
    b: impl Iterator<Item = Result<Record, B>>,
) -> Result<Diff, ReportError>
where
    A: std::error::Error + Send + Sync + 'static,
    B: std::error::Error + Send + Sync + 'static,
{
    let mut a = a.map(|record| record.map_err(ReportError::journal));
    let mut b = b.map(|record| record.map_err(ReportError::journal));
    let (mut tally, mut index, mut other_scenario) = (Tally::default(), 0_u64, false);
    let mut past: VecDeque<Record> = VecDeque::with_capacity(LOOK_BACK);
    let mut describer = Describer::new();
    let (first, second) = loop {
        match (a.next().transpose()?, b.next().transpose()?) {
            (None, None) => {
                let outcome = tally.finish();
                return Ok(Diff { other_scenario, parting: None, a: outcome.clone(), b: outcome });
            }
            (Some(x), Some(y)) if same(&x, &y) || both_start(&x, &y) => {
                other_scenario |= !same(&x, &y);
                tally.take(&x);
                describer.learn(&x);
                if past.len() == LOOK_BACK {
                    past.pop_front();
                }
                past.push_back(x);
                index += 1;
            }
            sides => break sides,
        }
    };
    let (mut tally_a, mut tally_b) = (tally.clone(), tally);
    if let Some(record) = &first {
        tally_a.take(record);
    }
    if let Some(record) = &second {
        tally_b.take(record);
    }
    let parting = (index, branch(first, &past, &describer), branch(second, &past, &describer));
    for record in a {
        tally_a.take(&record?);
    }
    for record in b {
        tally_b.take(&record?);
    }
    Ok(Diff { other_scenario, parting: Some(parting), a: tally_a.finish(), b: tally_b.finish() })
}

fn minus(b: Option<Amount>, a: Option<Amount>) -> String {
    let difference = b.zip(a).and_then(|(b, a)| b.checked_sub(a));
    difference.map_or_else(|| "n/a".to_owned(), |d| d.to_string())
}

fn text(amount: Option<Amount>) -> String {
    amount.map_or_else(|| "n/a".to_owned(), |amount| amount.to_string())
}

impl Diff {
    /// Whether the journals are equal.
    pub const fn is_equal(&self) -> bool {
        self.parting.is_none() && !self.other_scenario
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.other_scenario {
            writeln!(f, "The runs are of different scenarios or seeds")?;
        }
        let Some((index, a, b)) = &self.parting else {
            if self.other_scenario {
                return writeln!(f, "Nothing that happened differs: {} records", self.a.events);
            }
            return writeln!(f, "The journals are equal: {} records", self.a.events);
        };
        writeln!(f, "The journals part at record {index}")?;
        for (side, branch) in [("A", a), ("B", b)] {
            writeln!(f, "\n{side}")?;
            branch.causes.iter().try_for_each(|line| writeln!(f, "    {line}"))?;
            writeln!(f, "  > {}", branch.line.as_deref().unwrap_or("(the journal ends here)"))?;
        }
        writeln!(f, "\n{:<24} {:>24} {:>24} {:>24}", "", "A", "B", "B - A")?;
        for (label, a, b) in [
            ("records", self.a.events, self.b.events),
            ("orders", self.a.orders, self.b.orders),
            ("fills", self.a.fills, self.b.fills),
        ] {
            writeln!(f, "{label:<24} {a:>24} {b:>24} {:>24}", i128::from(b) - i128::from(a))?;
        }
        let (a, b) = (self.a.final_equity, self.b.final_equity);
        writeln!(f, "{:<24} {:>24} {:>24} {:>24}", "final equity", text(a), text(b), minus(b, a))?;
        let mut keys: Vec<&(String, String)> = self.a.realized_pnl.keys().chain(self.b.realized_pnl.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let (a, b) = (self.a.realized_pnl.get(key).copied(), self.b.realized_pnl.get(key).copied());
            let label = format!("realised {} {}", key.0, key.1);
            let zero = Some(Amount::ZERO);
            writeln!(f, "{label:<24} {:>24} {:>24} {:>24}", text(a), text(b), minus(b.or(zero), a.or(zero)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Journal, SMA, amount, busy};

    type Never = std::convert::Infallible;

    fn compare(a: &Journal, b: &Journal) -> Diff {
        let records = |journal: &Journal| journal.records.clone().into_iter().map(Ok::<_, Never>);
        diff(records(a), records(b)).unwrap()
    }

    #[test]
    fn equal_journals_have_no_parting_even_with_a_signal_that_is_no_number() {
        let mut journal = busy(500, 10);
        journal.push(Event::Signal { strategy: SMA, name: "x".to_owned(), value: f64::NAN });
        let found = compare(&journal, &journal.clone());
        assert!(found.is_equal());
        assert_eq!(found.a.events, journal.records.len() as u64);
    }

    #[test]
    fn the_first_parting_is_found_with_its_causes() {
        let mut a = busy(500, 10);
        a.equity("10000", 0.1);
        let mut b = a.clone();
        let nth = a.records.iter().rposition(|r| matches!(r.event, Event::Filled { .. })).unwrap();
        if let Event::Filled { report, .. } = &mut b.records[nth].event {
            report.fee = amount("9");
        }
        if let Some(Event::Equity(point)) = b.records.last_mut().map(|r| &mut r.event) {
            point.equity = point.equity.checked_add(amount("1.5")).unwrap();
        }
        let found = compare(&a, &b);
        let (index, left, right) = found.parting.clone().unwrap();
        assert_eq!(index, nth as u64);
        assert_eq!(left.record.as_ref(), Some(&a.records[nth]));
        assert_eq!(right.record.as_ref(), Some(&b.records[nth]));
        // The order's intent, approval, submission and acceptance led to the fill on both sides.
        assert_eq!((left.causes.len(), right.causes.len()), (4, 4));
        let text = found.to_string();
        assert!(text.contains("fee 4.2 USD") && text.contains("fee 9 USD"), "{text}");
        assert!(text.contains("1.5"), "{text}");
    }

    #[test]
    fn another_scenario_is_said_and_the_search_goes_on_behind_it() {
        let a = busy(500, 10);
        let mut b = a.clone();
        let Some(Event::RunStarted { scenario_hash, .. }) = b.records.first_mut().map(|r| &mut r.event) else {
            panic!("a journal starts with its start");
        };
        scenario_hash[0] ^= 1;
        let found = compare(&a, &b);
        assert!(found.other_scenario && found.parting.is_none() && !found.is_equal());
        let nth = a.records.iter().position(|r| matches!(r.event, Event::Filled { .. })).unwrap();
        if let Event::Filled { report, .. } = &mut b.records[nth].event {
            report.fee = amount("9");
        }
        let found = compare(&a, &b);
        assert_eq!(found.parting.as_ref().map(|(index, ..)| *index), Some(nth as u64));
        assert!(found.to_string().contains("different scenarios"));
    }

    #[test]
    fn a_shorter_journal_parts_at_its_end() {
        let a = busy(200, 10);
        let mut b = a.clone();
        b.records.truncate(50);
        let found = compare(&a, &b);
        let (index, left, right) = found.parting.clone().unwrap();
        assert_eq!((index, left.record.is_some(), right.record.is_none()), (50, true, true));
        assert!(found.to_string().contains("the journal ends here"));
    }
}
