//! Bytes to records.
//!
//! Enters: the untrusted bytes of a log, in order. Leaves: verified records, then the fingerprint;
//! or the first thing that is wrong, and where. Invariants: a frame's hash is checked before any
//! of its records is handed out; memory is one frame, and grows with the bytes that are there, not
//! with what a header claims; after an error no record follows. Deliberately absent: seeking, and
//! going on after damage.

use std::io::{self, Read};
use std::marker::PhantomData;

use tapedeck_model::{Event, Header, Record, Ts};

use crate::codec::{Cursor, Defect, Tagged, Wire};
use crate::error::{JournalError, Place};
use crate::frame::{FLAG_LAST, FRAME_HEADER_LEN, FrameHeader, HASH_LEN, Log, RECORD_HEADER_LEN, RecordHeader};
use crate::sealer::Fingerprint;

/// Reads a journal record by record. Wrap a file in nothing: whole frames are read at once.
///
/// As an iterator it ends after the first error.
#[derive(Debug)]
pub struct Reader<R: Read> {
    records: RecordReader<R, Event>,
}

impl<R: Read> Reader<R> {
    /// Reads a complete journal: one without its last frame is [`JournalError::Truncated`].
    pub fn new(input: R) -> Self {
        Self { records: RecordReader::new(Log::Journal, Tail::Required, input) }
    }

    /// Reads a journal that may break off, say after a crash: hands out every record of its whole
    /// frames, then [`JournalError::Unfinished`] with the number of bytes that are whole.
    pub fn new_tolerant(input: R) -> Self {
        Self { records: RecordReader::new(Log::Journal, Tail::MayBeTorn, input) }
    }

    /// The next record; `None` after the last one of a complete journal.
    ///
    /// # Errors
    /// The first defect, as [`JournalError`]; [`JournalError::Stopped`] ever after.
    pub fn next_record(&mut self) -> Result<Option<Record>, JournalError> {
        Ok(self.records.next()?.map(|(header, event)| Record { header, event }))
    }

    /// The journal's fingerprint, once [`Reader::next_record`] has given `None`.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.records.fingerprint()
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.records.is_refused() { None } else { self.next_record().transpose() }
    }
}

/// Whether the last frame must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    Required,
    MayBeTorn,
}

/// How far a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// More frames are to come.
    Open,
    /// The frame at hand is the last.
    LastFrame,
    /// Nothing is left.
    Ended,
    /// An error was given out.
    Refused,
}

/// Reads records of any kind of log.
#[derive(Debug)]
pub(crate) struct RecordReader<R, T> {
    frames: FrameReader<R>,
    progress: Progress,
    /// What is left of the frame at hand: where, and how many records it should be.
    at: usize,
    declared: u32,
    read: u32,
    last: Header,
    kind: PhantomData<fn() -> T>,
}

impl<R: Read, T: Tagged<Tag = u16>> RecordReader<R, T> {
    pub(crate) const fn new(log: Log, tail: Tail, input: R) -> Self {
        Self {
            frames: FrameReader::new(log, tail, input),
            progress: Progress::Open,
            at: FRAME_HEADER_LEN,
            declared: 0,
            read: 0,
            last: Header { seq: 0, input: 0, ts: Ts::MIN },
            kind: PhantomData,
        }
    }

    pub(crate) const fn is_refused(&self) -> bool {
        matches!(self.progress, Progress::Refused)
    }

    pub(crate) const fn fingerprint(&self) -> Option<Fingerprint> {
        match self.progress {
            Progress::Ended => Some(self.frames.chain),
            Progress::Open | Progress::LastFrame | Progress::Refused => None,
        }
    }

    pub(crate) fn next(&mut self) -> Result<Option<(Header, T)>, JournalError> {
        let next = self.advance();
        if next.is_err() {
            self.progress = Progress::Refused;
        }
        next
    }

    fn advance(&mut self) -> Result<Option<(Header, T)>, JournalError> {
        loop {
            match self.progress {
                Progress::Refused => return Err(JournalError::Stopped { place: self.frames.place }),
                Progress::Ended => return Ok(None),
                Progress::Open | Progress::LastFrame => {}
            }
            if self.read < self.declared {
                return self.record().map(Some);
            }
            self.next_frame()?;
        }
    }

    fn next_frame(&mut self) -> Result<(), JournalError> {
        if self.at < self.frames.buffer.len() {
            let found = u64::from(self.declared) + 1;
            return Err(JournalError::CountMismatch { place: self.frames.place, declared: self.declared, found });
        }
        if self.progress == Progress::LastFrame {
            self.frames.end()?;
            self.progress = Progress::Ended;
            return Ok(());
        }
        let header = self.frames.read_frame()?;
        if header.flags == FLAG_LAST {
            self.progress = Progress::LastFrame;
        }
        (self.at, self.declared, self.read) = (FRAME_HEADER_LEN, header.records, 0);
        Ok(())
    }

