//! What is wrong with the values of one row.

use tapedeck_catalog::{DataKind, RawFaultKind};
use tapedeck_model::MboAction;
use tapedeck_model::market::DepthFlags;
use tapedeck_model::number::format_scaled;

use crate::findings::Findings;
use crate::kind::Kind;
use crate::stream::Row;

/// How numbers are printed and which prices can be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scales {
    pub(crate) kind: DataKind,
    pub(crate) price: u8,
    pub(crate) qty: u8,
    /// Step of a price, if it is known.
    pub(crate) tick: Option<i64>,
}

impl Scales {
    pub(crate) fn price_text(&self, raw: i64) -> String {
        format_scaled(i128::from(raw), self.price)
    }

    fn qty_text(&self, raw: i64) -> String {
        format_scaled(i128::from(raw), self.qty)
    }

    /// The prices of a row with their names, as far as it must have them.
    fn prices(&self, row: &Row) -> &'static [&'static str] {
        match self.kind {
            DataKind::Bars { .. } => &["open", "high", "low", "close"],
            DataKind::Trades => &["px"],
            DataKind::Quotes => &["bid_px", "ask_px"],
            DataKind::Depth if row.raw.side != 0 => &["px"],
            DataKind::Mbo if is_priced(row) => &["px"],
            DataKind::Marks => &["mark_px"],
            DataKind::Depth | DataKind::Mbo | DataKind::Funding => &[],
        }
    }

    /// The quantities of a row with their places.
    fn quantities(&self, row: &Row) -> &'static [(usize, &'static str)] {
        match self.kind {
            DataKind::Bars { .. } => &[(4, "volume")],
            DataKind::Quotes => &[(2, "bid_qty"), (3, "ask_qty")],
            DataKind::Depth if row.raw.side == 0 => &[],
            DataKind::Trades | DataKind::Depth => &[(1, "qty")],
            DataKind::Mbo if is_priced(row) => &[(1, "qty")],
            DataKind::Mbo | DataKind::Marks | DataKind::Funding => &[],
        }
    }
}

/// Whether what happened to an order names price and quantity.
fn is_priced(row: &Row) -> bool {
    matches!(MboAction::from_number(row.raw.action), Some(MboAction::Add | MboAction::Modify))
}

/// Looks at the values of a row.
pub(crate) fn pass(scales: &Scales, row: &Row, findings: &mut Findings) {
    faults(row, findings);
    let prices = || scales.prices(row).iter().enumerate().filter_map(|(slot, name)| Some((*name, row.value(slot)?)));
    let told = |bad: &[(&str, i64)]| {
        let all = bad.iter().map(|(name, raw)| format!("{name} {}", scales.price_text(*raw)));
        row.place(all.collect::<Vec<_>>().join(", "))
    };
    let bad: Vec<_> = prices().filter(|(_, px)| *px <= 0).collect();
    if !bad.is_empty() {
        findings.add(Kind::BadPrice, || told(&bad));
    }
    if let Some(tick) = scales.tick.filter(|_| scales.kind != DataKind::Marks) {
        let off: Vec<_> = prices().filter(|(_, px)| px % tick != 0).collect();
        if !off.is_empty() {
            findings.add(Kind::OffTick, || told(&off));
        }
    }
    let least = i64::from(scales.kind == DataKind::Trades);
    let quantities = scales.quantities(row).iter().filter_map(|(slot, name)| Some((*name, row.value(*slot)?)));
    if let Some((name, qty)) = quantities.into_iter().find(|(_, qty)| *qty < least) {
        findings.add(Kind::BadQty, || row.place(format!("{name} {}", scales.qty_text(qty))));
    }
    match scales.kind {
        DataKind::Bars { .. } => bar(scales, row, findings),
        DataKind::Quotes => quote(scales, row, findings),
        DataKind::Depth | DataKind::Mbo => {
            if DepthFlags::from_bits_truncate(row.raw.flags).has(DepthFlags::GAP) {
                findings.add(Kind::SequenceBreak, || row.place("messages were lost".to_owned()));
            }
        }
        DataKind::Trades | DataKind::Marks | DataKind::Funding => {}
    }
}

/// Cells that could not be decoded, each kind of defect once.
fn faults(row: &Row, findings: &mut Findings) {
    let of = |kind: RawFaultKind| row.raw.faults.iter().filter(move |fault| fault.kind == kind);
    for (defect, kind) in [
        (RawFaultKind::NoVolume, Kind::MissingVolume),
        (RawFaultKind::Missing, Kind::MissingValue),
        (RawFaultKind::OffScale, Kind::OffTick),
        (RawFaultKind::Unreadable, Kind::UnreadableRow),
    ] {
        if of(defect).next().is_some() {
            let told =
                of(defect).map(|fault| format!("column `{}` is {}: {}", fault.column, fault.value, fault.problem));
            findings.add(kind, || row.place(told.collect::<Vec<_>>().join("; ")));
        }
    }
}

/// A bar as `open high low close`.
pub(crate) fn bar_text(scales: &Scales, bar: [i64; 4]) -> String {
    let [open, high, low, close] = bar.map(|px| scales.price_text(px));
    format!("open {open}, high {high}, low {low}, close {close}")
}

/// The prices of a bar, if it has all of them.
pub(crate) fn bar_of(row: &Row) -> Option<[i64; 4]> {
    Some([row.value(0)?, row.value(1)?, row.value(2)?, row.value(3)?])
}

/// Whether high and low hold the other prices of a bar.
pub(crate) fn is_consistent([open, high, low, close]: [i64; 4]) -> bool {
    high >= open.max(close).max(low) && low <= open.min(close)
}

fn bar(scales: &Scales, row: &Row, findings: &mut Findings) {
    if row.value(4) == Some(0) {
        findings.add(Kind::ZeroVolume, || row.place(String::new()));
    }
    let Some(bar) = bar_of(row) else { return };
    let [open, high, low, close] = bar;
    if !is_consistent(bar) {
        findings.add(Kind::BadOhlc, || row.place(bar_text(scales, bar)));
    } else if open == close && high == low {
        findings.add(Kind::FlatBar, || row.place(scales.price_text(open)));
    }
}

fn quote(scales: &Scales, row: &Row, findings: &mut Findings) {
    let (Some(bid), Some(ask)) = (row.value(0), row.value(1)) else { return };
    let told = || row.place(format!("bid {}, ask {}", scales.price_text(bid), scales.price_text(ask)));
    if bid > ask {
        findings.add(Kind::Crossed, told);
    } else if bid == ask {
        findings.add(Kind::Locked, told);
    }
}
