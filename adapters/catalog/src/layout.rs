//! Which columns of a file hold what: by the scenario's mapping, else by the usual names.
//!
//! Invariants: nothing is guessed between two candidates; whatever is refused lists what is there.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_schema::{DataType, Schema};

use crate::cells::{check_number, check_time, is_text};
use crate::error::CatalogError;
use crate::spec::{DataKind, FileSpec};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Ts,
    CloseTime,
    TsRecv,
    Price(usize),
    Qty(usize),
    Side,
    BuyerMaker,
    Flags,
    /// Funding rate, in the first slot.
    Rate,
    /// Hours between two settlements, in the second slot.
    Hours,
    /// The same in seconds, in the same slot.
    Seconds,
    Action,
    OrderId,
}

struct Known {
    field: Field,
    name: &'static str,
    aliases: &'static [&'static str],
}

const fn known(field: Field, name: &'static str, aliases: &'static [&'static str]) -> Known {
    Known { field, name, aliases }
}

const TS: Known = known(Field::Ts, "ts", &["ts", "time", "timestamp", "date", "datetime", "open_time", "ts_event"]);
const CLOSE_TIME: Known = known(Field::CloseTime, "close_time", &[]);
const TS_RECV: Known = known(Field::TsRecv, "ts_recv", &["ts_recv"]);

/// The volume of bars; no other kind of record has a fifth number.
pub(crate) const VOLUME: Field = Field::Qty(4);

const BARS: &[Known] = &[
    TS,
    CLOSE_TIME,
    TS_RECV,
    known(Field::Price(0), "open", &["open", "o"]),
    known(Field::Price(1), "high", &["high", "h"]),
    known(Field::Price(2), "low", &["low", "l"]),
    known(Field::Price(3), "close", &["close", "c"]),
    known(VOLUME, "volume", &["volume", "vol", "v"]),
];
const TRADES: &[Known] = &[
    TS,
    TS_RECV,
    known(Field::Price(0), "px", &["px", "price"]),
    known(Field::Qty(1), "qty", &["qty", "size", "quantity", "amount"]),
    known(Field::Side, "side", &["side", "aggressor", "taker_side"]),
    known(Field::BuyerMaker, "buyer_maker", &["buyer_maker", "is_buyer_maker"]),
];
const QUOTES: &[Known] = &[
    TS,
    TS_RECV,
    known(Field::Price(0), "bid_px", &["bid_px", "bid", "bid_price"]),
    known(Field::Price(1), "ask_px", &["ask_px", "ask", "ask_price"]),
    known(Field::Qty(2), "bid_qty", &["bid_qty", "bid_size", "bid_quantity", "bid_amount"]),
    known(Field::Qty(3), "ask_qty", &["ask_qty", "ask_size", "ask_quantity", "ask_amount"]),
];
const DEPTH: &[Known] = &[
    TS,
    TS_RECV,
    known(Field::Side, "side", &["side"]),
    known(Field::Price(0), "px", &["px", "price"]),
    known(Field::Qty(1), "qty", &["qty", "size", "quantity", "amount"]),
    known(Field::Flags, "flags", &["flags"]),
];

const MARKS: &[Known] = &[
    TS,
    TS_RECV,
    known(Field::Price(0), "mark_px", &["mark_px", "mark", "mark_price", "markPrice"]),
    known(INDEX, "index_px", &["index_px", "index", "index_price", "indexPrice"]),
];
const FUNDING_TS: &[&str] =
    &["ts", "time", "timestamp", "date", "datetime", "ts_event", "funding_time", "fundingTime", "calc_time"];
const FUNDING: &[Known] = &[
    known(Field::Ts, "ts", FUNDING_TS),
    TS_RECV,
    known(Field::Rate, "rate", &["rate", "funding_rate", "fundingRate", "last_funding_rate"]),
    known(Field::Hours, "interval_hours", &["interval_hours", "funding_interval_hours"]),
    known(Field::Seconds, "interval_s", &["interval_s"]),
    known(FUNDING_MARK, "mark_px", &["mark_px", "mark", "mark_price", "markPrice"]),
];

/// The index of marks, which may be unknown.
pub(crate) const INDEX: Field = Field::Price(1);
/// The mark price of a settlement, which may be unknown.
pub(crate) const FUNDING_MARK: Field = Field::Price(2);

/// Whether a kind of record may lack a value: its cell may be empty and stands for "not known".
pub(crate) fn may_be_unknown(kind: DataKind, field: Field) -> bool {
    match kind {
        DataKind::Marks => field == INDEX,
        DataKind::Funding => matches!(field, Field::Hours | Field::Seconds | FUNDING_MARK),
        DataKind::Bars { .. } | DataKind::Trades | DataKind::Quotes | DataKind::Depth | DataKind::Mbo => false,
    }
}

const MBO: &[Known] = &[
    TS,
    TS_RECV,
    known(Field::Action, "action", &["action"]),
    known(Field::Side, "side", &["side"]),
    known(Field::Price(0), "px", &["px", "price"]),
    known(Field::Qty(1), "qty", &["qty", "size", "quantity", "amount"]),
    known(Field::OrderId, "order_id", &["order_id"]),
    known(Field::Flags, "flags", &["flags"]),
];

fn fields(kind: DataKind) -> &'static [Known] {
    match kind {
        DataKind::Bars { .. } => BARS,
        DataKind::Trades => TRADES,
        DataKind::Quotes => QUOTES,
        DataKind::Depth => DEPTH,
        DataKind::Marks => MARKS,
        DataKind::Funding => FUNDING,
        DataKind::Mbo => MBO,
    }
}

