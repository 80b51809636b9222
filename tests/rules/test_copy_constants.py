from penstock.sql.rules.copy_constants import copy_constants
from penstock.sql.rules.push_filters import push_filters
from tests.rules.before_after import Pair


def test_a_constant_goes_to_the_other_side_of_a_join(pair: Pair) -> None:
    outcome = pair.of("SELECT t.a, s.y FROM t, s WHERE t.id = s.id AND t.id = 3", copy_constants, push_filters)

    assert outcome.before.count("$0 = 3") == 1
    assert outcome.after.count("filter ($0 = 3)") == 2


def test_constants_follow_chains_of_equalities_and_keys(pair: Pair) -> None:
    outcome = pair.of(
        "SELECT t.a FROM t JOIN s ON t.id = s.id JOIN t q ON q.id = s.id WHERE q.id IN (1, 2)",
        copy_constants,
        push_filters,
    )

    assert outcome.after.count("filter") == 3


def test_columns_of_another_type_are_left_alone(pair: Pair) -> None:
    outcome = pair.of("SELECT t.a FROM t, s WHERE t.a = s.y AND t.a = 3", copy_constants, push_filters)

    assert outcome.after.count("filter") == 1


def test_a_condition_that_is_there_is_not_repeated(pair: Pair) -> None:
    query = "SELECT t.a FROM t, s WHERE t.id = s.id AND t.id = 3 AND s.id = 3"

    assert pair.of(query, copy_constants).after == pair.of(query).after


def test_nothing_is_said_of_the_padded_side_of_an_outer_join(pair: Pair) -> None:
    outcome = pair.of("SELECT t.a, s.x FROM t LEFT JOIN s ON t.id = s.id WHERE t.id = 3", copy_constants, push_filters)

    assert outcome.after.count("= 3") == 1


def test_a_constant_that_may_be_null_keeps_its_meaning(pair: Pair) -> None:
    outcome = pair.of("SELECT t.a, s.x FROM t, s WHERE t.a = s.x AND s.x IN (1, NULL)", copy_constants, push_filters)

    assert outcome.after.count("filter") == 2
