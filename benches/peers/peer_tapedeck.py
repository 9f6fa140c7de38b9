"""Ours: `sim run` as a whole process, from the Parquet file to the finished run folder.

Unlike the peers this counts start-up, reading, the journal and the report. Peak memory is that of
the process, or of this script where that is larger (about 13 MB): the system counts from the fork.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from measure import report


def main() -> None:
    sim, work, scenario, run_folder, rows = sys.argv[1:6]
    shutil.rmtree(run_folder, ignore_errors=True)
    command = [sim, "run", scenario, "--json", "--out", run_folder]
    start = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    _pid, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {process.returncode}")
    version = subprocess.check_output([sim, "--version"], text=True).split()[-1]
    trades = json.loads(output)["fills"]
    report("tapedeck, whole process", version, work, int(rows), seconds, trades, usage)
    if Path(run_folder).exists():
        shutil.rmtree(run_folder)


if __name__ == "__main__":
    main()
