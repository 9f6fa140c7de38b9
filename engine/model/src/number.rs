//! Exact numbers: prices and quantities as integers in an instrument's decimal scale, money as a
//! 128-bit integer in units of 1e-24.
//!
//! Invariants: no float holds money, a price or a quantity; every operation that could overflow
//! returns an error; products of a price, a quantity and a fee rate are exact because the sum of
//! their scales is checked against [`Amount::SCALE`] when a scenario is loaded.

use std::fmt;

use rust_decimal::Decimal;
use thiserror::Error;

/// Why a number is refused.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum NumberError {
    /// The text is not a plain decimal number.
    #[error("`{text}` is not a decimal number")]
    NotADecimal {
        /// What was read.
        text: String,
    },
    /// The value has more decimals than its scale holds.
    #[error("{value} does not fit {scale} decimals")]
    OffScale {
        /// The value as text.
        value: String,
        /// Decimals that there are.
        scale: u8,
    },
    /// The value does not fit its integer.
    #[error("{value} is too large")]
    Overflow {
        /// What did not fit.
        value: String,
    },
    /// NaN or infinite.
    #[error("{value} is not finite")]
    NotFinite {
        /// The float as text.
        value: String,
    },
}

/// Powers of ten that fit an `i128`, by exponent `0..=38`.
const POW10: [i128; 39] = {
    let mut table = [1_i128; 39];
    let mut i = 1;
    while i < 39 {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

/// `10^exponent`.
///
/// # Panics
/// If `exponent` exceeds 38.
pub const fn pow10(exponent: u8) -> i128 {
    POW10[exponent as usize]
}

/// The largest scale of a price or quantity.
pub const SCALE_MAX: u8 = 12;

macro_rules! scaled_integer {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);

            /// From the integer in the instrument's scale.
            pub const fn from_raw(raw: i64) -> Self {
                Self(raw)
            }

            /// The integer in the instrument's scale.
            pub const fn raw(self) -> i64 {
                self.0
            }

            /// The exact value of a decimal, if `scale` holds it.
            ///
            /// # Errors
            /// [`NumberError::OffScale`] or [`NumberError::Overflow`].
            pub fn from_decimal(value: Decimal, scale: u8) -> Result<Self, NumberError> {
                raw_from_decimal(value, scale).map(Self)
            }

            /// The exact value of a decimal text, if `scale` holds it.
            ///
            /// # Errors
            /// Any [`NumberError`] but `NotFinite`.
            pub fn parse(text: &str, scale: u8) -> Result<Self, NumberError> {
                Self::from_decimal(parse_decimal(text)?, scale)
            }

            /// As a decimal with `scale` decimals.
            pub fn to_decimal(self, scale: u8) -> Decimal {
                Decimal::new(self.0, u32::from(scale))
            }

            /// As a float, for statistics and pictures only.
            pub fn to_f64(self, scale: u8) -> f64 {
                self.0 as f64 / pow10(scale) as f64
            }

            /// As text without trailing zeros.
            pub fn display(self, scale: u8) -> String {
                format_scaled(i128::from(self.0), scale)
            }

            /// `self + other`, or `None` on overflow.
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(raw) => Some(Self(raw)),
                    None => None,
                }
            }

            /// `self - other`, or `None` on overflow.
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(raw) => Some(Self(raw)),
                    None => None,
                }
            }

            /// The largest multiple of `step` that is not above `self`.
            ///
            /// # Panics
            /// If `step` is not positive.
            pub const fn floor_to(self, step: Self) -> Self {
                assert!(step.0 > 0, "a step is positive");
                Self(self.0 - self.0.rem_euclid(step.0))
            }

            /// The smallest multiple of `step` that is not below `self`.
            ///
            /// # Panics
            /// If `step` is not positive or the result overflows.
            pub const fn ceil_to(self, step: Self) -> Self {
                assert!(step.0 > 0, "a step is positive");
                let rem = self.0.rem_euclid(step.0);
                if rem == 0 { self } else { Self(self.0 - rem + step.0) }
            }

            /// Whether `self` is a multiple of `step`.
            pub const fn is_multiple_of(self, step: Self) -> bool {
                step.0 > 0 && self.0 % step.0 == 0
            }
        }
    };
}

scaled_integer! {
    /// A price in the instrument's price scale. May be negative only where a venue allows it.
    Price
}
scaled_integer! {
    /// A quantity in the instrument's quantity scale; negative only where it is a signed position.
    Qty
}

