//! The sections of a scenario and their keys, as tables.
//!
//! The loader, the printer of the resolved scenario, `sim list scenario` and `sim schema` all read
//! these, so they can not disagree. Keys of components stand with the components.

use tapedeck_kernel::venue;
use tapedeck_model::param::{ParamKind, ParamSpec};

use crate::registry::Family;

/// A section of the scenario.
#[derive(Debug, Clone, Copy)]
pub struct SectionSpec {
    /// Its header.
    pub name: &'static str,
    /// How often it may be there.
    pub count: Count,
    /// What it says.
    pub help: &'static str,
    /// Its own keys, in the order in which they are printed.
    pub params: &'static [&'static [ParamSpec]],
    /// The component that the section itself chooses and whose keys stand in it.
    pub inline: Option<InlineSpec>,
    /// Tables in it that choose a component each.
    pub parts: &'static [PartSpec],
    /// A list of tables in it.
    pub rows: Option<RowSpec>,
}

/// How often a section may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// `[section]`, with defaults if absent.
    One,
    /// `[[section]]`, as often as needed.
    Any,
    /// `[[section]]`, at least once.
    Some,
}

/// A component chosen by a key of the section.
#[derive(Debug, Clone, Copy)]
pub struct InlineSpec {
    /// The key that names it.
    pub selector: &'static str,
    /// Of which family.
    pub family: Family,
}

/// A table that chooses a component.
#[derive(Debug, Clone, Copy)]
pub struct PartSpec {
    /// Key of the table.
    pub key: &'static str,
    /// Key in the table that names the component.
    pub selector: &'static str,
    /// Of which family.
    pub family: Family,
    /// The component if the table is absent; `None`: then there is none.
    pub default: Option<&'static str>,
    /// What it is for.
    pub help: &'static str,
}

/// Keys of `[scenario]` that ask for further runs and change nothing of the run itself, so they are not in
/// the scenario's hash.
pub const BESIDE_THE_RUN: [&str; 2] = ["cost_stress", "band"];

/// A list of tables inside of a section.
#[derive(Debug, Clone, Copy)]
pub struct RowSpec {
    /// Key of the list.
    pub key: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// Keys of each table.
    pub params: &'static [ParamSpec],
}

impl SectionSpec {
    /// Its own keys.
    pub fn keys(&self) -> impl Iterator<Item = &'static ParamSpec> + Clone + use<> {
        self.params.iter().flat_map(|list| list.iter())
    }
}

const POSITIVE: ParamKind = ParamKind::Decimal { min: "0.000000000001", max: "9223372036854775807" };
const NOT_NEGATIVE: ParamKind = ParamKind::Decimal { min: "0", max: "1000000000000000" };
const SCALE: ParamKind = ParamKind::Int { min: 0, max: 12 };

/// Every section, in the order in which they are printed.
pub const SECTIONS: &[SectionSpec] =
    &[SCENARIO, INSTRUMENT, DATA, VENUE, ACCOUNT, MARGIN, BORROW, TRANSFER, STRATEGY, RISK, INCIDENT, REPORT];

/// `[scenario]`.
pub const SCENARIO: SectionSpec = SectionSpec {
    name: "scenario",
    count: Count::One,
    help: "What the run is called, its seed and its period.",
    params: &[&[
        ParamSpec::required("name", ParamKind::Text, "", "Name of the scenario; part of the run folder's name."),
        ParamSpec::optional("seed", ParamKind::Int { min: 0, max: i64::MAX }, "", "Seed of every random stream.")
            .or("0"),
        ParamSpec::required("base_currency", ParamKind::Text, "currency", "In what equity is measured."),
        ParamSpec::optional(
            "start",
            ParamKind::Time,
            "UTC",
            "When trading starts; absent: with the first record. Bars that open before it are not played, but for the warm-up.",
        ),
        ParamSpec::optional(
            "end",
            ParamKind::Time,
            "UTC",
            "Records at or after it, and bars that open at or after it, are not played; absent: all are.",
        ),
        ParamSpec::optional("warm_up", ParamKind::Span, "duration", "Played before `start`, with orders denied.")
            .or("0s"),
        ParamSpec::optional(
            "cost_stress",
            ParamKind::DecimalList { min: "0", max: "1000" },
            "x costs",
            "The run is played again with fees, slippage, funding paid, interest and liquidation fees multiplied by each, a row per factor in the results.",
        ),
        ParamSpec::optional(
            "band",
            ParamKind::Bool,
            "",
            "Whether the run is played again on the worst and the best path through every bar; absent: no.",
        ),
    ]],
    inline: None,
    parts: &[],
    rows: None,
};

