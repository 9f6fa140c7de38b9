//! Frames: whole records behind a header, before they are hashed.
//!
//! Enters: tagged values with their input and time. Leaves: a [`RawFrame`] whose header is filled
//! in. Invariants: a frame holds whole records only; `seq` has no gaps from frame to frame; input
//! and time never go back. Deliberately absent: the hash (see the sealer).

use tapedeck_model::{Event, Header, Record, Ts};

use crate::codec::{Cursor, Defect, Tagged, Wire, length, wire_struct, write_at};

/// Once a frame's payload has this many bytes after a record, the frame is closed.
pub const FRAME_PAYLOAD_LEN: usize = 64 * 1024;
/// Bytes of a frame's header.
pub const FRAME_HEADER_LEN: usize = 24;
/// Bytes of the hash at a frame's end.
pub const HASH_LEN: usize = 32;
/// Bytes of a record before its payload.
pub const RECORD_HEADER_LEN: usize = 22;

/// The flag of the last frame.
pub(crate) const FLAG_LAST: u16 = 1;
/// No flag.
pub(crate) const FLAG_NONE: u16 = 0;

/// A frame is closed soon after its limit, so its buffer rarely grows beyond this.
const BUFFER_LEN: usize = FRAME_HEADER_LEN + FRAME_PAYLOAD_LEN + 4 * 1024;
/// Buffers kept for reuse; more are given back to the allocator.
const SPARE_MAX: usize = 16;

/// What a chain of frames holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// Events of a run.
    Journal,
    /// Inputs of a live session.
    Inputs,
}

impl Log {
    /// First bytes of every frame.
    pub(crate) const fn magic(self) -> [u8; 4] {
        match self {
            Self::Journal => *b"TDJ\n",
            Self::Inputs => *b"TDI\n",
        }
    }

    /// The version that this build writes and reads.
    pub(crate) const fn version(self) -> u16 {
        match self {
            Self::Journal => Event::FORMAT,
            Self::Inputs => 1,
        }
    }

    /// Where the chain of hashes starts: no frame of one kind of log can begin the other.
    pub(crate) const fn chain_start(self) -> [u8; HASH_LEN] {
        match self {
            Self::Journal => *b"tapedeck: start of journal chain",
            Self::Inputs => *b"tapedeck: start of inputs' chain",
        }
    }
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) magic: [u8; 4],
    pub(crate) version: u16,
    pub(crate) flags: u16,
    pub(crate) payload_len: u32,
    pub(crate) records: u32,
    pub(crate) first_seq: u64,
}

/// A record's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) kind: u16,
    pub(crate) payload_len: u32,
    pub(crate) input: u64,
    pub(crate) ts: Ts,
}

wire_struct! {
    FrameHeader[24] { magic, version, flags, payload_len, records, first_seq }
    RecordHeader[22] { kind, payload_len, input, ts }
}

/// Where the lengths stand that are known only afterwards.
const FRAME_FLAGS_AT: usize = 6;
const FRAME_PAYLOAD_LEN_AT: usize = 8;
const FRAME_RECORDS_AT: usize = 12;
const RECORD_PAYLOAD_LEN_AT: usize = 2;

/// Where a visit of a frame's records ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bookmark {
    /// `seq` of the frame's first record; `None` before any frame.
    frame: Option<u64>,
    offset: usize,
    /// `seq` of the next record.
    seq: u64,
}

/// An encoded frame that is not hashed yet.
#[derive(Debug)]
pub struct RawFrame {
    log: Log,
    first_seq: u64,
    records: u32,
    last: bool,
    /// Header and payload, and after them whatever the buffer held before.
    buffer: Vec<u8>,
    /// Bytes of header and payload.
    len: usize,
}

impl RawFrame {
    /// In a buffer that may hold anything.
    fn open(log: Log, first_seq: u64, mut buffer: Vec<u8>) -> Self {
        let (magic, version) = (log.magic(), log.version());
        let header = FrameHeader { magic, version, flags: FLAG_NONE, payload_len: 0, records: 0, first_seq };
        let len = write_at(&mut buffer, 0, |room| header.encode(room));
        assert_eq!(len, FRAME_HEADER_LEN, "the header of a frame has a fixed length");
        Self { log, first_seq, records: 0, last: false, buffer, len }
    }

    #[inline]
    fn push<T: Tagged<Tag = u16>>(&mut self, input: u64, ts: Ts, value: &T) {
        let start = self.len;
        let header = RecordHeader { kind: value.tag(), payload_len: 0, input, ts };
        self.len = write_at(&mut self.buffer, start, |room| {
            let room = header.encode(room);
            value.encode_fields(room)
        });
        let payload_len = length(self.len - start - RECORD_HEADER_LEN);
        self.patch(start + RECORD_PAYLOAD_LEN_AT, &payload_len.to_le_bytes());
        self.records += 1;
    }

