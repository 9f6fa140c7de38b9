"""vectorbt: moving averages, signals and the simulated portfolio, all by its Rust kernels.

The signal of a close is moved to the next bar and fills at that bar's open. A first pass,
not timed, loads what vectorbt prepares once per process and takes the memory from the system.
"""

import sys
from time import perf_counter

import pandas as pd
import pyarrow.parquet as pq
import vectorbt as vbt

from measure import DEPOSIT, FAST, FEE, SLOW, SMA_CROSS, report

ENGINE = "rust"


def simulate(opens: pd.Series, closes: pd.Series) -> int:
    """Number of filled orders."""
    fast = vbt.MA.run(closes, FAST, engine=ENGINE)
    slow = vbt.MA.run(closes, SLOW, engine=ENGINE)
    above = fast.ma_above(slow).shift(1, fill_value=False)
    portfolio = vbt.Portfolio.from_signals(
        closes,
        entries=above,
        exits=~above,
        price=opens,
        fees=FEE,
        init_cash=DEPOSIT,
        freq="1min",
        engine=ENGINE,
    )
    return int(portfolio.orders.count())


def main() -> None:
    table = pq.read_table(sys.argv[1], columns=["ts", "open", "close"])
    # Without a zone: vectorbt turns an index with one into Python objects, at 20 times the cost.
    index = pd.DatetimeIndex(table["ts"].to_numpy())
    opens = pd.Series(table["open"].to_numpy(), index=index)
    closes = pd.Series(table["close"].to_numpy(), index=index)
    simulate(opens, closes)
    start = perf_counter()
    trades = simulate(opens, closes)
    seconds = perf_counter() - start
    report("vectorbt (Rust kernels)", vbt.__version__, SMA_CROSS, len(closes), seconds, trades)


if __name__ == "__main__":
    main()