/// `[[instrument]]`.
pub const INSTRUMENT: SectionSpec = SectionSpec {
    name: "instrument",
    count: Count::Some,
    help: "What is traded, and the venue's rules for it.",
    params: &[
        &[
            ParamSpec::required("symbol", ParamKind::Text, "", "The venue's symbol."),
            ParamSpec::required("venue", ParamKind::Text, "", "Name of a `[[venue]]`."),
            ParamSpec::optional(
                "kind",
                ParamKind::Choice(&["spot", "linear", "inverse"]),
                "",
                "Spot asset, linear contract, or inverse contract: one on an amount of the quote, settled in the base.",
            )
            .or("spot"),
            ParamSpec::required("base", ParamKind::Text, "currency", "The asset bought and sold."),
            ParamSpec::required("quote", ParamKind::Text, "currency", "The currency of the price."),
            ParamSpec::optional(
                "settlement",
                ParamKind::Text,
                "currency",
                "In what a contract pays profit; default: the quote, of an inverse contract the base.",
            ),
            ParamSpec::optional(
                "price_scale",
                SCALE,
                "decimals",
                "Decimals of prices; default: those of every tick_size.",
            ),
            ParamSpec::optional(
                "qty_scale",
                SCALE,
                "decimals",
                "Decimals of quantities; default: those of every lot_size.",
            ),
            ParamSpec::optional(
                "multiplier",
                POSITIVE,
                "",
                "Of a contract: quote value of one unit at price 1; of an inverse contract at any price.",
            )
            .or("1"),
            ParamSpec::optional(
                "expiry",
                ParamKind::Time,
                "UTC",
                "When a dated contract ends: orders expire and positions are settled; absent: never.",
            ),
            ParamSpec::optional(
                "settlement_px",
                POSITIVE,
                "quote units",
                "At which price they are settled; absent: the last index price, else the last mark price, else the last price.",
            ),
            ParamSpec::optional(
                "funding_interval",
                ParamKind::Span,
                "duration",
                "How often a perpetual contract settles funding: a rate must then be there that often; absent: rates are taken as they come.",
            ),
            ParamSpec::optional(
                "funding_missing",
                ParamKind::Choice(&["error", "zero", "last"]),
                "",
                "What happens where a rate is missing: error (the run stops), zero (nothing is paid) or last (the rate before holds again); absent: error.",
            ),
        ],
        FILTERS,
        AGE,
    ],
    inline: None,
    parts: &[],
    rows: Some(RowSpec {
        key: "rules",
        help: "The venue's filters from a date on; keys left out stay as they were.",
        params: DATED_FILTERS,
    }),
};

const FILTERS: &[ParamSpec] = &[
    ParamSpec::required("tick_size", POSITIVE, "quote units", "Step of a price."),
    ParamSpec::required("lot_size", POSITIVE, "base units", "Step of a quantity."),
    ParamSpec::optional("qty_min", NOT_NEGATIVE, "base units", "Smallest order; default: one lot."),
    ParamSpec::optional("qty_max", POSITIVE, "base units", "Largest order; default: what can be represented."),
    ParamSpec::optional("notional_min", NOT_NEGATIVE, "quote units", "Smallest order value.").or("0"),
];

/// How old what an order meets may be.
const AGE: &[ParamSpec] = &[ParamSpec::optional(
    "age_limit",
    ParamKind::Span,
    "duration",
    "Orders that arrive take no quote and no level of a book that was shown longer ago; absent: whatever its age.",
)];

