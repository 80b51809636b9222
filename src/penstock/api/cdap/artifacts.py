"""Artifacts: what plugins come in. Those of the system are made of the catalogue; uploaded ones are kept as they came.

The catalogue is loaded with the first call that needs it, not with the server.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from penstock.api.cdap.names import BATCH_ARTIFACT, STREAMING_ARTIFACT, VERSION

if TYPE_CHECKING:
    from penstock.api.cdap.plugins import Plugin

__all__ = [
    "APPS",
    "class_of_plugin",
    "is_system_artifact",
    "plugin_types",
    "plugins_of",
    "system_artifacts",
    "system_version",
]

APPS: Final = {
    BATCH_ARTIFACT: "io.cdap.cdap.datapipeline.DataPipelineApp",
    STREAMING_ARTIFACT: "io.cdap.cdap.datastreams.DataStreamsApp",
}
"""The artifacts that apps are made from, and the class that each names."""

VERSIONS: Final = {
    "core-plugins": "2.12.1",
    "transform-plugins": "2.12.1",
    "database-plugins": "2.12.1",
    "http-plugins": "1.5.1",
    "wrangler-transform": "4.10.1",
    "google-cloud": "0.23.1",
    "amazon-s3-plugins": "1.20.1",
    "condition-plugins": "2.12.1",
    "argument-setter-plugins": "1.2.1",
    "python-plugins": "2.2.1",
    "window-aggregation": "1.1.1",
}
"""Versions that are shown for artifacts; those that are not here have that of the hydrator plugins."""
_OTHER: Final = "2.12.1"
ALWAYS: Final = (
    *APPS,
    "core-plugins",
    "transform-plugins",
    "database-plugins",
    "format-avro",
    "format-blob",
    "format-csv",
    "format-delimited",
    "format-json",
    "format-parquet",
    "format-text",
    "format-tsv",
    "wrangler-transform",
    "google-cloud",
    "http-plugins",
    "condition-plugins",
    "window-aggregation",
)
"""Artifacts that clients look for by name, whatever is in them here."""


def system_artifacts() -> list[dict[str, str]]:
    """List the system's artifacts."""
    names = dict.fromkeys((*ALWAYS, *(plugin.artifact for plugin in _catalogue())))
    return [{"name": name, "version": system_version(name), "scope": "SYSTEM"} for name in names]


def is_system_artifact(name: str) -> bool:
    """Tell whether the system has an artifact."""
    return any(each["name"] == name for each in system_artifacts())


def system_version(name: str) -> str:
    """Return the version of a system artifact."""
    return VERSION if name in APPS else VERSIONS.get(name, _OTHER)


def plugins_of(artifact: str) -> list[Plugin]:
    """Return the plugins of a system artifact."""
    return [plugin for plugin in _catalogue() if plugin.artifact == artifact]


def plugin_types() -> list[str]:
    """Return the types of plugins that apps can use."""
    return sorted({plugin.type for plugin in _catalogue()})


def class_of_plugin(plugin: Plugin, *, is_detailed: bool = False) -> dict[str, Any]:
    """Show a plugin; is_detailed: with its properties."""
    shown: dict[str, Any] = {
        "name": plugin.name,
        "type": plugin.type,
        "description": plugin.description,
        "className": plugin.class_name,
        "artifact": {"name": plugin.artifact, "version": system_version(plugin.artifact), "scope": "SYSTEM"},
    }
    if plugin.category:
        shown["category"] = plugin.category
    if is_detailed:
        shown["configFieldName"] = "config"
        shown["endpoints"] = []
        shown["properties"] = {
            each.name: {
                "name": each.name,
                "description": each.description,
                "type": each.type,
                "required": each.required,
                "macroSupported": each.macro,
                "macroEscapingEnabled": each.escapes,
                "children": [],
            }
            for each in plugin.properties
        }
    return shown


def _catalogue() -> Iterable[Plugin]:
    from penstock.api.cdap.plugins import CATALOGUE

    return CATALOGUE.values()
