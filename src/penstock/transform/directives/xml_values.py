"""Directives about XML: to JSON, and picking by XPath.

XML texts become JSON as org.json does it: leniently, attributes as members, repeated elements as arrays, text beside
them as `content`. Source: `org.json.XML.toJSONObject`, observed behaviour.
"""

from __future__ import annotations

import html
import re
from typing import Any, Final

import numpy as np

from penstock.transform.directives.declaring import Setting, Step, directive, each_value, stopped, wrong_type
from penstock.transform.directives.json_cells import flattened, spread_members
from penstock.transform.frames.data import encode
from penstock.transform.frames.frame import Frame
from penstock.transform.jvm.values import JsonArray, JsonObject, Long
from penstock.transform.recipe.parser import BOOLEAN, COLUMN, NUMBER, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__ = ["XmlInvalid", "xml_to_json"]


class XmlInvalid(ValueError):
    """A text that is no XML."""


_TOKEN: Final = re.compile(
    r"<!\[CDATA\[(?P<cdata>.*?)\]\]>|<!--.*?-->|<\?.*?\?>|<!(?:[^<>]|<[^<>]*>)*>"
    r"|<(?P<close>/?)(?P<name>[^\s<>/=]+)(?P<attributes>(?:[^<>'\"]|'[^']*'|\"[^\"]*\")*?)(?P<empty>/?)>|(?P<text>[^<]+)",
    re.DOTALL,
)
_ATTRIBUTE: Final = re.compile(r"([^\s=/<>'\"]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>'\"]+)))?")


def xml_to_json(text: str, *, keep_strings: bool = False) -> JsonObject:
    """Read an XML text as a JSON object. keep_strings: numbers and truth values stay texts. Raises: XmlInvalid."""
    root = JsonObject()
    stack: list[tuple[str, JsonObject, list[str]]] = [("", root, [])]
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise XmlInvalid(f"Misshaped tag at {at} [character {at + 1} line 1]")
        at = found.end()
        if found["cdata"] is not None:
            stack[-1][2].append(found["cdata"])
        elif found["text"] is not None:
            if found["text"].strip() and len(stack) > 1:
                stack[-1][2].append(html.unescape(found["text"].strip()))
        elif found["name"] is not None:
            _tag(found, stack, keep_strings, at)
    if len(stack) > 1:
        raise XmlInvalid(f"Unclosed tag {stack[-1][0]} at {len(text)} [character {len(text) + 1} line 1]")
    return root


def _tag(found: re.Match[str], stack: list[tuple[str, JsonObject, list[str]]], keep: bool, at: int) -> None:
    name = found["name"]
    if found["close"]:
        if len(stack) == 1 or stack[-1][0] != name:
            raise XmlInvalid(f"Mismatched {stack[-1][0]} and {name} at {at} [character {at + 1} line 1]")
        _, value, texts = stack.pop()
        _accumulate(stack[-1][1], name, _element(value, texts, keep))
        return
    value = JsonObject()
    for attribute in _ATTRIBUTE.finditer(found["attributes"]):
        raw = next((group for group in attribute.groups()[1:] if group is not None), "")
        _accumulate(value, attribute[1], _value(html.unescape(raw), keep))
    if found["empty"]:
        _accumulate(stack[-1][1], name, value if value else "")
    else:
        stack.append((name, value, []))


def _element(value: JsonObject, texts: list[str], keep: bool) -> Any:
    for text in texts:
        _accumulate(value, "content", _value(text, keep))
    if not value:
        return ""
    return value["content"] if len(value) == 1 and "content" in value else value


def _accumulate(holder: JsonObject, name: str, value: Any) -> None:
    if name not in holder:
        holder[name] = JsonArray([value]) if isinstance(value, JsonArray) else value
    elif isinstance(holder[name], JsonArray):
        holder[name].append(value)
    else:
        holder[name] = JsonArray([holder[name], value])


def _value(text: str, keep: bool) -> Any:
    if keep:
        return text
    lowered = text.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    if lowered == "null":
        return None
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text) and text != "-0":
        return Long(text)
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", text) and any(c in text for c in ".eE"):
        return float(text)
    return text


@directive(
    "parse-xml-to-json",
    Parameter("column", COLUMN),
    Parameter("depth", NUMBER, True),
    Parameter("keep-string", BOOLEAN, True),
)
def parse_xml_to_json(arguments: Arguments, setting: Setting) -> Step:
    """Replace an XML text by columns of its members, down to a depth."""
    column, depth = arguments.text("column"), arguments.number("depth", 1 << 31)
    keep = arguments.flag("keep-string")

    def parse(value: Any) -> Any:
        if not isinstance(value, str):
            raise wrong_type("parse-xml-to-json", column, value)
        try:
            return xml_to_json(value, keep_strings=keep)
        except XmlInvalid as error:
            raise stopped("parse-xml-to-json", str(error)) from None

    def step(frame: Frame) -> Frame:
        empty = stopped("parse-xml-to-json", f"' : Column '{column}' does not exist.")
        frame, at, data = each_value(frame, column, parse, on_null=empty)
        if data is None:
            return frame
        values, codes = encode(data)
        columns = list(frame.columns)
        there = columns[at].there()
        del columns[at]
        frame = frame.with_columns(columns)
        records = [None if value is None else flattened(value, column, 1, depth) for value in values]
        return spread_members(frame, records, np.where(there, codes, -1))

    return step


@directive("parse-as-xml", Parameter("column", COLUMN))
def parse_as_xml(arguments: Arguments, setting: Setting) -> Step:
    """Check that a column holds XML, for the XPath directives that follow."""
    column = arguments.text("column")

    def check(value: Any) -> Any:
        if not isinstance(value, str | bytes):
            raise wrong_type("parse-as-xml", column, value, "type 'String' or 'byte array'")
        _tree("parse-as-xml", value)
        return value

    def step(frame: Frame) -> Frame:
        frame, _, _ = each_value(frame, column, check)
        return frame

    return step


def _tree(name: str, text: str | bytes) -> Any:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, recover=False)
    try:
        return etree.fromstring(text.encode() if isinstance(text, str) else text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise stopped(name, f"Unable to parse xml. {error}") from None


def _xpath(name: str, many: bool) -> None:
    @directive(name, Parameter("column", COLUMN), Parameter("destination", COLUMN), Parameter("xpath", TEXT))
    def make(arguments: Arguments, setting: Setting) -> Step:
        """Append what a path picks from XML: the first match, or all of them as a list."""
        from lxml import etree

        column, destination, path = arguments.text("column"), arguments.text("destination"), arguments.text("xpath")
        try:
            query = etree.XPath(path)
        except (etree.XPathSyntaxError, ValueError) as error:
            raise arguments.refuse(f"'{path}' is no XPath: {error}") from None

        def pick(value: Any) -> Any:
            if not isinstance(value, str | bytes):
                raise wrong_type(name, column, value, "type 'String' or 'byte array'")
            tree = _tree(name, value)
            try:
                found = query(tree)
            except etree.XPathError as error:
                raise stopped(name, f"'{path}' cannot be evaluated: {error}") from None
            texts = [_text(item) for item in found] if isinstance(found, list) else [str(found)]
            if many:
                return JsonArray(text for text in texts if text is not None)
            return texts[0] if texts else None

        def step(frame: Frame) -> Frame:
            frame, _, data = each_value(frame, column, pick)
            return frame if data is None else frame.set(destination, data)

        return step


def _text(item: Any) -> str | None:
    if isinstance(item, str):
        return str(item)
    return "".join(item.itertext()) or None


_xpath("xpath", many=False)
_xpath("xpath-array", many=True)
