"""Columns of made-up values: one generator per column type and strategy.

A generator gives the rows from number `first` on, so that counting strategies need no memory.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from penstock.connect.formats.columns import UNREADABLE
from penstock.connect.formats.json_values import FLAVORS, read_time, read_timestamp, value_reader
from penstock.data.batch import Column, Words
from penstock.data.pool import Pool
from penstock.data.types import BINARIES, FLOATS, INTEGER_BITS, STRINGS, Kind, SqlType
from penstock.data.values import decode_column, encode_values, float_words
from penstock.data.values_scalars import decimal_size, integer_range
from penstock.ports.source import TransportRefused

Generator = Callable[[int, int, np.random.Generator], Column]
"""generator(number of the first row, count, random) -> column of count values."""

_SETTINGS = ("strategy", "range", "scale", "values", "null_percentage", "e", "key", "value", "fields")
_STRATEGIES = ("increment", "uniform", "zipf")
_DAY_MS = 86_400_000
_LETTERS = np.frombuffer(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", np.uint8)
_NAMES = (
    "Ada Boris Chen Dalia Emeka Freya Goran Hana Ines Jomo Kalani Leyla Mateo Nadia Olu Priya Quinn Rosa Sven Talia"
)
_FAMILIES = (
    "Abebe Berg Costa Dubois Eriksen Fischer Garcia Haddad Ito Jansen Kim Lopez Mbeki Novak Okafor Patel Rossi Silva"
)
_WORDS = "amber brook cedar delta ember field grove harbor inlet jetty kelp ledge marsh north orchard pier quarry river"
_CITIES = "Accra Bergen Cusco Dakar Exeter Faro Graz Hanoi Izmir Jaipur Kyoto Leeds Malmo Nairobi Oslo Porto Quito Riga"
_VOCABULARY = {
    "first_name": _NAMES.split(),
    "last_name": _FAMILIES.split(),
    "word": _WORDS.split(),
    "city_name": _CITIES.split(),
}
_TEXTS = (*_VOCABULARY, "name", "words", "sentence", "email", "username", "phone_number")


def column_generator(name: str, type: SqlType, settings: Mapping[str, Any], pool: Pool) -> Generator:
    """Return the generator of a column. Raises: TransportRefused for settings that do not fit the type."""
    for setting in settings:
        if setting not in _SETTINGS:
            message = f"column {name!r} has no setting {setting!r}; there are {', '.join(_SETTINGS)}"
            raise TransportRefused(message)
    try:
        generate = _generator(name, type, settings, pool)
    except UNREADABLE as error:
        raise TransportRefused(f"the settings of column {name!r} do not fit {type.kind.value}: {error}") from None
    share = settings.get("null_percentage")
    if not share:
        return generate
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 100 or not type.nullable:
        raise TransportRefused(f"null_percentage of column {name!r}: 0 to 100, in a nullable column, not {share!r}")

    def with_nulls(first: int, count: int, random: np.random.Generator) -> Column:
        column = generate(first, count, random)
        nulls = random.random(count) * 100 < share
        return Column(np.where(nulls, 0, column.words), nulls)

    return with_nulls


def _generator(name: str, type: SqlType, settings: Mapping[str, Any], pool: Pool) -> Generator:
    kind = type.kind
    strategy = settings.get("strategy", "increment")
    if settings.get("values") is not None:
        return _of_values(name, type, settings, strategy, pool)
    if kind in STRINGS:
        return _text(name, type, settings, strategy, pool)
    if strategy not in _STRATEGIES:
        raise TransportRefused(f"column {name!r} of type {kind.value} has no strategy {strategy!r}")
    if kind in (Kind.ARRAY, Kind.MAP, Kind.STRUCT, Kind.UUID, Kind.VARIANT) or kind in BINARIES:
        return _complex(name, type, settings, strategy, pool)
    if kind in FLOATS:
        return _floats(type, settings, strategy)
    return _numbers(type, settings, strategy, pool)


def _indexes(strategy: str, size: int, exponent: float) -> Callable[[int, int, np.random.Generator], Words]:
    """Return positions 0 <= i < size by a strategy."""
    if strategy == "uniform":
        return lambda first, count, random: random.integers(0, size, count)
    if strategy == "zipf":
        shares = np.arange(1, min(size, 1_000_000) + 1, dtype=np.float64) ** -exponent
        bounds = np.cumsum(shares / shares.sum())
        return lambda first, count, random: np.minimum(np.searchsorted(bounds, random.random(count)), size - 1)
    return lambda first, count, random: np.arange(first, first + count) % size


def _exponent(settings: Mapping[str, Any]) -> float:
    value = float(settings.get("e", 1))
    if not value > 0:
        raise TransportRefused(f"e is a number above 0, not {value!r}")
    return value


def _of_values(name: str, type: SqlType, settings: Mapping[str, Any], strategy: str, pool: Pool) -> Generator:
    """Choose from a list."""
    values = settings["values"]
    if not isinstance(values, list) or not values or strategy not in _STRATEGIES:
        raise TransportRefused(f"values of column {name!r} is a list that is not empty, chosen from by {_STRATEGIES}")
    read = value_reader(type, FLAVORS["datagen"])
    with pool.keeping():
        choices = encode_values([None if value is None else read(value) for value in values], type, pool)
    choose = _indexes(strategy, len(values), _exponent(settings))
    return lambda first, count, random: choices.take(choose(first, count, random))


# ------------------------------------------------------------------------------------------------- numbers


def _bounds(type: SqlType, settings: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the range in words, [low, high), or None where the settings have none."""
    given = settings.get("range")
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 2:
        raise TransportRefused(f"range is a list of two values, not {given!r}")
    low, high = (_word(type, bound) for bound in given)
    if low >= high:
        raise TransportRefused(f"range {given!r} is empty")
    return low, high


