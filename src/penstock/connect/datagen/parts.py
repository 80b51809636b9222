"""Values that have parts, and texts: everything that a column of a table can be."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from penstock.connect.datagen.columns import Generator, chosen, column_generator, scalar
from penstock.connect.datagen.settings import Settings
from penstock.connect.datagen.streams import Rows, Streams, Zipf
from penstock.connect.datagen.texts import STRATEGIES, made_up
from penstock.data.batch import Column, Words, concat_columns
from penstock.data.pool import Pool
from penstock.data.types import BINARIES, STRINGS, Kind, SqlType
from penstock.data.values import decode_column, encode_values
from penstock.ports.source import TransportRefused

__all__ = ["value_generator"]

_TEXT_LENGTHS, _ITEM_COUNTS = (0, 25), (0, 5)
_LETTERS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", np.uint8)
_BYTE = SqlType(Kind.SMALLINT, nullable=False)
_MADE_UP_COUNT = 1000

Sizes = Callable[[Words, Streams, Rows], Words]


def value_generator(settings: Settings, type: SqlType, pool: Pool) -> Generator:
    """Return the generator of any type. Raises: TransportRefused."""
    kind = type.kind
    if kind in STRINGS:
        return _texts(settings, type, pool)
    if kind in BINARIES:
        return _binaries(settings, type, pool)
    if kind is Kind.ARRAY and type.element is not None:
        return _arrays(settings, type, type.element, pool)
    if kind is Kind.MAP and type.key is not None and type.element is not None:
        return _maps(settings, type, type.key, type.element, pool)
    if kind is Kind.STRUCT:
        return _structs(settings, type, pool)
    return scalar(settings, type, pool)


def _texts(settings: Settings, type: SqlType, pool: Pool) -> Generator:
    low, high = settings.lengths(_TEXT_LENGTHS)
    strategy = settings.strategy
    if strategy == "increment":
        scale = settings.whole_scale()
        return lambda numbers, streams, rows: encode_values([str(n) for n in (numbers * scale).tolist()], type, pool)
    if strategy in STRATEGIES:
        with pool.keeping():
            choices = encode_values(made_up(strategy, _MADE_UP_COUNT, low, high), type, pool)
        return chosen(choices, lambda numbers, streams, rows: streams.below(rows, _MADE_UP_COUNT))
    if strategy == "uniform":
        sizes: Sizes = lambda numbers, streams, rows: low + streams.below(rows, high - low)  # noqa: E731
    elif strategy == "zipf":
        zipf = Zipf(high, settings.e)
        sizes = lambda numbers, streams, rows: zipf.draw(streams, rows).astype(np.int64) - 1  # noqa: E731
    else:
        raise settings.refused(type)

    def letters(numbers: Words, streams: Streams, rows: Rows) -> Column:
        offsets = _offsets(sizes(numbers, streams, rows))
        drawn = np.empty(int(offsets[-1]), np.uint8)
        for at, longer in _positions(offsets):
            drawn[offsets[longer] + at] = _LETTERS[streams.letters(rows[longer])]
        return Column(pool.intern_buffers(drawn, offsets))

    return letters


def _sizes(settings: Settings, type: SqlType) -> Sizes:
    """Return how many items each row's collection has."""
    low, high = settings.lengths(_ITEM_COUNTS)
    scale = settings.whole_scale()
    if scale < 0:
        raise TransportRefused(f"scale of column {settings.name!r} is at least 0, not {scale}")
    span = high - low
    if settings.strategy == "increment":
        return lambda numbers, streams, rows: low + numbers * scale % span
    if settings.strategy == "uniform":
        return lambda numbers, streams, rows: (low + streams.below(rows, span)) * scale
    if settings.strategy == "zipf":
        zipf = Zipf(span, settings.e)
        return lambda numbers, streams, rows: zipf.draw(streams, rows).astype(np.int64) - 1
    raise settings.refused(type)


