//! Incidents: what befalls a venue or the account on schedule.
//!
//! Enters: a list that the scenario wrote down beforehand. Leaves: what the driver does and when, and
//! windows for the venues. Invariant: nothing here depends on what else happens in the run.

use tapedeck_model::event::IncidentKind;
use tapedeck_model::random::Draws;
use tapedeck_model::transfer::TransferAsk;
use tapedeck_model::{
    Amount, Component, Currency, CurrencyIx, Instrument, ParamError, ParamKind, ParamSpec, Params, Price, Ratio, Span,
    Ts, VenueIx,
};

use crate::venue::{Delisting, Factor, Fate, RateLimit, Redenomination, SettlementPx, Trouble, fraction};

/// One incident.
#[derive(Debug, Clone)]
pub struct IncidentSpec {
    /// Its name, unique in the run.
    pub name: String,
    /// First instant. What venues see at this instant comes before it.
    pub start: Ts,
    /// First instant at which it no longer holds; `start` where it lasts no time.
    pub until: Ts,
    /// What happens.
    pub what: Incident,
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Incident {
    /// Something is wrong with a venue or the way to it.
    Venue {
        /// Position of the venue in the run's table.
        venue: u16,
        /// What is wrong.
        trouble: Trouble,
    },
    /// Money is put in.
    Deposit {
        /// Position of the venue in the run's table.
        venue: u16,
        /// In what.
        currency: CurrencyIx,
        /// How much, above zero.
        amount: Amount,
    },
    /// Money is taken out, if that much is free.
    Withdrawal {
        /// Position of the venue in the run's table.
        venue: u16,
        /// In what.
        currency: CurrencyIx,
        /// How much, above zero.
        amount: Amount,
    },
    /// Money is sent from one venue to another, if that much is free.
    Transfer(TransferAsk),
    /// Something is given to us: profit.
    Airdrop {
        /// Position of the venue in the run's table.
        venue: u16,
        /// In what.
        currency: CurrencyIx,
        /// How much, above zero.
        amount: Amount,
    },
    /// An instrument is taken off its venue.
    Delisting(Delisting),
    /// The units of an asset change.
    Redenomination(Redenomination),
}

impl Incident {
    /// Which kind it is.
    pub const fn kind(&self) -> IncidentKind {
        match self {
            Self::Venue { trouble, .. } => match trouble {
                Trouble::Outage => IncidentKind::Outage,
                Trouble::FeedGap => IncidentKind::FeedGap,
                Trouble::Disconnect => IncidentKind::Disconnect,
                Trouble::Reject { .. } => IncidentKind::Reject,
                Trouble::RateLimit(_) => IncidentKind::RateLimit,
                Trouble::Slow(_) => IncidentKind::Slow,
            },
            Self::Deposit { .. } => IncidentKind::Deposit,
            Self::Withdrawal { .. } => IncidentKind::Withdrawal,
            Self::Airdrop { .. } => IncidentKind::Airdrop,
            Self::Transfer(_) => IncidentKind::Transfer,
            Self::Delisting(_) => IncidentKind::Delisting,
            Self::Redenomination(_) => IncidentKind::Redenomination,
        }
    }

    /// Whether it lasts.
    pub const fn lasts(&self) -> bool {
        match self {
            Self::Venue { .. } => true,
            Self::Deposit { .. }
            | Self::Withdrawal { .. }
            | Self::Airdrop { .. }
            | Self::Transfer(_)
            | Self::Delisting(_)
            | Self::Redenomination(_) => false,
        }
    }

    /// Whether what it did holds from then on, so that it counts even if it began before the run. Where the units of an
    /// asset changed before the run all of it is in new ones, so nothing is left to do.
    pub const fn is_for_good(&self) -> bool {
        match self {
            Self::Delisting(_) => true,
            Self::Venue { .. }
            | Self::Deposit { .. }
            | Self::Withdrawal { .. }
            | Self::Airdrop { .. }
            | Self::Transfer(_)
            | Self::Redenomination(_) => false,
        }
    }
}

/// What an incident of a scenario may name.
pub struct IncidentContext<'a> {
    /// Names of the venues, by position.
    pub venues: &'a [String],
    /// Currencies, by index.
    pub currencies: &'a [Currency],
    /// Instruments, by index.
    pub instruments: &'a [Instrument],
    /// Keyed by the incident's name.
    pub draws: Draws,
}

/// Builds what happens, and how long it lasts.
pub type BuildIncident = fn(&Params, &IncidentContext<'_>) -> Result<(Incident, Span), ParamError>;
/// An incident that a scenario can choose.
pub type IncidentComponent = Component<BuildIncident>;

/// Incidents that a scenario can choose.
pub fn incident_components() -> &'static [IncidentComponent] {
    &COMPONENTS
}

