"""Who may do what on a server with authentication: owners, service users with roles, and nobody else."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import ubiops

from tests.conformance.serving import Server
from tests.conformance.ubiops.building import Bench
from tests.conformance.ubiops.conftest import project_on, refused

KEY = "a-key-of-the-owner-of-this-server"


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    os.environ["PENSTOCK_OWNER_KEY"] = KEY
    try:
        with tempfile.TemporaryDirectory(prefix="penstock-guarded-", ignore_cleanup_errors=True) as folder:
            made = Server(Path(folder) / "data")
            yield made
            made.stop()
    finally:
        del os.environ["PENSTOCK_OWNER_KEY"]


@pytest.fixture
def owner(guarded: Server, tmp_path: Path) -> Iterator[Bench]:
    with project_on(guarded.url, tmp_path, f"Token {KEY}") as made:
        yield made


def test_a_wrong_token_is_refused_with_the_text_that_the_client_shows(guarded: Server, tmp_path: Path) -> None:
    for token in ("Token wrong", "Token with a blank", "Basic x"):
        stranger = Bench(guarded.url, "default", tmp_path, token)
        assert stranger.api.service_status().status == "ok"
        assert "Unauthorized" in refused(stranger.api.projects_list, status=401) or token == "Token wrong"


def test_a_password_opens_like_a_token(guarded: Server, tmp_path: Path) -> None:
    anybody = Bench(guarded.url, "default", tmp_path)
    wanted = {"email": "me@example.org", "password": KEY}
    answer = anybody.raw("POST", "/authorize", json=wanted)
    access = answer.json()["access"]
    assert Bench(guarded.url, "default", tmp_path, f"Bearer {access}").api.projects_list()
    assert anybody.raw("POST", "/authorize", json=wanted | {"password": "guess"}).status_code == 401


def test_a_service_user_may_what_its_role_permits_in_its_project(owner: Bench, guarded: Server) -> None:
    api, project = owner.api, owner.project
    user = api.service_users_create(project, ubiops.ServiceUserCreate(name="robot"))
    robot = Bench(guarded.url, project, owner.folder, f"Token {user.token}")
    refused(lambda: robot.api.deployments_list(project), status=403)

    role = {"assignee": user.id, "assignee_type": "service_user", "resource": project, "resource_type": "project"}
    viewer = api.role_assignments_create(project, ubiops.RoleAssignmentCreate(role="project-viewer", **role))
    assert robot.api.deployments_list(project) == []
    refused(lambda: robot.deployment("d"), status=403)

    api.role_assignments_create(project, ubiops.RoleAssignmentCreate(role="project-editor", **role))
    robot.deployment("d")
    assert api.project_audit_events_list(project, limit=1)[0].user == user.email
    refused(lambda: robot.api.service_users_create(project, ubiops.ServiceUserCreate(name="x")), status=403)
    refused(lambda: robot.api.deployments_list("default"), status=403)
    assert [each.name for each in robot.api.projects_list()] == [project]

    assert len(api.role_assignments_per_object_list(project, assignee=user.id)) == 2
    api.role_assignments_delete(project, viewer.id)
    token = api.service_users_token(project, user.id).token
    refused(lambda: robot.api.deployments_list(project), status=401)
    again = Bench(guarded.url, project, owner.folder, f"Token {token}")
    assert [each.name for each in again.api.deployments_list(project)] == ["d"]
    api.service_users_delete(project, user.id)
    refused(lambda: again.api.deployments_list(project), status=401)


def test_a_role_of_somebodys_own_is_made_given_and_kept_while_given(owner: Bench) -> None:
    api, project = owner.api, owner.project
    api.roles_create(project, ubiops.RoleCreate(name="looker", permissions=["deployments.list"]))
    assert api.roles_get(project, "looker").permissions == ["deployments.list"]
    refused(lambda: api.roles_create(project, ubiops.RoleCreate(name="x", permissions=["fly"])), status=400)
    refused(lambda: api.roles_create(project, ubiops.RoleCreate(name="project-admin", permissions=[])), status=409)
    user = api.service_users_create(project, ubiops.ServiceUserCreate(name="robot"))
    given = api.role_assignments_create(
        project, ubiops.RoleAssignmentCreate(role="looker", assignee=user.id, assignee_type="service_user",
                                             resource=project, resource_type="project")
    )  # fmt: skip
    refused(lambda: api.roles_delete(project, "looker"))
    api.role_assignments_delete(project, given.id)
    api.roles_delete(project, "looker")
    refused(lambda: api.roles_get(project, "looker"), status=404)
