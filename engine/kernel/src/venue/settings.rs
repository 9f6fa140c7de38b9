//! The keys of `[[venue]]` and the words that they take.
//!
//! Enters: checked parameters. Leaves: how the venue matches. Deliberately absent: the tables of
//! latency, slippage and fees, which are components of their own.

use std::str::FromStr;

use tapedeck_model::number::parse_decimal;
use tapedeck_model::param::{ParamError, ParamKind, ParamSpec, Params};
use tapedeck_model::random::Draws;
use tapedeck_model::{BookLaw, Decimal, FaultLaw, QuoteLaw, Span, Ts};

use super::gate::{Factor, RateLimit, Trouble, Window};

/// Keys of `[[venue]]` beside the tables of its models.
pub const PARAMS: &[ParamSpec] = &[
    ParamSpec::required("name", ParamKind::Text, "", "The venue's name, as instruments use it."),
    ParamSpec::optional("mode", ParamKind::Choice(&["sim"]), "", "How orders are executed: by simulation.").or("sim"),
    ParamSpec::optional(
        "path",
        ParamKind::Choice(PathModel::WORDS),
        "",
        "Path of prices through a bar: adaptive (the extreme nearer to the open first), worst or best (of both for \
         the account), ohlc (high first), olhc (low first).",
    )
    .or("adaptive"),
    ParamSpec::optional(
        "participation",
        ParamKind::Text,
        "fraction of volume",
        "Part of a bar's volume, above 0 and at most 1, that all our orders together may take; `none` for no bound.",
    )
    .or("0.1"),
    ParamSpec::optional(
        "limit_fill",
        ParamKind::Choice(LimitFill::WORDS),
        "",
        "When a resting limit order fills on a bar: touch (the path reaches its price) or through (one tick beyond).",
    )
    .or("touch"),
    ParamSpec::optional(
        "queue_ahead",
        ParamKind::Decimal { min: "0", max: "1000000000" },
        "units of quantity",
        "What must trade at a resting order's price before it fills on trades; absent: all volume at our price is \
         ahead of us.",
    ),
    ParamSpec::optional(
        "maker_fill",
        ParamKind::Choice(MakerFill::WORDS),
        "",
        "How much of a resting order fills on an order book: partial (what the print or level that reaches it has) or \
         whole (all that is left of it).",
    )
    .or("partial"),
    ParamSpec::optional(
        "self_trade_prevention",
        ParamKind::Choice(SelfTrade::WORDS),
        "",
        "What ends where an order of ours would trade with another one of ours that rests: cancel_maker (the resting \
         one), cancel_taker (the arriving one) or cancel_both.",
    )
    .or("cancel_maker"),
    ParamSpec::optional(
        "amend_keeps_priority",
        ParamKind::Bool,
        "",
        "Whether an amendment to a smaller quantity keeps the order's place in the queue; a new price or a larger \
         quantity never does.",
    )
    .or("true"),
    ParamSpec::optional(
        "reject_probability",
        ParamKind::Decimal { min: "0", max: "1" },
        "",
        "Part of new orders and amendments that the venue refuses at random (venue_busy).",
    )
    .or("0"),
    ParamSpec::optional(
        "rate_limit",
        ParamKind::Int { min: 0, max: 1_000_000_000 },
        "orders",
        "New orders and amendments of the account that the venue takes per `rate_limit_interval`; absent: all.",
    ),
    ParamSpec::optional(
        "rate_limit_interval",
        ParamKind::Span,
        "duration",
        "Orders are counted anew from every multiple of it.",
    )
    .or("10s"),
    ParamSpec::optional(
        "cancel_on_disconnect",
        ParamKind::Bool,
        "",
        "Whether the venue cancels every working order when the connection is lost.",
    )
    .or("false"),
    ParamSpec::optional(
        "book_quotes",
        ParamKind::Choice(QUOTE_LAWS),
        "",
        "What a best bid and offer does to an order book that is older: prune (it takes away what it shows to be gone), \
         fuse (it also adds and enlarges its own two levels) or ignore.",
    )
    .or("prune"),
    ParamSpec::optional(
        "order_faults",
        ParamKind::Choice(FAULT_LAWS),
        "",
        "What a record of orders one by one does that cannot be true of the book: suspend (nothing is matched before \
         the next snapshot) or skip (it is left out).",
    )
    .or("suspend"),
    ParamSpec::optional(
        "price_band",
        ParamKind::Decimal { min: "0.0001", max: "10000" },
        "percent",
        "How far limits of new orders may lie from the mark price, else the last known price; absent: no band.",
    ),
];

