"""What connectors tell of their messages, for columns whose DEFAULT reads CONNECTOR_METADATA()."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from penstock.data.jsontext import json_variant, map_variant
from penstock.data.pool import Pool
from penstock.data.types import VARIANT, Kind
from penstock.data.values import Variant, encode_values
from penstock.sql.evaluate import compile_expr
from penstock.sql.plan.expr import Expr

__all__ = ["defaults_by_facts"]


def defaults_by_facts(default: Expr, pool: Pool) -> Callable[[Sequence[Mapping[str, Any]]], list[tuple[int, bool]]]:
    """Return the function from what is told of messages, {} for nothing, to a DEFAULT's word and null flag for each."""
    compute = compile_expr(default, pool)

    def defaults(facts: Sequence[Mapping[str, Any]]) -> list[tuple[int, bool]]:
        told = encode_values([_variant(each) if each else None for each in facts], VARIANT, pool)
        value = compute([told], len(facts))
        nulls = np.zeros(len(facts), np.bool_) if value.nulls is None else value.nulls
        words = np.where(nulls, 0, value.words)
        return [*zip(words.tolist(), nulls.tolist(), strict=True)]

    return defaults


def _variant(value: Any) -> Variant:
    if isinstance(value, Mapping):
        return map_variant({Variant(Kind.VARCHAR, str(name)): _variant(item) for name, item in value.items()})
    if isinstance(value, bytes):
        return Variant(Kind.VARBINARY, value)
    if isinstance(value, dt.datetime):
        return Variant(Kind.TIMESTAMP, value)
    return json_variant(value)
