import pytest

from penstock.api.shared.dialect import Dialect, Reply
from penstock.api.shared.operation import Operation
from penstock.api.shared.routing import Router
from penstock.kernel.errors import PenstockError
from tests import toy_dialect


def router(*templates: str) -> Router:
    operations = []
    for template in templates:
        verb, path = template.split(" ")
        operations.append(Operation(verb, path))
    return Router((dialect("a", tuple(operations)),))


def dialect(name: str, operations: tuple[Operation, ...] = (), prefixes: tuple[str, ...] = ("/",)) -> Dialect:
    return Dialect(
        name, prefixes, operations, {PenstockError: Reply(500)}, toy_dialect.error_body, toy_dialect.authenticate
    )


def found(router: Router, verb: str, path: str) -> tuple[str, dict[str, str]]:
    match = router.find(verb, path)
    assert match.endpoint is not None
    return match.endpoint.operation.path, match.parameters


def test_a_literal_segment_goes_before_a_parameter() -> None:
    routes = router("GET /p/{name}", "GET /p/all")

    assert found(routes, "GET", "/p/all") == ("/p/all", {})
    assert found(routes, "GET", "/p/x") == ("/p/{name}", {"name": "x"})


def test_the_search_backs_up_when_a_literal_leads_nowhere() -> None:
    routes = router("GET /p/all/x", "GET /p/{name}/y")

    assert found(routes, "GET", "/p/all/y") == ("/p/{name}/y", {"name": "all"})


def test_the_search_goes_on_when_a_path_lacks_the_verb() -> None:
    routes = router("POST /p/all", "GET /p/{name}")

    assert found(routes, "GET", "/p/all") == ("/p/{name}", {"name": "all"})
    assert routes.find("PUT", "/p/all").allowed == ("POST", "GET")


def test_a_suffix_goes_before_a_bare_parameter() -> None:
    routes = router("POST /r/{id}", "POST /r/{id}:retry", "POST /r/{id}:terminate")

    assert found(routes, "POST", "/r/1:retry") == ("/r/{id}:retry", {"id": "1"})
    assert found(routes, "POST", "/r/1:other") == ("/r/{id}", {"id": "1:other"})
    assert found(routes, "POST", "/r/:retry") == ("/r/{id}", {"id": ":retry"})


def test_the_root_and_a_rest_are_paths_too() -> None:
    routes = router("GET /", "GET /files/{rest:path}")

    assert found(routes, "GET", "/") == ("/", {})
    assert found(routes, "GET", "/files/a/b%2Fc") == ("/files/{rest:path}", {"rest": "a/b/c"})
    assert routes.find("GET", "/files").endpoint is None


def test_head_is_answered_by_get() -> None:
    assert found(router("GET /p"), "HEAD", "/p") == ("/p", {})


def test_the_longest_prefix_owns_an_unknown_path() -> None:
    routes = Router((dialect("root"), dialect("a", prefixes=("/a",)), dialect("ab", prefixes=("/a/b",))))

    owners = [routes.find("GET", path).dialect.name for path in ("/", "/x", "/a", "/a/x", "/a/b", "/a/b/x", "/a/bx")]
    assert owners == ["root", "root", "a", "a", "ab", "ab", "a"]


@pytest.mark.parametrize("templates", [("GET /p/{a}", "GET /p/{a}"), ("GET /p", "GET /p/")])
def test_two_operations_of_one_path_are_refused(templates: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="twice"):
        router(*templates)


@pytest.mark.parametrize("template", ["GET /p/{}", "GET /p/{a}{b}", "GET /p/{a", "GET /p/{a-b}"])
def test_a_template_that_cannot_be_read_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="template"):
        router(template)
