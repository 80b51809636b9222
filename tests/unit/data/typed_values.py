"""Strategies: a SQL type together with Python values of it, and equality that tells NaN and scales."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from penstock.data.types import Field, Kind, SqlType, decimal
from penstock.data.values import VARIANT_NULL, Variant, encode_key
from penstock.data.values_scalars import integer_range


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    bound = 10**precision - 1
    return st.integers(-bound, bound).map(
        lambda n: Decimal(n).scaleb(-scale, None) if precision < 20 else wide(n, scale)
    )


def wide(number: int, scale: int) -> Decimal:
    sign, digits = (1 if number < 0 else 0), tuple(map(int, str(abs(number))))
    return Decimal((sign, digits, -scale)) if number else Decimal((0, (0,), -scale))


TIMESTAMPS = st.datetimes()
INTEGER_KINDS = [
    Kind.TINYINT,
    Kind.SMALLINT,
    Kind.INTEGER,
    Kind.BIGINT,
    Kind.UTINYINT,
    Kind.USMALLINT,
    Kind.UINTEGER,
    Kind.UBIGINT,
]
SINGLES = st.floats(width=32).map(lambda f: f + 0.0)
DOUBLES = st.floats().map(lambda f: f + 0.0)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
SCALARS: list[tuple[SqlType, st.SearchStrategy[Any]]] = [
    (SqlType(Kind.BOOLEAN), st.booleans()),
    *((SqlType(kind), st.integers(*integer_range(kind))) for kind in INTEGER_KINDS),
    (SqlType(Kind.REAL), SINGLES),
    (SqlType(Kind.DOUBLE), DOUBLES),
    (decimal(10, 3, nullable=True), decimals(10, 3)),
    (decimal(18, 18, nullable=True), decimals(18, 18)),
    (decimal(38, 10, nullable=True), decimals(38, 10)),
    (SqlType(Kind.VARCHAR), TEXTS),
    (SqlType(Kind.CHAR, precision=3), TEXTS),
    (SqlType(Kind.VARBINARY), st.binary(max_size=8)),
    (SqlType(Kind.DATE), st.dates()),
    (SqlType(Kind.TIME), st.times()),
    (SqlType(Kind.TIMESTAMP), TIMESTAMPS),
    (SqlType(Kind.TIMESTAMP_TZ), TIMESTAMPS.map(lambda t: t.replace(tzinfo=dt.UTC))),
    (SqlType(Kind.INTERVAL_MONTHS), st.integers(-1000, 1000)),
    (SqlType(Kind.INTERVAL_MICROS), st.integers(-(10**15), 10**15)),
    (SqlType(Kind.UUID), st.uuids()),
]


def variants() -> st.SearchStrategy[Variant]:
    leaves = st.one_of(
        st.just(VARIANT_NULL),
        st.booleans().map(lambda b: Variant(Kind.BOOLEAN, b)),
        st.integers(*integer_range(Kind.BIGINT)).map(lambda n: Variant(Kind.BIGINT, n)),
        DOUBLES.map(lambda f: Variant(Kind.DOUBLE, f)),
        st.decimals(allow_nan=False, allow_infinity=False, places=3).map(
            lambda d: Variant(Kind.DECIMAL, d or d.copy_abs())
        ),
        TEXTS.map(lambda s: Variant(Kind.VARCHAR, s)),
        st.dates().map(lambda d: Variant(Kind.DATE, d)),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(st.none() | inner, max_size=3).map(lambda v: Variant(Kind.ARRAY, v)),
            st.dictionaries(TEXTS, inner, max_size=3).map(
                lambda d: Variant(
                    Kind.MAP, {Variant(Kind.VARCHAR, k): d[k] for k in sorted(d, key=lambda s: s.encode())}
                )
            ),
        ),
        max_leaves=5,
    )


def typed(depth: int = 2) -> st.SearchStrategy[tuple[SqlType, Any]]:
    """A type together with a strategy for its values."""
    choices: list[Any] = [st.sampled_from(SCALARS), st.just((SqlType(Kind.VARIANT), variants()))]
    if depth:
        inner = typed(depth - 1)
        choices.append(inner.map(lambda p: (SqlType(Kind.ARRAY, element=p[0]), st.lists(st.none() | p[1], max_size=4))))
        choices.append(
            st.lists(inner, min_size=1, max_size=3).map(
                lambda ps: (
                    SqlType(Kind.STRUCT, fields=tuple(Field(f"f{i}", p[0]) for i, p in enumerate(ps))),
                    st.tuples(*(st.none() | p[1] for p in ps)).map(lambda t: {f"f{i}": v for i, v in enumerate(t)}),
                )
            )
        )
        keys = st.sampled_from([s for s in SCALARS if s[0].kind not in (Kind.REAL, Kind.DOUBLE)])
        choices.append(
            st.tuples(keys, inner).map(
                lambda p: (
                    SqlType(Kind.MAP, key=p[0][0], element=p[1][0]),
                    st.dictionaries(p[0][1], st.none() | p[1][1], max_size=3).map(
                        lambda d: {k: d[k] for k in sorted(d, key=lambda k: encode_key(k, p[0][0]))}
                    ),
                )
            )
        )
    return st.one_of(choices)


def same(a: Any, b: Any) -> bool:
    """Equality under which NaN is NaN and the scale of a decimal counts."""
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or a == b
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return all(map(same, a.items(), b.items())) and len(a) == len(b)
    if isinstance(a, Variant) and isinstance(b, Variant):
        return a.kind == b.kind and same(a.value, b.value)
    return type(a) is type(b) and a == b and (not isinstance(a, Decimal) or str(a) == str(b))
