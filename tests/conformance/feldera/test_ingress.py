"""Feeding data."""

import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pandas as pd
import pytest
from feldera import Pipeline
from feldera.enums import CompletionTokenStatus

from tests.conformance.feldera.conftest import Http, Make, rows, wait_for

pytestmark = pytest.mark.conformance

T = "CREATE TABLE t1(id INT, b BOOLEAN, s VARCHAR) WITH ('materialized' = 'true');"


class Feed:
    """Raw bodies into a pipeline's tables."""

    def __init__(self, http: Http, pipeline: Pipeline) -> None:
        self.http = http
        self.pipeline = pipeline

    def post(self, body: str | bytes, table: str = "t1", query: str = "", **options: Any) -> Any:
        data = body if isinstance(body, bytes) else body.encode()
        path = f"/pipelines/{self.pipeline.name}/ingress/{quote(table, safe='')}?{query}"
        return self.http("POST", path, data=data, **options)

    def __call__(self, body: str | bytes, table: str = "t1", query: str = "", **options: Any) -> None:
        reply = self.post(body, table, query, **options)
        assert reply.status_code == 200, reply.text
        self.wait(reply.json()["token"])

    def wait(self, token: str) -> None:
        done = CompletionTokenStatus.COMPLETE
        wait_for(lambda: self.pipeline.completion_token_status(token) == done)

    def rows(self, sql: str = "SELECT * FROM t1") -> list[dict[str, Any]]:
        return rows(self.pipeline, sql)


@pytest.fixture
def fed(started: Make, http: Http) -> Any:
    def build(sql: str = T) -> Feed:
        return Feed(http, started(sql))

    return build


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_is_the_default(fed: Any, end: str) -> None:
    """Row 59."""
    feed = fed()
    feed(end.join(("1,true,foo", "2,false,bar")))

    assert feed.rows() == [{"id": 1, "b": True, "s": "foo"}, {"id": 2, "b": False, "s": "bar"}]


def test_missing_columns_are_null(fed: Any) -> None:
    """Row 60."""
    feed = fed()
    feed('{"id": 1}\n{"id": 2, "s": "x"}', query="format=json&update_format=raw")

    assert feed.rows() == [{"id": 1, "b": None, "s": None}, {"id": 2, "b": None, "s": "x"}]


@pytest.mark.parametrize("spelling", ["t1", "T1"])
def test_the_case_of_an_unquoted_table_does_not_matter(fed: Any, spelling: str) -> None:
    """Row 61."""
    feed = fed()
    feed("1,true,x", spelling)

    assert feed.rows() == [{"id": 1, "b": True, "s": "x"}]


def test_inserts_and_deletes(fed: Any) -> None:
    """Row 62."""
    feed = fed()
    form = "format=json&update_format=insert_delete"
    feed('{"insert": {"id": 1, "b": true, "s": "x"}}{"insert": {"id": 2}}', query=form)
    feed('{"delete": {"id": 2}}\n{"insert": {"id": 3}}', query=form)

    assert feed.rows("SELECT id FROM t1") == [{"id": 1}, {"id": 3}]


def test_rows_may_be_arrays(fed: Any) -> None:
    """Row 63."""
    feed = fed()
    feed('{"insert": [1, true, "x"]}\n{"insert": [2, false, null]}', query="format=json")
    feed('{"delete": [1, true, "x"]}', query="format=json")
    feed('[3, true, "y"]', query="format=json&update_format=raw")

    assert feed.rows("SELECT id FROM t1") == [{"id": 2}, {"id": 3}]


def test_one_array_of_updates(fed: Any) -> None:
    """Row 64."""
    feed = fed()
    feed('[{"insert": {"id": 1}}, {"delete": {"id": 1}}, {"insert": {"id": 2}}]', query="format=json&array=true")

    assert feed.rows("SELECT id FROM t1") == [{"id": 2}]