fn raw_from_decimal(value: Decimal, scale: u8) -> Result<i64, NumberError> {
    let value = value.normalize();
    if value.scale() > u32::from(scale) {
        return Err(NumberError::OffScale { value: value.to_string(), scale });
    }
    let up = pow10(scale - value.scale() as u8);
    value
        .mantissa()
        .checked_mul(up)
        .and_then(|raw| i64::try_from(raw).ok())
        .ok_or_else(|| NumberError::Overflow { value: value.to_string() })
}

/// A decimal from text: digits, one point, a sign, an exponent; nothing else.
///
/// # Errors
/// [`NumberError::NotADecimal`].
pub fn parse_decimal(text: &str) -> Result<Decimal, NumberError> {
    let t = text.trim();
    Decimal::from_str_exact(t)
        .or_else(|_| Decimal::from_scientific(t))
        .map_err(|_| NumberError::NotADecimal { text: text.to_owned() })
}

/// The integer nearest to `value` in `scale`, if it lies within 1e-9 relative of `value`.
///
/// This is how a float price from a file becomes exact.
///
/// # Errors
/// [`NumberError::NotFinite`], [`NumberError::OffScale`] or [`NumberError::Overflow`].
pub fn raw_from_f64(value: f64, scale: u8) -> Result<i64, NumberError> {
    if !value.is_finite() {
        return Err(NumberError::NotFinite { value: value.to_string() });
    }
    let scaled = value * pow10(scale) as f64;
    let nearest = scaled.round_ties_even();
    // 2^63 is exactly representable: anything at or past it overflows.
    if nearest.abs() >= 9_223_372_036_854_775_808.0 {
        return Err(NumberError::Overflow { value: value.to_string() });
    }
    if (scaled - nearest).abs() > 1e-9 * scaled.abs() {
        return Err(NumberError::OffScale { value: value.to_string(), scale });
    }
    Ok(nearest as i64)
}

/// A float quantity in `scale`: the nearest integer if it lies within 1e-9 relative, else rounded
/// toward zero (quantities finer than the scale are real and never rounded up).
///
/// # Errors
/// [`NumberError::NotFinite`] or [`NumberError::Overflow`].
pub fn raw_qty_from_f64(value: f64, scale: u8) -> Result<i64, NumberError> {
    match raw_from_f64(value, scale) {
        Err(NumberError::OffScale { .. }) => Ok((value * pow10(scale) as f64).trunc() as i64),
        other => other,
    }
}

