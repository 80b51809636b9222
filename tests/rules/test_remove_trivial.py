from penstock.sql.rules.remove_trivial import remove_trivial
from tests.rules.before_after import Pair


def test_distinct_of_distinct_rows_goes(pair: Pair) -> None:
    assert pair.of("SELECT DISTINCT * FROM (SELECT DISTINCT a FROM t) q", remove_trivial).after.count("distinct") == 1


def test_distinct_of_other_rows_stays(pair: Pair) -> None:
    assert (
        "distinct"
        in pair.of("SELECT DISTINCT n FROM (SELECT a, COUNT(*) AS n FROM t GROUP BY a) q", remove_trivial).after
    )
