"""Types and names of output columns: literals, coercion, nullability, aggregates, joins."""

import pytest
from tests.unit.sql.binder.programs import columns


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1", "INTEGER"),
        ("3000000000", "BIGINT"),
        ("9223372036854775808", "DECIMAL(19, 0)"),
        ("-9223372036854775808", "BIGINT"),
        ("1.50", "DECIMAL(3, 2)"),
        ("0.05", "DECIMAL(2, 2)"),
        ("1.5e0", "DOUBLE"),
        ("'abc'", "CHAR(3)"),
        ("x'0a0b'", "BINARY(2)"),
        ("DATE '2020-01-02'", "DATE"),
        ("INTERVAL '1' DAY", "INTERVAL DAY"),
        ("INTERVAL '1-2' YEAR TO MONTH", "INTERVAL YEAR TO MONTH"),
        ("a", "INTEGER?"),
        ("id + a", "INTEGER?"),
        ("id + 1", "INTEGER"),
        ("CASE WHEN a > 1 THEN 'x' ELSE 'yyy' END", "VARCHAR(3)"),
        ("CASE WHEN a > 1 THEN 1 END", "INTEGER?"),
        ("CASE WHEN a > 1 THEN 1 ELSE 1.5 END", "DECIMAL(11, 1)"),
        ("COALESCE(a, 0)", "INTEGER"),
        ("CAST(a AS VARCHAR)", "VARCHAR?"),
        ("SAFE_CAST(b AS INT)", "INTEGER?"),
        ("a IS NULL", "BOOLEAN"),
        ("a > 1", "BOOLEAN?"),
        ("id IN (1, 2)", "BOOLEAN"),
        ("(ts - ts) HOUR", "INTERVAL HOUR?"),
        ("EXISTS (SELECT 1 FROM s)", "BOOLEAN"),
        ("(SELECT MAX(y) FROM s)", "BIGINT?"),
        ("a IN (SELECT id FROM s)", "BOOLEAN?"),
        ("ARRAY(SELECT y FROM s)", "BIGINT ARRAY"),
        ("NULL", "NULL?"),
    ],
)
def test_an_expression_has_the_type_of_the_dialect(expression: str, expected: str) -> None:
    assert [f"c {expected}"] == columns(f"SELECT {expression} AS c FROM t")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m['k']", "INTEGER?"),
        ("arr[1]", "INTEGER?"),
        ("s.p.px", "INTEGER?"),
        ("s.p.py", "INTEGER?"),
        ("(s.r).i", "INTEGER?"),
        ("r[2]", "INTEGER?"),
    ],
)
def test_a_part_of_a_value_has_its_type(expression: str, expected: str) -> None:
    assert [f"c {expected}"] == columns(f"SELECT {expression} AS c FROM s")


def test_an_aggregate_over_all_rows_may_be_null_and_over_groups_counts_never_are() -> None:
    assert columns("SELECT COUNT(*) c, MAX(id) m, AVG(id) v FROM t") == ["c BIGINT", "m INTEGER?", "v INTEGER?"]
    assert columns("SELECT a, COUNT(a) FILTER (WHERE a > 1) AS c FROM t GROUP BY a") == ["a INTEGER?", "c BIGINT"]


def test_outer_joins_make_the_padded_side_nullable() -> None:
    assert columns("SELECT t.id, y FROM t LEFT JOIN s ON t.id = s.id") == ["id INTEGER", "y BIGINT?"]
    assert columns("SELECT t.id, y FROM t RIGHT JOIN s ON t.id = s.id") == ["id INTEGER?", "y BIGINT"]
    assert columns("SELECT id, y FROM t FULL JOIN s USING (id)") == ["id INTEGER?", "y BIGINT?"]


def test_keys_that_a_grouping_set_leaves_out_are_nullable_and_so_is_what_is_made_of_them() -> None:
    assert columns("SELECT b, UPPER(b) AS u, COUNT(*) AS n FROM t GROUP BY ROLLUP(b)") == [
        "b VARCHAR?",
        "u VARCHAR?",
        "n BIGINT",
    ]


def test_set_operations_take_the_type_that_holds_both_sides_and_the_names_of_the_left() -> None:
    assert columns("SELECT id FROM t UNION SELECT y FROM s") == ["id BIGINT"]
    assert columns("SELECT a FROM t UNION ALL SELECT d FROM t") == ["a DECIMAL(12, 2)?"]
    assert columns("SELECT b FROM t INTERSECT SELECT a FROM t") == ["b VARCHAR?"]


def test_output_names_come_from_aliases_columns_and_fields_and_are_told_apart() -> None:
    assert columns("SELECT s.id, id AS k, id + 1, s.p.px, s.p.px FROM s") == [
        "id INTEGER",
        "k INTEGER",
        "EXPR$2 INTEGER",
        "px INTEGER?",
        "px0 INTEGER?",
    ]
    assert [c.split()[0] for c in columns("SELECT s.id, x, t.id FROM s, t")] == ["id", "x", "id0"]


def test_star_can_leave_out_and_replace_columns() -> None:
    assert columns("SELECT * EXCLUDE (arr, m, p, r) REPLACE (y + 1 AS x) FROM s") == [
        "id INTEGER",
        "x BIGINT",
        "y BIGINT",
    ]


def test_columns_of_using_come_once_and_first() -> None:
    names = [c.split()[0] for c in columns("SELECT * EXCLUDE (arr, m, p, r, d, ts, day) FROM t JOIN s USING (id)")]

    assert names == ["id", "a", "b", "x", "y"]


def test_an_expression_may_use_the_names_of_those_before_it_but_columns_win() -> None:
    assert columns("SELECT a + 1 AS z, z + 1 AS w FROM t") == ["z INTEGER?", "w INTEGER?"]
    assert columns("SELECT a AS b, UPPER(b) AS c FROM t") == ["b INTEGER?", "c VARCHAR"]


def test_values_have_one_type_for_each_column() -> None:
    assert columns("SELECT * FROM (VALUES (1, 'a'), (2.5, NULL), (3, 'bc')) AS v(k, l)") == [
        "k DECIMAL(11, 1)",
        "l VARCHAR(2)?",
    ]


def test_unnest_spreads_the_fields_of_rows() -> None:
    assert columns("SELECT id, e, o FROM s, UNNEST(arr) WITH ORDINALITY AS q(e, o)") == [
        "id INTEGER",
        "e INTEGER?",
        "o INTEGER",
    ]
    assert columns("SELECT k, v FROM s, UNNEST(m) AS q(k, v)") == ["k VARCHAR", "v INTEGER?"]
    assert columns("SELECT i, j FROM UNNEST(ARRAY[ROW(1, 2)]) AS q(i, j)") == ["i INTEGER", "j INTEGER"]


def test_windows_of_time_add_two_columns() -> None:
    assert columns(
        "SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)) "
        "GROUP BY window_start"
    ) == ["window_start TIMESTAMP", "n BIGINT"]
    assert columns(
        "SELECT TUMBLE_START(ts, INTERVAL '1' HOUR) AS w, COUNT(*) AS n FROM t GROUP BY TUMBLE(ts, INTERVAL '1' HOUR)"
    ) == ["w TIMESTAMP", "n BIGINT"]
