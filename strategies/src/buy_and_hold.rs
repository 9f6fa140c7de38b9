//! Buys once and keeps it.
//!
//! Rule: at the first bar, trade or quote after the warm-up one market order, and never another, also
//! if that one is refused. The price that an all-in quantity is computed with is the best ask if a
//! quote is known, else the last known price.

use tapedeck_model::event::LogLevel;
use tapedeck_model::port::StrategyComponent;
use tapedeck_model::{
    Bar, Context, DepthTick, Instrument, InstrumentIx, OrderRequest, ParamError, Params, QuoteTick, Side, Strategy,
    TradeTick,
};

use crate::sizing::{BUFFER_PARAM, QTY_PARAM, SIZE_PARAM, Sizing, only_one};

pub(crate) const COMPONENT: StrategyComponent = StrategyComponent {
    name: "buy_and_hold",
    help: "Buys once, at the first record after the warm-up, and keeps it.",
    params: &[SIZE_PARAM, QTY_PARAM, BUFFER_PARAM],
    build,
};

struct BuyAndHold {
    sizing: Sizing,
    done: bool,
}

fn build(params: &Params, instruments: &[&Instrument]) -> Result<Box<dyn Strategy>, ParamError> {
    let sizing = Sizing::from_params(params, only_one(instruments)?)?;
    Ok(Box::new(BuyAndHold { sizing, done: false }))
}

impl BuyAndHold {
    fn buy_once(&mut self, ctx: &mut Context<'_>, instrument: InstrumentIx) {
        if self.done || ctx.warm_up {
            return;
        }
        let market = ctx.market(instrument);
        let Some(px) = market.quote.map(|quote| quote.ask_px).or(market.mark()) else {
            return;
        };
        self.done = true;
        match self.sizing.new_position(ctx, instrument, px) {
            Some(qty) => {
                ctx.submit(OrderRequest::market(instrument, Side::Buy, qty));
            }
            None => ctx.log(LogLevel::Warn, "the balance does not suffice for the smallest order: nothing is bought"),
        }
    }
}

impl Strategy for BuyAndHold {
    fn on_bar(&mut self, ctx: &mut Context<'_>, bar: &Bar) {
        self.buy_once(ctx, bar.instrument);
    }

    fn on_trade(&mut self, ctx: &mut Context<'_>, trade: &TradeTick) {
        self.buy_once(ctx, trade.instrument);
    }

    fn on_quote(&mut self, ctx: &mut Context<'_>, quote: &QuoteTick) {
        self.buy_once(ctx, quote.instrument);
    }

    fn on_book(&mut self, ctx: &mut Context<'_>, last: &DepthTick) {
        self.buy_once(ctx, last.instrument);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Stand, spot};
    use tapedeck_model::{Decimal, ParamValue, Qty};

    fn all_in() -> Box<dyn Strategy> {
        let params = Params::new()
            .with("size", ParamValue::Text("all_in".to_owned()))
            .with("buffer", ParamValue::Decimal(Decimal::new(1, 2)));
        build(&params, &[&spot()]).unwrap()
    }

    #[test]
    fn buys_once_after_the_warm_up() {
        let mut strategy = all_in();
        let mut stand = Stand::new();
        stand.warm_up = true;
        stand.bar(&mut *strategy, 10_000);
        assert!(stand.wishes.is_empty());
        stand.warm_up = false;
        stand.bar(&mut *strategy, 10_000);
        stand.bar(&mut *strategy, 9_000);
        // 10000 * 0.99 / 100 = 99
        let expected = OrderRequest::market(InstrumentIx(0), Side::Buy, Qty::from_raw(9_900_000));
        assert_eq!(stand.requests(), [expected]);
    }

    #[test]
    fn quotes_are_bought_at_the_ask() {
        let mut strategy = all_in();
        let mut stand = Stand::new();
        stand.quote(&mut *strategy, 9_800, 11_000);
        assert_eq!(stand.requests()[0].order_qty, Qty::from_raw(9_000_000));
    }

    #[test]
    fn too_little_money_is_said_once() {
        let mut strategy = all_in();
        let mut stand = Stand::new();
        stand.view.balances.clear();
        stand.trade(&mut *strategy, 10_000);
        stand.trade(&mut *strategy, 10_000);
        assert_eq!((stand.requests().len(), stand.wishes.len()), (0, 1));
    }

    #[test]
    fn two_instruments_are_refused() {
        let params = Params::new().with("size", ParamValue::Text("fixed".to_owned()));
        assert_eq!(build(&params, &[&spot(), &spot()]).err().unwrap().name, "instruments");
    }
}
