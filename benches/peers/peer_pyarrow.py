"""pyarrow: read the whole bar file into Arrow arrays, with pyarrow's own default threads.

A first read, not timed, loads pyarrow's lazy modules and brings the file into the page cache.
"""

import sys
from time import perf_counter

import pyarrow as pa
import pyarrow.parquet as pq

from measure import READ, report


def main() -> None:
    path = sys.argv[1]
    pq.read_table(path)
    start = perf_counter()
    table = pq.read_table(path)
    seconds = perf_counter() - start
    report("pyarrow", pa.__version__, READ, table.num_rows, seconds, None)


if __name__ == "__main__":
    main()
