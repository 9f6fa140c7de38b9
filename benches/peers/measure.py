"""What every peer script has in common: the terms of the test and the line of its result."""

import json
import resource
import sys

FAST = 10
SLOW = 50
FEE = 0.001
LOT = 1e-8
TICK = 0.01

# All-in trading pays 0.1 % of everything on each of some 28,000 fills in a million bars, which
# leaves about 1e-12 of the deposit. The deposit is so large that even then whole lots can be
# bought, so that no engine stops early for lack of cash. It is no larger because the notional of
# all fills together is a thousand deposits, and must fit the engines' numbers.
DEPOSIT = 1e10

SMA_CROSS = "sma_cross"
READ = "read_bars"
NOOP_TICKS = "noop_ticks"


def peak_rss_bytes(usage: resource.struct_rusage) -> int:
    """Largest resident size; the kernel counts in KiB on Linux and in bytes on macOS."""
    return usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024


def report(
    peer: str,
    version: str,
    work: str,
    bars: int,
    seconds: float,
    trades: int | None,
    usage: resource.struct_rusage | None = None,
) -> None:
    """Print one result as a line of JSON. `trades` counts filled orders, entries and exits."""
    usage = usage or resource.getrusage(resource.RUSAGE_SELF)
    result = {
        "peer": peer,
        "version": version,
        "work": work,
        "bars": bars,
        "seconds": seconds,
        "bars_per_s": bars / seconds,
        "peak_rss_bytes": peak_rss_bytes(usage),
        "trades": trades,
    }
    print(json.dumps(result))
