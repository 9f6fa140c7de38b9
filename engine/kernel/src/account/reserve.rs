//! What open orders have set aside.
//!
//! Enters: orders (to ask) and order events (to fold). Leaves: reserves and sums of open quantity.
//! Invariants: one entry per open order, however many there were; the sum per currency equals the
//! sum over entries, of a pair of which one cancels the other over the larger. Deliberately absent:
//! the order's state, which the OMS keeps.
//!
//! An order that waits for its parent's fills counts no open quantity while it waits. Where it sells
//! on a spot account what its parent buys, it reserves that when it begins to work, for then it is there;
//! any other reserve is made when it is sent.

use std::collections::VecDeque;

use tapedeck_model::event::DenyReason;
use tapedeck_model::{
    Amendment, Amount, ClientOrderId, CurrencyIx, Event, GroupLeg, Instrument, InstrumentIx, InstrumentKind, OrderKind,
    OrderRequest, Price, Qty, Side, StrategyIx, Ts,
};

use super::{Account, AccountError, AccountKind, AccountSpec, LEVERAGE_ONE, Marks, overflow};

/// How much dearer than the last known price a spot market or stop buy may become before its
/// reserve is used up, in hundredths of a percent.
pub const MARKET_BUFFER_BPS: i64 = 100;

const BPS: i64 = 10_000;
pub(super) const FEE_RATE_ONE: i64 = 1_000_000_000_000;

/// What [`Account::reserve_for`] looks at.
#[derive(Debug, Clone, Copy)]
pub struct ReserveQuery<'a> {
    /// The kernel's time.
    pub now: Ts,
    /// What is asked for; of an amended order: the whole order with its new values.
    pub request: &'a OrderRequest,
    /// Signed quantity by which the account's position will have changed before the order works: what the
    /// parent of a waiting order fills; else zero.
    pub before_qty: Qty,
    /// In what.
    pub instrument: &'a Instrument,
    /// Last known price.
    pub mark: Price,
    /// Largest fee as a fraction of notional, in units of 1e-12.
    pub fee_rate_max: i64,
    /// In what fees are charged; `None` if that is not known: then a sale's fee is taken to come
    /// out of its proceeds.
    pub fee_currency: Option<CurrencyIx>,
    /// The open order that is to be amended: what it has reserved is free for its new values.
    pub replacing: Option<ClientOrderId>,
    /// The account's equity, if known; netting accounts need it.
    pub equity: Option<Amount>,
    /// Gross value of all positions in the base currency, if known; netting accounts need it.
    pub gross_exposure: Option<Amount>,
    /// For conversions to the base currency.
    pub marks: &'a Marks,
}

/// What is set aside for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserve {
    /// In what.
    pub currency: CurrencyIx,
    /// How much; at least zero.
    pub amount: Amount,
}

impl Account {
    /// What must be set aside for an order, or why it cannot be paid.
    ///
    /// Spot: a buy reserves its notional at the limit price (market and stop orders: at the higher
    /// of the last known price and the trigger, plus [`MARKET_BUFFER_BPS`]) and the largest fee; a
    /// sale reserves the base asset (and its fee, if that is charged in the base asset).
    ///
    /// Netting: the part that increases the account's position reserves its value divided by the
    /// leverage; the margin of all positions, of all open orders and of this one must not exceed
    /// equity. Open orders on the same side are taken to reduce first. An order that only reduces
    /// needs nothing and always passes.
    ///
    /// Margin: the same with the instrument's own leverage, the largest fee and what the order would lose at
    /// once at the mark on top, against the wallet of the settlement currency (see [`crate::margin`]).
    ///
    /// # Errors
    /// `InsufficientFunds`, `InvalidOrder` (quantity or price not above zero), `NoPrice` (a price
    /// that the check needs is not known) or `Overflow`.
    pub fn reserve_for(&self, query: &ReserveQuery<'_>) -> Result<Reserve, DenyReason> {
        let replaced = query.replacing.and_then(|id| self.reservations.get(id));
        let filled = replaced.map_or(Qty::ZERO, |entry| entry.cum_qty);
        let qty = query.request.order_qty.checked_sub(filled).ok_or(DenyReason::Overflow)?;
        if qty.raw() <= 0 || order_px(query.request.kind).is_some_and(|px| px.raw() <= 0) {
            return Err(DenyReason::InvalidOrder);
        }
        if query.mark.raw() <= 0 {
            return Err(DenyReason::NoPrice);
        }
        match self.kind {
            AccountKind::Spot => self.spot_reserve(query, qty, replaced),
            AccountKind::Netting { max_leverage } => self.margin_reserve(query, qty, (replaced, max_leverage)),
            AccountKind::Margin => self.bracket_reserve(query, qty, replaced),
            AccountKind::SpotMargin { leverage } => self.loan_reserve(query, qty, (replaced, leverage)),
        }
    }

