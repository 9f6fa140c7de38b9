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
    /// Of books only: what has no flags has no hash of them.
    flags: Option<Hasher>,
    /// Of orders only: actions and ids.
    orders: Option<[Hasher; 2]>,
    bytes: Vec<u8>,
}

impl ContentHash {
    pub(super) fn new(shape: &Shape) -> Self {
        let mut meaning = Hasher::new();
        for (key, value) in shape.facts() {
            meaning.update(format!("{key}={value}\n").as_bytes());
        }
        let [ts, ts_recv, side] = std::array::from_fn(|_| Hasher::new());
        let flags = shape.kind.is_of_book().then(Hasher::new);
        let orders = (shape.kind == DataKind::Mbo).then(|| std::array::from_fn(|_| Hasher::new()));
        Self { meaning, ts, ts_recv, values: Vec::new(), side, flags, orders, bytes: Vec::new() }
    }

    pub(super) fn update(&mut self, rows: &Slices<'_>) {
        let Self { ts, ts_recv, values, side, flags, orders, bytes, .. } = self;
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
        if let Some([actions, ids]) = orders {
            actions.update(rows.action);
            bytes.clear();
            bytes.extend(rows.order_id.iter().flat_map(|id| id.to_le_bytes()));
            ids.update(bytes);
        }
    }

    pub(super) fn finish(&mut self) -> [u8; 32] {
        let columns = [("ts", &self.ts), ("ts_recv", &self.ts_recv), ("aggressor", &self.side)];
        let values = self.values.iter().map(|(name, hasher)| (*name, hasher));
        let flags = self.flags.iter().map(|hasher| ("flags", hasher));
        let orders = self.orders.iter().flat_map(|[actions, ids]| [("action", actions), ("order_id", ids)]);
        for (name, hasher) in columns.into_iter().chain(values).chain(flags).chain(orders) {
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
