from penstock.sql.rules.prune_columns import prune_columns
from penstock.sql.rules.push_filters import push_filters
from tests.rules.before_after import Pair


def test_joins_keep_only_what_is_read(pair: Pair) -> None:
    found = pair.of("SELECT b, y FROM t JOIN s ON t.id = s.id WHERE a < x", push_filters, prune_columns)

    assert found.after == (
        "project b=$2, y=$5\n"
        "  inner join on $0 = right $0 where ($1 < $4)\n"
        "    project id=$0, a=$1, b=$2\n"
        "      scan t (id, a, b, c)\n"
        "    scan s (id, x, y)\n"
    )


def test_aggregates_and_ranks_that_nobody_reads_go(pair: Pair) -> None:
    found = pair.of("SELECT n FROM (SELECT b, COUNT(*) AS n, SUM(a) AS m FROM t GROUP BY b) q", prune_columns)
    assert "SUM" not in found.after

    found = pair.of("SELECT id FROM (SELECT id, SUM(a) OVER (ORDER BY id) AS m FROM t) q", prune_columns)
    assert "window" not in found.after


def test_all_columns_of_distinct_rows_stay(pair: Pair) -> None:
    found = pair.of("SELECT COUNT(*) AS n FROM (SELECT DISTINCT a, b FROM t) q", prune_columns)

    assert "distinct\n      project a=$1, b=$2" in found.after


def test_what_one_reader_of_a_shared_node_reads_stays_for_all(pair: Pair) -> None:
    query = (
        "WITH q AS (SELECT b, COUNT(*) AS n, SUM(a) AS m, MAX(c) AS k FROM t GROUP BY b) "
        "SELECT p.n, r.m FROM q p JOIN q r ON p.b = r.b"
    )
    found = pair.of(query, prune_columns)

    assert found.after.count("aggregate by ($2) COUNT(*), SUM($1)\n") == 1
    assert found.after.count("shared #1") == 1
    assert "MAX" not in found.after


def test_counting_rows_needs_no_more_than_one_column(pair: Pair) -> None:
    found = pair.of("SELECT COUNT(*) AS n FROM t, s", prune_columns)

    assert "project id=$0\n        scan t" in found.after
