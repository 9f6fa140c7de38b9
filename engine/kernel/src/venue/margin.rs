//! What the venue knows of a margin account: its wallets and positions, by its own fills, and the mark
//! prices at which it looks at them.
//!
//! Enters: marks and fills. Leaves: whether a pool of positions is short of maintenance margin, and
//! whether an order may open what it would. Invariant: nothing here is told by our own side.
//!
//! The mark of an instrument is the venue's mark price where the tape has one, else the last price:
//! of a book or quote the middle, rounded down to the price scale; of bars the path through the bar.

use std::sync::Arc;

use tapedeck_model::margin::MarginTerms;
use tapedeck_model::order::RejectReason;
use tapedeck_model::{
    Amount, CurrencyIx, Deal, Instrument, InstrumentIx, InstrumentKind, PositionMode, PositionSide, Price, Qty, Ratio,
    Side, Ts,
};

use crate::margin::{Holding, MarginBook, Pool, Standing};

/// A rate of 1, in units of [`LiquidationRules`].
pub const LIQUIDATION_RATE_ONE: i64 = 1_000_000_000_000;

/// How positions are taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiquidationRules {
    /// Whether they are at all.
    pub on: bool,
    /// What goes to the insurance fund, as a fraction of value in units of 1e-12.
    pub fee: i64,
    /// How much worse than the mark a stage is filled, as a fraction in units of 1e-12.
    pub slippage: i64,
}

/// A margin account, as its venue is told of it before the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarginSpec {
    /// Terms of every instrument of the venue.
    pub terms: Vec<(InstrumentIx, MarginTerms)>,
    /// Money put in at the start.
    pub wallets: Vec<(CurrencyIx, Amount)>,
    /// Number of currencies of the run.
    pub currencies: usize,
    /// How positions are taken away.
    pub liquidation: LiquidationRules,
}

/// What an order would open beside what stands already, of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exposure {
    /// Value of open buys, at their own prices.
    pub(super) buys: Amount,
    /// Value of open sells.
    pub(super) sells: Amount,
}

/// An order that the venue looks at as it arrives, beside the open ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) instrument: InstrumentIx,
    pub(super) deal: Deal,
    /// The price that it bears: limit, else trigger, else what the market shows.
    pub(super) px: Price,
    pub(super) qty: Qty,
    /// The largest fee that it may cost, as a fraction of value in units of 1e-12.
    pub(super) fee_rate_max: i64,
}

/// The venue's own view of a margin account.
#[derive(Debug)]
pub(super) struct VenueMargin {
    pub(super) book: MarginBook,
    pub(super) rules: LiquidationRules,
    instruments: Arc<Vec<Instrument>>,
    marks: Vec<Option<Price>>,
    /// Which instruments have mark prices of the venue on the tape; once one came, only those count.
    marked: Vec<bool>,
}

impl Clone for VenueMargin {
    fn clone(&self) -> Self {
        Self {
            book: self.book.clone(),
            rules: self.rules,
            instruments: Arc::clone(&self.instruments),
            marks: self.marks.clone(),
            marked: self.marked.clone(),
        }
    }

    /// Into the buffers that are there.
    fn clone_from(&mut self, source: &Self) {
        self.book.clone_from(&source.book);
        self.rules = source.rules;
        self.marks.clone_from(&source.marks);
        self.marked.clone_from(&source.marked);
    }
}

impl PartialEq for VenueMargin {
    fn eq(&self, other: &Self) -> bool {
        self.book == other.book && self.marks == other.marks
    }
}

impl Eq for VenueMargin {}

impl VenueMargin {
    /// `None` if the sum of the deposits of a currency is too large, or terms name an unknown instrument.
    pub(super) fn new(spec: &MarginSpec, instruments: &[Instrument], mode: PositionMode) -> Option<Self> {
        let mut book = MarginBook::new(instruments, spec.currencies);
        if mode == PositionMode::Hedge {
            book.hedge();
        }
        for (instrument, terms) in &spec.terms {
            book.set_terms(*instrument, terms)?;
        }
        for (currency, amount) in &spec.wallets {
            book.credit(*currency, *amount)?;
        }
        Some(Self {
            book,
            rules: spec.liquidation,
            instruments: Arc::new(instruments.to_vec()),
            marks: vec![None; instruments.len()],
            marked: vec![false; instruments.len()],
        })
    }

    pub(super) fn instrument(&self, ix: InstrumentIx) -> Option<&Instrument> {
        self.instruments.get(ix.usize())
    }

