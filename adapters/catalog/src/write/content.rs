//! The hash of the records of a file: each column by itself, so that the sizes of chunks do not
//! matter, then all of them with what their numbers mean.

use blake3::Hasher;

use super::columns::{Shape, Slices};

/// BLAKE3 of records.
pub(super) struct ContentHash {
    meaning: Hasher,
    ts: Hasher,
    ts_recv: Hasher,
    values: Vec<(&'static str, Hasher)>,
    aggressor: Hasher,
    bytes: Vec<u8>,
}

impl ContentHash {
    pub(super) fn new(shape: &Shape) -> Self {
        let mut meaning = Hasher::new();
        for (key, value) in shape.facts() {
            meaning.update(format!("{key}={value}\n").as_bytes());
        }
        let [ts, ts_recv, aggressor] = std::array::from_fn(|_| Hasher::new());
        Self { meaning, ts, ts_recv, values: Vec::new(), aggressor, bytes: Vec::new() }
    }

    pub(super) fn update(&mut self, rows: &Slices<'_>) {
        let Self { ts, ts_recv, values, aggressor, bytes, .. } = self;
        add(ts, &rows.ts, bytes);
        add(ts_recv, rows.ts_recv, bytes);
        if values.is_empty() {
            values.extend(rows.values.iter().map(|column| (column.name, Hasher::new())));
        }
        for ((_, hasher), column) in values.iter_mut().zip(&rows.values) {
            add(hasher, column.raw, bytes);
        }
        bytes.clear();
        bytes.extend(rows.aggressor.iter().map(|side| side.cast_unsigned()));
        aggressor.update(bytes);
    }

    pub(super) fn finish(&mut self) -> [u8; 32] {
        let columns = [("ts", &self.ts), ("ts_recv", &self.ts_recv), ("aggressor", &self.aggressor)];
        let values = self.values.iter().map(|(name, hasher)| (*name, hasher));
        for (name, hasher) in columns.into_iter().chain(values) {
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
