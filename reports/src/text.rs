//! Numbers for people: grouped digits, percentages, durations.

use tapedeck_model::{Amount, Span};

/// The sign of a missing figure.
pub const NONE: &str = "n/a";

/// Groups the digits before the point by three.
pub fn grouped(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut text = sign.to_owned();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// Money with two decimals, or with eight below one unit.
pub fn money(amount: Amount) -> String {
    let small = amount.checked_abs().is_some_and(|abs| abs.to_f64() < 1.0);
    let text = amount.display_rounded(if small { 8 } else { 2 });
    // Whole cents are easier to compare when all of them are shown.
    match text.split_once('.') {
        Some((_, fraction)) if fraction.len() >= 2 => grouped(&text),
        Some(_) => grouped(&format!("{text}0")),
        None => grouped(&format!("{text}.00")),
    }
}

/// A fraction as a percentage.
pub fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), |v| format!("{} %", grouped(&format!("{:.2}", v * 100.0))))
}

/// A ratio with two decimals.
pub fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| NONE.to_owned(), |v| grouped(&format!("{v:.2}")))
}

/// A count.
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// A span in its two largest units; below a minute in one, with a decimal.
pub fn span(value: Span) -> String {
    let seconds = value.nanos() / 1_000_000_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    if days > 0 {
        format!("{days}d {hours}h")
    } else if hours > 0 {
        format!("{hours}h {minutes}m")
    } else if minutes > 0 {
        format!("{minutes}m {}s", seconds % 60)
    } else {
        let below = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)];
        let fits = below.into_iter().find(|(_, unit)| value.nanos() >= *unit);
        fits.map_or_else(
            || value.to_string(),
            |(unit, nanos)| format!("{:.1}{unit}", value.nanos() as f64 / nanos as f64),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [("0", "0"), ("-1234567.891", "-1,234,567.891"), ("123", "123"), ("1000", "1,000")] {
            assert_eq!(grouped(number), text);
        }
        for (number, text) in
            [("1234.5", "1,234.50"), ("-0.00012345", "-0.00012345"), ("7", "7.00"), ("0", "0.00"), ("99.999", "100.00")]
        {
            assert_eq!(money(Amount::parse(number).unwrap()), text);
        }
        assert_eq!(percent(Some(0.123_456)), "12.35 %");
        assert_eq!(percent(None), "n/a");
        for (nanos, text) in [
            (90_061_000_000_000, "1d 1h"),
            (125_000_000_000, "2m 5s"),
            (6_315_349_180, "6.3s"),
            (50_000_000, "50.0ms"),
            (999, "999ns"),
            (0, "0s"),
        ] {
            assert_eq!(span(Span::from_nanos(nanos)), text);
        }
    }
}