    fn record(&mut self) -> Result<(Header, T), JournalError> {
        let Place { frame, offset, seq } = self.frames.place;
        let seq = seq.saturating_add(u64::from(self.read));
        let place = Place { frame, offset: offset.saturating_add(self.at as u64), seq };
        let left = self.frames.buffer.get(self.at..).unwrap_or_default();
        if left.is_empty() {
            let (declared, found) = (self.declared, u64::from(self.read));
            return Err(JournalError::CountMismatch { place: self.frames.place, declared, found });
        }
        let mut from = Cursor::new(left);
        let bad = |kind, defect| JournalError::BadRecord { place, kind, defect };
        let head = RecordHeader::decode(&mut from).map_err(|defect| bad(0, defect))?;
        let event = decode_payload(head, &mut from).map_err(|defect| bad(head.kind, defect))?;
        let header = Header { seq, input: head.input, ts: head.ts };
        if header.input < self.last.input || header.ts < self.last.ts {
            return Err(JournalError::OutOfOrder { place });
        }
        self.at += RECORD_HEADER_LEN + head.payload_len as usize;
        self.read += 1;
        self.last = header;
        Ok((header, event))
    }
}

pub(crate) fn decode_payload<T: Tagged<Tag = u16>>(head: RecordHeader, from: &mut Cursor<'_>) -> Result<T, Defect> {
    let mut payload = Cursor::new(from.take(head.payload_len as usize)?);
    let value = T::decode_fields(head.kind, &mut payload)?;
    payload.finish()?;
    Ok(value)
}

/// Reads and verifies frames.
#[derive(Debug)]
struct FrameReader<R> {
    input: R,
    log: Log,
    tail: Tail,
    chain: Fingerprint,
    /// The frame at hand; before the first one, and between two, the frame to come.
    place: Place,
    /// Where the next frame begins.
    next: Place,
    /// Header and payload of the frame at hand; the header alone before the first.
    buffer: Vec<u8>,
}

impl<R: Read> FrameReader<R> {
    const fn new(log: Log, tail: Tail, input: R) -> Self {
        let start = Place { frame: 0, offset: 0, seq: 0 };
        let chain = Fingerprint::from_bytes(log.chain_start());
        Self { input, log, tail, chain, place: start, next: start, buffer: Vec::new() }
    }

    /// Reads the next frame into the buffer and verifies it.
    fn read_frame(&mut self) -> Result<FrameHeader, JournalError> {
        self.place = self.next;
        self.buffer.clear();
        if !self.read_more(FRAME_HEADER_LEN as u64)? {
            return Err(self.torn());
        }
        let header = self.header()?;
        if !self.read_more(u64::from(header.payload_len) + HASH_LEN as u64)? {
            return Err(self.torn());
        }
        self.verify()?;
        self.check(header)?;
        let bytes = (self.buffer.len() + HASH_LEN) as u64;
        self.next = Place {
            frame: self.place.frame + 1,
            offset: self.place.offset + bytes,
            seq: self.place.seq + u64::from(header.records),
        };
        Ok(header)
    }

    /// Nothing may follow the last frame.
    fn end(&mut self) -> Result<(), JournalError> {
        self.place = self.next;
        self.buffer.clear();
        let _ = self.read_more(1)?;
        if self.buffer.is_empty() { Ok(()) } else { Err(JournalError::TrailingBytes { place: self.place }) }
    }

    /// Appends `len` bytes of the input to the buffer; false if there are fewer.
    fn read_more(&mut self, len: u64) -> Result<bool, JournalError> {
        let place = self.place;
        let read = read_to_buffer(&mut self.input, len, &mut self.buffer);
        let read = read.map_err(|source| JournalError::Read { place, source })?;
        Ok(read as u64 == len)
    }

    /// What stands in the header, as far as it must be right before the hash can be checked.
    fn header(&self) -> Result<FrameHeader, JournalError> {
        let place = self.place;
        let bad = |defect| JournalError::BadRecord { place, kind: 0, defect };
        let header = FrameHeader::decode(&mut Cursor::new(&self.buffer)).map_err(bad)?;
        let (expected, supported) = (self.log.magic(), self.log.version());
        if header.magic != expected {
            return Err(JournalError::WrongMagic { place, expected, found: header.magic });
        }
        if header.version != supported {
            return Err(JournalError::WrongVersion { place, found: header.version, supported });
        }
        Ok(header)
    }

    /// Moves the chain on and takes the hash off the buffer.
    fn verify(&mut self) -> Result<(), JournalError> {
        let mismatch = JournalError::HashMismatch { place: self.place };
        let Some((frame, hash)) = self.buffer.split_last_chunk::<HASH_LEN>() else {
            return Err(mismatch);
        };
        let chain = self.chain.chain(frame);
        if chain.as_bytes() != hash {
            return Err(mismatch);
        }
        self.chain = chain;
        self.buffer.truncate(self.buffer.len() - HASH_LEN);
        Ok(())
    }

    /// What a faulty writer could have sealed.
    fn check(&self, header: FrameHeader) -> Result<(), JournalError> {
        let place = self.place;
        if header.flags & !FLAG_LAST != 0 {
            return Err(JournalError::UnknownFlags { place, flags: header.flags });
        }
        if header.first_seq != place.seq {
            return Err(JournalError::WrongSeq { place, found: header.first_seq });
        }
        Ok(())
    }

    fn torn(&self) -> JournalError {
        let place = self.place;
        match self.tail {
            Tail::Required => JournalError::Truncated { place },
            Tail::MayBeTorn => JournalError::Unfinished { place, torn_bytes: self.buffer.len() as u64 },
        }
    }
}

/// Appends at most `len` bytes; the buffer grows as bytes come.
fn read_to_buffer<R: Read>(input: &mut R, len: u64, buffer: &mut Vec<u8>) -> io::Result<usize> {
    input.take(len).read_to_end(buffer)
}

#[cfg(test)]
mod tests;
