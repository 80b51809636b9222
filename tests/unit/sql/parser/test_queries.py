"""Queries: what each clause becomes."""

from __future__ import annotations

import pytest
from tests.unit.sql.parser import render

from penstock.sql.parser import parse_query
from penstock.sql.parser.ast import JoinRef, Select, SetQuery, TableRef

SELECTS = [
    ('SELECT a, b AS c, d e, f "G" FROM t', '[select a, b as c, d as e, f as "G" from t]'),
    ("SELECT *", "[select *]"),
    (
        "SELECT *, t.* EXCLUDE (a, b), u.* REPLACE (a + 1 AS a) FROM t, u",
        "[select *, t.* exclude(a, b), u.* replace(+(a, 1) as a) from (t cross u)]",
    ),
    ("SELECT * EXCEPT (a) FROM t", "[select * exclude(a) from t]"),
    (
        "SELECT DISTINCT a FROM t WHERE b GROUP BY c HAVING d QUALIFY e "
        "ORDER BY f DESC, g NULLS FIRST LIMIT 1 OFFSET 2",
        "[select distinct a from t where b group (c) having d qualify e order(f desc, g nulls first) limit 1 offset 2]",
    ),
    ("SELECT ALL a FROM t", "[select a from t]"),
    ("SELECT DISTINCT ON (a, b) c FROM t", "[select distinct on (a, b) c from t]"),
    ("SELECT a FROM t LIMIT ALL OFFSET 3 ROWS", "[select a from t offset 3]"),
    ("SELECT a FROM t LIMIT 2, 3", "[select a from t limit 3 offset 2]"),
    ("SELECT a FROM t OFFSET 1 ROW FETCH FIRST 2 ROWS ONLY", "[select a from t limit 2 offset 1]"),
    ("SELECT a FROM t FETCH NEXT ROW ONLY", "[select a from t limit 1]"),
    ("(SELECT 1 LIMIT 2) LIMIT 1", "[[select 1 limit 2] limit 1]"),
    ("((SELECT 1))", "[select 1]"),
    ("VALUES (1, 2), (3, 4)", "[values (1, 2), (3, 4)]"),
    ("VALUES 1, ROW(2), ((SELECT 3))", "[values (1), (2), (scalar[select 3])]"),
    ("TABLE t", "[select * from t]"),
    ("SELECT /*+ HINT(x) */ a -- end", "[select a]"),
    ('SELECT value, "select", t.order, é FROM t', '[select value, "select", t.order, é from t]'),
    ("SELECT a AS exists, date, b day FROM t", "[select a as exists, date, b as day from t]"),
]

SETS = [
    ("SELECT 1 EXCEPT (SELECT 2)", "[[select 1] except [select 2]]"),
    (
        "SELECT 1 UNION SELECT 2 INTERSECT SELECT 3 EXCEPT ALL SELECT 4",
        "[[[select 1] union [[select 2] intersect [select 3]]] except all [select 4]]",
    ),
    (
        "SELECT 1 UNION ALL (SELECT 2 LIMIT 1) UNION ALL SELECT 3 ORDER BY 1",
        "[[[select 1] union all [select 2 limit 1]] union all [select 3] order(1)]",
    ),
    (
        "(SELECT 1 ORDER BY a) UNION DISTINCT SELECT 2 MINUS SELECT 3",
        "[[[select 1 order(a)] union [select 2]] except [select 3]]",
    ),
]

WITHS = [
    (
        "WITH a AS (SELECT 1), b (x, y) AS (SELECT 2, 3) SELECT * FROM a",
        "[with a = [select 1], b(x, y) = [select 2, 3]: select * from a]",
    ),
    ("WITH RECURSIVE a AS (SELECT 1) SELECT * FROM a", "[with recursive a = [select 1]: select * from a]"),
    (
        "WITH a AS (WITH b AS (SELECT 1) SELECT * FROM b) (SELECT * FROM a) LIMIT 1",
        "[with a = [with b = [select 1]: select * from b]: select * from a limit 1]",
    ),
]