const DATED_FILTERS: &[ParamSpec] = &[
    ParamSpec::required("from", ParamKind::Time, "UTC", "First instant at which they hold."),
    ParamSpec::optional("tick_size", POSITIVE, "quote units", "Step of a price."),
    ParamSpec::optional("lot_size", POSITIVE, "base units", "Step of a quantity."),
    ParamSpec::optional("qty_min", NOT_NEGATIVE, "base units", "Smallest order."),
    ParamSpec::optional("qty_max", POSITIVE, "base units", "Largest order."),
    ParamSpec::optional("notional_min", NOT_NEGATIVE, "quote units", "Smallest order value."),
];

/// `[[data]]`.
pub const DATA: SectionSpec = SectionSpec {
    name: "data",
    count: Count::Some,
    help: "Market data: files, or a generator.",
    params: &[&[
        ParamSpec::optional("name", ParamKind::Text, "", "Name of the source; default: `<instrument>/<kind>`."),
        ParamSpec::required("instrument", ParamKind::Text, "", "Symbol, or `SYMBOL.VENUE`."),
        ParamSpec::required(
            "kind",
            ParamKind::Choice(&["bars", "trades", "quotes", "depth", "mbo", "mark", "funding"]),
            "",
            "What the records are; depth: price levels of an order book (L2), mbo: its orders one by one (L3).",
        ),
        ParamSpec::optional(
            "interval",
            ParamKind::Span,
            "duration",
            "Length of a bar, which bars need; of synthetic marks and funding the time between two.",
        ),
        ParamSpec::optional(
            "path",
            ParamKind::Texts,
            "",
            "File, glob, folder or a list of them, relative to the scenario file.",
        ),
        ParamSpec::optional(
            "catalog",
            ParamKind::Text,
            "",
            "Folder of a catalog that has the series of this instrument, in place of `path`; relative to the scenario file.",
        ),
        ParamSpec::optional(
            "format",
            ParamKind::Choice(&["parquet", "csv"]),
            "",
            "Format of the files; default: by their names.",
        ),
        ParamSpec::optional(
            "columns",
            ParamKind::TextMap,
            "",
            "Our column name = the file's, where it is not a usual one.",
        ),
        ParamSpec::optional(
            "time_unit",
            ParamKind::Choice(&["s", "ms", "us", "ns"]),
            "",
            "Unit of times that are plain numbers.",
        ),
        ParamSpec::optional("price_scale", SCALE, "decimals", "Decimals of prices that are whole numbers."),
        ParamSpec::optional("qty_scale", SCALE, "decimals", "Decimals of quantities that are whole numbers."),
        ParamSpec::optional(
            "volume_unit",
            ParamKind::Choice(&["base", "quote"]),
            "",
            "Unit of a bar's volume; quote volume is divided by the close.",
        )
        .or("base"),
        ParamSpec::optional(
            "on_error",
            ParamKind::Choice(&["fail", "skip", "repair"]),
            "",
            "What happens to bad rows; skipped and repaired ones are counted in the journal.",
        )
        .or("fail"),
        ParamSpec::optional("strict_ticks", ParamKind::Bool, "", "Whether a price off the tick grid is an error.")
            .or("false"),
        ParamSpec::optional(
            "drill_down",
            ParamKind::Bool,
            "",
            "Whether the records only fill orders, and we do not receive them: beside coarser data of the instrument.",
        )
        .or("false"),
    ]],
    inline: None,
    parts: &[
        PartSpec {
            key: "synthetic",
            selector: "generator",
            family: Family::Synthetic,
            default: None,
            help: "Records made from the seed instead of files.",
        },
        PartSpec {
            key: "feed_latency",
            selector: "model",
            family: Family::Latency,
            default: Some("none"),
            help: "How much later than recorded we receive records.",
        },
    ],
    rows: None,
};

