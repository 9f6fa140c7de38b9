//! The margin account on our own side: what an order must set aside, and what a liquidation does.
//!
//! Enters: orders and shares of liquidations. Leaves: [`Reserve`], [`FillEffects`], postings. The book of
//! wallets and positions is a fold of the journal like the rest of the account.

use tapedeck_model::event::{DenyReason, LedgerAccount, PositionPoint, PostingLines};
use tapedeck_model::margin::{Bankruptcy, LiquidationShare};
use tapedeck_model::{Amount, Instrument, InstrumentKind, PositionMode, PositionSide, Qty, Side};

use super::fill::transfer;
use super::position::{self, Moved};
use super::reserve::{FEE_RATE_ONE, Reservation, exposed_px};
use super::{Account, AccountError, FillEffects, Reserve, ReserveQuery, overflow};

impl Account {
    /// What a share of a liquidation does: the strategy's position is reduced at the trade's price, profit
    /// is paid in the settlement currency, and the fee goes to the insurance fund.
    ///
    /// # Errors
    /// [`AccountError::Overflow`].
    pub fn effects_of_liquidation(
        &self,
        instrument: &Instrument,
        share: &LiquidationShare,
    ) -> Result<FillEffects, AccountError> {
        let position_side = match self.position_mode() {
            PositionMode::OneWay => None,
            PositionMode::Hedge => Some(PositionSide::closed_by(share.side)),
        };
        let before = self.held_of(share.strategy, instrument.ix, position_side);
        let Moved { position, realized } =
            position::after_fill(before, instrument, share.side, (share.last_px, share.last_qty))
                .ok_or(overflow("a position"))?;
        let profit = realized.unwrap_or(Amount::ZERO);
        let paid = share.fee.checked_neg().ok_or(overflow("a liquidation fee"))?;
        let mut lines = PostingLines::new();
        transfer(&mut lines, LedgerAccount::RealizedPnl, instrument.settlement, profit)
            .and_then(|()| transfer(&mut lines, LedgerAccount::InsuranceFund, instrument.settlement, paid))
            .ok_or(overflow("the value of a liquidation"))?;
        Ok(FillEffects {
            lines,
            position: PositionPoint {
                strategy: share.strategy,
                instrument: instrument.ix,
                net_qty: position.net_qty,
                entry_cost: position.entry_cost,
                realized_pnl: position.realized_pnl,
            },
            position_side,
            closed_pnl: Some(profit.checked_sub(share.fee).ok_or(overflow("a profit"))?),
        })
    }

    /// The posting of a loss that the insurance fund covers: `Cash` up, `InsuranceFund` down.
    ///
    /// # Errors
    /// [`AccountError::Overflow`].
    pub fn insurance(bankruptcy: &Bankruptcy) -> Result<PostingLines, AccountError> {
        let mut lines = PostingLines::new();
        transfer(&mut lines, LedgerAccount::InsuranceFund, bankruptcy.currency, bankruptcy.covered)
            .ok_or(overflow("what insurance covers"))?;
        Ok(lines)
    }

    /// The part of an order that increases the position reserves its value / leverage, its largest fee and
    /// what it would lose at once at the mark. That must be covered by the cross balance of the settlement
    /// currency, less the initial margin of the cross positions and what other orders have reserved.
    pub(super) fn bracket_reserve(
        &self,
        query: &ReserveQuery<'_>,
        qty: Qty,
        replaced: Option<&Reservation>,
    ) -> Result<Reserve, DenyReason> {
        let currency = query.instrument.settlement;
        let increasing = self.increasing_qty(query, qty, replaced).ok_or(DenyReason::Overflow)?;
        if query.request.reduce_only || increasing == Qty::ZERO {
            return Ok(Reserve { currency, amount: Amount::ZERO });
        }
        let book = self.margin.as_deref().ok_or(DenyReason::InvalidOrder)?;
        let terms = book.terms(query.instrument.ix).ok_or(DenyReason::InvalidOrder)?;
        let needed = || {
            let px = exposed_px(query);
            let worth = query.instrument.notional(px, increasing)?.checked_abs()?;
            let at_mark = query.instrument.notional(query.mark, increasing)?.checked_abs()?;
            let loss =
                match (query.instrument.kind, query.request.side) {
                    (InstrumentKind::Spot | InstrumentKind::Linear, Side::Buy)
                    | (InstrumentKind::Inverse, Side::Sell) => worth.checked_sub(at_mark)?,
                    (InstrumentKind::Spot | InstrumentKind::Linear, Side::Sell)
                    | (InstrumentKind::Inverse, Side::Buy) => at_mark.checked_sub(worth)?,
                };
            let fee = worth.mul_div(query.fee_rate_max.max(0), FEE_RATE_ONE)?;
            terms.initial(worth)?.checked_add(loss.max(Amount::ZERO))?.checked_add(fee)
        };
        let amount = needed().ok_or(DenyReason::Overflow)?;
        let free = book.free(currency, query.now, &|ix, qty| query.marks.value_of(ix, qty));
        let own = replaced.filter(|entry| entry.currency() == currency).map_or(Amount::ZERO, |entry| entry.held);
        let free = free
            .ok_or(DenyReason::NoPrice)?
            .checked_sub(self.balance(currency).reserved)
            .and_then(|free| free.checked_add(own))
            .ok_or(DenyReason::Overflow)?;
        if amount > free { Err(DenyReason::InsufficientFunds) } else { Ok(Reserve { currency, amount }) }
    }
}
