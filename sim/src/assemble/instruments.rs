//! Instruments with their dated rules.

use tapedeck_model::instrument::InstrumentError;
use tapedeck_model::number::NumberError;
use tapedeck_model::param::ParamError;
use tapedeck_model::{
    Amount, Currency, CurrencyIx, DatedRules, Decimal, Instrument, InstrumentId, InstrumentIx, InstrumentKind, Price,
    Qty, Ts,
};

use super::Builder;
use crate::scenario::{Item, Section};

/// Decimals of an instrument's prices and quantities.
#[derive(Clone, Copy)]
struct Scales {
    price: u8,
    qty: u8,
}

impl Builder<'_> {
    /// The table of instruments, sorted as the scenario is.
    pub(super) fn instruments(&mut self, currencies: &[Currency]) -> Option<Vec<Instrument>> {
        let mut table = Vec::new();
        for (ix, item) in self.scenario.instruments.iter().enumerate() {
            let built = instrument(InstrumentIx(ix as u16), item, currencies);
            match built {
                Ok(instrument) => table.push(instrument),
                Err((section, error)) => self.problems.push(section.refuse(&error)),
            }
        }
        self.problems.is_empty().then_some(table)
    }
}

type Refused<'a> = (&'a Section, ParamError);

fn instrument<'a>(ix: InstrumentIx, item: &'a Item, currencies: &[Currency]) -> Result<Instrument, Refused<'a>> {
    let own = &item.own;
    let at_own = |error: ParamError| (own, error);
    let currency = |key: &str| -> Result<CurrencyIx, Refused<'a>> {
        let code = own.params.text(key).map_err(at_own)?;
        let at = currencies.iter().position(|currency| currency.code() == code);
        at.map(|at| CurrencyIx(at as u16)).ok_or((own, ParamError::new(key, "is not a currency of this run")))
    };
    let scale = |key: &str| own.params.int(key).map(|scale| scale.clamp(0, 24) as u8).map_err(at_own);
    let scales = Scales { price: scale("price_scale")?, qty: scale("qty_scale")? };
    let mut rules = vec![dated_rules(own, Ts::MIN, scales).map_err(at_own)?];
    for row in &item.rows {
        let from = row.params.time("from").map_err(|error| (row, error))?;
        rules.push(dated_rules(row, from, scales).map_err(|error| (row, error))?);
    }
    let kind = match own.text("kind").as_deref() {
        Some("linear") => InstrumentKind::Linear,
        Some("inverse") => InstrumentKind::Inverse,
        _ => InstrumentKind::Spot,
    };
    let multiplier = own.params.decimal("multiplier").map_err(at_own)?.normalize();
    let instrument = Instrument {
        ix,
        id: InstrumentId {
            venue: own.params.text("venue").map_err(at_own)?,
            symbol: own.params.text("symbol").map_err(at_own)?,
        },
        kind,
        base: currency("base")?,
        quote: currency("quote")?,
        settlement: currency("settlement")?,
        price_scale: scales.price,
        qty_scale: scales.qty,
        multiplier: i64::try_from(multiplier.mantissa())
            .map_err(|_| (own, ParamError::new("multiplier", "is too large")))?,
        multiplier_scale: multiplier.scale() as u8,
        rules,
    };
    instrument.validate().map_err(|error| (own, at_key(&error)))?;
    Ok(instrument)
}

fn at_key(error: &InstrumentError) -> ParamError {
    let key = match error {
        InstrumentError::Scale { what, .. } if what.starts_with("the price") => "tick_size",
        InstrumentError::Scale { what, .. } if what.starts_with("the quantity") => "lot_size",
        InstrumentError::NotPositive { what } => what,
        InstrumentError::Settlement => "settlement",
        _ => "",
    };
    ParamError::new(key, error.to_string())
}

fn dated_rules(section: &Section, from: Ts, scales: Scales) -> Result<DatedRules, ParamError> {
    let decimal = |key: &str| section.params.decimal(key);
    let refuse = |key: &str, error: NumberError| ParamError::new(key, error.to_string());
    let qty = |key: &str| Qty::from_decimal(decimal(key)?, scales.qty).map_err(|error| refuse(key, error));
    let notional_min = section.params.decimal_opt("notional_min")?.unwrap_or(Decimal::ZERO);
    Ok(DatedRules {
        from,
        tick_size: Price::from_decimal(decimal("tick_size")?, scales.price)
            .map_err(|error| refuse("tick_size", error))?,
        lot_size: qty("lot_size")?,
        qty_min: qty("qty_min")?,
        qty_max: qty("qty_max")?,
        notional_min: Amount::from_decimal(notional_min).map_err(|error| refuse("notional_min", error))?,
    })
}
