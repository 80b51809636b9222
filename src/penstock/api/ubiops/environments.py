"""Environments: what a version's name for one means.

The system's own are Python interpreters by the names that the product gives them (`python3-11` and the like, also with
what stands before or behind for other machines). All of them are the interpreter that runs this server; the names are
taken so that packages made for the product run unchanged. Others are made by clients: requirements under a name, with
tags.
"""

import re
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from penstock.api.ubiops.catalogue import Project, all_of, equals
from penstock.api.ubiops.kinds import ENVIRONMENT, ENVIRONMENT_TAG, EnvironmentBody, TagBody, VersionBody
from penstock.kernel.errors import NotFound, WrongState
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = [
    "DEFAULT_NAME",
    "DEFAULT_TAG",
    "SYSTEM_NAMES",
    "Chosen",
    "environment_of",
    "is_system",
    "system_id",
    "tag_of",
]

DEFAULT_NAME: Final = f"python3-{sys.version_info.minor}"
"""The environment of a version that names none."""
DEFAULT_TAG: Final = "latest"
"""The tag of the system's own, and of an environment's first revision in the older model."""

SYSTEM_NAMES: Final = tuple(f"python3-{minor}" for minor in range(9, 15))
"""The system's own that lists show."""

_SYSTEM: Final = re.compile(
    r"(ubuntu[0-9-]+-)?python3([.-]\d+)?([.-](cuda|conda|gpu|tensorflow|torch|pytorch|r)[a-z0-9.-]*)?"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an environment gives to a version; nothing if it is one of the system's own.

    owner_ids: by which its secrets are found, those that count more behind. variables: what its `ubiops.yaml` sets.
    """

    owner_ids: tuple[str, ...] = ()
    requirements: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def is_system(name: str) -> bool:
    """Tell whether an environment is one of the system's own."""
    return _SYSTEM.fullmatch(name) is not None


def system_id(name: str) -> str:
    """Return the id of one of the system's own, which is the same on every server."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"penstock:environment:{name}"))


async def environment_of(services: Services, project: Project, version: VersionBody) -> Chosen:
    """Return what a version's environment gives it.

    Raises: NotFound; WrongState if it is not built.
    """
    name = version.environment_name
    try:
        environment = await services.documents.find(ENVIRONMENT, project.scope, name)
    except NotFound:
        if is_system(name):
            return Chosen()
        raise NotFound(f"Environment was not found: there is no environment {name!r}") from None
    tag = await tag_of(services, project, environment, version.environment_tag)
    if tag.body.status != "success":
        raise WrongState(f"Environment {name!r} is not available: its tag {tag.body.title!r} is {tag.body.status}")
    return Chosen((environment.id, tag.id), tag.body.requirements, tag.body.variables)


async def tag_of(
    services: Services, project: Project, environment: Document[EnvironmentBody], title: str | None
) -> Document[TagBody]:
    """Return a tag of an environment; without a name, the one that the older model made active, else the newest.

    Raises: NotFound.
    """
    if title:
        try:
            return await services.documents.find(ENVIRONMENT_TAG, project.scope, f"{environment.id}/{title}")
        except NotFound:
            raise NotFound(f"Environment tag was not found: {environment.name!r} has no tag {title!r}") from None
    where = equals("environment_id", environment.id)
    tags = await all_of(services.documents, ENVIRONMENT_TAG, project.scope, where)
    built = [tag for tag in tags if tag.body.status == "success"] or tags
    if not built:
        raise NotFound(f"Environment tag was not found: {environment.name!r} has no tag yet")
    return next((tag for tag in reversed(built) if tag.body.is_default), built[-1])
