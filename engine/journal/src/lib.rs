//! The journal: record codec, hash chain, replay reader; bytes in, bytes out, no files.
//!
//! Enters: events of the kernel (or inputs of a live session), in order. Leaves: frames of bytes
//! whose last hash is the run's [`Fingerprint`], and, from such bytes, the same events again.
//!
//! All numbers are little endian and nothing is padded or aligned.
//!
//! ```text
//! journal = frame*                 only the last frame has the flag LAST
//! frame   = magic [4] | version u16 | flags u16 | payload length u32 | records u32 | first seq u64
//!         | payload                whole records, back to back
//!         | hash [32]              BLAKE3(hash of the frame before | header | payload)
//! record  = kind u16 | payload length u32 | input u64 | ts i64 | payload
//! ```
//!
//! A record's `seq` is its frame's first seq plus its position in the frame. Before the first
//! frame the chain stands at a constant of the kind of log. Fields of every kind:
//! `docs/journal-format.md`.
//!
//! Invariants: equal events give equal bytes, whenever frames are taken; `seq` has no gaps;
//! `input` and `ts` never go back; the reader hands out nothing whose hash it has not verified;
//! no bytes, however bad, make it panic. Deliberately absent: files, threads, compression,
//! random access, and any meaning of the events.

#![deny(missing_docs)]
#![deny(unsafe_code)]

mod codec;
mod encoder;
mod error;
mod frame;
mod input;
mod reader;
mod sealer;

#[cfg(test)]
mod arbitrary;

pub use codec::{Defect, Value, decode_value, encode_value};
pub use encoder::Encoder;
pub use error::{JournalError, Place};
pub use frame::{Bookmark, FRAME_HEADER_LEN, FRAME_PAYLOAD_LEN, HASH_LEN, Log, RECORD_HEADER_LEN, RawFrame};
pub use input::{InputEncoder, InputEntry, InputReader, InputRecord};
pub use reader::Reader;
pub use sealer::{Fingerprint, FingerprintError, Sealer};
