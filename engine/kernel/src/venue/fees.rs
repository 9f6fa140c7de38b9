//! What the venue charges for a fill.
//!
//! Enters: the exact notional or quantity of a fill. Leaves: an exact fee and its currency.
//! Invariant: the decimals of rate and instrument together fit [`Amount::SCALE`], checked when the
//! model is built, so a fee is rounded only where `decimals` asks for it, and then up. Of an inverse contract, whose value is a
//! quotient, the fee is rounded half to even at 1e-24 before that.

mod schedule;

use tapedeck_model::Component;
use tapedeck_model::number::pow10;
use tapedeck_model::param::{ParamError, ParamKind, ParamSpec, Params};
use tapedeck_model::port::{BuildFee, FeeComponent, FeeModel, FeeQuery};
use tapedeck_model::{Amount, CurrencyIx, Decimal, Instrument, InstrumentKind, Liquidity};

/// The model of a venue that names none.
pub const DEFAULT_FEES: &str = "maker_taker";

/// Decimals of [`FeeModel::rate_max`].
const RATE_MAX_DECIMALS: u8 = 12;
/// Most decimals of a rate on inverse contracts.
const RATE_DECIMALS_INVERSE: u8 = 18;
const RATE: ParamKind = ParamKind::Decimal { min: "-0.1", max: "0.1" };

/// Fee models that a scenario can choose.
pub fn fee_components() -> &'static [FeeComponent] {
    &COMPONENTS
}

static COMPONENTS: [FeeComponent; 4] = [
    Component { name: "none", help: "Trading costs nothing.", params: &[], build: build_none as BuildFee },
    Component {
        name: "maker_taker",
        help: "A fraction of every fill's value, by whether it gave or took liquidity (default, 0.1 % each).",
        params: &[
            ParamSpec::optional("maker", RATE, "fraction of value", "For fills of resting orders; negative: a rebate.")
                .or("0.001"),
            ParamSpec::optional(
                "taker",
                ParamKind::Decimal { min: "0", max: "0.1" },
                "fraction of value",
                "For fills that took liquidity.",
            )
            .or("0.001"),
            ParamSpec::optional(
                "currency",
                ParamKind::Choice(&["quote", "base"]),
                "",
                "In what the fee is paid; `base` for spot instruments only.",
            )
            .or("quote"),
            FEE_DECIMALS,
        ],
        build: build_maker_taker,
    },
    Component {
        name: "schedule",
        help: "Maker and taker rates by our own volume of the last days at this venue, updated at 00:00 UTC, with dates; paid in \
               the quote currency (contracts: in the settlement currency) or in the venue's token.",
        params: schedule::PARAMS,
        build: schedule::build,
    },
    Component {
        name: "flat",
        help: "The same amount of quote currency for every fill. It is not part of what orders reserve.",
        params: &[ParamSpec::required(
            "amount",
            ParamKind::Decimal { min: "0", max: "1000000" },
            "quote currency",
            "What one fill costs.",
        )],
        build: build_flat,
    },
];

/// To how many decimals fees are rounded.
const FEE_DECIMALS: ParamSpec = ParamSpec::optional(
    "decimals",
    ParamKind::Int { min: 0, max: 24 },
    "decimals",
    "Fees are rounded up to so many decimals; absent: exact.",
);

/// Fees are a multiple of this many units of 1e-24.
fn decimals_of(params: &Params) -> Result<i128, ParamError> {
    let decimals = params.int_opt("decimals")?.map_or(Ok(Amount::SCALE), |n| {
        u8::try_from(n)
            .ok()
            .filter(|n| *n <= Amount::SCALE)
            .ok_or_else(|| ParamError::new("decimals", format!("must lie between 0 and {}", Amount::SCALE)))
    })?;
    Ok(pow10(Amount::SCALE - decimals))
}

struct Free;

impl FeeModel for Free {
    fn fee(&self, query: &FeeQuery<'_>) -> Option<(Amount, CurrencyIx)> {
        Some((Amount::ZERO, charged_in(query.instrument)))
    }

    fn rate_max(&self) -> i64 {
        0
    }
}

struct Flat {
    amount: Amount,
}

