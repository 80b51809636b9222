"""Ad-hoc queries."""

import datetime
import decimal
import math
from pathlib import Path
from typing import Any

import pytest
from feldera import Pipeline
from feldera.rest.errors import FelderaAPIError

from tests.conformance.feldera.conftest import Http, Make, rows, wait_for

pytestmark = pytest.mark.conformance

COPY = """
CREATE TABLE t(id INT, name VARCHAR) WITH ('materialized' = 'true');
CREATE MATERIALIZED VIEW v AS SELECT * FROM t;
"""
THREE = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": None}]


@pytest.fixture
def copy(started: Make) -> Pipeline:
    pipeline = started(COPY)
    pipeline.input_json("t", THREE)
    return pipeline


def arrow(pipeline: Pipeline, sql: str) -> list[dict[str, Any]]:
    return list(pipeline.query_arrow_dicts(sql))


def test_json_has_one_object_per_line(copy: Pipeline) -> None:
    """Row 85."""
    assert rows(copy, "SELECT ID, Name FROM V") == THREE
    assert rows(copy, "SELECT id FROM v WHERE id > 9") == []


def test_text_is_a_table(copy: Pipeline) -> None:
    """Row 86."""
    lines = [line for line in copy.query_tabular("SELECT id FROM v ORDER BY id") if line.strip()]

    assert lines == ["+----+", "| id |", "+----+", "| 1  |", "| 2  |", "| 3  |", "+----+"]


def test_parquet_is_the_same_for_the_same_answer(copy: Pipeline, tmp_path: Path) -> None:
    """Row 87."""
    files = []
    for number, sql in enumerate(
        ("SELECT * FROM v ORDER BY id", "SELECT * FROM v ORDER BY id", "SELECT * FROM t ORDER BY id")
    ):
        path = tmp_path / f"{number}.parquet"
        copy.query_parquet(sql, str(path))
        files.append(path.read_bytes())

    assert files[0][:4] == b"PAR1"
    assert files[0] == files[1] == files[2]