def test_an_array_with_bad_updates_is_refused_as_a_whole(fed: Any) -> None:
    """Row 65."""
    feed = fed()
    body = json.dumps([{"insert": {"id": 1}}, {"insert": {"id": "no"}}, {"insert": {"id": 2, "b": 7}}])
    reply = feed.post(body, query="format=json&array=true")

    assert (reply.status_code, reply.json()["error_code"]) == (400, "ParseErrors")
    assert "Errors parsing input data (2 errors)" in reply.text
    assert feed.rows() == []


def test_a_bad_csv_line_leaves_the_others(fed: Any) -> None:
    """Row 66."""
    feed = fed()
    reply = feed.post("1,true,ä🐍\n2,maybe,b\n3,false,ß\n", headers={"Content-Type": "text/csv"})

    assert reply.status_code == 400
    assert "Errors parsing input data (1 errors)" in reply.text
    wait_for(lambda: feed.rows("SELECT id, s FROM t1") == [{"id": 1, "s": "ä🐍"}, {"id": 3, "s": "ß"}])


def test_a_debezium_update(fed: Any) -> None:
    """Row 67."""
    feed = fed()
    form = "format=json&update_format=debezium"
    feed('{"payload": {"op": "c", "before": null, "after": {"id": 1}}}', query=form)
    feed('{"payload": {"op": "u", "before": {"id": 1}, "after": {"id": 2, "s": "x"}}}', query=form)

    assert feed.rows() == [{"id": 2, "b": None, "s": "x"}]


def test_a_map_is_an_object(fed: Any) -> None:
    """Row 68."""
    feed = fed("CREATE TABLE t1(id INT, m MAP<VARCHAR, BIGINT>) WITH ('materialized' = 'true');")
    feed('{"id": 1, "m": {"a": 1, "b": 2}}\n{"id": 2}', query="format=json&update_format=raw")

    assert feed.rows() == [{"id": 1, "m": {"a": 1, "b": 2}}, {"id": 2, "m": None}]


def test_quoted_columns_are_exact_and_others_are_folded(fed: Any) -> None:
    """Row 69."""
    feed = fed("""CREATE TABLE t1("C1" INT, Σ INT, "Δ" INT, "🐍" INT) WITH ('materialized' = 'true');""")
    feed(json.dumps({"C1": 1, "σ": 2, "Δ": 3, "🐍": 4}), query="format=json&update_format=raw")

    assert feed.rows() == [{"C1": 1, "σ": 2, "Δ": 3, "🐍": 4}]


def test_a_table_with_a_key_is_updated_by_key(fed: Any) -> None:
    """Row 70."""
    feed = fed("CREATE TABLE t1(id BIGINT NOT NULL PRIMARY KEY, s VARCHAR, n INT);")
    body = [
        {"insert": {"id": 1, "s": "a", "n": 1}},
        {"insert": {"id": 2, "s": "b", "n": 2}},
        {"insert": {"id": 3, "s": "c", "n": 3}},
    ]
    feed(json.dumps(body), query="format=json&array=true")
    changes = [
        {"insert": {"id": 1, "s": "A", "n": 1}},
        {"update": {"id": 2, "s": "B"}},
        {"delete": {"id": 3}},
        {"update": {"id": 9, "s": "nobody"}},
    ]
    feed("\n".join(json.dumps(change) for change in changes), query="format=json")

    assert feed.rows() == [{"id": 1, "s": "A", "n": 1}, {"id": 2, "s": "B", "n": 2}]


def test_quoted_and_unquoted_names_are_distinct(fed: Any) -> None:
    """Row 71."""
    feed = fed(
        """
        CREATE TABLE "TaBle1"(id INT NOT NULL);
        CREATE TABLE table1(id INT NOT NULL);
        CREATE MATERIALIZED VIEW "V1" AS SELECT * FROM "TaBle1";
        CREATE MATERIALIZED VIEW "v1" AS SELECT * FROM table1;
        """
    )
    upper, lower = (feed.pipeline.listen(view) for view in ("V1", "v1"))
    feed("10\n", '"TaBle1"')
    feed("20\n", "TABLE1")

    assert feed.rows('SELECT * FROM "V1"') == [{"id": 10}]
    assert feed.rows("SELECT * FROM v1") == [{"id": 20}]
    wait_for(lambda: upper.buffer and lower.buffer)
    assert (upper.to_dict(), lower.to_dict()) == (
        [{"id": 10, "insert_delete": 1}],
        [{"id": 20, "insert_delete": 1}],
    )