def _word(type: SqlType, value: Any) -> int:
    kind = type.kind
    if isinstance(value, str):
        if kind is Kind.DATE:
            return dt.date.fromisoformat(value).toordinal() - dt.date(1970, 1, 1).toordinal()
        if kind is Kind.TIME:
            return read_time(value)
        moment = read_timestamp(value)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
        return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    if kind is Kind.DECIMAL:
        return round(float(value) * float(10 ** decimal_size(type)[1]))
    return int(value) * _unit(kind)


def _unit(kind: Kind) -> int:
    """Return how many words one step of a counting column is: a day, a millisecond, one."""
    return {Kind.TIME: 1_000_000, Kind.TIMESTAMP: 1000, Kind.TIMESTAMP_TZ: 1000}.get(kind, 1)


def _domain(type: SqlType) -> tuple[int, int]:
    kind = type.kind
    if kind in INTEGER_BITS and kind is not Kind.UBIGINT:
        low, high = integer_range(kind)
        return low, min(high + 1, 2**63 - 1)
    if kind is Kind.BOOLEAN:
        return 0, 2
    if kind is Kind.TIME:
        return 0, _DAY_MS * 1_000_000
    if kind is Kind.DECIMAL:
        return 0, 10 ** min(decimal_size(type)[0], 18)
    if kind is Kind.DATE:
        return 0, 54_787  # to the end of 2119
    return 0, 4_102_444_800_000_000 if kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ) else 2**63 - 1


def _numbers(type: SqlType, settings: Mapping[str, Any], strategy: str, pool: Pool) -> Generator:
    """Integers, decimals, booleans, dates and times."""
    if type.pooled:
        narrow = SqlType(Kind.DECIMAL, type.nullable, 18, min(decimal_size(type)[1], 18))
        inner = _numbers(narrow, settings, strategy, pool)
        return lambda first, count, random: encode_values(
            decode_column(inner(first, count, random), narrow, pool), type, pool
        )
    bounds = _bounds(type, settings)
    scale = settings.get("scale", 1)
    if isinstance(scale, bool) or not isinstance(scale, int | float):
        raise TransportRefused(f"scale is a number, not {scale!r}")
    step = round(scale * (10 ** decimal_size(type)[1] if type.kind is Kind.DECIMAL else _unit(type.kind)))
    if strategy == "increment":
        domain_low, domain_high = _domain(type)
        low, high = bounds or (max(domain_low, 0), domain_high)
        span = high - low
        return lambda first, count, random: Column(low + (np.arange(first, first + count) * step) % span)
    low, high = bounds or _domain(type)
    if strategy == "uniform":
        return lambda first, count, random: Column(random.integers(low, high, count))
    choose = _indexes(strategy, high - low, _exponent(settings))
    return lambda first, count, random: Column(low + choose(first, count, random))


def _floats(type: SqlType, settings: Mapping[str, Any], strategy: str) -> Generator:
    given = settings.get("range")
    if given is not None and (not isinstance(given, list) or len(given) != 2 or not given[0] < given[1]):
        raise TransportRefused(f"range is a list of two numbers, the lower one first, not {given!r}")
    scale = float(settings.get("scale", 1))
    single = type.kind is Kind.REAL
    low, high = (float(given[0]), float(given[1])) if given is not None else (0.0, 1.0)

    def generate(first: int, count: int, random: np.random.Generator) -> Column:
        if strategy == "increment":
            values = np.arange(first, first + count, dtype=np.float64) * scale
            values = values if given is None else low + np.mod(values, high - low)
        else:
            values = low + (high - low) * random.random(count)
        return Column(float_words(values, single))

    return generate


# --------------------------------------------------------------------------------------------------- texts


def _lengths(settings: Mapping[str, Any], default: tuple[int, int]) -> tuple[int, int]:
    given = settings.get("range")
    if given is None:
        return default
    if not isinstance(given, list) or len(given) != 2 or not 0 <= given[0] < given[1]:
        raise TransportRefused(f"range of a text or an array is [least length, length not reached], not {given!r}")
    return int(given[0]), int(given[1])