/// `[[venue]]`.
pub const VENUE: SectionSpec = SectionSpec {
    name: "venue",
    count: Count::Some,
    help: "A simulated venue and its models.",
    params: &[venue::PARAMS, VENUE_ACCOUNT, ACCOUNT_TERMS],
    inline: None,
    parts: &[
        PartSpec {
            key: "entry_latency",
            selector: "model",
            family: Family::Latency,
            default: Some(venue::DEFAULT_LATENCY),
            help: "From us to the venue: new orders and changes.",
        },
        PartSpec {
            key: "cancel_latency",
            selector: "model",
            family: Family::Latency,
            default: Some(venue::DEFAULT_LATENCY),
            help: "From us to the venue: cancels.",
        },
        PartSpec {
            key: "report_latency",
            selector: "model",
            family: Family::Latency,
            default: Some(venue::DEFAULT_LATENCY),
            help: "From the venue to us.",
        },
        PartSpec {
            key: "slippage",
            selector: "model",
            family: Family::Slippage,
            default: Some(venue::DEFAULT_SLIPPAGE),
            help: "What a taker pays beyond the reference price.",
        },
        PartSpec {
            key: "fees",
            selector: "model",
            family: Family::Fees,
            default: Some(venue::DEFAULT_FEES),
            help: "What the venue charges.",
        },
        PartSpec {
            key: "queue",
            selector: "model",
            family: Family::Queue,
            default: Some(venue::DEFAULT_QUEUE),
            help: "Who left a level of an order book, where the data does not say.",
        },
    ],
    rows: None,
};

/// `[account]`.
pub const ACCOUNT: SectionSpec = SectionSpec {
    name: "account",
    count: Count::One,
    help: "The account that all strategies share, where there is one venue; else each [[venue]] tells of its own.",
    params: &[
        &[
            ParamSpec::optional("kind", ACCOUNT_KIND, "", ACCOUNT_KIND_HELP).or("spot"),
            ParamSpec::optional(
                "deposits",
                ParamKind::Decimals,
                "currency units",
                "Money put in at the start; must be there, here or in `[[venue]]`.",
            ),
        ],
        ACCOUNT_TERMS,
    ],
    inline: None,
    parts: &[],
    rows: None,
};

const ACCOUNT_KIND: ParamKind = ParamKind::Choice(&["spot", "netting", "margin", "spot_margin"]);
const ACCOUNT_KIND_HELP: &str = "Spot: assets change hands. Netting: signed positions under one bound on leverage. \
     Margin: signed positions with initial and maintenance margin, and liquidation. Spot_margin: assets change hands, \
     and what is missing is borrowed at interest.";

/// Keys of `[[venue]]` that tell of an account there.
pub const VENUE_ACCOUNT: &[ParamSpec] = &[
    ParamSpec::optional("account", ACCOUNT_KIND, "", ACCOUNT_KIND_HELP),
    ParamSpec::optional(
        "deposits",
        ParamKind::Decimals,
        "currency units",
        "Money put into this venue's account at the start; with several venues it must be there, `{}` for nothing.",
    ),
];

