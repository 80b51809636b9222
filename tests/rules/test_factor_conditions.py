from penstock.sql.rules.factor_conditions import factor_conditions
from penstock.sql.rules.push_filters import push_filters
from tests.rules.before_after import Pair


def test_an_equality_in_every_branch_becomes_a_key(pair: Pair) -> None:
    found = pair.of(
        "SELECT a, x FROM t, s WHERE (t.id = s.id AND t.a > 2) OR (s.x < 3 AND t.id = s.id) OR (t.id = s.id AND a = 1)",
        factor_conditions,
        push_filters,
    )

    assert "inner join on" in found.after


def test_a_branch_that_asks_for_no_more_makes_the_others_idle(pair: Pair) -> None:
    found = pair.of("SELECT id FROM t WHERE (a = 1 AND c = 2) OR a = 1", factor_conditions)

    assert "OR" not in found.after


def test_branches_without_common_parts_stay(pair: Pair) -> None:
    found = pair.of("SELECT id FROM t WHERE (a = 1 AND c = 2) OR (a = 2 AND c = 3)", factor_conditions)

    assert found.after == found.before
