//! Where a day of a data set lies in the catalog:
//! `<root>/<kind>/venue=V/instrument=I[/interval=1m]/date=YYYY-MM-DD/part-0.parquet`.
//!
//! Invariants: a name is read back as it was written; characters that mean something in a path are
//! written as `%` and two hexadecimal digits, so a symbol never leads out of the catalog.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use tapedeck_model::{InstrumentId, Span, Ts};

use crate::spec::DataKind;

/// The name of the one file of a day.
pub(crate) const FILE_NAME: &str = "part-0.parquet";

/// One data set of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Series {
    pub(crate) kind: DataKind,
    pub(crate) instrument: InstrumentId,
}

impl Series {
    /// The folder with its days, below the catalog's.
    pub(crate) fn folder(&self) -> PathBuf {
        let mut path = PathBuf::from(self.kind.text());
        path.push(format!("venue={}", escaped(&self.instrument.venue)));
        path.push(format!("instrument={}", escaped(&self.instrument.symbol)));
        if let DataKind::Bars { interval } = self.kind {
            path.push(format!("interval={interval}"));
        }
        path
    }

    /// The folder of the day that begins at `day`, below the catalog's.
    pub(crate) fn day_folder(&self, day: Ts) -> PathBuf {
        let text = day.to_string();
        self.folder().join(format!("date={}", text.split_once('T').map_or(text.as_str(), |(date, _)| date)))
    }

    /// The file of the day that begins at `day`, below the catalog's folder.
    pub(crate) fn day_file(&self, day: Ts) -> PathBuf {
        self.day_folder(day).join(FILE_NAME)
    }

    /// The data set that a file belongs to, by its path below the root; `None` if it is not laid out
    /// as a catalog is.
    pub(crate) fn of_file(below_root: &Path) -> Option<Self> {
        let mut parts = below_root.iter().map(|part| part.to_str());
        let mut part = || parts.next().flatten();
        let kind = part()?;
        let venue = unescaped(part()?.strip_prefix("venue=")?)?;
        let symbol = unescaped(part()?.strip_prefix("instrument=")?)?;
        let kind = match kind {
            "bars" => {
                let interval: Span = part()?.strip_prefix("interval=")?.parse().ok()?;
                DataKind::Bars { interval }
            }
            "trades" => DataKind::Trades,
            "quotes" => DataKind::Quotes,
            "depth" => DataKind::Depth,
            "mark" => DataKind::Marks,
            "funding" => DataKind::Funding,
            "mbo" => DataKind::Mbo,
            _ => return None,
        };
        part()?.strip_prefix("date=")?;
        part()?.ends_with(".parquet").then_some(Self { kind, instrument: InstrumentId { venue, symbol } })
    }
}

impl fmt::Display for Series {
    /// For people: `BTCUSD.SIM bars 1m`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.instrument, self.kind.text())?;
        match self.kind {
            DataKind::Bars { interval } => write!(out, " {interval}"),
            DataKind::Trades
            | DataKind::Quotes
            | DataKind::Depth
            | DataKind::Marks
            | DataKind::Funding
            | DataKind::Mbo => Ok(()),
        }
    }
}

/// The day of a folder's name, `YYYY-MM-DD`.
pub(crate) fn date_of(text: &str) -> Option<Ts> {
    text.parse().ok().filter(|ts: &Ts| text.len() == 10 && ts.nanos_of_day() == 0)
}

fn escaped(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

pub(crate) fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_were_written() {
        let day: Ts = "2022-01-31".parse().unwrap();
        let minutes = DataKind::Bars { interval: Span::MINUTE };
        for (kind, venue, symbol, expected) in [
            (minutes, "SIM", "BTCUSD", "bars/venue=SIM/instrument=BTCUSD/interval=1m/date=2022-01-31/part-0.parquet"),
            (DataKind::Depth, "SIM", "BTCUSD", "depth/venue=SIM/instrument=BTCUSD/date=2022-01-31/part-0.parquet"),
            (DataKind::Marks, "SIM", "X", "mark/venue=SIM/instrument=X/date=2022-01-31/part-0.parquet"),
            (DataKind::Funding, "SIM", "X", "funding/venue=SIM/instrument=X/date=2022-01-31/part-0.parquet"),
            (DataKind::Trades, "A B", "x", "trades/venue=A%20B/instrument=x/date=2022-01-31/part-0.parquet"),
            (
                DataKind::Quotes,
                "V",
                "../é%2F",
                "quotes/venue=V/instrument=..%2F%C3%A9%252F/date=2022-01-31/part-0.parquet",
            ),
        ] {
            let series =
                Series { kind, instrument: InstrumentId { venue: venue.to_owned(), symbol: symbol.to_owned() } };
            let path = series.day_file(day);
            assert_eq!(path, Path::new(expected));
            assert_eq!(Series::of_file(&path), Some(series));
        }
        for other in ["notes.parquet", "bars/venue=V/instrument=I/date=2022-01-01/part-0.parquet", "trades/a/b/c/d"] {
            assert_eq!(Series::of_file(Path::new(other)), None, "{other}");
        }
    }
}
