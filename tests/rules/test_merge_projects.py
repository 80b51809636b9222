from penstock.sql.rules.merge_projects import merge_projects
from tests.rules.before_after import Pair


def test_adjacent_projections_become_one(pair: Pair) -> None:
    found = pair.of("SELECT k + 1 AS l, id FROM (SELECT id, a + 2 AS k FROM t) q", merge_projects)

    assert found.before.count("project") == 2
    assert found.after == "project l=(($1 + 2) + 1), id=$0\n  scan t (id, a, b, c)\n"


def test_a_definition_that_is_read_twice_is_computed_once(pair: Pair) -> None:
    found = pair.of("SELECT k + k AS l FROM (SELECT a * c AS k FROM t) q", merge_projects)

    assert found.after.count("project") == 2


def test_a_projection_that_changes_nothing_goes(pair: Pair) -> None:
    assert pair.of("SELECT id AS i, a, b, c FROM t", merge_projects).after == "scan t (id, a, b, c)\n"
    assert "project" in pair.of("SELECT a, id, b, c FROM t", merge_projects).after