/// One column that is read.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) field: Field,
    /// As named in the file.
    pub(crate) name: String,
    /// Position in the file.
    pub(crate) index: usize,
}

/// The columns that are read, each field at most once; the time first.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) columns: Vec<Column>,
}

impl Layout {
    /// Finds the columns in a file and checks their types.
    pub(crate) fn resolve(spec: &FileSpec, file: &Path, schema: &Schema) -> Result<Self, CatalogError> {
        let finder = Finder { file, schema, mapped: mapped(spec)? };
        let has_close_time = finder.mapped.contains_key("close_time");
        let mut columns = Vec::new();
        for known in fields(spec.kind) {
            if known.field == Field::Ts && has_close_time {
                continue;
            }
            let found = finder.find(known)?;
            let volume = known.field == VOLUME;
            let optional = match known.field {
                Field::CloseTime | Field::TsRecv | Field::BuyerMaker | Field::Flags | Field::Hours | Field::Seconds => {
                    true
                }
                Field::Side => !spec.kind.is_of_book(),
                Field::Qty(_) => volume && spec.volume_optional,
                Field::Price(_) => may_be_unknown(spec.kind, known.field),
                Field::Ts | Field::Rate | Field::Action | Field::OrderId => false,
            };
            match found {
                Some(column) => columns.push(column),
                None if optional => {}
                None if volume => {
                    return Err(CatalogError::NoVolume { file: file.to_owned(), found: finder.found() });
                }
                None => return Err(finder.missing(known)),
            }
        }
        if columns.iter().filter(|c| matches!(c.field, Field::Side | Field::BuyerMaker)).count() > 1 {
            return Err(
                finder.refuse("both `side` and `buyer_maker` are there; name one of them in `columns`".to_owned())
            );
        }
        if columns.iter().filter(|c| matches!(c.field, Field::Hours | Field::Seconds)).count() > 1 {
            return Err(finder
                .refuse("both `interval_hours` and `interval_s` are there; name one of them in `columns`".to_owned()));
        }
        let layout = Self { columns };
        layout.check_types(spec, &finder)?;
        Ok(layout)
    }

    fn check_types(&self, spec: &FileSpec, finder: &Finder<'_>) -> Result<(), CatalogError> {
        let is_of_book = spec.kind.is_of_book();
        for column in &self.columns {
            let data = finder.schema.field(column.index).data_type();
            let outcome = match column.field {
                Field::Ts | Field::CloseTime | Field::TsRecv => check_time(data, spec.time_unit),
                Field::Price(_) => check_number(data, spec.price_scale, "price_scale"),
                Field::Qty(_) => check_number(data, spec.qty_scale, "qty_scale"),
                Field::Rate | Field::Hours | Field::Seconds => check_number(data, Some(0), ""),
                Field::Side if is_text(data) || is_of_book && data.is_integer() => Ok(()),
                Field::Flags | Field::Action | Field::OrderId if is_text(data) || data.is_integer() => Ok(()),
                Field::BuyerMaker if is_text(data) || data == &DataType::Boolean => Ok(()),
                Field::Side => Err(format!("has type {data}; expected text such as buy or sell")),
                Field::BuyerMaker => Err(format!("has type {data}; expected true or false")),
                Field::Action => Err(format!("has type {data}; expected text such as add or cancel")),
                Field::Flags | Field::OrderId => Err(format!("has type {data}; expected integers")),
            };
            outcome.map_err(|problem| finder.refuse(format!("column `{}` {problem}", column.name)))?;
        }
        Ok(())
    }

