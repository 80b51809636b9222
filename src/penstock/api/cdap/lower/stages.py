"""From a stage to what carries it out: its plugin, its properties with defaults, what macros hide of it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from penstock.api.cdap.lower.failures import Failure, failure_of
from penstock.api.cdap.lower.pipeline import Stage
from penstock.api.cdap.plugins import Plugin, Property, Role, find_plugin
from penstock.kernel.flows import Edge, StageRole, StageSpec
from penstock.kernel.templates import has_macros

__all__ = ["check_properties", "missing_plugin", "plugin_of", "properties_of", "spec_of"]

_ROLES = {
    Role.SOURCE: StageRole.SOURCE,
    Role.TRANSFORM: StageRole.TRANSFORM,
    Role.RELATION: StageRole.RELATION,
    Role.ERRORS: StageRole.ERRORS,
    Role.ALERTS: StageRole.ALERTS,
    Role.SINK: StageRole.SINK,
    Role.REFUSED: StageRole.REFUSED,
}
_NUMBERS = {
    "int": re.compile(r"[+-]?\d+\Z"),
    "long": re.compile(r"[+-]?\d+\Z"),
    "float": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z"),
    "double": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z"),
}


def plugin_of(stage: Stage) -> Plugin | None:
    """Return a stage's plugin; None if there is none of that name and type."""
    return find_plugin(stage.type, stage.plugin)


def missing_plugin(stage: Stage) -> Failure:
    """Say that a plugin is not there."""
    return failure_of(
        stage.name,
        f"Plugin named '{stage.plugin}' of type '{stage.type}' not found.",
        f"Make sure plugin '{stage.plugin}' of type '{stage.type}' is deployed.",
        pluginId=f"{stage.type}:{stage.plugin}",
        pluginName=stage.plugin,
        pluginType=stage.type,
    )


def properties_of(stage: Stage, plugin: Plugin) -> dict[str, str]:
    """Return a stage's properties with the plugin's defaults; empty ones count as not given."""
    given = {name: text for name, text in stage.properties.items() if text != ""}
    for known in plugin.properties:
        if known.default is not None:
            given.setdefault(known.name, known.default)
    return {**plugin.does.given, **given}


def check_properties(stage: Stage, plugin: Plugin) -> list[Failure]:
    """Return what is wrong with values, as far as their types tell."""
    failures = []
    has_connection = has_macros(stage.properties.get("connection", ""))
    for known in plugin.properties:
        text = stage.properties.get(known.name, "")
        if text == "":
            if known.required and not (has_connection and known.name != "referenceName"):
                failures.append(
                    failure_of(stage.name, f"Required property '{known.name}' has no value.", "", known.name)
                )
            continue
        if known.macro and has_macros(text):
            continue
        failure = _check_value(stage, known, text)
        if failure is not None:
            failures.append(failure)
    return failures


def _check_value(stage: Stage, known: Property, text: str) -> Failure | None:
    trimmed = text.strip()
    pattern = _NUMBERS.get(known.type)
    if pattern is not None and not pattern.match(trimmed):
        return failure_of(
            stage.name,
            f"Unable to create config for {stage.type} {stage.plugin} '{known.name}' is invalid: Value of field"
            f" '{known.name}' is expected to be a number, and is '{text}'.",
            "",
            known.name,
        )
    if known.type == "boolean" and trimmed.lower() not in ("true", "false", "on", "off", "yes", "no", "0", "1"):
        return failure_of(
            stage.name,
            f"Unable to create config for {stage.type} {stage.plugin} '{known.name}' is invalid: Value of field"
            f" '{known.name}' is expected to be true or false, and is '{text}'.",
            "",
            known.name,
        )
    if known.choices and trimmed.lower() not in (choice.lower() for choice in known.choices):
        choices = ", ".join(known.choices)
        return failure_of(stage.name, f"Invalid {known.name} '{text}'.", f"Use one of {choices}.", known.name)
    return None


def spec_of(
    stage: Stage,
    plugin: Plugin,
    inputs: tuple[Edge, ...],
    *,
    hides: bool = False,
    given: Mapping[str, str | None] | None = None,
) -> StageSpec:
    """Return a data stage as the engine takes it. hides: leave out what macros hide, as nothing is expanded yet."""
    properties = properties_of(stage, plugin)
    macro_free = {known.name for known in plugin.properties if not known.macro}
    hidden: tuple[str, ...] = ()
    if hides:
        hidden = tuple(n for n, text in properties.items() if n not in macro_free and has_macros(text))
        properties = {name: text for name, text in properties.items() if name not in hidden}
    return StageSpec(
        name=stage.name,
        role=_ROLES[plugin.does.role],
        type=plugin.does.type,
        properties=properties,
        inputs=inputs,
        plain=tuple(sorted(macro_free)),
        raw=tuple(known.name for known in plugin.properties if not known.escapes),
        hidden=hidden,
        schema=stage.schema.get(""),
        given=dict(given or {}),
    )