/// Keys that `[account]` and `[[venue]]` share.
pub const ACCOUNT_TERMS: &[ParamSpec] = &[
    ParamSpec::optional(
        "max_leverage",
        ParamKind::Decimal { min: "0.000001", max: "1000" },
        "x equity",
        "Largest gross exposure of a netting account; default there: 1.",
    ),
    ParamSpec::optional(
        "position_mode",
        ParamKind::Choice(&["one_way", "hedge"]),
        "",
        "Of a netting or margin account: one signed position in an instrument, or a long and a short one at once, of \
         which every order names one; default there: one_way.",
    ),
    ParamSpec::optional(
        "margin_mode",
        ParamKind::Choice(&["cross", "isolated"]),
        "",
        "Of a margin account: whether positions share the wallet of their settlement currency or have one each; default \
             there: cross.",
    ),
    ParamSpec::optional(
        "leverage",
        LEVERAGE,
        "x",
        "Of a margin account: initial margin is value / leverage; default there: 1. Of a spot_margin account: at most \
         (leverage - 1) x equity may be owed as an order is taken; default there: 3.",
    ),
    ParamSpec::optional(
        "maintenance_rate",
        MAINTENANCE_RATE,
        "fraction of value",
        "Of a margin account: maintenance margin where an instrument has no brackets (the table `flat`); default there: 0.05.",
    ),
    ParamSpec::optional(
        "maintenance_at",
        ParamKind::Choice(&["mark", "entry"]),
        "",
        "Of a margin account: on which value maintenance margin is reckoned; default there: mark.",
    ),
    ParamSpec::optional(
        "liquidation",
        ParamKind::Bool,
        "",
        "Of a margin account: whether the venue takes positions away that are short of maintenance margin; of a \
         spot_margin account: whether it calls debts in; default there: true.",
    ),
    ParamSpec::optional(
        "liquidation_fee",
        ParamKind::Decimal { min: "0", max: "0.1" },
        "fraction of value",
        "Of a margin or spot_margin account: what a liquidation pays to the insurance fund; default there: 0.0125, and \
         0.02 of a spot_margin account.",
    ),
    ParamSpec::optional(
        "liquidation_slippage",
        ParamKind::Decimal { min: "0", max: "5000" },
        "bps of mark price",
        "Of a margin or spot_margin account: how much worse than the mark a liquidation is filled; default there: 50.",
    ),
    ParamSpec::optional(
        "margin_call",
        MARGIN_LEVEL,
        "assets / debt",
        "Of a spot_margin account: the margin level at which the venue warns; default there: 1.3.",
    ),
    ParamSpec::optional(
        "liquidation_level",
        MARGIN_LEVEL,
        "assets / debt",
        "Of a spot_margin account: the margin level at which it calls debts in; default there: 1.1.",
    ),
];

const MARGIN_LEVEL: ParamKind = ParamKind::Decimal { min: "1", max: "1000" };
const LEVERAGE: ParamKind = ParamKind::Decimal { min: "0.000001", max: "1000" };
const MAINTENANCE_RATE: ParamKind = ParamKind::Decimal { min: "0.000001", max: "0.999999" };

/// `[[margin]]`.
pub const MARGIN: SectionSpec = SectionSpec {
    name: "margin",
    count: Count::Any,
    help: "Margin terms of one instrument of a margin account; what is left out is as in its account.",
    params: &[&[
        ParamSpec::required("instrument", ParamKind::Text, "", "Symbol, or `SYMBOL.VENUE`."),
        ParamSpec::optional("margin_mode", ParamKind::Choice(&["cross", "isolated"]), "", "Shared or own wallet."),
        ParamSpec::optional("leverage", LEVERAGE, "x", "Initial margin is value / leverage."),
        ParamSpec::optional(
            "maintenance_rate",
            MAINTENANCE_RATE,
            "fraction of value",
            "Maintenance margin, the same for every value; not with `brackets`.",
        ),
    ]],
    inline: None,
    parts: &[],
    rows: Some(RowSpec {
        key: "brackets",
        help: "Maintenance margin by the position's value, in the settlement currency, as the venue publishes it.",
        params: BRACKETS,
    }),
};

const BRACKETS: &[ParamSpec] = &[
    ParamSpec::optional("from", ParamKind::Time, "UTC", "First instant at which the table holds; absent: always."),
    ParamSpec::optional("floor", NOT_NEGATIVE, "settlement units", "It holds for values above this.").or("0"),
    ParamSpec::optional(
        "cap",
        NOT_NEGATIVE,
        "settlement units",
        "It holds up to this value; default: the next floor, of the last bracket no end.",
    ),
    ParamSpec::required(
        "maintenance_rate",
        MAINTENANCE_RATE,
        "fraction of value",
        "Maintenance margin is value x rate - cum.",
    ),
    ParamSpec::required("leverage_max", LEVERAGE, "x", "Largest leverage of a position of such a value."),
    ParamSpec::optional(
        "cum",
        NOT_NEGATIVE,
        "settlement units",
        "As the venue prints it; it is computed, and this must be the same.",
    ),
];