/// Prints `raw / 10^scale` without trailing zeros.
pub fn format_scaled(raw: i128, scale: u8) -> String {
    let unit = pow10(scale).unsigned_abs();
    let magnitude = raw.unsigned_abs();
    let (whole, fraction) = (magnitude / unit, magnitude % unit);
    let sign = if raw < 0 { "-" } else { "" };
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    let digits = format!("{fraction:0width$}", width = usize::from(scale));
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

/// An exact amount of some currency or asset, in units of 1e-24.
///
/// Range about ±1.7e14 whole units; every operation that could leave it returns `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Amount(i128);

impl Amount {
    /// Decimals of the unit.
    pub const SCALE: u8 = 24;
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(i128::MAX);
    /// The smallest amount.
    pub const MIN: Self = Self(i128::MIN);

    /// From units of 1e-24.
    pub const fn from_raw(raw: i128) -> Self {
        Self(raw)
    }

    /// Units of 1e-24.
    pub const fn raw(self) -> i128 {
        self.0
    }

    /// `raw / 10^scale` as an amount.
    ///
    /// Returns `None` on overflow.
    ///
    /// # Panics
    /// If `scale` exceeds [`Amount::SCALE`]: scenario loading refuses such instruments.
    #[inline]
    pub fn from_scaled(raw: i128, scale: u8) -> Option<Self> {
        assert!(scale <= Self::SCALE, "scales are checked when a scenario is loaded");
        let unit = pow10(Self::SCALE - scale);
        match (i64::try_from(raw), i64::try_from(unit)) {
            // Two numbers of 64 bits cannot overflow 128: the usual case, and several times as fast.
            (Ok(raw), Ok(unit)) => Some(Self(i128::from(raw) * i128::from(unit))),
            _ => raw.checked_mul(unit).map(Self),
        }
    }

    /// The exact value of a decimal.
    ///
    /// # Errors
    /// [`NumberError::Overflow`] or [`NumberError::OffScale`].
    pub fn from_decimal(value: Decimal) -> Result<Self, NumberError> {
        let value = value.normalize();
        if value.scale() > u32::from(Self::SCALE) {
            return Err(NumberError::OffScale { value: value.to_string(), scale: Self::SCALE });
        }
        value
            .mantissa()
            .checked_mul(pow10(Self::SCALE - value.scale() as u8))
            .map(Self)
            .ok_or_else(|| NumberError::Overflow { value: value.to_string() })
    }

    /// The exact value of a decimal text.
    ///
    /// # Errors
    /// Any [`NumberError`] but `NotFinite`.
    pub fn parse(text: &str) -> Result<Self, NumberError> {
        Self::from_decimal(parse_decimal(text)?)
    }

    /// `self + other`, or `None` on overflow.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(raw) => Some(Self(raw)),
            None => None,
        }
    }

    /// `self - other`, or `None` on overflow.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(raw) => Some(Self(raw)),
            None => None,
        }
    }

    /// `-self`, or `None` for the smallest amount.
    pub const fn checked_neg(self) -> Option<Self> {
        match self.0.checked_neg() {
            Some(raw) => Some(Self(raw)),
            None => None,
        }
    }

    /// `self * numerator / denominator`, rounded half to even at 1e-24, without overflow of the
    /// product. `None` if the result overflows.
    ///
    /// # Panics
    /// If `denominator` is zero.
    pub fn mul_div(self, numerator: i64, denominator: i64) -> Option<Self> {
        assert!(denominator != 0, "mul_div by zero");
        let (num, den) = (i128::from(numerator), i128::from(denominator));
        let quotient = self.0 / den;
        // One division gives both, as wide ones are slow; the product is at most `self`.
        let rest = self.0.wrapping_sub(quotient.wrapping_mul(den));
        let whole = quotient.checked_mul(num)?;
        if rest == 0 {
            return Some(Self(whole));
        }
        // |rest| < |den| <= 2^63 and |num| <= 2^63, so the product fits an i128.
        whole.checked_add(div_half_even(rest * num, den)).map(Self)
    }

    /// `self * numerator / denominator`, rounded toward zero, for quantities of money whose product has
    /// more than 128 bits. `None` if the denominator is zero or the result does not fit.
    pub fn mul_ratio(self, numerator: Self, denominator: Self) -> Option<Self> {
        let negative = (self.0 < 0) != (numerator.0 < 0);
        let negative = negative != (denominator.0 < 0);
        let (high, low) = wide_mul(self.0.unsigned_abs(), numerator.0.unsigned_abs());
        let quotient = i128::try_from(wide_div(high, low, denominator.0.unsigned_abs())?).ok()?;
        Some(Self(if negative { -quotient } else { quotient }))
    }

    /// Absolute value, or `None` for the smallest amount.
    pub const fn checked_abs(self) -> Option<Self> {
        match self.0.checked_abs() {
            Some(raw) => Some(Self(raw)),
            None => None,
        }
    }

    /// As a float, for statistics and pictures only.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e24
    }

    /// As text rounded half to even at `decimals`, without trailing zeros.
    ///
    /// # Panics
    /// If `decimals` exceeds [`Amount::SCALE`].
    pub fn display_rounded(self, decimals: u8) -> String {
        let unit = pow10(Self::SCALE - decimals);
        format_scaled(div_half_even(self.0, unit), decimals)
    }
}

impl fmt::Display for Amount {
    /// Exact, without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_scaled(self.0, Self::SCALE))
    }
}

/// The whole product: its high and low 128 bits.
fn wide_mul(a: u128, b: u128) -> (u128, u128) {
    const HALF: u128 = (1 << 64) - 1;
    let (a1, a0, b1, b0) = (a >> 64, a & HALF, b >> 64, b & HALF);
    let (low, mid, cross, high) = (a0 * b0, a1 * b0, a0 * b1, a1 * b1);
    let carry = (low >> 64) + (mid & HALF) + (cross & HALF);
    (high + (mid >> 64) + (cross >> 64) + (carry >> 64), (carry << 64) | (low & HALF))
}

/// The quotient of a number of 256 bits, if it has 128, bit by bit.
fn wide_div(high: u128, low: u128, divisor: u128) -> Option<u128> {
    if divisor == 0 || high >= divisor {
        return None;
    }
    let (mut rest, mut quotient) = (high, 0_u128);
    for bit in (0..128).rev() {
        let carried = rest >> 127 == 1;
        rest = (rest << 1) | ((low >> bit) & 1);
        quotient <<= 1;
        if carried || rest >= divisor {
            rest = rest.wrapping_sub(divisor);
            quotient |= 1;
        }
    }
    Some(quotient)
}

