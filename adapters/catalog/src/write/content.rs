//! The hash of the records of a file: each column by itself, so that the sizes of chunks do not
//! matter, then all of them with what their numbers mean.

use blake3::Hasher;

use crate::spec::DataKind;

use super::columns::{Shape, Slices};

/// BLAKE3 of records.
pub(super) struct ContentHash {
    meaning: Hasher,
    ts: Hasher,
    ts_recv: Hasher,
    values: Vec<(&'static str, Hasher)>,
    side: Hasher,
    /// Of depth only: what has no flags has no hash of them.
    flags: Option<Hasher>,
    bytes: Vec<u8>,
}

impl ContentHash {
    pub(super) fn new(shape: &Shape) -> Self {
        let mut meaning = Hasher::new();
        for (key, value) in shape.facts() {
            meaning.update(format!("{key}={value}\n").as_bytes());
        }
        let [ts, ts_recv, side] = std::array::from_fn(|_| Hasher::new());
        let flags = (shape.kind == DataKind::Depth).then(Hasher::new);
        Self { meaning, ts, ts_recv, values: Vec::new(), side, flags, bytes: Vec::new() }
    }

    pub(super) fn update(&mut self, rows: &Slices<'_>) {
        let Self { ts, ts_recv, values, side, flags, bytes, .. } = self;
        add(ts, &rows.ts, bytes);
        add(ts_recv, rows.ts_recv, bytes);
        if values.is_empty() {
            values.extend(rows.values.iter().map(|column| (column.name, Hasher::new())));
        }
        for ((_, hasher), column) in values.iter_mut().zip(&rows.values) {
            add(hasher, column.raw, bytes);
        }
        bytes.clear();
        bytes.extend(rows.side.iter().map(|side| side.cast_unsigned()));
        side.update(bytes);
        if let Some(flags) = flags {
            flags.update(rows.flags);
        }
    }

    pub(super) fn finish(&mut self) -> [u8; 32] {
        let columns = [("ts", &self.ts), ("ts_recv", &self.ts_recv), ("aggressor", &self.side)];
        let values = self.values.iter().map(|(name, hasher)| (*name, hasher));
        let flags = self.flags.iter().map(|hasher| ("flags", hasher));
        for (name, hasher) in columns.into_iter().chain(values).chain(flags) {
            self.meaning.update(name.as_bytes()).update(hasher.finalize().as_bytes());
        }
        *self.meaning.finalize().as_bytes()
    }
}

fn add(hasher: &mut Hasher, numbers: &[i64], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    hasher.update(bytes);
}
