"""Random queries in two spellings, over tables and views that are there.

A query names its columns c0, c1, ...
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.properties.expressions import (
    LITERALS,
    NUMBERS,
    TYPES,
    Expr,
    Scope,
    Sql,
    cast,
    joined,
    literal,
    sql,
)
from tests.properties.sources import Query, Relation, Sources, named


class Queries(Sources):
    """Random queries over relations."""

    def query(self, depth: int) -> Query:
        """Return a query of any kind."""
        kinds = (
            self._projection,
            self._projection,
            self._grouped,
            self._grouped,
            self._distinct,
            self._set_operation,
            self._first_rows,
            self._limited,
            self._over,
            self._with,
            self._qualified,
        )
        return self.c.pick(kinds)(depth)

    def _listed(self, exprs: Sequence[Sql]) -> Sql:
        return joined(", ", [sql(f"{{}} AS c{i}", e) for i, e in enumerate(exprs)])

    def _of_types(self, types: Sequence[str], depth: int) -> Query:
        source, scope = self._source(depth)
        exprs = [self._nested.of(scope, type, 2) for type in types]
        return Query(sql("SELECT {} FROM {}{}", self._listed(exprs), source, self._where(scope)), tuple(types))

    def _projection(self, depth: int) -> Query:
        source, scope = self._source(depth)
        types: list[str] = []
        exprs: list[Sql] = []
        for _ in range(1 + self.c.below(4)):
            if self.c.chance(40):
                types.append(self.c.pick(TYPES))
                exprs.append(self._nested.of(scope, types[-1], 3))
            else:
                column = self.c.pick(list(scope))
                types.append(column.type)
                exprs.append(column.sql)
        return Query(sql("SELECT {} FROM {}{}", self._listed(exprs), source, self._where(scope)), tuple(types))

    def _aggregate(self, scope: Scope) -> Expr:
        kind = self.c.below(16)
        filter = sql(" FILTER (WHERE {})", self._plain.of(scope, "bool", 1)) if self.c.chance(20) else sql("")
        if kind == 0:
            return Expr(sql("COUNT(*){}", filter), "big")
        type = self.c.pick(TYPES)
        value = self._plain.of(scope, type, 1)
        if kind in (1, 2):
            return Expr(sql("COUNT({}{}){}", "DISTINCT " if kind == 2 else "", value, filter), "big")
        if kind in (3, 4, 5):
            type = self.c.pick(NUMBERS)
            value = self._plain.of(scope, type, 1)
            return Expr(sql("SUM({}{}){}", "DISTINCT " if kind == 5 else "", value, filter), type)
        if kind == 6:
            type = self.c.pick(("dbl", "int"))
            value = self._plain.of(scope, type, 1)
            theirs = "AVG({0}){1}" if type == "dbl" else "(SUM({0}){1} // COUNT({0}){1})"
            return Expr(sql("AVG({0}){1}", value, filter, theirs=theirs), type)
        if kind in (7, 8, 9, 10):
            return Expr(sql(f"{('MIN', 'MAX')[kind % 2]}({{}}){{}}", value, filter), type)
        if kind in (11, 12):
            word = ("BOOL_AND", "BOOL_OR")[kind - 11]
            return Expr(sql(f"{word}({{}}){{}}", self._plain.of(scope, "bool", 1), filter), "bool")
        if kind == 13:
            word = self.c.pick(("BIT_AND", "BIT_OR", "BIT_XOR"))
            return Expr(sql(f"{word}({{}}){{}}", self._plain.of(scope, "int", 1), filter), "int")
        if kind == 14:
            # Which of several rows with the extreme is taken is the engine's own affair.
            word = self.c.pick(("ARG_MAX", "ARG_MIN"))
            by = self._plain.of(scope, self.c.pick(TYPES), 0)
            return Expr(sql(f"{word}({{}}, {{}}){{}}", value, by, filter, theirs=None), type)
        collected = sql("CARDINALITY(ARRAY_AGG({}){})", value, filter, theirs="COALESCE(LEN(ARRAY_AGG({}){}), 0)")
        return Expr(collected, "int")

    def _grouped(self, depth: int) -> Query:
        source, scope = self._source(depth)
        keys = [self._plain.key(scope) for _ in range(self.c.below(3))]
        keys = list({k.sql.ours: k for k in keys}.values())
        calls = [self._aggregate(scope) for _ in range(self.c.below(3) + (not keys))]
        exprs = [*keys, *calls]
        where = self._where(scope, 30)
        group = sql("")
        if keys:
            form = " GROUP BY {}"
            if self.c.chance(20):
                word = self.c.pick(("ROLLUP ({})", "CUBE ({})", "GROUPING SETS (({}), ())"))
                form = f" GROUP BY {word}"
                if self.c.chance(30):
                    exprs.append(Expr(sql("GROUPING({})", keys[0].sql), "big"))
            group = sql(form, joined(", ", [k.sql for k in keys]))
        having = sql("")
        if self.c.chance(20):
            # A sub-query there reads the groups, so it may be about their keys only: those that are columns.
            plain = [k for k in keys if k.sql.ours.replace(".", "").isalnum()]
            nested = self._scalar(plain, "bool") if plain and self.c.chance(25) else None
            having = sql(" HAVING {}", nested or self._plain.of([*keys, self._aggregate(scope)], "bool", 2))
        listed = self._listed([e.sql for e in exprs])
        return Query(sql("SELECT {} FROM {}{}{}{}", listed, source, where, group, having), tuple(e.type for e in exprs))

    def _distinct(self, depth: int) -> Query:
        query = self._projection(depth)
        return Query(sql("SELECT DISTINCT * FROM ({}) AS {}", query.sql, self._alias()), query.types)

    def _set_operation(self, depth: int) -> Query:
        left = self._projection(depth - 1)
        right = self._of_types(left.types, depth - 1)
        word = self.c.pick(("UNION ALL", "UNION", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"))
        text = sql(f"({{}}) {word} ({{}})", left.sql, right.sql)
        if self.c.chance(20):
            third = self._of_types(left.types, depth - 1)
            text = sql("({}) UNION ALL ({})", text, third.sql)
        return Query(text, left.types)

    def _order(self, scope: Scope, *, total: bool) -> Sql:
        """Return sort keys. total: at last by all columns, so that only equal rows tie."""
        keys = [self._plain.key(scope).sql for _ in range(1 + self.c.below(2))]
        if total:
            keys += [e.sql for e in scope]
        return joined(
            ", ",
            [
                sql(f"{{}} {self.c.pick(('ASC', 'DESC'))} {self.c.pick(('NULLS FIRST', 'NULLS LAST'))}", k)
                for k in dict.fromkeys(keys)
            ],
        )

    def _partition(self, scope: Scope) -> Sql:
        if self.c.chance(30):
            return sql("")
        keys = dict.fromkeys(self._plain.key(scope).sql for _ in range(1 + self.c.below(2)))
        return sql("PARTITION BY {} ", joined(", ", list(keys)))

    def _first_rows(self, depth: int) -> Query:
        """The first k of each partition."""
        source, scope = self._source(depth - 1)
        word = self.c.pick(("ROW_NUMBER", "RANK", "DENSE_RANK"))
        order = self._order(scope, total=word == "ROW_NUMBER")
        shown = self.c.some(list(scope), 1, 3)
        types = tuple(e.type for e in shown)
        listed = self._listed([e.sql for e in shown])
        inner = sql(
            "SELECT {}, {}() OVER ({}ORDER BY {}) AS rn FROM {}{}",
            listed,
            word,
            self._partition(scope),
            order,
            source,
            self._where(scope, 20),
        )
        columns = ", ".join(name for name, _ in named(types))
        if self.c.chance(50):
            columns += f", rn AS c{len(types)}"
            types = (*types, "big")
        test = self.c.pick(("rn <= 2", "rn = 1", "rn < 4", "rn = 2", "rn > 1", "rn BETWEEN 2 AND 3"))
        return Query(sql(f"SELECT {columns} FROM ({{}}) AS {self._alias()} WHERE {test}", inner), types)

    def _limited(self, depth: int) -> Query:
        query = self._projection(depth - 1)
        scope = [Expr(sql("{}", name), type) for name, type in named(query.types)]
        tail = f" LIMIT {self.c.pick((3, 1, 7))}" + (" OFFSET 1" if self.c.chance(25) else "")
        text = sql(
            "SELECT * FROM ({}) AS {} ORDER BY {}" + tail, query.sql, self._alias(), self._order(scope, total=True)
        )
        return Query(text, query.types)

    def _over(self, depth: int) -> Query:
        """Window functions beside the row."""
        source, scope = self._source(depth - 1)
        calls = [self._window_call(scope)]
        if self.c.chance(40):
            # Of equal rows it is open which comes first; with two calls that tell them apart, which goes with which.
            more = self._window_call(scope)
            if not any(_tells_equal_rows_apart(c) for c in calls) or not _tells_equal_rows_apart(more):
                calls.append(more)
        exprs = [*self.c.some(list(scope), 1, 3), *calls]
        listed = self._listed([e.sql for e in exprs])
        return Query(sql("SELECT {} FROM {}{}", listed, source, self._where(scope, 20)), tuple(e.type for e in exprs))

    def _qualified(self, depth: int) -> Query:
        """Rows by a condition on a window function."""
        source, scope = self._source(depth - 1)
        shown = self.c.some(list(scope), 1, 3)
        listed = self._listed([e.sql for e in shown])
        rank = sql("RANK() OVER ({}ORDER BY {})", self._partition(scope), self._order(scope, total=False))
        test = self.c.pick(("<= 2", "= 1", "> 1"))
        types = tuple(e.type for e in shown)
        return Query(
            sql(f"SELECT {{}} FROM {{}}{{}} QUALIFY {{}} {test}", listed, source, self._where(scope, 20), rank), types
        )

    def _window_call(self, scope: Scope) -> Expr:
        partition = self._partition(scope)
        kind = self.c.below(12)
        if kind == 9:
            return self._share(scope, partition)
        if kind == 10:
            return self._passing_nulls(scope, partition)
        if kind == 11:
            return self._different(scope, partition)
        if kind == 7:
            return Expr(sql("ROW_NUMBER() OVER ({}ORDER BY {})", partition, self._order(scope, total=True)), "big")
        if kind == 8:
            column = self.c.pick(list(scope))
            word = self.c.pick(("FIRST_VALUE", "LAST_VALUE"))
            frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
            order = self._order(scope, total=True)
            return Expr(
                sql(f"{word}({{}}) OVER ({{}}ORDER BY {{}} {frame})", column.sql, partition, order), column.type
            )
        if kind == 0:
            word = self.c.pick(("RANK", "DENSE_RANK"))
            return Expr(sql(f"{word}() OVER ({{}}ORDER BY {{}})", partition, self._order(scope, total=False)), "big")
        if kind in (1, 2):
            type = self.c.pick(TYPES)
            word = ("LAG", "LEAD")[kind - 1]
            more = self.c.pick((Sql("", ""), Sql(", 2", ", 2"), sql(", 1, {}", literal(LITERALS[type][0]))))
            order = self._order(scope, total=True)
            column = self._plain.column(scope, (type,))
            value = cast(column.sql if column else literal(LITERALS[type][1]), type)
            call = sql(f"{word}({{}}{{}}) OVER ({{}}ORDER BY {{}})", value, more, partition, order)
            return Expr(call, type)
        word, type = self.c.pick(
            (
                ("COUNT", "big"),
                ("SUM", "int"),
                ("SUM", "dbl"),
                ("MIN", "str"),
                ("MAX", "dec"),
                ("SUM", "wide"),
                ("MAX", "arr"),
            )
        )
        argument = self._plain.of(scope, self.c.pick(TYPES) if word == "COUNT" else type, 1)
        if kind == 3:
            frame = sql("")
        elif kind == 4:
            frame = sql("ORDER BY {}", self._order(scope, total=False))
        elif kind == 5:
            bounds = self.c.pick(
                ("1 PRECEDING AND CURRENT ROW", "2 PRECEDING AND 1 FOLLOWING", "UNBOUNDED PRECEDING AND 1 PRECEDING")
            )
            frame = sql("ORDER BY {} ROWS BETWEEN " + bounds, self._order(scope, total=True))
        else:
            column = self._plain.column(scope, ("int", "big", "ts", "date"))
            if column is None:
                frame = sql("")
            elif column.type in ("ts", "date"):
                unit = "SECOND" if column.type == "ts" else "DAY"
                bounds = f"INTERVAL '5' {unit} PRECEDING AND INTERVAL '1' {unit} FOLLOWING"
                frame = sql(
                    f"ORDER BY {{}} {self.c.pick(('ASC', 'DESC'))} NULLS LAST RANGE BETWEEN {bounds}", column.sql
                )
            else:
                bounds = self.c.pick(
                    ("1 PRECEDING AND CURRENT ROW", "2 PRECEDING AND 1 FOLLOWING", "CURRENT ROW AND 2 FOLLOWING")
                )
                direction = self.c.pick(("ASC", "DESC")) + self.c.pick((" NULLS FIRST", " NULLS LAST"))
                frame = sql(f"ORDER BY {{}} {direction} RANGE BETWEEN {bounds}", column.sql)
        return Expr(sql(f"{word}({{}}) OVER ({{}}{{}})", argument, partition, frame), type)

    def _share(self, scope: Scope, partition: Sql) -> Expr:
        """A tile, or a share of the partition."""
        word, type = self.c.pick(
            (("NTILE(2)", "int"), ("NTILE(3)", "int"), ("PERCENT_RANK()", "dbl"), ("CUME_DIST()", "dbl"))
        )
        order = self._order(scope, total=type == "int")
        call = sql(f"{word} OVER ({{}}ORDER BY {{}})", partition, order)
        return Expr(cast(call, "int") if type == "int" else call, type)

    def _passing_nulls(self, scope: Scope, partition: Sql) -> Expr:
        """A value of another row, of those that are not NULL."""
        column = self.c.pick(list(scope))
        call = self.c.pick(
            (
                "LAG({} IGNORE NULLS)",
                "LEAD({}, 2 IGNORE NULLS)",
                "FIRST_VALUE({} IGNORE NULLS)",
                "LAST_VALUE({} IGNORE NULLS)",
                "NTH_VALUE({}, 2)",
                "NTH_VALUE({}, 2 IGNORE NULLS)",
            )
        )
        frame = ""
        if not call.startswith(("LAG", "LEAD")):
            frame = self.c.pick(
                (
                    " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
                    " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
                    " ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
                    "",
                )
            )
        words = f"{call} OVER ({{}}ORDER BY {{}}{frame})"
        return Expr(sql(words, column.sql, partition, self._order(scope, total=True)), column.type)

    def _different(self, scope: Scope, partition: Sql) -> Expr:
        """An aggregate of the different values of a frame."""
        word, type = self.c.pick((("COUNT", "big"), ("SUM", "int"), ("SUM", "wide"), ("MAX", "str")))
        argument = self._plain.of(scope, self.c.pick(TYPES) if word == "COUNT" else type, 1)
        frame = sql("")
        if self.c.chance(70):
            bounds = self.c.pick(("", " ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING"))
            frame = sql(f"ORDER BY {{}}{bounds}", self._order(scope, total=bool(bounds)))
        return Expr(sql(f"{word}(DISTINCT {{}}) OVER ({{}}{{}})", argument, partition, frame), type)

    def _with(self, depth: int) -> Query:
        inner = self.query(depth - 1)
        name = f"w{self._alias()}"
        self._relations.append(Relation(name, named(inner.types)))
        outer = self.query(depth - 1)
        self._relations.pop()
        if outer.sql.ours.startswith("("):
            outer = Query(sql("SELECT * FROM ({}) AS {}", outer.sql, self._alias()), outer.types)
        if outer.sql.ours.startswith("WITH"):
            outer = Query(sql("SELECT * FROM ({}) AS {}", outer.sql, self._alias()), outer.types)
        return Query(sql("WITH {} AS ({}) {}", name, inner.sql, outer.sql), outer.types)


def _tells_equal_rows_apart(call: Expr) -> bool:
    return any(
        word in call.sql.ours
        for word in ("LAG(", "LEAD(", "ROWS BETWEEN", "ROW_NUMBER(", "NTILE(", "NTH_VALUE(", "T_VALUE(")
    )
