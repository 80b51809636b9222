"""Changes to JSON text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from penstock.connect.formats.printing import SPELLINGS, json_texts, sorted_changes
from penstock.connect.formats.upserts import by_key
from penstock.data.batch import Batch
from penstock.data.pool import Pool
from penstock.ports.format import Encoded, FormatRefused, Layout

DEFAULT_BUFFER_RECORDS = 10_000

_ENVELOPES = {
    "insert_delete": ('{"delete":%s}', '{"insert":%s}'),
    "debezium": (
        '{"payload":{"op":"d","before":%s,"after":null}}',
        '{"payload":{"op":"c","before":null,"after":%s}}',
    ),
    "weighted": ('{"weight":-1,"data":%s}', '{"weight":1,"data":%s}'),
    "snowflake": ("", ""),
    "redis": ("", ""),
}
"""Text around a deleted and an inserted row; those of snowflake and redis are made of the row's columns."""

_UPDATES = {
    "insert_delete": '{"update":%s}',
    "debezium": '{"payload":{"op":"u","before":%s,"after":%s}}',
}
"""Text around a row that has taken the place of another one of its key: the new one, or the old and the new one."""


class JsonEncoder:
    """Writes changes as records: a row of weight n is n records. is_array: as arrays, else one record per line."""

    def __init__(self, relation: Layout, pool: Pool, options: Mapping[str, Any], is_array: bool) -> None:
        self._relation = relation
        self._pool = pool
        self._is_array = is_array
        flavor = options.get("json_flavor") or "default"
        if flavor not in SPELLINGS:
            raise FormatRefused(f"option 'json_flavor' is one of {', '.join(SPELLINGS)}, not {flavor!r}", "json_flavor")
        self._spelling = SPELLINGS[flavor]
        self._key = self._key_columns(options.get("key_fields"))
        self._envelopes = self._templates(options.get("update_format") or "insert_delete")
        self._update = self._update_template(options.get("update_format") or "insert_delete")
        self._buffer_records = buffer_records(options)

    def encode(self, batch: Batch) -> Iterator[Encoded]:
        """Encode consolidated changes; see `ports.format.Encoder`."""
        if not len(batch):
            return
        if self._update is not None:
            yield from self._by_key(batch, self._update)
            return
        ordered = sorted_changes(batch, self._relation, self._pool)
        repeats = np.abs(ordered.weights)
        ends = np.cumsum(repeats)
        start = 0
        while start < len(ordered):
            base = int(ends[start - 1]) if start else 0
            stop = max(int(np.searchsorted(ends, base + self._buffer_records, "right")), start + 1)
            yield self._piece(ordered.take(np.arange(start, stop)))
            start = stop

    def _by_key(self, batch: Batch, template: str) -> Iterator[Encoded]:
        """Encode one record for each key: deletions, updates, insertions."""
        changes = by_key(batch, self._relation, self._pool)
        deleted, inserted = self._envelopes
        records = [deleted % row for row in self._rows(changes.deleted)]
        if template.count("%s") == len(self._relation.columns):
            records += [template % row for row in self._rows(changes.after)]
        else:
            both = zip(self._rows(changes.before), self._rows(changes.after), strict=True)
            records += [template % (*before, *after) for before, after in both]
        records += [inserted % row for row in self._rows(changes.inserted)]
        for start in range(0, len(records), self._buffer_records):
            yield self._joined(records[start : start + self._buffer_records])

    def _rows(self, batch: Batch) -> list[tuple[str, ...]]:
        return [*zip(*self._texts(batch), strict=True)]

    def _texts(self, batch: Batch) -> list[list[str]]:
        return [
            json_texts(column, layout.type, self._pool, self._spelling)
            for column, layout in zip(batch.columns, self._relation.columns, strict=True)
        ]

    def _joined(self, records: list[str]) -> Encoded:
        text = f"[{','.join(records)}]" if self._is_array else "\n".join(records) + "\n"
        return Encoded(text.encode(), len(records))

    def _piece(self, batch: Batch) -> Encoded:
        texts = self._texts(batch)
        deletes = int(np.count_nonzero(batch.weights < 0))
        if self._key is not None:
            texts = [texts[at] for at in self._key] + texts
        rows = [*zip(*texts, strict=True)] if texts else [()] * len(batch)
        records = [
            *map(self._envelopes[0].__mod__, rows[:deletes]),
            *map(self._envelopes[1].__mod__, rows[deletes:]),
        ]
        weights = np.abs(batch.weights)
        if (weights != 1).any():
            records = [record for record, n in zip(records, weights.tolist(), strict=True) for _ in range(n)]
        return self._joined(records)

    def _update_template(self, update_format: str) -> str | None:
        """Return the printf template of an updated record where changes are written by key."""
        if not self._relation.index or update_format == "redis":  # whose records are by key anyhow
            return None
        if update_format not in _UPDATES:
            message = f"the update format {update_format!r} has no form for an index; {' and '.join(_UPDATES)} have"
            raise FormatRefused(message, "update_format")
        return _UPDATES[update_format].replace("%s", "{" + self._members() + "}")

    def _members(self) -> str:
        """Return the printf template of a row's members."""
        names = [msgspec.json.encode(c.name).decode().replace("%", "%%") for c in self._relation.columns]
        return ",".join(f"{name}:%s" for name in names)

    def _templates(self, update_format: str) -> tuple[str, str]:
        """Return the printf templates of a deleted and an inserted record."""
        if update_format not in _ENVELOPES:
            message = f"option 'update_format' is one of {', '.join(_ENVELOPES)}, not {update_format!r}"
            raise FormatRefused(message, "update_format")
        members = self._members()
        if update_format == "redis":
            if not self._key:
                raise FormatRefused("the update format 'redis' needs the option 'key_fields'", "key_fields")
            key = ",".join("%s" for _ in self._key)
            # A deleted row's columns are printed into nothing, so that both templates take the same values.
            nothing = "%.0s" * len(self._relation.columns)
            return f'{{"key":[{key}],"value":null}}{nothing}', f'{{"key":[{key}],"value":{{{members}}}}}'
        self._key = None
        if update_format == "snowflake":
            separator = "," if members else ""
            return tuple(f'{{{members}{separator}"__action":"{action}"}}' for action in ("delete", "insert"))  # type: ignore[return-value]
        deleted, inserted = _ENVELOPES[update_format]
        row = "{" + members + "}"
        return deleted.replace("%s", row), inserted.replace("%s", row)

    def _key_columns(self, names: Any) -> list[int] | None:
        """Return the positions of the columns that are a record's key."""
        if names is None:
            return None
        columns = {c.name: at for at, c in enumerate(self._relation.columns)}
        folded = {c.name.lower(): at for at, c in enumerate(self._relation.columns) if not c.case_sensitive}
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise FormatRefused(f"option 'key_fields' is a list of columns, not {names!r}", "key_fields")
        for name in names:
            if name not in columns and name.lower() not in folded:
                raise FormatRefused(f"option 'key_fields' names {name!r}, which is no column", "key_fields")
        return [columns[name] if name in columns else folded[name.lower()] for name in names]


def buffer_records(options: Mapping[str, Any], default: int = DEFAULT_BUFFER_RECORDS) -> int:
    """Return how many records a piece holds at most. Raises: FormatRefused."""
    value = options.get("buffer_size_records", default)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise FormatRefused(f"option 'buffer_size_records' is a positive integer, not {value!r}", "buffer_size_records")
    return value
