//! Events to frames, on the kernel's thread.
//!
//! Enters: events in order. Leaves: full frames, and the last one. Invariant: where frames end is
//! decided when a record is appended, so the bytes do not depend on when frames are taken.
//! Deliberately absent: hashing, which belongs to the writer's thread.

use std::collections::VecDeque;

use tapedeck_model::{Event, Ts};

use crate::frame::{FRAME_PAYLOAD_LEN, FrameWriter, Log, RawFrame};

/// Frames that may wait to be taken before the queue grows.
const QUEUE_LEN: usize = 16;

/// Encodes the events of a run. Allocates nothing per record, and nothing per frame as long as
/// spent frames come back through [`Encoder::recycle`].
///
/// ```
/// use tapedeck_journal::{Encoder, Sealer};
/// use tapedeck_model::{Event, RuleIx, Ts};
///
/// let (mut encoder, mut sealer, mut journal) = (Encoder::new(), Sealer::new(), Vec::new());
/// encoder.append(0, Ts::from_nanos(0), &Event::Resumed { rule: RuleIx(0) });
/// while let Some(frame) = encoder.take_full() {
///     sealer.seal(&frame, &mut journal);
///     encoder.recycle(frame);
/// }
/// sealer.seal(&encoder.finish(), &mut journal);
/// assert_eq!(sealer.bytes(), journal.len() as u64);
/// ```
#[derive(Debug)]
pub struct Encoder {
    writer: FrameWriter,
    full: VecDeque<RawFrame>,
    limit: usize,
}

impl Encoder {
    /// An empty journal.
    pub fn new() -> Self {
        Self::with_limit(FRAME_PAYLOAD_LEN)
    }

    /// With other frames than the format's: tests want many frames in few bytes.
    pub(crate) fn with_limit(limit: usize) -> Self {
        Self { writer: FrameWriter::new(Log::Journal), full: VecDeque::with_capacity(QUEUE_LEN), limit }
    }

    /// Appends an event; gives its `seq`.
    ///
    /// # Panics
    /// If `input` or `ts` is before that of the last record, or after [`Encoder::finish`].
    #[inline]
    pub fn append(&mut self, input: u64, ts: Ts, event: &Event) -> u64 {
        let seq = self.writer.append(input, ts, event);
        if self.writer.payload_len() >= self.limit {
            self.full.push_back(self.writer.cut());
        }
        seq
    }

    /// The oldest full frame that was not taken yet.
    #[inline]
    pub fn take_full(&mut self) -> Option<RawFrame> {
        self.full.pop_front()
    }

    /// The frame at hand, which is not full yet. Its header is filled in only when it is closed.
    pub const fn open_frame(&self) -> &RawFrame {
        self.writer.open_frame()
    }

    /// Takes back a frame that was sealed, to use its buffer again.
    pub fn recycle(&mut self, frame: RawFrame) {
        self.writer.recycle(frame);
    }

    /// Ends the journal: the last frame, which may hold no records.
    ///
    /// # Panics
    /// If a full frame was not taken before, or if called twice.
    pub fn finish(&mut self) -> RawFrame {
        assert!(self.full.is_empty(), "full frames are taken before the last one");
        self.writer.finish()
    }

