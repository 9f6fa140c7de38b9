use super::*;
use proptest::prelude::*;
use tapedeck_model::Span;
use tapedeck_model::port::DataIssues;

/// Chunks held in memory.
struct Tape(std::collections::VecDeque<Chunk>);

impl Source for Tape {
    fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        match self.0.pop_front() {
            None => Ok(false),
            Some(next) => {
                *chunk = next;
                Ok(true)
            }
        }
    }
    fn content_hash(&self) -> [u8; 32] {
        [0; 32]
    }
    fn issues(&self) -> DataIssues {
        Vec::new()
    }
}

fn tape(times: &[i64], piece: usize) -> Box<dyn Source> {
    let chunks = times.chunks(piece.max(1)).map(|part| Chunk {
        instrument: InstrumentIx(0),
        first_number: 0,
        ts_event: part.to_vec(),
        ts_recv: Vec::new(),
        columns: Columns::Trades { px: vec![1; part.len()], qty: vec![1; part.len()], aggressor: vec![0; part.len()] },
    });
    Box::new(Tape(chunks.collect()))
}

fn sources(tapes: &[Vec<i64>], piece: usize) -> Sources {
    let cursors = tapes
        .iter()
        .enumerate()
        .map(|(ix, times)| Cursor::new(SourceIx(ix as u16), InstrumentIx(0), tape(times, piece), None).unwrap());
    Sources::new(cursors.collect())
}

/// Who notes what is played, until `room` is used up.
#[derive(Default)]
struct Notes {
    played: Vec<(i64, i64, u64)>,
    room: usize,
}

impl Play for Notes {
    type Error = SourceError;

    fn play<T: Tick>(&mut self, number: u64, tick: &T) -> Result<bool, SourceError> {
        self.played.push((tick.ts_event().nanos(), tick.ts_recv().nanos(), number));
        Ok(self.played.len() < self.room)
    }
}

/// The same, taking levels at once.
#[derive(Default)]
struct AtOnce {
    notes: Vec<(i64, i64, u64)>,
    stretches: usize,
}

impl Play for AtOnce {
    type Error = SourceError;

    fn play<T: Tick>(&mut self, number: u64, tick: &T) -> Result<bool, SourceError> {
        self.notes.push((tick.ts_event().nanos(), tick.ts_recv().nanos(), number));
        Ok(true)
    }

    fn play_levels(&mut self, number: u64, levels: &Levels<'_>) -> Result<bool, SourceError> {
        let (ts_event, ts_recv) = (levels.ts_event.nanos(), levels.ts_recv.nanos());
        // The price of a row is its number.
        let rows = levels.iter().map(|(_, px, _)| (ts_event, ts_recv, px.raw() as u64));
        assert_eq!(levels.iter().next().map(|(_, px, _)| px.raw() as u64), Some(number));
        self.notes.extend(rows);
        self.stretches += 1;
        Ok(true)
    }
}

/// How far a record's receipt is behind its event.
struct Delays(Vec<i64>);

impl LatencyModel for Delays {
    fn delay_ns(&self, query: &LatencyQuery) -> i64 {
        self.0[query.number as usize % self.0.len()]
    }
}

/// Rows of depth whose price is their number.
fn depth_tape(rows: &[(i64, bool)], piece: usize) -> Box<dyn Source> {
    let mut first = 0;
    let chunks = rows.chunks(piece.max(1)).map(|part| {
        let numbers = first..first + part.len() as i64;
        first = numbers.end;
        Chunk {
            instrument: InstrumentIx(0),
            first_number: numbers.start as u64,
            ts_event: part.iter().map(|(ts, _)| *ts).collect(),
            ts_recv: Vec::new(),
            columns: Columns::Depth {
                side: vec![1; part.len()],
                px: numbers.collect(),
                qty: vec![1; part.len()],
                flags: part.iter().map(|(_, last)| u8::from(*last)).collect(),
            },
        }
    });
    Box::new(Tape(chunks.collect()))
}

