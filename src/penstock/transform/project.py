"""Drop or keep, convert and rename fields.

Properties: `drop`, `keep` (names, separated by commas; not both), `convert` (`field:type,…`) and `rename`
(`field:name,…`), done in that order on names of the input. Conversions are to text or bytes from everything, and
otherwise to a wider number. The order of fields is the input's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa

from penstock.data.conversion import convert
from penstock.data.record_schema import type_name
from penstock.ports.transform import MAIN, Described, Emitted, Finding, Surroundings

__all__ = ["ProjectTransform"]

_SIMPLE: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
}
_WIDER = ("int", "long", "float", "double")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to do: positions of the input's fields that stay, and the schema they get."""

    positions: tuple[int, ...]
    schema: pa.Schema


class ProjectTransform:
    """Transform `project`."""

    name = "project"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check the lists against each other and against the input."""
        plan, findings = _plan(properties, schema, hidden)
        return Described({MAIN: plan.schema if plan else None}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> _Project:
        """Return the transform."""
        plan, _ = _plan(properties, schema, ())
        assert plan is not None, "the configuration was checked"
        return _Project(plan)


class _Project:
    def __init__(self, plan: _Plan) -> None:
        self._plan = plan

    def apply(self, batch: pa.RecordBatch) -> Emitted:
        columns = [
            convert(batch.column(i), field.type)
            for i, field in zip(self._plan.positions, self._plan.schema, strict=True)
        ]
        if not columns:
            return Emitted()
        return Emitted.main(pa.RecordBatch.from_arrays(columns, schema=self._plan.schema))

    def finish(self) -> Emitted:
        return Emitted()

    def close(self) -> None:
        pass


def _plan(
    properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str]
) -> tuple[_Plan | None, list[Finding]]:
    findings: list[Finding] = []
    drop, keep = _names(properties.get("drop")), _names(properties.get("keep"))
    if drop and keep:
        message = "Cannot specify both fields to drop and keep."
        findings.append(Finding(message, "Specify only one of them.", "drop", others=(("keep", None),)))
    converted = _pairs("convert", properties.get("convert"), findings)
    renamed = _pairs("rename", properties.get("rename"), findings)
    _check_targets(renamed, findings)
    kinds: dict[str, pa.DataType] = {}
    for name, wanted in converted.items():
        kind = _SIMPLE.get(wanted.lower())
        if kind is None:
            message = f"Cannot convert field '{name}' to the type '{wanted}'."
            findings.append(Finding(message, f"Use one of {', '.join(_SIMPLE)}.", "convert", f"{name}:{wanted}"))
        else:
            kinds[name] = kind
    if schema is None or findings or hidden:
        return None, findings
    _check_fields(schema, drop, keep, converted, renamed, findings)
    fields, positions = [], []
    for i, source in enumerate(schema):
        if source.name in drop or (keep and source.name not in keep):
            continue
        kind = kinds.get(source.name, source.type)
        _check_conversion(source, kind, findings)
        fields.append(pa.field(renamed.get(source.name, source.name), kind, nullable=source.nullable))
        positions.append(i)
    if not fields:
        findings.append(Finding("The output schema has no fields.", "Drop fewer fields.", "drop" if drop else "keep"))
    return (None if findings else _Plan(tuple(positions), pa.schema(fields))), findings


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _pairs(property: str, text: str | None, findings: list[Finding]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in (text or "").split(","):
        if not item.strip():
            continue
        name, colon, value = (part.strip() for part in item.partition(":"))
        if not colon or not name or not value:
            message = f"Could not parse '{item.strip()}' of '{property}'."
            findings.append(Finding(message, "Write it as 'field:value'.", property, item.strip()))
        elif name in pairs:
            message = f"Field '{name}' cannot be in '{property}' more than once."
            findings.append(
                Finding(
                    message,
                    "Remove all but one.",
                    property,
                    f"{name}:{value}",
                    ((property, f"{name}:{pairs[name]}"),) if property == "rename" else (),
                )
            )
        else:
            pairs[name] = value
    return pairs


def _check_targets(renamed: Mapping[str, str], findings: list[Finding]) -> None:
    seen: dict[str, str] = {}
    for source, target in renamed.items():
        if target in seen:
            message = f"Cannot rename both '{seen[target]}' and '{source}' to '{target}'."
            findings.append(Finding(message, "Rename them differently.", "rename", f"{source}:{target}"))
        seen.setdefault(target, source)


def _check_fields(
    schema: pa.Schema,
    drop: list[str],
    keep: list[str],
    converted: Mapping[str, str],
    renamed: Mapping[str, str],
    findings: list[Finding],
) -> None:
    known = set(schema.names)
    for property, names in (("drop", drop), ("keep", keep)):
        for name in names:
            if name not in known:
                message = f"Field '{name}' must be present in the input schema."
                findings.append(Finding(message, "Remove it or mend its name.", property, name))
    for property, pairs in (("convert", converted), ("rename", renamed)):
        for name, value in pairs.items():
            if name not in known:
                message = f"Field '{name}' must be present in the input schema."
                findings.append(Finding(message, "Remove it or mend its name.", property, f"{name}:{value}"))
    kept = [name for name in schema.names if name not in drop and (not keep or name in keep)]
    for name in kept:
        if (target := renamed.get(name)) is not None and target in kept and target not in renamed:
            message = f"Cannot rename '{name}' to '{target}': there is a field of that name already."
            findings.append(Finding(message, "Rename it differently.", "rename", f"{name}:{target}"))


def _check_conversion(source: pa.Field, kind: pa.DataType, findings: list[Finding]) -> None:
    if kind.equals(source.type) or pa.types.is_string(kind) or pa.types.is_binary(kind):
        return
    before, after = type_name(source.type), type_name(kind)
    if before in _WIDER and after in _WIDER and _WIDER.index(before) < _WIDER.index(after):
        return
    message = f"Cannot convert field '{source.name}' from type '{before}' to type '{after}'."
    correction = "Only conversions to string, to bytes and to wider numbers are possible."
    findings.append(Finding(message, correction, "convert", f"{source.name}:{after}"))