    fn spot_reserve(
        &self,
        query: &ReserveQuery<'_>,
        qty: Qty,
        replaced: Option<&Reservation>,
    ) -> Result<Reserve, DenyReason> {
        let reserve = spot_need(query, qty).ok_or(DenyReason::Overflow)?;
        if waits_for_parent(query, replaced) {
            return Ok(reserve);
        }
        let own = replaced.filter(|entry| entry.currency == reserve.currency);
        let own = own.map_or(Amount::ZERO, |entry| self.reservations.shared_held(entry, query.replacing));
        let free = self.balance(reserve.currency).free().checked_add(own).ok_or(DenyReason::Overflow)?;
        if reserve.amount > free { Err(DenyReason::InsufficientFunds) } else { Ok(reserve) }
    }

    /// What an open order, and the one that is a pair with it, have set aside.
    pub(super) fn shared_held(&self, entry: &Reservation, id: Option<ClientOrderId>) -> Amount {
        self.reservations.shared_held(entry, id)
    }

    fn margin_reserve(
        &self,
        query: &ReserveQuery<'_>,
        qty: Qty,
        (replaced, max_leverage): (Option<&Reservation>, i64),
    ) -> Result<Reserve, DenyReason> {
        let currency = query.instrument.settlement;
        let increasing = self.increasing_qty(query, qty, replaced).ok_or(DenyReason::Overflow)?;
        if increasing == Qty::ZERO {
            return Ok(Reserve { currency, amount: Amount::ZERO });
        }
        let margin = |value: Amount| value.mul_div(LEVERAGE_ONE, max_leverage).ok_or(DenyReason::Overflow);
        let value = query.instrument.notional(exposed_px(query), increasing).ok_or(DenyReason::Overflow)?;
        let amount = margin(value)?;
        let equity = query.equity.ok_or(DenyReason::NoPrice)?;
        let mut used = margin(query.gross_exposure.ok_or(DenyReason::NoPrice)?)?;
        for (currency, reserved) in self.reservations.sums() {
            let own = replaced.filter(|entry| entry.currency == currency);
            let own = own.map_or(Amount::ZERO, |entry| self.reservations.shared_held(entry, query.replacing));
            let others = reserved.checked_sub(own).ok_or(DenyReason::Overflow)?;
            let others = query.marks.to_base(others, currency).ok_or(DenyReason::NoPrice)?;
            used = used.checked_add(others).ok_or(DenyReason::Overflow)?;
        }
        let wanted = query.marks.to_base(amount, currency).ok_or(DenyReason::NoPrice)?;
        used = used.checked_add(wanted).ok_or(DenyReason::Overflow)?;
        if used > equity { Err(DenyReason::InsufficientFunds) } else { Ok(Reserve { currency, amount }) }
    }

    /// How much of an order goes beyond closing the account's position, once every open order on
    /// the same side is filled; `None` on overflow.
    pub(super) fn increasing_qty(
        &self,
        query: &ReserveQuery<'_>,
        qty: Qty,
        replaced: Option<&Reservation>,
    ) -> Option<Qty> {
        let own = replaced.map_or(Qty::ZERO, |entry| self.reservations.shared_leaves(entry, query.replacing));
        self.beyond_closing(&OrderRequest { order_qty: qty, ..*query.request }, own, query.before_qty)
    }

    /// The same for a request; `own` is what the order itself has open already, `before` what the position
    /// will have changed by.
    fn beyond_closing(&self, request: &OrderRequest, own: Qty, before: Qty) -> Option<Qty> {
        let OrderRequest { instrument, side, order_qty, .. } = *request;
        if let Some(position_side) = request.terms.position_side {
            // In hedge mode an order opens or closes, never both.
            return Some(if position_side.is_closed_by(side) { Qty::ZERO } else { order_qty });
        }
        let open = self.open_qty(instrument, side).checked_sub(own)?;
        let against = self.net_qty(instrument).checked_add(before)?.raw().checked_mul(-side.sign())?;
        let reducible = against.max(0).saturating_sub(open.raw()).max(0);
        Some(Qty::from_raw(order_qty.raw().saturating_sub(reducible).max(0)))
    }