impl FeeModel for Flat {
    fn fee(&self, query: &FeeQuery<'_>) -> Option<(Amount, CurrencyIx)> {
        Some((self.amount, charged_in(query.instrument)))
    }

    fn rate_max(&self) -> i64 {
        0
    }
}

/// A fraction as `num / 10^decimals`.
#[derive(Debug, Clone, Copy)]
struct Rate {
    num: i128,
    decimals: u8,
}

impl Rate {
    fn new(value: Decimal) -> Self {
        let value = value.normalize();
        Self { num: value.mantissa(), decimals: value.scale() as u8 }
    }

    /// This part of what something is worth.
    fn of_value(self, instrument: &Instrument, value: Amount) -> Option<Amount> {
        match instrument.kind {
            InstrumentKind::Spot | InstrumentKind::Linear => self.of(value),
            InstrumentKind::Inverse => self.of_quotient(value),
        }
    }

    /// Exact: the amount is a multiple of `10^decimals`, as its scale was checked.
    fn of(self, amount: Amount) -> Option<Amount> {
        let unit = pow10(self.decimals);
        debug_assert!(amount.raw() % unit == 0, "scales are checked when the model is built");
        (amount.raw() / unit).checked_mul(self.num).map(Amount::from_raw)
    }

    /// Rounded half to even at 1e-24: what an inverse contract is worth has decimals without end. `None` on
    /// overflow, and if the rate has too many decimals, which is checked when the model is built.
    fn of_quotient(self, amount: Amount) -> Option<Amount> {
        let unit = i64::try_from(pow10(self.decimals)).ok()?;
        amount.mul_div(i64::try_from(self.num).ok()?, unit)
    }

    /// In units of 1e-12, rounded up.
    fn ceil_12(self) -> i64 {
        let raw = if self.decimals <= RATE_MAX_DECIMALS {
            self.num * pow10(RATE_MAX_DECIMALS - self.decimals)
        } else {
            ceil_div(self.num, pow10(self.decimals - RATE_MAX_DECIMALS))
        };
        raw as i64
    }
}

pub(super) fn ceil_div(n: i128, d: i128) -> i128 {
    -(-n).div_euclid(d)
}

struct MakerTaker {
    maker: Rate,
    taker: Rate,
    in_base: bool,
    /// Fees are rounded up to a multiple of this many units of 1e-24.
    unit: i128,
}

impl FeeModel for MakerTaker {
    fn fee(&self, query: &FeeQuery<'_>) -> Option<(Amount, CurrencyIx)> {
        let rate = match query.liquidity {
            Liquidity::Maker => self.maker,
            Liquidity::Taker => self.taker,
        };
        let (value, currency) = if self.in_base {
            (query.instrument.base_amount(query.qty)?, query.instrument.base)
        } else {
            (query.notional, charged_in(query.instrument))
        };
        let exact = rate.of_value(query.instrument, value)?;
        Some((Amount::from_raw(ceil_div(exact.raw(), self.unit).checked_mul(self.unit)?), currency))
    }

    fn rate_max(&self) -> i64 {
        self.maker.ceil_12().max(self.taker.ceil_12()).max(0)
    }
}

/// Contracts charge in what they settle in; for spot that is the quote currency.
fn charged_in(instrument: &Instrument) -> CurrencyIx {
    instrument.settlement
}

#[allow(clippy::unnecessary_wraps, reason = "the signature is that of every fee model")]
fn build_none(_params: &Params, _instruments: &[&Instrument]) -> Result<Box<dyn FeeModel>, ParamError> {
    Ok(Box::new(Free))
}

fn build_flat(params: &Params, _instruments: &[&Instrument]) -> Result<Box<dyn FeeModel>, ParamError> {
    let amount = Amount::from_decimal(params.decimal("amount")?);
    Ok(Box::new(Flat { amount: amount.map_err(|e| ParamError::new("amount", e.to_string()))? }))
}

