"""What every input format must do, whatever it looks like on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from penstock.data.changes import concat_changes
from penstock.data.pool import Pool
from penstock.data.types import Kind, SqlType
from penstock.data.values import decode_column
from penstock.ports.format import ColumnLayout, Decoder, Format, FormatRefused, Layout, ParseError


def layout(*columns: tuple[str, SqlType], key: tuple[int, ...] = (), exact: tuple[str, ...] = ()) -> Layout:
    """Return a table's layout; exact: the columns declared with quotes."""
    return Layout("t", tuple(ColumnLayout(name, name in exact, type) for name, type in columns), key)


def decode(
    decoder: Decoder, *pieces: bytes, table: Layout, pool: Pool
) -> tuple[list[tuple[Any, ...]], list[ParseError]]:
    """Run a body through a decoder; rows are (values..., weight)."""
    parts = [decoder.feed(piece) for piece in pieces] + [decoder.finish()]
    batches = [batch for part in parts for batch in part.batches]
    errors = [error for part in parts for error in part.errors]
    if not batches:
        return [], errors
    changes = concat_changes(batches)
    columns = [
        decode_column(words, column.type, pool) for words, column in zip(changes.columns, table.columns, strict=True)
    ]
    return [*zip(*columns, changes.weights.tolist(), strict=True)], errors


class FormatContract:
    """Subclass with the format, its options and a body of these two rows."""

    table = layout(("id", SqlType(Kind.INTEGER, nullable=False)), ("word", SqlType(Kind.VARCHAR)))
    rows: tuple[tuple[Any, ...], ...] = ((1, "grün", 1), (2, "a b", 1))
    format: Format
    options: Mapping[str, Any] = {}
    body: bytes

    def test_a_body_gives_its_rows(self) -> None:
        pool = Pool()
        rows, errors = decode(
            self.format.decoder(self.options, self.table, pool), self.body, table=self.table, pool=pool
        )

        assert rows == list(self.rows)
        assert errors == []

    def test_a_body_cut_anywhere_gives_the_same_rows(self) -> None:
        for size in (1, 2, 3, 7):
            pool = Pool()
            pieces = [self.body[i : i + size] for i in range(0, len(self.body), size)]
            decoder = self.format.decoder(self.options, self.table, pool)
            rows, errors = decode(decoder, *pieces, table=self.table, pool=pool)

            assert rows == list(self.rows)
            assert errors == []

    def test_an_empty_body_gives_nothing(self) -> None:
        pool = Pool()
        decoder = self.format.decoder(self.options, self.table, pool)

        assert decode(decoder, table=self.table, pool=pool) == ([], [])

    def test_an_unknown_option_is_refused_by_name(self) -> None:
        with pytest.raises(FormatRefused) as refused:
            self.format.decoder({"colour": "blue"}, self.table, Pool())

        assert refused.value.option == "colour"
