//! What the venue's own token is worth, for fees that are paid in it.
//!
//! Enters: prices of the instrument that deals in the token, and fees. Leaves: fees in the token. Invariants: a fee is
//! converted at the last price from a record that is not after the fill's own time, so a fill inside a bar does not know
//! what the token cost at the bar's close; amounts of the token are rounded up. Deliberately absent: whether there is
//! enough of the token, which `funds` tells.

use std::collections::VecDeque;

use tapedeck_model::number::{SCALE_MAX, pow10};
use tapedeck_model::port::TokenTerms;
use tapedeck_model::{Amount, CurrencyIx, Instrument, InstrumentIx, InstrumentKind, Span, Ts};

use super::fees::ceil_div;

/// What a venue is told of the token that its fees are paid in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenSpec {
    /// What a netting account has of it at the start; others have it among their funds or wallets.
    pub balance: Amount,
    /// How far before the record that tells of it a fill may lie: the longest interval of a bar.
    pub look_back: Span,
}

/// The token, and what it is worth.
#[derive(Debug)]
pub(super) struct Token {
    currency: CurrencyIx,
    /// What is paid of a fee, as a fraction.
    kept: (i128, i128),
    /// Amounts are multiples of this many units of 1e-24.
    unit: i128,
    look_back: Span,
    instrument: InstrumentIx,
    /// The currency of the price, in which fees are charged.
    quote: CurrencyIx,
    /// What a price counts: twice 10^price scale.
    px_unit: i128,
    /// Changes of the last price, by time: twice the price. The first one may be older than what is looked back to.
    changes: VecDeque<(Ts, i64)>,
}

impl Token {
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn new(terms: &TokenTerms, spec: TokenSpec, instruments: &[Instrument]) -> Result<Self, String> {
        let instrument = instruments.get(terms.instrument.usize());
        let instrument = instrument.filter(|one| one.base == terms.token && one.kind != InstrumentKind::Inverse);
        let instrument = instrument.ok_or("the price of the token is not that of an instrument of it")?;
        let kept = terms.kept.normalize();
        let decimals = u8::try_from(kept.scale()).ok().filter(|scale| *scale <= SCALE_MAX);
        let (Some(scale), true) = (decimals, terms.decimals <= Amount::SCALE) else {
            return Err("the token's discount or amounts have too many decimals".to_owned());
        };
        Ok(Self {
            currency: terms.token,
            kept: (kept.mantissa(), pow10(scale)),
            unit: pow10(Amount::SCALE - terms.decimals),
            look_back: spec.look_back,
            instrument: instrument.ix,
            quote: instrument.quote,
            px_unit: 2 * pow10(instrument.price_scale),
            changes: VecDeque::new(),
        })
    }

    pub(super) const fn currency(&self) -> CurrencyIx {
        self.currency
    }

    /// An instrument shows a price; twice that.
    pub(super) fn see(&mut self, instrument: InstrumentIx, ts: Ts, px_x2: i64) {
        let is_known = self.changes.back().is_some_and(|(_, last)| *last == px_x2);
        if instrument != self.instrument || px_x2 <= 0 || is_known {
            return;
        }
        while self.changes.get(1).is_some_and(|(since, _)| since.saturating_add(self.look_back) <= ts) {
            self.changes.pop_front();
        }
        self.changes.push_back((ts, px_x2));
    }

    /// Twice the last price at a moment.
    fn px_x2_at(&self, ts: Ts) -> Option<i128> {
        let known = self.changes.partition_point(|(since, _)| *since <= ts);
        self.changes.get(known.checked_sub(1)?).map(|(_, px_x2)| i128::from(*px_x2))
    }

    /// What a fee costs in the token at a moment, rounded up; `None` for a rebate, where no price is known, and on
    /// overflow.
    pub(super) fn fee(&self, fee: Amount, currency: CurrencyIx, ts: Ts) -> Option<Amount> {
        if fee <= Amount::ZERO || currency != self.quote {
            return None;
        }
        let num = Amount::from_raw(self.kept.0.checked_mul(self.px_unit)?);
        let den = Amount::from_raw(self.kept.1.checked_mul(self.px_x2_at(ts)?)?);
        if num == Amount::ZERO {
            return Some(Amount::ZERO);
        }
        let floor = fee.mul_ratio(num, den)?;
        // What was cut off below 1e-24 counts: the way back then ends below the fee.
        let cut = floor.mul_ratio(den, num)? != fee;
        let exact = floor.raw().checked_add(i128::from(cut))?;
        ceil_div(exact, self.unit).checked_mul(self.unit).map(Amount::from_raw)
    }

