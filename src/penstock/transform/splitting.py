"""Records sent to one of several ports: by a union's kind, by null or not, by conditions on a field; and copies.

`split-union`: `unionField`, `modifySchema` (the field gets the one type at its port; by default it does).
`split-null`: `field`, `modifySchema` (gone at the port `null`, never null at `nonnull`).
`route`: `routingField`, `portSpecification` (`port:function(argument),…`), `defaultHandling` and `nullHandling`
(`Skip`, `Error Port`, `Default Port` or `Null Port`), `defaultPort`, `nullPort`.
`clone`: `copies`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
import pyarrow as pa

from penstock.data.conversion import ConversionFailed, from_text
from penstock.data.record_schema import type_name
from penstock.ports.transform import MAIN, Described, Emitted, Finding, Rejected, Surroundings
from penstock.transform.jvm.regex import PatternInvalid, compile_pattern
from penstock.transform.jvm.values import print_any
from penstock.transform.stateless import Stateless, check_present

__all__ = ["CloneTransform", "NullSplitTransform", "RouteTransform", "UnionSplitTransform"]


def _modifies(properties: Mapping[str, str]) -> bool:
    return (properties.get("modifySchema") or "true").lower() != "false"


def _single_field(
    properties: Mapping[str, str], property: str, schema: pa.Schema | None, hidden: Collection[str]
) -> tuple[str, list[Finding]]:
    findings: list[Finding] = []
    name = properties.get(property) or ""
    if not name and property not in hidden:
        findings.append(Finding(f"Required property '{property}' has no value.", None, property))
    if name:
        check_present(schema, [name], property, findings)
    return name, findings


class UnionSplitTransform:
    """Transform `split-union`."""

    name = "split-union"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Name a port for each member of the union."""
        name, findings = _single_field(properties, "unionField", schema, hidden)
        if schema is None or findings or not name:
            return Described({}, tuple(findings))
        field = schema.field(name)
        if not pa.types.is_union(field.type):
            if type_name(field.type) == "null":
                findings.append(Finding(f"Field '{name}' must be of type union.", None, "unionField", name))
                return Described({}, tuple(findings))
            members = [field]
        else:
            members = [field.type.field(i) for i in range(field.type.num_fields)]
        at = schema.get_field_index(name)
        outputs: dict[str, pa.Schema | None] = {}
        for member in members:
            port = type_name(member.type)
            changed = schema.set(at, pa.field(name, member.type, nullable=False))
            outputs[port] = changed if _modifies(properties) else schema
        if field.nullable:
            changed = schema.set(at, pa.field(name, pa.null()))
            outputs["null"] = changed if _modifies(properties) else schema
        return Described(outputs)

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        name = properties["unionField"]
        outputs = self.describe(properties, schema).outputs

        def apply(batch: pa.RecordBatch) -> Emitted:
            column = batch.column(name)
            is_union = pa.types.is_union(column.type)
            emitted = Emitted()
            at = batch.schema.get_field_index(name)
            values = column.to_pylist()
            missing = np.fromiter((value is None for value in values), bool, len(values))
            codes = np.asarray(column.type_codes) if is_union else np.zeros(len(values), dtype=np.int8)
            for number, (port, output) in enumerate(outputs.items()):
                assert output is not None, "the input is known"
                mask = missing if port == "null" else ~missing & (codes == number)
                rows = np.flatnonzero(mask)
                if not len(rows):
                    continue
                chosen = batch.take(pa.array(rows))
                if output != batch.schema:
                    made = pa.array([values[row] for row in rows], output.field(at).type)
                    chosen = pa.RecordBatch.from_arrays(
                        [made if i == at else c for i, c in enumerate(chosen.columns)], schema=output
                    )
                emitted.batches.append((port, chosen))
            return emitted

        return Stateless(apply)


