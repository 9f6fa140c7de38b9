//! What strategies may see: the past as received.

use tapedeck_model::port::{Balance, PositionView};
use tapedeck_model::{
    Amount, Book, ClientOrderId, CurrencyIx, Instrument, InstrumentIx, MarketState, Order, PositionMode, PositionSide,
    Qty, StrategyIx, View,
};

use crate::account::{Account, Marks};
use crate::market::MarketView;
use crate::oms::Oms;

/// What strategies may see: the past as received.
pub(super) struct State {
    pub(super) instruments: Vec<Instrument>,
    pub(super) market: MarketView,
    pub(super) oms: Oms,
    pub(super) account: Account,
    pub(super) marks: Marks,
    pub(super) fee_rate_max: Vec<i64>,
}

impl State {
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
            for side in self.account.position_mode().all().iter().filter(|side| (instrument.ix, **side) != except) {
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
        let net = i128::from(self.account.side_net_qty(instrument, side).raw());
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
        self.account.position(strategy, instrument)
    }
    fn side_position(&self, strategy: StrategyIx, instrument: InstrumentIx, side: PositionSide) -> PositionView {
        match self.account.position_mode() {
            PositionMode::OneWay => PositionView::default(),
            PositionMode::Hedge => self.account.held_of(strategy, instrument, Some(side)),
        }
    }
    fn position_mode(&self) -> PositionMode {
        self.account.position_mode()
    }
    fn balance(&self, currency: CurrencyIx) -> Balance {
        self.account.balance(currency)
    }
    fn equity(&self) -> Option<Amount> {
        self.marks.equity(&self.account)
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
