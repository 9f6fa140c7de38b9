//! The units of an asset change at the venue.
//!
//! Enters: the instant and how many new units one old unit is. Leaves: a cancel for every open order of the asset's
//! instruments, and how the account stands in new units. Invariants: nothing that the venue keeps of these instruments
//! is in old units afterwards; no order in old units is taken any more.

use tapedeck_model::number::pow10;
use tapedeck_model::order::{CancelReason, RejectReason};
use tapedeck_model::{Amount, CurrencyIx, Instrument, InstrumentIx, Price, Ratio, RedenominationReport, Ts};

use super::desk::Desk;
use super::{SimVenue, TimedReport, VenueError};

/// The units of an asset change at a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redenomination {
    /// Position of the venue in the run's table.
    pub venue: u16,
    /// Of which asset.
    pub asset: CurrencyIx,
    /// How many new units one old unit is.
    pub ratio: Ratio,
}

impl SimVenue {
    /// The units of an asset change at `now`: orders of all instruments of which it is the base are canceled, their
    /// prices forgotten, balance and positions converted. Reports about orders are added to `out`; what is said of the
    /// account is given back. Of a contract a quantity must be exact in new units, for it is worth money; where assets
    /// change hands positions only tell who had what, and are rounded toward zero.
    ///
    /// # Errors
    /// [`VenueError::Fraction`] or [`VenueError::Overflow`].
    pub fn on_redenomination(
        &mut self,
        now: Ts,
        change: &Redenomination,
        out: &mut Vec<TimedReport>,
    ) -> Result<RedenominationReport, VenueError> {
        let Redenomination { asset, ratio, .. } = *change;
        let mut positions = Amount::ZERO;
        for ix in self.instruments_of(asset) {
            self.at_desk((ix, now), out, |scene, _, _| {
                scene.cancel_all(None, now, CancelReason::Redenominated);
                scene.desk.close(RejectReason::Redenominated);
                scene.desk.forget_market();
                Ok(())
            })?;
            let holds_assets = self.funds.balance(asset).is_some();
            let too_large = |desk: &Desk| VenueError::Overflow { instrument: desk.instrument.id.to_string() };
            let Some(Some(desk)) = self.desks.get_mut(ix.usize()) else { continue };
            convert(desk, ratio, holds_assets)?;
            positions = gross(desk).and_then(|sum| positions.checked_add(sum)).ok_or_else(|| too_large(desk))?;
            if let Some(margin) = self.funds.margin_mut() {
                margin.redenominate(ix, ratio).ok_or_else(|| too_large(desk))?;
            }
            if let Some(watch) = &mut self.watch {
                watch.redenominate(ix, ratio.to_f64());
            }
            if let Some(cell) = self.impacts.get(ix.usize()) {
                let mut impact = cell.get();
                impact.permanent /= ratio.to_f64();
                impact.temporary /= ratio.to_f64();
                cell.set(impact);
            }
        }
        let too_large = || VenueError::Overflow { instrument: "a balance in new units".to_owned() };
        let before = self.funds.balance(asset).or(self.funds.margin().map(|margin| margin.book.wallet(asset)));
        let holding = match before {
            None => None,
            Some(before) => {
                let after = ratio.amount(before).ok_or_else(too_large)?;
                self.on_money(asset, after.checked_sub(before).ok_or_else(too_large)?)?;
                Some(after)
            }
        };
        Ok(RedenominationReport { asset, ts_event: now, ratio, holding, positions })
    }

    /// Our side has learned of a redenomination: orders from these on, by strategy, are in new units.
    pub fn on_redenomination_told(&mut self, asset: CurrencyIx, first_orders: &[u32]) {
        let of_asset = |desk: &&mut Desk| desk.instrument.base == asset;
        self.desks.iter_mut().flatten().filter(of_asset).for_each(|desk| desk.open_again(first_orders));
    }

    /// An instrument of this venue with its last price, or mark price where none was dealt at, if one is known.
    pub fn last_px_of(&self, instrument: InstrumentIx) -> Option<(&Instrument, Price)> {
        let desk = self.desks.get(instrument.usize())?.as_ref()?;
        Some((&desk.instrument, desk.last_px().or_else(|| desk.mark_px())?))
    }

    /// Instruments of which an asset is the base.
    pub fn instruments_of(&self, asset: CurrencyIx) -> Vec<InstrumentIx> {
        let of_asset = self.desks.iter().flatten().filter(|desk| desk.instrument.base == asset);
        of_asset.map(|desk| desk.instrument.ix).collect()
    }
}

/// Positions of a desk in new units.
fn convert(desk: &mut Desk, ratio: Ratio, holds_assets: bool) -> Result<(), VenueError> {
    for held in &mut desk.positions {
        let instrument = &desk.instrument;
        let converted = ratio.qty(*held);
        let (qty, exact) = converted.ok_or_else(|| VenueError::Overflow { instrument: instrument.id.to_string() })?;
        if !exact && !holds_assets {
            let qty = held.display(instrument.qty_scale);
            return Err(VenueError::Fraction { instrument: instrument.id.to_string(), qty, ratio });
        }
        *held = qty;
    }
    Ok(())
}

/// The sum of the quantities of all positions of a desk, in units; `None` on overflow.
fn gross(desk: &Desk) -> Option<Amount> {
    let raw = desk.positions.iter().map(|held| i128::from(held.raw()).abs()).sum::<i128>();
    raw.checked_mul(pow10(Amount::SCALE - desk.instrument.qty_scale)).map(Amount::from_raw)
}
