//! From a checked scenario to the parts of a run.
//!
//! Enters: a [`Scenario`], the folder that its paths are relative to. Leaves: a [`RunSpec`], or
//! every problem that the components found, with its line. Opening files checks their columns, so
//! bad data fail before anything runs.

use std::path::Path;
use std::sync::Arc;

use tapedeck_kernel::account::{AccountKind, LEVERAGE_ONE};
use tapedeck_kernel::risk::RiskSlot;
use tapedeck_kernel::spec::{RunSpec, StrategySlot};
use tapedeck_kernel::venue::{MarginSpec, Matching, RecordKind, VenueSpec};
use tapedeck_model::param::ParamError;
use tapedeck_model::port::{FeeModel, LatencyModel, QueueModel, SlippageModel};
use tapedeck_model::{
    Amount, Component, Currency, CurrencyIx, Decimal, Draws, Instrument, InstrumentIx, Price, Span, StrategyIx, Ts,
};

use crate::registry::Registry;
use crate::scenario::{Chosen, Item, Place, Problem, Problems, Scenario, Section};

mod currencies;
mod data;
pub(crate) mod data_set;
mod instruments;
mod margin;
mod tap;

pub use data::PriceTaps;
pub use tap::Meter;

/// A run, ready to go, and what its sources will have shown of prices.
pub struct Assembled {
    /// The parts of the run.
    pub spec: RunSpec,
    /// Down-sampled prices, filled while the run goes.
    pub prices: PriceTaps,
    /// How far the tape is while the run goes.
    pub meter: Arc<Meter>,
}

/// Puts the parts of a run together.
///
/// # Errors
/// [`Problems`] that components or data found, with their places.
pub fn assemble(scenario: &Scenario, registry: &Registry, base_dir: &Path) -> Result<Assembled, Problems> {
    let mut builder = Builder { scenario, registry, base_dir, seed: scenario.seed(), problems: Vec::new() };
    let parts = builder.build();
    match parts {
        Some(assembled) if builder.problems.is_empty() => Ok(assembled),
        Some(_) | None => {
            if builder.problems.is_empty() {
                builder.problems.push(Problem::new(
                    "scenario::internal",
                    "the scenario cannot be built",
                    Place::Nowhere,
                ));
            }
            Err(scenario.problems(builder.problems))
        }
    }
}

struct Builder<'a> {
    scenario: &'a Scenario,
    registry: &'a Registry,
    base_dir: &'a Path,
    seed: u64,
    problems: Vec<Problem>,
}

/// What names stand for in this run.
struct Tables {
    currencies: Vec<Currency>,
    instruments: Vec<Instrument>,
}

impl Tables {
    fn currency(&self, code: &str) -> Option<CurrencyIx> {
        self.currencies.iter().position(|currency| currency.code() == code).map(|ix| CurrencyIx(ix as u16))
    }

    fn instrument(&self, full: &str) -> Option<InstrumentIx> {
        self.instruments.iter().find(|instrument| instrument.id.to_string() == full).map(|instrument| instrument.ix)
    }
}

