//! Funding rates that must come at an interval: what is missing is told, or filled by a stated rule.
//!
//! Enters: a source of funding rates, the interval at which they must come, from when to when. Leaves:
//! the same source without holes. Between two rates as many are missing as intervals, rounded to whole
//! ones, lie between them, less one: venues stamp settlements some milliseconds late. The interval is the
//! one that the later rate states, else the given one; rates that come more often are taken as they come,
//! so that a venue may settle more often than it used to. Invariants: no rate of the source is changed or
//! left out; what is added is counted.

use tapedeck_model::event::DataIssue;
use tapedeck_model::market::{Chunk, Columns};
use tapedeck_model::port::DataIssues;
use tapedeck_model::{InstrumentIx, Source, SourceError, Span, Ts};

/// What happens where a rate is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingRate {
    /// The run stops with the instrument and the instant.
    #[default]
    Fail,
    /// Nothing is paid then; counted.
    Zero,
    /// The rate before it holds again; counted.
    Last,
}

/// When rates must come.
#[derive(Debug, Clone)]
pub struct Settlements {
    /// Whose they are.
    pub instrument: InstrumentIx,
    /// Its name, for people.
    pub name: String,
    /// Between two of them, above zero.
    pub interval: Span,
    /// No rate is missing before this.
    pub start: Ts,
    /// No rate is missing at or after this.
    pub end: Ts,
    /// What happens where one is missing.
    pub missing: MissingRate,
}

/// A source of funding rates without holes.
pub struct WholeFunding {
    inner: Box<dyn Source>,
    expected: Settlements,
    read: Chunk,
    /// Time and rate of the last record.
    last: Option<(i64, i64)>,
    records: u64,
    added: u64,
    ended: bool,
}

impl WholeFunding {
    /// Watches over a source of funding rates.
    pub fn new(inner: Box<dyn Source>, expected: Settlements) -> Self {
        assert!(expected.interval > Span::ZERO, "an interval is above zero");
        let read = Chunk::new(expected.instrument);
        Self { inner, expected, read, last: None, records: 0, added: 0, ended: false }
    }

    /// How many settlements, and at what distance, lie unsaid before one at `ts`; with the time of the first.
    fn missing_before(&self, ts: i64, interval: i64) -> (i64, i64) {
        let Settlements { start, .. } = self.expected;
        match self.last {
            // Before the first one, backwards from it.
            None => {
                let count = ts.saturating_sub(start.nanos()).max(0) / interval;
                (count, ts - count * interval)
            }
            Some((last, _)) => {
                let between = ts.saturating_sub(last);
                ((between.saturating_add(interval / 2) / interval - 1).max(0), last.saturating_add(interval))
            }
        }
    }

    fn fill(&mut self, out: &mut Rows, (count, first): (i64, i64), interval: i64) -> Result<(), SourceError> {
        for nth in 0..count {
            let ts = first + nth * interval;
            if ts < self.expected.start.nanos() || ts >= self.expected.end.nanos() {
                continue;
            }
            let rate = match (self.expected.missing, self.last) {
                (MissingRate::Zero, _) => 0,
                (MissingRate::Last, Some((_, rate))) => rate,
                (MissingRate::Last, None) => return Err(self.refuse(ts, "and none before it could be taken again")),
                (MissingRate::Fail, _) => {
                    let help = "write `funding_missing = \"zero\"` or \"last\" in [[instrument]] to go on without it";
                    return Err(self.refuse(ts, help));
                }
            };
            self.added += 1;
            out.push(ts, rate, (interval, 0));
        }
        Ok(())
    }

    fn refuse(&self, ts: i64, help: &str) -> SourceError {
        let Settlements { name, interval, .. } = &self.expected;
        let at = Ts::from_nanos(ts);
        let problem = format!("there is no funding rate at {at}, though one is due every {interval}; {help}");
        SourceError::File { file: format!("funding of {name}"), problem }
    }

    fn take(&mut self, out: &mut Rows) -> Result<(), SourceError> {
        let read = std::mem::replace(&mut self.read, Chunk::new(self.expected.instrument));
        let Columns::Funding { rate, interval, mark_px } = &read.columns else {
            let problem = "the source gives other records than funding rates".to_owned();
            return Err(SourceError::File { file: format!("funding of {}", self.expected.name), problem });
        };
        let rows = read.ts_event.iter().zip(rate).zip(interval.iter().zip(mark_px));
        for ((ts, rate), (stated, mark_px)) in rows {
            let step = if *stated > 0 { *stated } else { self.expected.interval.nanos() };
            let hole = self.missing_before(*ts, step);
            self.fill(out, hole, step)?;
            out.push(*ts, *rate, (*stated, *mark_px));
            self.last = Some((*ts, *rate));
        }
        // Receive times hold for the rates that came; those that did not are known when they are due.
        out.received(&read);
        self.read = read;
        Ok(())
    }

