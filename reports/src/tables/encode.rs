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
const DELTA_BYTES: usize = 6;

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

/// As [`pack`], for at most eight bits a value: eight values fit into a word and end at a byte.
fn pack_narrow<K: Copy + Into<u32>>(out: &mut Vec<u8>, values: &[K], width: u32) {
    let (start, bits) = (out.len(), values.len() * width as usize);
    // Every word is written whole; the next one overwrites what it has too much.
    out.resize(start + values.len().div_ceil(8) * width as usize + size_of::<u64>(), 0);
    let word = |group: &[K]| group.iter().rev().fold(0_u64, |word, value| word << width | u64::from((*value).into()));
    let mut at = start;
    let (groups, rest) = values.as_chunks::<8>();
    for group in groups {
        out[at..at + size_of::<u64>()].copy_from_slice(&word(group).to_le_bytes());
        at += width as usize;
    }
    out[at..at + size_of::<u64>()].copy_from_slice(&word(rest).to_le_bytes());
    out.truncate(start + bits.div_ceil(8));
}

/// As [`pack`], for a part of a block.
///
/// Narrow values are first put together in pairs, and pairs of pairs, until they nearly fill a word.
fn pack_part(out: &mut Vec<u8>, part: &mut [u64; MINIBLOCK], width: u32) {
    let (start, bytes) = (out.len(), MINIBLOCK / 8 * width as usize);
    let (mut count, mut wide) = (MINIBLOCK, width);
    while wide <= u64::BITS / 2 && count > 1 {
        count /= 2;
        for nth in 0..count {
            part[nth] = part[2 * nth] | part[2 * nth + 1] << wide;
        }
        wide *= 2;
    }
    pack(out, part[..count].iter().copied(), wide);
    debug_assert_eq!(out.len(), start + bytes);
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
    let after = values.get(1..).unwrap_or_default();
    for (before, after) in values.chunks(BLOCK).zip(after.chunks(BLOCK)) {
        for ((delta, before), after) in block.iter_mut().zip(before).zip(after) {
            // The format's arithmetic wraps.
            *delta = after.wrapping_sub(*before);
        }
        delta_block(out, &block[..after.len()]);
    }
}

fn delta_block(out: &mut Vec<u8>, deltas: &[i64]) {
    let Some(first) = deltas.first() else { return };
    if deltas.iter().fold(0, |differing, delta| differing | (delta ^ first)) == 0 {
        // Most counters: nothing is left over the least delta.
        varint(out, zigzag(*first));
        return out.extend_from_slice(&[0; BLOCK / MINIBLOCK]);
    }
    let low = deltas.iter().fold(i64::MAX, |low, delta| low.min(*delta));
    varint(out, zigzag(low));
    // What a last block lacks is zero.
    let mut over = [0_u64; BLOCK];
    for (over, delta) in over.iter_mut().zip(deltas) {
        *over = delta.wrapping_sub(low) as u64;
    }
    let (parts, _) = over.as_chunks_mut::<MINIBLOCK>();
    let mut widths = [0_u8; BLOCK / MINIBLOCK];
    for (bits, part) in widths.iter_mut().zip(&*parts) {
        *bits = width(part.iter().fold(0, |all, over| all | over)) as u8;
    }
    out.extend_from_slice(&widths);
    for (bits, part) in widths.into_iter().zip(parts) {
        if bits > 0 {
            pack_part(out, part, u32::from(bits));
        }
    }
}

