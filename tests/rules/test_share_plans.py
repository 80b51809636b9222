from penstock.sql.plan.nodes import Aggregate, Project
from penstock.sql.rules.share_plans import share_plans
from tests.rules.before_after import TABLES, Pair


def test_equal_plans_of_two_views_become_one_node(pair: Pair) -> None:
    text = f"""{TABLES}
CREATE VIEW v AS SELECT a, COUNT(*) AS n FROM t WHERE c > 1 GROUP BY a;
CREATE VIEW w AS SELECT COUNT(*) + 1 AS m FROM t WHERE c > 1 GROUP BY a;"""
    found = pair.of_program(text, share_plans)

    first, second = found.plans
    assert isinstance(second, Project) and isinstance(first, (Aggregate, Project))
    aggregate = first if isinstance(first, Aggregate) else first.input
    assert second.input is aggregate


def test_plans_that_differ_in_a_constant_or_its_type_stay_apart(pair: Pair) -> None:
    text = f"""{TABLES}
CREATE VIEW v AS SELECT id FROM t WHERE c > 1;
CREATE VIEW w AS SELECT id FROM t WHERE c > 2;"""
    first, second = pair.of_program(text, share_plans).plans

    assert first is not second


def test_a_join_of_a_query_with_itself_reads_it_once(pair: Pair) -> None:
    query = (
        "SELECT p.n FROM (SELECT a, COUNT(*) AS n FROM t GROUP BY a) p "
        "JOIN (SELECT a, COUNT(*) AS n FROM t GROUP BY a) r ON p.a = r.a"
    )

    assert pair.of(query, share_plans).after.count("aggregate") == 1
