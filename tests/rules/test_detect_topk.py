from penstock.sql.rules.detect_topk import detect_topk
from penstock.sql.rules.push_filters import push_filters
from tests.rules.before_after import Pair

RANKED = "SELECT * FROM (SELECT id, b, {}() OVER (PARTITION BY b ORDER BY id, a, c) AS k FROM t) q WHERE {}"


def test_a_bounded_rank_is_a_top(pair: Pair) -> None:
    found = pair.of(RANKED.format("ROW_NUMBER", "k <= 2"), push_filters, detect_topk)

    assert "window" in found.before
    assert "top 2 by row_number with rank partition ($2) order ($0 nulls first, $1 nulls first" in found.after
    assert "filter" not in found.after


def test_bounds_are_read_in_every_form(pair: Pair) -> None:
    for condition, limit in (("k < 3", 2), ("3 > k", 2), ("k = 1", 1), ("k <= 4 AND k < 3", 2)):
        found = pair.of(RANKED.format("RANK", condition), push_filters, detect_topk)

        assert f"top {limit} by rank" in found.after
        assert "filter" not in found.after


def test_other_conditions_stay_above_the_top(pair: Pair) -> None:
    found = pair.of(RANKED.format("DENSE_RANK", "k = 2 AND id > 1"), push_filters, detect_topk)

    assert "filter (($4 = 2) AND ($0 > 1))" in found.after
    assert "top 2 by dense_rank" in found.after


def test_a_rank_without_an_upper_bound_stays_a_window(pair: Pair) -> None:
    assert "window" in pair.of(RANKED.format("ROW_NUMBER", "k >= 2"), push_filters, detect_topk).after
