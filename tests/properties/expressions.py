"""Random scalar expressions in two spellings: the engine's and DuckDB's, equal in value.

Types are words: int, big, dbl (quarters only, so that sums are exact), dec, str, date, ts, bool, and the rarer tiny,
uint (unsigned), wide (a decimal of two words), real, time, uuid, bin (bytes), arr (of integers, none of them NULL).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tests.properties.choices import Choices

NUMBERS = ("int", "big", "dbl", "dec", "tiny", "uint", "wide", "real")
TYPES = (
    *("int", "big", "dbl", "dec", "str", "date", "ts", "bool"),
    *("tiny", "uint", "wide", "real", "time", "uuid", "bin", "arr"),
)
NAMES = {
    "int": "INT",
    "big": "BIGINT",
    "dbl": "DOUBLE",
    "dec": "DECIMAL(10, 2)",
    "str": "VARCHAR",
    "date": "DATE",
    "ts": "TIMESTAMP",
    "bool": "BOOLEAN",
    "tiny": "TINYINT",
    "uint": "INT UNSIGNED",
    "wide": "DECIMAL(25, 5)",
    "real": "REAL",
    "time": "TIME",
    "uuid": "UUID",
    "bin": "VARBINARY",
    "arr": "INT ARRAY",
}
THEIR_NAMES = {**NAMES, "uint": "UINTEGER", "bin": "BLOB", "arr": "INT[]"}
LITERALS = {
    "int": ("0", "1", "2", "3", "-1"),
    "big": ("CAST(0 AS BIGINT)", "CAST(2 AS BIGINT)", "5000000000"),
    "dbl": ("0e0", "0.5e0", "-1.25e0"),
    "dec": ("CAST(0 AS DECIMAL(10, 2))", "1.50", "-0.25"),
    "str": ("''", "'a'", "'b'", "'é'", "'A'"),
    "date": ("DATE '2024-01-01'", "DATE '2024-02-29'"),
    "ts": ("TIMESTAMP '2024-01-01 00:00:00'", "TIMESTAMP '2024-01-01 00:00:15'"),
    "bool": ("TRUE", "FALSE"),
    "tiny": ("CAST(0 AS TINYINT)", "CAST(-3 AS TINYINT)"),
    "uint": ("CAST(0 AS INT UNSIGNED)", "CAST(4 AS INT UNSIGNED)"),
    "wide": ("CAST(0 AS DECIMAL(25, 5))", "CAST(12345678901234567890.12345 AS DECIMAL(25, 5))"),
    "real": ("CAST(0.5 AS REAL)", "CAST(-2 AS REAL)"),
    "time": ("TIME '00:00:00'", "TIME '12:30:15.5'"),
    "uuid": ("CAST('00000000-0000-0000-0000-000000000001' AS UUID)", "UUID 'f0000000-0000-0000-0000-00000000000a'"),
    "bin": ("x''", "x'61'", "x'00ff'"),
    "arr": ("ARRAY[1]", "ARRAY[1, 2]", "ARRAY[3]"),
}
THEIR_LITERALS = {
    "CAST(0 AS INT UNSIGNED)": "CAST(0 AS UINTEGER)",
    "CAST(4 AS INT UNSIGNED)": "CAST(4 AS UINTEGER)",
    "x''": "''::BLOB",
    "x'61'": "'a'::BLOB",
    "x'00ff'": "'\\x00\\xFF'::BLOB",
}


@dataclass(frozen=True)
class Sql:
    """A text for the engine, and one for the oracle (None: the oracle cannot say it)."""

    ours: str
    theirs: str | None

    def __str__(self) -> str:
        return self.ours


def sql(template: str, *parts: Sql | str, theirs: str | None = "") -> Sql:
    """Fill a template with parts. theirs: the oracle's template where it differs, None where there is none."""
    ours = template.format(*(p.ours if isinstance(p, Sql) else p for p in parts))
    if theirs is None or any(isinstance(p, Sql) and p.theirs is None for p in parts):
        return Sql(ours, None)
    return Sql(ours, (theirs or template).format(*(p.theirs if isinstance(p, Sql) else p for p in parts)))


