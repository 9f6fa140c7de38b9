"""backtesting.py: a strategy class with two rolling means, orders filled at the next open.

`FractionalBacktest` trades whole lots. The timed part is `run`, which also computes the library's
statistics: it has no switch for them.
"""

import sys
import warnings
from time import perf_counter

import backtesting
import pandas as pd
import pyarrow.parquet as pq
from backtesting import Strategy
from backtesting.lib import FractionalBacktest

from measure import DEPOSIT, FAST, FEE, LOT, SLOW, SMA_CROSS, report


def mean(values: pd.Series, length: int) -> pd.Series:
    return pd.Series(values).rolling(length).mean()


class SmaCross(Strategy):
    def init(self) -> None:
        self.fast = self.I(mean, self.data.Close, FAST)
        self.slow = self.I(mean, self.data.Close, SLOW)

    def next(self) -> None:
        above = self.fast[-1] > self.slow[-1]
        if above and not self.position:
            self.buy()
        elif not above and self.position:
            self.position.close()


def main() -> None:
    table = pq.read_table(sys.argv[1]).to_pandas().set_index("ts")
    bars = table.rename(columns=str.capitalize)
    backtest = FractionalBacktest(
        bars, SmaCross, cash=DEPOSIT, commission=FEE, fractional_unit=LOT
    )
    # It warns of the trade that is still open at the end: that is what we want.
    warnings.simplefilter("ignore", UserWarning)
    start = perf_counter()
    stats = backtest.run()
    seconds = perf_counter() - start
    trades = 2 * len(stats["_trades"]) + len(stats["_strategy"].trades)
    report("backtesting.py", backtesting.__version__, SMA_CROSS, len(bars), seconds, trades)


if __name__ == "__main__":
    main()
