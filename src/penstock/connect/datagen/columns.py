"""From the settings of a column to its values: `column_generator` and the types of one value.

A generator makes the values of some rows from their numbers and their streams. Columns of a row draw from the row's
stream in the order of the table; a NULL is drawn before the value, which is then not drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.connect.datagen.settings import Settings
from penstock.connect.datagen.streams import Rows, Streams, Zipf, real_span
from penstock.connect.formats.columns import UNREADABLE
from penstock.connect.formats.json_values import FLAVORS, value_reader
from penstock.data.batch import Column, Words
from penstock.data.pool import Pool
from penstock.data.types import FLOATS, INTEGER_BITS, Kind, SqlType
from penstock.data.values import encode_values, float_words
from penstock.data.values_scalars import decimal_size, integer_range, scaled
from penstock.ports.source import TransportRefused

__all__ = ["Generator", "Indexes", "chosen", "column_generator", "indexes", "scalar"]

Generator = Callable[[Words, Streams, Rows], Column]
"""generator(number of each row, streams, rows) -> column of as many values."""

Indexes = Callable[[Words, Streams, Rows], npt.NDArray[np.int64]]
"""indexes(number of each row, streams, rows) -> positions in a list."""

_DAY_MS = 86_400_000
_END_DAY = 54_787
_END_MS = 4_102_444_800_000
_WORDS_PER_STEP = {Kind.TIME: 1_000_000, Kind.TIMESTAMP: 1000, Kind.TIMESTAMP_TZ: 1000}
_COUNTED = (*INTEGER_BITS, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ)
_BOUNDS = {
    Kind.DATE: (-719_162, 2_932_896),
    Kind.TIMESTAMP: (-62_135_596_800_000, 253_402_300_799_999),
    Kind.TIMESTAMP_TZ: (-62_135_596_800_000, 253_402_300_799_999),
}
"""Years 1 to 9999, in days and milliseconds."""


def column_generator(
    name: str,
    type: SqlType,
    given: Mapping[str, Any],
    pool: Pool,
    of_type: Callable[[Settings, SqlType, Pool], Generator],
) -> Generator:
    """Return the generator of a column. of_type: makes it where no values are listed. Raises: TransportRefused."""
    settings = Settings.read(name, given, type.nullable)
    generate = of_type(settings, type, pool) if settings.values is None else _of_values(settings, type, pool)
    share = settings.null_percentage
    if share is None:
        return generate

    def with_nulls(numbers: Words, streams: Streams, rows: Rows) -> Column:
        nulls = streams.below(rows, 100) < share
        present = generate(numbers[~nulls], streams, rows[~nulls])
        words = np.zeros(len(rows), np.int64)
        words[~nulls] = present.words
        if present.nulls is not None:
            nulls[np.flatnonzero(~nulls)[present.nulls]] = True
        return Column(words, nulls)

    return with_nulls


def indexes(settings: Settings, size: int, type: SqlType) -> Indexes:
    """Return how positions 0 <= i < size are chosen. Raises: TransportRefused."""
    if settings.strategy == "increment":
        return lambda numbers, streams, rows: numbers % size
    if settings.strategy == "uniform":
        return lambda numbers, streams, rows: streams.below(rows, size)
    if settings.strategy == "zipf":
        zipf = Zipf(size, settings.e)
        return lambda numbers, streams, rows: zipf.draw(streams, rows).astype(np.int64) - 1
    raise settings.refused(type)


def chosen(choices: Column, choose: Indexes) -> Generator:
    """Return the generator that takes values of a column."""
    return lambda numbers, streams, rows: choices.take(choose(numbers, streams, rows))


def _of_values(settings: Settings, type: SqlType, pool: Pool) -> Generator:
    assert settings.values is not None
    read = value_reader(type, FLAVORS["datagen"])
    try:
        with pool.keeping():
            choices = encode_values([None if v is None else read(v) for v in settings.values], type, pool)
    except UNREADABLE as error:
        message = f"values of column {settings.name!r} are not all of type {type.kind.value}: {error}"
        raise TransportRefused(message) from None
    if type.kind is Kind.BOOLEAN and settings.strategy == "uniform":
        size = np.uint64(len(choices))
        return chosen(choices, lambda numbers, streams, rows: (_tossed(settings, streams, rows) % size).view(np.int64))
    return chosen(choices, indexes(settings, len(choices), type))


def _tossed(settings: Settings, streams: Streams, rows: Rows) -> npt.NDArray[np.uint64]:
    """Return bits for booleans, which come from elsewhere than the row's stream: nothing is drawn for them."""
    return streams.aside(rows, int.from_bytes(settings.name.encode()[:8], "little"))


def scalar(settings: Settings, type: SqlType, pool: Pool) -> Generator:
    """Return the generator of a type of one value that is no text. Raises: TransportRefused."""
    kind = type.kind
    if kind is Kind.BOOLEAN:
        return _booleans(settings, type)
    if kind in _COUNTED:
        return _counted(settings, type)
    if kind in FLOATS:
        reals = _reals(settings, type)
        return lambda numbers, streams, rows: Column(float_words(reals(numbers, streams, rows), kind is Kind.REAL))
    if kind is Kind.DECIMAL:
        return _decimals(settings, type, pool)
    if kind is Kind.UUID:
        return _uuids(settings, type, pool)
    raise TransportRefused(f"column {settings.name!r} of type {kind.value} cannot be generated; give it 'values'")


