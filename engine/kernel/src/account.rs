//! Account: fills and money in, postings and positions out.
//!
//! Enters: fills (to ask what they do), orders (to ask what must be set aside), events (to change).
//! Leaves: [`FillEffects`], [`Reserve`], balances and positions.
//!
//! Invariants: the state changes only by [`Account::apply`], so it is a fold of the journal; every
//! posting sums to zero per currency, and so does the ledger; positions are kept by average price
//! with the exact entry cost, of which nothing is lost on a partial close; the number of
//! reservations is the number of open orders.
//!
//! Deliberately absent: prices. What things are worth is told by [`Marks`], which is not part of
//! the fold; how equity moves over time is kept by [`EquityTrack`].

mod equity;
mod fill;
mod loan;
mod margin;
mod marks;
pub(crate) mod position;
mod reserve;
mod venues;

pub use equity::EquityTrack;
pub use fill::FillEffects;
pub use marks::{Ahead, LinearEquity, Marks, SeenMarks};
pub use reserve::{MARKET_BUFFER_BPS, Reserve, ReserveQuery};
pub use venues::{Accounts, AccountsSpec};

use tapedeck_model::event::{LedgerAccount, PositionPoint, PostingLine, PostingLines, PostingReason};
use tapedeck_model::loan::BorrowTerms;
use tapedeck_model::number::{SCALE_MAX, pow10};
use tapedeck_model::port::{Balance, PositionView};
use tapedeck_model::{
    Amount, CurrencyIx, Deal, Event, Instrument, InstrumentIx, InstrumentKind, PositionMode, PositionSide, Qty, Side,
    StrategyIx,
};
use thiserror::Error;

use crate::margin::MarginBook;
use reserve::Reservations;

/// What trading means for the account's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// Assets change hands; no balance goes below zero.
    Spot,
    /// Signed positions per instrument; profit is paid in the settlement currency. Every
    /// instrument, spot ones too, is held as a contract on its price.
    Netting {
        /// Largest gross exposure as a multiple of equity, in units of 1e-6.
        max_leverage: i64,
    },
    /// Signed positions with margin by instrument: leverage, maintenance brackets, cross and isolated
    /// wallets. The terms come with [`Event::MarginDeclared`]; every instrument is a contract.
    Margin,
    /// Assets change hands, and what is missing is borrowed: a balance below zero is a debt. At what rates, comes with
    /// [`Event::BorrowDeclared`].
    SpotMargin {
        /// What may be owed as an order is sent is (leverage - 1) x equity; in units of 1e-6.
        leverage: i64,
    },
}

/// One unit of [`AccountKind::Netting::max_leverage`] times this is a leverage of 1.
pub const LEVERAGE_ONE: i64 = 1_000_000;

/// What an account is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountSpec {
    /// What it is.
    pub kind: AccountKind,
    /// Number of strategies of the run.
    pub strategies: usize,
    /// In what equity is measured.
    pub base_currency: CurrencyIx,
    /// Number of currencies of the run.
    pub currencies: usize,
}

/// Why the account refuses to be made or to go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The lines of a posting do not sum to zero in some currency.
    #[error("a posting for {reason} does not balance: {lines:?}")]
    Unbalanced {
        /// Why it was posted.
        reason: PostingReason,
        /// Its lines.
        lines: Box<PostingLines>,
    },
    /// A sum or product leaves the range of an amount or a quantity.
    #[error("{what} is too large to be represented")]
    Overflow {
        /// Which sum or product.
        what: &'static str,
    },
    /// No chain of instruments leads from a currency to the base currency.
    #[error("currency number {} cannot be converted to the base currency through any instrument", currency.0)]
    NoConversion {
        /// Which currency.
        currency: CurrencyIx,
    },
    /// A contract cannot be held in a spot account.
    #[error("{instrument} is a contract; a spot account can hold spot instruments only")]
    ContractOnSpot {
        /// The instrument's name.
        instrument: String,
    },
    /// More of one position of hedge mode was closed than is held.
    #[error("more of the {side} position in {instrument} was closed than is held")]
    Overclosed {
        /// Which of the two.
        side: PositionSide,
        /// The instrument's name.
        instrument: String,
    },
    /// The leverage is not above zero.
    #[error("max_leverage must be above zero")]
    Leverage,
    /// An event names something that the run does not have.
    #[error("an event names {what} that the run does not have")]
    Unknown {
        /// What it names.
        what: &'static str,
    },
}