    /// `seq` of the next record: how many there are so far.
    pub const fn next_seq(&self) -> u64 {
        self.writer.next_seq()
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tapedeck_model::{Record, RuleIx, StrategyIx};

    use super::*;
    use crate::arbitrary::fixed_events;
    use crate::codec::Defect;
    use crate::frame::Bookmark;
    use crate::sealer::Sealer;

    /// Bytes of a journal whose full frames are taken after every `every` records.
    fn journal(every: u64) -> Vec<u8> {
        let (mut encoder, mut sealer, mut out) = (Encoder::with_limit(300), Sealer::new(), Vec::new());
        for (n, event) in (0_u64..).zip(fixed_events()) {
            assert_eq!(encoder.append(n / 3, Ts::from_nanos(n as i64), &event), n);
            if n % every == 0 {
                while let Some(frame) = encoder.take_full() {
                    sealer.seal(&frame, &mut out);
                    encoder.recycle(frame);
                }
            }
        }
        while let Some(frame) = encoder.take_full() {
            sealer.seal(&frame, &mut out);
        }
        sealer.seal(&encoder.finish(), &mut out);
        assert_eq!(sealer.bytes(), out.len() as u64);
        out
    }

    #[test]
    fn bytes_do_not_depend_on_when_frames_are_taken() {
        let often = journal(1);
        assert_eq!(often, journal(7));
        assert_eq!(often, journal(1_000_000));
    }

    #[test]
    fn a_frame_is_closed_by_the_record_that_reaches_the_limit() {
        let mut encoder = Encoder::new();
        let event = Event::Resumed { rule: RuleIx(1) };
        let records = FRAME_PAYLOAD_LEN.div_ceil(24) as u64;
        for n in 0..records - 1 {
            encoder.append(n, Ts::from_nanos(0), &event);
        }
        assert!(encoder.take_full().is_none());
        encoder.append(records, Ts::from_nanos(0), &event);
        let frame = encoder.take_full().unwrap();
        assert_eq!((frame.first_seq(), u64::from(frame.records()), frame.is_last()), (0, records, false));
        let last = encoder.finish();
        assert_eq!((last.first_seq(), last.records(), last.is_last()), (records, 0, true));
    }

    #[test]
    fn every_record_is_seen_as_soon_as_it_is_appended() {
        let mut encoder = Encoder::with_limit(300);
        let (mut seen, mut place) = (Vec::new(), Bookmark::default());
        for (n, event) in (0_u64..).zip(fixed_events()) {
            encoder.append(n, Ts::from_nanos(0), &event);
            let full = encoder.take_full();
            for frame in full.iter().chain([encoder.open_frame()]) {
                let keep = |record: &Record| {
                    seen.push(record.clone());
                    Ok::<(), Defect>(())
                };
                place = frame.visit_from(place, keep).unwrap();
            }
            let last = seen.last().map(|record: &Record| (record.header.seq, record.event.clone()));
            assert_eq!((seen.len() as u64, last), (n + 1, Some((n, event))));
        }
    }

    #[test]
    fn buffers_go_round() {
        let mut encoder = Encoder::new();
        let mut sealer = Sealer::new();
        let (mut out, mut seen) = (Vec::with_capacity(256 * 1024), BTreeSet::new());
        let event = Event::TimerFired { strategy: StrategyIx(1), timer: 2 };
        let mut frames = 0;
        for n in 0..200_000 {
            encoder.append(n, Ts::from_nanos(n as i64), &event);
            if let Some(frame) = encoder.take_full() {
                seen.insert(frame.bytes().as_ptr() as usize);
                out.clear();
                sealer.seal(&frame, &mut out);
                encoder.recycle(frame);
                frames += 1;
            }
        }
        assert!(frames > 90);
        assert!(seen.len() <= 2, "{} buffers for one frame in flight", seen.len());
    }

    #[test]
    #[should_panic(expected = "time never goes back")]
    fn time_never_goes_back() {
        let mut encoder = Encoder::new();
        encoder.append(1, Ts::from_nanos(2), &Event::Resumed { rule: RuleIx(0) });
        encoder.append(2, Ts::from_nanos(1), &Event::Resumed { rule: RuleIx(0) });
    }

    #[test]
    #[should_panic(expected = "inputs never go back")]
    fn inputs_never_go_back() {
        let mut encoder = Encoder::new();
        encoder.append(2, Ts::from_nanos(1), &Event::Resumed { rule: RuleIx(0) });
        encoder.append(1, Ts::from_nanos(1), &Event::Resumed { rule: RuleIx(0) });
    }

    #[test]
    #[should_panic(expected = "takes no more records")]
    fn a_finished_journal_takes_no_more() {
        let mut encoder = Encoder::new();
        encoder.finish();
        encoder.append(1, Ts::from_nanos(1), &Event::Resumed { rule: RuleIx(0) });
    }

    #[test]
    fn both_halves_can_change_threads() {
        fn assert_send<T: Send>() {}
        assert_send::<Encoder>();
        assert_send::<Sealer>();
        assert_send::<RawFrame>();
    }
}