    pub(super) fn mark(&self, ix: InstrumentIx) -> Option<Price> {
        self.marks.get(ix.usize()).copied().flatten()
    }

    /// The last price moves the mark of an instrument, unless the venue has mark prices of it.
    pub(super) fn on_last_px(&mut self, ix: InstrumentIx, px: Price) {
        if self.follows_last(ix) {
            self.marks[ix.usize()] = Some(px);
        }
    }

    /// A mark price of the venue: only such count from now on.
    pub(super) fn on_mark_px(&mut self, ix: InstrumentIx, px: Price) {
        if let (Some(mark), Some(marked)) = (self.marks.get_mut(ix.usize()), self.marked.get_mut(ix.usize())) {
            (*mark, *marked) = (Some(px), true);
        }
    }

    /// Positions of an instrument in new units, and its mark, where the scale holds it: else it is not known. `None` if a
    /// quantity is too large, or finer than the scale.
    pub(super) fn redenominate(&mut self, ix: InstrumentIx, ratio: Ratio) -> Option<()> {
        if let Some(mark) = self.marks.get_mut(ix.usize()) {
            *mark = mark.and_then(|px| ratio.price(px));
        }
        self.book.redenominate(ix, ratio)
    }

    /// Whether the mark of an instrument is its last price.
    pub(super) fn follows_last(&self, ix: InstrumentIx) -> bool {
        self.marked.get(ix.usize()) == Some(&false)
    }

    /// A fill; `None` on overflow.
    pub(super) fn fill(
        &mut self,
        instrument: &Instrument,
        deal: Deal,
        last: (Price, Qty),
        fee: (Amount, CurrencyIx),
    ) -> Option<()> {
        self.book.fill(instrument, deal, last, fee)
    }

    fn value_at(&self, marks: &dyn Fn(InstrumentIx) -> Option<Price>, ix: InstrumentIx, qty: Qty) -> Option<Amount> {
        if qty == Qty::ZERO {
            return Some(Amount::ZERO);
        }
        self.instruments.get(ix.usize())?.notional(marks(ix)?, qty)
    }

    /// How a pool stands at the marks; `None` if one that it needs is not known, or on overflow.
    pub(super) fn standing(&self, pool: Pool, now: Ts) -> Option<Standing> {
        self.book.standing(pool, now, &|ix, qty| self.value_at(&|ix| self.mark(ix), ix, qty))
    }

    /// Whether a pool of an instrument would be short of maintenance margin were its mark `px`.
    pub(super) fn is_breached_at(&self, ix: InstrumentIx, px: Price, now: Ts) -> bool {
        let marks = |other: InstrumentIx| if other == ix { Some(px) } else { self.mark(other) };
        let standing = |pool| self.book.standing(pool, now, &|ix, qty| self.value_at(&marks, ix, qty));
        let pools = self.book.pools_of(ix).into_iter().flatten();
        pools.filter_map(standing).any(|standing| standing.is_breached())
    }

    /// The position of a pool that needs most maintenance margin, the first at a tie.
    pub(super) fn heaviest(&self, pool: Pool, now: Ts) -> Option<Holding> {
        let value = |ix, qty| self.value_at(&|ix| self.mark(ix), ix, qty);
        let mut heaviest: Option<(Holding, Amount)> = None;
        for holding in self.book.holders(pool) {
            let maintenance = self.book.maintenance(holding, now, &value)?;
            if heaviest.is_none_or(|(_, most)| maintenance > most) {
                heaviest = Some((holding, maintenance));
            }
        }
        heaviest.map(|(holding, _)| holding)
    }