const fn overflow(what: &'static str) -> AccountError {
    AccountError::Overflow { what }
}

/// The account's position in one instrument, summed over strategies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct NetPosition {
    qty: Qty,
    /// The part of it that stands in short positions of hedge mode.
    short_qty: Qty,
    entry_cost: Amount,
    /// Positions of strategies that are not zero.
    holders: u32,
}

/// Indices in rising order; never longer than its table, so it allocates once.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SortedIndices(Vec<u16>);

impl SortedIndices {
    fn with_room_for(len: usize) -> Self {
        Self(Vec::with_capacity(len))
    }

    fn set(&mut self, index: u16, present: bool) {
        match (self.0.binary_search(&index), present) {
            (Err(at), true) => self.0.insert(at, index),
            (Ok(at), false) => {
                self.0.remove(at);
            }
            (Ok(_), true) | (Err(_), false) => {}
        }
    }
}

/// Decimals of [`Account::coarse_cash`]: those of the finest quantity.
const COARSE_SCALE: u8 = SCALE_MAX;

/// One column for each ledger account.
const LEDGER_ACCOUNTS: usize = LedgerAccount::ALL.len();

/// The column of a ledger account, by its number: numbers have gaps.
const LEDGER_COLUMNS: [u8; 256] = {
    let (mut columns, mut at) = ([0; 256], 0);
    while at < LEDGER_ACCOUNTS {
        columns[LedgerAccount::ALL[at].number() as usize] = at as u8;
        at += 1;
    }
    columns
};

/// One account, shared by all strategies of a run; each venue has its own (see [`Accounts`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    kind: AccountKind,
    base_currency: CurrencyIx,
    instruments: usize,
    /// By currency, then by the ledger account's column.
    ledger: Vec<[Amount; LEDGER_ACCOUNTS]>,
    /// By currency, but for the base currency, which needs no conversion: the cash balance in units
    /// of 1e-12, where that is exact and fits.
    coarse_cash: Vec<Option<i64>>,
    /// Currencies with a cash balance that is not zero.
    funded: SortedIndices,
    /// By strategy, then by instrument; in hedge mode the long ones.
    positions: Vec<PositionView>,
    /// The short ones of hedge mode; empty in one-way mode.
    shorts: Vec<PositionView>,
    net: Vec<NetPosition>,
    /// Instruments in which some strategy has a position.
    held: SortedIndices,
    reservations: Reservations,
    /// Wallets and positions as the venue keeps them, of a margin account.
    margin: Option<Box<MarginBook>>,
    /// What a margin account can hold; empty for others.
    contracts: Vec<Instrument>,
    /// At what rates a currency can be borrowed, by currency; empty where nothing can.
    lent: Vec<Option<BorrowTerms>>,
}

impl Account {
    /// An account without money.
    ///
    /// # Errors
    /// [`AccountError::ContractOnSpot`], [`AccountError::Leverage`].
    pub fn new(spec: &AccountSpec, instruments: &[Instrument]) -> Result<Self, AccountError> {
        Self::refuse_contracts(spec.kind, instruments.iter())?;
        Self::with_tables(spec, instruments)
    }

