"""Environment variables: which are in force for a version, and where the text of a secret one is.

A version's own come before its deployment's, those before its environment's, those before the project's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.api.ubiops.catalogue import Project, all_of, equals
from penstock.api.ubiops.kinds import VARIABLE, DeploymentBody, VariableBody, VersionBody
from penstock.kernel.query import Order
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = ["Effective", "effective", "of_owner", "secret_name"]


@dataclass(frozen=True, slots=True)
class Effective:
    """The variables in force. secrets: by variable, the name of the secret that holds its text."""

    variables: Mapping[str, str]
    secrets: Mapping[str, str]


def secret_name(variable: Document[VariableBody]) -> str:
    """Return the name under which the text of a secret variable is kept."""
    return f"variable/{variable.id}"


async def of_owner(services: Services, project: Project, owner_id: str) -> list[Document[VariableBody]]:
    """Return the variables that an owner has itself, by name."""
    return await all_of(services.documents, VARIABLE, project.scope, equals("owner_id", owner_id), Order("name"))


async def effective(
    services: Services,
    project: Project,
    deployment: Document[DeploymentBody],
    version: Document[VersionBody],
    *,
    environment_ids: tuple[str, ...] = (),
    package: Mapping[str, str] | None = None,
) -> Effective:
    """Return what a version's workers see. package: what the code itself asks for, which all others override."""
    plain: dict[str, str] = dict(package or {})
    secret: dict[str, str] = {}
    for owner in (project.id, *environment_ids, deployment.id, version.id):
        for variable in await of_owner(services, project, owner):
            plain.pop(variable.body.title, None)
            secret.pop(variable.body.title, None)
            if variable.body.is_secret:
                secret[variable.body.title] = secret_name(variable)
            else:
                plain[variable.body.title] = variable.body.value
    return Effective(plain, secret)
