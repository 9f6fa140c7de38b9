//! What stands behind the positions of a margin account: the law that the venue and our own side share.
//!
//! Enters: fills, liquidations and money. Leaves: wallets, margin balances, maintenance and initial
//! margin. The venue keeps one [`MarginBook`] from its own fills, our account another one from the
//! journal; they must agree. Positions are those of the account, netted over strategies, by average
//! price: of an instrument one, or in hedge mode a long and a short one, each with a margin of its own.
//!
//! Invariants: a wallet is what was put in, realised profit, fees, funding and what insurance covered;
//! the isolated wallets are part of it and of no cross position. Deliberately absent: prices, which
//! whoever asks hands over, and orders.

use std::sync::Arc;

use tapedeck_model::margin::{Bankruptcy, Liquidation, MaintenanceBasis, MarginMode, MarginTerms};
use tapedeck_model::port::PositionView;
use tapedeck_model::{
    Amount, CurrencyIx, Deal, Instrument, InstrumentIx, InstrumentKind, PositionMode, PositionSide, Price, Qty, Ratio,
    Ts,
};

use crate::account::position::{Moved, after_fill};

/// The signed value of a quantity of an instrument at its mark price, in its settlement currency; `None`
/// if the price is not known or on overflow.
pub type Valuer<'a> = &'a dyn Fn(InstrumentIx, Qty) -> Option<Amount>;

/// Which position of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// In what.
    pub instrument: InstrumentIx,
    /// Which of the two in hedge mode; else `None`.
    pub side: Option<PositionSide>,
}

/// One position of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leg {
    qty: Qty,
    /// What it cost, signed like the quantity.
    cost: Amount,
    /// Its own wallet, if it is isolated. Below zero only while it is flat and a loss is not covered yet.
    isolated: Amount,
    settlement: CurrencyIx,
    kind: InstrumentKind,
}

/// What shares a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// Every cross position that settles in a currency.
    Cross(CurrencyIx),
    /// One isolated position.
    Isolated(Holding),
}

/// How a pool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Wallet and unrealised profit.
    pub balance: Amount,
    /// What the balance must be above.
    pub maintenance: Amount,
}

impl Standing {
    /// Whether the venue takes the positions away.
    pub fn is_breached(&self) -> bool {
        self.maintenance > Amount::ZERO && self.balance <= self.maintenance
    }
}

/// Wallets and positions of a margin account.
#[derive(Debug, PartialEq, Eq)]
pub struct MarginBook {
    /// By instrument; `None` where no terms are known.
    terms: Arc<Vec<Option<MarginTerms>>>,
    mode: PositionMode,
    /// By instrument, in hedge mode the long one and then the short one.
    legs: Vec<Leg>,
    /// By currency, isolated wallets included.
    wallets: Vec<Amount>,
}

impl Clone for MarginBook {
    fn clone(&self) -> Self {
        let Self { mode, .. } = *self;
        Self { terms: Arc::clone(&self.terms), mode, legs: self.legs.clone(), wallets: self.wallets.clone() }
    }

    /// Into the buffers that are there: every bar that may touch something is tried on a copy.
    fn clone_from(&mut self, source: &Self) {
        if !Arc::ptr_eq(&self.terms, &source.terms) {
            self.terms = Arc::clone(&source.terms);
        }
        self.mode = source.mode;
        self.legs.clone_from(&source.legs);
        self.wallets.clone_from(&source.wallets);
    }
}

impl MarginBook {
    /// Without money, positions and terms.
    pub fn new(instruments: &[Instrument], currencies: usize) -> Self {
        let leg = |instrument: &Instrument| Leg {
            qty: Qty::ZERO,
            cost: Amount::ZERO,
            isolated: Amount::ZERO,
            settlement: instrument.settlement,
            kind: instrument.kind,
        };
        Self {
            terms: Arc::new(vec![None; instruments.len()]),
            mode: PositionMode::OneWay,
            legs: instruments.iter().map(leg).collect(),
            wallets: vec![Amount::ZERO; currencies],
        }
    }

    /// Makes room for a long and a short position of each instrument, before the first fill.
    pub fn hedge(&mut self) {
        assert!(self.mode == PositionMode::OneWay, "a position mode is said once");
        self.mode = PositionMode::Hedge;
        self.legs = self.legs.iter().flat_map(|leg| [*leg, *leg]).collect();
    }

