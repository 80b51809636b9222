"""Ad-hoc request texts to statements."""

import pytest

from penstock.services.circuits.adhoc.statements import Refused, Statement, parse

KNOWN = {"t", "table1", "TaBle1", 'q"x', "with space/slash"}


def known(name: str) -> str | None:
    return None if name in KNOWN else f"table '{name}' not found"


def one(text: str) -> Statement:
    (statement,) = parse(text, known)
    return statement


def test_names_fold_unless_quoted() -> None:
    statement = one('SELECT a, B, "C" FROM TABLE1 AS x JOIN "TaBle1" ON TRUE')

    assert set(statement.relations) == {"table1", "TaBle1"}
    assert '"a"' in statement.sql and '"b"' in statement.sql and '"C"' in statement.sql


def test_names_fold_beyond_ascii() -> None:
    statement = one('SELECT ΣΊΓΜΑ, x.Ω, "ΣΊΓΜΑ" FROM t AS x')

    assert '"σίγμα" AS "σίγμα"' in statement.sql
    assert '"ω" AS "ω"' in statement.sql
    assert '"ΣΊΓΜΑ" AS "ΣΊΓΜΑ"' in statement.sql


def test_a_relation_keeps_one_internal_name_over_the_request() -> None:
    first, second = parse("SELECT * FROM t; SELECT * FROM T", known)

    assert first.relations == second.relations == {"t": "relation 0"}


def test_semicolons_in_strings_and_comments_do_not_end_a_statement() -> None:
    statements = parse("SELECT ';' FROM t; -- one; two\nSELECT 2;;", known)

    assert len(statements) == 2


def test_common_table_expressions_are_no_relations() -> None:
    statement = one("WITH nope AS (SELECT 1 AS x) SELECT * FROM Nope, (SELECT * FROM t) s")

    assert set(statement.relations) == {"t"}


def test_relations_in_subqueries_are_found() -> None:
    statement = one('SELECT (SELECT max(a) FROM t) FROM table1 WHERE EXISTS (SELECT 1 FROM "TaBle1")')

    assert set(statement.relations) == {"t", "table1", "TaBle1"}


def test_an_insert_names_its_target_and_keeps_the_query() -> None:
    statement = one('INSERT INTO "TaBle1" (A, "B") SELECT x, y FROM t')
    plain = one("INSERT INTO anything VALUES (1)")

    assert statement.target == ("TaBle1", ("a", "B"))
    assert set(statement.relations) == {"t"}
    assert plain.target == ("anything", None)


def test_parameters_of_a_prepared_statement_are_filled_in() -> None:
    statement = one("PREPARE p AS SELECT $2, $1 FROM t; EXECUTE p(1 + 2, 'x');")

    assert "(1 + 2)" in statement.sql and "('x')" in statement.sql


def test_preparing_alone_gives_nothing_to_run() -> None:
    assert parse("PREPARE p AS SELECT 1; DEALLOCATE p", known) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no statement"),
        ("SELECT * FROM nope", "'nope' not found"),
        ("SELECT * FROM other.t", "not found"),
        ("SELEC 1", "cannot be parsed"),
        ("SELECT (", "cannot be parsed"),
        ("SELECT 'x", "cannot be read"),
        ("DROP TABLE t", "DROP"),
        ("UPDATE t SET a = 1", "UPDATE"),
        ("EXECUTE p", "no prepared statement"),
        ("PREPARE p AS SELECT $1; EXECUTE p", "no value"),
        ("ATTACH 'x' AS y", "ATTACH"),
        ("COPY t TO 'x'", "COPY"),
        ("SET threads = 4", "SET"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        parse(text, known)
