"""The config of an app as a pipeline: stages, connections, actions after the run. Lenient in what does not matter.

Exports carry keys of the editor, numbers and booleans as text, dead versions; none of these is looked at. Of what does
matter, only the shape is checked here; `structure` checks the rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from penstock.api.cdap.lower.failures import Failure, PipelineInvalid, failure_of

__all__ = ["Connection", "Pipeline", "Stage", "read_pipeline", "read_stage"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage. schema: of its output as the editor knew it, by port (`""` for the only one), as JSON text."""

    name: str
    plugin: str
    type: str
    properties: Mapping[str, str]
    schema: Mapping[str, str] = field(default_factory=dict)
    has_error_dataset: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """From one stage to another. port: of a splitter. condition: which branch of a condition."""

    source: str
    target: str
    port: str | None = None
    condition: bool | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a config means. engine: `spark` or `mapreduce`. is_streaming: made of the other app artifact; then a phase
    begins every `interval_s` seconds."""

    stages: tuple[Stage, ...]
    connections: tuple[Connection, ...]
    after: tuple[Stage, ...] = ()
    engine: str = "mapreduce"
    preview_rows: int = 100
    is_streaming: bool = False
    interval_s: float = 60.0

    def stage(self, name: str) -> Stage | None:
        """Return a stage by name."""
        return next((stage for stage in self.stages if stage.name == name), None)


def read_pipeline(config: Mapping[str, Any], *, is_streaming: bool = False) -> Pipeline:
    """Read a config. Raises: PipelineInvalid if it has not the shape of one."""
    failures: list[Failure] = []
    raw = config.get("stages")
    if raw is None and ("source" in config or "transforms" in config or "sinks" in config):
        raw = _old_stages(config)
    stages = [read_stage(item, failures) for item in _list(raw, "stages", failures)]
    connections = [_connection(item, failures) for item in _list(config.get("connections"), "connections", failures)]
    actions = config.get("postActions") or config.get("actions")
    after = [read_stage(item, failures) for item in _list(actions, "postActions", failures)]
    interval_s = _interval_s(config.get("batchInterval"), failures) if is_streaming else 60.0
    if failures:
        raise PipelineInvalid(failures)
    return Pipeline(
        stages=tuple(stage for stage in stages if stage is not None),
        connections=tuple(connection for connection in connections if connection is not None),
        after=tuple(stage for stage in after if stage is not None),
        engine=str(config.get("engine") or "mapreduce").lower(),
        preview_rows=_number(config.get("numOfRecordsPreview"), 100),
        is_streaming=is_streaming,
        interval_s=interval_s,
    )


def _interval_s(value: Any, failures: list[Failure]) -> float:
    """Read an interval such as `10s`, `1m`, `2h`; a minute if there is none."""
    found = re.fullmatch(r"\s*(\d+)\s*(ms|s|m|h|d)?\s*", str(value if value is not None else "1m"))
    if found is None or not int(found[1]):
        failures.append(failure_of(None, f"Invalid batch interval '{value}'.", "Write it as 10s, 1m or 1h."))
        return 60.0
    return int(found[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}[found[2] or "s"]


def read_stage(raw: Any, failures: list[Failure]) -> Stage | None:
    """Read a stage; what is wrong with it goes to failures."""
    if not isinstance(raw, dict) or not isinstance(raw.get("name"), str) or not raw["name"]:
        failures.append(failure_of(None, "A stage has no name.", "Give each stage a name."))
        return None
    plugin = raw.get("plugin")
    if not isinstance(plugin, dict) or not isinstance(plugin.get("name"), str):
        failures.append(failure_of(raw["name"], f"Stage '{raw['name']}' has no plugin.", "Name its plugin."))
        return None
    properties = plugin.get("properties")
    return Stage(
        name=raw["name"],
        plugin=plugin["name"],
        type=str(plugin.get("type") or raw.get("type") or ""),
        properties=_texts(properties if isinstance(properties, dict) else {}),
        schema=_schemas(raw.get("outputSchema")),
        has_error_dataset=bool(raw.get("errorDatasetName")),
    )


def _old_stages(config: Mapping[str, Any]) -> list[Any]:
    """Return the stages of the oldest form, whose types say themselves."""
    sinks = config.get("sinks") or ([config["sink"]] if config.get("sink") else [])
    groups = (
        ("batchsource", [config["source"]] if config.get("source") else []),
        ("transform", config.get("transforms") or []),
        ("batchsink", sinks),
    )
    stages = []
    for type, members in groups:
        for member in members:
            if isinstance(member, dict) and isinstance(member.get("plugin"), dict):
                stages.append({**member, "plugin": {"type": type, **member["plugin"]}})
            else:
                stages.append(member)
    return stages


def _list(value: Any, name: str, failures: list[Failure]) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, list):
        return value
    failures.append(failure_of(None, f"'{name}' is no list.", "Make it a list."))
    return []


def _connection(raw: Any, failures: list[Failure]) -> Connection | None:
    if not isinstance(raw, dict) or not isinstance(raw.get("from"), str) or not isinstance(raw.get("to"), str):
        failures.append(failure_of(None, f"The connection {raw!r} does not say from where to where.", ""))
        return None
    port = raw.get("port")
    return Connection(
        raw["from"], raw["to"], str(port) if port not in (None, "") else None, _truth(raw.get("condition"))
    )


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    return None


def _texts(properties: Mapping[str, Any]) -> dict[str, str]:
    """Return properties as text; those that are null are not there."""
    texts: dict[str, str] = {}
    for name, value in properties.items():
        if value is None:
            continue
        texts[name] = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return texts


def _schemas(raw: Any) -> dict[str, str]:
    if isinstance(raw, str):
        return {"": raw} if raw.strip() else {}
    if isinstance(raw, dict):
        return {"": msgspec.json.encode(raw).decode()}
    schemas: dict[str, str] = {}
    for item in raw if isinstance(raw, list) else ():
        if isinstance(item, dict) and item.get("schema"):
            schema = item["schema"]
            text = schema if isinstance(schema, str) else msgspec.json.encode(schema).decode()
            name = str(item.get("name") or "")
            schemas["" if name == "etlSchemaBody" else name] = text
    return schemas


def _number(value: Any, default: int) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return default