/// `n / d` rounded to the nearest integer, ties to even.
///
/// # Panics
/// If `d` is zero.
pub const fn div_half_even(n: i128, d: i128) -> i128 {
    let q = n / d;
    let r = n.wrapping_sub(q.wrapping_mul(d));
    if r == 0 {
        return q;
    }
    let away = if (n < 0) == (d < 0) { 1 } else { -1 };
    let (r, d) = (r.unsigned_abs(), d.unsigned_abs());
    let rest = d - r;
    if r > rest || (r == rest && q % 2 != 0) { q + away } else { q }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn floats_become_exact_or_are_refused() {
        assert_eq!(raw_from_f64(0.104_410_570_000_000_01, 8), Ok(10_441_057));
        assert_eq!(raw_from_f64(4.484_000_000_000_000_4e-5, 8), Ok(4484));
        assert!(matches!(raw_from_f64(100.005, 2), Err(NumberError::OffScale { .. })));
        assert!(matches!(raw_from_f64(f64::NAN, 2), Err(NumberError::NotFinite { .. })));
        assert!(matches!(raw_from_f64(1e300, 2), Err(NumberError::Overflow { .. })));
        assert_eq!(raw_qty_from_f64(1.239, 2), Ok(123));
        assert_eq!(raw_qty_from_f64(0.3, 1), Ok(3));
    }

    #[test]
    fn decimals_are_exact_or_are_refused() {
        assert_eq!(Price::parse("100.50", 2), Ok(Price::from_raw(10_050)));
        assert_eq!(Price::parse("1.6425e-06", 10), Ok(Price::from_raw(16_425)));
        assert!(matches!(Price::parse("100.505", 2), Err(NumberError::OffScale { .. })));
        assert!(matches!(Price::parse("abc", 2), Err(NumberError::NotADecimal { .. })));
        assert!(matches!(Qty::parse("99999999999999999999", 2), Err(NumberError::Overflow { .. })));
        assert_eq!(Price::from_raw(-10_050).display(2), "-100.5");
        assert_eq!(Amount::parse("0.0005").unwrap().to_string(), "0.0005");
        assert_eq!(Amount::parse("2").unwrap().mul_div(1, 3).unwrap().display_rounded(12), "0.666666666667");
    }

    /// The rows of the rounding oracle, as text: value, step, floor, ceil.
    #[test]
    fn steps_round_as_venues_do() {
        for (value, step, floor, ceil) in [
            ("0.1234567", "0.001", "0.123", "0.124"),
            ("0.3", "0.1", "0.3", "0.3"),
            ("2.675", "0.05", "2.65", "2.7"),
            ("99.99", "0.25", "99.75", "100"),
        ] {
            let (v, s) = (Price::parse(value, 7).unwrap(), Price::parse(step, 7).unwrap());
            assert_eq!(v.floor_to(s).display(7), floor);
            assert_eq!(v.ceil_to(s).display(7), ceil);
        }
    }

    proptest! {
        #[test]
        fn decimal_text_survives_the_round_trip(raw in any::<i64>(), scale in 0_u8..=12) {
            let price = Price::from_raw(raw);
            prop_assert_eq!(Price::parse(&price.display(scale), scale), Ok(price));
        }

        #[test]
        fn mul_div_conserves_the_whole(raw in -(1_i128 << 100)..(1_i128 << 100), part in 1_i64..1_000_000, extra in 0_i64..1_000_000) {
            let total = part + extra;
            let amount = Amount::from_raw(raw);
            let taken = amount.mul_div(part, total).unwrap();
            let kept = amount.checked_sub(taken).unwrap();
            prop_assert_eq!(taken.checked_add(kept), Some(amount));
            let exact = raw as f64 * (part as f64 / total as f64);
            prop_assert!((taken.raw() as f64 - exact).abs() <= 1e-12 * exact.abs() + 1.0);
        }

        #[test]
        fn half_even_is_within_half(n in any::<i64>(), d in 1_i64..1_000_000) {
            let q = div_half_even(i128::from(n), i128::from(d));
            prop_assert!((q * i128::from(d) - i128::from(n)).abs() * 2 <= i128::from(d));
        }
    }
}