    /// Whether an instrument has one position or two.
    pub const fn position_mode(&self) -> PositionMode {
        self.mode
    }

    /// The position of which a signed quantity is meant.
    pub fn holding_of(&self, instrument: InstrumentIx, signed: Qty) -> Holding {
        let side = match self.mode {
            PositionMode::OneWay => None,
            PositionMode::Hedge => PositionSide::of_qty(signed.raw()),
        };
        Holding { instrument, side }
    }

    fn place(&self, holding: Holding) -> Option<usize> {
        let at = holding.instrument.usize();
        match self.mode {
            PositionMode::OneWay => Some(at),
            PositionMode::Hedge => holding.side.map(|side| 2 * at + side.place()),
        }
    }

    fn holding_at(&self, place: usize) -> Holding {
        let sides = self.mode.sides();
        let instrument = InstrumentIx((place / sides) as u16);
        Holding { instrument, side: self.mode.all().get(place % sides).copied().flatten() }
    }

    fn leg(&self, holding: Holding) -> Option<&Leg> {
        self.legs.get(self.place(holding)?)
    }

    fn leg_mut(&mut self, holding: Holding) -> Option<&mut Leg> {
        let place = self.place(holding)?;
        self.legs.get_mut(place)
    }

    /// Every position of an instrument: one, in hedge mode two.
    fn legs_of(&self, instrument: InstrumentIx) -> &[Leg] {
        let sides = self.mode.sides();
        let at = instrument.usize() * sides;
        self.legs.get(at..at + sides).unwrap_or_default()
    }

    /// Sets the terms of an instrument, before the first fill; `None` for one that the run does not have.
    pub fn set_terms(&mut self, instrument: InstrumentIx, terms: &MarginTerms) -> Option<()> {
        *Arc::make_mut(&mut self.terms).get_mut(instrument.usize())? = Some(terms.clone());
        Some(())
    }

    /// The terms of an instrument.
    pub fn terms(&self, instrument: InstrumentIx) -> Option<&MarginTerms> {
        self.terms.get(instrument.usize())?.as_ref()
    }

    /// The signed quantity of a position.
    pub fn qty(&self, holding: Holding) -> Qty {
        self.leg(holding).map_or(Qty::ZERO, |leg| leg.qty)
    }

    /// The account's signed position in an instrument; in hedge mode the sum of both.
    pub fn net_qty(&self, instrument: InstrumentIx) -> Qty {
        // A long and a short quantity cannot overflow together.
        Qty::from_raw(self.legs_of(instrument).iter().map(|leg| leg.qty.raw()).sum())
    }

    /// Whether any position of an instrument is held.
    pub fn is_held(&self, instrument: InstrumentIx) -> bool {
        self.legs_of(instrument).iter().any(|leg| leg.qty != Qty::ZERO)
    }

    /// What an isolated position has of its own; zero for a cross one.
    pub fn isolated(&self, holding: Holding) -> Amount {
        self.leg(holding).map_or(Amount::ZERO, |leg| leg.isolated)
    }

    /// The wallet of a currency, isolated wallets included; zero for one that the run does not have.
    pub fn wallet(&self, currency: CurrencyIx) -> Amount {
        self.wallets.get(currency.usize()).copied().unwrap_or(Amount::ZERO)
    }

    /// The wallet less the cost of what is held (of inverse contracts, which earn what they cost less what
    /// they are worth, with it): what does not depend on how profit is split between strategies. `None` on
    /// overflow.
    pub fn wallet_less_cost(&self, currency: CurrencyIx) -> Option<Amount> {
        let mut legs = self.legs.iter().filter(|leg| leg.settlement == currency);
        legs.try_fold(self.wallet(currency), |rest, leg| match leg.kind {
            InstrumentKind::Spot | InstrumentKind::Linear => rest.checked_sub(leg.cost),
            InstrumentKind::Inverse => rest.checked_add(leg.cost),
        })
    }

    /// What cross positions and new orders may use of a wallet; `None` on overflow.
    pub fn cross_wallet(&self, currency: CurrencyIx) -> Option<Amount> {
        let legs = self.legs.iter().filter(|leg| leg.settlement == currency);
        legs.map(|leg| leg.isolated).try_fold(self.wallet(currency), Amount::checked_sub)
    }

