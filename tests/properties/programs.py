"""Random programs: tables of several kinds, views over them and over each other, and rows to feed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.properties.choices import Choices
from tests.properties.expressions import NAMES, THEIR_NAMES, Sql
from tests.properties.law import Row
from tests.properties.queries import Queries
from tests.properties.sources import Relation, named


@dataclass(frozen=True)
class Table:
    """A table. columns: name, type and whether NULL is allowed; key: positions of the primary key."""

    name: str
    columns: tuple[tuple[str, str, bool], ...]
    key: tuple[int, ...] = ()
    append_only: bool = False
    materialized: bool = False

    @property
    def relation(self) -> Relation:
        return Relation(self.name, tuple((name, type) for name, type, _ in self.columns))

    def ddl(self, *, ours: bool) -> str:
        """Return the CREATE TABLE statement, for the engine or for the oracle."""
        names = NAMES if ours else THEIR_NAMES
        parts = [f"{name} {names[type]}{'' if nullable else ' NOT NULL'}" for name, type, nullable in self.columns]
        if not ours:
            return f"CREATE TABLE {self.name} ({', '.join(parts)})"
        if self.key:
            parts.append(f"PRIMARY KEY ({', '.join(self.columns[i][0] for i in self.key)})")
        flags = [f"'{f}' = 'true'" for f in ("append_only", "materialized") if getattr(self, f)]
        tail = f" WITH ({', '.join(flags)})" if flags else ""
        return f"CREATE TABLE {self.name} ({', '.join(parts)}){tail}"


TABLES = (
    Table("t", (("a", "int", False), ("b", "int", True), ("s", "str", True), ("d", "dbl", True), ("f", "bool", True))),
    Table(
        "u", (("k", "int", False), ("x", "big", True), ("m", "dec", True), ("s", "str", False), ("dt", "date", True))
    ),
    Table(
        "p",
        (("id", "int", False), ("a", "int", True), ("s", "str", True), ("g", "big", False), ("dt", "date", False)),
        (0,),
    ),
    Table(
        "q",
        (("v", "int", True), ("k1", "int", False), ("k2", "str", False), ("d", "dbl", False), ("ts", "ts", True)),
        (1, 2),
    ),
    Table(
        "e", (("ts", "ts", False), ("n", "int", True), ("v", "int", False), ("f", "bool", False), ("m", "dec", False))
    ),
    Table(
        "w",
        (("id", "uuid", False), ("y", "tiny", True), ("o", "uint", False), ("w", "wide", True), ("b", "bin", True)),
        (0,),
    ),
    Table(
        "z", (("x", "arr", True), ("r", "real", True), ("h", "time", True), ("w", "wide", False), ("o", "uint", True))
    ),
)
"""Every type with and without NULL between them; p, q and w have a primary key."""


@dataclass(frozen=True)
class View:
    """A view with its two spellings."""

    name: str
    sql: Sql
    kind: str = ""


@dataclass(frozen=True)
class Program:
    """Tables and views."""

    tables: tuple[Table, ...]
    views: tuple[View, ...]
    names: tuple[str, ...] = field(default=())

    def text(self) -> str:
        """Return the program as the engine takes it."""
        statements = [t.ddl(ours=True) for t in self.tables]
        statements += [f"CREATE {v.kind}VIEW {v.name} AS {v.sql.ours}" for v in self.views]
        return ";\n".join(statements) + ";\n"

    def without(self, views: Sequence[str]) -> Program:
        """Return the program without some views."""
        return replace(self, views=tuple(v for v in self.views if v.name not in views))


def random_program(choices: Choices) -> Program:
    """Return a program with one to four views."""
    tables = []
    for table in TABLES:
        growing = not table.key and choices.chance(20)
        tables.append(replace(table, append_only=growing, materialized=not table.key and choices.chance(10)))
    relations = [t.relation for t in tables]
    views = []
    for i in range(1 + choices.below(4)):
        query = Queries(choices, relations).query(choices.below(3))
        kind = choices.pick(("", "", "MATERIALIZED ", "LOCAL "))
        views.append(View(f"v{i}", query.sql, kind))
        if query.sql.theirs is not None:
            relations.append(Relation(f"v{i}", named(query.types)))
    return Program(tuple(tables), tuple(views))


_RARE = (float("nan"), float("inf"), -0.0)
_STRINGS = ("a", "b", "", "ab", "é", "A", "日本", "it's", " a ")


def _value(type: str, nullable: bool, rng: random.Random) -> Any:
    if nullable and rng.random() < 0.2:
        return None
    match type:
        case "int":
            return rng.choice((0, 1, 2, 3, 1, 2, -1, 5))
        case "big":
            return rng.choice((0, 1, 2, 3, 5, -2, 6_000_000_000))
        case "dbl":
            return rng.choice((0.0, 0.25, -0.5, 1.0, 2.0, 3.75, *_RARE))
        case "real":
            return rng.choice((0.0, 0.25, -0.5, 1.0, 2.0, 3.75))
        case "tiny":
            return rng.choice((0, 1, 2, -3, 5))
        case "uint":
            return rng.choice((0, 1, 2, 4, 4_000_000_000))
        case "wide":
            return Decimal(rng.choice(("0.00000", "1.00000", "-2.50000", "12345678901234567890.12345", "0.00001")))
        case "time":
            return rng.choice((time(0), time(12, 30, 15, 500000), time(23, 59, 59, 999999), time(6)))
        case "uuid":
            return UUID(int=rng.choice((1, 2, 3, 0xF000_0000_0000_0000_0000_0000_0000_000A)))
        case "bin":
            return rng.choice((b"", b"a", b"ab", b"\x00\xff"))
        case "arr":
            return rng.choice(([], [1], [1, 2], [2, 1], [3, 3]))
        case "dec":
            return Decimal(rng.choice(("0.00", "1.00", "1.25", "-2.50", "0.01", "3.00")))
        case "str":
            return rng.choice(_STRINGS)
        case "bool":
            return rng.random() < 0.5
        case "date":
            return date(2024, 1, 1) + timedelta(days=rng.choice((0, 1, 2, 30, 59, -1)))
    return datetime(2024, 1, 1) + timedelta(  # noqa: DTZ001 - TIMESTAMP has no zone
        seconds=rng.choice((0, 5, 9, 10, 15, 21, 60, -3))
    )


def random_row(table: Table, rng: random.Random) -> Row:
    """Return a row of a table; few different values, so that rows meet."""
    return tuple(_value(type, nullable, rng) for _, type, nullable in table.columns)


def random_rows(tables: Sequence[Table], rng: random.Random) -> dict[str, list[Row]]:
    """Return some rows for each table, repeated ones among those without a key."""
    result: dict[str, list[Row]] = {}
    for table in tables:
        count = rng.choice((0, 1, 3, 5, 5, 8, 8, 8, 14, 14, 40))
        rows = [random_row(table, rng) for _ in range(count)]
        if table.key:
            rows = list({tuple(row[i] for i in table.key): row for row in rows}.values())
        elif rows and rng.random() < 0.5:
            rows += [rng.choice(rows) for _ in range(2)]
        result[table.name] = rows
    return result


Rows = Mapping[str, Sequence[Row]]