/// Plays all of a tape of depth, its receipt cut off every now and then: first what the venue sees.
fn play_through<P: Play<Error = SourceError>>(cursor: Cursor, cut: i64, play: &mut P) {
    let mut sources = Sources::new(vec![cursor]);
    loop {
        match (sources.peek(), sources.peek_received()) {
            (Some(ts), next) if next.is_none_or(|key| ts <= key.ts) => {
                sources.see(0, Ts::MAX, ts.saturating_add(Span::from_nanos(cut)), play).map(|_| ()).unwrap();
            }
            (_, Some(key)) => sources.receive(key.ts.saturating_add(Span::from_nanos(cut)), play).unwrap(),
            (_, None) => break,
        }
    }
}

proptest! {
    /// Levels taken at once are the rows that would have come one by one, in the same order.
    #[test]
    fn levels_at_once_are_rows_one_by_one(
        mut rows in proptest::collection::vec((0_i64..6, proptest::bool::weighted(0.2)), 0..60),
        delays in proptest::option::of(proptest::collection::vec(0_i64..3, 1..4)),
        (piece, cut) in (1_usize..20, 0_i64..4),
    ) {
        rows.sort_by_key(|(ts, _)| *ts);
        let cursor = || {
            let latency = delays.clone().map(|delays| Box::new(Delays(delays)) as Box<dyn LatencyModel>);
            Cursor::new(SourceIx(0), InstrumentIx(0), depth_tape(&rows, piece), latency).unwrap()
        };
        let mut one_by_one = Notes { room: usize::MAX, ..Notes::default() };
        play_through(cursor(), cut, &mut one_by_one);
        let mut at_once = AtOnce::default();
        play_through(cursor(), cut, &mut at_once);
        prop_assert_eq!(one_by_one.played.len(), 2 * rows.len());
        prop_assert_eq!(at_once.notes, one_by_one.played);
        let alike = rows.windows(2).any(|pair| pair[0] == pair[1] && !pair[0].1);
        prop_assert!(alike || at_once.stretches == 0);
    }

    /// Venues see the sort of all records by time, source and number, and we receive the same records
    /// by time of receipt, each after it was seen; whatever the sizes of the chunks and of the batches.
    #[test]
    fn merge_equals_sort(
        mut tapes in proptest::collection::vec(proptest::collection::vec(0_i64..20, 0..30), 1..5),
        delays in proptest::option::of(proptest::collection::vec(-3_i64..9, 1..5)),
        piece in 1_usize..7,
        room in 1_usize..5,
    ) {
        for times in &mut tapes {
            times.sort_unstable();
        }
        let (mut to_see, mut to_receive) = (Vec::new(), Vec::new());
        for (ix, times) in tapes.iter().enumerate() {
            let mut received = i64::MIN;
            for (n, ts) in times.iter().enumerate() {
                let delay = delays.as_ref().map_or(0, |delays| delays[n % delays.len()]);
                received = received.max(ts + delay).max(*ts);
                to_see.push((*ts, ix, n as u64));
                to_receive.push((received, ix, n as u64));
            }
        }
        to_see.sort_unstable();
        to_receive.sort_unstable();
        let cursors = tapes.iter().enumerate().map(|(ix, times)| {
            let latency = delays.clone().map(|delays| Box::new(Delays(delays)) as Box<dyn LatencyModel>);
            Cursor::new(SourceIx(ix as u16), InstrumentIx(0), tape(times, piece), latency).unwrap()
        });
        let mut sources = Sources::new(cursors.collect());
        let (mut seen, mut received) = (Vec::new(), Vec::new());
        loop {
            let mut notes = Notes { room, ..Notes::default() };
            let (ts, next) = (sources.peek(), sources.peek_received());
            if let Some(key) = next.filter(|key| ts.is_none_or(|ts| key.ts < ts)) {
                sources.receive(ts.unwrap_or(Ts::MAX), &mut notes).unwrap();
                prop_assert_eq!(notes.played.first().map(|(_, ts, number)| (*ts, *number)), Some((key.ts.nanos(), key.seq)));
                received.extend(notes.played.iter().map(|(_, ts, number)| (*ts, usize::from(key.source), *number)));
                prop_assert!(received.iter().all(|(_, ix, n)| seen.iter().any(|(_, i, m)| i == ix && m == n)));
            } else if let Some((at, others)) = ts.and_then(|ts| sources.leader(ts)) {
                let last = next.map_or(Ts::MAX, |key| key.ts);
                let count = sources.see(at, others, last, &mut notes).unwrap();
                prop_assert_eq!(count as usize, notes.played.len());
                seen.extend(notes.played.iter().map(|(ts, _, number)| (*ts, at, *number)));
            } else {
                break;
            }
        }
        prop_assert_eq!(seen, to_see);
        prop_assert_eq!(received, to_receive);
    }

    /// Only a record that shares its time with none is taken straight.
    #[test]
    fn straight_means_alone(mut times in proptest::collection::vec(0_i64..30, 1..30), piece in 1_usize..9, until in 0_i64..30) {
        times.sort_unstable();
        let mut sources = sources(std::slice::from_ref(&times), piece);
        while let Some(ts) = sources.peek() {
            let mut notes = Notes { room: usize::MAX, ..Notes::default() };
            sources.take_while_straight(0, Ts::from_nanos(until), &mut notes).unwrap();
            for (ts, received, _) in &notes.played {
                prop_assert!(received == ts && *ts < until && times.iter().filter(|other| *other == ts).count() == 1);
            }
            prop_assert_eq!(sources.peek_received(), None);
            if notes.played.is_empty() {
                while sources.peek() == Some(ts) {
                    sources.see(0, Ts::MAX, ts, &mut notes).unwrap();
                }
                while sources.peek_received().is_some() {
                    sources.receive(Ts::MAX, &mut notes).unwrap();
                }
            }
        }
        prop_assert_eq!(sources.cursors()[0].records, times.len() as u64);
    }

    /// What is queued comes out by time, then phase, then source, then order of queueing.
    #[test]
    fn the_queue_is_totally_ordered(items in proptest::collection::vec((0_i64..5, 1_u8..5, 0_u16..3), 0..50)) {
        let mut queue = Queue::default();
        for (ts, phase, source) in &items {
            let phase = match phase { 1 => Phase::Command, 2 => Phase::Report, 3 => Phase::Market, _ => Phase::Timer };
            queue.push(Ts::from_nanos(*ts), phase, *source, Item::Timer(StrategyIx(0), 0));
        }
        let mut last = None;
        let mut count = 0;
        while let Some((key, _)) = queue.pop() {
            prop_assert!(last.is_none_or(|last| last < key));
            last = Some(key);
            count += 1;
        }
        prop_assert_eq!(count, items.len());
    }
}

#[test]
fn feeds_never_arrive_before_they_happen_nor_overtake_themselves() {
    let latency = Box::new(Delays(vec![100, 40, -20]));
    let cursor = Cursor::new(SourceIx(0), InstrumentIx(0), tape(&[0, 10, 400], 2), Some(latency)).unwrap();
    let mut sources = Sources::new(vec![cursor]);
    let mut notes = Notes { room: usize::MAX, ..Notes::default() };
    while let Some(ts) = sources.peek() {
        sources.see(0, Ts::MAX, ts, &mut notes).unwrap();
    }
    assert_eq!(notes.played, [(0, 100, 0), (10, 100, 1), (400, 400, 2)]);
}

#[test]
fn what_is_held_is_received_later() {
    let mut sources = sources(&[vec![1, 2, 3]], 3);
    let mut notes = Notes { room: 2, ..Notes::default() };
    assert_eq!(sources.take_while_straight(0, Ts::MAX, &mut notes).unwrap(), 2);
    sources.hold_last(0);
    assert_eq!(sources.peek_received().map(|key| (key.ts.nanos(), key.seq)), Some((2, 1)));
}
