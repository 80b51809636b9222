"""Directives about messages in formats of their own: HL7 version 2, files of Avro inside a field.

Source: HL7 v2 encoding rules (separators in MSH-1 and MSH-2).
"""

from __future__ import annotations

import io
import re
from typing import Any

from penstock.transform.directives.declaring import Setting, Step, directive, each_value, stopped, wrong_type
from penstock.transform.directives.json_cells import flattened, spread_groups, spread_members
from penstock.transform.frames.data import encode
from penstock.transform.frames.frame import Frame
from penstock.transform.jvm.values import JsonArray, JsonObject, Long
from penstock.transform.recipe.parser import COLUMN, NUMBER
from penstock.transform.recipe.usage import Arguments, Parameter

__all__: list[str] = []


@directive("parse-as-hl7", Parameter("column", COLUMN), Parameter("depth", NUMBER, True))
def parse_as_hl7(arguments: Arguments, setting: Setting) -> Step:
    """Append a column for each field of a message, named by segment and place: `<column>_hl7_MSH_9_1`."""
    column, depth = arguments.text("column"), arguments.number("depth", 1 << 31)

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            raise wrong_type("parse-as-hl7", column, value)
        if not value.lstrip().startswith("MSH") or len(value.strip()) < 8:
            raise stopped("parse-as-hl7", "The HL7 message does not begin with a segment MSH.")
        return flattened(_message(value.strip()), f"{column}_hl7", 1, depth)

    def step(frame: Frame) -> Frame:
        frame, _, data = each_value(frame, column, read)
        if data is None:
            return frame
        records, codes = encode(data)
        return spread_members(frame, records, codes)

    return step


def _message(text: str) -> JsonObject:
    field, component = text[3], text[4]
    segments = JsonObject()
    for line in re.split(r"[\r\n]+", text):
        name, *fields = line.split(field)
        if not name.strip():
            continue
        values = JsonObject()
        first = 1
        if name == "MSH":
            values["1"] = field
            values["2"] = fields.pop(0)
            first = 3
        for place, part in enumerate(fields, first):
            if part:
                values[str(place)] = _components(part, component)
        if name not in segments:
            segments[name] = values
        elif isinstance(segments[name], JsonArray):
            segments[name].append(values)
        else:
            segments[name] = JsonArray([segments[name], values])
    return segments


def _components(text: str, separator: str) -> Any:
    parts = text.split(separator)
    if len(parts) == 1:
        return text
    return JsonObject({str(place): part for place, part in enumerate(parts, 1) if part})


@directive("parse-as-avro-file", Parameter("column", COLUMN))
def parse_as_avro_file(arguments: Arguments, setting: Setting) -> Step:
    """Make a row of each record of a file of Avro that a column holds as bytes; the other columns are gone."""
    column = arguments.text("column")

    def read(value: Any) -> list[dict[str, Any]]:
        import fastavro

        if not isinstance(value, bytes):
            raise wrong_type("parse-as-avro-file", column, value, "type 'byte array'")
        try:
            found = list(fastavro.reader(io.BytesIO(value)))
        except (ValueError, KeyError, EOFError) as error:
            raise stopped("parse-as-avro-file", f"Failed to parse Avro data file. {error}") from None
        return [{key: _typed(item) for key, item in record.items()} for record in found if isinstance(record, dict)]

    def step(frame: Frame) -> Frame:
        at = frame.find(column)
        if at < 0:
            return frame
        frame = frame.keep(~frame.nulls_of(at) & frame.columns[at].there())
        frame, _, data = each_value(frame, column, read)
        if data is None or frame.rows == 0:
            return frame
        values, codes = encode(data)
        return spread_groups(frame, values, codes)[0]

    return step


def _typed(value: Any) -> Any:
    return Long(value) if isinstance(value, int) and not isinstance(value, bool) else value
