//! From a checked scenario to the parts of a run.
//!
//! Enters: a [`Scenario`], the folder that its paths are relative to. Leaves: a [`RunSpec`], or
//! every problem that the components found, with its line. Opening files checks their columns, so
//! bad data fail before anything runs.

use std::path::Path;
use std::sync::Arc;

use tapedeck_kernel::account::{AccountError, AccountKind, AccountSpec, LEVERAGE_ONE, Marks};
use tapedeck_kernel::risk::RiskSlot;
use tapedeck_kernel::spec::{RunSpec, StrategySlot, VenueAccount};
use tapedeck_kernel::venue::{
    Factor, LoanSpec, MarginSpec, Matching, PathModel, RecordKind, TokenSpec, VenueSpec, stressed_fees,
    stressed_slippage,
};
use tapedeck_model::loan::BorrowTerms;
use tapedeck_model::margin::MarginTerms;
use tapedeck_model::param::ParamError;
use tapedeck_model::port::{FeeModel, LatencyModel, LatencySetup, Leg, QueueModel, SlippageModel};
use tapedeck_model::{
    Amount, Component, Currency, CurrencyIx, Decimal, Draws, Instrument, InstrumentIx, PositionMode, Price, Span,
    StrategyIx, Ts,
};

use crate::registry::Registry;
use crate::scenario::{Account, Chosen, Item, Place, Problem, Problems, Scenario, Section};

mod currencies;
mod data;
pub(crate) mod data_set;
mod incidents;
mod instruments;
mod loans;
mod margin;
mod tap;
mod transfers;

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
    /// Recordings of latency that the run reads, with their hashes.
    pub recordings: Vec<(String, [u8; 32])>,
    /// Stored results of checks of the data that the run reads from catalogs.
    pub quality: Vec<serde_json::Value>,
}

/// Puts the parts of a run together.
///
/// # Errors
/// [`Problems`] that components or data found, with their places.
pub fn assemble(scenario: &Scenario, registry: &Registry, base_dir: &Path) -> Result<Assembled, Problems> {
    assemble_variant(scenario, registry, base_dir, Variant::default())
}

/// What is assumed otherwise than the scenario says; nothing by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Variant {
    /// By how much fees, slippage, funding paid, interest and liquidation fees are multiplied.
    pub cost_factor: Option<Decimal>,
    /// The path through bars of every venue.
    pub path: Option<PathModel>,
}

