from penstock.sql.rules.fold_constants import fold_constants
from tests.rules.before_after import Pair


def test_what_reads_no_column_is_computed(pair: Pair) -> None:
    found = pair.of("SELECT id + (1 + 2) AS k FROM t WHERE a > 2 * 1", fold_constants)

    assert "(1 + 2)" in found.before
    assert found.after == "project k=($0 + 3)\n  filter ($1 > 2)\n    scan t (id, a, b, c)\n"


def test_settled_conditions_go(pair: Pair) -> None:
    assert "filter" not in pair.of("SELECT id FROM t WHERE 1 = 1", fold_constants).after
    assert "filter ($1 > 0)" in pair.of("SELECT id FROM t WHERE a > 0 AND 1 < 2", fold_constants).after
    assert "values" in pair.of("SELECT id FROM t WHERE 1 > 2", fold_constants).after


def test_case_with_a_settled_condition_is_its_branch(pair: Pair) -> None:
    found = pair.of("SELECT CASE WHEN 1 > 2 THEN a WHEN 2 > 1 THEN c ELSE id END AS k FROM t", fold_constants)

    assert found.after == "project k=$3\n  scan t (id, a, b, c)\n"


def test_what_fails_is_left_to_fail_at_run_time(pair: Pair) -> None:
    found = pair.of("SELECT CASE WHEN a > 100 THEN 1 / 0 ELSE 2 END AS k FROM t", fold_constants)

    assert "(1 / 0)" in found.after
