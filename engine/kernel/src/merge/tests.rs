use super::*;
use proptest::prelude::*;
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

proptest! {
    /// The merge of sorted sources is the sort of everything by time, source and number, whatever
    /// the sizes of the chunks.
    #[test]
    fn merge_equals_sort(
        mut tapes in proptest::collection::vec(proptest::collection::vec(0_i64..20, 0..30), 1..5),
        piece in 1_usize..7,
    ) {
        for times in &mut tapes {
            times.sort_unstable();
        }
        let mut expected: Vec<(i64, u16, u64)> = tapes
            .iter()
            .enumerate()
            .flat_map(|(ix, times)| times.iter().enumerate().map(move |(n, ts)| (*ts, ix as u16, n as u64)))
            .collect();
        expected.sort_unstable();
        let mut merged = Vec::new();
        let mut sources = sources(&tapes, piece);
        while let Some(ts) = sources.peek() {
            let at = sources.alone_at(ts).or_else(|| sources.first_at(ts)).unwrap();
            let (place, record) = sources.take(at).unwrap();
            merged.push((record.ts_event().nanos(), place.source.0, place.number));
        }
        prop_assert_eq!(merged, expected);
    }

    /// "Alone" is never said of a record that shares its time.
    #[test]
    fn alone_means_alone(mut times in proptest::collection::vec(0_i64..10, 1..30), piece in 1_usize..7) {
        times.sort_unstable();
        let mut sources = sources(std::slice::from_ref(&times), piece);
        while let Some(ts) = sources.peek() {
            if sources.alone_at(ts).is_some() {
                prop_assert_eq!(times.iter().filter(|t| **t == ts.nanos()).count() as u64
                    - times.iter().take(sources.cursors()[0].records as usize).filter(|t| **t == ts.nanos()).count() as u64, 1);
            }
            sources.take(0).unwrap();
        }
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

/// A constant feed latency shifts what we receive; a recorded receive time before the event is held
/// at the event.
#[test]
fn feeds_never_arrive_before_they_happen_nor_overtake_themselves() {
    struct Falling;
    impl LatencyModel for Falling {
        fn delay_ns(&self, number: u64) -> i64 {
            100 - 60 * number as i64
        }
    }
    let mut cursor =
        Cursor::new(SourceIx(0), InstrumentIx(0), tape(&[0, 10, 400], 2), Some(Box::new(Falling))).unwrap();
    let received: Vec<i64> = (0..3).map(|_| cursor.take().unwrap().1.ts_recv().nanos()).collect();
    assert_eq!(received, [100, 100, 400]);
}
