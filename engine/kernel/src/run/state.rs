//! What strategies may see: the past as received.

use tapedeck_model::port::{Balance, PositionView};
use tapedeck_model::{
    Amount, Book, ClientOrderId, CurrencyIx, Instrument, InstrumentIx, MarketState, Order, PositionMode, PositionSide,
    Qty, StrategyIx, VenueIx, View,
};

use crate::account::{Account, Accounts, Marks};
use crate::market::MarketView;
use crate::oms::Oms;

/// What strategies may see: the past as received.
pub(super) struct State {
    pub(super) instruments: Vec<Instrument>,
    pub(super) market: MarketView,
    pub(super) oms: Oms,
    pub(super) accounts: Accounts,
    pub(super) marks: Marks,
    pub(super) fee_rate_max: Vec<i64>,
}

impl State {
    /// The account that an instrument is traded from.
    #[inline]
    pub(super) fn account(&self, instrument: InstrumentIx) -> &Account {
        self.accounts.of(instrument)
    }

    /// Equity and exposure of one account; `None` before every price that they need is known.
    pub(super) fn worth(&self, account: &Account) -> Option<(Amount, Amount)> {
        Some((self.marks.equity(account)?, self.marks.exposure(account)?))
    }

    /// What the open orders of all positions but one would add to gross exposure at the last known
    /// prices, were those of the side that adds more filled in each; `None` if a price is not known or
    /// on overflow.
    pub(super) fn open_exposure(&self, except: (InstrumentIx, Option<PositionSide>)) -> Option<Amount> {
        let mut sum = Amount::ZERO;
        for instrument in &self.instruments {
            let open = self.oms.open_qty(instrument.ix);
            if (open.buy, open.sell) == (0, 0) {
                continue;
            }
            let sides = self.account(instrument.ix).position_mode().all();
            for side in sides.iter().filter(|side| (instrument.ix, **side) != except) {
                let growth = i64::try_from(self.open_growth(instrument.ix, *side)).ok()?;
                let mark = self.market.state(instrument.ix).mark()?;
                let value = instrument.notional(mark, Qty::from_raw(growth))?;
                sum = sum.checked_add(self.marks.to_base(value, instrument.value_currency())?)?;
            }
        }
        Some(sum)
    }

    /// By how much the open orders of a position would make it larger, were those of the side that adds more
    /// filled. In hedge mode what closes it never does.
    fn open_growth(&self, instrument: InstrumentIx, side: Option<PositionSide>) -> i128 {
        let open = self.oms.open_qty(instrument).on(side);
        let net = i128::from(self.account(instrument).side_net_qty(instrument, side).raw());
        let bought = (net + i128::from(open.buy)).abs();
        let sold = (net - i128::from(open.sell)).abs();
        let worse = match side {
            None => bought.max(sold),
            Some(PositionSide::Long) => bought,
            Some(PositionSide::Short) => sold,
        };
        (worse - net.abs()).max(0)
    }
}

impl View for State {
    fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }
    fn market(&self, instrument: InstrumentIx) -> &MarketState {
        self.market.state(instrument)
    }
    fn book(&self, instrument: InstrumentIx) -> &Book {
        self.market.book(instrument)
    }
    fn position(&self, strategy: StrategyIx, instrument: InstrumentIx) -> PositionView {
        self.accounts.position(strategy, instrument)
    }
    fn side_position(&self, strategy: StrategyIx, instrument: InstrumentIx, side: PositionSide) -> PositionView {
        match self.account(instrument).position_mode() {
            PositionMode::OneWay => PositionView::default(),
            PositionMode::Hedge => self.accounts.held_of(strategy, instrument, Some(side)),
        }
    }
    fn position_mode(&self, instrument: InstrumentIx) -> PositionMode {
        self.account(instrument).position_mode()
    }
    fn balance(&self, currency: CurrencyIx) -> Balance {
        self.accounts.balance(currency)
    }
    fn venue_of(&self, instrument: InstrumentIx) -> VenueIx {
        self.accounts.venue_of(instrument)
    }
    fn balance_at(&self, venue: VenueIx, currency: CurrencyIx) -> Balance {
        self.accounts.at(venue).map_or_else(Balance::default, |account| account.balance(currency))
    }
    fn equity(&self) -> Option<Amount> {
        self.marks.equity_of_all(&self.accounts)
    }
    fn fee_rate_max(&self, instrument: InstrumentIx) -> i64 {
        self.fee_rate_max[instrument.usize()]
    }
    fn order(&self, id: ClientOrderId) -> Option<&Order> {
        self.oms.order(id)
    }
    fn each_open_order(&self, strategy: StrategyIx, visit: &mut dyn FnMut(&Order)) {
        self.oms.each_open(strategy, visit);
    }
}
