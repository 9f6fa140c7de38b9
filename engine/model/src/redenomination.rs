//! Redenomination: one old unit of an asset becomes so many new ones.

use rust_decimal::Decimal;

use crate::ids::CurrencyIx;
use crate::number::{Amount, Price, Qty, pow10};
use crate::time::Ts;

/// How many new units one old unit is: a fraction of two numbers above zero, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    /// New units.
    pub num: i64,
    /// For so many old ones.
    pub den: i64,
}

impl Ratio {
    /// The exact value of a decimal above zero; `None` for others, and beyond the range.
    pub fn from_decimal(value: Decimal) -> Option<Self> {
        let value = value.normalize();
        let (num, den) = (value.mantissa(), pow10(u8::try_from(value.scale()).ok()?));
        let common = greatest_common_divisor(num.max(1), den);
        let (num, den) = (i64::try_from(num / common).ok()?, i64::try_from(den / common).ok()?);
        (num > 0).then_some(Self { num, den })
    }

    /// An amount of old units in new ones, rounded toward zero at 1e-24; `None` on overflow.
    pub fn amount(self, old: Amount) -> Option<Amount> {
        let (num, den) = self.parts()?;
        let (whole, rest) = (old.raw() / den, old.raw() % den);
        // The rest is less than the denominator: its product fits.
        whole.checked_mul(num)?.checked_add(rest * num / den).map(Amount::from_raw)
    }

    /// A signed quantity in new units, rounded toward zero in the instrument's scale, and whether that is exact; `None`
    /// on overflow.
    pub fn qty(self, old: Qty) -> Option<(Qty, bool)> {
        let (num, den) = self.parts()?;
        let product = i128::from(old.raw()) * num;
        Some((Qty::from_raw(i64::try_from(product / den).ok()?), product % den == 0))
    }

    /// A price of an old unit as that of a new one, if the instrument's scale holds it.
    pub fn price(self, old: Price) -> Option<Price> {
        let (num, den) = self.parts()?;
        let product = i128::from(old.raw()) * den;
        (product % num == 0).then(|| i64::try_from(product / num).ok().map(Price::from_raw)).flatten()
    }

    /// As a float, for models only.
    pub fn to_f64(self) -> f64 {
        self.num as f64 / self.den as f64
    }

    /// `None` for a fraction that no decimal gives: it was read from elsewhere.
    fn parts(self) -> Option<(i128, i128)> {
        (self.num > 0 && self.den > 0).then(|| (i128::from(self.num), i128::from(self.den)))
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let decimal = Decimal::from(self.num).checked_div(Decimal::from(self.den)).unwrap_or_default();
        write!(f, "{}", decimal.normalize())
    }
}

fn greatest_common_divisor(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// What a venue says of a redenomination: how the account stands after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedenominationReport {
    /// Of which asset.
    pub asset: CurrencyIx,
    /// When.
    pub ts_event: Ts,
    /// How many new units one old unit is.
    pub ratio: Ratio,
    /// What the account has of the asset, in new units; `None` where the venue keeps no balance of it.
    pub holding: Option<Amount>,
    /// The sum of the quantities of all positions in instruments of the asset, short ones counted above zero, in new
    /// units.
    pub positions: Amount,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(text: &str) -> Ratio {
        Ratio::from_decimal(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_ratio_is_exact_and_in_lowest_terms() {
        assert_eq!(ratio("1000"), Ratio { num: 1_000, den: 1 });
        assert_eq!(ratio("0.0010"), Ratio { num: 1, den: 1_000 });
        assert_eq!(ratio("2.5"), Ratio { num: 5, den: 2 });
        assert_eq!(ratio("2.5").to_string(), "2.5");
        assert_eq!(Ratio::from_decimal(Decimal::ZERO), None);
        assert_eq!(Ratio::from_decimal(Decimal::from(-2)), None);
    }

    #[test]
    fn what_does_not_fit_is_rounded_toward_zero() {
        let amount = |raw| Amount::from_raw(raw);
        assert_eq!(ratio("0.001").amount(amount(2_999)), Some(amount(2)));
        assert_eq!(ratio("0.001").amount(amount(-2_999)), Some(amount(-2)));
        assert_eq!(ratio("1000").amount(Amount::MAX), None);
        assert!(ratio("2.5").amount(Amount::MAX.mul_div(1, 3).unwrap()).is_some());
        let qty = |raw| Qty::from_raw(raw);
        assert_eq!(ratio("2.5").qty(qty(-3)), Some((qty(-7), false)));
        assert_eq!(ratio("2.5").qty(qty(4)), Some((qty(10), true)));
        assert_eq!(ratio("1000").qty(qty(i64::MAX)), None);
        let px = |raw| Price::from_raw(raw);
        assert_eq!(ratio("0.001").price(px(7)), Some(px(7_000)));
        assert_eq!((ratio("1000").price(px(7)), ratio("1000").price(px(7_000))), (None, Some(px(7))));
    }

    #[test]
    fn a_fraction_that_no_decimal_gives_converts_nothing() {
        for ratio in [Ratio { num: 1, den: 0 }, Ratio { num: 0, den: 1 }, Ratio { num: -1, den: 1 }] {
            assert_eq!((ratio.amount(Amount::MAX), ratio.qty(Qty::from_raw(1))), (None, None));
            assert_eq!(ratio.price(Price::from_raw(1)), None);
        }
    }
}