impl Builder<'_> {
    fn build(&mut self) -> Option<Assembled> {
        let currencies = currencies::of(self.scenario);
        let instruments = self.instruments(&currencies)?;
        let tables = Tables { currencies, instruments };
        let general = &self.scenario.general.own;
        let base_currency = general.text("base_currency").and_then(|code| tables.currency(&code))?;
        let (account, deposits) = (self.account(), self.deposits(&tables));
        let strategies = self.strategies(&tables);
        let rules = self.rules();
        let margin = self.margin_terms(&tables, account);
        let at_venue = self.margin_spec(&margin, &deposits, tables.currencies.len());
        let venues = self.venues(&tables, (account, at_venue), &deposits);
        let expiries = self.expiries(&tables);
        let meter = Arc::new(Meter::default());
        let (sources, prices) = self.sources(&tables, &meter);
        let spec = RunSpec {
            seed: self.seed,
            scenario_hash: self.scenario.hash(),
            base_currency,
            currencies: tables.currencies,
            instruments: tables.instruments,
            account,
            margin,
            deposits,
            venues,
            strategies,
            rules,
            sources,
            expiries,
            start: self.time("start").unwrap_or(Ts::MIN),
            equity_interval: self.scenario.report.own.params.span("equity_interval").unwrap_or(Span::HOUR),
        };
        Some(Assembled { spec, prices, meter })
    }

    fn time(&self, key: &str) -> Option<Ts> {
        self.scenario.general.own.params.time_opt(key).ok().flatten()
    }

    /// `value`, or its problem at the section's key.
    fn take<T>(&mut self, section: &Section, value: Result<T, ParamError>) -> Option<T> {
        value.map_err(|error| self.problems.push(section.refuse(&error))).ok()
    }

    fn account(&mut self) -> AccountKind {
        let own = &self.scenario.account.own;
        match own.text("kind").as_deref() {
            Some("netting") => {}
            Some("margin") => return AccountKind::Margin,
            _ => return AccountKind::Spot,
        }
        let leverage = own.params.decimal("max_leverage").unwrap_or(Decimal::ONE);
        let scaled = leverage.checked_mul(Decimal::from(LEVERAGE_ONE)).map(|scaled| scaled.normalize());
        let exact =
            scaled.filter(|scaled| scaled.scale() == 0).and_then(|scaled| i64::try_from(scaled.mantissa()).ok());
        let max_leverage = exact.unwrap_or_else(|| {
            let error = ParamError::new("max_leverage", format!("{leverage} has more than 6 decimals"));
            self.problems.push(own.refuse(&error));
            LEVERAGE_ONE
        });
        AccountKind::Netting { max_leverage }
    }

    fn deposits(&mut self, tables: &Tables) -> Vec<(CurrencyIx, Amount)> {
        let own = &self.scenario.account.own;
        let mut deposits = Vec::new();
        for (code, value) in own.params.decimals("deposits").unwrap_or_default() {
            let amount = Amount::from_decimal(value).map_err(|error| ParamError::new("deposits", error.to_string()));
            if let (Some(amount), Some(currency)) = (self.take(own, amount), tables.currency(&code)) {
                deposits.push((currency, amount));
            }
        }
        deposits.sort_by_key(|(currency, _)| *currency);
        deposits
    }

    fn strategies(&mut self, tables: &Tables) -> Vec<StrategySlot> {
        let mut slots = Vec::new();
        for item in &self.scenario.strategies {
            let Some(chosen) = &item.inline else { continue };
            let mut instruments: Vec<InstrumentIx> =
                item.own.texts("instruments").iter().filter_map(|name| tables.instrument(name)).collect();
            instruments.sort();
            let subscribed: Vec<&Instrument> =
                instruments.iter().filter_map(|ix| tables.instruments.get(ix.usize())).collect();
            let Some(component) = find(&self.registry.strategies, &chosen.name) else { continue };
            let built = (component.build)(&chosen.section.params, &subscribed);
            if let Some(strategy) = self.take(&chosen.section, built) {
                slots.push(StrategySlot { id: item.own.text("id").unwrap_or_default(), instruments, strategy });
            }
        }
        slots
    }

    fn rules(&mut self) -> Vec<RiskSlot> {
        let ids: Vec<Option<String>> = self.scenario.strategies.iter().map(|item| item.own.text("id")).collect();
        let mut slots = Vec::new();
        for item in &self.scenario.risk {
            let Some(chosen) = &item.inline else { continue };
            let scope = item.own.text("strategy");
            let scope = scope.and_then(|scope| ids.iter().position(|id| id.as_ref() == Some(&scope)));
            let scope = scope.map(|ix| StrategyIx(ix as u16));
            let Some(component) = find(&self.registry.risk, &chosen.name) else { continue };
            let built = (component.build)(&chosen.section.params, scope);
            if let Some(rule) = self.take(&chosen.section, built) {
                slots.push(RiskSlot { name: chosen.name.clone(), scope, rule });
            }
        }
        slots
    }

    fn venues(
        &mut self,
        tables: &Tables,
        (account, margin): (AccountKind, Option<MarginSpec>),
        deposits: &[(CurrencyIx, Amount)],
    ) -> Vec<VenueSpec> {
        let funds = (account == AccountKind::Spot).then(|| deposits.to_vec());
        let money = (funds, margin);
        self.scenario.venues.iter().filter_map(|item| self.venue(item, tables, &money)).collect()
    }

    fn venue(&mut self, item: &Item, tables: &Tables, (funds, margin): &Money) -> Option<VenueSpec> {
        let name = item.own.text("name")?;
        let traded: Vec<&Instrument> = tables.instruments.iter().filter(|one| one.id.venue == name).collect();
        let instruments: Vec<InstrumentIx> = traded.iter().map(|one| one.ix).collect();
        let finest = traded.iter().map(|one| (one.ix, self.finest(&one.id.to_string()))).collect();
        let matching = self.take(&item.own, Matching::from_params(&item.own.params));
        let entry_latency = self.latency(item.parts.get("entry_latency"), &format!("venue/{name}/latency/entry"));
        let cancel_latency = self.latency(item.parts.get("cancel_latency"), &format!("venue/{name}/latency/cancel"));
        let report_latency = self.latency(item.parts.get("report_latency"), &format!("venue/{name}/latency/report"));
        let slippage = self.slippage(item.parts.get("slippage"), &format!("venue/{name}/slippage"));
        let fees = self.fees(item.parts.get("fees"), &traded);
        let queue = self.queue(item.parts.get("queue"));
        let settlement_px = traded.iter().filter_map(|one| self.settlement_px(one)).collect();
        let Matching { path, participation, limit_fill, queue_ahead, maker_fill, orders, books } = matching?;
        let display_draws = Draws::new(self.seed, &format!("venue/{name}/display"));
        Some(VenueSpec {
            name,
            instruments,
            finest,
            path,
            participation,
            limit_fill,
            queue_ahead,
            queue: queue?,
            maker_fill,
            books,
            display_draws,
            orders,
            entry_latency: entry_latency?,
            cancel_latency: cancel_latency?,
            report_latency: report_latency?,
            slippage: slippage?,
            fees: fees?,
            settlement_px,
            funds: funds.clone(),
            margin: margin.clone(),
        })
    }

    /// When contracts expire.
    fn expiries(&self, tables: &Tables) -> Vec<(InstrumentIx, Ts)> {
        let sections = self.scenario.instruments.iter().zip(&tables.instruments);
        sections.filter_map(|(item, one)| Some((one.ix, item.own.params.time_opt("expiry").ok()??))).collect()
    }

    /// At which price a contract is settled, if that is stated.
    fn settlement_px(&mut self, instrument: &Instrument) -> Option<(InstrumentIx, Price)> {
        let own = &self.scenario.instruments.get(instrument.ix.usize())?.own;
        let stated = own.params.decimal_opt("settlement_px").ok()??;
        let px = Price::from_decimal(stated, instrument.price_scale)
            .map_err(|error| ParamError::new("settlement_px", error.to_string()));
        self.take(own, px).map(|px| (instrument.ix, px))
    }

    /// The finest kind of record that the scenario has of an instrument.
    fn finest(&self, full: &str) -> RecordKind {
        let kinds = self.scenario.data.iter().filter(|item| item.own.text("instrument").as_deref() == Some(full));
        kinds
            .map(|item| match item.own.text("kind").as_deref() {
                Some("mbo") => RecordKind::Mbo,
                Some("depth") => RecordKind::Depth,
                Some("quotes") => RecordKind::Quotes,
                Some("trades") => RecordKind::Trades,
                _ => RecordKind::Bars,
            })
            .max()
            .unwrap_or(RecordKind::Bars)
    }

    fn latency(&mut self, chosen: Option<&Chosen>, path: &str) -> Option<Box<dyn LatencyModel>> {
        let chosen = chosen?;
        let component = find(&self.registry.latency, &chosen.name)?;
        let built = (component.build)(&chosen.section.params, Draws::new(self.seed, path));
        self.take(&chosen.section, built)
    }

    fn slippage(&mut self, chosen: Option<&Chosen>, path: &str) -> Option<Box<dyn SlippageModel>> {
        let chosen = chosen?;
        let component = find(&self.registry.slippage, &chosen.name)?;
        let built = (component.build)(&chosen.section.params, Draws::new(self.seed, path));
        self.take(&chosen.section, built)
    }

    fn queue(&mut self, chosen: Option<&Chosen>) -> Option<Box<dyn QueueModel>> {
        let chosen = chosen?;
        let component = find(&self.registry.queue, &chosen.name)?;
        let built = (component.build)(&chosen.section.params);
        self.take(&chosen.section, built)
    }

    fn fees(&mut self, chosen: Option<&Chosen>, traded: &[&Instrument]) -> Option<Box<dyn FeeModel>> {
        let chosen = chosen?;
        let component = find(&self.registry.fees, &chosen.name)?;
        let built = (component.build)(&chosen.section.params, traded);
        self.take(&chosen.section, built)
    }
}

/// What a venue is told of the account's money: balances of a spot account, or a margin account.
type Money = (Option<Vec<(CurrencyIx, Amount)>>, Option<MarginSpec>);

fn find<'a, B>(components: &'a [Component<B>], name: &str) -> Option<&'a Component<B>> {
    components.iter().find(|component| component.name == name)
}
