//! What strategies may see: the past as received.

use tapedeck_model::port::{Balance, PositionView};
use tapedeck_model::{
    Amount, Book, ClientOrderId, CurrencyIx, Instrument, InstrumentIx, MarketState, Order, Qty, StrategyIx, View,
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
    /// What the open orders of all instruments but one would add to gross exposure at the last known
    /// prices, were those of the side that adds more filled in each; `None` if a price is not known or
    /// on overflow.
    pub(super) fn open_exposure(&self, except: InstrumentIx) -> Option<Amount> {
        let mut sum = Amount::ZERO;
        for instrument in self.instruments.iter().filter(|instrument| instrument.ix != except) {
            let open = self.oms.open_qty(instrument.ix);
            if (open.buy, open.sell) == (0, 0) {
                continue;
            }
            let net = i128::from(self.account.net_qty(instrument.ix).raw());
            let worse = (net + i128::from(open.buy)).abs().max((net - i128::from(open.sell)).abs());
            let growth = i64::try_from((worse - net.abs()).max(0)).ok()?;
            let mark = self.market.state(instrument.ix).mark()?;
            let value = instrument.notional(mark, Qty::from_raw(growth))?;
            sum = sum.checked_add(self.marks.to_base(value, instrument.value_currency())?)?;
        }
        Some(sum)
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