    /// Position of the column of a field.
    pub(crate) fn position(&self, wanted: Field) -> Option<usize> {
        self.columns.iter().position(|c| c.field == wanted)
    }

    /// Position of the column of times.
    pub(crate) fn time_position(&self) -> usize {
        self.position(Field::Ts).or_else(|| self.position(Field::CloseTime)).unwrap_or(0)
    }
}

/// The mapping with our names for its keys.
fn mapped(spec: &FileSpec) -> Result<BTreeMap<&'static str, &str>, CatalogError> {
    let known = fields(spec.kind);
    let refuse = |problem: String| CatalogError::Spec { name: spec.name.clone(), problem };
    let mut mapped = BTreeMap::new();
    for (key, column) in &spec.columns {
        let field = known.iter().find(|k| k.name == key || k.aliases.contains(&key.as_str()));
        let Some(field) = field else {
            let names: Vec<&str> = known.iter().map(|k| k.name).collect();
            return Err(refuse(format!("`columns` names `{key}`; {} have {}", spec.kind.text(), names.join(", "))));
        };
        if mapped.insert(field.name, column.as_str()).is_some() {
            return Err(refuse(format!("`columns` names `{}` twice", field.name)));
        }
    }
    if mapped.contains_key("ts") && mapped.contains_key("close_time") {
        return Err(refuse("`columns` names both `ts` and `close_time`; keep one".to_owned()));
    }
    Ok(mapped)
}

struct Finder<'a> {
    file: &'a Path,
    schema: &'a Schema,
    mapped: BTreeMap<&'static str, &'a str>,
}

impl Finder<'_> {
    fn refuse(&self, problem: String) -> CatalogError {
        CatalogError::Columns { file: self.file.to_owned(), problem, found: self.found() }
    }

    fn missing(&self, known: &Known) -> CatalogError {
        let name = known.name;
        if self.schema.fields().iter().all(|field| field.name().starts_with('#')) {
            return self.refuse(format!(
                "the file has no header line, so nothing tells which column is `{name}`; name columns by position, \
                 as in `columns = {{ {name} = \"#1\" }}`"
            ));
        }
        let aliases = known.aliases.join(", ");
        self.refuse(format!(
            "there is no column for `{name}` (known names: {aliases}); name it with `columns = {{ {name} = \"...\" }}`"
        ))
    }

    /// The columns of the file, for people.
    fn found(&self) -> String {
        let found: Vec<&str> = self.schema.fields().iter().map(|f| f.name().as_str()).collect();
        found.join(", ")
    }

    fn find(&self, known: &Known) -> Result<Option<Column>, CatalogError> {
        let mapped = self.mapped.get(known.name);
        let fits = |name: &str| match mapped {
            Some(wanted) => name == *wanted,
            None => known.aliases.iter().any(|alias| name.eq_ignore_ascii_case(alias)),
        };
        // A mapped side settles the question for its twin as well.
        let twin = match known.field {
            Field::Side => "buyer_maker",
            Field::BuyerMaker => "side",
            Field::Hours => "interval_s",
            Field::Seconds => "interval_hours",
            _ => "",
        };
        if mapped.is_none() && self.mapped.contains_key(twin) {
            return Ok(None);
        }
        let fields = self.schema.fields().iter().enumerate();
        let found: Vec<(usize, &str)> =
            fields.map(|(i, f)| (i, f.name().as_str())).filter(|(_, name)| fits(name)).collect();
        match (found.as_slice(), mapped) {
            ([(index, name)], _) => Ok(Some(Column { field: known.field, name: (*name).to_owned(), index: *index })),
            ([], Some(wanted)) => Err(self.refuse(format!("there is no column `{wanted}` for `{}`", known.name))),
            ([], None) => Ok(None),
            _ => Err(self.refuse(format!(
                "more than one column could be `{0}`; name it with `columns = {{ {0} = \"...\" }}`",
                known.name
            ))),
        }
    }
}