    /// The part of a new order that its reserve is for; what only closes a position fills first and
    /// needs none.
    pub(super) fn reserved_part(&self, id: ClientOrderId, request: &OrderRequest) -> Option<Qty> {
        match self.kind {
            AccountKind::Spot | AccountKind::SpotMargin { .. } => Some(request.order_qty),
            AccountKind::Netting { .. } | AccountKind::Margin => {
                // A waiting order is opposite to its parent and as large.
                let is_child = request.terms.group.is_some_and(GroupLeg::is_child);
                let before = if is_child { -request.order_qty.raw() * request.side.sign() } else { 0 };
                let sibling = request.terms.group.and_then(GroupLeg::sibling);
                let other = sibling.and_then(|number| self.reservations.get(ClientOrderId { number, ..id }));
                let own = other.map_or(Qty::ZERO, Reservation::leaves_qty);
                self.beyond_closing(request, own, Qty::from_raw(before))
            }
        }
    }
}

/// Whether its parent has yet to buy what an order sells.
pub(super) fn waits_for_parent(query: &ReserveQuery<'_>, replaced: Option<&Reservation>) -> bool {
    replaced.is_none_or(|entry| entry.waits) && waits_for_base(query.request)
}

/// Whether an order waits for the base asset that it will sell. Only spot accounts reserve that.
fn waits_for_base(request: &OrderRequest) -> bool {
    request.side == Side::Sell && request.terms.group.is_some_and(GroupLeg::is_child)
}

/// The price that the order bears: its limit, else its trigger.
const fn order_px(kind: OrderKind) -> Option<Price> {
    match kind.limit_px() {
        Some(px) => Some(px),
        None => kind.trigger_px(),
    }
}

/// The price at which an order's exposure is valued: a sale may fill above its limit. An inverse contract is
/// worth more the lower its price is.
pub(super) fn exposed_px(query: &ReserveQuery<'_>) -> Price {
    if query.instrument.kind == InstrumentKind::Inverse {
        return order_px(query.request.kind).unwrap_or(query.mark).min(query.mark);
    }
    match (query.request.kind, query.request.side) {
        (
            OrderKind::Limit { limit_px }
            | OrderKind::StopLimit { limit_px, .. }
            | OrderKind::TouchLimit { limit_px, .. },
            Side::Buy,
        ) => limit_px,
        (kind, side) => kind.borne_px(side, query.mark).unwrap_or(query.mark).max(query.mark),
    }
}

/// What a spot order must set aside; `None` on overflow.
pub(super) fn spot_need(query: &ReserveQuery<'_>, qty: Qty) -> Option<Reserve> {
    let instrument = query.instrument;
    let with_fee = |amount: Amount| amount.checked_add(amount.mul_div(query.fee_rate_max.max(0), FEE_RATE_ONE)?);
    match query.request.side {
        Side::Sell => {
            let base = instrument.base_amount(qty)?;
            let amount = if query.fee_currency == Some(instrument.base) { with_fee(base)? } else { base };
            Some(Reserve { currency: instrument.base, amount })
        }
        Side::Buy => {
            let notional = match query.request.kind {
                OrderKind::Limit { limit_px }
                | OrderKind::StopLimit { limit_px, .. }
                | OrderKind::TouchLimit { limit_px, .. } => instrument.notional(limit_px, qty)?,
                OrderKind::Market => buffered(instrument.notional(query.mark, qty)?)?,
                kind @ (OrderKind::Stop { .. } | OrderKind::Touch { .. } | OrderKind::Trailing { .. }) => {
                    let borne = kind.borne_px(Side::Buy, query.mark)?;
                    buffered(instrument.notional(query.mark.max(borne), qty)?)?
                }
            };
            Some(Reserve { currency: instrument.quote, amount: with_fee(notional)? })
        }
    }
}

