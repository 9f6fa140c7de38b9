"""NautilusTrader: its Python `BacktestEngine` on bars with a strategy, or on ticks without one.

The timed part is `BacktestEngine.run`; building Nautilus objects from the file is not. Logging,
risk checks and the analysis after the run are off.
"""

import sys
from decimal import ROUND_DOWN, Decimal
from time import perf_counter

import nautilus_trader
import numpy as np
import pyarrow.parquet as pq
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import BTC, USD
from nautilus_trader.model.data import Bar, BarType, TradeTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler, TradeTickDataWrangler
from nautilus_trader.trading.strategy import Strategy

from measure import DEPOSIT, FAST, FEE, LOT, NOOP_TICKS, SLOW, SMA_CROSS, TICK, report

VENUE = Venue("SIM")
INSTRUMENT_ID = InstrumentId(Symbol("BTCUSD"), VENUE)
BAR_TYPE = BarType.from_str(f"{INSTRUMENT_ID}-1-MINUTE-LAST-EXTERNAL")
MINUTE_NS = 60_000_000_000


class SmaCross(Strategy):
    def __init__(self, instrument: CurrencyPair) -> None:
        super().__init__()
        self.instrument = instrument
        self.fast = SimpleMovingAverage(FAST)
        self.slow = SimpleMovingAverage(SLOW)
        # Asking the portfolio on each bar would cost more than the rest of the strategy.
        self.held: Quantity | None = None

    def on_start(self) -> None:
        self.register_indicator_for_bars(BAR_TYPE, self.fast)
        self.register_indicator_for_bars(BAR_TYPE, self.slow)
        self.subscribe_bars(BAR_TYPE)

    def on_bar(self, bar: Bar) -> None:
        if not self.slow.initialized:
            return
        above = self.fast.value > self.slow.value
        if above and self.held is None:
            self.held = self.affordable(bar.close)
            self.send(OrderSide.BUY, self.held)
        elif not above and self.held is not None:
            self.send(OrderSide.SELL, self.held)
            self.held = None

    def affordable(self, close: Price) -> Quantity:
        """All-in. What exceeds the bar's volume fills one tick higher, so that is kept back."""
        cash = self.portfolio.account(VENUE).balance_free(USD).as_decimal()
        worst = (close.as_decimal() + self.instrument.price_increment) * Decimal(str(1 + FEE))
        return Quantity.from_str(str((cash / worst).quantize(Decimal(str(LOT)), ROUND_DOWN)))

    def send(self, side: OrderSide, quantity: Quantity) -> None:
        self.submit_order(self.order_factory.market(INSTRUMENT_ID, side, quantity))


class Noop(Strategy):
    def on_start(self) -> None:
        self.subscribe_trade_ticks(INSTRUMENT_ID)

    def on_trade_tick(self, tick: TradeTick) -> None:
        pass


def spot_instrument() -> CurrencyPair:
    return CurrencyPair(
        instrument_id=INSTRUMENT_ID,
        raw_symbol=INSTRUMENT_ID.symbol,
        base_currency=BTC,
        quote_currency=USD,
        price_precision=2,
        size_precision=8,
        price_increment=Price(TICK, 2),
        size_increment=Quantity(LOT, 8),
        maker_fee=Decimal(str(FEE)),
        taker_fee=Decimal(str(FEE)),
        ts_event=0,
        ts_init=0,
    )


def read_bars(path: str, rows: int, instrument: CurrencyPair) -> list[Bar]:
    """Bars stamped with their close time, as Nautilus expects them."""
    table = pq.read_table(path).slice(0, rows).to_pandas().set_index("ts")
    table.index += np.timedelta64(MINUTE_NS, "ns")
    return BarDataWrangler(BAR_TYPE, instrument).process(table)


def read_ticks(path: str, rows: int, instrument: CurrencyPair) -> list[TradeTick]:
    table = pq.read_table(path).slice(0, rows).to_pandas().set_index("ts")
    table = table.rename(columns={"size": "quantity"})
    table["side"] = table["side"].str.upper()
    table["trade_id"] = np.arange(len(table))
    return TradeTickDataWrangler(instrument).process(table)


def engine_with(instrument: CurrencyPair) -> BacktestEngine:
    config = BacktestEngineConfig(
        logging=LoggingConfig(bypass_logging=True),
        risk_engine=RiskEngineConfig(bypass=True),
        run_analysis=False,
    )
    engine = BacktestEngine(config)
    engine.add_venue(
        venue=VENUE,
        oms_type=OmsType.NETTING,
        # A cash account would also keep a balance of BTC, in floats: the rounding of an all-in sale
        # makes that balance negative, and the engine then stops.
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(DEPOSIT, USD)],
    )
    engine.add_instrument(instrument)
    return engine


def main() -> None:
    work, path, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
    instrument = spot_instrument()
    engine = engine_with(instrument)
    if work == SMA_CROSS:
        records = read_bars(path, rows, instrument)
        engine.add_strategy(SmaCross(instrument))
    elif work == NOOP_TICKS:
        records = read_ticks(path, rows, instrument)
        engine.add_strategy(Noop())
    else:
        sys.exit(f"unknown work {work}")
    engine.add_data(records)
    start = perf_counter()
    engine.run()
    seconds = perf_counter() - start
    if engine.iteration != len(records):
        sys.exit(f"the engine stopped after {engine.iteration} of {len(records)} records")
    trades = sum(order.is_closed and order.filled_qty > 0 for order in engine.cache.orders())
    version = nautilus_trader.__version__
    report("NautilusTrader (Python)", version, work, len(records), seconds, trades)


if __name__ == "__main__":
    main()