    /// What is missing between the last rate and the end.
    fn take_end(&mut self, out: &mut Rows) -> Result<(), SourceError> {
        let interval = self.expected.interval.nanos();
        let (start, end) = (self.expected.start.nanos(), self.expected.end.nanos());
        let first = self.last.map_or(start, |(last, _)| last.saturating_add(interval));
        // A settlement that is due less than half an interval before the end is due.
        let count = if first < end { (end - 1 - first) / interval + 1 } else { 0 };
        self.fill(out, (count, first), interval)
    }
}

/// Rows of the chunk being made.
#[derive(Default)]
struct Rows {
    ts: Vec<i64>,
    ts_recv: Vec<i64>,
    rate: Vec<i64>,
    interval: Vec<i64>,
    mark_px: Vec<i64>,
}

impl Rows {
    fn push(&mut self, ts: i64, rate: i64, (interval, mark_px): (i64, i64)) {
        self.ts.push(ts);
        self.rate.push(rate);
        self.interval.push(interval);
        self.mark_px.push(mark_px);
    }

    /// Gives each row the receive time of the record at its time, else its own; never going back.
    fn received(&mut self, read: &Chunk) {
        if read.ts_recv.is_empty() {
            return;
        }
        let mut known = read.ts_event.iter().zip(&read.ts_recv).peekable();
        let mut latest = i64::MIN;
        for ts in &self.ts {
            let recv = known.next_if(|(event, _)| *event == ts).map_or(*ts, |(_, recv)| *recv);
            latest = latest.max(recv);
            self.ts_recv.push(latest);
        }
    }
}

impl Source for WholeFunding {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        if self.ended {
            return Ok(false);
        }
        let mut rows = Rows::default();
        let outcome = match self.inner.next_chunk(&mut self.read) {
            Ok(true) => self.take(&mut rows),
            Ok(false) => {
                self.ended = true;
                self.take_end(&mut rows)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            self.ended = true;
            return Err(error);
        }
        chunk.instrument = self.expected.instrument;
        chunk.first_number = self.records;
        self.records += rows.ts.len() as u64;
        let Rows { ts, ts_recv, rate, interval, mark_px } = rows;
        (chunk.ts_event, chunk.ts_recv) = (ts, ts_recv);
        chunk.columns = Columns::Funding { rate, interval, mark_px };
        Ok(!self.ended || !chunk.is_empty())
    }

    fn content_hash(&self) -> [u8; 32] {
        self.inner.content_hash()
    }

    fn issues(&self) -> DataIssues {
        let mut issues = self.inner.issues();
        let issue = match self.expected.missing {
            MissingRate::Zero => DataIssue::FundingZero,
            MissingRate::Last => DataIssue::FundingCarried,
            MissingRate::Fail => return issues,
        };
        if self.added > 0 {
            issues.push((issue, self.added));
        }
        issues
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    /// Hours and rates, with stated intervals in hours.
    struct Given(Vec<Vec<(i64, i64, i64)>>);

    impl Source for Given {
        fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
            if self.0.is_empty() {
                return Ok(false);
            }
            let rows = self.0.remove(0);
            *chunk = Chunk::new(InstrumentIx(4));
            chunk.ts_event = rows.iter().map(|row| row.0).collect();
            chunk.columns = Columns::Funding {
                rate: rows.iter().map(|row| row.1).collect(),
                interval: rows.iter().map(|row| row.2 * HOUR).collect(),
                mark_px: vec![0; rows.len()],
            };
            Ok(true)
        }

        fn content_hash(&self) -> [u8; 32] {
            [7; 32]
        }
    }

    type Seen = (Vec<(i64, i64)>, DataIssues);

