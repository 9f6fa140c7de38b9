//! Rows of a chunk as Arrow columns of a layout.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Decimal128Array, Float64Array, Int8Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt8Array,
    UInt64Array,
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use tapedeck_model::market::{Chunk, Columns};
use tapedeck_model::number::{format_scaled, pow10};
use tapedeck_model::{FundingTick, Instrument};

use super::FileLayout;
use crate::spec::DataKind;

/// Digits of a decimal that Parquet keeps in 64 bits.
const DECIMAL_DIGITS: u8 = 18;
/// Raw numbers up to here have a 64-bit float of their own.
const FLOAT_EXACT_MAX: u64 = 1 << 53;

/// What the columns of a file are.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) kind: DataKind,
    layout: FileLayout,
    instrument: String,
    price_scale: u8,
    qty_scale: u8,
    has_recv: bool,
}

/// What the numbers of a column count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Price,
    /// A price that is zero in the chunk, and nothing in the file, where it is not known.
    PriceIfKnown,
    Qty,
    Rate,
    /// Nanoseconds in the chunk, seconds in the file; nothing where not known.
    SecondsIfKnown,
}

impl Unit {
    const fn may_be_unknown(self) -> bool {
        match self {
            Self::PriceIfKnown | Self::SecondsIfKnown => true,
            Self::Price | Self::Qty | Self::Rate => false,
        }
    }
}

/// One column of prices or quantities.
pub(super) struct Values<'a> {
    pub(super) name: &'static str,
    unit: Unit,
    pub(super) raw: &'a [i64],
}

/// Some rows of a chunk.
pub(super) struct Slices<'a> {
    /// Times as in the file: open times of bars.
    pub(super) ts: Vec<i64>,
    /// Receive times, or empty.
    pub(super) ts_recv: &'a [i64],
    pub(super) values: Vec<Values<'a>>,
    /// Of trades who took, of depth and orders the side of the book; else empty.
    pub(super) side: &'a [i8],
    /// Of depth and orders, else empty.
    pub(super) flags: &'a [u8],
    /// Of orders, else empty.
    pub(super) action: &'a [u8],
    /// Of orders, else empty.
    pub(super) order_id: &'a [u64],
}

impl Shape {
    pub(super) fn new(instrument: &Instrument, kind: DataKind, layout: FileLayout, chunk: &Chunk) -> Self {
        Self {
            kind,
            layout,
            instrument: instrument.id.to_string(),
            price_scale: instrument.price_scale,
            qty_scale: instrument.qty_scale,
            has_recv: !chunk.ts_recv.is_empty(),
        }
    }