    /// The positions of an instrument in new units, at what they cost. `None` if a quantity is too large, or finer than
    /// the scale.
    pub fn redenominate(&mut self, instrument: InstrumentIx, ratio: Ratio) -> Option<()> {
        let sides = self.mode.sides();
        let at = instrument.usize() * sides;
        for leg in self.legs.get_mut(at..at + sides)? {
            leg.qty = ratio.qty(leg.qty).filter(|(_, exact)| *exact)?.0;
        }
        Some(())
    }

    /// Money comes in (below zero: goes out); `None` on overflow or for an unknown currency.
    pub fn credit(&mut self, currency: CurrencyIx, amount: Amount) -> Option<()> {
        let wallet = self.wallets.get_mut(currency.usize())?;
        *wallet = wallet.checked_add(amount)?;
        Some(())
    }

    /// Money of one position, such as funding: an isolated one has it in its own wallet.
    pub fn credit_position(&mut self, holding: Holding, amount: Amount) -> Option<()> {
        let leg = *self.leg(holding)?;
        self.credit(leg.settlement, amount)?;
        if self.margin_mode(holding.instrument) == Some(MarginMode::Isolated) && leg.qty != Qty::ZERO {
            self.leg_mut(holding)?.isolated = leg.isolated.checked_add(amount)?;
        }
        Some(())
    }

    fn margin_mode(&self, instrument: InstrumentIx) -> Option<MarginMode> {
        self.terms(instrument).map(|terms| terms.mode)
    }

    /// A fill of the account. The fee comes out of the cross wallet. An isolated position gives back the
    /// wallet of the part that is closed, in proportion; the part that is opened takes value / leverage
    /// from the cross wallet, at most what is there. A loss beyond what is given back is its own.
    pub fn fill(
        &mut self,
        instrument: &Instrument,
        deal: Deal,
        (px, qty): (Price, Qty),
        (fee, fee_currency): (Amount, CurrencyIx),
    ) -> Option<()> {
        self.credit(fee_currency, fee.checked_neg()?)?;
        let holding = Holding { instrument: instrument.ix, side: deal.position_side };
        let before = *self.leg(holding)?;
        let realized = self.move_leg(instrument, deal, (px, qty))?;
        if self.margin_mode(instrument.ix) != Some(MarginMode::Isolated) {
            return Some(());
        }
        let signed = qty.raw().checked_mul(deal.side.sign())?;
        let opposed = before.qty.raw().signum() * signed.signum() < 0;
        let closed = if opposed { before.qty.raw().abs().min(signed.abs()) } else { 0 };
        let mut isolated = before.isolated;
        if closed > 0 {
            let held = before.qty.raw().abs();
            let given = if closed == held { isolated } else { isolated.mul_div(closed, held)? };
            let short = given.checked_add(realized)?.min(Amount::ZERO);
            isolated = isolated.checked_sub(given)?.checked_add(short)?;
        }
        let opened = signed.abs() - closed;
        self.leg_mut(holding)?.isolated = isolated;
        if opened > 0 {
            let terms = self.terms(instrument.ix)?;
            let wanted = terms.initial(instrument.notional(px, Qty::from_raw(opened))?.checked_abs()?)?;
            let taken = wanted.min(self.cross_wallet(instrument.settlement)?.max(Amount::ZERO));
            self.leg_mut(holding)?.isolated = isolated.checked_add(taken)?;
        }
        Some(())
    }

    /// Moves the position and pays what was realised into the wallet.
    fn move_leg(&mut self, instrument: &Instrument, deal: Deal, last: (Price, Qty)) -> Option<Amount> {
        let leg = self.leg_mut(Holding { instrument: instrument.ix, side: deal.position_side })?;
        let before = PositionView { net_qty: leg.qty, entry_cost: leg.cost, ..PositionView::default() };
        let Moved { position, realized } = after_fill(before, instrument, deal.side, last)?;
        (leg.qty, leg.cost) = (position.net_qty, position.entry_cost);
        let realized = realized.unwrap_or(Amount::ZERO);
        self.credit(instrument.settlement, realized)?;
        Some(realized)
    }