    /// A spot account trades no contracts.
    fn refuse_contracts<'a>(
        kind: AccountKind,
        mut traded: impl Iterator<Item = &'a Instrument>,
    ) -> Result<(), AccountError> {
        let contract = match kind {
            AccountKind::Netting { .. } | AccountKind::Margin => None,
            AccountKind::Spot | AccountKind::SpotMargin { .. } => traded.find(|one| one.kind != InstrumentKind::Spot),
        };
        contract.map_or(Ok(()), |one| Err(AccountError::ContractOnSpot { instrument: one.id.to_string() }))
    }

    /// An account with room for every instrument of the run.
    fn with_tables(spec: &AccountSpec, instruments: &[Instrument]) -> Result<Self, AccountError> {
        let is_too_small = match spec.kind {
            AccountKind::Netting { max_leverage } => max_leverage <= 0,
            AccountKind::SpotMargin { leverage } => leverage < LEVERAGE_ONE,
            AccountKind::Spot | AccountKind::Margin => false,
        };
        if is_too_small {
            return Err(AccountError::Leverage);
        }
        assert!(spec.base_currency.usize() < spec.currencies, "the base currency is one of the run's");
        Ok(Self {
            kind: spec.kind,
            base_currency: spec.base_currency,
            instruments: instruments.len(),
            ledger: vec![[Amount::ZERO; LEDGER_ACCOUNTS]; spec.currencies],
            coarse_cash: vec![Some(0); spec.currencies],
            funded: SortedIndices::with_room_for(spec.currencies),
            positions: vec![PositionView::default(); spec.strategies * instruments.len()],
            shorts: Vec::new(),
            net: vec![NetPosition::default(); instruments.len()],
            held: SortedIndices::with_room_for(instruments.len()),
            reservations: Reservations::new(spec, instruments),
            margin: (spec.kind == AccountKind::Margin).then(|| Box::new(MarginBook::new(instruments, spec.currencies))),
            contracts: if spec.kind == AccountKind::Margin { instruments.to_vec() } else { Vec::new() },
            lent: Vec::new(),
        })
    }

    /// The posting of money put in (below zero: taken out): `Cash` up, `Capital` down.
    ///
    /// # Errors
    /// [`AccountError::Overflow`] for the smallest amount there is.
    pub fn deposit(currency: CurrencyIx, amount: Amount) -> Result<PostingLines, AccountError> {
        let mut lines = PostingLines::new();
        lines.push(LedgerAccount::Cash, currency, amount);
        lines.push(LedgerAccount::Capital, currency, amount.checked_neg().ok_or(overflow("a deposit"))?);
        Ok(lines)
    }

    /// The posting of money that leaves for another venue: `Cash` down, the fee to `Fees`, the rest to `Transit`.
    ///
    /// # Errors
    /// [`AccountError::Overflow`] if the fee is out of range.
    pub fn departure(currency: CurrencyIx, amount: Amount, fee: Amount) -> Result<PostingLines, AccountError> {
        let mut lines = PostingLines::new();
        let under_way = amount.checked_sub(fee).ok_or(overflow("a transfer"))?;
        lines.push(LedgerAccount::Cash, currency, amount.checked_neg().ok_or(overflow("a transfer"))?);
        if fee != Amount::ZERO {
            lines.push(LedgerAccount::Fees, currency, fee);
        }
        lines.push(LedgerAccount::Transit, currency, under_way);
        Ok(lines)
    }

    /// The posting of money that arrives from another venue: `Cash` up, `Transit` down.
    ///
    /// # Errors
    /// [`AccountError::Overflow`] for the smallest amount there is.
    pub fn arrival(currency: CurrencyIx, amount: Amount) -> Result<PostingLines, AccountError> {
        let mut lines = PostingLines::new();
        lines.push(LedgerAccount::Cash, currency, amount);
        lines.push(LedgerAccount::Transit, currency, amount.checked_neg().ok_or(overflow("a transfer"))?);
        Ok(lines)
    }

    /// The posting of something given to us: `Cash` up, `Trading` down, as it is profit.
    ///
    /// # Errors
    /// [`AccountError::Overflow`] for the smallest amount there is.
    pub fn gift(currency: CurrencyIx, amount: Amount) -> Result<PostingLines, AccountError> {
        let mut lines = PostingLines::new();
        lines.push(LedgerAccount::Cash, currency, amount);
        lines.push(LedgerAccount::Trading, currency, amount.checked_neg().ok_or(overflow("a gift"))?);
        Ok(lines)
    }

    /// The posting of a change of units that adds an amount (below zero: takes it): `Cash` up, `Redenomination` down.
    ///
    /// # Errors
    /// [`AccountError::Overflow`] for the smallest amount there is.
    pub fn redenomination(asset: CurrencyIx, added: Amount) -> Result<PostingLines, AccountError> {
        let mut lines = PostingLines::new();
        lines.push(LedgerAccount::Cash, asset, added);
        lines.push(LedgerAccount::Redenomination, asset, added.checked_neg().ok_or(overflow("a change of units"))?);
        Ok(lines)
    }

    /// The posting of funding: paid above zero, `Cash` down, `Funding` up.
    ///
    /// # Errors
    /// [`AccountError::Overflow`] for the smallest amount there is.
    pub fn funding(currency: CurrencyIx, paid: Amount) -> Result<PostingLines, AccountError> {
        let mut lines = PostingLines::new();
        if paid != Amount::ZERO {
            lines.push(LedgerAccount::Cash, currency, paid.checked_neg().ok_or(overflow("funding"))?);
            lines.push(LedgerAccount::Funding, currency, paid);
        }
        Ok(lines)
    }

    /// Changes the state by one event; events that do not concern money, positions or
    /// reservations change nothing.
    ///
    /// # Errors
    /// [`AccountError::Unbalanced`], [`AccountError::Overflow`] or [`AccountError::Unknown`]; the
    /// state must not be used after an error.
    pub fn apply(&mut self, event: &Event) -> Result<(), AccountError> {
        if let Some(margin) = &mut self.margin {
            follow(margin, &self.contracts, event).ok_or(overflow("a wallet"))?;
        }
        match event {
            Event::Posted { reason, lines } | Event::PostedAt { reason, lines, .. } => self.post(*reason, lines),
            Event::BorrowDeclared { currency, terms } => self.lend(*currency, terms),
            Event::PositionChanged(point) => self.move_position(None, point),
            Event::SidePositionChanged { position_side, point } => self.move_position(Some(*position_side), point),
            Event::PositionModeDeclared { mode: PositionMode::Hedge }
            | Event::PositionModeDeclaredAt { mode: PositionMode::Hedge, .. } => {
                self.shorts = vec![PositionView::default(); self.positions.len()];
                Ok(())
            }
            Event::FundingPaid { strategy: Some(strategy), instrument, net_qty, paid, .. } => {
                let side = self.side_of(*net_qty);
                let position = self.held_mut(*strategy, *instrument, side)?;
                let sum = position.funding_paid.checked_add(*paid);
                position.funding_paid = sum.ok_or(overflow("the funding of a position"))?;
                Ok(())
            }
            Event::Submitted { client_order_id, request, currency, reserved } => {
                let part =
                    self.reserved_part(*client_order_id, request).ok_or(overflow("the part of an order that opens"))?;
                let reserve = Reserve { currency: *currency, amount: *reserved };
                self.reservations.open(*client_order_id, request, (reserve, part))
            }
            other => self.reservations.apply(other),
        }
    }

    fn post(&mut self, reason: PostingReason, lines: &PostingLines) -> Result<(), AccountError> {
        if !lines.balances() {
            return Err(AccountError::Unbalanced { reason, lines: Box::new(*lines) });
        }
        lines.as_slice().iter().try_for_each(|line| self.post_line(line))
    }

    fn post_line(&mut self, line: &PostingLine) -> Result<(), AccountError> {
        let row = self.ledger.get_mut(line.currency.usize()).ok_or(AccountError::Unknown { what: "a currency" })?;
        let cell = &mut row[ledger_column(line.account)];
        let before = *cell;
        *cell = before.checked_add(line.amount).ok_or(overflow("a balance"))?;
        if line.account == LedgerAccount::Cash {
            let total = *cell;
            if (before == Amount::ZERO) != (total == Amount::ZERO) {
                self.funded.set(line.currency.0, total != Amount::ZERO);
            }
            if line.currency != self.base_currency {
                self.coarse_cash[line.currency.usize()] = coarse(total);
            }
        }
        Ok(())
    }

    fn move_position(&mut self, side: Option<PositionSide>, point: &PositionPoint) -> Result<(), AccountError> {
        let position = self.held_mut(point.strategy, point.instrument, side)?;
        let before = *position;
        let PositionPoint { net_qty, entry_cost, realized_pnl, .. } = *point;
        let after = PositionView { net_qty, entry_cost, realized_pnl, ..before };
        *position = after;
        let net = &mut self.net[point.instrument.usize()];
        let moved = |sum: Qty| sum.checked_sub(before.net_qty)?.checked_add(after.net_qty);
        net.qty = moved(net.qty).ok_or(overflow("the account's position"))?;
        if side == Some(PositionSide::Short) {
            net.short_qty = moved(net.short_qty).ok_or(overflow("the account's position"))?;
        }
        net.entry_cost = net
            .entry_cost
            .checked_sub(before.entry_cost)
            .and_then(|cost| cost.checked_add(after.entry_cost))
            .ok_or(overflow("the cost of the account's position"))?;
        net.holders -= u32::from(before.net_qty != Qty::ZERO);
        net.holders += u32::from(after.net_qty != Qty::ZERO);
        let present = net.holders > 0;
        self.held.set(point.instrument.0, present);
        Ok(())
    }

    /// Which of two positions has such a quantity; `None` in one-way mode.
    pub fn side_of(&self, signed: Qty) -> Option<PositionSide> {
        match self.position_mode() {
            PositionMode::OneWay => None,
            PositionMode::Hedge => PositionSide::of_qty(signed.raw()),
        }
    }

    /// A strategy's position as events change it.
    fn held_mut(
        &mut self,
        strategy: StrategyIx,
        instrument: InstrumentIx,
        side: Option<PositionSide>,
    ) -> Result<&mut PositionView, AccountError> {
        let unknown = AccountError::Unknown { what: "a position" };
        let cell = self.position_cell(strategy, instrument).ok_or(unknown.clone())?;
        let table = if side == Some(PositionSide::Short) { &mut self.shorts } else { &mut self.positions };
        table.get_mut(cell).ok_or(unknown)
    }

    fn position_cell(&self, strategy: StrategyIx, instrument: InstrumentIx) -> Option<usize> {
        let cell = strategy.usize() * self.instruments + instrument.usize();
        (instrument.usize() < self.instruments && cell < self.positions.len()).then_some(cell)
    }

    /// Wallets and positions as the venue keeps them, of a margin account.
    pub fn margin(&self) -> Option<&MarginBook> {
        self.margin.as_deref()
    }

    /// What it is.
    pub const fn kind(&self) -> AccountKind {
        self.kind
    }

    /// What we have of a currency, and how much of it open orders have set aside; zero for a
    /// currency that the run does not have.
    pub fn balance(&self, currency: CurrencyIx) -> Balance {
        let total = self.ledger(LedgerAccount::Cash, currency);
        Balance { total, reserved: self.reservations.reserved(currency) }
    }

    /// The sum of one ledger account in one currency. The accounts of a currency sum to zero;
    /// profit stands below zero in `RealizedPnl`, as its other side is `Cash`.
    pub fn ledger(&self, account: LedgerAccount, currency: CurrencyIx) -> Amount {
        self.ledger.get(currency.usize()).map_or(Amount::ZERO, |row| row[ledger_column(account)])
    }

    /// Whether an instrument has one position or two.
    pub const fn position_mode(&self) -> PositionMode {
        if self.shorts.is_empty() { PositionMode::OneWay } else { PositionMode::Hedge }
    }

    /// A strategy's own position, in hedge mode the sum of its two; flat for one that the run does not have.
    pub fn position(&self, strategy: StrategyIx, instrument: InstrumentIx) -> PositionView {
        let long = self.held_of(strategy, instrument, None);
        if self.shorts.is_empty() {
            return long;
        }
        let short = self.held_of(strategy, instrument, Some(PositionSide::Short));
        let sum = |a: Amount, b: Amount| a.checked_add(b).unwrap_or(Amount::MAX);
        PositionView {
            // A long and a short quantity cannot overflow together.
            net_qty: Qty::from_raw(long.net_qty.raw() + short.net_qty.raw()),
            entry_cost: sum(long.entry_cost, short.entry_cost),
            realized_pnl: sum(long.realized_pnl, short.realized_pnl),
            funding_paid: sum(long.funding_paid, short.funding_paid),
        }
    }

    /// One of a strategy's positions: in hedge mode the one of a side, else the only one for `None`. Flat for
    /// one that there is not.
    pub fn held_of(&self, strategy: StrategyIx, instrument: InstrumentIx, side: Option<PositionSide>) -> PositionView {
        let table = if side == Some(PositionSide::Short) { &self.shorts } else { &self.positions };
        let cell = self.position_cell(strategy, instrument);
        cell.and_then(|cell| table.get(cell)).copied().unwrap_or_default()
    }

    /// The account's signed position in an instrument: the sum over strategies, and in hedge mode over both sides.
    pub fn net_qty(&self, instrument: InstrumentIx) -> Qty {
        self.net.get(instrument.usize()).map_or(Qty::ZERO, |net| net.qty)
    }

    /// The same of one side; in one-way mode, for `None`, of all there is.
    pub fn side_net_qty(&self, instrument: InstrumentIx, side: Option<PositionSide>) -> Qty {
        let net = self.net.get(instrument.usize()).copied().unwrap_or_default();
        match side {
            None => net.qty,
            Some(PositionSide::Long) => Qty::from_raw(net.qty.raw() - net.short_qty.raw()),
            Some(PositionSide::Short) => net.short_qty,
        }
    }

    /// Open quantity of one side in an instrument, over all strategies. An order whose amendment is
    /// on its way counts with the larger quantity.
    pub fn open_qty(&self, instrument: InstrumentIx, side: Side) -> Qty {
        self.reservations.open_qty(instrument, side)
    }

    /// Number of open orders.
    pub const fn open_orders(&self) -> u32 {
        self.reservations.len()
    }

    /// Instruments in which some strategy has a position, in order of index.
    pub fn held(&self) -> impl Iterator<Item = InstrumentIx> {
        self.held.0.iter().map(|index| InstrumentIx(*index))
    }

    /// Whether nothing is held whose worth depends on a price: no position, and no balance but of
    /// the base currency. Then equity is the balance of the base currency.
    #[inline]
    pub fn is_flat(&self) -> bool {
        self.held.0.is_empty() && self.funded.0.iter().all(|index| *index == self.base_currency.0)
    }

    /// Currencies with a balance that is not zero, with the balance.
    fn cash(&self) -> impl Iterator<Item = (CurrencyIx, Amount)> {
        let column = ledger_column(LedgerAccount::Cash);
        self.funded.0.iter().map(move |index| (CurrencyIx(*index), self.ledger[usize::from(*index)][column]))
    }
}

