//! The kinds of findings: name, weight, meaning.

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; normal in sound data.
    Info,
    /// May change results.
    Warning,
    /// Cannot be true.
    Error,
}

impl Severity {
    /// The word.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Its weight in the score.
    pub const fn weight(self) -> f64 {
        match self {
            Self::Info => 0.0,
            Self::Warning => 0.3,
            Self::Error => 1.0,
        }
    }
}

/// Writes the enum and its table from one list.
macro_rules! kinds {
    ($($name:ident $text:literal $severity:ident $meaning:literal)+) => {
        /// A kind of finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = $meaning] $name,)+
        }

        impl Kind {
            /// All of them, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name in tables, JSON and thresholds.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$name => Severity::$severity,)+
                }
            }

            /// What it means.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)+
                }
            }
        }
    };
}

kinds! {
    UnreadableFile "unreadable_file" Error "a file cannot be read, or breaks off"
    UnreadableRow "unreadable_row" Error "a cell or a line cannot be read"
    MissingValue "missing_value" Error "a cell is empty or NaN"
    MissingVolume "missing_volume" Warning "a bar's volume is empty or NaN"
    OutOfOrder "out_of_order" Error "the time is before that of the row before"
    RecvOutOfOrder "recv_out_of_order" Warning "the time of receipt is before that of the row before"
    DuplicateTime "duplicate_time" Error "a bar or a funding rate, or a row on a grid of times, has the time of the one before"
    DuplicateRow "duplicate_row" Warning "a row that is no trade is there twice, in every value"
    EqualTime "equal_time" Info "a trade, quote or row of a book has the time of the one before"
    EqualTrade "equal_trade" Info "a trade equals one of the same time; ids are not compared, both may be real"
    OffGrid "off_grid" Error "a bar's time does not lie on the grid of its interval"
    Gap "gap" Warning "rows are missing; counted are places, beside them the rows that are missing"
    OutsideSession "outside_session" Warning "a row lies where the calendar says closed"
    BadPrice "bad_price" Error "a price is zero or negative"
    BadQty "bad_qty" Error "a quantity is negative, or a trade's is zero"
    BadOhlc "bad_ohlc" Error "the high is below, or the low is above, another price of the bar"
    FlatBar "flat_bar" Info "open, high, low and close are the same"
    ZeroVolume "zero_volume" Info "a bar has no volume"
    Stale "stale" Warning "the price does not move for many rows; counted are the runs"
    OffTick "off_tick" Warning "a price lies between two ticks, or has more decimals than it should"
    Outlier "outlier" Warning "a return lies far out of those before it"
    BadTick "bad_tick" Error "a price jumps and comes back, or a bar's high or low lies far off open and close"
    Crossed "crossed" Error "the bid is above the ask"
    Locked "locked" Warning "the bid equals the ask"
    SequenceBreak "sequence_break" Warning "messages of a book were lost before this row"
    NegativeLatency "negative_latency" Warning "a row was received before it happened: clocks differ"
    OddTime "odd_time" Info "a funding rate does not stand exactly on the grid of settlements"
    AgainstDiffers "against_differs" Warning "the other source says something else at this time"
    AgainstMissing "against_missing" Warning "one of the two sources has no row at this time"
    CoarseDiffers "coarse_differs" Error "the coarse bar is not what the fine data make"
    CoarseMissing "coarse_missing" Warning "one of fine and coarse data has no bar at this time"
}

impl Kind {
    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_documented_as_it_is() {
        let text = std::fs::read_to_string("../../docs/quality.md").unwrap();
        for kind in Kind::ALL {
            let row = format!("| `{}` | {} | {} |", kind.name(), kind.severity().text(), kind.meaning());
            assert!(text.contains(&row), "docs/quality.md should have: {row}");
        }
        assert_eq!(text.lines().filter(|line| line.starts_with("| `")).count(), Kind::ALL.len());
    }
}