    /// What a reader may want to know besides the columns.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![("kind", self.kind.text().to_owned()), ("instrument", self.instrument.clone())];
        if let DataKind::Bars { interval } = self.kind {
            facts.push(("interval", interval.to_string()));
        }
        facts.push(("price_scale", self.price_scale.to_string()));
        facts.push(("qty_scale", self.qty_scale.to_string()));
        facts
    }

    /// The rows of a chunk, which must be of this shape.
    pub(super) fn slices<'a>(&self, chunk: &'a Chunk, rows: Range<usize>) -> Result<Slices<'a>, String> {
        if self.has_recv == chunk.ts_recv.is_empty() {
            return Err("some records have receive times and some have not; write them apart".to_owned());
        }
        let part = |name, unit, column: &'a [i64]| Values { name, unit, raw: rows_of(column, &rows) };
        let (mut shift, mut side, mut flags): (i64, &[i8], &[u8]) = (0, &[], &[]);
        let (mut action, mut order_id): (&[u8], &[u64]) = (&[], &[]);
        let values = match (&chunk.columns, self.kind) {
            (Columns::Bars { interval, open, high, low, close, volume }, DataKind::Bars { interval: wanted })
                if *interval == wanted =>
            {
                shift = interval.nanos();
                let prices = [("open", open), ("high", high), ("low", low), ("close", close)];
                let mut values: Vec<Values<'a>> = prices.map(|(name, column)| part(name, Unit::Price, column)).into();
                values.push(part("volume", Unit::Qty, volume));
                values
            }
            (Columns::Trades { px, qty, aggressor: sides }, DataKind::Trades) => {
                side = rows_of(sides, &rows);
                vec![part("px", Unit::Price, px), part("qty", Unit::Qty, qty)]
            }
            (Columns::Depth { side: sides, px, qty, flags: bits }, DataKind::Depth) => {
                (side, flags) = (rows_of(sides, &rows), rows_of(bits, &rows));
                vec![part("px", Unit::Price, px), part("qty", Unit::Qty, qty)]
            }
            (Columns::Mbo { action: what, side: sides, px, qty, order_id: ids, flags: bits }, DataKind::Mbo) => {
                (side, flags) = (rows_of(sides, &rows), rows_of(bits, &rows));
                (action, order_id) = (rows_of(what, &rows), rows_of(ids, &rows));
                vec![part("px", Unit::Price, px), part("qty", Unit::Qty, qty)]
            }
            (Columns::Quotes { bid_px, ask_px, bid_qty, ask_qty }, DataKind::Quotes) => vec![
                part("bid_px", Unit::Price, bid_px),
                part("ask_px", Unit::Price, ask_px),
                part("bid_qty", Unit::Qty, bid_qty),
                part("ask_qty", Unit::Qty, ask_qty),
            ],
            (Columns::Marks { mark_px, index_px }, DataKind::Marks) => {
                vec![part("mark_px", Unit::Price, mark_px), part("index_px", Unit::PriceIfKnown, index_px)]
            }
            (Columns::Funding { rate, interval, mark_px }, DataKind::Funding) => vec![
                part("rate", Unit::Rate, rate),
                part("interval_s", Unit::SecondsIfKnown, interval),
                part("mark_px", Unit::PriceIfKnown, mark_px),
            ],
            _ => return Err(format!("the source gives other records than {}", self.facts_text())),
        };
        let ts = rows_of(&chunk.ts_event, &rows).iter().map(|ts| ts.saturating_sub(shift)).collect();
        Ok(Slices { ts, ts_recv: rows_of(&chunk.ts_recv, &rows), values, side, flags, action, order_id })
    }

    fn facts_text(&self) -> String {
        match self.kind {
            DataKind::Bars { interval } => format!("bars of {interval}"),
            kind => kind.text().to_owned(),
        }
    }

    pub(super) fn schema(&self) -> Schema {
        let time = || DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let number = |name: &str, unit: Unit| {
            let data = match self.layout {
                FileLayout::Catalog => DataType::Decimal128(DECIMAL_DIGITS, self.scale(unit).cast_signed()),
                FileLayout::Float => DataType::Float64,
            };
            Field::new(name, data, unit.may_be_unknown())
        };
        let mut fields = vec![Field::new(self.time_name(), time(), false)];
        if self.has_recv {
            fields.push(Field::new("ts_recv", time(), false));
        }
        match self.kind {
            DataKind::Bars { .. } => {
                fields.extend(["open", "high", "low", "close"].map(|name| number(name, Unit::Price)));
                fields.push(number("volume", Unit::Qty));
            }
            DataKind::Trades => {
                fields.extend([number("px", Unit::Price), number("qty", Unit::Qty)]);
                fields.push(Field::new("side", DataType::Utf8, true));
            }
            DataKind::Depth | DataKind::Mbo => {
                fields.extend([number("px", Unit::Price), number("qty", Unit::Qty)]);
                fields.push(Field::new("side", DataType::Int8, false));
                fields.push(Field::new("flags", DataType::UInt8, false));
                if self.kind == DataKind::Mbo {
                    fields.push(Field::new("action", DataType::UInt8, false));
                    fields.push(Field::new("order_id", DataType::UInt64, false));
                }
            }
            DataKind::Quotes => {
                fields.extend(["bid_px", "ask_px"].map(|name| number(name, Unit::Price)));
                fields.extend(["bid_qty", "ask_qty"].map(|name| number(name, Unit::Qty)));
            }
            DataKind::Marks => {
                fields.extend([number("mark_px", Unit::Price), number("index_px", Unit::PriceIfKnown)]);
            }
            DataKind::Funding => {
                fields.extend([number("rate", Unit::Rate), number("interval_s", Unit::SecondsIfKnown)]);
                fields.push(number("mark_px", Unit::PriceIfKnown));
            }
        }
        Schema::new(fields)
    }

    fn time_name(&self) -> &'static str {
        match self.layout {
            FileLayout::Catalog => self.kind.time_column(),
            FileLayout::Float => "ts",
        }
    }

    const fn scale(&self, unit: Unit) -> u8 {
        match unit {
            Unit::Price | Unit::PriceIfKnown => self.price_scale,
            Unit::Qty => self.qty_scale,
            Unit::Rate => FundingTick::RATE_SCALE,
            Unit::SecondsIfKnown => 9,
        }
    }

    pub(super) fn batch(&self, slices: Slices<'_>) -> Result<RecordBatch, String> {
        let times = |ts: Vec<i64>| Arc::new(TimestampNanosecondArray::from(ts).with_timezone("UTC"));
        let mut arrays: Vec<ArrayRef> = vec![times(slices.ts)];
        if self.has_recv {
            arrays.push(times(slices.ts_recv.to_vec()));
        }
        for values in &slices.values {
            arrays.push(self.numbers(values)?);
        }
        match self.kind {
            DataKind::Trades => arrays.push(words(slices.side)),
            DataKind::Depth | DataKind::Mbo => {
                arrays.push(Arc::new(Int8Array::from(slices.side.to_vec())));
                arrays.push(Arc::new(UInt8Array::from(slices.flags.to_vec())));
                if self.kind == DataKind::Mbo {
                    arrays.push(Arc::new(UInt8Array::from(slices.action.to_vec())));
                    arrays.push(Arc::new(UInt64Array::from(slices.order_id.to_vec())));
                }
            }
            DataKind::Bars { .. } | DataKind::Quotes | DataKind::Marks | DataKind::Funding => {}
        }
        RecordBatch::try_new(Arc::new(self.schema()), arrays).map_err(|e| e.to_string())
    }

    fn numbers(&self, values: &Values<'_>) -> Result<ArrayRef, String> {
        let scale = self.scale(values.unit);
        let unknown = |raw: &i64| *raw == 0 && values.unit.may_be_unknown();
        let limit = match self.layout {
            FileLayout::Catalog => pow10(DECIMAL_DIGITS).unsigned_abs() as u64 - 1,
            FileLayout::Float => FLOAT_EXACT_MAX,
        };
        if let Some(raw) = values.raw.iter().find(|raw| raw.unsigned_abs() > limit) {
            let value = format_scaled(i128::from(*raw), scale);
            return Err(format!("column `{}`: {value} does not fit the layout exactly", values.name));
        }
        match self.layout {
            FileLayout::Catalog if values.unit.may_be_unknown() => values
                .raw
                .iter()
                .map(|raw| (!unknown(raw)).then(|| i128::from(*raw)))
                .collect::<Decimal128Array>()
                .with_precision_and_scale(DECIMAL_DIGITS, scale.cast_signed())
                .map(|array| Arc::new(array) as ArrayRef)
                .map_err(|e| e.to_string()),
            FileLayout::Catalog => Decimal128Array::from_iter_values(values.raw.iter().map(|raw| i128::from(*raw)))
                .with_precision_and_scale(DECIMAL_DIGITS, scale.cast_signed())
                .map(|array| Arc::new(array) as ArrayRef)
                .map_err(|e| e.to_string()),
            FileLayout::Float => {
                // Both are exact floats, so the quotient is the float nearest to the decimal.
                let unit = pow10(scale) as f64;
                let float = |raw: &i64| (!unknown(raw)).then(|| *raw as f64 / unit);
                Ok(Arc::new(values.raw.iter().map(float).collect::<Float64Array>()))
            }
        }
    }
}

/// Sides as text, nothing where there is none.
fn words(sides: &[i8]) -> ArrayRef {
    let word = |side: &i8| match side {
        1 => Some("buy"),
        -1 => Some("sell"),
        _ => None,
    };
    Arc::new(sides.iter().map(word).collect::<StringArray>())
}

/// Rows of a column; an empty column has none.
fn rows_of<'a, T>(column: &'a [T], rows: &Range<usize>) -> &'a [T] {
    column.get(rows.clone()).unwrap_or_default()
}
