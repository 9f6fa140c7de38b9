"""Write the tape that every peer plays: one-minute bars and trade ticks, zstd Parquet.

The closes are a geometric random walk on a tick grid of 0.01. The same seed, count and numpy
version give the same rows. Every price is the float64 nearest to a whole number of ticks.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20240101
START_NS = 1_577_836_800_000_000_000  # 2020-01-01T00:00:00Z
MINUTE_NS = 60_000_000_000
TICKS_PER_UNIT = 100
FIRST_PRICE = 1_000.0
MINUTE_VOLATILITY = 5e-4
TICK_VOLATILITY = 5e-5
ROW_GROUP_ROWS = 131_072


def on_grid(prices: np.ndarray) -> np.ndarray:
    """Whole ticks; dividing by a power of ten then gives the nearest float64."""
    return np.rint(prices * TICKS_PER_UNIT) / TICKS_PER_UNIT


def timestamps(step_ns: int, count: int) -> pa.Array:
    values = START_NS + step_ns * np.arange(count, dtype=np.int64)
    return pa.array(values, type=pa.timestamp("ns", tz="UTC"))


def bars(count: int, rng: np.random.Generator) -> pa.Table:
    # The open differs from the last close by a small gap, so that filling at the next open is
    # not the same as filling at the close.
    walk = np.cumsum(rng.normal(0.0, MINUTE_VOLATILITY, count))
    close = FIRST_PRICE * np.exp(walk)
    gap = np.exp(rng.normal(0.0, MINUTE_VOLATILITY / 10, count))
    open_ = np.concatenate(([FIRST_PRICE], close[:-1])) * gap
    up = np.exp(np.abs(rng.normal(0.0, MINUTE_VOLATILITY / 2, count)))
    down = np.exp(-np.abs(rng.normal(0.0, MINUTE_VOLATILITY / 2, count)))
    return pa.table(
        {
            "ts": timestamps(MINUTE_NS, count),
            "open": on_grid(open_),
            "high": on_grid(np.maximum(open_, close) * up),
            "low": on_grid(np.minimum(open_, close) * down),
            "close": on_grid(close),
            "volume": np.round(rng.lognormal(2.0, 1.0, count), 3) + 0.001,
        }
    )


def trades(count: int, rng: np.random.Generator) -> pa.Table:
    walk = np.cumsum(rng.normal(0.0, TICK_VOLATILITY, count))
    return pa.table(
        {
            "ts": timestamps(1_000_000_000, count),
            "price": on_grid(FIRST_PRICE * np.exp(walk)),
            "size": np.round(rng.lognormal(-2.0, 1.0, count), 3) + 0.001,
            "side": pa.array(np.where(rng.random(count) < 0.5, "buy", "sell")),
        }
    )


def write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP_ROWS)
    print(f"{path}: {table.num_rows} rows, {path.stat().st_size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bars", type=int, required=True, help="rows of each file")
    args = parser.parse_args()
    bar_rng, trade_rng = (np.random.default_rng([SEED, stream]) for stream in range(2))
    write(bars(args.bars, bar_rng), args.folder / "bars.parquet")
    write(trades(args.bars, trade_rng), args.folder / "trades.parquet")


if __name__ == "__main__":
    main()
