"""Create, read, update, delete."""

from typing import Any

import pytest
from feldera import FelderaClient, Pipeline, PipelineBuilder
from feldera.enums import PipelineFieldSelector
from feldera.rest.errors import FelderaAPIError

from tests.conformance.feldera.conftest import Http, Make, wait_for

pytestmark = pytest.mark.conformance

P = "/pipelines"


def compiled(http: Http, name: str, version: int = 1) -> dict[str, Any]:
    def look() -> Any:
        shown = http("GET", f"{P}/{name}?selector=status").json()
        return shown if shown["program_status"] == "Success" and shown["program_version"] == version else None

    found: dict[str, Any] = wait_for(look)
    return found


@pytest.mark.parametrize("body", [{}, {"name": "only-a-name"}, {"program_code": ""}])
def test_a_name_and_a_program_are_needed(http: Http, body: dict[str, str]) -> None:
    """Row 18."""
    assert http.code("POST", P, json=body)[0] == 400


def test_everything_else_has_a_default(http: Http, name: str) -> None:
    """Row 19."""
    reply = http("POST", P, json={"name": name, "program_code": ""})

    assert reply.status_code == 201
    shown = reply.json()
    assert [shown[key] for key in ("description", "udf_rust", "udf_toml", "tags")] == ["", "", "", []]
    assert isinstance(shown["runtime_config"], dict)
    assert isinstance(shown["program_config"], dict)


def test_a_program_that_is_no_sql_is_stored(http: Http, name: str) -> None:
    """Row 20."""
    reply = http("POST", P, json={"name": name, "program_code": "not valid SQL"})

    assert (reply.status_code, reply.json()["program_code"]) == (201, "not valid SQL")


def test_every_field_comes_back_as_sent(http: Http, name: str) -> None:
    """Row 21."""
    sent = {
        "name": name,
        "description": "about",
        "program_code": "CREATE TABLE t (x INT);",
        "udf_rust": "use feldera_sqllib::F32;",
        "udf_toml": 'serde = "1.0"',
        "tags": ["b", "a"],
    }
    shown = http("POST", P, json={**sent, "runtime_config": {"workers": 2}, "program_config": {"profile": "dev"}})

    assert shown.status_code == 201
    assert {key: shown.json()[key] for key in sent} == sent
    assert shown.json()["runtime_config"]["workers"] == 2
    assert shown.json()["program_config"]["profile"] == "dev"


def test_a_name_in_use_is_refused(http: Http, name: str) -> None:
    """Row 22."""
    http("POST", P, json={"name": name, "program_code": ""})

    assert http.code("POST", P, json={"name": name, "program_code": "x", "description": "d"}) == (409, "DuplicateName")


@pytest.mark.parametrize(
    ("bad", "code"), [("", "EmptyName"), ("a" * 101, "TooLongName"), ("%abc", "NameDoesNotMatchPattern")]
)
def test_a_bad_name_is_refused(http: Http, bad: str, code: str) -> None:
    """Row 23."""
    assert http.code("POST", P, json={"name": bad, "program_code": ""}) == (400, code)


def test_an_unknown_pipeline_is_not_found(client: FelderaClient) -> None:
    """Row 24."""
    with pytest.raises(FelderaAPIError) as refused:
        Pipeline.get("no-such-pipeline", client)

    assert (refused.value.status_code, refused.value.error_code) == (404, "UnknownPipelineName")


def test_the_list_has_all_pipelines(http: Http, name: str) -> None:
    """Row 25."""
    text = "CREATE TABLE t (x INT);\n-- as it is\n"
    http("POST", P, json={"name": name, "program_code": text})

    reply = http("GET", P)
    assert reply.status_code == 200
    (listed,) = (shown for shown in reply.json() if shown["name"] == name)
    again = http("GET", f"{P}/{name}").json()
    assert (again["id"], again["program_code"]) == (listed["id"], text)


def test_the_client_lists_and_gets(client: FelderaClient, make: Make) -> None:
    """Row 26."""
    name = make("CREATE TABLE t (x INT)").name

    assert name in [pipeline.name for pipeline in Pipeline.all(client)]
    assert name in [pipeline.name for pipeline in client.pipelines(PipelineFieldSelector.STATUS)]
    assert client.get_pipeline(name, PipelineFieldSelector.ALL).name == name
    assert client.get_runtime_config(name)["workers"] == 8
    assert not hasattr(client.get_pipeline(name, PipelineFieldSelector.STATUS), "program_code")


