"""The rows that are sent, and the program that takes them in."""

from pathlib import Path

import duckdb

PROGRAM = """
CREATE TABLE sale (id BIGINT, region VARCHAR, product INT, amount INT, price DOUBLE);
CREATE MATERIALIZED VIEW total AS
SELECT region, COUNT(*) AS sales, SUM(amount) AS amount, MAX(price) AS price FROM sale GROUP BY region;
"""
ANSWER = "SELECT region, COUNT(*) AS sales, SUM(amount) AS amount, MAX(price) AS price FROM {rows} GROUP BY region"
COLUMNS = "{'id': 'BIGINT', 'region': 'VARCHAR', 'product': 'INTEGER', 'amount': 'INTEGER', 'price': 'DOUBLE'}"
ROWS_OF = {
    "json": "read_json('{path}', format='newline_delimited', columns=" + COLUMNS + ")",
    "csv": "read_csv('{path}', header=false, delim=',', columns=" + COLUMNS + ")",
    "parquet": "read_parquet('{path}')",
}
"""How DuckDB reads each format."""
OPTIONS = {"json": "format=json&update_format=raw", "csv": "format=csv", "parquet": "format=parquet"}
"""How the server is told of each format."""
THREADS = 2


def write(folder: Path, row_count: int) -> dict[str, Path]:
    """Write the same rows in each format; the same number makes the same rows."""
    files = {form: folder / f"sale.{form}" for form in ROWS_OF}
    with duckdb.connect() as connection:
        connection.sql(
            f"""CREATE TABLE sale AS SELECT i AS id, 'region-' || (hash(i) % 100)::VARCHAR AS region,
            (hash(i + 1) % 5000)::INTEGER AS product, (hash(i + 2) % 50)::INTEGER AS amount,
            (hash(i + 3) % 100000) / 100.0::DOUBLE AS price FROM range({row_count}) AS numbers(i)"""
        )
        connection.sql(f"COPY sale TO '{files['json']}' (FORMAT json)")
        connection.sql(f"COPY sale TO '{files['csv']}' (FORMAT csv, HEADER false)")
        connection.sql(f"COPY sale TO '{files['parquet']}' (FORMAT parquet)")
    return files


def answer(form: str, path: Path) -> list[tuple[object, ...]]:
    """Return what the view must hold, as DuckDB computes it from a file."""
    with duckdb.connect(config={"threads": THREADS}) as connection:
        rows = ROWS_OF[form].replace("{path}", str(path))
        return sorted(connection.sql(ANSWER.format(rows=rows)).fetchall())