def _booleans(settings: Settings, type: SqlType) -> Generator:
    if settings.strategy == "uniform":
        return lambda numbers, streams, rows: Column((_tossed(settings, streams, rows) >> np.uint64(63)).view(np.int64))
    choose = indexes(settings, 2, type)
    turned = 1 if settings.strategy == "zipf" else 0  # the likelier one is true
    return lambda numbers, streams, rows: Column(choose(numbers, streams, rows) ^ turned)


def _counted(settings: Settings, type: SqlType) -> Generator:
    """Integers, days, milliseconds."""
    kind = type.kind
    given, scale = settings.steps(kind), settings.whole_scale()
    low, high = given or _whole_domain(kind)
    unit = _WORDS_PER_STEP.get(kind, 1)
    if settings.strategy == "increment":
        start = low if given or kind not in INTEGER_BITS else 0
        span = high - start
        _check_bounds(settings, type, (start, start + (span - 1) * (1 if scale >= 0 else -1)))
        return lambda numbers, streams, rows: Column((start + np.fmod(numbers * scale, span)) * unit)
    if settings.strategy == "uniform":
        _check_bounds(settings, type, (low * scale, (high - 1) * scale))
        span = high - low
        return lambda numbers, streams, rows: Column(_in_day((low + streams.below(rows, span)) * scale, kind) * unit)
    if settings.strategy == "zipf":
        start = low if given or kind not in INTEGER_BITS else 0
        _check_bounds(settings, type, (start, high - 1))
        zipf = Zipf(high - start, settings.e)
        return lambda numbers, streams, rows: Column(
            (start + zipf.draw(streams, rows).astype(np.int64) - 1) * unit,
        )
    raise settings.refused(type)


def _whole_domain(kind: Kind) -> tuple[int, int]:
    """Return [low, high) where no range is given: the greatest integer is not reached."""
    if kind in INTEGER_BITS:
        low, high = integer_range(kind)
        return low, min(high, (1 << 63) - 1)
    return 0, {Kind.DATE: _END_DAY, Kind.TIME: _DAY_MS}.get(kind, _END_MS)


def _in_day(steps: Words, kind: Kind) -> Words:
    return steps % _DAY_MS if kind is Kind.TIME else steps


def _check_bounds(settings: Settings, type: SqlType, ends: tuple[int, int]) -> None:
    """Refuse settings that would make values which the type does not have. Raises: TransportRefused."""
    kind = type.kind
    if kind is Kind.TIME:
        return
    low, high = integer_range(kind) if kind in INTEGER_BITS else _BOUNDS[kind]
    if min(ends) < low or max(ends) > high:
        raise TransportRefused(
            f"range and scale of column {settings.name!r} make values from {min(ends)} to {max(ends)}; "
            f"{kind.value} has {low} to {high}"
        )


def _reals(settings: Settings, type: SqlType) -> Callable[[Words, Streams, Rows], npt.NDArray[np.float64]]:
    """Doubles; without a range a drawn one is from 0 to 1 (the whole range of doubles has no uniform distribution)."""
    given, scale = settings.reals(), settings.scale
    low, high = given or (0.0, 1.0)
    if settings.strategy == "increment":
        if given is None:
            return lambda numbers, streams, rows: numbers.astype(np.float64) * scale
        return lambda numbers, streams, rows: low + np.fmod(numbers.astype(np.float64) * scale, high - low)
    if settings.strategy == "uniform":
        try:
            span = real_span(float(low), float(high))
        except ValueError as error:
            raise TransportRefused(f"range of column {settings.name!r}: {error}") from None
        return lambda numbers, streams, rows: streams.real(rows, low, span) * scale
    if settings.strategy == "zipf":
        zipf = Zipf((1 << 64) - 1 if given is None else max(int(high - low), 1), settings.e)
        return lambda numbers, streams, rows: low + (zipf.draw(streams, rows) - 1.0)
    raise settings.refused(type)


def _decimals(settings: Settings, type: SqlType, pool: Pool) -> Generator:
    """Decimals: doubles rounded half to even; where they have too many digits they begin anew."""
    precision, digits = decimal_size(type)
    if settings.strategy == "zipf" and settings.pair() is None:
        raise TransportRefused(f"column {settings.name!r} needs a range to draw from by 'zipf'")
    if settings.pair() is not None:
        limit = 10.0 ** (precision - digits)
        if max(abs(bound) for bound in settings.reals() or ()) * max(abs(settings.scale), 1) > limit:
            raise TransportRefused(f"range of column {settings.name!r} does not fit DECIMAL({precision}, {digits})")
    reals = _reals(settings, type)
    largest = float(10 ** (precision - digits))

    def generate(numbers: Words, streams: Streams, rows: Rows) -> Column:
        unscaled = np.rint(np.fmod(reals(numbers, streams, rows), largest) * 10.0**digits)
        if type.pooled:
            return encode_values([scaled(int(v), digits) for v in unscaled.tolist()], type, pool)
        return Column(unscaled.astype(np.int64))

    return generate


def _uuids(settings: Settings, type: SqlType, pool: Pool) -> Generator:
    scale = settings.whole_scale()
    low, high = settings.uuids() or (0, (1 << 128) - 1)
    all_bits = (1 << 128) - 1

    def encoded(values: list[int]) -> Column:
        return encode_values([(value & all_bits).to_bytes(16, "big") for value in values], type, pool)

    if settings.strategy == "increment":
        return lambda numbers, streams, rows: encoded([low + n * scale % (high - low) for n in numbers.tolist()])
    if settings.strategy == "uniform":
        return lambda numbers, streams, rows: encoded(
            [(low + drawn) * scale for drawn in streams.wide_below(rows, high - low)]
        )
    raise settings.refused(type)
