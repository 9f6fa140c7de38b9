"""Reads a catalog as DuckDB, polars and pyarrow do, and prints what each of them finds as one JSON object.

    python read.py CATALOG
"""

import json
import sys

import duckdb
import polars as pl
import pyarrow.compute as pc
import pyarrow.dataset as ds

root = sys.argv[1]


def with_duckdb(kind, time, price):
    duckdb.sql("SET TimeZone = 'UTC'")
    files = f"read_parquet('{root}/{kind}/**/*.parquet', hive_partitioning = true)"
    rows = duckdb.sql(
        f"""SELECT count(*), sum({price})::VARCHAR, min(epoch_ns({time})), max(epoch_ns({time})),
            min(instrument), min(CAST(date AS VARCHAR)), max(CAST(date AS VARCHAR)), any_value(typeof({price})) FROM {files}"""
    )
    return [str(cell) for cell in rows.fetchall()[0]]


def with_polars(kind, time, price):
    rows = pl.scan_parquet(f"{root}/{kind}/**/*.parquet", hive_partitioning=True).collect()
    nanos = rows[time].dt.epoch("ns")
    dates = rows["date"].cast(pl.String)
    decimal = rows.schema[price]
    found = [rows.height, rows[price].sum(), nanos.min(), nanos.max(), rows["instrument"].min(), dates.min(), dates.max()]
    return [str(cell) for cell in found] + [f"DECIMAL({decimal.precision},{decimal.scale})"]


def with_pyarrow(kind, time, price):
    table = ds.dataset(f"{root}/{kind}", format="parquet", partitioning="hive").to_table()
    nanos = table[time].cast("int64")
    dates = table["date"].cast("string")
    decimal = table.schema.field(price).type
    instruments = table["instrument"].cast("string")
    found = [table.num_rows, pc.sum(table[price]), pc.min(nanos), pc.max(nanos), pc.min(instruments), pc.min(dates), pc.max(dates)]
    return [str(cell) for cell in found] + [f"DECIMAL({decimal.precision},{decimal.scale})"]


readers = {"duckdb": with_duckdb, "polars": with_polars, "pyarrow": with_pyarrow}
kinds = {"bars": ("ts", "close"), "trades": ("ts_event", "px")}
print(json.dumps({name: {kind: read(kind, *columns) for kind, columns in kinds.items()} for name, read in readers.items()}))