def joined(separator: str, parts: Sequence[Sql | str]) -> Sql:
    """Put parts behind each other."""
    return sql(separator.join(["{}"] * len(parts)), *parts)


def literal(text: str) -> Sql:
    """Return one of the LITERALS."""
    return Sql(text, THEIR_LITERALS.get(text, text))


def cast(value: Sql, type: str) -> Sql:
    """Convert a value to a type."""
    return sql(f"CAST({{}} AS {NAMES[type]})", value, theirs=f"CAST({{}} AS {THEIR_NAMES[type]})")


class Expr(NamedTuple):
    """An expression and its type."""

    sql: Sql
    type: str


Scope = Sequence[Expr]
"""The columns in reach."""

Subquery = Callable[[Scope, str], "Sql | None"]
"""Makes a sub-query that is an expression of the type over the scope."""


class Expressions:
    """Random expressions. subquery: where given, sub-queries may stand inside of expressions."""

    def __init__(self, choices: Choices, subquery: Subquery | None = None) -> None:
        self.c = choices
        self._subquery = subquery

    def of(self, scope: Scope, type: str, depth: int = 2) -> Sql:
        """Return an expression of a type; at depth 0 a column or a literal."""
        columns = [e.sql for e in scope if e.type == type]
        leaf = depth <= 0 or self.c.below(10) < 5
        if leaf:
            if columns and not self.c.chance(15):
                return self.c.pick(columns)
            if self.c.chance(8):
                return cast(sql("NULL"), type)
            return literal(self.c.pick(LITERALS[type]))
        if self._subquery is not None and self.c.chance(6):
            found = self._subquery(scope, type)
            if found is not None:
                return found
        if self.c.chance(35):
            return self._of_any_type(scope, type, depth - 1)
        return getattr(self, f"_{type}")(scope, depth - 1)

    def column(self, scope: Scope, types: Sequence[str] = TYPES) -> Expr | None:
        """Return a column of one of the types, or None when there is none."""
        found = [e for e in scope if e.type in types]
        return self.c.pick(found) if found else None

    def key(self, scope: Scope) -> Expr:
        """Return something to group or order by: a column or a function of one, never a literal."""
        column = self.c.pick(list(scope))
        if self.c.chance(20):
            if column.type in ("int", "big"):
                return Expr(sql("{} % 2", column.sql), column.type)
            if column.type == "str":
                return Expr(sql("CHAR_LENGTH({})", column.sql), "int")
            if column.type == "ts":
                return Expr(cast(column.sql, "date"), "date")
            if column.type == "arr":
                return Expr(sql("CARDINALITY({})", column.sql, theirs="LEN({})"), "int")
        return column

    def _of_any_type(self, scope: Scope, type: str, depth: int) -> Sql:
        kind = self.c.below(5)
        a, b = self.of(scope, type, depth), self.of(scope, type, depth)
        if kind == 0:
            return sql("COALESCE({}, {})", a, b)
        if kind == 1:
            return sql("NULLIF({}, {})", a, b)
        if kind == 2 and type != "bool":
            word = self.c.pick(("GREATEST", "LEAST"))
            theirs = f"CASE WHEN ({{0}}) IS NULL OR ({{1}}) IS NULL THEN NULL ELSE {word}({{0}}, {{1}}) END"
            return sql(word + "({0}, {1})", a, b, theirs=theirs)
        if kind == 3:
            return sql("CASE WHEN {} THEN {} END", self.of(scope, "bool", depth), a)
        return sql("CASE WHEN {} THEN {} ELSE {} END", self.of(scope, "bool", depth), a, b)

    def _arithmetic(self, scope: Scope, type: str, depth: int) -> Sql:
        a = self.of(scope, type, depth)
        kind = self.c.below(5)
        if kind == 4:
            return sql("ABS({})", a)
        if kind == 3:
            return sql("(- ({}))", a)
        b = self.of(scope, type, 0 if kind == 2 else depth)
        return sql("({} " + "+-*"[kind] + " {})", a, b)

    def _int(self, scope: Scope, depth: int) -> Sql:
        kind = self.c.below(12)
        if kind < 4:
            return self._arithmetic(scope, "int", depth)
        if kind == 4:
            divisor = self.c.pick(("2", "3", "-7"))
            return sql("({} / " + divisor + ")", self.of(scope, "int", depth), theirs="({} // " + divisor + ")")
        if kind == 5:
            return sql("({} % " + self.c.pick(("2", "3", "-3")) + ")", self.of(scope, "int", depth))
        if kind == 6:
            return sql("CHAR_LENGTH({})", self.of(scope, "str", depth))
        if kind == 7:
            part = self.c.pick(("YEAR", "MONTH", "DAY"))
            # The engine's EXTRACT is a BIGINT.
            return sql(f"CAST(EXTRACT({part} FROM {{}}) AS INT)", self.of(scope, "date", depth))
        if kind == 8:
            return cast(self.of(scope, "tiny", depth), "int")
        if kind == 9:
            return sql("CARDINALITY({})", self.of(scope, "arr", depth), theirs="LEN({})")
        if kind == 10:
            index = self.c.pick("123")
            return sql(f"({{}})[{index}]", self.of(scope, "arr", depth))
        if kind == 11:
            return sql("OCTET_LENGTH({})", self.of(scope, "bin", depth))
        return sql("POSITION({} IN {})", self.of(scope, "str", 0), self.of(scope, "str", depth))

    def _big(self, scope: Scope, depth: int) -> Sql:
        kind = self.c.below(9)
        if kind < 2:
            return self._arithmetic(scope, "big", depth)
        if kind == 2:
            return sql("({} + {})", self.of(scope, "int", depth), self.of(scope, "big", depth))
        if kind == 3:
            return sql("({} % 4)", self.of(scope, "big", depth))
        if kind == 5:
            unit = self.c.pick(("QUARTER", "DOY", "ISODOW", "YEAR", "MONTH", "DAY"))
            return sql(f"EXTRACT({unit} FROM {{}})", self.of(scope, self.c.pick(("ts", "date")), depth))
        if kind == 6:
            unit = self.c.pick(("SECOND", "HOUR", "DAY"))
            a, b = self.of(scope, "ts", depth), self.of(scope, "ts", 0)
            return sql(f"TIMESTAMPDIFF({unit}, {{}}, {{}})", a, b, theirs=f"DATE_SUB('{unit}', {{}}, {{}})")
        if kind == 4:
            return sql("EXTRACT(MINUTE FROM {})", self.of(scope, self.c.pick(("ts", "time")), depth))
        return cast(self.of(scope, self.c.pick(("int", "uint", "tiny")), depth), "big")

    def _dbl(self, scope: Scope, depth: int) -> Sql:
        kind = self.c.below(9)
        if kind > 6:
            word = self.c.pick(("FLOOR", "CEIL", "TRUNC", "ROUND"))
            return sql(f"{word}({{}})", self.of(scope, "dbl", depth))
        if kind < 3:
            return self._arithmetic(scope, "dbl", depth)
        if kind == 3:
            return sql("({} / 2e0)", self.of(scope, "dbl", depth))
        return cast(self.of(scope, ("int", "real", "tiny")[kind - 4], depth), "dbl")

    def _real(self, scope: Scope, depth: int) -> Sql:
        if self.c.below(3) == 2:
            return cast(self.of(scope, "tiny", depth), "real")
        return self._arithmetic(scope, "real", 0)

    def _tiny(self, scope: Scope, depth: int) -> Sql:
        a = self.of(scope, "tiny", depth)
        if self.c.below(3) == 2:
            return sql("({} % " + self.c.pick(("CAST(2 AS TINYINT)", "CAST(-3 AS TINYINT)")) + ")", a)
        return sql("ABS({})", a)

    def _uint(self, scope: Scope, depth: int) -> Sql:
        kind = self.c.below(4)
        a = self.of(scope, "uint", depth)
        if kind == 0:
            return sql("({} + {})", a, self.of(scope, "uint", depth))
        if kind == 1:
            theirs = "CASE WHEN ({1}) IS NOT NULL THEN ({0} - LEAST({0}, {1})) END"
            return sql("({0} - LEAST({0}, {1}))", a, self.of(scope, "uint", 0), theirs=theirs)
        if kind == 2:
            return sql("({} % {})", a, cast(sql("3"), "uint"))
        return cast(sql("ABS({})", self.of(scope, "int", depth)), "uint")

    def _wide(self, scope: Scope, depth: int) -> Sql:
        kind = self.c.below(6)
        a = self.of(scope, "wide", depth)
        if kind < 2:
            return sql("({} " + "+-"[kind] + " {})", a, self.of(scope, "wide", depth))
        if kind == 2:
            return sql("ABS({})", a)
        if kind == 3:
            return sql("(- ({}))", a)
        if kind == 4:
            return cast(self.of(scope, "dec", depth), "wide")
        return cast(self.of(scope, "big", depth), "wide")

    def _time(self, scope: Scope, depth: int) -> Sql:
        return cast(self.of(scope, "ts", depth), "time")

    def _uuid(self, scope: Scope, depth: int) -> Sql:
        return cast(cast(self.of(scope, "uuid", depth), "str"), "uuid")

    def _bin(self, scope: Scope, depth: int) -> Sql:
        return sql("({} || {})", self.of(scope, "bin", depth), self.of(scope, "bin", 0))

    def _arr(self, scope: Scope, depth: int) -> Sql:
        a = self.of(scope, "arr", depth)
        kind = self.c.below(3)
        if kind == 0:
            theirs = "CASE WHEN ({0}) IS NULL OR ({1}) IS NULL THEN NULL ELSE LIST_CONCAT({0}, {1}) END"
            return sql("ARRAY_CONCAT({0}, {1})", a, self.of(scope, "arr", 0), theirs=theirs)
        if kind == 1:
            return sql("ARRAY_REVERSE({})", a, theirs="LIST_REVERSE({})")
        return sql("SORT_ARRAY({})", a, theirs="LIST_SORT({})")

    def _dec(self, scope: Scope, depth: int) -> Sql:
        if self.c.below(4) == 3:
            return cast(self.of(scope, "int", depth), "dec")
        a = self.of(scope, "dec", depth)
        kind = self.c.below(4)
        if kind == 3:
            return sql("({} * 2)", a)
        if kind == 2:
            return sql("ABS({})", a)
        return sql("({} " + "+-"[kind] + " {})", a, self.of(scope, "dec", depth))

    def _str(self, scope: Scope, depth: int) -> Sql:
        a = self.of(scope, "str", depth)
        kind = self.c.below(13)
        if kind == 7:
            return sql(f"{self.c.pick(('LEFT', 'RIGHT'))}({{}}, {self.c.pick('012')})", a)
        if kind == 8:
            return sql("REVERSE({})", a)
        if kind == 9:
            return sql(f"REPEAT({{}}, {self.c.pick('012')})", a)
        if kind == 10:
            return sql(f"SPLIT_PART({{}}, 'a', {self.c.pick(('1', '2', '-1'))})", a)
        if kind == 11:
            start = self.c.pick("123")
            return sql(f"SUBSTRING({{}} FROM {start}{self.c.pick(('', ' FOR 2', ' FOR 0'))})", a)
        if kind == 12:
            return sql("MD5({})", a)
        if kind == 0:
            return sql("({} || {})", a, self.of(scope, "str", depth))
        if kind == 1:
            return sql("UPPER({})", a)
        if kind == 2:
            return sql("LOWER({})", a)
        if kind == 3:
            return sql("SUBSTRING({} FROM 1 FOR 1)", a)
        if kind == 4:
            return sql("REPLACE({}, 'a', 'é')", a)
        if kind == 5:
            return cast(self.of(scope, self.c.pick(("int", "date", "big", "uuid", "wide", "tiny")), depth), "str")
        return sql("TRIM({})", a)

    def _date(self, scope: Scope, depth: int) -> Sql:
        kind = self.c.below(3)
        if kind == 0:
            return cast(self.of(scope, "ts", depth), "date")
        a = self.of(scope, "date", depth)
        word = ("INTERVAL '1' DAY", "INTERVAL '1' MONTH")[kind - 1]
        operator = self.c.pick("+-")
        return sql(f"({{}} {operator} {word})", a, theirs=f"CAST({{}} {operator} {word} AS DATE)")

    def _ts(self, scope: Scope, depth: int) -> Sql:
        kind = self.c.below(5)
        if kind == 3:
            unit = self.c.pick(("YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "SECOND"))
            truncated = sql(
                f"TIMESTAMP_TRUNC({{}}, {unit})", self.of(scope, "ts", depth), theirs=f"DATE_TRUNC('{unit}', {{}})"
            )
            return Sql(truncated.ours, None if truncated.theirs is None else f"CAST({truncated.theirs} AS TIMESTAMP)")
        if kind == 4:
            unit = self.c.pick(("HOUR", "DAY", "MONTH"))
            number = self.c.pick(("1", "-3", "14"))
            a = self.of(scope, "ts", depth)
            return sql(f"TIMESTAMPADD({unit}, {number}, {{}})", a, theirs=f"({{}} + INTERVAL ({number}) {unit})")
        if kind == 0:
            return cast(self.of(scope, "date", depth), "ts")
        a = self.of(scope, "ts", depth)
        if kind == 1:
            return sql(f"({{}} {self.c.pick('+-')} INTERVAL '5' SECOND)", a)
        return sql("DATE_TRUNC({}, MINUTE)", a, theirs="DATE_TRUNC('minute', {})")

    def _bool(self, scope: Scope, depth: int) -> Sql:
        kind = self.c.below(9)
        if kind < 3:
            return self.comparison(scope, depth)
        if kind == 3:
            word = self.c.pick(("AND", "OR"))
            return sql(f"({{}} {word} {{}})", self.of(scope, "bool", depth), self.of(scope, "bool", depth))
        if kind == 4:
            return sql("(NOT {})", self.of(scope, "bool", depth))
        type = self.c.pick(TYPES)
        if kind == 5:
            return sql(f"({{}} IS {self.c.pick(('NULL', 'NOT NULL'))})", self.of(scope, type, depth))
        if kind == 6:
            word = self.c.pick(("IS DISTINCT FROM", "IS NOT DISTINCT FROM"))
            return sql(f"({{}} {word} {{}})", self.of(scope, type, depth), self.of(scope, type, depth))
        if kind == 7:
            listed = joined(", ", [self.of(scope, type, 0) for _ in range(1 + self.c.below(3))])
            return sql(f"({{}} {self.c.pick(('IN', 'NOT IN'))} ({{}}))", self.of(scope, type, depth), listed)
        if self.c.chance(50):
            return sql("({} LIKE " + self.c.pick(("'a%'", "'%b%'", "'_'")) + ")", self.of(scope, "str", depth))
        words = self.c.pick(("IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE"))
        return sql(f"({{}} {words})", self.of(scope, "bool", depth))

    def comparison(self, scope: Scope, depth: int) -> Sql:
        """Return a comparison of two expressions."""
        left = self.c.pick(TYPES)
        right = left
        if left in NUMBERS and self.c.chance(20):
            right = self.c.pick(NUMBERS)
        operator = self.c.pick(("=", "<", "<=", ">", ">=", "<>"))
        if self.c.chance(10):
            low, high = self.of(scope, left, 0), self.of(scope, left, 0)
            return sql("({} BETWEEN {} AND {})", self.of(scope, left, depth), low, high)
        return sql(f"({{}} {operator} {{}})", self.of(scope, left, depth), self.of(scope, right, depth))