/// The same with other assumptions.
///
/// # Errors
/// [`Problems`] that components or data found, with their places.
pub fn assemble_variant(
    scenario: &Scenario,
    registry: &Registry,
    base_dir: &Path,
    variant: Variant,
) -> Result<Assembled, Problems> {
    let mut builder = Builder {
        scenario,
        registry,
        base_dir,
        seed: scenario.seed(),
        variant,
        recordings: Vec::new(),
        quality: Vec::new(),
        problems: Vec::new(),
    };
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
    variant: Variant,
    /// Recordings of latency that were read, with their hashes.
    recordings: Vec<(String, [u8; 32])>,
    /// Stored results of checks of what is read from catalogs.
    quality: Vec<serde_json::Value>,
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
        self.check_conversions(&tables, base_currency);
        let accounts = self.accounts(&tables);
        let strategies = self.strategies(&tables);
        let rules = self.rules();
        let margin = self.margin_terms(&tables, &accounts);
        let loans = self.loan_rates(&tables, &accounts);
        let venues = self.venues((&tables, base_currency), (&margin, &loans), &accounts);
        let expiries = self.expiries(&tables);
        let meter = Arc::new(Meter::default());
        let (sources, prices) = self.sources(&tables, &meter);
        let incidents = self.incidents(&tables);
        let routes = self.routes(&tables);
        let spec = RunSpec {
            seed: self.seed,
            scenario_hash: self.scenario.hash(),
            base_currency,
            currencies: tables.currencies,
            instruments: tables.instruments,
            accounts,
            margin,
            loans,
            venues,
            strategies,
            rules,
            sources,
            expiries,
            routes,
            incidents,
            start: self.time("start").unwrap_or(Ts::MIN),
            equity_interval: self.scenario.report.own.params.span("equity_interval").unwrap_or(Span::HOUR),
        };
        let recordings = std::mem::take(&mut self.recordings);
        let quality = std::mem::take(&mut self.quality);
        Some(Assembled { spec, prices, meter, recordings, quality })
    }

    /// Whatever is held can be valued in the base currency.
    fn check_conversions(&mut self, tables: &Tables, base_currency: CurrencyIx) {
        let (kind, strategies) = (AccountKind::Spot, 0);
        let about = AccountSpec { kind, strategies, base_currency, currencies: tables.currencies.len() };
        let Err(AccountError::NoConversion { currency }) = Marks::new(&about, &tables.instruments) else { return };
        let code = |currency: CurrencyIx| tables.currencies.get(currency.usize()).map_or("", Currency::code);
        let (from, to) = (code(currency), code(base_currency));
        let message = format!("{from} cannot be valued in {to}: no instrument leads from the one to the other");
        let place = self.scenario.general.own.place_of("base_currency");
        let problem = Problem::new("scenario::no_conversion", message, place);
        let help =
            format!("measure equity in another currency, or add an instrument, such as {from}{to}, with its data");
        self.problems.push(problem.help(help));
    }

    fn time(&self, key: &str) -> Option<Ts> {
        self.scenario.general.own.params.time_opt(key).ok().flatten()
    }

    /// `value`, or its problem at the section's key.
    fn take<T>(&mut self, section: &Section, value: Result<T, ParamError>) -> Option<T> {
        value.map_err(|error| self.problems.push(section.refuse(&error))).ok()
    }

    /// The account at each venue.
    fn accounts(&mut self, tables: &Tables) -> Vec<VenueAccount> {
        let scenario = self.scenario;
        let mut accounts = Vec::with_capacity(scenario.venues.len());
        for venue in &scenario.venues {
            let account = scenario.account_at(venue);
            accounts.push(VenueAccount {
                venue: venue.own.text("name").unwrap_or_default(),
                kind: self.account_kind(&account),
                position_mode: position_mode(account.own),
                deposits: self.deposits(account.own, tables),
            });
        }
        accounts
    }

    fn account_kind(&mut self, account: &Account<'_>) -> AccountKind {
        let own = account.own;
        match account.kind().as_deref() {
            Some("netting") => {}
            Some("margin") => return AccountKind::Margin,
            Some("spot_margin") => return AccountKind::SpotMargin { leverage: self.loan_leverage(own) },
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

    fn deposits(&mut self, own: &Section, tables: &Tables) -> Vec<(CurrencyIx, Amount)> {
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
        (tables, quote): (&Tables, CurrencyIx),
        (terms, loans): AccountTerms<'_>,
        accounts: &[VenueAccount],
    ) -> Vec<VenueSpec> {
        let scenario = self.scenario;
        let mut venues = Vec::with_capacity(accounts.len());
        for (item, account) in scenario.venues.iter().zip(accounts) {
            let funds = (account.kind == AccountKind::Spot).then(|| account.deposits.clone());
            let margin = self.margin_spec(item, account, (tables, terms));
            let lent = self.loan_spec(loans, account, (tables.currencies.len(), quote));
            let spec = self.venue(item, tables, (funds, margin, lent, account.position_mode));
            venues.extend(spec.map(|spec| VenueSpec { token: self.token_spec(&spec, account), ..spec }));
        }
        venues
    }

    fn venue(
        &mut self,
        item: &Item,
        tables: &Tables,
        (funds, margin, loans, position_mode): Money,
    ) -> Option<VenueSpec> {
        let name = item.own.text("name")?;
        let traded: Vec<&Instrument> = tables.instruments.iter().filter(|one| one.id.venue == name).collect();
        let instruments: Vec<InstrumentIx> = traded.iter().map(|one| one.ix).collect();
        let finest = traded.iter().map(|one| (one.ix, self.finest(&one.id.to_string()))).collect();
        let matching = self.take(&item.own, Matching::from_params(&item.own.params));
        let mut latency = |leg: &str, to: Leg| {
            self.latency(
                (item.parts.get(format!("{leg}_latency").as_str()), to),
                &format!("venue/{name}/latency/{leg}"),
            )
        };
        let entry_latency = latency("entry", Leg::ToVenue);
        let cancel_latency = latency("cancel", Leg::ToVenue);
        let report_latency = latency("report", Leg::FromVenue);
        let slippage = self.slippage(item.parts.get("slippage"), &format!("venue/{name}/slippage"));
        let fees = self.fees(item.parts.get("fees"), &traded);
        let queue = self.queue(item.parts.get("queue"));
        let settlement_px = traded.iter().filter_map(|one| self.settlement_px(one)).collect();
        let matching = matching?;
        let troubles = matching.troubles(Draws::new(self.seed, &format!("venue/{name}/reject")));
        let Matching { path, participation, limit_fill, queue_ahead, maker_fill, orders, books, price_band, .. } =
            matching;
        let display_draws = Draws::new(self.seed, &format!("venue/{name}/display"));
        Some(VenueSpec {
            name,
            instruments,
            finest,
            path: self.variant.path.unwrap_or(path),
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
            token: TokenSpec::default(),
            settlement_px,
            funds,
            margin,
            loans,
            position_mode,
            troubles,
            price_band,
            age_limits: self.age_limits(&traded),
            funding_stress: self.cost_factor(),
        })
    }

    /// What there is of the token that a venue's fees are paid in, and the longest bar that may tell of a fill.
    fn token_spec(&self, venue: &VenueSpec, account: &VenueAccount) -> TokenSpec {
        let Some(terms) = venue.fees.token_terms() else { return TokenSpec::default() };
        let deposits = account.deposits.iter().filter(|(currency, _)| *currency == terms.token);
        let bars = self.scenario.data.iter().filter(|item| item.own.text("kind").as_deref() == Some("bars"));
        TokenSpec {
            balance: deposits.map(|(_, amount)| *amount).next().unwrap_or_default(),
            look_back: bars.filter_map(|item| item.own.params.span("interval").ok()).max().unwrap_or_default(),
        }
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

    /// How old what is shown of an instrument may be, where the scenario says so.
    fn age_limits(&mut self, traded: &[&Instrument]) -> Vec<(InstrumentIx, Span)> {
        let mut limits = Vec::new();
        for (instrument, item) in
            traded.iter().filter_map(|one| Some((one, self.scenario.instruments.get(one.ix.usize())?)))
        {
            let limit = item.own.params.span_opt("age_limit").ok().flatten();
            match limit {
                Some(limit) if limit <= Span::ZERO => {
                    let error = ParamError::new("age_limit", "must be above zero");
                    self.problems.push(item.own.refuse(&error));
                }
                Some(limit) => limits.push((instrument.ix, limit)),
                None => {}
            }
        }
        limits
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

    fn latency(&mut self, (chosen, leg): (Option<&Chosen>, Leg), path: &str) -> Option<Box<dyn LatencyModel>> {
        let chosen = chosen?;
        let component = find(&self.registry.latency, &chosen.name)?;
        let recorded = match chosen.section.text("path").filter(|_| chosen.name == "recorded") {
            Some(file) => {
                let read = tapedeck_catalog::read_order_latency(&self.base_dir.join(&file));
                let read = read.map_err(|error| ParamError::new("path", error.to_string()));
                let (samples, hash) = self.take(&chosen.section, read)?;
                if !self.recordings.iter().any(|(known, _)| *known == file) {
                    self.recordings.push((file, hash));
                }
                Some(samples)
            }
            None => None,
        };
        let setup = LatencySetup { draws: Draws::new(self.seed, path), leg, recorded };
        let built = (component.build)(&chosen.section.params, setup);
        self.take(&chosen.section, built)
    }

    fn slippage(&mut self, chosen: Option<&Chosen>, path: &str) -> Option<Box<dyn SlippageModel>> {
        let chosen = chosen?;
        let component = find(&self.registry.slippage, &chosen.name)?;
        let built = (component.build)(&chosen.section.params, Draws::new(self.seed, path));
        let model = self.take(&chosen.section, built)?;
        Some(match self.cost_factor() {
            Some(factor) => stressed_slippage(model, factor),
            None => model,
        })
    }

    /// By how much costs are multiplied, in a run that does so.
    fn cost_factor(&mut self) -> Option<Factor> {
        let factor = Factor::new(self.variant.cost_factor?);
        let factor = factor.map_err(|error| ParamError::new("cost_stress", error.problem));
        self.take(&self.scenario.general.own, factor)
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
        let model = self.take(&chosen.section, built)?;
        Some(match self.cost_factor() {
            Some(factor) => stressed_fees(model, factor),
            None => model,
        })
    }
}

/// Margin terms by instrument, and rates of borrowing by currency.
type AccountTerms<'a> = (&'a [(InstrumentIx, MarginTerms)], &'a [(CurrencyIx, BorrowTerms)]);

/// What a venue is told of the account: balances of a spot account, or a margin account, or one that borrows, and how
/// it holds instruments.
type Money = (Option<Vec<(CurrencyIx, Amount)>>, Option<MarginSpec>, Option<LoanSpec>, PositionMode);

fn position_mode(account: &Section) -> PositionMode {
    match account.text("position_mode").as_deref() {
        Some("hedge") => PositionMode::Hedge,
        _ => PositionMode::OneWay,
    }
}

fn find<'a, B>(components: &'a [Component<B>], name: &str) -> Option<&'a Component<B>> {
    components.iter().find(|component| component.name == name)
}