def _text(name: str, type: SqlType, settings: Mapping[str, Any], strategy: str, pool: Pool) -> Generator:
    if strategy == "increment":
        scale = int(settings.get("scale", 1))
        return lambda first, count, random: encode_values(
            [str(i * scale) for i in range(first, first + count)], type, pool
        )
    if strategy in ("uniform", "zipf"):
        low, high = _lengths(settings, (0, 25))

        def letters(first: int, count: int, random: np.random.Generator) -> Column:
            offsets = np.zeros(count + 1, np.int64)
            np.cumsum(random.integers(low, high, count), out=offsets[1:])
            return Column(pool.intern_buffers(_LETTERS[random.integers(0, len(_LETTERS), int(offsets[-1]))], offsets))

        return letters
    if strategy not in _TEXTS:
        raise TransportRefused(f"column {name!r} has no strategy {strategy!r}; there are {_STRATEGIES + _TEXTS}")
    return lambda first, count, random: encode_values([_fake(strategy, random) for _ in range(count)], type, pool)


def _fake(strategy: str, random: np.random.Generator) -> str:
    def one(kind: str) -> str:
        words = _VOCABULARY[kind]
        return words[int(random.integers(0, len(words)))]

    if strategy in _VOCABULARY:
        return one(strategy)
    if strategy == "name":
        return f"{one('first_name')} {one('last_name')}"
    if strategy == "phone_number":
        return "+" + "".join(str(digit) for digit in random.integers(0, 10, 11))
    if strategy in ("email", "username"):
        user = f"{one('first_name')}.{one('last_name')}{int(random.integers(0, 1000))}".lower()
        return user if strategy == "username" else f"{user}@example.org"
    words = [one("word") for _ in range(int(random.integers(3, 9)))]
    return " ".join(words) if strategy == "words" else " ".join(words).capitalize() + "."


# ------------------------------------------------------------------------------------------------- complex


def _part(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = settings.get(name) or {}
    if not isinstance(part, dict):
        raise TransportRefused(f"{name} is an object of settings, not {part!r}")
    return part


def _complex(name: str, type: SqlType, settings: Mapping[str, Any], strategy: str, pool: Pool) -> Generator:
    """Values with parts, made from columns of their parts."""
    kind = type.kind
    if kind is Kind.UUID:
        return lambda first, count, random: encode_values([random.bytes(16) for _ in range(count)], type, pool)
    if kind is Kind.STRUCT:
        fields = _part(settings, "fields")
        parts = [(f, column_generator(f"{name}.{f.name}", f.type, _part(fields, f.name), pool)) for f in type.fields]

        def rows(first: int, count: int, random: np.random.Generator) -> Column:
            columns = [decode_column(make(first, count, random), f.type, pool) for f, make in parts]
            names = [f.name for f, _ in parts]
            values = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
            return encode_values(values, type, pool)

        return rows
    low, high = _lengths(settings, (0, 5))
    if kind in BINARIES:
        return lambda first, count, random: encode_values(
            [random.bytes(int(n)) for n in random.integers(low, high, count)], type, pool
        )
    if kind is Kind.ARRAY and type.element is not None:
        items = _items(f"{name} elements", type.element, _part(settings, "value"), pool)
        return _collected(type, pool, low, high, lambda first, sizes, random: _cut(items(first, sizes, random), sizes))
    if kind is Kind.MAP and type.key is not None and type.element is not None:
        keys = _items(f"{name} keys", type.key, _part(settings, "key"), pool)
        elements = _items(f"{name} values", type.element, _part(settings, "value"), pool)

        def maps(first: int, sizes: Words, random: np.random.Generator) -> list[object]:
            pairs = zip(keys(first, sizes, random), elements(first, sizes, random), strict=True)
            return [dict(part) for part in _cut([*pairs], sizes)]  # type: ignore[call-overload]

        return _collected(type, pool, low, high, maps)
    raise TransportRefused(f"column {name!r} of type {kind.value} cannot be generated; give it 'values'")


def _items(
    name: str, type: SqlType, settings: Mapping[str, Any], pool: Pool
) -> Callable[[int, Words, np.random.Generator], list[object]]:
    make = column_generator(name, type, settings, pool)
    return lambda first, sizes, random: decode_column(make(first, int(sizes.sum()), random), type, pool)


def _cut(items: list[object], sizes: Words) -> list[object]:
    ends = np.cumsum(sizes).tolist()
    return [items[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def _collected(
    type: SqlType,
    pool: Pool,
    low: int,
    high: int,
    make: Callable[[int, Words, np.random.Generator], list[object]],
) -> Generator:
    def generate(first: int, count: int, random: np.random.Generator) -> Column:
        return encode_values(make(first, random.integers(low, high, count), random), type, pool)

    return generate
