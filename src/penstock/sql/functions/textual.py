"""What string and binary functions take: values that are read as a string, as binary, as a position or a length."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.data.types import BINARIES, INTERVALS, NUMERIC, STRINGS, TEMPORAL, Kind, SqlType
from penstock.sql.functions.coercion import any_nullable, expect_count, mismatch
from penstock.sql.functions.registry import Resolve, Signature

_AS_TEXT = frozenset((*NUMERIC, *TEMPORAL, *INTERVALS, Kind.BOOLEAN, Kind.UUID, Kind.NULL, Kind.VARIANT))

INTEGER = SqlType(Kind.INTEGER)


def as_text(type: SqlType) -> SqlType | None:
    """Return what an argument is cast to where a string is wanted: strings stay, scalars become VARCHAR, else None."""
    if type.kind in STRINGS:
        return type
    return SqlType(Kind.VARCHAR, type.nullable or type.kind is Kind.VARIANT) if type.kind in _AS_TEXT else None


def as_binary(type: SqlType) -> SqlType | None:
    """Return the type itself if it is binary, else None."""
    return type if type.kind in BINARIES else None


def as_integer(type: SqlType) -> SqlType | None:
    """Return INTEGER for what is cast to a position or a count, else None."""
    fits = type.kind in NUMERIC or type.kind in STRINGS or type.kind is Kind.NULL
    return INTEGER.with_nullable(type.nullable) if fits else None


def texts(name: str, pattern: str, result: Kind, least: int | None = None, nullable: bool = False) -> Resolve:
    """Return the typing of a function of strings and integers.

    pattern: a letter for each argument: t a string, i an integer, b a string or binary that the result follows (all b
    alike), x a string or binary. least: how many arguments must be there. nullable: the result may be NULL regardless.
    result: the kind of the result; VARBINARY stands for the kind that the b arguments have.
    """

    def resolve(types: Sequence[SqlType]) -> Signature:
        expect_count(name.lower(), types, len(pattern) if least is None else least, len(pattern))
        binary = any(t.kind in BINARIES for t, p in zip(types, pattern, strict=False) if p == "b")
        given: list[SqlType] = []
        for type, letter in zip(types, pattern, strict=False):
            if letter == "i":
                taken = as_integer(type)
            elif letter == "b":
                if binary and type.kind is Kind.NULL:
                    taken = SqlType(Kind.VARBINARY, True)
                else:
                    taken = as_binary(type) if binary else as_text(type)
            else:
                taken = (as_binary(type) if letter == "x" else None) or as_text(type)
            if taken is None:
                raise mismatch(name, types)
            given.append(taken)
        kind = (Kind.VARBINARY if binary else Kind.VARCHAR) if result is Kind.VARBINARY else result
        return Signature(tuple(given), SqlType(kind, nullable or any_nullable(given)))

    return resolve