const VENUE: ParamSpec =
    ParamSpec::optional("venue", ParamKind::Text, "", "Which venue; may be left out if the scenario has one.");
const DURATION: ParamSpec = ParamSpec::required("duration", ParamKind::Span, "duration", "How long, above zero.");
const CURRENCY: ParamSpec = ParamSpec::required("currency", ParamKind::Text, "currency", "In what.");
const AMOUNT: ParamSpec = ParamSpec::required(
    "amount",
    ParamKind::Decimal { min: "0.000000000001", max: "100000000000000" },
    "currency units",
    "How much.",
);

const INSTRUMENT: ParamSpec = ParamSpec::optional(
    "instrument",
    ParamKind::Text,
    "",
    "Symbol, or `SYMBOL.VENUE`; may be left out if the scenario has one.",
);

static COMPONENTS: [IncidentComponent; 12] = [
    Component {
        name: "outage",
        help: "The venue cannot be reached: no data and no reports come before the end, commands that arrive are \
               refused (`venue_unavailable`), which is told at the end. Orders that rest go on being matched.",
        params: &[VENUE, DURATION],
        build: |params, context| window(params, context, Trouble::Outage),
    },
    Component {
        name: "feed_gap",
        help: "The venue's data do not reach us; all else goes on.",
        params: &[VENUE, DURATION],
        build: |params, context| window(params, context, Trouble::FeedGap),
    },
    Component {
        name: "disconnect",
        help: "Our line to the venue is cut: no data, reports come at the end, commands do not leave \
               (`not_connected`). With `cancel_on_disconnect` the venue cancels open orders as it begins.",
        params: &[VENUE, DURATION],
        build: |params, context| window(params, context, Trouble::Disconnect),
    },
    Component {
        name: "reject",
        help: "The venue refuses a part of new orders and amendments (`venue_busy`), drawn by their numbers.",
        params: &[
            VENUE,
            DURATION,
            ParamSpec::required("probability", ParamKind::Decimal { min: "0", max: "1" }, "", "Which part."),
        ],
        build: |params, context| {
            let probability = fraction(params.decimal("probability")?);
            window(params, context, Trouble::Reject { probability, draws: context.draws.clone() })
        },
    },
    Component {
        name: "rate_limit",
        help: "The venue takes so many new orders and amendments of the account per interval, counted from every \
               multiple of it, and refuses the others (`rate_limited`).",
        params: &[
            VENUE,
            DURATION,
            ParamSpec::required("orders", ParamKind::Int { min: 0, max: 1_000_000_000 }, "orders", "How many."),
            ParamSpec::optional("interval", ParamKind::Span, "duration", "In which time, above zero.").or("10s"),
        ],
        build: |params, context| {
            let limit = RateLimit::new(params.int("orders")?, params.span("interval")?, "interval")?;
            window(params, context, Trouble::RateLimit(limit))
        },
    },
    Component {
        name: "slow",
        help: "Commands and reports that are sent meanwhile take `factor` times as long, at most a day.",
        params: &[
            VENUE,
            DURATION,
            ParamSpec::required("factor", ParamKind::Decimal { min: "0.01", max: "10000" }, "x the delay", "How much."),
        ],
        build: |params, context| {
            let factor = Factor::new(params.decimal("factor")?);
            let factor = factor.map_err(|error| ParamError::new("factor", error.problem))?;
            window(params, context, Trouble::Slow(factor))
        },
    },
    Component {
        name: "deposit",
        help: "Money is put in; returns and falls are measured as if it had always been there.",
        params: &[VENUE, CURRENCY, AMOUNT],
        build: |params, context| {
            let (venue, currency, amount) = money(params, context)?;
            Ok((Incident::Deposit { venue, currency, amount }, Span::ZERO))
        },
    },
    Component {
        name: "withdrawal",
        help: "Money is taken out; nothing is if less than that is free (`withdrawal_refused`).",
        params: &[VENUE, CURRENCY, AMOUNT],
        build: |params, context| {
            let (venue, currency, amount) = money(params, context)?;
            Ok((Incident::Withdrawal { venue, currency, amount }, Span::ZERO))
        },
    },
    Component {
        name: "airdrop",
        help: "Something is given to us: profit.",
        params: &[VENUE, CURRENCY, AMOUNT],
        build: |params, context| {
            let (venue, currency, amount) = money(params, context)?;
            Ok((Incident::Airdrop { venue, currency, amount }, Span::ZERO))
        },
    },
    Component {
        name: "transfer",
        help: "Money is sent from one venue to another by a `[[transfer]]`; nothing is if less than that is free \
               (`transfer_refused`).",
        params: &[
            ParamSpec::required("from", ParamKind::Text, "", "From which venue."),
            ParamSpec::required("to", ParamKind::Text, "", "To which venue."),
            CURRENCY,
            AMOUNT,
        ],
        build: |params, context| Ok((Incident::Transfer(transfer(params, context)?), Span::ZERO)),
    },
    Component {
        name: "delisting",
        help: "An instrument is taken off its venue: open orders are canceled, new ones refused \
               (`instrument_delisted`), positions settled without a fee.",
        params: &[
            INSTRUMENT,
            ParamSpec::optional(
                "settle_at",
                ParamKind::Choice(&["price", "mark", "last"]),
                "",
                "At which price: price (`settlement_px`), mark (the venue's last mark price) or last (the last price); \
                 needed where anything is settled.",
            ),
            ParamSpec::optional(
                "settlement_px",
                ParamKind::Decimal { min: "0.000000000001", max: "9223372036854775807" },
                "quote units",
                "The price of `settle_at = \"price\"`.",
            ),
            ParamSpec::optional(
                "holdings",
                ParamKind::Choice(&["settle", "hold", "write_off"]),
                "",
                "Of a spot account, and needed there: all that it has of the base asset is exchanged for the quote \
                 (settle), stays and is valued at its last price (hold), or is lost (write_off).",
            ),
        ],
        build: |params, context| Ok((Incident::Delisting(delisting(params, context)?), Span::ZERO)),
    },
    Component {
        name: "redenomination",
        help: "The units of an asset change: one old unit becomes `ratio` new ones, and the data of every instrument \
               of which it is the base are in new units from then on. Open orders of them are canceled, those in old \
               units refused (`instrument_redenominated`), balance and positions converted.",
        params: &[
            VENUE,
            ParamSpec::required("asset", ParamKind::Text, "", "Which asset, the base of instruments at the venue."),
            ParamSpec::required(
                "ratio",
                ParamKind::Decimal { min: "0.000000000001", max: "1000000000000" },
                "new units for an old one",
                "How many; not 1.",
            ),
        ],
        build: |params, context| Ok((Incident::Redenomination(redenomination(params, context)?), Span::ZERO)),
    },
];

