//! Which rows of one instant stay, and whether a book's rows stand in another's.

use tapedeck_model::MarketRecord;
use tapedeck_model::market::DepthFlags;

use super::cursor::Cursor;
use super::text::rows_text;
use crate::error::CatalogError;
use crate::spec::DataKind;

/// Which rows of an instant stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    There,
    New,
    Conflict,
}

/// Of two sources' rows at one instant. Of bars, marks and funding there is one a time, so they are equal or in conflict. Of
/// trades and quotes there may be several: a source that was cut amid the instant lacks some.
pub(super) fn settle_instant(kind: DataKind, there: &[MarketRecord], new: &[MarketRecord]) -> Settled {
    match kind {
        _ if there == new => Settled::There,
        DataKind::Trades | DataKind::Quotes if holds(there, new) => Settled::There,
        DataKind::Trades | DataKind::Quotes if holds(new, there) => Settled::New,
        DataKind::Bars { .. }
        | DataKind::Trades
        | DataKind::Quotes
        | DataKind::Depth
        | DataKind::Marks
        | DataKind::Funding
        | DataKind::Mbo => Settled::Conflict,
    }
}

/// Whether all rows of `part` stand in `whole`, each as often, in the same order.
fn holds(whole: &[MarketRecord], part: &[MarketRecord]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|wanted| rest.any(|row| row == wanted))
}

/// Where a row stands that the other source does not have: the instant, and what `whole` and `part` have there.
pub(super) type Stranger = (i64, String, String);

/// The first place where `part` is not an uncut piece of `whole`.
pub(super) fn first_stranger(
    whole: &mut Cursor,
    part: &mut Cursor,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Stranger>, CatalogError> {
    let mut is_first = true;
    while let Some(at) = part.peek()? {
        if stop() {
            return Err(CatalogError::Stopped);
        }
        while let Some(before) = whole.peek()?.filter(|ts| *ts < at) {
            let rows = whole.instant()?;
            if !is_first {
                return Ok(Some((before, rows_text(&rows, whole.instrument()), "nothing".to_owned())));
            }
            whole.skip(rows.len());
        }
        let rows = part.instant()?;
        part.skip(rows.len());
        let is_last = part.peek()?.is_none();
        let there = if whole.peek()? == Some(at) { whole.instant()? } else { Vec::new() };
        whole.skip(there.len());
        if !is_piece(&there, &rows, is_first, is_last) {
            let text = |rows: &[_]| rows_text(rows, whole.instrument());
            return Ok(Some((at, text(&there), text(&rows))));
        }
        is_first = false;
    }
    Ok(None)
}

/// Whether rows of an instant are those of `whole`, but for what was cut at the ends of their source. A
/// source that begins amid the day may say so by a flag, where the other knows what came before.
fn is_piece(whole: &[MarketRecord], rows: &[MarketRecord], is_first: bool, is_last: bool) -> bool {
    let fits = |from: usize| {
        whole.get(from..from + rows.len()).is_some_and(|piece| {
            let mut pairs = piece.iter().zip(rows).enumerate();
            pairs.all(|(place, (a, b))| a == b || is_first && place == 0 && *a == without_gap(*b))
        })
    };
    let Some(room) = whole.len().checked_sub(rows.len()) else { return false };
    match (is_first, is_last) {
        (true, true) => (0..=room).any(fits),
        (true, false) => fits(room),
        (false, true) => fits(0),
        (false, false) => room == 0 && fits(0),
    }
}

fn without_gap(record: MarketRecord) -> MarketRecord {
    let cleared = |flags: DepthFlags| DepthFlags::from_bits_truncate(flags.bits() & !DepthFlags::GAP.bits());
    match record {
        MarketRecord::Depth(row) => MarketRecord::Depth(tapedeck_model::DepthTick { flags: cleared(row.flags), ..row }),
        MarketRecord::Mbo(row) => MarketRecord::Mbo(tapedeck_model::MboTick { flags: cleared(row.flags), ..row }),
        other @ (MarketRecord::Bar(_)
        | MarketRecord::Trade(_)
        | MarketRecord::Quote(_)
        | MarketRecord::Mark(_)
        | MarketRecord::Funding(_)) => other,
    }
}