/// `[[borrow]]`.
pub const BORROW: SectionSpec = SectionSpec {
    name: "borrow",
    count: Count::Any,
    help: "At what rate a spot_margin account borrows a currency, from a date on; what has no rate is not lent.",
    params: &[&[
        ParamSpec::required("currency", ParamKind::Text, "currency", "Which currency."),
        ParamSpec::required(
            "daily_rate",
            ParamKind::Decimal { min: "0", max: "1" },
            "fraction per day",
            "Interest per day; a twenty-fourth of it is charged for each hour that has begun.",
        ),
        ParamSpec::optional("from", ParamKind::Time, "UTC", "First instant at which it holds; absent: always."),
    ]],
    inline: None,
    parts: &[],
    rows: None,
};

/// `[[transfer]]`.
pub const TRANSFER: SectionSpec = SectionSpec {
    name: "transfer",
    count: Count::Any,
    help: "A way for money from one venue to another: what it costs and how long it takes.",
    params: &[&[
        ParamSpec::required("from", ParamKind::Text, "", "From which venue."),
        ParamSpec::required("to", ParamKind::Text, "", "To which venue; the way back is one of its own."),
        ParamSpec::required("currency", ParamKind::Text, "currency", "In what."),
        ParamSpec::required(
            "fee",
            NOT_NEGATIVE,
            "currency units",
            "What each transfer costs; it is taken out of what leaves.",
        ),
    ]],
    inline: None,
    parts: &[PartSpec {
        key: "time",
        selector: "model",
        family: Family::Latency,
        default: None,
        help: "How long a transfer takes: `none`, `constant` or `lognormal`; must be there.",
    }],
    rows: None,
};

/// `[[strategy]]`.
pub const STRATEGY: SectionSpec = SectionSpec {
    name: "strategy",
    count: Count::Some,
    help: "A strategy and its parameters.",
    params: &[&[
        ParamSpec::optional("id", ParamKind::Text, "", "Name in this run; default: its type."),
        ParamSpec::required("type", ParamKind::Text, "", "Which strategy; see `sim list strategies`."),
        ParamSpec::optional(
            "instruments",
            ParamKind::Texts,
            "",
            "What it trades; may be left out if the scenario has one instrument.",
        ),
    ]],
    inline: Some(InlineSpec { selector: "type", family: Family::Strategies }),
    parts: &[],
    rows: None,
};

/// `[[risk]]`.
pub const RISK: SectionSpec = SectionSpec {
    name: "risk",
    count: Count::Any,
    help: "A rule that orders pass before they leave.",
    params: &[&[
        ParamSpec::required("rule", ParamKind::Text, "", "Which rule; see `sim list risk`."),
        ParamSpec::optional("strategy", ParamKind::Text, "", "Only orders of this strategy pass it; absent: all do."),
    ]],
    inline: Some(InlineSpec { selector: "rule", family: Family::Risk }),
    parts: &[],
    rows: None,
};

/// `[[incident]]`.
pub const INCIDENT: SectionSpec = SectionSpec {
    name: "incident",
    count: Count::Any,
    help: "What befalls a venue or the account, and when.",
    params: &[&[
        ParamSpec::optional("name", ParamKind::Text, "", "Name in this run; default: its kind."),
        ParamSpec::required("kind", ParamKind::Text, "", "What happens; see `sim list incidents`."),
        ParamSpec::required("start", ParamKind::Time, "UTC", "First instant of it."),
    ]],
    inline: Some(InlineSpec { selector: "kind", family: Family::Incidents }),
    parts: &[],
    rows: None,
};

/// `[report]`.
pub const REPORT: SectionSpec = SectionSpec {
    name: "report",
    count: Count::One,
    help: "How often equity is put on record.",
    params: &[&[
        ParamSpec::optional("equity_interval", ParamKind::Span, "duration", "Between equity points in the journal.")
            .or("1h"),
        ParamSpec::optional("returns_interval", ParamKind::Span, "duration", "Between the returns of the metrics.")
            .or("1d"),
    ]],
    inline: None,
    parts: &[],
    rows: None,
};
