"""JSON: one document after the other, or arrays of them; several update formats and flavours."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from penstock.connect.formats.documents import DocumentReader, Documents
from penstock.connect.formats.json_text import JsonEncoder
from penstock.connect.formats.json_values import FLAVORS, needs_exact_numbers, reading
from penstock.connect.formats.rows import MAX_TEXT, Operations, RowReader, shown_text
from penstock.connect.formats.updates import UPDATE_FORMATS, Opener
from penstock.data.pool import Pool
from penstock.ports.format import Decoder, Encoder, FormatRefused, Layout, Parsed, ParseError, option_names

_MAX_ARRAY_BYTES = 1 << 30
_DECODER_OPTIONS = ("update_format", "array", "lines", "json_flavor")
_ENCODER_OPTIONS = ("update_format", "array", "json_flavor", "buffer_size_records", "key_fields")


def flag(options: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return a yes-or-no option, given as such or as text. Raises: FormatRefused."""
    value = options.get(name, default)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise FormatRefused(f"option {name!r} is true or false, not {value!r}", name)
    return value


def choice(options: Mapping[str, Any], name: str, choices: Mapping[str, Any], default: str) -> str:
    """Return an option that is one of several words. Raises: FormatRefused."""
    value = options.get(name, default)
    if value is None:
        return default
    if not isinstance(value, str) or value not in choices:
        raise FormatRefused(f"option {name!r} is one of {', '.join(choices)}, not {value!r}", name)
    return value


class JsonFormat:
    """The format "json": a document for each change, one after the other or, with `array`, in arrays."""

    name = "json"

    def decoder(self, options: Mapping[str, Any], table: Layout, pool: Pool) -> Decoder:
        """Return a decoder for one body. Raises: FormatRefused."""
        option_names(options, _DECODER_OPTIONS, self.name)
        update_format = choice(options, "update_format", UPDATE_FORMATS, "insert_delete")
        flavor = FLAVORS[choice(options, "json_flavor", FLAVORS, "default")]
        lines = choice(options, "lines", {"multiple": 0, "single": 0}, "multiple")
        rows = RowReader(table, [reading(column.type, flavor) for column in table.columns], pool)
        is_array = flag(options, "array")
        documents = DocumentReader(
            any(needs_exact_numbers(column.type) for column in table.columns),
            lines == "single",
            _MAX_ARRAY_BYTES if is_array else 1 << 24,
        )
        make = _ArrayDecoder if is_array else _RecordDecoder
        return make(documents, UPDATE_FORMATS[update_format], rows, bool(table.primary_key))

    def separator(self, options: Mapping[str, Any]) -> bytes | None:
        """Return a line end: documents stand one after the other."""
        return b"\n"

    def encoder(self, options: Mapping[str, Any], relation: Layout, pool: Pool) -> Encoder:
        """Return an encoder. Raises: FormatRefused."""
        option_names(options, _ENCODER_OPTIONS, self.name)
        return JsonEncoder(relation, pool, options, is_array=flag(options, "array"))


class _Decoder(ABC):
    """Documents to updates; events are counted over the whole body."""

    def __init__(self, documents: DocumentReader, opener: Opener, rows: RowReader, keyed: bool) -> None:
        self._documents = documents
        self._open = opener
        self._rows = rows
        self._keyed = keyed
        self._events = 0

    def feed(self, data: bytes) -> Parsed:
        """Take the next piece."""
        return self._take(self._documents.feed(data))

    def finish(self) -> Parsed:
        """Take the end of the body."""
        return self._take(self._documents.finish())

    @abstractmethod
    def _take(self, documents: Documents) -> Parsed: ...


class _RecordDecoder(_Decoder):
    """Each document is an update; each stands alone."""

    def _take(self, documents: Documents) -> Parsed:
        operations = Operations()
        values = documents.values
        if documents.broken:
            numbers, broken = _numbered(documents, self._events)
            operations.errors += broken
        else:
            numbers = list(range(self._events + 1, self._events + len(values) + 1))
        self._events += len(values) + len(documents.broken)
        if values:
            self._open(values, numbers, operations, self._keyed)
        parsed = self._rows.read(operations)
        parsed.errors.sort(key=lambda error: error.event_number)
        return parsed


class _ArrayDecoder(_Decoder):
    """Each document is an array of updates that stand or fall together."""

    def _take(self, documents: Documents) -> Parsed:
        parsed = Parsed()
        breaks: dict[int, list[tuple[bytes, str]]] = {}
        for at, text, why in documents.broken:
            breaks.setdefault(at, []).append((text, why))
        for at in range(len(documents.values) + 1):
            for text, why in breaks.get(at, ()):
                self._events += 1
                parsed.errors.append(_broken(text, why, self._events))
            if at < len(documents.values):
                self._array(documents.values[at], parsed)
        return parsed

    def _array(self, updates: Any, parsed: Parsed) -> None:
        if type(updates) is not list:
            self._events += 1
            reason = "with array=true each document is an array of updates"
            parsed.errors.append(ParseError(reason, self._events, None, shown_text(updates)))
            return
        if not updates:
            return
        operations = Operations()
        numbers = list(range(self._events + 1, self._events + len(updates) + 1))
        self._events += len(updates)
        self._open(updates, numbers, operations, self._keyed)
        made = self._rows.read(operations)
        parsed.errors += sorted(made.errors, key=lambda error: error.event_number)
        if not made.errors:
            parsed.batches += made.batches


def _numbered(documents: Documents, before: int) -> tuple[list[int], list[ParseError]]:
    """Number good and broken documents by their places in the body."""
    numbers: list[int] = []
    errors: list[ParseError] = []
    event = before
    broken = iter([*documents.broken, (-1, b"", "")])
    at, text, why = next(broken)
    for place in range(len(documents.values) + 1):
        while at == place:
            event += 1
            errors.append(_broken(text, why, event))
            at, text, why = next(broken)
        event += 1
        numbers.append(event)
    return numbers[:-1], errors


def _broken(text: bytes, why: str, event: int) -> ParseError:
    shown = text[: MAX_TEXT + 1]
    try:
        readable = shown.decode()
    except UnicodeDecodeError:
        return ParseError(f"invalid JSON: {why}", event, None, None, list(shown[:MAX_TEXT]))
    return ParseError(f"invalid JSON: {why}", event, None, readable[:MAX_TEXT])