SOURCES = [
    ("SELECT * FROM t AS x (a, b)", "[select * from t as x(a, b)]"),
    (
        "SELECT * FROM a JOIN b ON c LEFT OUTER JOIN d USING (e, f) RIGHT JOIN g ON h FULL JOIN i ON j",
        "[select * from ((((a inner b on c) left d using (e, f)) right g on h) full i on j)]",
    ),
    (
        "SELECT * FROM a, b JOIN c ON d, e CROSS JOIN f",
        "[select * from ((a cross (b inner c on d)) cross (e cross f))]",
    ),
    ("SELECT * FROM a NATURAL JOIN b NATURAL LEFT JOIN c", "[select * from ((a natural inner b) natural left c)]"),
    ("SELECT * FROM a LEFT SEMI JOIN b ON c LEFT ANTI JOIN d ON e", "[select * from ((a semi b on c) anti d on e)]"),
    (
        "SELECT * FROM a LEFT ASOF JOIN b MATCH_CONDITION (a.t >= b.t) ON a.i = b.i",
        "[select * from (a asof b match >=(a.t, b.t) on =(a.i, b.i))]",
    ),
    (
        "SELECT * FROM a ASOF JOIN b MATCH_CONDITION a.t >= b.t USING (i)",
        "[select * from (a inner asof b match >=(a.t, b.t) using (i))]",
    ),
    ("SELECT * FROM (a JOIN b ON c) JOIN d ON e", "[select * from ((a inner b on c) inner d on e)]"),
    ("SELECT * FROM a JOIN (b JOIN c ON d) ON e", "[select * from (a inner (b inner c on d) on e)]"),
    (
        "SELECT * FROM (SELECT 1) AS t (a), LATERAL (SELECT a) u",
        "[select * from ([select 1] as t(a) cross lateral [select a] as u)]",
    ),
    ("SELECT * FROM ((SELECT 1) UNION (SELECT 2)) t", "[select * from [[select 1] union [select 2]] as t]"),
    ("SELECT * FROM ((SELECT 1) x JOIN y ON z)", "[select * from ([select 1] as x inner y on z)]"),
    ("SELECT * FROM (VALUES (1), (2)) AS t(a)", "[select * from [values (1), (2)] as t(a)]"),
    ("SELECT * FROM t, UNNEST(t.a) AS u (x)", "[select * from (t cross unnest(t.a) as u(x))]"),
    (
        "SELECT * FROM t CROSS JOIN UNNEST(a, b) WITH ORDINALITY AS u (x, y, n)",
        "[select * from (t cross unnest(a, b) ordinality as u(x, y, n))]",
    ),
    (
        "SELECT * FROM t LEFT JOIN LATERAL (SELECT t.a) u ON TRUE",
        "[select * from (t left lateral [select t.a] as u on TRUE)]",
    ),
    ("SELECT * FROM t CROSS APPLY (SELECT t.a) u", "[select * from (t cross lateral [select t.a] as u)]"),
    ("SELECT * FROM t OUTER APPLY UNNEST(t.a) AS u", "[select * from (t left unnest(t.a) as u on TRUE)]"),
    (
        "SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)) AS w",
        "[select * from TUMBLE(t; by (ts); interval'1' HOUR) as w]",
    ),
    (
        "SELECT * FROM TABLE(HOP((SELECT * FROM t), DESCRIPTOR(ts), INTERVAL 1 HOUR, INTERVAL 2 HOURS))",
        "[select * from HOP([select * from t]; by (ts); interval'1' HOUR; interval'2' HOUR)]",
    ),
    (
        "SELECT * FROM SESSION(TABLE t, DESCRIPTOR(ts), DESCRIPTOR(k), INTERVAL '1' HOUR)",
        "[select * from SESSION(t; by (ts); DESCRIPTOR(k); interval'1' HOUR)]",
    ),
    (
        "SELECT * FROM t, LATERAL TABLE(JSON_EACH_STRING(t.v)) AS j (k, v)",
        "[select * from (t cross JSON_EACH_STRING(t.v) as j(k, v))]",
    ),
]