/// The path of prices through a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PathModel {
    /// The extreme nearer to the open first; at a tie the one against the bar's direction.
    #[default]
    Adaptive,
    /// Of both paths the one that leaves the account with less.
    Worst,
    /// Of both paths the one that leaves the account with more.
    Best,
    /// Open, high, low, close.
    Ohlc,
    /// Open, low, high, close.
    Olhc,
}

impl PathModel {
    /// The words for it in a scenario.
    pub const WORDS: &'static [&'static str] = &["adaptive", "worst", "best", "ohlc", "olhc"];

    /// Its word.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Worst => "worst",
            Self::Best => "best",
            Self::Ohlc => "ohlc",
            Self::Olhc => "olhc",
        }
    }
}

impl FromStr for PathModel {
    type Err = ParamError;

    fn from_str(text: &str) -> Result<Self, ParamError> {
        match text {
            "adaptive" => Ok(Self::Adaptive),
            "worst" => Ok(Self::Worst),
            "best" => Ok(Self::Best),
            "ohlc" => Ok(Self::Ohlc),
            "olhc" => Ok(Self::Olhc),
            _ => Err(ParamError::new("path", format!("expected one of {}, found {text}", Self::WORDS.join(", ")))),
        }
    }
}

/// When a resting limit order fills on a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LimitFill {
    /// The path reaches its price.
    #[default]
    Touch,
    /// The path goes at least one tick beyond its price.
    Through,
}

impl LimitFill {
    /// The words for it in a scenario.
    pub const WORDS: &'static [&'static str] = &["touch", "through"];
}

impl FromStr for LimitFill {
    type Err = ParamError;

    fn from_str(text: &str) -> Result<Self, ParamError> {
        match text {
            "touch" => Ok(Self::Touch),
            "through" => Ok(Self::Through),
            _ => Err(ParamError::new("limit_fill", format!("expected touch or through, found {text}"))),
        }
    }
}

/// A kind of market record, from coarse to fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKind {
    /// Bars.
    Bars,
    /// Public trades.
    Trades,
    /// Best bids and offers.
    Quotes,
    /// Price levels of an order book.
    Depth,
    /// The orders of an order book one by one.
    Mbo,
}

impl RecordKind {
    /// Whether it tells of a book.
    pub const fn is_of_book(self) -> bool {
        match self {
            Self::Bars | Self::Trades | Self::Quotes => false,
            Self::Depth | Self::Mbo => true,
        }
    }
}

/// How much of a resting order fills on an order book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MakerFill {
    /// What the print or the level that reaches it has for it.
    #[default]
    Partial,
    /// All that is left of it, whatever the size of what reaches it.
    Whole,
}

impl MakerFill {
    /// The words for it in a scenario.
    pub const WORDS: &'static [&'static str] = &["partial", "whole"];
}

impl FromStr for MakerFill {
    type Err = ParamError;

    fn from_str(text: &str) -> Result<Self, ParamError> {
        match text {
            "partial" => Ok(Self::Partial),
            "whole" => Ok(Self::Whole),
            _ => Err(ParamError::new("maker_fill", format!("expected partial or whole, found {text}"))),
        }
    }
}

/// What ends where an order of ours would trade with another one of ours (FIX 2964).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SelfTrade {
    /// The order that arrives.
    CancelTaker,
    /// The order that rests; Binance's default, `EXPIRE_MAKER`.
    #[default]
    CancelMaker,
    /// Both.
    CancelBoth,
}

impl SelfTrade {
    /// The words for it in a scenario.
    pub const WORDS: &'static [&'static str] = &["cancel_taker", "cancel_maker", "cancel_both"];
}

