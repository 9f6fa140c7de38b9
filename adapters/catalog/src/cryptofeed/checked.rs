//! A book that is checked against the exchange's checksums, as Kraken's manual says.
//!
//! A checksum is the CRC32 of the best ten asks and then the best ten bids, best first: of each the digits of its
//! price and of its volume as they were sent, without the point and without the zeros before them.

use std::collections::BTreeMap;

use flate2::Crc;

use crate::recording::{Level, Pair};

/// Levels of a side that a checksum covers.
const COVERED: usize = 10;

/// The book of one symbol.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Digits of price and volume, by price.
    bids: BTreeMap<i64, String>,
    asks: BTreeMap<i64, String>,
}

impl Checked {
    /// Applies levels, which were sent as `texts`; a volume of zero takes its level away.
    pub(super) fn apply<'a>(&mut self, levels: &[Level], texts: impl Iterator<Item = &'a Pair<'a>>) {
        for (level, [px, qty]) in levels.iter().zip(texts) {
            let side = if level.side > 0 { &mut self.bids } else { &mut self.asks };
            let [px, qty] = [px, qty].map(|text| digits(text));
            if qty.is_empty() {
                side.remove(&level.px);
            } else {
                side.insert(level.px, px + &qty);
            }
        }
    }

    /// Forgets what lies beyond the best `depth` levels of a side, of which the exchange tells no more; leaves it as
    /// levels that are gone.
    pub(super) fn cut(&mut self, depth: usize) -> Vec<Level> {
        let mut gone = Vec::new();
        while self.bids.len() > depth
            && let Some((px, _)) = self.bids.pop_first()
        {
            gone.push(Level { side: 1, px, qty: 0 });
        }
        while self.asks.len() > depth
            && let Some((px, _)) = self.asks.pop_last()
        {
            gone.push(Level { side: -1, px, qty: 0 });
        }
        gone
    }

    pub(super) fn checksum(&self) -> u32 {
        let mut sum = Crc::new();
        for level in self.asks.values().take(COVERED).chain(self.bids.values().rev().take(COVERED)) {
            sum.update(level.as_bytes());
        }
        sum.sum()
    }
}

/// The digits of a number without the point and without the zeros before them.
fn digits(text: &str) -> String {
    let all: String = text.chars().filter(|c| *c != '.').collect();
    all.trim_start_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twelve levels of each side, of which the two last do not count.
    #[test]
    fn checksums_cover_the_best_ten_of_each_side() {
        let mut book = Checked::default();
        for n in 0..12_i64 {
            let (ask, bid) = (format!("0.050{:02}", 5 + n), format!("0.050{:02}", 12 - n));
            let levels = [Level { side: -1, px: 5_005 + n, qty: 1 }, Level { side: 1, px: 4_012 - n, qty: 1 }];
            book.apply(&levels, [[ask.as_str(), "0.00000500"], [bid.as_str(), "0.00000700"]].iter());
        }
        let asks = (5..15).map(|n| format!("50{n:02}500"));
        let digits = asks.chain((3..13).rev().map(|n| format!("50{n:02}700"))).collect::<Vec<String>>().concat();
        let mut sum = Crc::new();
        sum.update(digits.as_bytes());
        assert_eq!(book.checksum(), sum.sum());
        assert_eq!(
            book.cut(11).iter().map(|level| (level.side, level.px)).collect::<Vec<_>>(),
            [(1, 4_001), (-1, 5_016)]
        );
        assert_eq!(book.checksum(), sum.sum());
        book.apply(&[Level { side: -1, px: 5_005, qty: 0 }], [["0.05005", "0.00000000"]].iter());
        assert_ne!(book.checksum(), sum.sum());
    }
}
