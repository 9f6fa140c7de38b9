"""numba: the same decisions in a bare compiled loop over arrays, as the floor of the work.

Prices are whole ticks and the means are compared as integer sums, so that ties are exact.
There are no orders, no events and no journal; cash is a float64.
"""

import sys
from math import floor
from time import perf_counter

import numba
import numpy as np
import pyarrow.parquet as pq

from measure import DEPOSIT, FAST, FEE, LOT, SLOW, SMA_CROSS, TICK, report


@numba.njit
def sma_cross(opens: np.ndarray, closes: np.ndarray) -> tuple[int, float]:
    """Filled orders and final equity."""
    cash, lots, trades = DEPOSIT, 0.0, 0
    fast_sum, slow_sum = 0, 0
    want_long = False
    for i in range(len(closes)):
        price = opens[i] * TICK * LOT
        if want_long and lots == 0.0:
            lots = floor(cash / (price * (1.0 + FEE)))
            cash -= lots * price * (1.0 + FEE)
            trades += 1
        elif not want_long and lots > 0.0:
            cash += lots * price * (1.0 - FEE)
            lots = 0.0
            trades += 1
        fast_sum += closes[i]
        slow_sum += closes[i]
        if i >= FAST:
            fast_sum -= closes[i - FAST]
        if i >= SLOW:
            slow_sum -= closes[i - SLOW]
        want_long = i >= SLOW - 1 and fast_sum * SLOW > slow_sum * FAST
    return trades, cash + lots * closes[-1] * TICK * LOT


def whole_ticks(column: np.ndarray) -> np.ndarray:
    return np.rint(column / TICK).astype(np.int64)


def main() -> None:
    table = pq.read_table(sys.argv[1], columns=["open", "close"])
    opens = whole_ticks(table["open"].to_numpy())
    closes = whole_ticks(table["close"].to_numpy())
    sma_cross(opens, closes)  # compiles, and warms the caches
    start = perf_counter()
    trades, _equity = sma_cross(opens, closes)
    seconds = perf_counter() - start
    report("numba loop", numba.__version__, SMA_CROSS, len(closes), seconds, trades)


if __name__ == "__main__":
    main()
