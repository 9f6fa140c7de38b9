//! What a fill does to money and position, without doing it.

use tapedeck_model::event::{LedgerAccount, PositionPoint, PostingLines};
use tapedeck_model::port::PositionView;
use tapedeck_model::{
    Amount, CurrencyIx, Deal, Event, FillReport, HoldingReport, Instrument, PositionSide, Price, Qty, Side, StrategyIx,
};

use super::position::{self, Moved};
use super::{Account, AccountError, AccountKind, overflow};

/// What a fill does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillEffects {
    /// Money that moves; may be without lines (a netting position opened without a fee).
    pub lines: PostingLines,
    /// The strategy's position after the fill.
    pub position: PositionPoint,
    /// Which of the two it is in hedge mode.
    pub position_side: Option<PositionSide>,
    /// Profit of the part that reduced the position, less the fill's fee if that is in the same
    /// currency, in the settlement currency (the quote for spot); `None` if nothing was reduced.
    pub closed_pnl: Option<Amount>,
}

impl FillEffects {
    /// The event of the position after it.
    pub const fn position_changed(&self) -> Event {
        match self.position_side {
            None => Event::PositionChanged(self.position),
            Some(position_side) => Event::SidePositionChanged { position_side, point: self.position },
        }
    }
}

impl Account {
    /// What a fill does: pure, nothing changes before the events made of it are applied.
    ///
    /// A spot fill exchanges both assets; a netting fill pays the realised profit. A fee in the
    /// base asset of a spot instrument reduces the balance and not the position, which tells what
    /// was bought and sold.
    ///
    /// # Errors
    /// [`AccountError::Overflow`], or [`AccountError::Overclosed`] in hedge mode.
    pub fn effects_of_fill(
        &self,
        strategy: StrategyIx,
        instrument: &Instrument,
        deal: impl Into<Deal>,
        report: &FillReport,
    ) -> Result<FillEffects, AccountError> {
        let Deal { side, position_side } = deal.into();
        assert!(report.last_qty.raw() > 0, "a fill has a quantity above zero");
        let before = self.held_of(strategy, instrument.ix, position_side);
        let Moved { position, realized } =
            position::after_fill(before, instrument, side, (report.last_px, report.last_qty))
                .ok_or(overflow("a position"))?;
        if let Some(side) = position_side.filter(|side| position.net_qty.raw() * side.opened_by().sign() < 0) {
            return Err(AccountError::Overclosed { side, instrument: instrument.id.to_string() });
        }
        let mut lines = PostingLines::new();
        match self.kind {
            AccountKind::Spot | AccountKind::SpotMargin { .. } => exchange(&mut lines, instrument, side, report),
            AccountKind::Netting { .. } | AccountKind::Margin => {
                let profit = realized.unwrap_or(Amount::ZERO);
                transfer(&mut lines, LedgerAccount::RealizedPnl, instrument.settlement, profit)
            }
        }
        .ok_or(overflow("the value of a fill"))?;
        let paid = report.fee.checked_neg().ok_or(overflow("a fee"))?;
        transfer(&mut lines, LedgerAccount::Fees, report.fee_currency, paid).ok_or(overflow("a fee"))?;

        let fee = if report.fee_currency == instrument.settlement { report.fee } else { Amount::ZERO };
        let closed_pnl = match realized {
            Some(profit) => Some(profit.checked_sub(fee).ok_or(overflow("a profit"))?),
            None => None,
        };
        let position = PositionPoint {
            strategy,
            instrument: instrument.ix,
            net_qty: position.net_qty,
            entry_cost: position.entry_cost,
            realized_pnl: position.realized_pnl,
        };
        Ok(FillEffects { lines, position, position_side, closed_pnl })
    }
}

impl Account {
    /// What the end of a whole position at a price does: the realised profit is paid, nothing is charged.
    ///
    /// # Errors
    /// [`AccountError::Overflow`].
    pub fn effects_of_settlement(
        &self,
        strategy: StrategyIx,
        (instrument, position_side): (&Instrument, Option<PositionSide>),
        settlement_px: Price,
    ) -> Result<FillEffects, AccountError> {
        let before = self.held_of(strategy, instrument.ix, position_side);
        let (side, qty) = if before.net_qty > Qty::ZERO {
            (Side::Sell, Some(before.net_qty))
        } else {
            (Side::Buy, before.net_qty.raw().checked_neg().map(Qty::from_raw))
        };
        let moved = qty.and_then(|qty| position::after_fill(before, instrument, side, (settlement_px, qty)));
        let Moved { position, realized } = moved.ok_or(overflow("a position"))?;
        let mut lines = PostingLines::new();
        let profit = realized.unwrap_or(Amount::ZERO);
        transfer(&mut lines, LedgerAccount::RealizedPnl, instrument.settlement, profit)
            .ok_or(overflow("the value of a settlement"))?;
        let PositionView { net_qty, entry_cost, realized_pnl, .. } = position;
        let position = PositionPoint { strategy, instrument: instrument.ix, net_qty, entry_cost, realized_pnl };
        Ok(FillEffects { lines, position, position_side, closed_pnl: realized })
    }
}

impl Account {
    /// The posting of what became of a spot holding as its instrument was taken off the venue.
    ///
    /// # Errors
    /// [`AccountError::Overflow`].
    pub fn delisting(instrument: &Instrument, report: &HoldingReport) -> Result<PostingLines, AccountError> {
        let mut lines = PostingLines::new();
        let moved = report.holding.checked_neg().zip(report.paid(instrument)).and_then(|(given, paid)| {
            transfer(&mut lines, LedgerAccount::Trading, instrument.base, given)?;
            transfer(&mut lines, LedgerAccount::Trading, instrument.quote, paid)
        });
        moved.map(|()| lines).ok_or(overflow("the value of a holding"))
    }
}

/// Base asset against quote currency; `None` on overflow.
fn exchange(lines: &mut PostingLines, instrument: &Instrument, side: Side, report: &FillReport) -> Option<()> {
    let base = instrument.base_amount(report.last_qty)?;
    let quote = instrument.notional(report.last_px, report.last_qty)?;
    let (base, quote) = match side {
        Side::Buy => (base, quote.checked_neg()?),
        Side::Sell => (base.checked_neg()?, quote),
    };
    transfer(lines, LedgerAccount::Trading, instrument.base, base)?;
    transfer(lines, LedgerAccount::Trading, instrument.quote, quote)
}

/// `amount` to cash from another account, if it is anything; `None` on overflow.
pub(super) fn transfer(
    lines: &mut PostingLines,
    from: LedgerAccount,
    currency: CurrencyIx,
    amount: Amount,
) -> Option<()> {
    if amount != Amount::ZERO {
        lines.push(LedgerAccount::Cash, currency, amount);
        lines.push(from, currency, amount.checked_neg()?);
    }
    Some(())
}
