"""What random queries read: tables, joins, windows, arrays, and the sub-queries that expressions are made of.

Relations stand under fresh aliases, so no two columns are confused; columns that a join shares are named anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from tests.properties.choices import Choices
from tests.properties.expressions import LITERALS, TYPES, Expr, Expressions, Scope, Sql, joined, literal, sql


class Relation(NamedTuple):
    """A table, a view or a named query: the columns' names and types."""

    name: str
    columns: tuple[tuple[str, str], ...]


class Query(NamedTuple):
    """A query and the types of its columns."""

    sql: Sql
    types: tuple[str, ...]


def named(types: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return columns c0, c1, ... of types."""
    return tuple((f"c{i}", type) for i, type in enumerate(types))


class Sources(ABC):
    """Random items of FROM, and sub-queries."""

    def __init__(self, choices: Choices, relations: Sequence[Relation]) -> None:
        self.c = choices
        self._relations = list(relations)
        self._fresh = 0
        self._level = 0
        self._plain = Expressions(choices)
        self._nested = Expressions(choices, self._scalar)

    @abstractmethod
    def query(self, depth: int) -> Query:
        """Return a query of any kind."""

    def _alias(self) -> str:
        self._fresh += 1
        return f"x{self._fresh}"

    def _table(self, relation: Relation | None = None) -> tuple[Sql, Scope]:
        relation = relation or self.c.pick(self._relations)
        alias = self._alias()
        scope = [Expr(sql("{}", f"{alias}.{name}"), type) for name, type in relation.columns]
        return sql("{}", f"{relation.name} AS {alias}"), scope

    def _source(self, depth: int) -> tuple[Sql, Scope]:
        kind = self.c.below(12)
        if depth <= 0 or kind < 4:
            return self._table()
        if kind < 6:
            query = self.query(depth - 1)
            alias = self._alias()
            scope = [Expr(sql("{}", f"{alias}.{name}"), type) for name, type in named(query.types)]
            return sql("({}) AS {}", query.sql, alias), scope
        if kind == 6:
            return self._windowed()
        if kind == 7:
            return self.c.pick((self._values, self._unnested, self._latest, self._shared, self._lateral))()
        return self._join(depth)

    def _values(self) -> tuple[Sql, Scope]:
        types = [self.c.pick(TYPES) for _ in range(1 + self.c.below(2))]
        rows = [joined(", ", [literal(self.c.pick(LITERALS[t])) for t in types]) for _ in range(1 + self.c.below(3))]
        alias = self._alias()
        columns = ", ".join(name for name, _ in named(types))
        text = sql("(VALUES {}) AS {}", joined(", ", [sql("({})", row) for row in rows]), f"{alias}({columns})")
        return text, [Expr(sql("{}", f"{alias}.{name}"), type) for name, type in named(types)]

    def _unnested(self) -> tuple[Sql, Scope]:
        """A table beside the elements of an array made of its columns."""
        source, scope = self._table()
        type = self._plain.key(scope).type
        elements = joined(", ", [self._plain.of(scope, type, 0) for _ in range(1 + self.c.below(3))])
        array, alias = sql("ARRAY[{}]", elements), self._alias()
        column = self._plain.column(scope, ("arr",))
        if column is not None and self.c.chance(70):
            array, type = column.sql, "int"
        items = [*scope, Expr(sql("{}", f"{alias}.item"), type)]
        if self.c.chance(25):
            return self._side_by_side(source, scope, array, type)
        if self.c.chance(30):
            text = sql(f"{{}} CROSS JOIN UNNEST({{}}) WITH ORDINALITY AS {alias}(item, place)", source, array)
            return text, [*items, Expr(sql("{}", f"{alias}.place"), "int")]
        return sql(f"{{}} CROSS JOIN UNNEST({{}}) AS {alias}(item)", source, array), items

    def _side_by_side(self, source: Sql, scope: Scope, array: Sql, type: str) -> tuple[Sql, Scope]:
        """Two arrays at once; where one is shorter there is NULL."""
        alias = self._alias()
        other = self._plain.of(scope, "arr", 1)
        ours = f"{{0}} CROSS JOIN UNNEST({{1}}, {{2}}) AS {alias}(one, two)"
        longest = "GREATEST(COALESCE(LEN({1}), 0), COALESCE(LEN({2}), 0))"
        theirs = (
            f"{{0}} CROSS JOIN LATERAL (SELECT ({{1}})[i] AS one, ({{2}})[i] AS two"
            f" FROM (SELECT UNNEST(RANGE(1, {longest} + 1)) AS i) AS places) AS {alias}"
        )
        added = [Expr(sql("{}", f"{alias}.one"), type), Expr(sql("{}", f"{alias}.two"), "int")]
        return sql(ours, source, array, other, theirs=theirs), [*scope, *added]

    def _shared(self) -> tuple[Sql, Scope]:
        """A join by columns of one name on both sides."""
        left, left_scope = self._table()
        right, right_scope = self._table()
        pairs = [(a, b) for a in left_scope for b in right_scope if a.type == b.type]
        if not pairs:
            return left, left_scope
        shared = self.c.some(pairs, 1, 2)
        kind = self.c.pick(("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"))
        sides, rest = [], []
        for at, (text, scope) in enumerate(((left, left_scope), (right, right_scope))):
            mine = self.c.some(list(scope), 1, 2)
            names = [f"j{i}" for i in range(len(shared))] + [f"{'lr'[at]}{i}" for i in range(len(mine))]
            values = [pair[at].sql for pair in shared] + [e.sql for e in mine]
            listed = joined(", ", [sql(f"{{}} AS {n}", v) for n, v in zip(names, values, strict=True)])
            alias = self._alias()
            sides.append(sql(f"(SELECT {{}} FROM {{}}) AS {alias}", listed, text))
            rest += [Expr(sql("{}", f"{alias}.{'lr'[at]}{i}"), e.type) for i, e in enumerate(mine)]
        scope = [Expr(sql("{}", f"j{i}"), pair[0].type) for i, pair in enumerate(shared)]
        if self.c.chance(40):
            return sql(f"{{}} NATURAL {kind} {{}}", *sides), [*scope, *rest]
        using = ", ".join(f"j{i}" for i in range(len(shared)))
        return sql(f"{{}} {kind} {{}} USING ({using})", *sides), [*scope, *rest]

    def _lateral(self) -> tuple[Sql, Scope]:
        """A table beside a query about its row."""
        source, scope = self._table()
        other, inner = self._table()
        where = self._correlation(scope, inner)
        shown = self.c.some(list(inner), 1, 2)
        alias = self._alias()
        if self.c.chance(40):
            listed = sql("COUNT(*) AS c0, MAX({}) AS c1", shown[0].sql)
            types: tuple[str, ...] = ("big", shown[0].type)
        else:
            listed = joined(", ", [sql(f"{{}} AS c{i}", e.sql) for i, e in enumerate(shown)])
            types = tuple(e.type for e in shown)
        join = self.c.pick(("CROSS JOIN LATERAL {} AS {}", "LEFT JOIN LATERAL {} AS {} ON TRUE"))
        text = sql(f"{{}} {join}", source, sql("(SELECT {} FROM {} {})", listed, other, where), alias)
        return text, [*scope, *[Expr(sql("{}", f"{alias}.{n}"), t) for n, t in named(types)]]

    def _latest(self) -> tuple[Sql, Scope]:
        """An ASOF join; with the oracle, one whose right side has a row for each key and time.

        Which of several rows of one time is taken is the engine's own affair.
        """
        left, left_scope = self._table()
        right, right_scope = self._table()
        times = [
            (a, b)
            for a in left_scope
            for b in right_scope
            if a.type == b.type and a.type in ("int", "ts", "date", "big")
        ]
        keys = [(a, b) for a in left_scope for b in right_scope if a.type == b.type]
        if not times:
            return left, left_scope
        (after, before), (key, other) = self.c.pick(times), self.c.pick(keys)
        if self.c.chance(60):
            alias, value = self._alias(), self.c.pick(list(right_scope))
            inner = sql(
                "SELECT {0} AS k, {1} AS t, MAX({2}) AS v FROM {3} GROUP BY {0}, {1}",
                other.sql,
                before.sql,
                value.sql,
                right,
            )
            ours = f"{{}} LEFT ASOF JOIN ({{}}) AS {alias} MATCH_CONDITION ({{}} >= {alias}.t) ON {{}} = {alias}.k"
            theirs = f"{{}} ASOF LEFT JOIN ({{}}) AS {alias} ON {{3}} = {alias}.k AND {{2}} >= {alias}.t"
            theirs = theirs.replace("{}", "{0}", 1).replace("({})", "({1})", 1)
            added = [Expr(sql("{}", f"{alias}.{n}"), e.type) for n, e in (("k", other), ("t", before), ("v", value))]
            return sql(ours, left, inner, after.sql, key.sql, theirs=theirs), [*left_scope, *added]
        words = "{} LEFT ASOF JOIN {} MATCH_CONDITION ({} >= {}) ON {} = {}"
        text = sql(words, left, right, after.sql, before.sql, key.sql, other.sql, theirs=None)
        return text, [*left_scope, *right_scope]

    def _windowed(self) -> tuple[Sql, Scope]:
        """TUMBLE or HOP over a relation with a time."""
        fit = [r for r in self._relations if any(t == "ts" for _, t in r.columns)]
        if not fit:
            return self._table()
        relation = self.c.pick(fit)
        time = self.c.pick([n for n, t in relation.columns if t == "ts"])
        alias = self._alias()
        slide = self.c.pick((10, 7))
        size = slide * (1 + self.c.below(3)) if slide == 10 else 17
        if size == slide:
            ours = f"TUMBLE(TABLE {relation.name}, DESCRIPTOR({time}), INTERVAL '{slide}' SECOND)"
        else:
            ours = (
                f"HOP(TABLE {relation.name}, DESCRIPTOR({time}), INTERVAL '{slide}' SECOND, INTERVAL '{size}' SECOND)"
            )
        windows = -(-size // slide)
        start = f"(CAST(FLOOR(EPOCH_US({time}) / {slide}e6) AS BIGINT) - i) * {slide}000000"
        theirs = (
            f"(SELECT r.*, MAKE_TIMESTAMP({start}) AS window_start,"
            f" MAKE_TIMESTAMP({start} + {size}000000) AS window_end"
            f" FROM {relation.name} r, RANGE({windows}) n(i)"
            f" WHERE {time} IS NOT NULL AND {start} + {size}000000 > EPOCH_US({time})) AS {alias}"
        )
        columns = [*relation.columns, ("window_start", "ts"), ("window_end", "ts")]
        scope = [Expr(sql("{}", f"{alias}.{name}"), type) for name, type in columns]
        return Sql(f"TABLE({ours}) AS {alias}", theirs), scope

    def _condition(self, left: Scope, right: Scope, *, residual: bool = True) -> Sql:
        """Return a condition with equalities between two sides, and sometimes more."""
        parts: list[Sql] = []
        for _ in range(1 + self.c.chance(25)):
            pairs = [(a, b) for a in left for b in right if a.type == b.type or {a.type, b.type} <= {"int", "big"}]
            if pairs:
                a, b = self.c.pick(pairs)
                operator = "IS NOT DISTINCT FROM" if self.c.chance(10) else "="
                parts.append(sql(f"{{}} {operator} {{}}", a.sql, b.sql))
        if not parts or (residual and self.c.chance(30)):
            parts.append(self._plain.of([*left, *right], "bool", 2))
        return joined(" AND ", parts)

    def _join(self, depth: int) -> tuple[Sql, Scope]:
        left, left_scope = self._source(depth - 1)
        right, right_scope = self._source(depth - 1)
        if " JOIN " in right.ours and not right.ours.startswith("("):
            right = sql("({})", right)
        scope = [*left_scope, *right_scope]
        kind = self.c.pick(("JOIN", "LEFT JOIN", "JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"))
        if kind == "CROSS JOIN":
            return sql("{} CROSS JOIN {}", left, right), scope
        # The oracle answers a FULL JOIN only of conditions that have an equality.
        condition = self._condition(left_scope, right_scope)
        text = sql(f"{{}} {kind} {{}} ON {{}}", left, right, condition)
        if kind == "FULL JOIN" and " = " not in condition.ours:
            text = Sql(text.ours, None)
        return text, scope

    # ------------------------------------------------------------------------------------------- sub-queries

    def _scalar(self, scope: Scope, type: str) -> Sql | None:
        """Return a sub-query as an expression: a scalar one, or EXISTS or IN for a BOOLEAN."""
        source, inner = self._table()
        where = self._correlation(scope, inner)
        if type == "bool":
            return self._predicate(scope, inner, source, where)
        if type == "big" and self.c.chance(50):
            counted = self._plain.of(inner, self.c.pick(TYPES), 1)
            what = self.c.pick((sql("*"), counted, sql("DISTINCT {}", counted)))
            return sql("(SELECT COUNT({}) FROM {} {})", what, source, where)
        value = self._plain.of(inner, type, 1)
        words = ("MAX", "MIN", "SUM") if type in ("int", "big", "dec") else ("MAX", "MIN")
        return sql(f"(SELECT {self.c.pick(words)}({{}}) FROM {{}} {{}})", value, source, where)

    def _predicate(self, scope: Scope, inner: Scope, source: Sql, where: Sql) -> Sql | None:
        word = self.c.pick(("EXISTS", "NOT EXISTS", "IN", "NOT IN", "IN", "NOT IN", "quantified"))
        groups = sql("")
        column = self._plain.column(inner, ("int", "big", "str", "date", "dec", "uint", "wide", "time", "bin"))
        if self.c.chance(15) and column is not None:
            groups = sql(" GROUP BY {} HAVING COUNT(*) > 1", column.sql)
        if word.endswith("EXISTS"):
            return sql(f"{word} (SELECT {'MAX(1)' if groups.ours else '1'} FROM {{}} {{}}{{}})", source, where, groups)
        if column is None:
            return None
        value = self._plain.of(scope, column.type, 1)
        if word == "quantified":
            word = f"{self.c.pick(('=', '<>', '<', '>='))} {self.c.pick(('ANY', 'ALL'))}"
        elif not groups.ours and self.c.chance(15):
            most = self.c.pick(("MAX", "MIN"))
            return sql(f"({{}} {word} (SELECT {most}({{}}) FROM {{}} {{}}))", value, column.sql, source, where)
        return sql(f"({{}} {word} (SELECT {{}} FROM {{}} {{}}{{}}))", value, column.sql, source, where, groups)

    def _correlation(self, scope: Scope, inner: Scope) -> Sql:
        kind = self.c.below(4)
        if kind == 0 or (kind == 3 and self._level):
            return sql("WHERE {}", self._condition(scope, inner))
        if kind == 1:
            return sql("WHERE {}", self._plain.of(inner, "bool", 1))
        if kind == 3:
            self._level += 1
            deeper = self._scalar([*scope, *inner], "bool")
            self._level -= 1
            if deeper is not None:
                return sql("WHERE {} AND {}", self._condition(scope, inner), deeper)
        return sql("")

    def _where(self, scope: Scope, percent: int = 50) -> Sql:
        if not self.c.chance(percent):
            return sql("")
        found = self._scalar(scope, "bool") if self.c.chance(30) else None
        if found is None:
            return sql(" WHERE {}", self._nested.of(scope, "bool", 3))
        if self.c.chance(50):
            return sql(" WHERE {}", found)
        return sql(f" WHERE {{}} {self.c.pick(('AND', 'OR'))} {{}}", found, self._nested.of(scope, "bool", 2))
