//! Parquet's encodings of a column's values, as far as our tables need them.
//!
//! Enters: values of one page. Leaves: bytes as the Parquet format describes them under
//! "Encodings": the hybrid of run lengths and packed bits for levels and dictionary indices,
//! `DELTA_BINARY_PACKED` for integers, `PLAIN` for the rest. Journals count upwards, so deltas take
//! a few bits where a general compressor would take most of a run's time.
//!
//! Deliberately absent: everything that a page of a flat table does not need (repetition levels,
//! compression).

use tapedeck_model::Amount;
use tapedeck_model::number::pow10;

use crate::trips::DECIMALS;

/// Deltas of a block.
const BLOCK: usize = 128;
/// Deltas of each of the four parts of a block.
const MINIBLOCK: usize = 32;
/// Bytes of a delta that few columns exceed.
const DELTA_BYTES: usize = 3;

/// Appends an unsigned number, seven bits a byte, the lowest first.
fn varint(out: &mut Vec<u8>, value: u64) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Signed as unsigned, so that small numbers of either sign stay small.
const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Bits that hold a value.
pub const fn width(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Appends values of `width` bits each, the lowest bits first, the last byte filled with zeros.
#[inline]
fn pack(out: &mut Vec<u8>, values: impl Iterator<Item = u64>, width: u32) {
    let (mut word, mut filled) = (0_u64, 0_u32);
    for value in values {
        word |= value << filled;
        filled += width;
        if filled >= u64::BITS {
            out.extend_from_slice(&word.to_le_bytes());
            filled -= u64::BITS;
            // What did not fit; all of it fitted if nothing is left over.
            word = if filled == 0 { 0 } else { value >> (width - filled) };
        }
    }
    out.extend_from_slice(&word.to_le_bytes()[..filled.div_ceil(8) as usize]);
}

/// As [`pack`], for `count` values of which all after those given are zero.
#[inline]
fn pack_padded(out: &mut Vec<u8>, values: impl Iterator<Item = u64>, width: u32, count: usize) {
    let end = out.len() + (count * width as usize).div_ceil(8);
    out.reserve(end - out.len());
    pack(out, values, width);
    out.resize(end, 0);
}

/// Appends integers as `DELTA_BINARY_PACKED`.
pub fn deltas(out: &mut Vec<u8>, values: &[i64]) {
    varint(out, BLOCK as u64);
    varint(out, (BLOCK / MINIBLOCK) as u64);
    varint(out, values.len() as u64);
    let Some(first) = values.first() else { return varint(out, 0) };
    varint(out, zigzag(*first));
    out.reserve(values.len() * DELTA_BYTES);
    let mut block = [0_i64; BLOCK];
    let mut before = *first;
    for chunk in values.get(1..).unwrap_or_default().chunks(BLOCK) {
        for (delta, value) in block.iter_mut().zip(chunk) {
            // The format's arithmetic wraps.
            *delta = value.wrapping_sub(before);
            before = *value;
        }
        delta_block(out, &mut block[..chunk.len()]);
    }
}

fn delta_block(out: &mut Vec<u8>, deltas: &mut [i64]) {
    let low = deltas.iter().copied().min().unwrap_or(0);
    varint(out, zigzag(low));
    for delta in &mut *deltas {
        *delta = delta.wrapping_sub(low);
    }
    let mut widths = [0_u8; BLOCK / MINIBLOCK];
    for (bits, part) in widths.iter_mut().zip(deltas.chunks(MINIBLOCK)) {
        *bits = width(part.iter().fold(0, |all, over| all | over) as u64) as u8;
    }
    out.extend_from_slice(&widths);
    for (bits, part) in widths.into_iter().zip(deltas.chunks(MINIBLOCK)) {
        if bits > 0 {
            pack_padded(out, part.iter().map(|over| *over as u64), u32::from(bits), MINIBLOCK);
        }
    }
}

/// Appends one run of the same value, which takes `width` bits.
fn run(out: &mut Vec<u8>, value: u32, count: usize, width: u32) {
    varint(out, (count as u64) << 1);
    out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// Appends indices of a dictionary of `entries` entries, after the width of an index.
pub fn indices(out: &mut Vec<u8>, keys: &[u32], entries: usize) {
    // Some readers stumble over a width of zero.
    let width = width(entries.saturating_sub(1) as u64).max(1);
    out.push(width as u8);
    let Some(first) = keys.first() else { return };
    if keys.iter().all(|key| key == first) {
        return run(out, *first, keys.len(), width);
    }
    let groups = keys.len().div_ceil(8);
    varint(out, (groups as u64) << 1 | 1);
    pack_padded(out, keys.iter().map(|key| u64::from(*key)), width, groups * 8);
}

/// Which rows of a column have a value: a bit for each row, the lowest first.
#[derive(Debug, Clone, Default)]
pub struct Validity {
    /// Bits of the last rows, of which there are fewer than 64.
    word: u64,
    filled: u32,
    bits: Vec<u8>,
}

impl Validity {
    /// Takes in the next row.
    #[inline]
    pub fn push(&mut self, valid: bool) {
        self.word |= u64::from(valid) << self.filled;
        self.filled += 1;
        if self.filled == u64::BITS {
            self.bits.extend_from_slice(&self.word.to_le_bytes());
            (self.word, self.filled) = (0, 0);
        }
    }

    /// Appends the definition levels, after their length, and forgets the rows.
    pub fn take(&mut self, out: &mut Vec<u8>) {
        let rows = self.bits.len() * 8 + self.filled as usize;
        self.bits.extend_from_slice(&self.word.to_le_bytes()[..self.filled.div_ceil(8) as usize]);
        let values = self.bits.iter().map(|byte| byte.count_ones() as usize).sum::<usize>();
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        if values == rows || values == 0 {
            run(out, u32::from(values > 0), rows, 1);
        } else {
            varint(out, (self.bits.len() as u64) << 1 | 1);
            out.extend_from_slice(&self.bits);
        }
        let length = (out.len() - at - 4) as u32;
        out[at..at + 4].copy_from_slice(&length.to_le_bytes());
        self.bits.clear();
        (self.word, self.filled) = (0, 0);
    }
}

/// Appends flags, a bit each.
pub fn flags(out: &mut Vec<u8>, values: &[bool]) {
    pack(out, values.iter().map(|value| u64::from(*value)), 1);
}

/// Appends a text after its length.
#[inline]
pub fn text(out: &mut Vec<u8>, value: &str) {
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(value.as_bytes());
}

/// Money in units of 1e-18, half to even.
///
/// The same as a division of 128-bit integers, by three divisions of machine words through a
/// constant: it is made for nearly every record.
#[inline]
pub fn money_e18(amount: Amount) -> i128 {
    const UNIT: u64 = pow10(Amount::SCALE - DECIMALS) as u64;
    const LOW: u64 = u32::MAX as u64;
    let raw = amount.raw();
    let size = raw.unsigned_abs();
    let (high, low) = ((size >> 64) as u64, size as u64);
    // A rest is below 2^20, so it fits above 32 further bits.
    let middle = (high % UNIT) << 32 | low >> 32;
    let last = (middle % UNIT) << 32 | low & LOW;
    let quotient = u128::from(high / UNIT) << 64 | u128::from(middle / UNIT) << 32 | u128::from(last / UNIT);
    let rest = last % UNIT;
    let up = rest > UNIT / 2 || (rest == UNIT / 2 && quotient % 2 == 1);
    let rounded = (quotient + u128::from(up)) as i128;
    if raw < 0 { -rounded } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tapedeck_model::number::div_half_even;

    #[test]
    fn deltas_are_those_of_the_format() {
        // The second example of the format's description: 7, 5, 3, 1, 2, 3, 4, 5.
        let mut out = Vec::new();
        deltas(&mut out, &[7, 5, 3, 1, 2, 3, 4, 5]);
        // Header: block 128, 4 parts, 8 values, first 7; block: least delta -2, widths 2 0 0 0,
        // deltas over it 0 0 0 3 3 3 3 in two bits each, padded to 32.
        assert_eq!(out, [0x80, 0x01, 4, 8, 14, 3, 2, 0, 0, 0, 0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn indices_are_packed_or_one_run() {
        let mut out = Vec::new();
        indices(&mut out, &[0, 1, 2, 3, 4, 5, 6, 7], 8);
        // The format's own example of bit packing.
        assert_eq!(out, [3, 3, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        out.clear();
        indices(&mut out, &[2; 100], 3);
        assert_eq!(out, [2, 0xc8, 0x01, 2]);
    }

    #[test]
    fn levels_follow_their_length() {
        let mut validity = Validity::default();
        for valid in [true, false, true] {
            validity.push(valid);
        }
        let mut out = Vec::new();
        validity.take(&mut out);
        assert_eq!(out, [2, 0, 0, 0, 3, 0b101]);
        out.clear();
        (0..200).for_each(|_| validity.push(true));
        validity.take(&mut out);
        assert_eq!(out, [3, 0, 0, 0, 0x90, 0x03, 1], "a page leaves nothing behind");
    }

    proptest! {
        #[test]
        fn money_is_rounded_as_by_division(raw in any::<i128>(), small in -3_000_000_i128..3_000_000) {
            for raw in [raw, small, small * 500_000] {
                let expected = div_half_even(raw, pow10(Amount::SCALE - DECIMALS));
                prop_assert_eq!(money_e18(Amount::from_raw(raw)), expected);
            }
        }

        #[test]
        fn packed_bits_come_back(values in prop::collection::vec(any::<u64>(), 0..100), width in 1_u32..=64) {
            let mask = u64::MAX >> (64 - width);
            let mut out = Vec::new();
            pack(&mut out, values.iter().map(|value| value & mask), width);
            prop_assert_eq!(out.len(), (values.len() * width as usize).div_ceil(8));
            for (nth, value) in values.iter().enumerate() {
                let bit = |at: usize| u64::from(out[at / 8] >> (at % 8) & 1);
                let back = (0..width as usize).fold(0, |all, i| all | bit(nth * width as usize + i) << i);
                prop_assert_eq!(back, value & mask);
            }
        }
    }
}
