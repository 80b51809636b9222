"""Named SQL: reads `sql/queries.sql` once."""

import re
from functools import cache
from pathlib import Path

__all__ = ["query"]

_FILE = Path(__file__).with_name("sql") / "queries.sql"
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def query(name: str) -> str:
    """Return a statement by its name.

    Raises: KeyError if the file has none of that name.
    """
    return _load()[name]


@cache
def _load() -> dict[str, str]:
    _, *parts = _NAME.split(_FILE.read_text(encoding="utf-8"))
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}