def test_a_token_completes_when_the_rows_can_be_seen(fed: Any) -> None:
    """Row 72."""
    feed = fed("CREATE TABLE t1(id INT); CREATE MATERIALIZED VIEW v AS SELECT * FROM t1;")
    for count in range(1, 201):
        feed(f'{{"id": {count}}}', query="format=json&update_format=raw")
        assert feed.rows("SELECT COUNT(*) AS c FROM v") == [{"c": count}]


def test_the_client_pushes_lists_and_csv(fed: Any) -> None:
    """Row 73."""
    feed = fed()
    client, name = feed.pipeline.client, feed.pipeline.name
    client.push_to_pipeline(name, "t1", "json", [{"id": 1}, {"id": 2}], array=True)
    client.push_to_pipeline(name, "t1", "csv", "3,true,x\n4,,y\n")

    assert [row["id"] for row in feed.rows()] == [1, 2, 3, 4]


@pytest.mark.filterwarnings("ignore")
def test_a_data_frame(fed: Any) -> None:
    """Row 74."""
    feed = fed("CREATE TABLE t1(id INT, at TIMESTAMP, s VARCHAR) WITH ('materialized' = 'true');")
    at = pd.Timestamp("2024-01-02 03:04:05")
    feed.pipeline.input_pandas("t1", pd.DataFrame({"id": [1, 2], "at": [at, at], "s": ["a", None]}))
    feed.pipeline.wait_for_idle(idle_interval_s=0.2, poll_interval_s=0.05)

    shown = feed.rows("SELECT id, s, CAST(at AS VARCHAR) AS at FROM t1")
    assert [(row["id"], row["s"], row["at"][:19]) for row in shown] == [
        (1, "a", "2024-01-02 03:04:05"),
        (2, None, "2024-01-02 03:04:05"),
    ]


def test_json_of_all_sorts(fed: Any) -> None:
    """Row 75."""
    feed = fed("CREATE TABLE t1(u UUID, d DECIMAL(5, 2)) WITH ('materialized' = 'true');")
    id = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    feed.pipeline.input_json("t1", {"u": id, "d": 1.25})
    feed.pipeline.input_json("t1", [{"insert": {"u": id.upper(), "d": "2.5"}}], update_format="insert_delete")

    assert feed.rows() == [{"u": id, "d": Decimal("1.25")}, {"u": id, "d": Decimal("2.50")}]


def test_generated_rows_are_counted_and_distinct(fed: Any) -> None:
    """Row 76."""
    connectors = json.dumps([{"name": "g", "transport": {"name": "datagen", "config": {"plan": [{"limit": 100}]}}}])
    feed = fed(f"CREATE TABLE t1(id INT NOT NULL PRIMARY KEY, n INT) WITH ('connectors' = '{connectors}');")
    feed.pipeline.wait_for_completion()

    assert feed.rows("SELECT COUNT(*) AS c, COUNT(DISTINCT id) AS d FROM t1") == [{"c": 100, "d": 100}]


def test_unknown_things_have_codes_of_their_own(fed: Any) -> None:
    feed = fed(T + "CREATE VIEW v AS SELECT * FROM t1;")

    def code(*arguments: Any, **options: Any) -> tuple[int, str]:
        reply = feed.post(*arguments, **options)
        return reply.status_code, reply.json()["error_code"]

    assert code("1", "nowhere") == (404, "UnknownInputStream")
    assert code("1", "v") == (404, "UnknownInputStream")
    assert code("1", query="format=yaml") == (400, "UnknownInputFormat")
    assert code("1", query="format=json&update_format=odd")[0] == 400
    assert feed.post("").status_code == 200
