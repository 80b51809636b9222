"""The studio's service: whether one stage, or a whole pipeline that is not deployed yet, is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.api.cdap.arguments import levels, resolved_preferences
from penstock.api.cdap.deployment import config_of
from penstock.api.cdap.entities import Place, place_in
from penstock.api.cdap.pipelines import check_stage, failures_of_pipeline
from penstock.api.cdap.wire import AppRequest, StageValidationRequest, read
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid
from penstock.kernel.templates import TemplateFailed, expand, has_macros

__all__ = ["health", "validate_pipeline", "validate_stage"]


async def health(call: Call) -> None:
    """Say that the service is up."""


async def validate_stage(call: Call, body: object) -> dict[str, Any]:
    """Check one stage, and say what it would give."""
    place = await place_in(call.services, call.scope, call.path["context"])
    wanted = read(body if body is not None else {}, StageValidationRequest)
    if not wanted.stage or not isinstance(wanted.stage.get("plugin"), dict):
        raise Invalid("Unable to decode request body: 'stage' must be an object with a 'plugin'")
    stage = wanted.stage
    if wanted.resolves_macros is True:
        stage = await _resolved(call, place, stage)
    inputs = [_input(each) for each in wanted.input_schemas or []]
    checked = await check_stage(call.services, stage, inputs)
    failures = [_failure(failure) for failure in checked.failures]
    if failures:
        return {"failures": failures}
    return {"failures": [], "spec": _spec(wanted.stage, inputs, checked.outputs, checked.rejected)}


async def validate_pipeline(call: Call, body: object) -> dict[str, Any]:
    """Check a whole pipeline."""
    await place_in(call.services, call.scope, call.path["context"])
    wanted = read(body if body is not None else {}, AppRequest)
    name = str((wanted.artifact or {}).get("name", ""))
    failures = await failures_of_pipeline(call.services, name, config_of(wanted))
    return {"failures": [_failure(failure) for failure in failures]}


async def _resolved(call: Call, place: Place, stage: Mapping[str, Any]) -> dict[str, Any]:
    """Put preferences in place of macros, as far as they are set."""
    known = await resolved_preferences(call.services, call.scope, levels(place))
    plugin = stage["plugin"]
    properties = dict(plugin.get("properties") or {})
    for name, text in properties.items():
        if isinstance(text, str) and has_macros(text):
            try:
                properties[name] = expand(text, known, {})
            except TemplateFailed:
                continue
    return {**stage, "plugin": {**plugin, "properties": properties}}


def _input(value: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
    schema = value.get("schema")
    if isinstance(schema, str):
        try:
            schema = msgspec.json.decode(schema)
        except msgspec.DecodeError as error:
            raise Invalid(f"Unable to decode request body: an input schema is no JSON: {error}") from None
    return str(value.get("stage", "")), schema if isinstance(schema, dict) else None


def _failure(failure: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {"message": failure.message}
    if failure.correction:
        shown["correctiveAction"] = failure.correction
    shown["causes"] = [{"attributes": cause} for cause in failure.causes]
    shown["fullMessage"] = failure.full
    return shown


def _spec(
    stage: Mapping[str, Any],
    inputs: list[tuple[str, dict[str, Any] | None]],
    outputs: Mapping[str, dict[str, Any] | None],
    rejected: dict[str, Any] | None,
) -> dict[str, Any]:
    ports = {port: schema for port, schema in outputs.items() if port and schema is not None}
    shown = {
        "name": stage.get("name"),
        "plugin": stage["plugin"],
        "inputSchemas": {name: schema for name, schema in inputs if schema is not None},
        "outputSchema": outputs.get(""),
        "portSchemas": {port: {"port": port, "schema": schema} for port, schema in ports.items()},
        "errorSchema": rejected,
        "stageLoggingEnabled": True,
        "processTimingEnabled": True,
        "maxPreviewRecords": 100,
    }
    return {key: value for key, value in shown.items() if value is not None}
