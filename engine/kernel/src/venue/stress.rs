//! Models whose costs are multiplied, for runs that ask how much of them a strategy bears.
//!
//! Enters: a model and a factor. Leaves: a model. Invariant: what a model pays us is not multiplied, so
//! a factor above one never helps.

use tapedeck_model::port::{
    Adverse, FeeModel, FeeQuery, Impact, MarketMemory, SlippageModel, SlippageQuery, TokenTerms,
};
use tapedeck_model::{Amount, CurrencyIx, Ts};

use super::gate::Factor;

struct StressedFees {
    inner: Box<dyn FeeModel>,
    factor: Factor,
}

/// Fees paid are multiplied, to the nearest 1e-24; rebates stay as they are.
pub fn stressed_fees(inner: Box<dyn FeeModel>, factor: Factor) -> Box<dyn FeeModel> {
    Box::new(StressedFees { inner, factor })
}

impl FeeModel for StressedFees {
    fn fee(&self, query: &FeeQuery<'_>) -> Option<(Amount, CurrencyIx)> {
        let (fee, currency) = self.inner.fee(query)?;
        if fee <= Amount::ZERO {
            return Some((fee, currency));
        }
        Some((fee.mul_div(self.factor.num, self.factor.den)?, currency))
    }

    fn token_terms(&self) -> Option<&TokenTerms> {
        self.inner.token_terms()
    }

    fn rate_max(&self) -> i64 {
        let rate = i128::from(self.inner.rate_max());
        // Rounded up: a reserve must be enough.
        let rate = -(-rate * i128::from(self.factor.num)).div_euclid(i128::from(self.factor.den));
        i64::try_from(rate).unwrap_or(i64::MAX)
    }

    fn wants_fills(&self) -> bool {
        self.inner.wants_fills()
    }

    fn on_fill(&mut self, query: &FeeQuery<'_>) {
        self.inner.on_fill(query);
    }
}

struct StressedSlippage {
    inner: Box<dyn SlippageModel>,
    factor: f64,
}

/// What takers pay beyond the reference price is multiplied, and how far our trading has moved the market.
pub fn stressed_slippage(inner: Box<dyn SlippageModel>, factor: Factor) -> Box<dyn SlippageModel> {
    Box::new(StressedSlippage { inner, factor: factor.num as f64 / factor.den as f64 })
}

impl SlippageModel for StressedSlippage {
    fn adverse(&self, query: &SlippageQuery<'_>) -> Adverse {
        let Adverse { slippage, impact, noise } = self.inner.adverse(query);
        Adverse { slippage: self.factor * slippage, impact: self.factor * impact, noise: self.factor * noise }
    }

    fn impact_after(&self, query: &SlippageQuery<'_>) -> Impact {
        self.inner.impact_after(query)
    }

    fn moved(&self, impact: &Impact, ts: Ts) -> f64 {
        self.factor * self.inner.moved(impact, ts)
    }

    fn memory(&self) -> Option<MarketMemory> {
        self.inner.memory()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::instrument;
    use super::*;
    use tapedeck_model::{Liquidity, Price, Qty, Side};

    struct Fixed(&'static str);

    impl FeeModel for Fixed {
        fn fee(&self, query: &FeeQuery<'_>) -> Option<(Amount, CurrencyIx)> {
            Some((Amount::parse(self.0).ok()?, query.instrument.quote))
        }

        fn rate_max(&self) -> i64 {
            1_000_000_001
        }
    }

    impl SlippageModel for Fixed {
        fn adverse(&self, _: &SlippageQuery<'_>) -> Adverse {
            Adverse { slippage: 1.0, impact: 4.0, noise: -2.0 }
        }

        fn moved(&self, impact: &Impact, _: Ts) -> f64 {
            impact.permanent
        }
    }

    #[test]
    fn costs_are_multiplied_and_rebates_are_not() {
        let (half_more, instrument) = (Factor { num: 5, den: 2 }, instrument(0));
        let (qty, notional) = (Qty::from_raw(1), Amount::ZERO);
        let query = FeeQuery {
            instrument: &instrument,
            side: Side::Buy,
            liquidity: Liquidity::Taker,
            qty,
            notional,
            ts: Ts::MIN,
        };
        let fee = |text| stressed_fees(Box::new(Fixed(text)), half_more).fee(&query).unwrap().0.to_string();
        assert_eq!([fee("0.3"), fee("-0.3"), fee("0")], ["0.75", "-0.3", "0"]);
        assert_eq!(stressed_fees(Box::new(Fixed("0")), half_more).rate_max(), 2_500_000_003);
        let query = SlippageQuery {
            instrument: &instrument,
            side: Side::Buy,
            reference_px: Price::from_raw(100),
            qty,
            market_qty: qty,
            half_spread: None,
            draw_number: 1,
            ts: Ts::MIN,
            cum_qty: Qty::ZERO,
            volatility: None,
            daily_volume: None,
            impact: Impact::default(),
        };
        let slippage = stressed_slippage(Box::new(Fixed("0")), half_more);
        assert_eq!(slippage.adverse(&query).total(), 7.5);
        assert_eq!(slippage.moved(&Impact { permanent: -3.0, ..Impact::default() }, Ts::MIN), -7.5);
    }
}
