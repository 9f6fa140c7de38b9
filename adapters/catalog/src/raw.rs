//! Rows as they stand in a file, good or bad, each with its address.
//!
//! Enters: one file and how it is written. Leaves: every row in the order of the file, with the cells that could be
//! decoded and what is wrong with the others. Invariants: no row is left out, mended or refused; memory holds one
//! batch. Deliberately absent: any opinion about the values, which is what [`crate::open`] has.

use std::path::{Path, PathBuf};

use crate::decode::{FileReader, Part};
use crate::error::CatalogError;
use crate::layout::{Field, VOLUME};
use crate::rows::{Bad, Fault, Rows, SLOTS};
use crate::source::first_time;
use crate::spec::{DataKind, FileSpec};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 16_384;

/// A row as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRow {
    /// Its number in the file, from 1 and without a header line.
    pub row: u64,
    /// Nanoseconds since the Unix epoch; open time of a bar.
    pub ts: Option<i64>,
    /// Time of receipt, where the file has one.
    pub ts_recv: Option<i64>,
    /// Prices and quantities in the instrument's scales, in the order of the kind: open, high, low, close, volume; px,
    /// qty; bid_px, ask_px, bid_qty, ask_qty; mark_px, index_px (0: not known); rate, interval in ns (0: not known), mark_px
    /// (0: not known). `None` where a cell or a column is missing or cannot be read.
    pub values: [Option<i64>; SLOTS],
    /// As in a chunk of its kind: 1 buyer or bids, -1 seller or asks, 0 neither or not known.
    pub side: i8,
    /// Flags of depth and orders, see [`tapedeck_model::market::DepthFlags`].
    pub flags: u8,
    /// What happened to an order, as [`tapedeck_model::MboAction`] numbers it; 0 if nothing.
    pub action: u8,
    /// Number of an order, where there is one.
    pub order_id: u64,
    /// Cells that could not be decoded.
    pub faults: Vec<RawFault>,
}

/// A cell that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFault {
    /// The file's name of the column.
    pub column: String,
    /// What the cell holds.
    pub value: String,
    /// What is wrong with it.
    pub problem: String,
    /// Which defect it is.
    pub kind: RawFaultKind,
}

/// The defects of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawFaultKind {
    /// The volume of a bar is empty or NaN.
    NoVolume,
    /// Any other cell is empty or NaN.
    Missing,
    /// A price has more decimals than the instrument's scale.
    OffScale,
    /// Anything else.
    Unreadable,
}

/// One file being read as it is.
pub struct RawFile {
    spec: FileSpec,
    reader: FileReader,
    rows: Rows,
    /// The next row of the batch.
    at: usize,
    has_volume: bool,
}

impl RawFile {
    /// Opens a file.
    ///
    /// # Errors
    /// [`CatalogError`] if it cannot be read as `spec` says.
    pub fn open(spec: &FileSpec, path: &Path) -> Result<Self, CatalogError> {
        let reader = FileReader::open(spec, path, BATCH_ROWS, Part::Wanted)?;
        let has_volume = !matches!(spec.kind, DataKind::Bars { .. }) || reader.layout.position(VOLUME).is_some();
        Ok(Self { spec: spec.clone(), reader, rows: Rows::default(), at: 0, has_volume })
    }

    /// The next row; `None` at the end of the file.
    ///
    /// # Errors
    /// [`CatalogError`] where the file breaks off or is damaged.
    pub fn next_row(&mut self) -> Result<Option<RawRow>, CatalogError> {
        while self.at >= self.rows.ts.len() {
            if !self.reader.next(&self.spec, &mut self.rows)? {
                return Ok(None);
            }
            self.rows.faults.sort_by_key(|fault| std::cmp::Reverse(fault.row));
            self.at = 0;
        }
        let row = self.row(self.at);
        self.at += 1;
        Ok(Some(row))
    }

    fn row(&mut self, at: usize) -> RawRow {
        let mut faults = Vec::new();
        while let Some(fault) = self.rows.faults.pop_if(|fault| fault.row <= at) {
            faults.push(fault);
        }
        let bad = |wanted: &dyn Fn(Field) -> bool| {
            faults.iter().any(|fault| {
                // A torn line has no cells at all.
                matches!(fault.bad, Bad::Fields { .. }) || self.field(fault).is_some_and(wanted)
            })
        };
        let rows = &self.rows;
        let number = |slot: usize| {
            let of_slot = |field| slot_of(field) == Some(slot);
            let known = slot != SLOTS - 1 || self.has_volume;
            rows.values.get(slot).and_then(|column| column.get(at)).copied().filter(|_| known && !bad(&of_slot))
        };
        RawRow {
            row: rows.first_row + at as u64,
            ts: rows.ts.get(at).copied().filter(|_| !bad(&|field| matches!(field, Field::Ts | Field::CloseTime))),
            ts_recv: rows.ts_recv.get(at).copied().filter(|_| !bad(&|field| field == Field::TsRecv)),
            values: std::array::from_fn(number),
            side: rows.side.get(at).copied().unwrap_or(0),
            flags: rows.flags.get(at).copied().unwrap_or(0),
            action: rows.action.get(at).copied().unwrap_or(0),
            order_id: rows.order_id.get(at).copied().unwrap_or(0),
            faults: self.told(&faults),
        }
    }

