//! What to read and how, as a scenario says it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tapedeck_model::{Instrument, Span, Ts};

/// What the rows of a data set are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataKind {
    /// Bars of one length.
    Bars {
        /// Length of each bar, above zero.
        interval: Span,
    },
    /// Public trades.
    Trades,
    /// Best bids and offers.
    Quotes,
    /// Changes of price levels.
    Depth,
    /// Mark prices, with their index where it is known.
    Marks,
    /// Funding rates at their settlements.
    Funding,
    /// Changes of orders at the venue.
    Mbo,
}

impl DataKind {
    /// The word for people and folders.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Bars { .. } => "bars",
            Self::Trades => "trades",
            Self::Quotes => "quotes",
            Self::Depth => "depth",
            Self::Marks => "mark",
            Self::Funding => "funding",
            Self::Mbo => "mbo",
        }
    }

    /// The column of times in a file of the catalog.
    pub(crate) const fn time_column(self) -> &'static str {
        match self {
            Self::Bars { .. } => "ts",
            Self::Trades | Self::Quotes | Self::Depth | Self::Marks | Self::Funding | Self::Mbo => "ts_event",
        }
    }

    /// What a row's time in the chunk is later than in the file: bars are known at their close.
    pub(crate) const fn shift(self) -> i64 {
        match self {
            Self::Bars { interval } => interval.nanos(),
            Self::Trades | Self::Quotes | Self::Depth | Self::Marks | Self::Funding | Self::Mbo => 0,
        }
    }

    /// Whether its rows tell of a book: they stand in messages, and mean something only after those before them.
    pub(crate) const fn is_of_book(self) -> bool {
        match self {
            Self::Bars { .. } | Self::Trades | Self::Quotes | Self::Marks | Self::Funding => false,
            Self::Depth | Self::Mbo => true,
        }
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated text, also as gzip or as the one file of a zip.
    Csv,
    /// An Arrow file, which is also called Feather.
    Feather,
    /// A JSON array of rows, each an array or a dictionary, also as gzip.
    Json,
    /// Comma-separated text of a book as a publisher writes it.
    Book(BookForm),
}

/// How a publisher writes a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookForm {
    /// Tardis' `incremental_book_L2`: a level to a line, snapshots among them.
    TardisUpdates,
    /// Tardis' `book_snapshot_N`: N levels of both sides to a line.
    TardisBooks,
    /// Binance's historical depth: a level to a line, files of snapshots and of updates.
    BinanceUpdates,
}

/// What one step of a numeric time column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
    /// Milliseconds from 10^11 (1973) to 10^14 (the year 5138), microseconds from there on (1973): text files of one
    /// publisher that has gone over from the one to the other. Anything smaller is refused: it may be seconds.
    MillisOrMicros,
}

impl TimeUnit {
    /// Nanoseconds of one step of a time that is `count` steps.
    #[inline]
    pub const fn nanos(self, count: i128) -> i64 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
            Self::MillisOrMicros => {
                if count.unsigned_abs() < 100_000_000_000_000 {
                    1_000_000
                } else {
                    1_000
                }
            }
        }
    }

    /// Nanoseconds of one step of any time, if they are the same.
    pub const fn step(self) -> Option<i64> {
        match self {
            Self::MillisOrMicros => None,
            Self::Seconds | Self::Millis | Self::Micros | Self::Nanos => Some(self.nanos(0)),
        }
    }

    /// The unit of a word of a scenario: `s`, `ms`, `us` or `ns`.
    pub fn from_text(text: &str) -> Option<Self> {
        match text {
            "s" => Some(Self::Seconds),
            "ms" => Some(Self::Millis),
            "us" => Some(Self::Micros),
            "ns" => Some(Self::Nanos),
            _ => None,
        }
    }
}