/// What a sale at an unknown price brings in at least, as far as a purchase costs at most.
pub(super) fn buffered_down(notional: Amount) -> Option<Amount> {
    notional.mul_div(BPS - MARKET_BUFFER_BPS, BPS)
}

fn buffered(notional: Amount) -> Option<Amount> {
    notional.mul_div(BPS + MARKET_BUFFER_BPS, BPS)
}

/// What one open order has set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reservation {
    number: u32,
    instrument: InstrumentIx,
    side: Side,
    currency: CurrencyIx,
    /// Whether the reserve moves with the price: all but the base asset of a spot sale.
    priced: bool,
    /// Whether it moves against the price: of inverse contracts.
    inverse: bool,
    kind: OrderKind,
    order_qty: Qty,
    /// The part that the reserve is for, which fills last: all of it but what only closes a position.
    reserved_qty: Qty,
    pub(super) cum_qty: Qty,
    /// What the whole order would need at its present values, were nothing filled.
    full: Amount,
    /// A change that the venue has not answered yet.
    pending: Option<Amendment>,
    /// Whether it waits for its parent's fills.
    waits: bool,
    /// Number of the order of which it is a pair: only the larger of both counts.
    sibling: Option<u32>,
    /// What it has set aside by itself.
    pub(super) held: Amount,
}

impl Reservation {
    /// In what the reserve is.
    pub(super) const fn currency(&self) -> CurrencyIx {
        self.currency
    }

    /// Open quantity, by the larger of the present and the asked-for order quantity; none while it waits.
    fn leaves_qty(&self) -> Qty {
        if self.waits {
            return Qty::ZERO;
        }
        let asked = self.pending.and_then(|amendment| amendment.order_qty).unwrap_or(self.order_qty);
        Qty::from_raw(asked.max(self.order_qty).raw().saturating_sub(self.cum_qty.raw()).max(0))
    }

    /// The part that a reserve would be for with another quantity.
    fn reserved_qty_with(&self, order_qty: Qty) -> Qty {
        let change = order_qty.raw().saturating_sub(self.order_qty.raw());
        Qty::from_raw(self.reserved_qty.raw().saturating_add(change).max(0))
    }

    /// What the whole order would need with other values; `None` on overflow.
    fn full_with(&self, order_qty: Qty, kind: OrderKind) -> Option<Amount> {
        let resized = part_of(self.full, self.reserved_qty_with(order_qty), self.reserved_qty)?;
        match (order_px(self.kind), order_px(kind)) {
            (Some(old), Some(new)) if self.priced && old != new && old.raw() > 0 && new.raw() > 0 => {
                let (old, new) = if self.inverse { (new, old) } else { (old, new) };
                resized.mul_div(new.raw(), old.raw())
            }
            _ => Some(resized),
        }
    }

    /// What must be held now; `None` on overflow.
    fn needed(&self) -> Option<Amount> {
        if self.waits && !self.priced {
            return Some(Amount::ZERO);
        }
        let open_part = |full: Amount, order_qty: Qty, reserved: Qty| {
            let leaves = Qty::from_raw(order_qty.raw().saturating_sub(self.cum_qty.raw()).max(0));
            part_of(full, leaves.min(reserved), reserved)
        };
        let present = open_part(self.full, self.order_qty, self.reserved_qty)?;
        let Some(amendment) = self.pending else { return Some(present) };
        let order_qty = amendment.order_qty.unwrap_or(self.order_qty);
        let full = self.full_with(order_qty, amendment.applied_to(self.kind))?;
        let asked = open_part(full, order_qty, self.reserved_qty_with(order_qty))?;
        Some(present.max(asked))
    }
}

/// `full x part / whole`; all of it if there is no whole. `None` on overflow.
fn part_of(full: Amount, part: Qty, whole: Qty) -> Option<Amount> {
    if part == whole || whole == Qty::ZERO { Some(full) } else { full.mul_div(part.raw(), whole.raw()) }
}

/// Open quantity of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct OpenQty {
    buy: Qty,
    sell: Qty,
}

impl OpenQty {
    const fn of(&mut self, side: Side) -> &mut Qty {
        match side {
            Side::Buy => &mut self.buy,
            Side::Sell => &mut self.sell,
        }
    }
}

