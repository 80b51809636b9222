from penstock.sql.rules.push_filters import push_filters
from tests.rules.before_after import Pair


def test_conditions_of_a_cross_join_become_keys_and_filters_of_its_sides(pair: Pair) -> None:
    found = pair.of("SELECT t.id FROM t, s WHERE t.id = s.id AND a > 1 AND x > 2 AND a < y", push_filters)

    assert found.after == (
        "project id=$0\n"
        "  inner join on $0 = right $0 where ($1 < $6)\n"
        "    filter ($1 > 1)\n"
        "      scan t (id, a, b, c)\n"
        "    filter ($1 > 2)\n"
        "      scan s (id, x, y)\n"
    )


def test_below_a_left_join_only_conditions_on_the_left_go(pair: Pair) -> None:
    found = pair.of("SELECT t.id FROM t LEFT JOIN s ON t.id = s.id WHERE a > 1 AND x IS NULL", push_filters)

    assert found.after == (
        "project id=$0\n"
        "  filter ($5 IS NULL)\n"
        "    left join on $0 = right $0\n"
        "      filter ($1 > 1)\n"
        "        scan t (id, a, b, c)\n"
        "      scan s (id, x, y)\n"
    )


def test_in_the_condition_of_a_left_join_only_those_on_the_right_go(pair: Pair) -> None:
    found = pair.of("SELECT t.id FROM t LEFT JOIN s ON t.id = s.id AND a > 1 AND x > 2", push_filters)

    assert "left join on $0 = right $0 where ($1 > 1)\n    scan t (id, a, b, c)\n    filter ($1 > 2)\n" in found.after


def test_conditions_on_keys_go_below_the_groups_and_others_do_not(pair: Pair) -> None:
    found = pair.of("SELECT * FROM (SELECT a, COUNT(*) AS n FROM t GROUP BY a) q WHERE a > 1 AND n > 1", push_filters)

    above, below = found.after.split("aggregate")
    assert "filter ($1 > 1)" in above
    assert "filter ($1 > 1)" in below


def test_a_group_over_all_rows_is_not_filtered_away(pair: Pair) -> None:
    found = pair.of("SELECT n FROM (SELECT COUNT(*) AS n FROM t) q WHERE 1 > 2 OR n > 100", push_filters)

    assert "filter" in found.after.split("aggregate")[0]


def test_conditions_on_the_partition_go_below_a_window_and_others_do_not(pair: Pair) -> None:
    query = (
        "SELECT * FROM (SELECT id, b, SUM(id) OVER (PARTITION BY b ORDER BY id) AS n FROM t) q WHERE b = 'p' AND id > 1"
    )
    found = pair.of(query, push_filters)

    assert "($2 = 'p')" in found.after.split("window")[1]
    assert "($0 > 1)" in found.after.split("window")[0]


def test_a_node_with_other_readers_is_not_filtered(pair: Pair) -> None:
    found = pair.of(
        "WITH q AS (SELECT a, COUNT(*) AS n FROM t GROUP BY a) SELECT p.n FROM q p, q r WHERE p.a = r.a AND p.a > 1",
        push_filters,
    )

    assert found.after.count("aggregate") == 1
    assert "shared #1" in found.after


def test_unions_and_distinct_let_conditions_through(pair: Pair) -> None:
    found = pair.of("SELECT * FROM (SELECT a FROM t UNION SELECT x FROM s) q WHERE a > 1", push_filters)

    assert found.after.split("union all")[1].count("filter ($1 > 1)") == 2
