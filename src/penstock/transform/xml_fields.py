"""XML inside a field: picked by XPath, cut into records, or turned into JSON.

`parse-xml`: `input`, `encoding`, `xPathMappings` (`name:path,…`), `fieldTypeMapping` (`name:type,…`),
`processOnError` (`Ignore error and continue`, `Exit on error`, `Write to error dataset`), `failOnArray`. `split-xml`:
`field`, `encoding`, `xPath`, `schema`; a record for each element that matches, with its children by name.
`xml-to-json`: `inputField`, `outputField`, `schema`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import pyarrow as pa

from penstock.data.conversion import ConversionFailed, from_text
from penstock.ports.transform import MAIN, Described, Emitted, Finding, Rejected, Surroundings, TransformFailed
from penstock.transform.directives.xml_values import XmlInvalid, xml_to_json
from penstock.transform.jvm.values import print_json
from penstock.transform.stateless import Stateless, check_present, mapping_of, pairs_of, read_schema

__all__ = ["XmlJsonTransform", "XmlParseTransform", "XmlSplitTransform"]

_TYPES: Final = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
}


class _Broken(ValueError):
    """A record whose XML cannot be read as asked."""


def _tree(value: str | bytes, encoding: str) -> Any:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, encoding=None)
    data = value if isinstance(value, bytes) else value.encode(encoding if "encoding=" in value[:100] else "utf-8")
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _Broken(f"the XML cannot be read: {error}") from None


def _path(text: str, property: str, findings: list[Finding], element: str | None = None) -> Any:
    from lxml import etree

    try:
        return etree.XPath(text)
    except (etree.XPathSyntaxError, ValueError) as error:
        findings.append(Finding(f"Invalid XPath '{text}': {error}.", None, property, element))
        return None


def _shown(node: Any) -> str | None:
    """Return the text of a node; one that has children is shown as XML."""
    if isinstance(node, str):
        return str(node)
    if len(node) == 0:
        return None if node.text is None else str(node.text)
    from lxml import etree

    text: str = etree.tostring(node, encoding="unicode", with_tail=False)
    return text


def _field_of(
    properties: Mapping[str, str], property: str, schema: pa.Schema | None, hidden: Collection[str]
) -> list[Finding]:
    findings: list[Finding] = []
    name = properties.get(property)
    if not name and property not in hidden:
        findings.append(Finding(f"Required property '{property}' has no value.", None, property))
    if name:
        check_present(schema, [name], property, findings)
    return findings


class XmlParseTransform:
    """Transform `parse-xml`."""

    name = "parse-xml"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check paths and types against each other."""
        findings = _field_of(properties, "input", schema, hidden)
        paths = pairs_of(properties.get("xPathMappings"), "xPathMappings", findings)
        types = mapping_of(properties.get("fieldTypeMapping"), "fieldTypeMapping", findings)
        for property in ("xPathMappings", "fieldTypeMapping"):
            if not properties.get(property) and property not in hidden:
                findings.append(Finding(f"Required property '{property}' has no value.", None, property))
        fields = []
        for name, path in paths:
            _path(path, "xPathMappings", findings, f"{name}:{path}")
            kind = types.get(name, "string").lower()
            if kind not in _TYPES:
                message = f"Field '{name}' is of invalid type '{kind}'."
                choices = f"Use one of {', '.join(_TYPES)}."
                findings.append(Finding(message, choices, "fieldTypeMapping", f"{name}:{kind}"))
            else:
                fields.append(pa.field(name, _TYPES[kind]))
        for name in types:
            if name not in {pair[0] for pair in paths} and not hidden:
                message = f"Field '{name}' in the field type mapping has no XPath."
                findings.append(Finding(message, "Remove it or add its path.", "fieldTypeMapping", name))
        unknown = hidden and {"xPathMappings", "fieldTypeMapping"} & set(hidden)
        return Described({MAIN: None if findings or unknown else pa.schema(fields)}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        output = self.describe(properties, schema).outputs[MAIN]
        assert output is not None, "the configuration was checked"
        paths = {name: _path(path, "", []) for name, path in pairs_of(properties.get("xPathMappings"), "", [])}
        name, encoding = properties["input"], properties.get("encoding") or "UTF-8"
        strict = (properties.get("failOnArray") or "false").lower() == "true"
        policy = (properties.get("processOnError") or "").lower()

        def apply(batch: pa.RecordBatch) -> Emitted:
            records: list[dict[str, Any]] = []
            refused: list[tuple[int, str]] = []
            for row, value in enumerate(batch.column(name).to_pylist()):
                try:
                    records.append(_picked(value, paths, output, encoding, strict))
                except _Broken as error:
                    if policy.startswith("exit"):
                        raise TransformFailed(str(error)) from None
                    if policy.startswith("write"):
                        refused.append((row, str(error)))
                    else:
                        surroundings.log("WARN", f"A record is left out: {error}")
            emitted = Emitted.main(pa.RecordBatch.from_pylist(records, schema=output))
            if refused:
                chosen = batch.take(pa.array([row for row, _ in refused]))
                emitted.rejected.append(Rejected.of(chosen, [31] * len(refused), [text for _, text in refused]))
            return emitted

        return Stateless(apply)


def _picked(
    value: str | bytes | None, paths: Mapping[str, Any], output: pa.Schema, encoding: str, strict: bool
) -> dict[str, Any]:
    if value is None:
        raise _Broken("the field is null")
    tree = _tree(value, encoding)
    record: dict[str, Any] = {}
    for name, path in paths.items():
        found = path(tree)
        if not isinstance(found, list):
            found = [str(found)] if not isinstance(found, bool) else ["true" if found else "false"]
        if strict and len(found) > 1:
            raise _Broken(f"the path of '{name}' gives several values")
        text = _shown(found[0]) if found else None
        record[name] = None if text is None else _typed(text, output.field(name))
    return record


def _typed(text: str, field: pa.Field) -> Any:
    if pa.types.is_string(field.type):
        return text
    try:
        return from_text(pa.array([text.strip()]), field.type)[0].as_py()
    except (ConversionFailed, ValueError):
        raise _Broken(f"'{text}' of field '{field.name}' cannot be converted") from None


class XmlSplitTransform:
    """Transform `split-xml`."""

    name = "split-xml"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check path and schema."""
        findings = _field_of(properties, "field", schema, hidden)
        path = properties.get("xPath")
        if path:
            _path(path, "xPath", findings)
        elif "xPath" not in hidden:
            findings.append(Finding("Required property 'xPath' has no value.", None, "xPath"))
        output = read_schema(properties, "schema", hidden, findings)
        for field in output or ():
            if pa.types.is_nested(field.type):
                message = f"Field '{field.name}' is of invalid type."
                findings.append(Finding(message, "It should be of a simple type.", "schema", output_field=field.name))
        return Described({MAIN: output}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        output = read_schema(properties, "schema", (), [])
        assert output is not None, "the configuration was checked"
        path, name = _path(properties["xPath"], "", []), properties["field"]
        encoding = properties.get("encoding") or "UTF-8"

        def apply(batch: pa.RecordBatch) -> Emitted:
            records: list[dict[str, Any]] = []
            refused: list[tuple[int, str]] = []
            for row, value in enumerate(batch.column(name).to_pylist()):
                try:
                    if value is None:
                        raise _Broken("the field is null")
                    found = path(_tree(value, encoding))
                    records += [_children(node, output) for node in found if not isinstance(node, str)]
                except _Broken as error:
                    refused.append((row, str(error)))
            emitted = Emitted.main(pa.RecordBatch.from_pylist(records, schema=output))
            if refused:
                chosen = batch.take(pa.array([row for row, _ in refused]))
                emitted.rejected.append(Rejected.of(chosen, [1] * len(refused), [text for _, text in refused]))
            return emitted

        return Stateless(apply)


def _children(node: Any, output: pa.Schema) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for child in node:
        if isinstance(child.tag, str):
            name = child.tag.rpartition("}")[2]
            if name in output.names:
                text = _shown(child)
                record[name] = None if text is None else _typed(text, output.field(name))
    for name, value in node.attrib.items():
        if name in output.names and name not in record:
            record[name] = _typed(value, output.field(name))
    for field in output:
        if record.get(field.name) is None and not field.nullable:
            raise _Broken(f"the element has no '{field.name}'")
    return record


class XmlJsonTransform:
    """Transform `xml-to-json`."""

    name = "xml-to-json"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check fields and schema."""
        findings = _field_of(properties, "inputField", schema, hidden)
        target = properties.get("outputField")
        if not target and "outputField" not in hidden:
            findings.append(Finding("Required property 'outputField' has no value.", None, "outputField"))
        output = read_schema(properties, "schema", hidden, findings, must=False)
        if output is None and schema is not None and target and "schema" not in hidden:
            output = _with(schema, target)
        if output is not None and target and target not in output.names:
            message = f"Output field '{target}' must be present in the output schema."
            findings.append(Finding(message, "Add it to the output schema.", "outputField", target))
        return Described({MAIN: output}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        output = self.describe(properties, schema).outputs[MAIN]
        assert output is not None, "the configuration was checked"
        source, target = properties["inputField"], properties["outputField"]

        def apply(batch: pa.RecordBatch) -> Emitted:
            texts: list[str | None] = []
            kept: list[int] = []
            refused: list[tuple[int, str]] = []
            for row, value in enumerate(batch.column(source).to_pylist()):
                try:
                    text = value.decode() if isinstance(value, bytes) else value
                    texts.append(None if text is None else print_json(xml_to_json(text)))
                    kept.append(row)
                except (XmlInvalid, UnicodeDecodeError) as error:
                    refused.append((row, str(error)))
            rows = pa.array(kept, pa.int64())
            columns = [
                pa.array(texts, f.type)
                if f.name == target
                else batch.column(f.name).take(rows)
                if f.name in batch.schema.names
                else pa.nulls(len(kept), f.type)
                for f in output
            ]
            emitted = Emitted.main(pa.RecordBatch.from_arrays(columns, schema=output))
            if refused:
                chosen = batch.take(pa.array([row for row, _ in refused]))
                emitted.rejected.append(Rejected.of(chosen, [403] * len(refused), [text for _, text in refused]))
            return emitted

        return Stateless(apply)


def _with(schema: pa.Schema, target: str) -> pa.Schema:
    field = pa.field(target, pa.string())
    at = schema.get_field_index(target)
    return schema.append(field) if at < 0 else schema.set(at, field)
