"""Programs as a whole: what statements declare, and what later ones see of it."""

from tests.unit.sql.binder.programs import plan

from penstock.data.types import Kind
from penstock.sql.compile import compile_program
from penstock.sql.plan.expr import Literal


def test_an_empty_program_is_a_program() -> None:
    assert (compile_program("").tables, compile_program("-- nothing\n;;").views) == ((), ())


def test_names_are_folded_unless_quoted() -> None:
    program = compile_program('CREATE TABLE Foo(Id INT, "Id" INT); CREATE VIEW v AS SELECT ID, "Id" FROM FOO;')

    assert [f.name for f in program.views[0].schema] == ["id", "Id"]
    assert program.tables[0].name == "foo"


def test_a_table_with_a_key_is_materialized_unless_the_key_has_lateness() -> None:
    program = compile_program(
        "CREATE TABLE a(id INT NOT NULL PRIMARY KEY);"
        "CREATE TABLE b(id INT NOT NULL LATENESS 5, PRIMARY KEY (id));"
        "CREATE TABLE c(id INT);"
    )

    assert [t.materialized for t in program.tables] == [True, False, False]
    assert [t.primary_key for t in program.tables] == [(0,), (0,), ()]


def test_defaults_lateness_and_watermarks_are_bound() -> None:
    (table,) = compile_program(
        "CREATE TABLE a(n BIGINT DEFAULT 1, ts TIMESTAMP LATENESS INTERVAL 1 HOUR WATERMARK INTERVAL '2' HOUR)"
    ).tables

    assert isinstance(table.columns[0].default, Literal)
    assert Kind.BIGINT is table.columns[0].default.type.kind
    assert isinstance(table.columns[1].lateness, Literal) and isinstance(table.columns[1].watermark, Literal)
    assert (table.columns[1].lateness.value, table.columns[1].watermark.value) == (3_600_000_000, 7_200_000_000)


def test_functions_with_a_sql_body_are_put_in_where_they_are_called() -> None:
    program = compile_program(
        "CREATE FUNCTION twice(i INT) RETURNS BIGINT AS i * 2;"
        "CREATE TABLE t(a INT); CREATE VIEW v AS SELECT twice(a) + 1 AS k FROM t;"
    )

    assert Kind.BIGINT is program.views[0].schema[0].type.kind


def test_views_read_views_as_one_node() -> None:
    program = compile_program(
        "CREATE TABLE t(a INT); CREATE VIEW v AS SELECT a FROM t WHERE a > 1;CREATE VIEW w AS SELECT a + 1 AS b FROM v;"
    )

    assert program.views[1].plan.input.view == "v"


def test_emit_final_is_the_position_of_its_column() -> None:
    program = compile_program(
        "CREATE TABLE t(a INT, ts TIMESTAMP NOT NULL LATENESS INTERVAL 1 HOUR);"
        "CREATE VIEW v WITH ('emit_final' = 'ts') AS SELECT a, ts FROM t;"
    )

    assert program.views[0].emit_final == 1


def test_a_correlated_count_is_grouped_once_and_missing_groups_count_zero() -> None:
    assert plan("SELECT id, (SELECT COUNT(*) FROM s WHERE s.id = t.id) AS c FROM t") == (
        "project id=$0, c=case when ($2 IS NOT NULL) then $1 else 0 end\n"
        "  left join on $0 = right $1\n"
        "    project id=$0\n"
        "      scan t (id, a, b, d, ts, day)\n"
        "    project EXPR$0=$1, id=$0\n"
        "      aggregate by ($0) COUNT(*)\n"
        "        scan s (id, x, y, arr, m, p, r)\n"
    )


def test_exists_is_a_semi_join_that_may_have_any_condition() -> None:
    found = plan("SELECT id FROM t WHERE NOT EXISTS (SELECT 1 FROM s WHERE s.id = t.id AND s.x > t.a)")

    assert "anti join on $0 = right $0 where ($3 > $1)" in found


def test_not_in_with_nulls_is_no_anti_join() -> None:
    assert "anti join" in plan("SELECT id FROM t WHERE id NOT IN (SELECT id FROM s)")
    assert "anti join" not in plan("SELECT id FROM t WHERE id NOT IN (SELECT x FROM s)")


def test_an_order_counts_only_with_a_limit() -> None:
    assert "top" not in plan("SELECT id FROM t ORDER BY a")
    assert "top 2 offset 1 by row_number partition () order ($1 desc nulls last)" in plan(
        "SELECT id FROM t ORDER BY a DESC LIMIT 2 OFFSET 1"
    )
