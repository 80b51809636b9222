"""CAST and SAFE_CAST: the table of conversions by source and target kind.

A family of types registers its conversions with `conversion`; nested types convert their parts through `prepare_cast`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from penstock.data.types import Kind, SqlType
from penstock.sql.functions.coercion import describe
from penstock.sql.functions.registry import Context, Kernel, TypeMismatch


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a column is converted. kernel None: the words stay as they are.

    can_fail: may raise EvaluationError (never when prepared as safe: then it gives NULL). tolerant: as of functions.
    """

    kernel: Kernel | None
    can_fail: bool = False
    tolerant: bool = False


Convert = Callable[[Context, SqlType, SqlType, bool], Conversion]
"""convert(context, source, target, safe) -> how it is done, chosen once for a cast."""

CASTS: dict[tuple[Kind, Kind], Convert] = {}

KEEP = Conversion(None)


def conversion(sources: Iterable[Kind], targets: Iterable[Kind]) -> Callable[[Convert], Convert]:
    """Register the conversion of each source kind to each target kind."""
    pairs = [(a, b) for a in sources for b in targets]

    def register(convert: Convert) -> Convert:
        for pair in pairs:
            if pair in CASTS:
                raise ValueError(f"the cast of {pair[0].value} to {pair[1].value} is declared twice")
            CASTS[pair] = convert
        return convert

    return register


def castable(source: SqlType, target: SqlType) -> bool:
    """Whether there is a conversion between the types and the parts of nested ones; a type converts to itself."""
    if source.kind is Kind.NULL or _same(source, target):
        return True
    if (source.kind, target.kind) not in CASTS:
        return False
    if source.kind is not target.kind:
        return True
    if len(source.fields) != len(target.fields):
        return False
    parts = [(source.element, target.element), (source.key, target.key)]
    parts += [(a.type, b.type) for a, b in zip(source.fields, target.fields, strict=True)]
    return all(a is None or b is None or castable(a, b) for a, b in parts)


def takes_nulls(source: SqlType, target: SqlType) -> bool:
    """Whether the cast gives a value for NULL: to VARIANT, which has a null of its own."""
    return target.kind is Kind.VARIANT and source.kind not in (Kind.VARIANT, Kind.NULL)


def prepare_cast(context: Context, source: SqlType, target: SqlType, safe: bool) -> tuple[Kernel | None, bool, bool]:
    """Return (kernel, can_fail, tolerant) of a cast; a kernel of None keeps the words.

    Raises: TypeMismatch if there is no such cast.
    """
    if source.kind is Kind.NULL or _same(source, target):
        return None, False, False
    convert = CASTS.get((source.kind, target.kind))
    if convert is None:
        raise TypeMismatch(f"Cast function cannot convert value of type {describe(source)} to type {describe(target)}")
    made = convert(context, source, target, safe)
    return made.kernel, made.can_fail, made.tolerant


def _same(source: SqlType, target: SqlType) -> bool:
    return source.with_nullable(True) == target.with_nullable(True)
