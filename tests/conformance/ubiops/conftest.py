"""What the tests of both generations of the client share: the server, a project, and two deployments in it."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.serving import Server, server, wait_for

if TYPE_CHECKING:
    from tests.conformance.ubiops.building import Bench

__all__ = ["Server", "server", "wait_for"]

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
os.environ["NETRC"] = os.devnull

pytest.register_assert_rewrite("tests.conformance.ubiops.cases", "tests.conformance.ubiops.building")


@contextmanager
def project_on(url: str, folder: Path, token: str = "Token any") -> Iterator["Bench"]:
    """A project of its own, which is gone afterwards."""
    import ubiops

    from tests.conformance.ubiops.building import Bench

    made = Bench(url, f"t-{uuid.uuid4().hex[:12]}", folder, token)
    made.api.projects_create(ubiops.ProjectCreate(name=made.project, organization_name="default"))
    yield made
    made.api.projects_delete(made.project)


@pytest.fixture
def bench(server: Server, tmp_path: Path) -> Iterator["Bench"]:
    """An empty project."""
    with project_on(server.url, tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def steps(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Bench"]:
    """A project with the deployments `times2`, `add5` and `boom`, and the pipeline `numbers` of the first two."""
    from tests.conformance.ubiops.building import ADD5, BOOM, TIMES2, chain, step

    with project_on(server.url, tmp_path_factory.mktemp("steps")) as made:
        for name, source in (("times2", TIMES2), ("add5", ADD5), ("boom", BOOM)):
            made.deploy(name, source)
        made.pipeline("numbers", [step("times2"), step("add5")], chain("times2", "add5"))
        made.pipeline("broken", [step("boom")], chain("boom"))
        yield made


def refused(call: Any, *, status: int | None = None) -> str:
    """Return the text of a refusal, which must be a 4xx with an `error`."""
    import json

    from ubiops.exceptions import ApiException

    with pytest.raises(ApiException) as caught:
        call()
    assert 400 <= caught.value.status < 500
    assert status in (None, caught.value.status)
    text: str = json.loads(caught.value.body)["error"]
    assert text
    return text
