//! A batch of rows as decoded, before they are checked.

/// Why a cell is no number, time or word that we can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    /// Null, empty or not a number.
    Missing,
    /// Infinite.
    Infinite,
    /// Not what the column should hold.
    NotReadable,
    /// More decimals than the scale holds.
    OffScale(u8),
    /// Does not fit 64 bits in its scale.
    TooLarge,
    /// The line has more or fewer fields than the header.
    Fields { found: usize, expected: usize },
    /// A time in another unit than the file's others.
    Unit,
    /// Not a sum of the flags that we know.
    Flags,
    /// Not what can happen to an order.
    Action,
}

impl Bad {
    pub(crate) fn problem(self) -> String {
        match self {
            Self::Missing => "a value is missing".to_owned(),
            Self::Infinite => "the value is infinite".to_owned(),
            Self::NotReadable => "the value cannot be read".to_owned(),
            Self::OffScale(scale) => {
                format!("does not fit {scale} decimals; expected a price of the instrument's scale")
            }
            Self::TooLarge => "the value is too large".to_owned(),
            Self::Unit => "neither milliseconds nor microseconds since 1973; is it in seconds?".to_owned(),
            Self::Fields { found, expected } => {
                format!("the line has {found} fields, the first one has {expected}")
            }
            Self::Action => "expected add, modify, cancel, execute, or nothing".to_owned(),
            Self::Flags => {
                "no sum of 1 (last of its message), 2 (a snapshot begins) and 4 (messages were lost)".to_owned()
            }
        }
    }
}

/// A cell that could not be decoded; its value in the batch is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Row in the batch, from 0.
    pub(crate) row: usize,
    /// Position in the layout's columns.
    pub(crate) column: usize,
    pub(crate) bad: Bad,
    /// The cell as text.
    pub(crate) value: String,
}

/// Most prices and quantities that a kind of record has.
pub(crate) const SLOTS: usize = 5;

/// Decoded columns of consecutive rows of one file.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// Number of the first row in the file, from 1.
    pub(crate) first_row: u64,
    /// Times as in the file.
    pub(crate) ts: Vec<i64>,
    /// Receive times, or empty.
    pub(crate) ts_recv: Vec<i64>,
    /// Prices and quantities in the order of the layout; unused ones are empty.
    pub(crate) values: [Vec<i64>; SLOTS],
    /// Trades: 1 = the buyer took, -1 = the seller, 0 = not known. Depth: 1 = bids, -1 = asks, 0 = flags
    /// only. Orders: the same, 0 = not said. Else empty.
    pub(crate) side: Vec<i8>,
    /// Of depth and orders, if the file has them; else empty.
    pub(crate) flags: Vec<u8>,
    /// Of orders only: [`tapedeck_model::MboAction`] as numbers, 0 = flags only.
    pub(crate) action: Vec<u8>,
    /// Of orders only.
    pub(crate) order_id: Vec<u64>,
    /// Cells that could not be decoded.
    pub(crate) faults: Vec<Fault>,
    /// Rows in which a quantity was cut to its scale, once per quantity.
    pub(crate) cut: Vec<usize>,
}

impl Rows {
    pub(crate) fn clear(&mut self) {
        self.ts.clear();
        self.ts_recv.clear();
        self.values.iter_mut().for_each(Vec::clear);
        self.side.clear();
        self.flags.clear();
        self.action.clear();
        self.order_id.clear();
        self.faults.clear();
        self.cut.clear();
    }
}