def test_arrow_carries_every_type(started: Make) -> None:
    """Row 88."""
    columns = {
        "i1": ("TINYINT", -1, -1),
        "i2": ("SMALLINT", -2, -2),
        "i4": ("INT", -4, -4),
        "i8": ("BIGINT", 2**53 + 1, 2**53 + 1),
        "u1": ("TINYINT UNSIGNED", 255, 255),
        "u2": ("SMALLINT UNSIGNED", 65535, 65535),
        "u4": ("INT UNSIGNED", 2**32 - 1, 2**32 - 1),
        "u8": ("BIGINT UNSIGNED", 2**64 - 1, 2**64 - 1),
        "f4": ("REAL", 1.5, 1.5),
        "f8": ("DOUBLE", 0.1, 0.1),
        "d": ("DECIMAL(10, 2)", "1.25", decimal.Decimal("1.25")),
        "b": ("BOOLEAN", True, True),
        "s": ("VARCHAR", "ä", "ä"),
        "c": ("CHAR(5)", "abc", "abc"),
        "x": ("VARBINARY", [1, 255], b"\x01\xff"),
        "day": ("DATE", "2024-02-29", datetime.date(2024, 2, 29)),
        "hour": ("TIME", "01:02:03", datetime.time(1, 2, 3)),
        "at": ("TIMESTAMP", "2024-02-29 01:02:03", datetime.datetime(2024, 2, 29, 1, 2, 3)),  # noqa: DTZ001
        "u": ("UUID", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        "l": ("INT ARRAY", [1, 2], [1, 2]),
        "m": ("MAP<VARCHAR, INT>", {"a": 1}, [("a", 1)]),
    }
    declared = ", ".join(f'"{name}" {type}' for name, (type, _, _) in columns.items())
    pipeline = started(f"CREATE TABLE t({declared}) WITH ('materialized' = 'true');")
    pipeline.input_json("t", {name: sent for name, (_, sent, _) in columns.items()})

    assert arrow(pipeline, "SELECT * FROM t") == [{name: value for name, (_, _, value) in columns.items()}]


def test_columns_of_one_name_both_arrive(copy: Pipeline) -> None:
    """Row 89."""
    (batch,) = (
        b for b in copy.query_arrow("SELECT a.id, b.id FROM v a JOIN v b ON a.id = b.id WHERE a.id = 1") if len(b)
    )

    assert [column.to_pylist() for column in batch.columns] == [[1], [1]]


def test_infinity_and_nan_arrive(started: Make) -> None:
    """Row 90."""
    pipeline = started("CREATE TABLE t(x DOUBLE, y DOUBLE); CREATE MATERIALIZED VIEW v AS SELECT x / y AS q FROM t;")
    pipeline.input_json("t", [{"x": 1, "y": 0}, {"x": 0, "y": 0}])

    quotients = [row["q"] for row in arrow(pipeline, "SELECT q FROM v")]
    assert math.inf in quotients
    assert sum(math.isnan(q) for q in quotients) == 1


def test_a_division_by_zero_is_an_error_in_the_text(copy: Pipeline, http: Http) -> None:
    """Row 91."""
    reply = http("GET", f"/pipelines/{copy.name}/query", params={"sql": "SELECT 1/0", "format": "text"})

    assert reply.status_code == 200
    assert "ERROR" in reply.text


def test_an_unknown_table_is_an_error(copy: Pipeline) -> None:
    """Row 92."""
    with pytest.raises(FelderaAPIError):
        rows(copy, "SELECT * FROM nothing")


def test_what_is_not_materialized_cannot_be_asked_for(started: Make) -> None:
    """Row 93."""
    pipeline = started("CREATE TABLE t(x INT); CREATE MATERIALIZED VIEW v AS SELECT * FROM t;")
    pipeline.input_json("t", {"x": 1})

    with pytest.raises(FelderaAPIError, match="materialized") as refused:
        rows(pipeline, "SELECT * FROM t")
    assert (refused.value.status_code, refused.value.error_code) == (400, "AdHocQueryError")
    assert rows(pipeline, "SELECT * FROM v") == [{"x": 1}]


def test_which_tables_are_materialized(make: Make) -> None:
    """Row 94."""
    pipeline = make(
        """
        CREATE TABLE plain(x INT);
        CREATE TABLE said(x INT) WITH ('materialized' = 'true');
        CREATE TABLE keyed(x INT NOT NULL PRIMARY KEY);
        CREATE TABLE late(x INT NOT NULL PRIMARY KEY LATENESS 5);
        CREATE TABLE late_beside(x INT NOT NULL PRIMARY KEY, y INT LATENESS 5);
        """
    )

    relations = pipeline.program_info()["schema"]["inputs"]
    assert {relation["name"]: relation["materialized"] for relation in relations} == {
        "plain": False,
        "said": True,
        "keyed": True,
        "late": False,
        "late_beside": True,
    }


def test_rows_can_be_inserted(started: Make) -> None:
    """Row 95."""
    pipeline = started("CREATE TABLE t(x INT, s VARCHAR); CREATE MATERIALIZED VIEW v AS SELECT * FROM t;")

    assert rows(pipeline, "INSERT INTO t VALUES (1, 'a'), (2, 'b')") == [{"count": 2}]
    pipeline.execute("INSERT INTO t VALUES (3, 'c')", wait=True)
    assert [row["x"] for row in rows(pipeline, "SELECT * FROM v")] == [1, 2, 3]


@pytest.mark.parametrize(
    "declared", ["at INT NOT NULL PRIMARY KEY LATENESS 5", "id INT NOT NULL PRIMARY KEY, at INT LATENESS 5"]
)
def test_late_rows_are_dropped(started: Make, declared: str) -> None:
    """Row 96."""
    pipeline = started(f"CREATE TABLE t({declared}); CREATE MATERIALIZED VIEW v AS SELECT at FROM t;")
    values = [(100,), (1,)] if declared.startswith("at") else [(1, 100), (2, 1)]
    for value in values:
        text = ", ".join(map(str, value))
        pipeline.execute(f"INSERT INTO t VALUES ({text})", wait=True)

    assert rows(pipeline, "SELECT * FROM v") == [{"at": 100}]


def test_literals_of_all_sorts(started: Make) -> None:
    """Row 97."""
    pipeline = started(
        """
        CREATE TABLE t(d DATE, h TIME, at TIMESTAMP, x VARBINARY, l INT ARRAY, m MAP<VARCHAR, INT>, u UUID, e DATE)
        WITH ('materialized' = 'true');
        """
    )
    pipeline.execute(
        """
        INSERT INTO t VALUES (DATE '2024-01-02', TIME '03:04:05', TIMESTAMP '2024-01-02 03:04:05', x'01ff',
            ARRAY[1, 2], MAP {'a': 1}, 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6', '2024-05-06')
        """,
        wait=True,
    )

    (row,) = arrow(pipeline, "SELECT * FROM t")
    assert (row["d"], row["h"], row["e"]) == (
        datetime.date(2024, 1, 2),
        datetime.time(3, 4, 5),
        datetime.date(2024, 5, 6),
    )
    assert (row["x"], row["l"], row["m"]) == (b"\x01\xff", [1, 2], [("a", 1)])
    assert row["u"] == "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


def test_statements_can_be_prepared(copy: Pipeline) -> None:
    """Row 98."""
    sql = "PREPARE p AS SELECT id FROM v WHERE id > $1 ORDER BY id; EXECUTE p(1);"

    assert rows(copy, sql) == [{"id": 2}, {"id": 3}]


def test_quoted_names_and_counts_of_nothing(started: Make) -> None:
    """Row 99."""
    pipeline = started("""CREATE TABLE "TaBle1"(x INT) WITH ('materialized' = 'true');""")

    assert rows(pipeline, 'SELECT COUNT(*) AS c FROM "TaBle1"') == [{"c": 0}]


def test_a_transaction_is_seen_when_it_is_committed(copy: Pipeline) -> None:
    """Row 100."""
    number = copy.start_transaction()
    assert copy.transaction_id() == number
    sql = "INSERT INTO t VALUES (4, 'd'); INSERT INTO t VALUES (5, 'e'); SELECT COUNT(*) AS c FROM t"
    assert rows(copy, sql) == [{"c": 3}]
    copy.commit_transaction(poll_interval_s=0.02)

    wait_for(lambda: rows(copy, "SELECT COUNT(*) AS c FROM v") == [{"c": 5}])
    assert copy.transaction_id() is None


def test_a_hash_tells_answers_apart(copy: Pipeline) -> None:
    same = copy.query_hash("SELECT * FROM v ORDER BY id")

    assert len(same.strip()) == 64
    assert copy.query_hash("SELECT * FROM t ORDER BY id DESC") == same
    assert copy.query_hash("SELECT * FROM t WHERE id < 3") != same