/// The book of a margin account takes in an event; `None` on overflow, or if it names what is not there.
fn follow(book: &mut MarginBook, contracts: &[Instrument], event: &Event) -> Option<()> {
    let of = |instrument: InstrumentIx| contracts.get(instrument.usize());
    match event {
        Event::MarginDeclared { instrument, terms } => book.set_terms(*instrument, terms),
        Event::PositionModeDeclared { mode: PositionMode::Hedge }
        | Event::PositionModeDeclaredAt { mode: PositionMode::Hedge, .. } => {
            book.hedge();
            Some(())
        }
        Event::Filled { instrument, deal, report, .. } => {
            let fee = (report.fee, report.fee_currency);
            book.fill(of(*instrument)?, *deal, (report.last_px, report.last_qty), fee)
        }
        Event::Liquidated(liquidation) => book.liquidate(of(liquidation.instrument)?, liquidation),
        Event::Bankrupt(bankruptcy) | Event::BankruptAt { bankruptcy, .. } => book.cover(bankruptcy),
        Event::FundingPaid { instrument, net_qty, paid, .. } => {
            book.credit_position(book.holding_of(*instrument, *net_qty), paid.checked_neg()?)
        }
        Event::PositionSettled { instrument, settlement_px, net_qty, .. } => {
            let contract = of(*instrument)?;
            let (side, qty) = if *net_qty > Qty::ZERO {
                (Side::Sell, *net_qty)
            } else {
                (Side::Buy, Qty::from_raw(net_qty.raw().checked_neg()?))
            };
            let deal = Deal { side, position_side: book.holding_of(*instrument, *net_qty).side };
            book.fill(contract, deal, (*settlement_px, qty), (Amount::ZERO, contract.settlement))
        }
        Event::Redenominated { report, .. } => {
            let mut concerned = contracts.iter().filter(|contract| contract.base == report.asset);
            concerned.try_for_each(|contract| book.redenominate(contract.ix, report.ratio))
        }
        Event::Posted { reason, lines } | Event::PostedAt { reason, lines, .. } => match reason {
            PostingReason::Deposit
            | PostingReason::Withdrawal
            | PostingReason::Airdrop
            | PostingReason::Transfer
            | PostingReason::Redenomination => {
                let cash = lines.as_slice().iter().filter(|line| line.account == LedgerAccount::Cash);
                cash.map(|line| (line.currency, line.amount)).try_for_each(|(currency, sum)| book.credit(currency, sum))
            }
            // Taken in with the event that says what happened.
            PostingReason::Fill
            | PostingReason::Funding
            | PostingReason::Settlement
            | PostingReason::Liquidation
            | PostingReason::Insurance
            | PostingReason::Delisting
            | PostingReason::Interest => Some(()),
        },
        _ => Some(()),
    }
}

/// An amount in units of 1e-12, where that is exact and fits.
fn coarse(total: Amount) -> Option<i64> {
    let unit = pow10(Amount::SCALE - COARSE_SCALE);
    let coarse = total.raw() / unit;
    let exact = coarse.wrapping_mul(unit) == total.raw();
    exact.then(|| i64::try_from(coarse).ok()).flatten()
}

const fn ledger_column(account: LedgerAccount) -> usize {
    LEDGER_COLUMNS[account.number() as usize] as usize
}

#[cfg(test)]
mod tests;
