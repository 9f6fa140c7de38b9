//! Margin terms of a margin account: mode, leverage and brackets of every instrument.

use tapedeck_kernel::account::AccountKind;
use tapedeck_kernel::spec::VenueAccount;
use tapedeck_kernel::venue::{LiquidationRules, MarginSpec};
use tapedeck_model::margin::{
    BracketRow, DatedBrackets, MARGIN_RATE_ONE, MaintenanceBasis, MarginError, MarginMode, MarginTerms, brackets_of,
};
use tapedeck_model::param::ParamError;
use tapedeck_model::{Amount, Decimal, InstrumentIx, Ts};

use super::{Builder, Tables};
use crate::scenario::{Item, Section};

/// Decimals of rates.
pub(super) const RATE_DECIMALS: u32 = 12;
/// Decimals of leverages.
pub(super) const LEVERAGE_DECIMALS: u32 = 6;

/// A decimal as an integer with so many decimals.
pub(super) fn scaled(section: &Section, key: &str, decimals: u32) -> Result<i64, ParamError> {
    let value = section.params.decimal(key)?;
    let whole = value.checked_mul(Decimal::from(10_i64.pow(decimals))).map(|value| value.normalize());
    let exact = whole.filter(|value| value.scale() == 0).and_then(|value| i64::try_from(value.mantissa()).ok());
    exact.ok_or_else(|| ParamError::new(key, format!("{value} has more than {decimals} decimals, or is too large")))
}

fn amount(section: &Section, key: &str) -> Result<Option<Amount>, ParamError> {
    let value = section.params.decimal_opt(key)?;
    value.map(|value| Amount::from_decimal(value).map_err(|e| ParamError::new(key, e.to_string()))).transpose()
}

type Refused<'a> = (&'a Section, ParamError);

impl Builder<'_> {
    /// Terms of every instrument that is traded from an account on margin.
    pub(super) fn margin_terms(
        &mut self,
        tables: &Tables,
        accounts: &[VenueAccount],
    ) -> Vec<(InstrumentIx, MarginTerms)> {
        let (scenario, items) = (self.scenario, &self.scenario.margin);
        let mut all = Vec::new();
        for instrument in &tables.instruments {
            let at = accounts.iter().position(|one| one.venue == instrument.id.venue);
            let on_margin = at.filter(|at| accounts[*at].kind == AccountKind::Margin);
            let Some(venue) = on_margin.and_then(|at| scenario.venues.get(at)) else { continue };
            let account = scenario.account_at(venue).own;
            let name = instrument.id.to_string();
            let item = items.iter().find(|item| item.own.text("instrument").as_ref() == Some(&name));
            match terms(account, item) {
                Ok(terms) => all.push((instrument.ix, terms)),
                Err((section, error)) => self.problems.push(section.refuse(&error)),
            }
        }
        all
    }

    /// What a venue is told of its margin account; `None` if it has another.
    pub(super) fn margin_spec(
        &mut self,
        venue: &Item,
        account: &VenueAccount,
        (tables, terms): (&Tables, &[(InstrumentIx, MarginTerms)]),
    ) -> Option<MarginSpec> {
        if account.kind != AccountKind::Margin {
            return None;
        }
        let own = self.scenario.account_at(venue).own;
        let fee = self.stressed_rate(own, "liquidation_fee")?;
        // In basis points of 1e-4 each.
        let slippage = self.take(own, scaled(own, "liquidation_slippage", RATE_DECIMALS - 4))?;
        let on = own.params.bool("liquidation").unwrap_or(true);
        let liquidation = LiquidationRules { on, fee, slippage };
        let here =
            |ix: InstrumentIx| tables.instruments.get(ix.usize()).is_some_and(|one| one.id.venue == account.venue);
        let terms = terms.iter().filter(|(ix, _)| here(*ix)).cloned().collect();
        let (wallets, currencies) = (account.deposits.clone(), tables.currencies.len());
        Some(MarginSpec { terms, wallets, currencies, liquidation })
    }
}

impl Builder<'_> {
    /// A rate of costs, multiplied in a run that multiplies them.
    pub(super) fn stressed_rate(&mut self, own: &Section, key: &str) -> Option<i64> {
        let rate = self.take(own, scaled(own, key, RATE_DECIMALS))?;
        let Some(factor) = self.cost_factor() else { return Some(rate) };
        self.take(own, factor.of(rate).ok_or_else(|| ParamError::new(key, "is too large")))
    }
}

/// The terms of one instrument: what the account says, where its own section says nothing.
fn terms<'a>(account: &'a Section, item: Option<&'a Item>) -> Result<MarginTerms, Refused<'a>> {
    let own = item.map_or(account, |item| &item.own);
    let at = |section: &'a Section| move |error: ParamError| (section, error);
    let mode = match own.text("margin_mode").as_deref() {
        Some("isolated") => MarginMode::Isolated,
        _ => MarginMode::Cross,
    };
    let basis = match account.text("maintenance_at").as_deref() {
        Some("entry") => MaintenanceBasis::Entry,
        _ => MaintenanceBasis::Mark,
    };
    let leverage = scaled(own, "leverage", LEVERAGE_DECIMALS).map_err(at(own))?;
    let rows = item.map_or(&[][..], |item| item.rows.as_slice());
    if rows.is_empty() {
        let rate = scaled(own, "maintenance_rate", RATE_DECIMALS).map_err(at(own))?;
        let flat = MarginTerms::flat(mode, leverage, rate);
        let terms = flat.map_err(|error| (own, ParamError::new("leverage", error.to_string())))?;
        return Ok(MarginTerms { basis, ..terms });
    }
    let mut tables = Vec::new();
    // Sorted by date and floor since the scenario was resolved.
    for dated in rows.chunk_by(|a, b| from_of(a) == from_of(b)) {
        let Some(first) = dated.first() else { continue };
        let read = dated.iter().map(|row| bracket(row).map_err(at(row))).collect::<Result<Vec<_>, _>>()?;
        let brackets = brackets_of(&read).map_err(|error| {
            let wrong = match &error {
                MarginError::Bracket { floor, .. } => read.iter().position(|row| row.floor == *floor),
                _ => None,
            };
            (wrong.and_then(|at| dated.get(at)).unwrap_or(first), ParamError::new("", error.to_string()))
        })?;
        tables.push(DatedBrackets { from: from_of(first), brackets });
    }
    let terms = MarginTerms { mode, leverage, basis, tables };
    terms.validate().map_err(|error| (own, ParamError::new("leverage", error.to_string())))?;
    Ok(terms)
}

/// From when on a bracket holds; without a date from the beginning.
fn from_of(row: &Section) -> Ts {
    row.params.time_opt("from").ok().flatten().unwrap_or(Ts::MIN)
}

fn bracket(row: &Section) -> Result<BracketRow, ParamError> {
    let rate = scaled(row, "maintenance_rate", RATE_DECIMALS)?;
    if rate >= MARGIN_RATE_ONE {
        return Err(ParamError::new("maintenance_rate", "must be below 1"));
    }
    Ok(BracketRow {
        floor: amount(row, "floor")?.unwrap_or(Amount::ZERO),
        cap: amount(row, "cap")?,
        rate,
        leverage_max: scaled(row, "leverage_max", LEVERAGE_DECIMALS)?,
        cum: amount(row, "cum")?,
    })
}