/// Between which accounts, in what and how much.
fn transfer(params: &Params, context: &IncidentContext<'_>) -> Result<TransferAsk, ParamError> {
    let at = |key: &str| -> Result<VenueIx, ParamError> {
        let found = venue(&params.text(key)?, context);
        Ok(VenueIx(found.map_err(|error| ParamError::new(key, error.problem))?))
    };
    let (currency, amount) = amount(params, context)?;
    Ok(TransferAsk { strategy: None, from: at("from")?, to: at("to")?, currency, amount })
}

/// What a delisting does, with the price at which it settles.
fn delisting(params: &Params, context: &IncidentContext<'_>) -> Result<Delisting, ParamError> {
    let instrument = instrument(params, context)?;
    let (settle_at, stated) = (params.text_opt("settle_at")?, params.decimal_opt("settlement_px")?);
    let holdings = params.text_opt("holdings")?;
    let needless = |key: &str, beside: &str| Err(ParamError::new(key, format!("has no meaning with {beside}")));
    let settles = match holdings.as_deref() {
        Some("hold") => Some(Fate::Kept),
        Some("write_off") => Some(Fate::WrittenOff),
        _ => None,
    };
    if let (Some(fate), Some(holdings)) = (settles, holdings) {
        if settle_at.is_some() || stated.is_some() {
            let key = if settle_at.is_some() { "settle_at" } else { "settlement_px" };
            return needless(key, &format!("`holdings = \"{holdings}\"`: nothing is settled"));
        }
        return Ok(Delisting { instrument: instrument.ix, fate });
    }
    let at = match (settle_at.as_deref(), stated) {
        (Some("price"), Some(px)) => {
            let px = Price::from_decimal(px, instrument.price_scale);
            SettlementPx::Stated(px.map_err(|error| ParamError::new("settlement_px", error.to_string()))?)
        }
        (Some("price"), None) => {
            return Err(ParamError::new("settlement_px", "must be given with `settle_at = \"price\"`"));
        }
        (Some(other), Some(_)) => return needless("settlement_px", &format!("`settle_at = \"{other}\"`")),
        (Some("mark"), None) => SettlementPx::Mark,
        (Some(_), None) => SettlementPx::Last,
        (None, _) => {
            return Err(ParamError::new("settle_at", "must be given: price, mark or last"));
        }
    };
    Ok(Delisting { instrument: instrument.ix, fate: Fate::Settled(at) })
}