def test_a_pipeline_lives_and_dies(http: Http, name: str) -> None:
    """Row 27."""
    assert http("POST", P, json={"name": name, "program_code": "CREATE TABLE t (x INT)"}).status_code == 201
    compiled(http, name)

    assert http("DELETE", f"{P}/{name}").status_code == 200
    assert http.code("GET", f"{P}/{name}") == (404, "UnknownPipelineName")


def test_tags_keep_their_order(http: Http, name: str) -> None:
    """Row 28."""
    tags = ["zeta", "prod|ef4444", "team:ml", "a b"]
    http("POST", P, json={"name": name, "program_code": "", "tags": tags})

    assert http("GET", f"{P}/{name}").json()["tags"] == tags


def test_an_edit_touches_only_what_it_names(http: Http, name: str) -> None:
    """Row 29."""
    http("POST", P, json={"name": name, "program_code": "", "description": "d", "tags": ["a"]})

    nulls = dict.fromkeys(("program_code", "udf_rust", "udf_toml", "program_config", "runtime_config"))
    shown = http("PATCH", f"{P}/{name}", json={**nulls, "tags": ["b"], "description": None}).json()
    assert (shown["tags"], shown["description"]) == (["b"], "d")
    shown = http("PATCH", f"{P}/{name}", json={**nulls, "tags": None, "description": "e"}).json()
    assert (shown["tags"], shown["description"]) == (["b"], "e")
    shown = http("PATCH", f"{P}/{name}", json={"tags": []}).json()
    assert (shown["tags"], shown["description"]) == ([], "e")


def test_a_put_replaces_everything(http: Http, name: str) -> None:
    """Row 30."""
    http("POST", P, json={"name": name, "program_code": "", "tags": ["a"]})
    reply = http("PUT", f"{P}/{name}", json={"name": name, "program_code": ""})

    assert (reply.status_code, reply.json()["tags"]) == (200, [])


def test_the_builder_carries_tags_and_description(client: FelderaClient, name: str) -> None:
    """Row 31."""
    assert PipelineBuilder(client, name, "").create_or_replace().tags() == []
    pipeline = PipelineBuilder(client, name, "", tags=["b", "a"], description="d").create_or_replace()
    assert (pipeline.tags(), pipeline.description()) == (["a", "b"], "d")

    pipeline.modify(tags=["c"])
    assert (pipeline.tags(), pipeline.description()) == (["c"], "d")
    pipeline.modify(description="e")
    assert (pipeline.tags(), pipeline.description()) == (["c"], "e")


def test_counters_move_as_they_should(http: Http, name: str) -> None:
    """Rows 32, 33, 34."""

    def counters(shown: dict[str, Any]) -> list[int]:
        return [shown[key] for key in ("version", "program_version", "refresh_version")]

    http("POST", P, json={"name": name, "program_code": "", "description": "d", "tags": ["a"]})
    fresh = counters(compiled(http, name))
    assert fresh == [1, 1, 3]

    for edit in ({"description": "e"}, {"tags": ["b"]}, {"description": "e", "tags": ["b"]}):
        assert counters(http("PATCH", f"{P}/{name}", json=edit).json()) == fresh
    assert counters(http("GET", f"{P}/{name}").json()) == fresh

    edited = http("PATCH", f"{P}/{name}", json={"program_code": "CREATE TABLE t (x INT);"}).json()
    assert counters(edited) == [count + 1 for count in fresh]
    assert (edited["description"], edited["tags"]) == ("e", ["b"])
    assert counters(compiled(http, name, 2)) == [2, 2, 6]


def test_a_rename_keeps_the_pipeline(http: Http, name: str) -> None:
    made = http("POST", P, json={"name": name + "x", "program_code": ""}).json()
    renamed = http("PATCH", f"{P}/{name}x", json={"name": name}).json()

    assert (renamed["id"], renamed["name"], renamed["version"]) == (made["id"], name, 2)
    assert http("GET", f"{P}/{name}x").status_code == 404
    body = {"name": "other", "program_code": ""}
    assert http.code("PUT", f"{P}/{name}x", json=body) == (400, "CannotRenameNonExistingPipeline")
