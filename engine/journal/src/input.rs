//! The log of a live session's inputs, from which the session can be played again.
//!
//! Enters: what the live driver received, before the kernel sees it, and what the kernel sent.
//! Leaves: frames like a journal's, one for each flush, so that each input can be made durable on
//! its own. Deliberately absent: the decision when to flush, and files.

use std::io::Read;

use tapedeck_model::{Command, Header, MarketRecord, RecordRef, StrategyIx, Ts, VenueReport};

use crate::codec::wire_enum;
use crate::error::JournalError;
use crate::frame::{FrameWriter, Log, RawFrame};
use crate::reader::{RecordReader, Tail};
use crate::sealer::Fingerprint;

/// One line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputRecord {
    /// A market record came in.
    Market {
        /// Its source, and its number there.
        at: RecordRef,
        /// What it says.
        record: MarketRecord,
    },
    /// A venue reported.
    Report {
        /// Position of the venue in the run's table, sorted by name.
        venue: u16,
        /// What it says.
        report: VenueReport,
    },
    /// A timer went off.
    Timer {
        /// Whose.
        strategy: StrategyIx,
        /// The strategy's own number of it.
        timer: u64,
    },
    /// A command was sent: no input, but what a replay must send as well.
    Command {
        /// Position of the venue in the run's table, sorted by name.
        venue: u16,
        /// What was sent.
        command: Command,
    },
    /// The session was told to end.
    Stop,
}

wire_enum! {
    InputRecord: u16 {
        1 = Market { at, record },
        2 = Report { venue, report },
        3 = Timer { strategy, timer },
        4 = Command { venue, command },
        5 = Stop,
    }
}

/// A record of the log, with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputEntry {
    /// Number in the log, number of the input (of a command: of the last input logged before it), and
    /// time of receipt (of a command: of sending).
    pub header: Header,
    /// What happened.
    pub record: InputRecord,
}

/// Encodes the inputs of a live session. Its frames are sealed by
/// [`Sealer::for_inputs`](crate::Sealer::for_inputs).
#[derive(Debug)]
pub struct InputEncoder {
    writer: FrameWriter,
}

impl InputEncoder {
    /// An empty log.
    pub fn new() -> Self {
        Self { writer: FrameWriter::new(Log::Inputs) }
    }

    /// Appends a record; gives its number in the log, from 0.
    ///
    /// # Panics
    /// If `input` or `ts` is before that of the last record, or after [`InputEncoder::finish`].
    pub fn append(&mut self, input: u64, ts: Ts, record: &InputRecord) -> u64 {
        self.writer.append(input, ts, record)
    }

    /// What was appended since the last flush, as one frame; `None` if that is nothing.
    pub fn flush(&mut self) -> Option<RawFrame> {
        (self.writer.payload_len() > 0).then(|| self.writer.cut())
    }

    /// Takes back a frame that was sealed, to use its buffer again.
    pub fn recycle(&mut self, frame: RawFrame) {
        self.writer.recycle(frame);
    }

    /// Ends the log: the last frame, with what was not flushed yet.
    ///
    /// # Panics
    /// If called twice.
    pub fn finish(&mut self) -> RawFrame {
        self.writer.finish()
    }
}

impl Default for InputEncoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads a log of inputs. As an iterator it ends after the first error.
#[derive(Debug)]
pub struct InputReader<R: Read> {
    records: RecordReader<R, InputRecord>,
}

impl<R: Read> InputReader<R> {
    /// Reads a complete log: one without its last frame is [`JournalError::Truncated`].
    pub fn new(input: R) -> Self {
        Self { records: RecordReader::new(Log::Inputs, Tail::Required, input) }
    }

    /// Reads a log that may break off, say after a crash: hands out every record of its whole
    /// frames, then [`JournalError::Unfinished`].
    pub fn new_tolerant(input: R) -> Self {
        Self { records: RecordReader::new(Log::Inputs, Tail::MayBeTorn, input) }
    }

    /// The next record; `None` after the last one of a complete log.
    ///
    /// # Errors
    /// The first defect, as [`JournalError`]; [`JournalError::Stopped`] ever after.
    pub fn next_record(&mut self) -> Result<Option<InputEntry>, JournalError> {
        Ok(self.records.next()?.map(|(header, record)| InputEntry { header, record }))
    }

    /// The log's fingerprint, once [`InputReader::next_record`] has given `None`.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.records.fingerprint()
    }
}

impl<R: Read> Iterator for InputReader<R> {
    type Item = Result<InputEntry, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.records.is_refused() { None } else { self.next_record().transpose() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::arbitrary::made;
    use crate::reader::Reader;
    use crate::sealer::Sealer;

    /// One frame for each record; also where each frame ends.
    fn log(records: &[InputRecord]) -> (Vec<u8>, Vec<usize>, Fingerprint) {
        let (mut encoder, mut sealer) = (InputEncoder::new(), Sealer::for_inputs());
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for (n, record) in (0_u64..).zip(records) {
            assert_eq!(encoder.append(n + 1, Ts::from_nanos(n as i64), record), n);
            let frame = encoder.flush().unwrap();
            sealer.seal(&frame, &mut bytes);
            encoder.recycle(frame);
            ends.push(bytes.len());
        }
        assert!(encoder.flush().is_none());
        sealer.seal(&encoder.finish(), &mut bytes);
        (bytes, ends, sealer.fingerprint())
    }

    proptest! {
        #[test]
        fn inputs_are_read_as_written(records in proptest::collection::vec(made::<InputRecord>(), 0..20)) {
            let (bytes, _, fingerprint) = log(&records);
            let mut reader = InputReader::new(bytes.as_slice());
            let read: Vec<InputEntry> = reader.by_ref().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(read.iter().map(|entry| entry.record).collect::<Vec<_>>(), records);
            prop_assert_eq!(reader.fingerprint(), Some(fingerprint));
        }

        /// A crash at any byte loses the input that was being written, and no other.
        #[test]
        fn what_was_flushed_survives(
            records in proptest::collection::vec(made::<InputRecord>(), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let (bytes, ends, _) = log(&records);
            let cut = cut.index(bytes.len());
            let mut read = Vec::new();
            let mut reader = InputReader::new_tolerant(&bytes[..cut]);
            let end = loop {
                match reader.next_record() {
                    Ok(Some(entry)) => read.push(entry.record),
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            let unfinished = matches!(end, Some(JournalError::Unfinished { .. }));
            prop_assert!(unfinished, "{end:?}");
            let whole = ends.iter().filter(|end| **end <= cut).count();
            prop_assert_eq!(&read[..], &records[..whole]);
        }
    }

    #[test]
    fn an_input_log_is_no_journal() {
        let (bytes, ..) = log(&[InputRecord::Stop]);
        assert!(matches!(Reader::new(bytes.as_slice()).next_record(), Err(JournalError::WrongMagic { .. })));
    }
}