    /// Hours and rates that come out of rows given as hours, rates and intervals, due every 8 hours from 0 to 48.
    fn filled(rows: &[(i64, i64, i64)], missing: MissingRate, chunk_rows: usize) -> Result<Seen, String> {
        let rows: Vec<(i64, i64, i64)> = rows.iter().map(|(hour, rate, step)| (hour * HOUR, *rate, *step)).collect();
        let expected = Settlements {
            instrument: InstrumentIx(4),
            name: "X.SIM".to_owned(),
            interval: Span::from_nanos(8 * HOUR),
            start: Ts::from_nanos(0),
            end: Ts::from_nanos(48 * HOUR),
            missing,
        };
        let chunks = rows.chunks(chunk_rows.max(1)).map(<[_]>::to_vec).collect();
        let mut source = WholeFunding::new(Box::new(Given(chunks)), expected);
        let (mut chunk, mut seen) = (Chunk::new(InstrumentIx(0)), Vec::new());
        while source.next_chunk(&mut chunk).map_err(|error| error.to_string())? {
            let Columns::Funding { rate, .. } = &chunk.columns else { panic!("another kind") };
            assert_eq!((chunk.instrument, chunk.first_number), (InstrumentIx(4), seen.len() as u64));
            seen.extend(chunk.ts_event.iter().map(|ts| ts / HOUR).zip(rate.iter().copied()));
        }
        Ok((seen, source.issues()))
    }

    #[test]
    fn what_is_whole_stays_as_it_is() {
        let rows = [(0, 1, 0), (8, 2, 0), (16, 3, 0), (24, 4, 0), (32, 5, 0), (40, 6, 0)];
        let expected: Vec<(i64, i64)> = rows.iter().map(|row| (row.0, row.1)).collect();
        for chunk_rows in [1, 4, 100] {
            assert_eq!(filled(&rows, MissingRate::Fail, chunk_rows), Ok((expected.clone(), vec![])));
        }
    }

    #[test]
    fn holes_are_told_or_filled_and_counted() {
        let rows = [(8, 5, 0), (32, -7, 0)];
        let error = filled(&rows[1..], MissingRate::Fail, 1).unwrap_err();
        assert!(error.contains("X.SIM") && error.contains("1970-01-01T00:00:00Z"), "{error}");
        for chunk_rows in [1, 2] {
            let (seen, issues) = filled(&rows, MissingRate::Zero, chunk_rows).unwrap();
            assert_eq!(seen, [(0, 0), (8, 5), (16, 0), (24, 0), (32, -7), (40, 0)]);
            assert_eq!(issues, [(DataIssue::FundingZero, 4)]);
        }
        let (seen, issues) = filled(&[(0, 5, 0), (24, 6, 0)], MissingRate::Last, 1).unwrap();
        assert_eq!(seen, [(0, 5), (8, 5), (16, 5), (24, 6), (32, 6), (40, 6)]);
        assert_eq!(issues, [(DataIssue::FundingCarried, 4)]);
        let error = filled(&rows, MissingRate::Last, 1).unwrap_err();
        assert!(error.contains("none before it"), "{error}");
        let (seen, _) = filled(&[], MissingRate::Zero, 1).unwrap();
        assert_eq!(seen.len(), 6);
    }

    #[test]
    fn a_change_of_the_interval_comes_from_the_data() {
        // From 16 on every 4 hours; what the later rows state decides.
        let rows = [(0, 1, 8), (8, 1, 8), (16, 1, 8), (20, 2, 4), (24, 2, 4), (32, 2, 4), (40, 3, 8)];
        let (seen, issues) = filled(&rows, MissingRate::Zero, 3).unwrap();
        let hours: Vec<i64> = seen.iter().map(|(hour, _)| *hour).collect();
        assert_eq!(hours, [0, 8, 16, 20, 24, 28, 32, 40]);
        assert_eq!(issues, [(DataIssue::FundingZero, 1)]);
    }

    #[test]
    fn settlements_that_are_stamped_late_are_not_missing() {
        let rows: Vec<(i64, i64, i64)> = (0..6).map(|n| (n * 8 * HOUR + n * 19_000_000, 1, 0)).collect();
        let expected = Settlements {
            instrument: InstrumentIx(4),
            name: String::new(),
            interval: Span::from_nanos(8 * HOUR),
            start: Ts::from_nanos(0),
            end: Ts::from_nanos(48 * HOUR),
            missing: MissingRate::Fail,
        };
        let mut source = WholeFunding::new(Box::new(Given(vec![rows])), expected);
        let mut chunk = Chunk::new(InstrumentIx(0));
        assert_eq!(source.next_chunk(&mut chunk), Ok(true));
        assert_eq!((chunk.len(), source.next_chunk(&mut chunk)), (6, Ok(false)));
    }
}