    /// A stage of a liquidation: profit and fee are the pool's. What is left of an isolated wallet when
    /// its position is closed goes back to the cross wallet; what is missing is to be covered.
    pub fn liquidate(&mut self, instrument: &Instrument, liquidation: &Liquidation) -> Option<()> {
        let Liquidation { side, last_px, last_qty, fee, .. } = *liquidation;
        let holding = self.holding_of(instrument.ix, liquidation.net_qty);
        let realized = self.move_leg(instrument, Deal { side, position_side: holding.side }, (last_px, last_qty))?;
        self.credit(instrument.settlement, fee.checked_neg()?)?;
        if self.margin_mode(instrument.ix) == Some(MarginMode::Isolated) {
            let leg = self.leg_mut(holding)?;
            let left = leg.isolated.checked_add(realized)?.checked_sub(fee)?;
            leg.isolated = if leg.qty == Qty::ZERO { left.min(Amount::ZERO) } else { left };
        }
        Some(())
    }

    /// What insurance must cover in a pool without positions; `None` if nothing is missing.
    pub fn missing(&self, pool: Pool) -> Option<Amount> {
        let left = match pool {
            Pool::Isolated(holding) => {
                let leg = self.leg(holding)?;
                if leg.qty == Qty::ZERO { leg.isolated } else { Amount::ZERO }
            }
            Pool::Cross(currency) if self.holders(pool).next().is_none() => self.cross_wallet(currency)?,
            Pool::Cross(_) => Amount::ZERO,
        };
        if left < Amount::ZERO { left.checked_neg() } else { None }
    }

    /// The settlement currency of an instrument, if no position of that currency is held.
    pub fn unheld_currency_of(&self, instrument: InstrumentIx) -> Option<CurrencyIx> {
        let currency = self.legs_of(instrument).first()?.settlement;
        let held = self.legs.iter().any(|leg| leg.settlement == currency && leg.qty != Qty::ZERO);
        (!held).then_some(currency)
    }

    /// Insurance covers what was missing.
    pub fn cover(&mut self, bankruptcy: &Bankruptcy) -> Option<()> {
        self.credit(bankruptcy.currency, bankruptcy.covered)?;
        if let Some(instrument) = bankruptcy.instrument {
            let (at, sides) = (instrument.usize() * self.mode.sides(), self.mode.sides());
            // Of two isolated positions it is the one that is gone and owes: each is covered as it comes to that.
            let legs = self.legs.get_mut(at..at + sides)?;
            let owes = |leg: &Leg| leg.qty == Qty::ZERO && leg.isolated < Amount::ZERO;
            let leg = legs.get_mut(legs.iter().position(owes).unwrap_or(0))?;
            leg.isolated = leg.isolated.checked_add(bankruptcy.covered)?;
        }
        Some(())
    }

    /// The pool of a position; `None` without terms.
    pub fn pool_of(&self, holding: Holding) -> Option<Pool> {
        Some(match self.margin_mode(holding.instrument)? {
            MarginMode::Isolated => Pool::Isolated(holding),
            MarginMode::Cross => Pool::Cross(self.leg(holding)?.settlement),
        })
    }

    /// The pools of an instrument: one, or two if its two positions are isolated.
    pub fn pools_of(&self, instrument: InstrumentIx) -> [Option<Pool>; 2] {
        let first = instrument.usize() * self.mode.sides();
        let pool = |place| self.pool_of(self.holding_at(place));
        match self.mode {
            PositionMode::OneWay => [pool(first), None],
            PositionMode::Hedge => {
                let (long, short) = (pool(first), pool(first + 1));
                [long, short.filter(|_| short != long)]
            }
        }
    }

    /// Positions that are held in a pool, in order of instrument, long ones first.
    pub fn holders(&self, pool: Pool) -> impl Iterator<Item = Holding> {
        let held = self.legs.iter().enumerate().filter(|(_, leg)| leg.qty != Qty::ZERO);
        held.map(|(place, _)| self.holding_at(place)).filter(move |holding| self.pool_of(*holding) == Some(pool))
    }