GROUPS = [
    ("SELECT COUNT(*) FROM t GROUP BY a, (b, c), ()", "[select COUNT(*) from t group (a, b, c)]"),
    ("SELECT COUNT(*) FROM t GROUP BY ALL", "[select COUNT(*) from t group () all]"),
    ("SELECT COUNT(*) FROM t GROUP BY ALL a", "[select COUNT(*) from t group (a)]"),
    ("SELECT COUNT(*) FROM t GROUP BY ()", "[select COUNT(*) from t group () {}]"),
    (
        "SELECT COUNT(*) FROM t GROUP BY a, ROLLUP(b, (c, d))",
        "[select COUNT(*) from t group (a) {a, b, c, d} {a, b} {a}]",
    ),
    ("SELECT COUNT(*) FROM t GROUP BY CUBE(a, b)", "[select COUNT(*) from t group () {a, b} {a} {b} {}]"),
    (
        "SELECT COUNT(*) FROM t GROUP BY GROUPING SETS ((a, b), a, (), ROLLUP(c))",
        "[select COUNT(*) from t group () {a, b} {a} {} {c} {}]",
    ),
]

NAMED_WINDOWS = [
    (
        "SELECT SUM(a) OVER w, SUM(b) OVER (w ROWS 1 PRECEDING) FROM t "
        "WINDOW v AS (PARTITION BY c), w AS (v ORDER BY d)",
        "[select SUM(a) over(by c order (d)), SUM(b) over(by c order (d) rows -1..current) from t]",
    ),
    (
        "SELECT a FROM t QUALIFY ROW_NUMBER() OVER w = 1 WINDOW w AS (ORDER BY a)",
        "[select a from t qualify =(ROW_NUMBER() over(order (a)), 1)]",
    ),
]


ALL = [*SELECTS, *SETS, *WITHS, *SOURCES, *GROUPS, *NAMED_WINDOWS]


@pytest.mark.parametrize(("text", "expected"), ALL, ids=[text for text, _ in ALL])
def test_each_query_becomes_its_tree(text: str, expected: str) -> None:
    assert expected == render.query(parse_query(text))


def test_spans_of_relations_and_queries_are_their_text() -> None:
    text = "SELECT a\nFROM blah b\n  JOIN (SELECT 1) c ON x\nWHERE y UNION (VALUES (1))"
    body = parse_query(text).body
    assert isinstance(body, SetQuery) and isinstance(body.left.body, Select)
    join = body.left.body.source
    assert isinstance(join, JoinRef) and isinstance(join.left, TableRef)

    assert render.covered(text, join.left.span) == "blah"
    assert render.covered(text, join.right.span) == "(SELECT 1)"
    assert render.covered(text, join.span) == "blah b\n  JOIN (SELECT 1) c ON x"
    assert text.partition(" UNION")[0] == render.covered(text, body.left.span)
    assert render.covered(text, body.right.span) == "VALUES (1)"


def test_a_missing_table_has_the_place_that_messages_show() -> None:
    text = "\n\n\n\n" + "SELECT a FROM".ljust(31) + "blah"
    body = parse_query(text).body
    assert isinstance(body, Select) and isinstance(body.source, TableRef) and body.source.span

    span = body.source.span

    assert (span.start_line, span.start_column, span.end_line, span.end_column) == (5, 32, 5, 35)


def test_long_chains_of_union_become_a_balanced_tree() -> None:
    depth = 0
    body = parse_query(" UNION ALL ".join(f"SELECT {i}" for i in range(1000))).body
    while isinstance(body, SetQuery):
        depth, body = depth + 1, body.right.body

    assert depth <= 10