def _arrays(settings: Settings, type: SqlType, element: SqlType, pool: Pool) -> Generator:
    sizes = _sizes(settings, type)
    item = column_generator(f"{settings.name} elements", element, settings.part("value"), pool, value_generator)

    def arrays(numbers: Words, streams: Streams, rows: Rows) -> Column:
        offsets = _offsets(sizes(numbers, streams, rows))
        items = decode_column(_items(item, offsets, streams, rows), element, pool)
        return encode_values([items[a:b] for a, b in pairwise(offsets.tolist())], type, pool)

    return arrays


def _binaries(settings: Settings, type: SqlType, pool: Pool) -> Generator:
    """Binaries are arrays of bytes; a number that is no byte stands for its last eight bits."""
    sizes = _sizes(settings, type)
    given = settings.part("value")
    item = column_generator(f"{settings.name} bytes", _BYTE, {"range": [0, 255], **given}, pool, value_generator)

    def binaries(numbers: Words, streams: Streams, rows: Rows) -> Column:
        offsets = _offsets(sizes(numbers, streams, rows))
        drawn = _items(item, offsets, streams, rows).words.astype(np.uint8).tobytes()
        return encode_values([drawn[a:b] for a, b in pairwise(offsets.tolist())], type, pool)

    return binaries


def _maps(settings: Settings, type: SqlType, key: SqlType, element: SqlType, pool: Pool) -> Generator:
    """Maps are empty unless it is said what is in them."""
    if not settings.part("key") and not settings.part("value"):
        return lambda numbers, streams, rows: encode_values([{} for _ in numbers], type, pool)
    sizes = _sizes(settings, type)
    keys = column_generator(f"{settings.name} keys", key, settings.part("key"), pool, value_generator)
    values = column_generator(f"{settings.name} values", element, settings.part("value"), pool, value_generator)

    def maps(numbers: Words, streams: Streams, rows: Rows) -> Column:
        offsets = _offsets(sizes(numbers, streams, rows))
        names = decode_column(_items(keys, offsets, streams, rows), key, pool)
        items = decode_column(_items(values, offsets, streams, rows), element, pool)
        bounds = pairwise(offsets.tolist())
        return encode_values([dict(zip(names[a:b], items[a:b], strict=True)) for a, b in bounds], type, pool)

    return maps


def _structs(settings: Settings, type: SqlType, pool: Pool) -> Generator:
    given = settings.part("fields")
    unknown = [name for name in given if not any(field.name.lower() == name.lower() for field in type.fields)]
    if unknown:
        raise TransportRefused(f"column {settings.name!r} has no field {unknown[0]!r}")
    known = {name.lower(): of_field for name, of_field in given.items()}
    parts = [
        (
            f,
            column_generator(
                f"{settings.name}.{f.name}", f.type, known.get(f.name.lower()) or {}, pool, value_generator
            ),
        )
        for f in type.fields
    ]

    def structs(numbers: Words, streams: Streams, rows: Rows) -> Column:
        columns = [decode_column(make(numbers, streams, rows), f.type, pool) for f, make in parts]
        names = [f.name for f, _ in parts]
        return encode_values([dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)], type, pool)

    return structs


def _offsets(sizes: Words) -> Words:
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


def _positions(offsets: Words) -> list[tuple[int, Rows]]:
    """Return each position within a row, with the rows that are long enough to have it."""
    sizes = np.diff(offsets)
    return [(at, np.flatnonzero(sizes > at)) for at in range(int(sizes.max(initial=0)))]


def _items(make: Generator, offsets: Words, streams: Streams, rows: Rows) -> Column:
    """Make the items of all rows, row by row; an item's number is its position, and rows draw in that order."""
    columns, places = [], []
    for at, longer in _positions(offsets):
        columns.append(make(np.full(len(longer), at, np.int64), streams, rows[longer]))
        places.append(offsets[longer] + at)
    if not columns:
        return Column(np.zeros(0, np.int64))
    return concat_columns(columns).take(np.argsort(np.concatenate(places)))
