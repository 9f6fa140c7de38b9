"""Print the table: the median of each peer's runs, and its speed as a ratio to ours.

    table.py RESULTS IN_MEMORY

RESULTS has one line per run (see `measure.report`); IN_MEMORY is what `runs --json` printed, and
may be empty. The base of a ratio is our in-memory figure for the same work, else our whole
process, which does more than the peers do.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

from measure import NOOP_TICKS, SMA_CROSS

IN_MEMORY = "tapedeck, in memory"
WHOLE_PROCESS = "tapedeck, whole process"
HEADINGS = ("peer", "version", "work", "rows", "processes", "rows/s", "peak MB", "trades", "ratio to ours")

# What `runs` calls the same work. It plays a tape of its own, so its orders are no cross-check.
WORK_OF_RUNS = {
    "bars, sma_cross 10/50, no risk rules": SMA_CROSS,
    "trades, noop": NOOP_TICKS,
}

Runs = list[dict]
Groups = dict[tuple[str, str], Runs]


def lines(path: str) -> Runs:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def in_memory(figure: dict) -> dict:
    """A line of `runs`, itself a median of five, in the form of a peer's."""
    return {
        "peer": IN_MEMORY,
        "version": None,
        "work": WORK_OF_RUNS[figure["work"]],
        "bars": figure["rows"],
        "bars_per_s": figure["rows_per_s"],
        "peak_rss_bytes": None,
        "trades": None,
    }


def groups(results: str, figures: str) -> Groups:
    found = defaultdict(list)
    for result in lines(results):
        found[result["work"], result["peer"]].append(result)
    for figure in lines(figures):
        if figure["work"] in WORK_OF_RUNS:
            result = in_memory(figure)
            found[result["work"], result["peer"]].append(result)
    return found


def only(runs: Runs, key: str) -> object:
    """What all runs of a peer agree on; a count that changes from run to run is a bug."""
    values = {run[key] for run in runs}
    if len(values) != 1:
        sys.exit(f"{runs[0]['peer']}, {runs[0]['work']}: runs differ in {key}: {sorted(values, key=str)}")
    return values.pop()


def rate(runs: Runs) -> float:
    return median(run["bars_per_s"] for run in runs)


def row(peer: str, work: str, runs: Runs, ours: Runs | None) -> tuple[str, ...]:
    version, trades = only(runs, "version"), only(runs, "trades")
    peaks = [run["peak_rss_bytes"] for run in runs if run["peak_rss_bytes"] is not None]
    return (
        peer,
        version or "-",
        work,
        f"{only(runs, 'bars'):,}",
        str(len(runs)),
        f"{rate(runs):,.0f}",
        f"{median(peaks) / 1e6:,.0f}" if peaks else "-",
        "-" if trades is None else f"{trades:,}",
        f"{rate(runs) / rate(ours):.4g}" if ours else "-",
    )


def rows(found: Groups) -> list[tuple[str, ...]]:
    table = [HEADINGS, tuple("---" for _ in HEADINGS)]
    for (work, peer), runs in sorted(found.items()):
        ours = found.get((work, IN_MEMORY)) or found.get((work, WHOLE_PROCESS))
        table.append(row(peer, work, runs, ours))
    return table


def main() -> None:
    found = groups(*sys.argv[1:3])
    table = rows(found)
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADINGS))]
    for line in table:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |")
    for work in sorted({work for work, _peer in found}):
        if (work, IN_MEMORY) not in found and (work, WHOLE_PROCESS) in found:
            print(f"{work}: the ratio is to our whole process; no in-memory figure was measured.")


if __name__ == "__main__":
    main()
