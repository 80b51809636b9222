"""Finding what a path names: namespaces, apps, versions of apps, programs.

Look-ups fail in CDAP's order and words: the namespace first, then the app, then the program.
"""

from __future__ import annotations

from dataclasses import dataclass

from penstock.api.cdap.errors import Missing
from penstock.api.cdap.kinds import APP, NAMESPACE, VERSION, AppBody, NamespaceBody, VersionBody
from penstock.api.cdap.names import (
    BATCH,
    PHASE,
    SNAPSHOT,
    STREAMING,
    STREAMING_ARTIFACT,
    ProgramType,
    app_entity,
    check_id,
    program_entity,
    scope_of,
    type_of_category,
)
from penstock.api.shared.call import Call
from penstock.kernel.errors import NotFound
from penstock.kernel.scope import Scope
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = [
    "Place",
    "Program",
    "app_in",
    "app_of",
    "check_program",
    "has_program",
    "namespace_body",
    "place_in",
    "place_of",
    "program_in",
    "program_of",
    "version_in",
    "version_key",
]

DEFAULT = NamespaceBody(description="Default Namespace")
SYSTEM = NamespaceBody(description="The namespace of what every other one may use")


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace that is there. scope: of its things. instance: the scope of the instance it belongs to."""

    instance: Scope
    namespace: str

    @property
    def scope(self) -> Scope:
        """The scope of what is in the namespace."""
        return scope_of(self.instance, self.namespace)


@dataclass(frozen=True, slots=True)
class Program:
    """A program of an app that is there. version: of the app, as asked for; None for the latest."""

    place: Place
    app: Document[AppBody]
    type: ProgramType
    name: str
    version: str | None = None

    @property
    def app_name(self) -> str:
        """The app's name."""
        return self.app.name or ""

    @property
    def entity(self) -> str:
        """The program as messages write it."""
        return program_entity(
            self.place.namespace, self.app_name, self.type, self.name, self.version or self.app.body.version
        )


async def namespace_body(services: Services, instance: Scope, name: str) -> NamespaceBody:
    """Return what is kept of a namespace. Raises: Missing."""
    try:
        return (await services.documents.find(NAMESPACE, instance, name)).body
    except NotFound:
        if name == "default":
            return DEFAULT
        if name == "system":
            return SYSTEM
        raise Missing(f"namespace:{name}") from None


async def place_in(services: Services, instance: Scope, name: str) -> Place:
    """Return a namespace's place. Raises: Missing."""
    await namespace_body(services, instance, name)
    return Place(instance, name)


async def place_of(call: Call) -> Place:
    """Return the namespace that the path names. Raises: Missing."""
    return await place_in(call.services, call.scope, call.path["namespace"])


async def app_in(services: Services, place: Place, name: str) -> Document[AppBody]:
    """Return an app. Raises: Missing."""
    try:
        return await services.documents.find(APP, place.scope, name)
    except NotFound:
        raise Missing(app_entity(place.namespace, name)) from None


async def app_of(call: Call) -> tuple[Place, Document[AppBody]]:
    """Return the namespace and app that the path names. Raises: Missing, Invalid."""
    place = await place_of(call)
    app = await app_in(call.services, place, check_id("app", call.path["app"]))
    version = call.path.get("version")
    if version is not None:
        await version_in(call.services, place, app, version)
    return place, app


def version_key(app: str, version: str) -> str:
    """Return the name of a version's document."""
    return f"{app}/{version}"


async def version_in(
    services: Services, place: Place, app: Document[AppBody], version: str | None
) -> Document[VersionBody]:
    """Return a version of an app; None or `-SNAPSHOT` for the latest. Raises: Missing."""
    name = app.name or ""
    wanted = app.body.version if version in (None, SNAPSHOT) else version or ""
    try:
        return await services.documents.find(VERSION, place.scope, version_key(name, wanted))
    except NotFound:
        raise Missing(app_entity(place.namespace, name, wanted)) from None


def has_program(artifact: str, type: ProgramType, name: str) -> bool:
    """Tell whether apps made from an artifact have such a program."""
    if artifact == STREAMING_ARTIFACT:
        return type.name == "SPARK" and name == STREAMING
    if type.name == "WORKFLOW":
        return name == BATCH
    return type.name in ("SPARK", "MAPREDUCE") and name.startswith(PHASE) and name[len(PHASE) :].isdecimal()


def check_program(place: Place, app: Document[AppBody], type: ProgramType, name: str) -> None:
    """Check that an app has a program. Raises: Missing."""
    if not has_program(app.body.artifact, type, name):
        raise Missing(program_entity(place.namespace, app.name or "", type, name, app.body.version))


async def program_in(
    services: Services, instance: Scope, namespace: str, app: str, type: ProgramType, name: str
) -> Program:
    """Return a program. Raises: Missing."""
    place = await place_in(services, instance, namespace)
    found = await app_in(services, place, app)
    check_program(place, found, type, name)
    return Program(place, found, type, name)


async def program_of(call: Call) -> Program:
    """Return the program that the path names. Raises: Missing, Invalid if there is no such type."""
    type = type_of_category(call.path["type"])
    place, app = await app_of(call)
    check_program(place, app, type, call.path["program"])
    return Program(place, app, type, call.path["program"], call.path.get("version"))
