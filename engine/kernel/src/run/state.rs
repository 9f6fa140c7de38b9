//! What strategies may see: the past as received.

use tapedeck_model::port::{Balance, PositionView};
use tapedeck_model::{
    Amount, ClientOrderId, CurrencyIx, Instrument, InstrumentIx, MarketState, Order, StrategyIx, View,
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

impl View for State {
    fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }
    fn market(&self, instrument: InstrumentIx) -> &MarketState {
        self.market.state(instrument)
    }
    fn position(&self, strategy: StrategyIx, instrument: InstrumentIx) -> PositionView {
        self.account.position(strategy, instrument)
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
