"""Files to measure on: sales of shops, and the shops. The same for the same number of rows."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

SHOPS, ITEMS, CITIES, REGIONS = 50_000, 2_000, 500, 20
_AT_ONCE = 1_000_000


def write_data(folder: Path, rows: int) -> tuple[Path, Path]:
    """Write `sales.csv` of that many rows and `shops.csv`; what is there already is taken as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    sales, shops = folder / f"sales-{rows}.csv", folder / "shops.csv"
    if not sales.exists():
        _write_sales(sales, rows)
    if not shops.exists():
        numbers = np.arange(SHOPS).astype(np.int32)
        table = {
            "shop": numbers,
            "city": [f"city-{i % CITIES:03d}" for i in numbers],
            "region": [f"region-{i % REGIONS}" for i in numbers],
        }
        csv.write_csv(pa.table(table), shops, csv.WriteOptions(quoting_style="none", quoting_header="none"))
    return sales, shops


def _write_sales(path: Path, rows: int) -> None:
    rng = np.random.default_rng(1)
    items = np.array([f"item-{i:04d}" for i in range(ITEMS)])
    names = [("sale_id", pa.int64()), ("shop_id", pa.int32()), ("item", pa.string())]
    schema = pa.schema([*names, ("amount", pa.float64()), ("quantity", pa.int32())])
    partial = path.with_suffix(".partial")
    with csv.CSVWriter(
        partial, schema, write_options=csv.WriteOptions(quoting_style="none", quoting_header="none")
    ) as writer:
        for start in range(0, rows, _AT_ONCE):
            count = min(_AT_ONCE, rows - start)
            columns = {
                "sale_id": np.arange(start, start + count),
                "shop_id": rng.integers(0, SHOPS, count).astype(np.int32),
                "item": items[rng.integers(0, ITEMS, count)],
                "amount": np.round(rng.gamma(2, 20, count), 2),
                "quantity": rng.integers(1, 9, count).astype(np.int32),
            }
            writer.write_table(pa.table(columns, schema=schema))
    partial.rename(path)