    /// Whether an order may open what it would: the margin that is free covers the initial margin of
    /// positions and open orders with it, what it would lose at the mark at once, and its largest fee; and
    /// some bracket allows the position that could come of it at this leverage. An order that adds
    /// nothing always may. Before a price is known there is nothing to compare.
    ///
    /// # Errors
    /// `InsufficientMargin` or `PositionTooLarge`.
    pub(super) fn check_order(
        &self,
        asked: &Asked,
        now: Ts,
        open: &dyn Fn(InstrumentIx) -> Option<Exposure>,
    ) -> Result<(), RejectReason> {
        let short = RejectReason::InsufficientMargin;
        let (Some(instrument), Some(terms)) = (self.instrument(asked.instrument), self.book.terms(asked.instrument))
        else {
            return Ok(());
        };
        let Some(mark) = self.mark(asked.instrument) else { return Ok(()) };
        let worth = instrument.notional(asked.px, asked.qty).ok_or(RejectReason::PositionTooLarge)?;
        let Deal { side, position_side } = asked.deal;
        let held = self.book.qty(Holding { instrument: asked.instrument, side: position_side });
        let held = instrument.notional(mark, held).ok_or(short)?;
        let before = open(asked.instrument).ok_or(short)?.on(position_side);
        let after = before.with(side, worth).ok_or(short)?;
        let (most_before, most_after) = (before.most(held).ok_or(short)?, after.most(held).ok_or(short)?);
        if most_after <= most_before {
            return Ok(());
        }
        if most_after > terms.value_max(now) {
            return Err(RejectReason::PositionTooLarge);
        }
        let needed = || {
            let added = terms.initial(most_after)?.checked_sub(terms.initial(most_before)?)?;
            let at_mark = instrument.notional(mark, asked.qty)?;
            let loss =
                match (instrument.kind, side) {
                    (InstrumentKind::Spot | InstrumentKind::Linear, Side::Buy)
                    | (InstrumentKind::Inverse, Side::Sell) => worth.checked_sub(at_mark)?,
                    (InstrumentKind::Spot | InstrumentKind::Linear, Side::Sell)
                    | (InstrumentKind::Inverse, Side::Buy) => at_mark.checked_sub(worth)?,
                };
            let fee = worth.mul_div(asked.fee_rate_max.max(0), LIQUIDATION_RATE_ONE)?;
            added.checked_add(loss.max(Amount::ZERO))?.checked_add(fee)
        };
        let free = self.free_of_orders(instrument.settlement, now, open).ok_or(short)?;
        if needed().ok_or(short)? > free { Err(short) } else { Ok(()) }
    }

    /// What may be taken out of a wallet: what neither positions nor open orders have set aside, and no profit that
    /// is not realised yet. `None` if a mark is not known, or on overflow.
    pub(super) fn withdrawable(
        &self,
        currency: CurrencyIx,
        now: Ts,
        open: &dyn Fn(InstrumentIx) -> Option<Exposure>,
    ) -> Option<Amount> {
        Some(self.free_of_orders(currency, now, open)?.min(self.book.cross_wallet(currency)?))
    }

    /// What of a wallet neither positions nor open orders have set aside; `None` if a mark is not known.
    fn free_of_orders(
        &self,
        currency: CurrencyIx,
        now: Ts,
        open: &dyn Fn(InstrumentIx) -> Option<Exposure>,
    ) -> Option<Amount> {
        let value = |ix, qty| self.value_at(&|ix| self.mark(ix), ix, qty);
        let mut free = self.book.free(currency, now, &value)?;
        for instrument in self.instruments.iter().filter(|instrument| instrument.settlement == currency) {
            let (Some(terms), Some(orders)) = (self.book.terms(instrument.ix), open(instrument.ix)) else { continue };
            if orders == Exposure::NONE {
                continue;
            }
            for side in self.book.position_mode().all().iter().copied() {
                let held = self.book.qty(Holding { instrument: instrument.ix, side });
                let held = value(instrument.ix, held)?;
                let beyond = orders.on(side).most(held)?.checked_sub(held.checked_abs()?)?;
                free = free.checked_sub(terms.initial(beyond)?)?;
            }
        }
        Some(free)
    }
}

impl Exposure {
    pub(super) const NONE: Self = Self { buys: Amount::ZERO, sells: Amount::ZERO };

    /// With one order more.
    pub(super) fn with(self, side: Side, worth: Amount) -> Option<Self> {
        Some(match side {
            Side::Buy => Self { buys: self.buys.checked_add(worth)?, ..self },
            Side::Sell => Self { sells: self.sells.checked_add(worth)?, ..self },
        })
    }

    /// What concerns one position: in hedge mode what opens the long one is bought, the short one sold.
    fn on(self, position_side: Option<PositionSide>) -> Self {
        match position_side {
            None => self,
            Some(PositionSide::Long) => Self { sells: Amount::ZERO, ..self },
            Some(PositionSide::Short) => Self { buys: Amount::ZERO, ..self },
        }
    }

    /// The largest value of the position, now or once every order of one side is filled.
    fn most(self, held: Amount) -> Option<Amount> {
        let long = held.checked_add(self.buys)?;
        let short = self.sells.checked_sub(held)?;
        Some(held.checked_abs()?.max(long).max(short))
    }
}