    fn field(&self, fault: &Fault) -> Option<Field> {
        self.reader.layout.columns.get(fault.column).map(|column| column.field)
    }

    /// What is wrong with a row; of a torn line only that.
    fn told(&self, faults: &[Fault]) -> Vec<RawFault> {
        let torn = faults.iter().find(|fault| matches!(fault.bad, Bad::Fields { .. }));
        torn.map_or(faults, std::slice::from_ref).iter().map(|fault| self.told_one(fault)).collect()
    }

    fn told_one(&self, fault: &Fault) -> RawFault {
        let kind = match (fault.bad, self.field(fault)) {
            (Bad::Missing, Some(VOLUME)) => RawFaultKind::NoVolume,
            (Bad::Missing, _) => RawFaultKind::Missing,
            (Bad::OffScale(_), _) => RawFaultKind::OffScale,
            (_, _) => RawFaultKind::Unreadable,
        };
        let column = self.reader.layout.columns.get(fault.column).map(|c| c.name.clone()).unwrap_or_default();
        RawFault { column, value: fault.value.clone(), problem: fault.bad.problem(), kind }
    }
}

/// Where a number stands among the values of a row.
const fn slot_of(field: Field) -> Option<usize> {
    match field {
        Field::Price(slot) | Field::Qty(slot) => Some(slot),
        Field::Rate => Some(0),
        Field::Hours | Field::Seconds => Some(1),
        Field::Ts
        | Field::CloseTime
        | Field::TsRecv
        | Field::Side
        | Field::BuyerMaker
        | Field::Flags
        | Field::Action
        | Field::OrderId => None,
    }
}

/// The files of a data set that can be opened, in the order of their first times (such without rows last), and why the
/// others cannot.
pub fn raw_files(spec: &FileSpec) -> (Vec<PathBuf>, Vec<(PathBuf, CatalogError)>) {
    let (mut readable, mut refused) = (Vec::new(), Vec::new());
    for path in &spec.paths {
        match first_time(spec, path) {
            Ok(first) => readable.push((first.is_none(), first, path.clone())),
            Err(error) => refused.push((path.clone(), error)),
        }
    }
    readable.sort();
    readable.dedup();
    (readable.into_iter().map(|(_, _, path)| path).collect(), refused)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::tests::{MINUTE_BARS, spec, write_text};

    #[test]
    fn every_row_is_handed_over_as_it_is_with_its_address() {
        let folder = tempfile::tempdir().unwrap();
        let text = "ts,open,high,low,close,volume\n\
            2024-01-01T00:01:00Z,2,1,3,2,5\n\
            2024-01-01T00:00:00Z,-1,2,1,x,nan\n\
            2024-01-01T00:00:00Z,1,2\n\
            never,1,2,1,1,1\n";
        let path = write_text(&folder, "bars.csv", text);
        let mut file = RawFile::open(&spec(MINUTE_BARS, std::slice::from_ref(&path)), &path).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = file.next_row().unwrap() {
            rows.push(row);
        }
        assert_eq!(rows.iter().map(|row| row.row).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(rows[0].faults.is_empty() && rows[0].values.iter().all(Option::is_some));
        assert!(rows[0].ts > rows[1].ts);
        assert_eq!((rows[1].values[3], rows[1].values[4]), (None, None));
        let kinds: Vec<RawFaultKind> = rows[1].faults.iter().map(|fault| fault.kind).collect();
        assert_eq!(kinds.len(), 2);
        assert!(kinds.contains(&RawFaultKind::NoVolume) && kinds.contains(&RawFaultKind::Unreadable));
        assert_eq!((rows[2].ts, rows[2].values, rows[2].faults.len()), (None, [None; SLOTS], 1));
        assert_eq!((rows[3].ts, rows[3].values[0].is_some()), (None, true));
    }

    #[test]
    fn a_file_that_cannot_be_opened_does_not_hide_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let [late, empty, early] = ["a.csv", "b.csv", "c.csv"].map(|name| folder.path().join(name));
        let bar = |day: u8| format!("ts,open,high,low,close,volume\n2024-01-0{day}T00:00:00Z,1,1,1,1,1\n");
        fs::write(&late, bar(2)).unwrap();
        fs::write(&empty, "").unwrap();
        fs::write(&early, bar(1)).unwrap();
        let (files, refused) = raw_files(&spec(MINUTE_BARS, &[late.clone(), empty.clone(), early.clone()]));
        assert_eq!(files, [early, late]);
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].0, empty);
    }
}