fn build_maker_taker(params: &Params, instruments: &[&Instrument]) -> Result<Box<dyn FeeModel>, ParamError> {
    let in_base = match params.text("currency")?.as_str() {
        "quote" => false,
        "base" => true,
        other => return Err(ParamError::new("currency", format!("expected quote or base, found {other}"))),
    };
    for instrument in instruments {
        if in_base && instrument.kind != InstrumentKind::Spot {
            let problem = format!("{} is a contract: it has no base currency to pay fees in", instrument.id);
            return Err(ParamError::new("currency", problem));
        }
    }
    let rate = |name: &str| -> Result<Rate, ParamError> {
        let rate = Rate::new(params.decimal(name)?);
        for instrument in instruments {
            let scale = match (in_base, instrument.kind) {
                (true, _) => instrument.qty_scale,
                (false, InstrumentKind::Spot | InstrumentKind::Linear) => instrument.notional_scale(),
                // A rate of at most 18 decimals fits 64 bits.
                (false, InstrumentKind::Inverse) => Amount::SCALE - RATE_DECIMALS_INVERSE,
            };
            if rate.decimals + scale > Amount::SCALE {
                let problem = format!(
                    "has {} decimals and the value of a fill of {} has {scale}: together at most {} are possible",
                    rate.decimals,
                    instrument.id,
                    Amount::SCALE
                );
                return Err(ParamError::new(name, problem));
            }
        }
        Ok(rate)
    };
    Ok(Box::new(MakerTaker { maker: rate("maker")?, taker: rate("taker")?, in_base, unit: decimals_of(params)? }))
}

#[cfg(test)]
mod tests {
    use super::super::tests::instrument;
    use super::*;
    use tapedeck_model::param::ParamValue;
    use tapedeck_model::{Price, Qty, Side, Ts};

    fn maker_taker(
        maker: &str,
        taker: &str,
        currency: &str,
        decimals: Option<i64>,
    ) -> Result<Box<dyn FeeModel>, ParamError> {
        let rate = |text: &str| ParamValue::Decimal(text.parse().unwrap());
        let mut params = Params::new()
            .with("maker", rate(maker))
            .with("taker", rate(taker))
            .with("currency", ParamValue::Text(currency.to_owned()));
        if let Some(n) = decimals {
            params.insert("decimals", ParamValue::Int(n));
        }
        build_maker_taker(&params, &[&instrument(0)])
    }

    /// A fill of 1.5 at 100.01.
    fn fee(model: &dyn FeeModel, liquidity: Liquidity) -> String {
        let instrument = instrument(0);
        let (px, qty) = (Price::from_raw(10_001), Qty::from_raw(1_500));
        let notional = instrument.notional(px, qty).unwrap();
        let query = FeeQuery { instrument: &instrument, side: Side::Buy, liquidity, qty, notional, ts: Ts::MIN };
        let (fee, currency) = model.fee(&query).unwrap();
        format!("{fee} {}", currency.0)
    }

    #[test]
    fn fees_are_exact_or_rounded_up() {
        let model = maker_taker("-0.0001", "0.00075", "quote", None).unwrap();
        assert_eq!(fee(&*model, Liquidity::Taker), "0.11251125 1");
        assert_eq!(fee(&*model, Liquidity::Maker), "-0.0150015 1");
        assert_eq!(model.rate_max(), 750_000_000);
        let model = maker_taker("-0.0001", "0.00075", "quote", Some(2)).unwrap();
        assert_eq!(fee(&*model, Liquidity::Taker), "0.12 1");
        assert_eq!(fee(&*model, Liquidity::Maker), "-0.01 1");
        let model = maker_taker("0.001", "0.002", "base", None).unwrap();
        assert_eq!(fee(&*model, Liquidity::Taker), "0.003 0");
        let flat = build_flat(&Params::new().with("amount", ParamValue::Decimal(Decimal::new(25, 1))), &[]).unwrap();
        assert_eq!(fee(&*flat, Liquidity::Taker), "2.5 1");
        assert_eq!(fee(&*build_none(&Params::new(), &[]).unwrap(), Liquidity::Maker), "0 1");
    }

    #[test]
    fn a_rate_finer_than_money_is_refused() {
        // Notional has 2 + 3 decimals, so a rate may have 19.
        assert!(maker_taker("0.0000000000000000001", "0.001", "quote", None).is_ok());
        let error = maker_taker("0.00000000000000000001", "0.001", "quote", None).err().unwrap();
        assert_eq!(error.name, "maker");
    }
}