impl FromStr for SelfTrade {
    type Err = ParamError;

    fn from_str(text: &str) -> Result<Self, ParamError> {
        match text {
            "cancel_taker" => Ok(Self::CancelTaker),
            "cancel_maker" => Ok(Self::CancelMaker),
            "cancel_both" => Ok(Self::CancelBoth),
            _ => {
                let problem = format!("expected one of {}, found {text}", Self::WORDS.join(", "));
                Err(ParamError::new("self_trade_prevention", problem))
            }
        }
    }
}

/// How a venue treats orders beside matching them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRules {
    /// What ends where ours would trade with ours.
    pub self_trade: SelfTrade,
    /// Whether less of an order keeps its place.
    pub amend_keeps_priority: bool,
    /// Whether all working orders end when the connection is lost.
    pub cancel_on_disconnect: bool,
}

impl Default for OrderRules {
    fn default() -> Self {
        Self { self_trade: SelfTrade::default(), amend_keeps_priority: true, cancel_on_disconnect: false }
    }
}

/// The words for a [`QuoteLaw`] in a scenario.
const QUOTE_LAWS: &[&str] = &["prune", "fuse", "ignore"];

fn parse_quote_law(text: &str) -> Result<QuoteLaw, ParamError> {
    match text {
        "prune" => Ok(QuoteLaw::Prune),
        "fuse" => Ok(QuoteLaw::Fuse),
        "ignore" => Ok(QuoteLaw::Ignore),
        _ => Err(ParamError::new("book_quotes", format!("expected prune, fuse or ignore, found {text}"))),
    }
}

/// The words for a [`FaultLaw`] in a scenario.
const FAULT_LAWS: &[&str] = &["suspend", "skip"];

fn parse_fault_law(text: &str) -> Result<FaultLaw, ParamError> {
    match text {
        "suspend" => Ok(FaultLaw::Suspend),
        "skip" => Ok(FaultLaw::Skip),
        _ => Err(ParamError::new("order_faults", format!("expected suspend or skip, found {text}"))),
    }
}

/// How a venue matches: the part of `[[venue]]` that is not a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// The path through a bar.
    pub path: PathModel,
    /// Part of a bar's volume that we may take; `None` for no bound.
    pub participation: Option<Decimal>,
    /// When a resting limit order fills on a bar.
    pub limit_fill: LimitFill,
    /// What must trade at our price before we do, in units of quantity; `None` for everything.
    pub queue_ahead: Option<Decimal>,
    /// How much of a resting order fills on an order book.
    pub maker_fill: MakerFill,
    /// How it treats orders.
    pub orders: OrderRules,
    /// How order books are kept.
    pub books: BookLaw,
    /// Part of new orders and amendments that is refused, from 0 to 1.
    pub reject_probability: Decimal,
    /// How many orders the venue takes; `None` for all.
    pub rate_limit: Option<RateLimit>,
    /// How far limits may lie from the reference price, as a part of it.
    pub price_band: Option<Factor>,
}

impl Matching {
    /// From the parameters of [`PARAMS`]; what is absent has its default.
    ///
    /// # Errors
    /// [`ParamError`] naming the key.
    pub fn from_params(params: &Params) -> Result<Self, ParamError> {
        Ok(Self {
            path: params.text_opt("path")?.map_or(Ok(PathModel::default()), |text| text.parse())?,
            participation: parse_participation(params.text_opt("participation")?.as_deref().unwrap_or("0.1"))?,
            limit_fill: params.text_opt("limit_fill")?.map_or(Ok(LimitFill::default()), |text| text.parse())?,
            queue_ahead: params.decimal_opt("queue_ahead")?,
            maker_fill: params.text_opt("maker_fill")?.map_or(Ok(MakerFill::default()), |text| text.parse())?,
            orders: OrderRules {
                self_trade: params
                    .text_opt("self_trade_prevention")?
                    .map_or(Ok(SelfTrade::default()), |text| text.parse())?,
                amend_keeps_priority: params.bool_opt("amend_keeps_priority")?.unwrap_or(true),
                cancel_on_disconnect: params.bool_opt("cancel_on_disconnect")?.unwrap_or(false),
            },
            books: BookLaw {
                quotes: parse_quote_law(params.text_opt("book_quotes")?.as_deref().unwrap_or("prune"))?,
                faults: parse_fault_law(params.text_opt("order_faults")?.as_deref().unwrap_or("suspend"))?,
            },
            reject_probability: params.decimal_opt("reject_probability")?.unwrap_or(Decimal::ZERO),
            rate_limit: rate_limit(params)?,
            price_band: price_band(params)?,
        })
    }