fn redenomination(params: &Params, context: &IncidentContext<'_>) -> Result<Redenomination, ParamError> {
    let venue = params.text_opt("venue")?.map_or(Ok(0), |name| venue(&name, context))?;
    let asset = currency(params, "asset", context)?;
    let ratio = params.decimal("ratio")?;
    let ratio = Ratio::from_decimal(ratio).filter(|ratio| ratio.num != ratio.den);
    let ratio =
        ratio.ok_or_else(|| ParamError::new("ratio", "must be above zero and not 1, with at most 18 digits"))?;
    Ok(Redenomination { venue, asset, ratio })
}

fn instrument<'a>(params: &Params, context: &IncidentContext<'a>) -> Result<&'a Instrument, ParamError> {
    let name = params.text("instrument")?;
    let found = context.instruments.iter().find(|instrument| instrument.id.to_string() == name);
    found.ok_or_else(|| ParamError::new("instrument", format!("there is no instrument `{name}`")))
}

fn window(params: &Params, context: &IncidentContext<'_>, trouble: Trouble) -> Result<(Incident, Span), ParamError> {
    let venue = venue(&params.text("venue")?, context)?;
    let duration = params.span("duration")?;
    if duration <= Span::ZERO {
        return Err(ParamError::new("duration", "must be above zero"));
    }
    Ok((Incident::Venue { venue, trouble }, duration))
}

fn venue(name: &str, context: &IncidentContext<'_>) -> Result<u16, ParamError> {
    let known =
        || ParamError::new("venue", format!("there is no venue `{name}`; known: {}", context.venues.join(", ")));
    Ok(context.venues.iter().position(|other| other == name).ok_or_else(known)? as u16)
}

/// In which account, in what and how much; where there is one venue it need not be named.
fn money(params: &Params, context: &IncidentContext<'_>) -> Result<(u16, CurrencyIx, Amount), ParamError> {
    let venue = params.text_opt("venue")?.map_or(Ok(0), |name| venue(&name, context))?;
    let (currency, amount) = amount(params, context)?;
    Ok((venue, currency, amount))
}

fn amount(params: &Params, context: &IncidentContext<'_>) -> Result<(CurrencyIx, Amount), ParamError> {
    let currency = currency(params, "currency", context)?;
    let amount =
        Amount::from_decimal(params.decimal("amount")?).map_err(|e| ParamError::new("amount", e.to_string()))?;
    Ok((currency, amount))
}

fn currency(params: &Params, key: &str, context: &IncidentContext<'_>) -> Result<CurrencyIx, ParamError> {
    let code = params.text(key)?;
    let currency = context.currencies.iter().position(|currency| currency.code() == code);
    let currency = currency.ok_or_else(|| ParamError::new(key, format!("`{code}` is not a currency of the run")))?;
    Ok(CurrencyIx(currency as u16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_model::{Decimal, ParamValue};

    fn build(name: &str, params: &Params) -> Result<(Incident, Span), ParamError> {
        let currencies = [Currency::new("USD").unwrap()];
        let context = IncidentContext {
            venues: &["SIM".to_owned()],
            currencies: &currencies,
            instruments: &[],
            draws: Draws::new(1, "incident/x"),
        };
        let component = incident_components().iter().find(|c| c.name == name).unwrap();
        (component.build)(params, &context)
    }

    fn of_venue(name: &str, seconds: i64) -> Params {
        let duration = ParamValue::Span(Span::from_nanos(seconds * 1_000_000_000));
        Params::new().with("venue", ParamValue::Text(name.to_owned())).with("duration", duration)
    }

    #[test]
    fn incidents_name_what_there_is_and_last() {
        let (what, lasts) = build("outage", &of_venue("SIM", 5)).unwrap();
        assert_eq!((what.kind(), what.lasts(), lasts.nanos()), (IncidentKind::Outage, true, 5_000_000_000));
        assert_eq!(build("outage", &of_venue("SIM", 0)).unwrap_err().name, "duration");
        assert_eq!(build("feed_gap", &of_venue("ELSEWHERE", 5)).unwrap_err().name, "venue");
        let gift = |code: &str| {
            let amount = ParamValue::Decimal(Decimal::new(5, 0));
            Params::new().with("currency", ParamValue::Text(code.to_owned())).with("amount", amount)
        };
        assert!(!build("airdrop", &gift("USD")).unwrap().0.lasts());
        assert_eq!(build("deposit", &gift("EUR")).unwrap_err().name, "currency");
    }

    #[test]
    fn kinds_are_named_as_their_components() {
        for component in incident_components() {
            let kind = IncidentKind::ALL.iter().find(|kind| kind.text() == component.name);
            assert!(kind.is_some(), "{}", component.name);
        }
        assert_eq!(incident_components().len(), IncidentKind::ALL.len());
    }
}
