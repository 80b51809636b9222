import pytest

from penstock.sql.rules.push_filters import push_filters
from penstock.sql.rules.reduce_outer_joins import reduce_outer_joins
from tests.rules.before_after import Pair

LEFT = "t LEFT JOIN s ON t.id = s.id"
FULL = "t FULL JOIN s ON t.id = s.id"


@pytest.mark.parametrize(
    ("source", "condition", "kind"),
    [
        (LEFT, "s.y > 3", "inner"),
        (LEFT, "s.x + t.a = 4", "inner"),
        (LEFT, "s.x IS NOT NULL", "inner"),
        (LEFT, "s.x BETWEEN t.a AND 4", "inner"),
        (LEFT, "s.x IN (1, t.a)", "inner"),
        (LEFT, "s.y > 1 OR (s.x < t.a AND t.id > 0)", "inner"),
        (LEFT, "CAST(s.x AS VARCHAR) LIKE '1%'", "inner"),
        (LEFT, "NOT (s.x = 2)", "inner"),
        (LEFT, "t.a > 3", "left"),
        (LEFT, "s.y IS NULL", "left"),
        (LEFT, "s.y > 1 OR t.a > 1", "left"),
        (LEFT, "COALESCE(s.x, 3) > 2", "left"),
        (LEFT, "s.x IS DISTINCT FROM 1", "left"),
        ("t RIGHT JOIN s ON t.id = s.id", "t.a > 1", "inner"),
        ("t RIGHT JOIN s ON t.id = s.id", "s.x > 1", "right"),
        (FULL, "s.x > 1", "right"),
        (FULL, "t.a > 1", "left"),
        (FULL, "t.a > s.x", "inner"),
        (FULL, "t.a IS NULL OR s.x IS NULL", "full"),
    ],
)
def test_a_join_pads_only_sides_whose_padded_rows_are_kept(pair: Pair, source: str, condition: str, kind: str) -> None:
    outcome = pair.of(f"SELECT t.id, t.a, s.x, s.y FROM {source} WHERE {condition}", reduce_outer_joins)

    assert f"{kind} join" in outcome.after


def test_the_key_of_a_join_above_drops_padded_rows(pair: Pair) -> None:
    outcome = pair.of("SELECT t.id, q.b FROM t LEFT JOIN s ON t.id = s.id JOIN t q ON q.a = s.x", reduce_outer_joins)

    assert "left join" in outcome.before
    assert "left join" not in outcome.after


def test_a_key_that_takes_null_for_a_value_drops_nothing(pair: Pair) -> None:
    outcome = pair.of(
        "SELECT t.id, q.b FROM t LEFT JOIN s ON t.id = s.id JOIN t q ON q.a IS NOT DISTINCT FROM s.x",
        push_filters,
        reduce_outer_joins,
    )

    assert "left join" in outcome.after


def test_a_condition_above_derived_tables_and_unions_is_seen(pair: Pair) -> None:
    joined = "SELECT t.id AS i, s.x + 1 AS n FROM t LEFT JOIN s ON t.id = s.id"

    outcome = pair.of(
        f"SELECT i FROM (SELECT DISTINCT * FROM ({joined} UNION ALL {joined}) p) q WHERE n > 2", reduce_outer_joins
    )

    assert outcome.before.count("left join") == 2
    assert "left join" not in outcome.after


def test_a_condition_above_groups_says_nothing_of_rows(pair: Pair) -> None:
    grouped = "SELECT t.id, MAX(s.x) AS m FROM t LEFT JOIN s ON t.id = s.id GROUP BY t.id HAVING MAX(s.x) > 1"

    assert "left join" in pair.of(grouped, reduce_outer_joins).after


def test_a_join_with_other_readers_stays(pair: Pair) -> None:
    joined = "WITH q AS (SELECT t.id, s.x FROM t LEFT JOIN s ON t.id = s.id) "
    query = joined + "SELECT id FROM q WHERE x > 1 UNION ALL SELECT id FROM q"

    assert "left join" in pair.of(query, reduce_outer_joins).after