    /// Maintenance margin of a position; `None` if its price is not known or on overflow.
    pub fn maintenance(&self, holding: Holding, now: Ts, value: Valuer<'_>) -> Option<Amount> {
        let (leg, terms) = (self.leg(holding)?, self.terms(holding.instrument)?);
        let worth = match terms.basis {
            MaintenanceBasis::Mark => value(holding.instrument, leg.qty)?,
            MaintenanceBasis::Entry => leg.cost,
        };
        terms.maintenance(worth.checked_abs()?, now)
    }

    fn unrealized(&self, holding: Holding, value: Valuer<'_>) -> Option<Amount> {
        let leg = self.leg(holding)?;
        let worth = value(holding.instrument, leg.qty)?;
        match leg.kind {
            InstrumentKind::Spot | InstrumentKind::Linear => worth.checked_sub(leg.cost),
            InstrumentKind::Inverse => leg.cost.checked_sub(worth),
        }
    }

    /// How a pool stands at these values; `None` if a price is not known or on overflow.
    pub fn standing(&self, pool: Pool, now: Ts, value: Valuer<'_>) -> Option<Standing> {
        let wallet = match pool {
            Pool::Cross(currency) => self.cross_wallet(currency)?,
            Pool::Isolated(holding) => self.isolated(holding),
        };
        let mut standing = Standing { balance: wallet, maintenance: Amount::ZERO };
        for holding in self.holders(pool) {
            standing.balance = standing.balance.checked_add(self.unrealized(holding, value)?)?;
            standing.maintenance = standing.maintenance.checked_add(self.maintenance(holding, now, value)?)?;
        }
        Some(standing)
    }

    /// What orders may use of a wallet: the cross balance less the initial margin of the cross positions
    /// at their marks. `None` if a price is not known or on overflow.
    pub fn free(&self, currency: CurrencyIx, now: Ts, value: Valuer<'_>) -> Option<Amount> {
        let pool = Pool::Cross(currency);
        let balance = self.standing(pool, now, value)?.balance;
        self.holders(pool).try_fold(balance, |free, holding| {
            let worth = value(holding.instrument, self.qty(holding))?.checked_abs()?;
            free.checked_sub(self.terms(holding.instrument)?.initial(worth)?)
        })
    }
}

impl MarginBook {
    /// What may be taken out of a wallet: what orders may use of it, but no profit that is not realised yet.
    /// `None` if a price is not known or on overflow.
    pub fn withdrawable(&self, currency: CurrencyIx, now: Ts, value: Valuer<'_>) -> Option<Amount> {
        Some(self.free(currency, now, value)?.min(self.cross_wallet(currency)?))
    }
}

/// What a stage of a liquidation takes from each strategy, signed like what it holds; `None` if what
/// they hold does not sum up to `net`, or on overflow.
///
/// A stage that closes takes all that everybody holds, whatever its side. One that reduces takes from
/// the strategies that hold the position's side, in proportion to what they hold, in whole lots rounded
/// down; what is left goes lot by lot to the one that still holds most (at a tie the first by name).
pub fn shares(held: &[Qty], net: Qty, closed: Qty, lot: Qty) -> Option<Vec<Qty>> {
    let sum = held.iter().try_fold(0_i64, |sum, qty| sum.checked_add(qty.raw()))?;
    if sum != net.raw() || net == Qty::ZERO || closed.raw() <= 0 || closed.raw() > net.raw().checked_abs()? {
        return None;
    }
    if closed.raw() == net.raw().abs() {
        return Some(held.to_vec());
    }
    let sign = net.raw().signum();
    let size = |qty: Qty| (qty.raw() * sign).max(0);
    let whole: i128 = held.iter().map(|qty| i128::from(size(*qty))).sum();
    let mut taken: Vec<i64> = held
        .iter()
        .map(|qty| i128::from(size(*qty)) * i128::from(closed.raw()) / whole)
        .map(|part| Qty::from_raw(part as i64).floor_to(lot).raw())
        .collect();
    let mut left = closed.raw() - taken.iter().sum::<i64>();
    while left > 0 {
        let rest = |at: usize| size(held[at]) - taken[at];
        let most = (0..held.len()).rev().max_by_key(|at| rest(*at))?;
        let part = left.min(lot.raw()).min(rest(most));
        if part <= 0 {
            return None;
        }
        taken[most] += part;
        left -= part;
    }
    Some(taken.into_iter().map(|part| Qty::from_raw(part * sign)).collect())
}

#[cfg(test)]
mod tests;
