"""Finding what clients name: projects, deployments, pipelines and their versions.

All that a call names below a project is looked up through here, so that what is missing is said in one way.
"""

from dataclasses import dataclass
from typing import TypeVar

from penstock.api.shared.call import Call
from penstock.api.ubiops.kinds import (
    DEPLOYMENT,
    ORGANIZATION,
    PIPELINE,
    PIPELINE_VERSION,
    PROJECT,
    VERSION,
    DeploymentBody,
    OrganizationBody,
    PipelineBody,
    PipelineVersionBody,
    ProjectBody,
    VersionBody,
)
from penstock.kernel.errors import AlreadyExists, Denied, NotFound, WrongState
from penstock.kernel.query import Compare, Comparison, Order, Predicate
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.services.documents import Document, Documents, Kind
from penstock.services.services import Services

__all__ = [
    "DEFAULT_ORGANIZATION",
    "DEFAULT_PROJECT",
    "Project",
    "all_of",
    "available",
    "default_pipeline_version",
    "default_version",
    "equals",
    "find_deployment",
    "find_pipeline",
    "find_pipeline_version",
    "find_version",
    "found",
    "project_of",
    "scope_of",
    "seed",
]

DEFAULT_ORGANIZATION = "default"
DEFAULT_PROJECT = "default"

Body = TypeVar("Body")
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Project:
    """The project that a call is about, and the scope of all its things."""

    document: Document[ProjectBody]
    scope: Scope

    @property
    def name(self) -> str:
        """Return what clients call it."""
        return str(self.document.name)

    @property
    def id(self) -> str:
        """Return its id."""
        return self.document.id


def scope_of(project_id: str) -> Scope:
    """Return the scope of a project's things."""
    return DEFAULT_SCOPE.child(project_id)


async def project_of(call: Call) -> Project:
    """Return the project in a call's path.

    Raises: NotFound; Denied if the caller's token is for another project.
    """
    name, documents = call.path["project"], call.services.documents
    try:
        document = await documents.find(PROJECT, DEFAULT_SCOPE, name)
    except NotFound:
        await seed(call.services)
        document = await found(documents, PROJECT, DEFAULT_SCOPE, name)
    scope = scope_of(document.id)
    if not call.scope.contains(scope):
        raise Denied(f"You do not have permission to use project {name!r}: the token is for another one")
    return Project(document, scope)


async def seed(services: Services) -> None:
    """Make the first organisation and its project, once in the life of a data directory."""
    documents = services.documents
    try:
        await documents.create(ORGANIZATION, DEFAULT_SCOPE, DEFAULT_ORGANIZATION, OrganizationBody())
    except AlreadyExists:
        return
    await documents.create(PROJECT, DEFAULT_SCOPE, DEFAULT_PROJECT, ProjectBody(organization=DEFAULT_ORGANIZATION))


async def found(documents: Documents, kind: Kind[Body], scope: Scope, name: str) -> Document[Body]:
    """Return a document by name. Raises: NotFound, in the words that clients know."""
    try:
        return await documents.find(kind, scope, name)
    except NotFound:
        raise NotFound(f"{kind.noun} was not found: there is no {kind.noun.lower()} {name!r}") from None


async def find_deployment(services: Services, project: Project, name: str) -> Document[DeploymentBody]:
    """Return a deployment. Raises: NotFound."""
    return await found(services.documents, DEPLOYMENT, project.scope, name)


async def find_version(
    services: Services, project: Project, deployment: Document[DeploymentBody], title: str
) -> Document[VersionBody]:
    """Return a version of a deployment. Raises: NotFound."""
    try:
        return await services.documents.find(VERSION, project.scope, f"{deployment.id}/{title}")
    except NotFound:
        raise NotFound(f"Deployment version was not found: {deployment.name!r} has no version {title!r}") from None


async def default_version(services: Services, deployment: Document[DeploymentBody]) -> Document[VersionBody]:
    """Return the default version of a deployment. Raises: NotFound if it has none."""
    if deployment.body.default_version is None:
        raise NotFound(f"Deployment version was not found: {deployment.name!r} has no default version")
    return await services.documents.get(VERSION, deployment.body.default_version)


async def find_pipeline(services: Services, project: Project, name: str) -> Document[PipelineBody]:
    """Return a pipeline. Raises: NotFound."""
    return await found(services.documents, PIPELINE, project.scope, name)


async def find_pipeline_version(
    services: Services, project: Project, pipeline: Document[PipelineBody], title: str
) -> Document[PipelineVersionBody]:
    """Return a version of a pipeline. Raises: NotFound."""
    try:
        return await services.documents.find(PIPELINE_VERSION, project.scope, f"{pipeline.id}/{title}")
    except NotFound:
        raise NotFound(f"Pipeline version was not found: {pipeline.name!r} has no version {title!r}") from None


async def default_pipeline_version(
    services: Services, pipeline: Document[PipelineBody]
) -> Document[PipelineVersionBody]:
    """Return the default version of a pipeline. Raises: NotFound if it has none."""
    if pipeline.body.default_version is None:
        raise NotFound(f"Pipeline version was not found: {pipeline.name!r} has no default version")
    return await services.documents.get(PIPELINE_VERSION, pipeline.body.default_version)


async def all_of(
    documents: Documents,
    kind: Kind[Body],
    scope: Scope,
    where: Predicate | None = None,
    order: Order | None = None,
) -> list[Document[Body]]:
    """Return all documents of a kind in a scope, in order of their making unless another is asked for."""
    rows: list[Document[Body]] = []
    cursor = None
    while True:
        page = await documents.page(kind, scope, where=where, order=order, limit=_PAGE, after=cursor)
        rows.extend(page.documents)
        if (cursor := page.next) is None:
            return rows


def equals(field: str, value: int | str) -> Predicate:
    """Return the condition that a column has a value."""
    return Compare(field, Comparison.EQ, value)


def available(version: Document[VersionBody]) -> Document[VersionBody]:
    """Return a version that can take requests. Raises: WrongState if it cannot."""
    if version.body.active_revision is None:
        status = version.body.status
        raise WrongState(f"Version is not available: The version is currently in the {status} stage")
    return version
