"""The program: eight tables, and each of the 22 queries as a view."""

from pathlib import Path

_HERE = Path(__file__).parent
TABLES = (_HERE / "tables.sql").read_text("utf-8")
KEYS = {"partsupp": (0, 1), "lineitem": (0, 3)}
"""Which columns are a table's key; of the other tables the first one is."""


def queries() -> dict[str, str]:
    """Return the queries by name, q1 to q22, without the semicolon."""
    found = {}
    for part in (_HERE / "queries.sql").read_text("utf-8").split("\n-- q")[1:]:
        number, text = part.split("\n", 1)
        found[f"q{number.strip()}"] = text.strip().rstrip(";")
    return found


def program() -> str:
    """Return the tables and the queries as materialized views, so that answers are there as the recomputed ones are."""
    return TABLES + "".join(f"CREATE MATERIALIZED VIEW {name} AS {text};\n" for name, text in queries().items())
