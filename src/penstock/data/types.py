"""SQL types and how a value of each is held in one int64 word.

Every value inside a circuit is one int64 word plus a null flag (columns in `batch.py`):

| kind                                   | word                                                            |
|----------------------------------------|-----------------------------------------------------------------|
| BOOLEAN                                | 0 or 1                                                          |
| TINYINT .. BIGINT, UTINYINT .. UINTEGER| the value                                                       |
| UBIGINT                                | the 64 bits of the unsigned value                               |
| REAL, DOUBLE                           | the 64 bits of the IEEE double (REAL: rounded to single first)  |
| DECIMAL(p <= 18, s)                    | value * 10^s                                                    |
| DATE                                   | days since 1970-01-01                                           |
| TIME                                   | nanoseconds since midnight                                      |
| TIMESTAMP, TIMESTAMP_TZ                | microseconds since 1970-01-01 00:00:00 (UTC for TZ)             |
| INTERVAL_MONTHS                        | months                                                          |
| INTERVAL_MICROS                        | microseconds                                                    |
| DECIMAL of more digits                 | value * 10^s moved out of the range of codes, if it fits; else  |
|                                        | the code of its bytes (`decimal128.py`)                         |
| everything else                        | code of the value's bytes in the circuit's pool (`pool.py`)     |

The word of a NULL is always 0. -0.0 is held as 0.0 and every NaN as one NaN, so equal values are equal words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Kind(Enum):
    """What a value is; the member's value is the word clients see for it."""

    BOOLEAN = "BOOLEAN"
    TINYINT = "TINYINT"
    SMALLINT = "SMALLINT"
    INTEGER = "INTEGER"
    BIGINT = "BIGINT"
    UTINYINT = "UTINYINT"
    USMALLINT = "USMALLINT"
    UINTEGER = "UINTEGER"
    UBIGINT = "UBIGINT"
    REAL = "REAL"
    DOUBLE = "DOUBLE"
    DECIMAL = "DECIMAL"
    CHAR = "CHAR"
    VARCHAR = "VARCHAR"
    BINARY = "BINARY"
    VARBINARY = "VARBINARY"
    DATE = "DATE"
    TIME = "TIME"
    TIMESTAMP = "TIMESTAMP"
    TIMESTAMP_TZ = "TIMESTAMP_TZ"
    INTERVAL_MONTHS = "INTERVAL_MONTHS"
    INTERVAL_MICROS = "INTERVAL_MICROS"
    UUID = "UUID"
    ARRAY = "ARRAY"
    MAP = "MAP"
    STRUCT = "STRUCT"
    VARIANT = "VARIANT"
    NULL = "NULL"


SIGNED = (Kind.TINYINT, Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT)
UNSIGNED = (Kind.UTINYINT, Kind.USMALLINT, Kind.UINTEGER, Kind.UBIGINT)
INTEGERS = SIGNED + UNSIGNED
FLOATS = (Kind.REAL, Kind.DOUBLE)
NUMERIC = INTEGERS + FLOATS + (Kind.DECIMAL,)
STRINGS = (Kind.CHAR, Kind.VARCHAR)
BINARIES = (Kind.BINARY, Kind.VARBINARY)
TEMPORAL = (Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ)
INTERVALS = (Kind.INTERVAL_MONTHS, Kind.INTERVAL_MICROS)

MAX_DECIMAL_PRECISION = 38
NARROW_DECIMAL_PRECISION = 18
"""Decimals of at most this many digits are scaled int64 words; wider ones may need 16 bytes in the pool."""

INTEGER_BITS = {
    Kind.TINYINT: 8,
    Kind.SMALLINT: 16,
    Kind.INTEGER: 32,
    Kind.BIGINT: 64,
    Kind.UTINYINT: 8,
    Kind.USMALLINT: 16,
    Kind.UINTEGER: 32,
    Kind.UBIGINT: 64,
}


@dataclass(frozen=True, slots=True)
class Field:
    """A named, typed column of a relation or member of a ROW."""

    name: str
    type: SqlType


@dataclass(frozen=True, slots=True)
class SqlType:
    """A SQL type with its nullability.

    precision: digits of a DECIMAL, length of CHAR/VARCHAR/BINARY/VARBINARY (None: unbounded), fraction digits of times.
    scale: fraction digits of a DECIMAL.
    element: of an ARRAY; key and element: of a MAP; fields: of a STRUCT. name: of a user-defined type.
    qualifier: the SQL spelling of an INTERVAL's fields, as "DAY TO SECOND"; presentation only.
    """

    kind: Kind
    nullable: bool = True
    precision: int | None = None
    scale: int | None = None
    element: SqlType | None = None
    key: SqlType | None = None
    fields: tuple[Field, ...] = ()
    name: str | None = None
    qualifier: str | None = None

    @property
    def pooled(self) -> bool:
        """Whether words of this type are codes into the pool, or may be."""
        return self.wide or self.kind in _POOLED

    @property
    def wide(self) -> bool:
        """Whether this is a DECIMAL of so many digits that some of its words are codes into the pool."""
        return self.kind is Kind.DECIMAL and (self.precision or MAX_DECIMAL_PRECISION) > NARROW_DECIMAL_PRECISION

    def with_nullable(self, nullable: bool) -> SqlType:
        """Return this type with the given nullability."""
        return self if self.nullable == nullable else replace(self, nullable=nullable)


_POOLED = frozenset(
    (Kind.CHAR, Kind.VARCHAR, Kind.BINARY, Kind.VARBINARY, Kind.UUID, Kind.ARRAY, Kind.MAP, Kind.STRUCT, Kind.VARIANT)
)

Schema = tuple[Field, ...]

BOOLEAN = SqlType(Kind.BOOLEAN, nullable=False)
INTEGER = SqlType(Kind.INTEGER, nullable=False)
BIGINT = SqlType(Kind.BIGINT, nullable=False)
DOUBLE = SqlType(Kind.DOUBLE, nullable=False)
VARCHAR = SqlType(Kind.VARCHAR, nullable=False)
DATE = SqlType(Kind.DATE, nullable=False)
TIME = SqlType(Kind.TIME, nullable=False, precision=9)
TIMESTAMP = SqlType(Kind.TIMESTAMP, nullable=False, precision=6)
VARIANT = SqlType(Kind.VARIANT, nullable=True)
NULL = SqlType(Kind.NULL, nullable=True)


def decimal(precision: int, scale: int, nullable: bool = False) -> SqlType:
    """Return DECIMAL(precision, scale)."""
    return SqlType(Kind.DECIMAL, nullable=nullable, precision=precision, scale=scale)