class NullSplitTransform:
    """Transform `split-null`."""

    name = "split-null"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Name the two ports."""
        name, findings = _single_field(properties, "field", schema, hidden)
        if schema is None or findings or not name:
            return Described({"null": None, "nonnull": None}, tuple(findings))
        field = schema.field(name)
        if not _modifies(properties):
            return Described({"null": schema, "nonnull": schema})
        at = schema.get_field_index(name)
        return Described({"null": schema.remove(at), "nonnull": schema.set(at, field.with_nullable(False))})

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        name = properties["field"]
        outputs = self.describe(properties, schema).outputs

        def apply(batch: pa.RecordBatch) -> Emitted:
            missing = batch.column(name).is_null()
            emitted = Emitted()
            for port, mask in (("null", missing), ("nonnull", pa.compute.invert(missing))):
                chosen = batch.filter(mask)
                output = outputs[port]
                assert output is not None, "the input is known"
                if chosen.num_rows:
                    columns = [chosen.column(field.name) for field in output]
                    emitted.batches.append((port, pa.RecordBatch.from_arrays(columns, schema=output)))
            return emitted

        return Stateless(apply)


Test = Callable[[Any], bool]


def _temporal(kind: pa.DataType, text: str) -> Any:
    try:
        return from_text(pa.array([text.strip()]), kind)[0].as_py()
    except (ConversionFailed, ValueError):
        raise ValueError(f"'{text}' is no {type_name(kind)}") from None


def _bounds(text: str, kind: pa.DataType) -> tuple[Any, Any]:
    parts = text.split("|")
    if len(parts) != 2:
        raise ValueError("two bounds are written 'lower|upper'")
    low, high = (_typed(part, kind) for part in parts)
    return low, high


def _typed(text: str, kind: pa.DataType) -> Any:
    if pa.types.is_temporal(kind):
        return _temporal(kind, text)
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"'{text}' is no number") from None


def _number(value: Any) -> Any:
    if isinstance(value, date | datetime | time):
        return value
    return Decimal(print_any(value)) if not isinstance(value, Decimal) else value


def _matching(text: str) -> Test:
    pattern = compile_pattern(text)
    return lambda value: pattern.fullmatch(str(value)) is not None


def _negated(test: Test) -> Test:
    return lambda value: not test(value)


_TEXT: Final[dict[str, Callable[[str], Test]]] = {
    "equals": lambda text: lambda value: print_any(value) == text,
    "not_equals": lambda text: lambda value: print_any(value) != text,
    "contains": lambda text: lambda value: text in print_any(value),
    "not_contains": lambda text: lambda value: text not in print_any(value),
    "in": lambda text: lambda value: print_any(value) in {part.strip() for part in text.split("|")},
    "not_in": lambda text: lambda value: print_any(value) not in {part.strip() for part in text.split("|")},
    "matches": _matching,
    "not_matches": lambda text: _negated(_matching(text)),
    "starts_with": lambda text: lambda value: print_any(value).startswith(text),
    "not_starts_with": lambda text: lambda value: not print_any(value).startswith(text),
    "ends_with": lambda text: lambda value: print_any(value).endswith(text),
    "not_ends_with": lambda text: lambda value: not print_any(value).endswith(text),
}
_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "equals": lambda value, bound: value == bound,
    "not_equals": lambda value, bound: value != bound,
    "greater_than": lambda value, bound: value > bound,
    "greater_than_or_equals": lambda value, bound: value >= bound,
    "lesser_than": lambda value, bound: value < bound,
    "less_than": lambda value, bound: value < bound,
    "lesser_than_or_equals": lambda value, bound: value <= bound,
    "less_than_or_equals": lambda value, bound: value <= bound,
    "after": lambda value, bound: value > bound,
    "after_or_on": lambda value, bound: value >= bound,
    "before": lambda value, bound: value < bound,
    "before_or_on": lambda value, bound: value <= bound,
}


def _test(function: str, text: str, kind: pa.DataType) -> Test:
    """Return the test that a function with its argument is. Raises: ValueError."""
    bare = re.sub(r"^(number|date|time|timestamp)_", "", function)
    if bare == function and function in _TEXT:
        try:
            return _TEXT[function](text)
        except PatternInvalid as error:
            raise ValueError(str(error)) from None
    if bare in ("between", "not_between"):
        low, high = _bounds(text, kind)
        return lambda value: (low <= _number(value) <= high) == (bare == "between")
    if bare in ("in", "not_in"):
        members = [_typed(part, kind) for part in text.split("|")]
        return lambda value: (_number(value) in members) == (bare == "in")
    if bare in _ORDER:
        compare, bound = _ORDER[bare], _typed(text, kind)
        return lambda value: compare(_number(value), bound)
    raise ValueError(f"there is no function '{function}'")


_SPEC: Final = re.compile(r"\s*([^:,]+?)\s*:\s*([A-Za-z_]+)\s*\(((?:[^()]|\([^()]*\))*)\)\s*(?:,|$)")


class RouteTransform:
    """Transform `route`."""

    name = "route"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check ports and their conditions."""
        name, findings = _single_field(properties, "routingField", schema, hidden)
        outputs: dict[str, pa.Schema | None] = {}
        kind = schema.field(name).type if schema is not None and name in schema.names else pa.string()
        text = properties.get("portSpecification") or ""
        if not text and "portSpecification" not in hidden:
            findings.append(Finding("Required property 'portSpecification' has no value.", None, "portSpecification"))
        for port, function, argument in _specification(text, findings):
            if port in outputs:
                message = f"Port '{port}' is specified more than once."
                findings.append(Finding(message, "Name each port once.", "portSpecification", port))
            outputs[port] = schema
            try:
                _test(function, argument, kind)
            except ValueError as error:
                element = f"{port}:{function}({argument})"
                findings.append(
                    Finding(f"Invalid function of port '{port}': {error}.", None, "portSpecification", element)
                )
        for handling, port_property in (("defaultHandling", "defaultPort"), ("nullHandling", "nullPort")):
            if _to_port(properties, handling):
                outputs.setdefault(
                    properties.get(port_property) or ("Default" if "d" in port_property else "Null"), schema
                )
        return Described(outputs, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        name = properties["routingField"]
        kind = schema.field(name).type
        ports = [(p, _test(f, a, kind)) for p, f, a in _specification(properties.get("portSpecification") or "", [])]
        return Stateless(lambda batch: _routed(batch, name, ports, properties))


def _specification(text: str, findings: list[Finding]) -> list[tuple[str, str, str]]:
    found, at = [], 0
    while at < len(text):
        match = _SPEC.match(text, at)
        if match is None:
            message = f"Could not parse '{text[at:].strip()}' of the port specification."
            findings.append(Finding(message, "Write it as 'port:function(argument)'.", "portSpecification"))
            break
        found.append((match[1].strip(), match[2].lower(), match[3]))
        at = match.end()
    return found


def _handling(properties: Mapping[str, str], property: str) -> str:
    return re.sub(r"[^a-z]", "", (properties.get(property) or "Error Port").lower())


def _to_port(properties: Mapping[str, str], property: str) -> bool:
    return _handling(properties, property) in ("defaultport", "nullport", "sendtodefaultport", "sendtonullport")


def _routed(batch: pa.RecordBatch, name: str, ports: list[tuple[str, Test]], properties: Mapping[str, str]) -> Emitted:
    column = batch.column(name)
    encoded = column.dictionary_encode()
    choice = []
    for value in encoded.dictionary.to_pylist():
        choice.append(next((i for i, (_, test) in enumerate(ports) if test(value)), -1))
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    target = np.where(codes < 0, -2, np.array([*choice, -1])[codes])
    emitted = Emitted()
    for i, (port, _) in enumerate(ports):
        _send(emitted, batch, target == i, port)
    for code, handling, port_property, fallback in (
        (-1, "defaultHandling", "defaultPort", "Default"),
        (-2, "nullHandling", "nullPort", "Null"),
    ):
        mask = target == code
        if not mask.any() or _handling(properties, handling) == "skip":
            continue
        if _to_port(properties, handling):
            _send(emitted, batch, mask, properties.get(port_property) or fallback)
            continue
        chosen = batch.filter(pa.array(mask))
        values = [print_any(value) for value in chosen.column(name).to_pylist()]
        messages = [f"Value '{value}' of field '{name}' matches no port." for value in values]
        emitted.rejected.append(Rejected.of(chosen, [100] * chosen.num_rows, messages))
    return emitted


def _send(emitted: Emitted, batch: pa.RecordBatch, mask: Any, port: str) -> None:
    if mask.any():
        emitted.batches.append((port, batch.filter(pa.array(mask))))


class CloneTransform:
    """Transform `clone`."""

    name = "clone"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check the number."""
        findings: list[Finding] = []
        text = properties.get("copies") or ""
        if "copies" not in hidden and not re.fullmatch(r"[1-9][0-9]{0,9}", text.strip()):
            message = f"Number of copies '{text}' is not valid." if text else "Required property 'copies' has no value."
            findings.append(Finding(message, "It should be a whole number above zero.", "copies"))
        return Described({MAIN: schema}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        copies = int(properties["copies"])

        def apply(batch: pa.RecordBatch) -> Emitted:
            emitted = Emitted()
            at_once = max(1, 65_536 // max(copies, 1))
            for start in range(0, batch.num_rows, at_once):
                part = batch.slice(start, at_once)
                for made in range(0, copies, 65_536):
                    times = min(copies - made, 65_536)
                    rows = np.repeat(np.arange(part.num_rows), times)
                    emitted.batches.append((MAIN, part.take(pa.array(rows))))
            return emitted

        return Stateless(apply)
