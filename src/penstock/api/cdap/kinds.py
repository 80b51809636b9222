"""What this dialect keeps of namespaces, apps and all that belongs to them. Runs are the run engine's."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.services.documents import Kind

__all__ = [
    "ALL",
    "APP",
    "ARTIFACT",
    "CONNECTION",
    "DRAFT",
    "INSTANCE",
    "JOB",
    "NAMESPACE",
    "PREFERENCES",
    "PREVIEW",
    "PROFILE",
    "SCHEDULE",
    "VERSION",
    "WATCH",
    "AppBody",
    "ArtifactBody",
    "Cause",
    "ConnectionBody",
    "DraftBody",
    "InstanceBody",
    "JobBody",
    "NamespaceBody",
    "PreferencesBody",
    "PreviewBody",
    "ProfileBody",
    "ScheduleBody",
    "VersionBody",
    "WatchBody",
]


class NamespaceBody(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace; its name is the document's, its scope the instance."""

    description: str = ""
    config: dict[str, Any] = msgspec.field(default_factory=dict)
    generation: int = 0


class AppBody(msgspec.Struct, frozen=True, kw_only=True):
    """The latest version of an app; its name is the document's.

    version: its id. artifact: name of the app artifact it was made from. made_us: when that version was deployed.
    """

    version: str
    artifact: str
    artifact_version: str
    description: str = ""
    made_us: int = 0


class VersionBody(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an app; the document is named `<app>/<version>`.

    config: the pipeline as JSON text, as it was sent. change: why, if the deployer said so.
    """

    app: str
    version: str
    artifact: dict[str, Any]
    config: str
    description: str = ""
    change: str | None = None
    principal: str | None = None
    parent: str | None = None
    made_us: int = 0


class PreferencesBody(msgspec.Struct, frozen=True):
    """The preferences of one entity; `arguments.levels` says what the document is named."""

    values: dict[str, str]


class ScheduleBody(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule; the document is named `<app>/<schedule>`.

    Attributes:
        trigger: as it was sent. Its members are named by their places: `` for the whole, `0`, `0.1`, … inside it.
        triggers: ids of the house's triggers that let it fire at times, and the member each stands for.
        met: of a composite, which members have fired since it last started a run, and what by.
    """

    app: str
    name: str
    description: str = ""
    program: str
    program_type: str
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    trigger: dict[str, Any]
    constraints: list[dict[str, Any]] = msgspec.field(default_factory=list)
    timeout_ms: int = 86_400_000
    is_enabled: bool = False
    triggers: dict[str, str] = msgspec.field(default_factory=dict)
    met: dict[str, Cause] = msgspec.field(default_factory=dict)
    suspended_us: int | None = None


class Cause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a member of a schedule's trigger fired: a time, or a run that ended."""

    at_us: int
    run: str | None = None


class WatchBody(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a schedule's trigger that waits for a program's runs to end.

    program: `<namespace>/<app>/<type>/<program>`. schedule, scope: of the schedule. seen_us: runs that ended before or
    then are done with.
    """

    program: str
    schedule: str
    scope: str
    member: str
    statuses: list[str]
    seen_us: int


class JobBody(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule that has fired, and that a constraint holds back; a trigger of the same id looks at it again.

    program: as in a watch, of what it would run.
    """

    schedule: str
    program: str
    causes: list[Cause]
    fired_us: int


class DraftBody(msgspec.Struct, frozen=True, kw_only=True):
    """A draft; its id is the document's name."""

    title: str
    description: str = ""
    artifact: dict[str, Any] | None = None
    config: Any = None
    revision: int = 0
    created_ms: int = 0
    updated_ms: int = 0


class ConnectionBody(msgspec.Struct, frozen=True, kw_only=True):
    """A connection to data; its name is the document's."""

    description: str = ""
    plugin: dict[str, Any]
    created_ms: int = 0
    updated_ms: int = 0


class ProfileBody(msgspec.Struct, frozen=True, kw_only=True):
    """A compute profile; its name is the document's. Kept for clients: everything runs on this machine."""

    label: str = ""
    description: str = ""
    provisioner: dict[str, Any] = msgspec.field(default_factory=dict)
    status: str = "ENABLED"
    created_s: int = 0


class ArtifactBody(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded artifact; the document is named `<name>/<version>`. Its bytes are kept, and never executed."""

    artifact: str
    version: str
    parents: list[str] = msgspec.field(default_factory=list)
    plugins: list[dict[str, Any]] = msgspec.field(default_factory=list)
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    digest: str = ""
    size_bytes: int = 0


class PreviewBody(msgspec.Struct, frozen=True, kw_only=True):
    """A preview that is wrong before it could run; its id is the document's name. failure: why."""

    failure: str
    submitted_ms: int = 0


class InstanceBody(msgspec.Struct, frozen=True, kw_only=True):
    """An instance in the control plane; the document's name is its resource name."""

    value: dict[str, Any]


NAMESPACE = Kind("cdap.namespace", NamespaceBody, noun="namespace")
APP = Kind("cdap.app", AppBody, ("artifact", "artifact_version", "made_us"), noun="application")
VERSION = Kind("cdap.version", VersionBody, ("app", "version", "made_us"), noun="application version")
PREFERENCES = Kind("cdap.preferences", PreferencesBody, noun="preferences")
SCHEDULE = Kind("cdap.schedule", ScheduleBody, ("app", "is_enabled"), noun="schedule")
WATCH = Kind("cdap.watch", WatchBody, ("program", "schedule"), noun="watch")
"""In the default scope, whosever the schedule is: a run that ends anywhere is looked for here."""
JOB = Kind("cdap.job", JobBody, ("schedule", "program"), noun="scheduled run")
DRAFT = Kind("cdap.draft", DraftBody, ("title", "updated_ms"), noun="draft")
CONNECTION = Kind("cdap.connection", ConnectionBody, noun="connection")
PROFILE = Kind("cdap.profile", ProfileBody, noun="profile")
ARTIFACT = Kind("cdap.artifact", ArtifactBody, ("artifact", "version"), noun="artifact")
PREVIEW = Kind("cdap.preview", PreviewBody, noun="preview")
INSTANCE = Kind("cdap.instance", InstanceBody, noun="instance")

ALL: tuple[Kind[Any], ...] = (
    NAMESPACE,
    APP,
    VERSION,
    PREFERENCES,
    SCHEDULE,
    WATCH,
    JOB,
    DRAFT,
    CONNECTION,
    PROFILE,
    ARTIFACT,
    PREVIEW,
    INSTANCE,
)
"""The kinds that this dialect owns."""
