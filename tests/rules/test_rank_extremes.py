import pytest

from penstock.sql.rules.push_filters import push_filters
from penstock.sql.rules.rank_extremes import rank_extremes
from penstock.sql.rules.share_plans import share_plans
from tests.rules.before_after import Pair

RULES = (push_filters, share_plans, rank_extremes)
PEAKS = "(SELECT b, MAX(a) AS most FROM t GROUP BY b) AS peak"


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT t.*, peak.most FROM t JOIN {PEAKS} ON t.b = peak.b AND t.a >= peak.most",
        f"SELECT t.id FROM t JOIN {PEAKS} ON peak.b = t.b AND peak.most = t.a",
        f"SELECT peak.most + 1 AS more, t.id FROM {PEAKS} JOIN t ON t.b = peak.b WHERE peak.most <= t.a AND t.c > most",
        "SELECT t.id FROM t JOIN (SELECT a, MIN(id) AS least FROM t GROUP BY a) p ON t.a <=> p.a AND t.id <= p.least",
        "SELECT * FROM t JOIN (SELECT MAX(c) AS most FROM t) p ON t.c = p.most",
        "SELECT x.id, x.n FROM (SELECT id, a + 1 AS n, c FROM t WHERE c > 0) x JOIN "
        "(SELECT id, MAX(a + 1) AS m FROM t WHERE c > 0 GROUP BY id) p ON x.id = p.id AND x.n = p.m",
        "SELECT g.a, g.n FROM (SELECT a, b, COUNT(*) AS n FROM t GROUP BY a, b) g JOIN (SELECT b, MAX(n) AS most FROM "
        "(SELECT a, b, COUNT(*) AS n FROM t GROUP BY a, b) h GROUP BY b) p ON g.b = p.b AND g.n >= p.most",
        "SELECT id FROM t WHERE (b, a) IN (SELECT b, MAX(a) FROM t GROUP BY b)",
    ],
)
def test_rows_at_the_extreme_of_their_group_are_of_the_first_rank(pair: Pair, query: str) -> None:
    found = pair.of(query, *RULES)

    assert "join" in found.before
    assert "join" not in found.after
    assert "top 1 by rank" in found.after


def test_what_the_peak_says_is_said_of_the_row(pair: Pair) -> None:
    found = pair.of(f"SELECT peak.most, t.id FROM t JOIN {PEAKS} ON t.b = peak.b AND t.a = peak.most", *RULES)

    assert found.after.split("\n")[1:4] == [
        "  project id=$0, a=$1, b=$2, c=$3, b=$2, most=$1",
        "    top 1 by rank partition ($2) order ($1 desc nulls last)",
        "      filter ($1 IS NOT NULL)",
    ]


@pytest.mark.parametrize(
    "query",
    [
        # Other rows, other columns, another comparison, groups that are not told apart, another aggregate.
        "SELECT t.id FROM t JOIN (SELECT b, MAX(a) AS m FROM t WHERE c > 1 GROUP BY b) p ON t.b = p.b AND t.a >= p.m",
        "SELECT t.id FROM t JOIN (SELECT a, MAX(c) AS m FROM t GROUP BY a) p ON t.a = p.a AND t.id >= p.m",
        "SELECT t.id FROM t JOIN (SELECT c, MAX(a) AS m FROM t GROUP BY c) p ON t.a = p.c AND t.a >= p.m",
        f"SELECT t.id FROM t JOIN {PEAKS} ON t.b = peak.b AND t.a <= peak.most",
        f"SELECT t.id FROM t JOIN {PEAKS} ON t.b = peak.b AND t.a > peak.most",
        f"SELECT t.id FROM t JOIN {PEAKS} ON t.b = peak.b AND t.a >= peak.most AND t.b || '' = peak.b",
        f"SELECT t.id FROM t JOIN {PEAKS} ON t.a >= peak.most",
        f"SELECT t.id FROM t LEFT JOIN {PEAKS} ON t.b = peak.b AND t.a >= peak.most",
        "SELECT t.id FROM t JOIN (SELECT b, MIN(a) AS m FROM t GROUP BY b) p ON t.b = p.b AND t.a >= p.m",
        "SELECT t.id FROM t JOIN (SELECT b, SUM(a) AS m FROM t GROUP BY b) p ON t.b = p.b AND t.a = p.m",
        "SELECT t.id FROM t JOIN (SELECT b, MAX(a) FILTER (WHERE c > 1) AS m FROM t GROUP BY b) p "
        "ON t.b = p.b AND t.a = p.m",
        "SELECT t.id FROM t JOIN (SELECT a, MAX(b) AS m FROM t GROUP BY a) p ON t.a = p.a AND t.b = p.m",
    ],
)
def test_other_joins_stay(pair: Pair, query: str) -> None:
    found = pair.of(query, *RULES)

    assert "join" in found.after
    assert "top 1" not in found.after
