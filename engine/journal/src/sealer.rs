//! The hash chain, on the writer's thread.
//!
//! Enters: raw frames in order. Leaves: the bytes of the log, and its fingerprint. Invariant: each
//! hash covers the hash before it, so the last one names every byte of the log.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::frame::{HASH_LEN, Log, RawFrame};

/// The hash of a log's last frame: two logs with the same fingerprint are the same byte for byte.
/// Written as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; HASH_LEN]);

impl Fingerprint {
    /// From the hash.
    pub const fn from_bytes(hash: [u8; HASH_LEN]) -> Self {
        Self(hash)
    }

    /// The hash.
    pub const fn as_bytes(&self) -> &[u8; HASH_LEN] {
        &self.0
    }

    /// The next link of the chain: BLAKE3 of a frame's header and payload, with this one as its key.
    ///
    /// As a key and not in front of the frame, because BLAKE3 works on groups of whole kilobytes: 32 bytes
    /// in front would cost a third more.
    pub(crate) fn chain(self, frame: &[u8]) -> Self {
        Self(*blake3::keyed_hash(&self.0, frame).as_bytes())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Why a text is not a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not a fingerprint; expected 64 lowercase hexadecimal digits")]
pub struct FingerprintError {
    /// What was read.
    pub text: String,
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let wrong = || FingerprintError { text: text.to_owned() };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != HASH_LEN || !rest.is_empty() {
            return Err(wrong());
        }
        let mut hash = [0_u8; HASH_LEN];
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            let (high, low) = digit(*high).zip(digit(*low)).ok_or_else(wrong)?;
            *byte = high << 4 | low;
        }
        Ok(Self(hash))
    }
}

const fn digit(text: u8) -> Option<u8> {
    match text {
        b'0'..=b'9' => Some(text - b'0'),
        b'a'..=b'f' => Some(text - b'a' + 10),
        _ => None,
    }
}

/// Chains frames into the bytes of a log.
#[derive(Debug)]
pub struct Sealer {
    log: Log,
    chain: Fingerprint,
    next_seq: u64,
    bytes: u64,
    last: bool,
}

impl Sealer {
    /// At the start of a journal.
    pub const fn new() -> Self {
        Self::start(Log::Journal)
    }

    /// At the start of a live session's input log.
    pub const fn for_inputs() -> Self {
        Self::start(Log::Inputs)
    }

    const fn start(log: Log) -> Self {
        Self { log, chain: Fingerprint(log.chain_start()), next_seq: 0, bytes: 0, last: false }
    }

    /// Appends a frame and its hash to `out`, which may be empty or hold frames not written yet.
    ///
    /// # Panics
    /// If the frame is of another kind of log, is not the next one, or comes after the last one.
    pub fn seal(&mut self, frame: &RawFrame, out: &mut Vec<u8>) {
        let hash = self.link(frame);
        out.extend_from_slice(frame.bytes());
        out.extend_from_slice(hash.as_bytes());
    }

    /// Adds a frame to the chain without copying it: gives the hash that follows its bytes in the log.
    ///
    /// # Panics
    /// As [`Sealer::seal`].
    pub fn link(&mut self, frame: &RawFrame) -> Fingerprint {
        assert_eq!(frame.log(), self.log, "a frame goes into its own kind of log");
        assert_eq!(frame.first_seq(), self.next_seq, "frames are sealed in order");
        assert!(!self.last, "nothing follows the last frame");
        self.chain = self.chain.chain(frame.bytes());
        self.next_seq += u64::from(frame.records());
        self.last = frame.is_last();
        self.bytes += (frame.bytes().len() + HASH_LEN) as u64;
        self.chain
    }

    /// The chain so far: the log's fingerprint once its last frame is sealed.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.chain
    }

    /// Bytes sealed so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Default for Sealer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        let fingerprint = Sealer::new().fingerprint();
        let text = fingerprint.to_string();
        assert_eq!(text.len(), 64);
        assert_eq!(text.parse(), Ok(fingerprint));
        for bad in ["", "00", &text[1..], &text.to_uppercase(), &format!("{text}00"), &"é".repeat(32)] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }

    #[test]
    fn kinds_of_log_start_differently() {
        assert_ne!(Sealer::new().fingerprint(), Sealer::for_inputs().fingerprint());
    }
}