/// What files of a publisher leave out or say in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Custom {
    /// Names of the columns of text files without a header line; where there are none, `#1`, `#2` and so on.
    pub names: &'static [&'static str],
    /// What times count from.
    pub base: TimeBase,
    /// Added to every time: the length of the stretch where a value of its end stands at its beginning.
    pub shift: Span,
}

/// What times count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeBase {
    /// The Unix epoch.
    #[default]
    Epoch,
    /// Midnight in UTC of the day with which the file's name begins, as `YYYYMMDD`.
    DayOfName,
}

/// What the volume of a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VolumeUnit {
    /// Units of the instrument.
    #[default]
    Base,
    /// Quote currency: divided by the bar's close (and the multiplier), rounded down to the
    /// quantity scale.
    Quote,
}

/// What happens to a bad row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// The run stops with its place.
    #[default]
    Fail,
    /// The row is left out and counted.
    Skip,
    /// High and low are widened to hold open and close, a missing volume becomes 0; any other bad
    /// row is left out (of two rows at the same time the first stays). Each is counted.
    ///
    /// Here and with `Skip`, the flags of a row of depth stay where only its level is bad.
    Repair,
}

/// What happens where the catalog and an import differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// The import ends, and the catalog is as it was.
    #[default]
    Error,
    /// What the catalog has stays.
    Keep,
    /// What is imported takes its place.
    Replace,
}

/// One data set of one instrument.
#[derive(Debug, Clone)]
pub struct FileSpec {
    /// Its name in the scenario.
    pub name: String,
    /// What its rows are.
    pub kind: DataKind,
    /// Its files in any order, see [`crate::expand_paths`].
    pub paths: Vec<PathBuf>,
    /// How they are written; by their endings if absent.
    pub format: Option<Format>,
    /// Columns by our name: `ts`, `close_time`, `ts_recv`, `open`, `high`, `low`, `close`, `volume`,
    /// `px`, `qty`, `side`, `buyer_maker`, `flags`, `bid_px`, `ask_px`, `bid_qty`, `ask_qty`, `mark_px`,
    /// `index_px`, `rate`, `interval_hours`, `interval_s`. Usual names of the others are recognised.
    pub columns: BTreeMap<String, String>,
    /// Unit of numeric time columns, which are refused without.
    pub time_unit: Option<TimeUnit>,
    /// What is the publisher's own.
    pub custom: Custom,
    /// Decimals of integer price columns, which are refused without in Parquet.
    pub price_scale: Option<u8>,
    /// Decimals of integer quantity columns, which are refused without in Parquet.
    pub qty_scale: Option<u8>,
    /// What volume counts.
    pub volume_unit: VolumeUnit,
    /// Whether bars may lack the column of their volume, which is then 0; not if `columns` names it.
    pub volume_optional: bool,
    /// What happens to a bad row.
    pub on_error: OnError,
    /// Whether a price between two ticks is a bad row; otherwise it is counted and kept.
    pub strict_ticks: bool,
    /// First time that is read (open time of a bar). Depth before it becomes a snapshot at this time.
    pub start: Option<Ts>,
    /// First time that is not read any more (open time of a bar).
    pub end: Option<Ts>,
    /// Whose data it is.
    pub instrument: Instrument,
}

impl FileSpec {
    /// Files of the catalog's own layout, whole: times and decimals say themselves what they are.
    pub(crate) fn of_catalog(kind: DataKind, instrument: &Instrument, paths: Vec<PathBuf>) -> Self {
        Self {
            name: format!("{}/{}", instrument.id, kind.text()),
            kind,
            paths,
            format: Some(Format::Parquet),
            columns: BTreeMap::from([("ts".to_owned(), kind.time_column().to_owned())]),
            time_unit: None,
            custom: Custom::default(),
            price_scale: None,
            qty_scale: None,
            volume_unit: VolumeUnit::Base,
            volume_optional: false,
            on_error: OnError::Fail,
            strict_ticks: false,
            start: None,
            end: None,
            instrument: instrument.clone(),
        }
    }
}