/// Every open order's reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reservations {
    spot: bool,
    /// By instrument: whether it is an inverse contract.
    inverse: Vec<bool>,
    /// By strategy; order numbers rise, so new ones go to the end.
    entries: Vec<VecDeque<Reservation>>,
    len: u32,
    /// By currency.
    sums: Vec<Amount>,
    /// By instrument.
    open: Vec<OpenQty>,
}

impl Reservations {
    pub(super) fn new(spec: &AccountSpec, instruments: &[Instrument]) -> Self {
        Self {
            spot: matches!(spec.kind, AccountKind::Spot | AccountKind::SpotMargin { .. }),
            inverse: instruments.iter().map(|one| one.kind == InstrumentKind::Inverse).collect(),
            entries: vec![VecDeque::new(); spec.strategies],
            len: 0,
            sums: vec![Amount::ZERO; spec.currencies],
            open: vec![OpenQty::default(); instruments.len()],
        }
    }

    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn reserved(&self, currency: CurrencyIx) -> Amount {
        self.sums.get(currency.usize()).copied().unwrap_or(Amount::ZERO)
    }

    fn sums(&self) -> impl Iterator<Item = (CurrencyIx, Amount)> {
        let index = |(index, sum): (usize, &Amount)| (CurrencyIx(index as u16), *sum);
        self.sums.iter().enumerate().map(index).filter(|(_, sum)| *sum != Amount::ZERO)
    }

    pub(super) fn open_qty(&self, instrument: InstrumentIx, side: Side) -> Qty {
        self.open.get(instrument.usize()).copied().map_or(Qty::ZERO, |mut open| *open.of(side))
    }

    fn get(&self, id: ClientOrderId) -> Option<&Reservation> {
        let entries = self.entries.get(id.strategy.usize())?;
        entries.get(entries.binary_search_by_key(&id.number, |entry| entry.number).ok()?)
    }

    /// The order that is a pair with this one, if both are open.
    fn sibling_of(&self, entry: &Reservation, strategy: StrategyIx) -> Option<&Reservation> {
        self.get(ClientOrderId { strategy, number: entry.sibling? })
    }

    /// What is counted for an order and the one that is a pair with it.
    fn shared_held(&self, entry: &Reservation, id: Option<ClientOrderId>) -> Amount {
        let other = id.and_then(|id| self.sibling_of(entry, id.strategy));
        other.map_or(entry.held, |other| entry.held.max(other.held))
    }

    /// Open quantity of an order and the one that is a pair with it.
    fn shared_leaves(&self, entry: &Reservation, id: Option<ClientOrderId>) -> Qty {
        let other = id.and_then(|id| self.sibling_of(entry, id.strategy));
        other.map_or(entry.leaves_qty(), |other| entry.leaves_qty().max(other.leaves_qty()))
    }

    pub(super) fn apply(&mut self, event: &Event) -> Result<(), AccountError> {
        match event {
            Event::AmendSubmitted { client_order_id, amendment } => self.change(*client_order_id, |entry| {
                entry.pending = Some(*amendment);
                Some(())
            }),
            Event::AmendRejected { client_order_id, .. } => self.change(*client_order_id, |entry| {
                entry.pending = None;
                Some(())
            }),
            Event::Replaced { client_order_id, order_qty, kind } => self.change(*client_order_id, |entry| {
                entry.full = entry.full_with(*order_qty, *kind)?;
                entry.reserved_qty = entry.reserved_qty_with(*order_qty);
                (entry.order_qty, entry.kind, entry.pending) = (*order_qty, *kind, None);
                Some(())
            }),
            Event::Activated { client_order_id, order_qty } => self.change(*client_order_id, |entry| {
                (entry.waits, entry.order_qty) = (false, *order_qty);
                Some(())
            }),
            // What is reserved fills last, so less of the order needs no other sum for the whole of it.
            Event::Resized { client_order_id, order_qty } => self.change(*client_order_id, |entry| {
                entry.order_qty = *order_qty;
                Some(())
            }),
            Event::Filled { report, cum_qty, leaves_qty, .. } if *leaves_qty != Qty::ZERO => {
                self.change(report.client_order_id, |entry| {
                    (entry.cum_qty, entry.waits) = (*cum_qty, false);
                    Some(())
                })
            }
            Event::Filled { report, .. } => self.close(report.client_order_id),
            Event::Canceled { client_order_id, .. }
            | Event::Expired { client_order_id, .. }
            | Event::Rejected { client_order_id, .. } => self.close(*client_order_id),
            _ => Ok(()),
        }
    }