    /// What is always wrong with the venue. `draws` is keyed by it.
    pub fn troubles(&self, draws: Draws) -> Vec<Window> {
        let reject = (self.reject_probability > Decimal::ZERO)
            .then(|| Trouble::Reject { probability: super::fraction(self.reject_probability), draws });
        let always = |trouble| Window { from: Ts::MIN, until: Ts::MAX, trouble };
        self.rate_limit.map(Trouble::RateLimit).into_iter().chain(reject).map(always).collect()
    }
}

fn price_band(params: &Params) -> Result<Option<Factor>, ParamError> {
    let part = params.decimal_opt("price_band")?.map(|percent| Factor::new(percent / Decimal::ONE_HUNDRED));
    part.transpose().map_err(|error| ParamError::new("price_band", error.problem))
}

fn rate_limit(params: &Params) -> Result<Option<RateLimit>, ParamError> {
    let interval = params.span_opt("rate_limit_interval")?.unwrap_or(Span::from_nanos(10 * Span::SECOND.nanos()));
    let orders = params.int_opt("rate_limit")?;
    orders.map(|orders| RateLimit::new(orders, interval, "rate_limit_interval")).transpose()
}

/// The value of `participation`: a fraction above 0 and at most 1, or `none`.
///
/// # Errors
/// [`ParamError`] for anything else.
pub fn parse_participation(text: &str) -> Result<Option<Decimal>, ParamError> {
    if text.trim() == "none" {
        return Ok(None);
    }
    match parse_decimal(text) {
        Ok(share) if share > Decimal::ZERO && share <= Decimal::ONE => Ok(Some(share)),
        Ok(_) | Err(_) => {
            let problem = format!("expected a fraction above 0 and at most 1, or \"none\", found {text}");
            Err(ParamError::new("participation", problem))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_in_the_table_are_the_defaults_in_the_code() {
        let mut params = Params::new();
        for spec in PARAMS {
            if let Some(default) = spec.default {
                let value = match spec.kind {
                    ParamKind::Decimal { .. } => tapedeck_model::ParamValue::Decimal(default.parse().unwrap()),
                    ParamKind::Bool => tapedeck_model::ParamValue::Bool(default == "true"),
                    // The interval's default is written in a unit that only the loader reads.
                    ParamKind::Span => continue,
                    _ => tapedeck_model::ParamValue::Text(default.to_owned()),
                };
                params.insert(spec.name, value);
            }
        }
        assert_eq!(Matching::from_params(&params), Matching::from_params(&Params::new()));
        assert_eq!(Matching::from_params(&params).unwrap().participation, Some(Decimal::new(1, 1)));
        assert!(SelfTrade::WORDS.iter().all(|word| word.parse::<SelfTrade>().is_ok()));
        assert!(FAULT_LAWS.iter().all(|word| parse_fault_law(word).is_ok()) && parse_fault_law("").is_err());
        assert!(QUOTE_LAWS.iter().all(|word| parse_quote_law(word).is_ok()) && parse_quote_law("").is_err());
        for words in [PathModel::WORDS, LimitFill::WORDS] {
            assert!(words.iter().all(|w| w.parse::<PathModel>().is_ok() || w.parse::<LimitFill>().is_ok()));
        }
        for (text, good) in [("none", true), ("1", true), ("0", false), ("1.1", false), ("-0.1", false), ("x", false)] {
            assert_eq!(parse_participation(text).is_ok(), good, "{text}");
        }
    }
}