    /// What an amount of the token is worth at a moment, in the currency in which fees are charged.
    pub(super) fn worth(&self, amount: Amount, ts: Ts) -> Option<Amount> {
        amount.mul_ratio(Amount::from_raw(self.px_x2_at(ts)?), Amount::from_raw(self.px_unit))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::instrument;
    use super::*;
    use tapedeck_model::Decimal;

    const TOKEN: CurrencyIx = CurrencyIx(2);
    const QUOTE: CurrencyIx = CurrencyIx(1);

    fn token(kept: Decimal, decimals: u8, look_back_ns: i64) -> Token {
        let instruments = [Instrument { base: TOKEN, ..instrument(0) }];
        let terms = TokenTerms { token: TOKEN, kept, decimals, instrument: InstrumentIx(0) };
        let look_back = Span::from_nanos(look_back_ns);
        Token::new(&terms, TokenSpec { look_back, ..TokenSpec::default() }, &instruments).unwrap()
    }

    fn fee(token: &Token, fee: &str, ns: i64) -> Option<String> {
        token.fee(Amount::parse(fee).unwrap(), QUOTE, Ts::from_nanos(ns)).map(|paid| paid.to_string())
    }

    #[test]
    fn amounts_are_rounded_up_however_little_is_missing() {
        let mut whole = token(Decimal::ONE, 2, 0);
        // A price of 3.
        whole.see(InstrumentIx(0), Ts::MIN, 600);
        assert_eq!(fee(&whole, "0.03", 0).unwrap(), "0.01");
        assert_eq!(fee(&whole, "0.030000000000000000000001", 0).unwrap(), "0.02");
        assert_eq!(fee(&whole, "0.029999999999999999999999", 0).unwrap(), "0.01");
        assert_eq!(fee(&whole, "0.01", 0).unwrap(), "0.01");
        assert_eq!(fee(&whole, "0", 0), None);
        assert_eq!(fee(&whole, "-1", 0), None);
        assert_eq!(whole.fee(Amount::from_raw(1), CurrencyIx(0), Ts::MAX), None);
        let mut finest = token(Decimal::new(9, 1), 24, 0);
        finest.see(InstrumentIx(0), Ts::MIN, 600);
        assert_eq!(fee(&finest, "0.1", 0).unwrap(), "0.03");
        assert_eq!(fee(&finest, "0.0000000000000000000001", 0).unwrap(), "0.00000000000000000000003");
        assert_eq!(fee(&finest, "0.000000000000000000000001", 0).unwrap(), "0.000000000000000000000001");
        assert_eq!(finest.fee(Amount::MAX, QUOTE, Ts::MIN).map(|_| ()), Some(()));
        let mut free = token(Decimal::ZERO, 8, 0);
        assert_eq!(fee(&free, "1", 0), None);
        free.see(InstrumentIx(0), Ts::MIN, 1);
        assert_eq!(fee(&free, "1", 0).unwrap(), "0");
        assert_eq!(free.worth(Amount::parse("2").unwrap(), Ts::MIN).unwrap().to_string(), "0.01");
    }

    #[test]
    fn no_price_is_known_before_it_is_told_and_old_ones_are_forgotten() {
        let mut token = token(Decimal::ONE, 8, 10);
        token.see(InstrumentIx(0), Ts::from_nanos(5), 200);
        assert_eq!((fee(&token, "1", 4), fee(&token, "1", 5).as_deref()), (None, Some("1")));
        for ns in 6..1_000 {
            token.see(InstrumentIx(0), Ts::from_nanos(ns), 200 * ns);
            // Neither no price nor that of another instrument is one.
            token.see(InstrumentIx(0), Ts::from_nanos(ns), 0);
            token.see(InstrumentIx(1), Ts::from_nanos(ns), 1);
            assert!(token.changes.len() <= 12);
            let back = (ns - 10).max(6);
            assert_eq!(fee(&token, &back.to_string(), back).unwrap(), "1", "{ns}");
        }
    }
}
