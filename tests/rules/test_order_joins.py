from penstock.sql.rules.order_joins import order_joins
from penstock.sql.rules.push_filters import push_filters
from tests.rules.before_after import TABLES, Pair


def test_inputs_that_a_key_ties_together_are_joined_before_others(pair: Pair) -> None:
    found = pair.of(
        "SELECT p.a, q.x, r.c FROM t p, t r, s q WHERE p.id = q.id AND q.x = r.a AND p.c > r.c",
        push_filters,
        order_joins,
    )

    assert found.after.count("inner join on") == 2


def test_an_input_that_equals_a_constant_comes_first(pair: Pair) -> None:
    found = pair.of(
        "SELECT p.a, q.y, r.c FROM t p, s q, t r WHERE q.id = 3 AND q.x = r.a AND p.a = r.id",
        push_filters,
        order_joins,
    )

    first = found.after.splitlines()
    assert next(i for i, line in enumerate(first) if "scan s" in line) < next(
        i for i, line in enumerate(first) if "scan t" in line
    )


def test_what_nothing_ties_together_is_multiplied_last(pair: Pair) -> None:
    pair.of("SELECT p.a, q.y, r.c FROM t p, s q, t r WHERE p.id = r.id AND q.y + p.a > 3", push_filters, order_joins)
    pair.of(
        "SELECT p.a, q.y, r.c, o.x FROM t p, s q, t r, s o WHERE p.id = r.id AND q.id = o.x", push_filters, order_joins
    )


def test_a_sum_over_two_inputs_is_a_key_once_both_are_there(pair: Pair) -> None:
    pair.of("SELECT p.a, q.y, r.c FROM t p, t r, s q WHERE p.id + r.id = q.x AND p.a = q.id", push_filters, order_joins)
    pair.of(
        "SELECT p.a FROM t p, t r, s q WHERE (p.id IS NOT DISTINCT FROM q.x) AND p.a = r.a", push_filters, order_joins
    )


def test_a_join_with_other_readers_stays_whole(pair: Pair) -> None:
    pair.of(
        "WITH j AS (SELECT p.id, p.a, q.y FROM t p, s q) SELECT j.a, k.y, r.c FROM j, j k, t r WHERE r.id = j.id",
        push_filters,
        order_joins,
    )


def test_a_table_that_is_declared_small_comes_first(pair: Pair) -> None:
    sizes = "CREATE TABLE big(k INT, v INT) WITH ('expected_size' = '1000000');" + (
        "CREATE TABLE small(k INT, v INT) WITH ('expected_size' = '10');"
    )
    query = "SELECT t.id FROM t, small, big WHERE t.a = big.k AND small.k = big.v"

    outcome = pair.of_program(f"{TABLES}{sizes}CREATE VIEW v AS {query};", push_filters, order_joins)

    assert outcome.before.index("scan t") < outcome.before.index("scan small") < outcome.before.index("scan big")
    assert outcome.after.index("scan small") < outcome.after.index("scan big") < outcome.after.index("scan t")
