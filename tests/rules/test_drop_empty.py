import pytest

from penstock.sql.rules.drop_empty import drop_empty
from penstock.sql.rules.fold_constants import fold_constants
from tests.rules.before_after import Pair

NONE = "(SELECT id, x FROM s WHERE 1 = 2)"


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT t.id, q.x FROM t JOIN {NONE} q ON t.id = q.id",
        f"SELECT q.id, t.a FROM {NONE} q LEFT JOIN t ON t.id = q.id",
        f"SELECT id FROM t WHERE id IN {NONE.replace(', x', '')}",
        f"SELECT DISTINCT x + 1 AS y FROM {NONE} q",
        f"SELECT id, COUNT(*) AS n FROM {NONE} q GROUP BY id",
        f"SELECT id, ROW_NUMBER() OVER (ORDER BY x) AS n FROM {NONE} q",
        f"SELECT id FROM {NONE} q INTERSECT SELECT id FROM t",
        f"SELECT id, x FROM {NONE} q ORDER BY x LIMIT 3",
        "SELECT id FROM t LIMIT 0",
    ],
)
def test_what_can_have_no_rows_reads_nothing(pair: Pair, query: str) -> None:
    outcome = pair.of(query, fold_constants, drop_empty)

    assert "scan" in outcome.before
    assert "scan" not in outcome.after


@pytest.mark.parametrize(
    ("query", "gone"),
    [
        (f"SELECT t.id, q.x FROM t LEFT JOIN {NONE} q ON t.id = q.id", "join"),
        (f"SELECT t.id, q.x FROM {NONE} q RIGHT JOIN t ON t.id = q.id", "join"),
        (f"SELECT t.id, q.x FROM t FULL JOIN {NONE} q ON t.id = q.id", "join"),
        (f"SELECT t.id, q.x FROM {NONE} q FULL JOIN t ON t.id = q.id", "join"),
        (f"SELECT id FROM t WHERE NOT EXISTS (SELECT 1 FROM {NONE} q WHERE q.id = t.id)", "join"),
        (f"SELECT id, a FROM t UNION ALL SELECT id, x FROM {NONE} q", "union"),
    ],
)
def test_the_other_input_stays_with_its_rows(pair: Pair, query: str, gone: str) -> None:
    outcome = pair.of(query, fold_constants, drop_empty)

    assert gone in outcome.before
    assert gone not in outcome.after and "scan t" in outcome.after


def test_an_aggregate_without_keys_has_its_row(pair: Pair) -> None:
    outcome = pair.of(f"SELECT COUNT(*) AS n, MAX(x) AS m FROM {NONE} q", fold_constants, drop_empty)

    assert "aggregate" in outcome.after