/// Appends one run of the same value, which takes `width` bits.
fn run(out: &mut Vec<u8>, value: u32, count: usize, width: u32) {
    varint(out, (count as u64) << 1);
    out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// Appends indices of a dictionary of `entries` entries, after the width of an index.
pub fn indices<K: Copy + Into<u32>>(out: &mut Vec<u8>, keys: &[K], entries: usize) {
    // Some readers stumble over a width of zero.
    let width = width(entries.saturating_sub(1) as u64).max(1);
    out.push(width as u8);
    let Some(first) = keys.first().map(|key| (*key).into()) else { return };
    if keys.iter().fold(0, |differing, key| differing | ((*key).into() ^ first)) == 0 {
        return run(out, first, keys.len(), width);
    }
    let groups = keys.len().div_ceil(8);
    varint(out, (groups as u64) << 1 | 1);
    let end = out.len() + groups * width as usize;
    if width <= u8::BITS {
        pack_narrow(out, keys, width);
    } else {
        pack(out, keys.iter().map(|key| u64::from((*key).into())), width);
    }
    out.resize(end, 0);
}

/// Appends the definition levels of `rows` rows, after their length. `filled` are the rows that
/// have a value, in order.
pub fn levels(out: &mut Vec<u8>, rows: usize, filled: &[u32]) {
    assert!(filled.last().is_none_or(|last| (*last as usize) < rows), "a value stands in a row that there is");
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    if filled.len() == rows || filled.is_empty() {
        run(out, u32::from(!filled.is_empty()), rows, 1);
    } else {
        let groups = rows.div_ceil(8);
        varint(out, (groups as u64) << 1 | 1);
        let start = out.len();
        out.resize(start + rows.div_ceil(64) * size_of::<u64>(), 0);
        let (words, _) = out[start..].as_chunks_mut::<{ size_of::<u64>() }>();
        let (mut nth, mut word) = (0, 0_u64);
        for row in filled {
            if row / u64::BITS != nth {
                words[nth as usize] = word.to_le_bytes();
                (nth, word) = (row / u64::BITS, 0);
            }
            word |= 1 << (row % u64::BITS);
        }
        words[nth as usize] = word.to_le_bytes();
        out.truncate(start + groups);
    }
    let length = (out.len() - at - 4) as u32;
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

/// Appends flags, a bit each.
pub fn flags(out: &mut Vec<u8>, values: &[bool]) {
    pack_narrow(out, values, 1);
}

/// Appends a text, given in pieces, after its length.
#[inline]
pub fn text(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    out.extend_from_slice(&(length as u32).to_le_bytes());
    for piece in pieces {
        out.extend_from_slice(piece);
    }
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
        indices(&mut out, &[0_u32, 1, 2, 3, 4, 5, 6, 7], 8);
        // The format's own example of bit packing.
        assert_eq!(out, [3, 3, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        out.clear();
        indices(&mut out, &[2_u32; 100], 3);
        assert_eq!(out, [2, 0xc8, 0x01, 2]);
    }

    #[test]
    fn levels_follow_their_length() {
        let of = |rows: usize, filled: &[u32]| {
            let mut out = Vec::new();
            levels(&mut out, rows, filled);
            out
        };
        assert_eq!(of(3, &[0, 2]), [2, 0, 0, 0, 3, 0b101]);
        assert_eq!(of(200, &(0..200).collect::<Vec<_>>()), [3, 0, 0, 0, 0x90, 0x03, 1], "one run of values");
        assert_eq!(of(20_000, &[]), [4, 0, 0, 0, 0xc0, 0xb8, 0x02, 0], "one run without");
        // 9 bytes of bits: rows 63, 64 and 70.
        assert_eq!(of(71, &[63, 64, 70]), [10, 0, 0, 0, 9 << 1 | 1, 0, 0, 0, 0, 0, 0, 0, 0x80, 0b100_0001]);
    }

    #[test]
    #[should_panic(expected = "a row that there is")]
    fn a_value_beyond_the_last_row_is_a_bug() {
        levels(&mut Vec::new(), 3, &[3]);
    }

    /// The values of a page of deltas, read as the format says.
    fn read_deltas(bytes: &[u8]) -> Vec<i64> {
        fn number(rest: &mut &[u8]) -> u64 {
            let (mut value, mut shift) = (0, 0);
            loop {
                let byte = rest[0];
                *rest = &rest[1..];
                value |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    return value;
                }
            }
        }
        let signed = |value: u64| (value >> 1) as i64 ^ -((value & 1) as i64);
        let mut rest = bytes;
        assert_eq!((number(&mut rest), number(&mut rest)), (128, 4));
        let count = number(&mut rest) as usize;
        let mut values = vec![signed(number(&mut rest))];
        while values.len() < count {
            let low = signed(number(&mut rest));
            let widths = rest[..4].to_vec();
            rest = &rest[4..];
            for width in widths.into_iter().map(usize::from) {
                for nth in 0..32 {
                    let bit = |at: usize| u64::from(rest[at / 8] >> (at % 8) & 1);
                    let over = (0..width).fold(0, |all, i| all | bit(nth * width + i) << i);
                    values.push(values[values.len() - 1].wrapping_add(low).wrapping_add(over as i64));
                }
                rest = &rest[4 * width..];
            }
        }
        values.truncate(count);
        if count == 0 { Vec::new() } else { values }
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

        #[test]
        fn deltas_come_back(values in prop::collection::vec(any::<i64>(), 0..400), bits in 0_u32..64) {
            let values: Vec<i64> = values.into_iter().map(|value| value >> bits).collect();
            let mut out = Vec::new();
            deltas(&mut out, &values);
            prop_assert_eq!(read_deltas(&out), values);
        }

        #[test]
        fn narrow_values_are_packed_like_others(keys in prop::collection::vec(any::<u16>(), 0..100), width in 1_u32..=8) {
            let keys: Vec<u16> = keys.into_iter().map(|key| key & 0xff >> (8 - width)).collect();
            let (mut out, mut expected) = (vec![7], vec![7]);
            pack_narrow(&mut out, &keys, width);
            pack(&mut expected, keys.iter().map(|key| u64::from(*key)), width);
            prop_assert_eq!(out, expected);
        }
    }
}
