"""What a plan says of one column, read and checked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from penstock.connect.formats.json_values import read_time, read_timestamp
from penstock.data.types import Kind, SqlType
from penstock.ports.source import TransportRefused

__all__ = ["Settings"]

_NAMES = ("strategy", "range", "scale", "values", "null_percentage", "e", "key", "value", "fields")
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a column.

    Attributes:
        name: of the column, for messages. given: as the plan has them.
        strategy: "increment" where none is given. scale: what a drawn number is multiplied by. e: Zipf's exponent.
        values: to choose from, None without a list. null_percentage: 0 to 100, None without.
    """

    name: str
    given: Mapping[str, Any]
    strategy: str
    scale: float
    e: float
    values: list[Any] | None
    null_percentage: int | None

    @staticmethod
    def read(name: str, given: Mapping[str, Any], nullable: bool) -> Settings:
        """Check what means the same for every type. Raises: TransportRefused."""
        for setting in given:
            if setting not in _NAMES:
                raise TransportRefused(f"column {name!r} has no setting {setting!r}; there are {', '.join(_NAMES)}")
        strategy = given.get("strategy") or "increment"
        if not isinstance(strategy, str):
            raise TransportRefused(f"strategy of column {name!r} is a name, not {strategy!r}")
        values = given.get("values")
        if values is not None and (not isinstance(values, list) or not values):
            raise TransportRefused(f"values of column {name!r} is a list that is not empty, not {values!r}")
        share = given.get("null_percentage")
        if share is not None and not (_is_integer(share) and 0 <= share <= 100):
            raise TransportRefused(f"null_percentage of column {name!r} is an integer from 0 to 100, not {share!r}")
        if share and not nullable:
            raise TransportRefused(f"null_percentage of column {name!r}: the column is NOT NULL")
        e = _number(name, "e", given.get("e", 1))
        if e < 0:
            raise TransportRefused(f"e of column {name!r} is at least 0, not {e!r}")
        return Settings(name, given, strategy, _number(name, "scale", given.get("scale", 1)), e, values, share)

    def refused(self, type: SqlType) -> TransportRefused:
        """Return the refusal of the strategy."""
        return TransportRefused(f"column {self.name!r} of type {type.kind.value} has no strategy {self.strategy!r}")

    def whole_scale(self) -> int:
        """Return the scale of a type that counts in whole steps. Raises: TransportRefused."""
        if self.scale != int(self.scale):
            raise TransportRefused(f"scale of column {self.name!r} is an integer, not {self.scale!r}")
        return int(self.scale)

    def pair(self) -> tuple[Any, Any] | None:
        """Return the range as it is given. Raises: TransportRefused if it is no pair."""
        given = self.given.get("range")
        if given is None:
            return None
        if not isinstance(given, list) or len(given) != 2:
            raise TransportRefused(f"range of column {self.name!r} is a list of two values, not {given!r}")
        return given[0], given[1]

    def steps(self, kind: Kind) -> tuple[int, int] | None:
        """Return the range [low, high) in steps: integers, days or milliseconds. Raises: TransportRefused."""
        pair = self.pair()
        if pair is None:
            return None
        try:
            low, high = (_step(kind, bound) for bound in pair)
        except ValueError as error:
            raise TransportRefused(f"range of column {self.name!r}: {error}") from None
        return self._checked(low, high)

    def reals(self) -> tuple[float, float] | None:
        """Return the range [low, high) of real numbers. Raises: TransportRefused."""
        pair = self.pair()
        if pair is None:
            return None
        low, high = (_number(self.name, "range", bound) for bound in pair)
        if low >= high:
            raise TransportRefused(f"range of column {self.name!r} is empty: {low} is not below {high}")
        return low, high

    def lengths(self, default: tuple[int, int]) -> tuple[int, int]:
        """Return [least, first not reached) of lengths. Raises: TransportRefused."""
        low, high = self.steps(Kind.INTEGER) or default
        if low < 0:
            raise TransportRefused(f"range of column {self.name!r} is of lengths, which are at least 0, not {low}")
        return low, high

    def uuids(self) -> tuple[int, int] | None:
        """Return the range [low, high) of UUIDs. Raises: TransportRefused."""
        pair = self.pair()
        if pair is None:
            return None
        try:
            low, high = (UUID(str(bound)).int for bound in pair)
        except ValueError:
            raise TransportRefused(f"range of column {self.name!r} is of two UUIDs, not {pair!r}") from None
        return self._checked(low, high)

    def part(self, name: str) -> Mapping[str, Any]:
        """Return the settings of a part. Raises: TransportRefused."""
        part = self.given.get(name) or {}
        if not isinstance(part, dict):
            raise TransportRefused(f"{name} of column {self.name!r} is an object of settings, not {part!r}")
        return part

    def _checked(self, low: int, high: int) -> tuple[int, int]:
        if low >= high:
            raise TransportRefused(f"range of column {self.name!r} is empty: {low} is not below {high}")
        return low, high


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(name: str, setting: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TransportRefused(f"{setting} of column {name!r} is a number, not {value!r}")
    return value


def _step(kind: Kind, bound: object) -> int:
    """Return a bound in steps of the type. Raises: ValueError."""
    if isinstance(bound, str):
        if kind is Kind.DATE:
            return dt.date.fromisoformat(bound).toordinal() - dt.date(1970, 1, 1).toordinal()
        if kind is Kind.TIME:
            return read_time(bound) // _NS_PER_MS
        if kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ):
            moment = read_timestamp(bound)
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
            return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
    elif _is_integer(bound) or (isinstance(bound, float) and bound == int(bound)):
        return int(bound)  # type: ignore[call-overload, no-any-return]
    raise ValueError(f"{bound!r} is no bound of a {kind.value}")