    /// Takes in a new order; `reserved_qty` is the part of it that the reserve is for.
    pub(super) fn open(
        &mut self,
        id: ClientOrderId,
        request: &OrderRequest,
        (reserve, reserved_qty): (Reserve, Qty),
    ) -> Result<(), AccountError> {
        let unknown = |what| AccountError::Unknown { what };
        if request.instrument.usize() >= self.open.len() {
            return Err(unknown("an instrument"));
        }
        if reserve.currency.usize() >= self.sums.len() {
            return Err(unknown("a currency"));
        }
        let entries = self.entries.get_mut(id.strategy.usize()).ok_or(unknown("a strategy"))?;
        assert!(entries.back().is_none_or(|last| last.number < id.number), "order numbers of a strategy rise");
        let group = request.terms.group;
        let mut entry = Reservation {
            number: id.number,
            instrument: request.instrument,
            side: request.side,
            currency: reserve.currency,
            priced: !(self.spot && request.side == Side::Sell),
            inverse: self.inverse.get(request.instrument.usize()).copied().unwrap_or(false),
            kind: request.kind,
            order_qty: request.order_qty,
            reserved_qty,
            cum_qty: Qty::ZERO,
            full: reserve.amount,
            pending: None,
            waits: group.is_some_and(GroupLeg::is_child),
            sibling: group.and_then(GroupLeg::sibling),
            held: reserve.amount,
        };
        entry.held = entry.needed().ok_or(overflow("a reserve"))?;
        entries.push_back(entry);
        self.len += 1;
        self.count(id.strategy, &entry, None)
    }

    /// Changes one entry, if it is there, and the sums with it.
    fn change(
        &mut self,
        id: ClientOrderId,
        edit: impl FnOnce(&mut Reservation) -> Option<()>,
    ) -> Result<(), AccountError> {
        let Some((strategy, at)) = self.find(id) else { return Ok(()) };
        let before = self.entries[strategy][at];
        let mut after = before;
        edit(&mut after).ok_or(overflow("a reserve"))?;
        after.held = after.needed().ok_or(overflow("a reserve"))?;
        self.entries[strategy][at] = after;
        self.count(id.strategy, &after, Some(&before))
    }

    fn close(&mut self, id: ClientOrderId) -> Result<(), AccountError> {
        let Some((strategy, at)) = self.find(id) else { return Ok(()) };
        let Some(before) = self.entries[strategy].remove(at) else { return Ok(()) };
        self.len -= 1;
        let nothing = Reservation { held: Amount::ZERO, cum_qty: before.order_qty, pending: None, ..before };
        self.count(id.strategy, &nothing, Some(&before))
    }

    fn find(&self, id: ClientOrderId) -> Option<(usize, usize)> {
        let strategy = id.strategy.usize();
        let at = self.entries.get(strategy)?.binary_search_by_key(&id.number, |entry| entry.number).ok()?;
        Some((strategy, at))
    }

    /// Counts an entry in the sums, in place of what it was before. Of a pair the larger is counted.
    fn count(
        &mut self,
        strategy: StrategyIx,
        after: &Reservation,
        before: Option<&Reservation>,
    ) -> Result<(), AccountError> {
        let other = self.sibling_of(after, strategy).filter(|other| other.currency == after.currency);
        let (floor, floor_qty) =
            other.map_or((Amount::ZERO, Qty::ZERO), |other| (other.held.max(Amount::ZERO), other.leaves_qty()));
        let (held, leaves) = before.map_or((Amount::ZERO, Qty::ZERO), |entry| (entry.held, entry.leaves_qty()));
        let sum = &mut self.sums[after.currency.usize()];
        *sum = sum
            .checked_sub(held.max(floor))
            .and_then(|rest| rest.checked_add(after.held.max(floor)))
            .ok_or(overflow("the sum of reserves"))?;
        let open = self.open[after.instrument.usize()].of(after.side);
        *open = open
            .checked_sub(leaves.max(floor_qty))
            .and_then(|rest| rest.checked_add(after.leaves_qty().max(floor_qty)))
            .ok_or(overflow("the sum of open quantities"))?;
        assert!(open.raw() >= 0, "open quantity is not below zero");
        Ok(())
    }
}