    fn close(&mut self, flags: u16) {
        let payload_len = length(self.payload_len());
        let records = self.records;
        self.patch(FRAME_FLAGS_AT, &flags.to_le_bytes());
        self.patch(FRAME_PAYLOAD_LEN_AT, &payload_len.to_le_bytes());
        self.patch(FRAME_RECORDS_AT, &records.to_le_bytes());
        self.last = flags == FLAG_LAST;
    }

    #[inline]
    fn patch(&mut self, at: usize, field: &[u8]) {
        self.buffer[at..at + field.len()].copy_from_slice(field);
    }

    const fn payload_len(&self) -> usize {
        self.len - FRAME_HEADER_LEN
    }

    /// What it holds.
    pub const fn log(&self) -> Log {
        self.log
    }

    /// `seq` of its first record (of the next record, if it holds none).
    pub const fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// How many records it holds; may be 0 in the last frame.
    pub const fn records(&self) -> u32 {
        self.records
    }

    /// Whether no frame follows it.
    pub const fn is_last(&self) -> bool {
        self.last
    }

    /// Shows the records of a journal's frame, in order, decoded again: for folds that go along with
    /// the run. They are lent, because an event is too large to be moved from hand to hand.
    ///
    /// # Errors
    /// The first defect, or what `visit` fails with; no record follows.
    pub fn visit<E: From<Defect>>(&self, visit: impl FnMut(&Record) -> Result<(), E>) -> Result<(), E> {
        self.visit_from(Bookmark::default(), visit).map(|_| ())
    }

    /// Like [`RawFrame::visit`], from where an earlier visit of the same frame ended; a place in
    /// another frame stands for the beginning. Gives the place after the last record.
    ///
    /// # Errors
    /// As [`RawFrame::visit`].
    pub fn visit_from<E: From<Defect>>(
        &self,
        place: Bookmark,
        mut visit: impl FnMut(&Record) -> Result<(), E>,
    ) -> Result<Bookmark, E> {
        let start = Bookmark { frame: Some(self.first_seq), offset: FRAME_HEADER_LEN, seq: self.first_seq };
        let Bookmark { offset, seq: first, .. } = if place.frame == start.frame { place } else { start };
        let end = self.first_seq + u64::from(self.records);
        let mut from = Cursor::new(self.bytes().get(offset..).unwrap_or_default());
        for seq in first..end {
            let head = RecordHeader::decode(&mut from)?;
            let mut payload = Cursor::new(from.take(head.payload_len as usize)?);
            let event = Event::decode_fields(head.kind, &mut payload)?;
            payload.finish()?;
            visit(&Record { header: Header { seq, input: head.input, ts: head.ts }, event })?;
        }
        Ok(Bookmark { offset: self.len, seq: end, ..start })
    }

    /// Header and payload, as they will be hashed.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

/// Appends records to a frame and cuts frames off.
#[derive(Debug)]
pub(crate) struct FrameWriter {
    log: Log,
    frame: RawFrame,
    next_seq: u64,
    input: u64,
    ts: Ts,
    finished: bool,
    spare: Vec<Vec<u8>>,
}

impl FrameWriter {
    pub(crate) fn new(log: Log) -> Self {
        let frame = RawFrame::open(log, 0, vec![0; BUFFER_LEN]);
        let spare = Vec::with_capacity(SPARE_MAX);
        Self { log, frame, next_seq: 0, input: 0, ts: Ts::MIN, finished: false, spare }
    }

    /// Appends one record; gives its `seq`.
    #[inline]
    pub(crate) fn append<T: Tagged<Tag = u16>>(&mut self, input: u64, ts: Ts, value: &T) -> u64 {
        assert!(!self.finished, "a finished log takes no more records");
        assert!(input >= self.input, "inputs never go back: {input} after {}", self.input);
        assert!(ts >= self.ts, "time never goes back: {ts} after {}", self.ts);
        (self.input, self.ts) = (input, ts);
        self.frame.push(input, ts, value);
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }

    pub(crate) const fn payload_len(&self) -> usize {
        self.frame.payload_len()
    }

    pub(crate) const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    pub(crate) const fn open_frame(&self) -> &RawFrame {
        &self.frame
    }

    /// Closes the frame at hand and opens the next.
    pub(crate) fn cut(&mut self) -> RawFrame {
        self.close(FLAG_NONE)
    }

    /// Closes the frame at hand as the last one.
    pub(crate) fn finish(&mut self) -> RawFrame {
        assert!(!self.finished, "a log is finished once");
        self.finished = true;
        self.close(FLAG_LAST)
    }

    fn close(&mut self, flags: u16) -> RawFrame {
        let buffer = match self.spare.pop() {
            Some(buffer) => buffer,
            None if flags == FLAG_LAST => Vec::new(),
            None => vec![0; BUFFER_LEN],
        };
        let mut closed = std::mem::replace(&mut self.frame, RawFrame::open(self.log, self.next_seq, buffer));
        closed.close(flags);
        closed
    }

    /// Takes a spent frame's buffer for a later frame.
    pub(crate) fn recycle(&mut self, frame: RawFrame) {
        if self.spare.len() < SPARE_MAX {
            self.spare.push(frame.buffer);
        }
    }
}
