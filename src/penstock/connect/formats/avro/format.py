"""The format "avro": what it takes of options, the reading of messages, the writing of changes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from penstock.connect.formats.avro.registry import REGISTRY_OPTIONS, Registry, header, read_header
from penstock.connect.formats.avro.schemas import parsed, record_schema
from penstock.connect.formats.avro.values import avro_reading, avro_values
from penstock.connect.formats.json import choice, flag
from penstock.connect.formats.printing import sorted_changes
from penstock.connect.formats.rows import Operations, RowReader
from penstock.connect.formats.updates import UPDATE_FORMATS
from penstock.connect.formats.upserts import by_key
from penstock.data.batch import Batch
from penstock.data.pool import Pool
from penstock.ports.format import Encoded, FormatRefused, Layout, Parsed, ParseError, option_names

_DECODER_OPTIONS = ("update_format", "schema", "skip_schema_id", *REGISTRY_OPTIONS)
_ENCODER_OPTIONS = (
    "update_format", "schema", "skip_schema_id", "key_mode", "namespace", "subject_name_strategy", "cdc_field",
    "threads", *REGISTRY_OPTIONS,
)  # fmt: skip
_READ = {name: UPDATE_FORMATS[name] for name in ("raw", "debezium")}
_WRITTEN = {"raw": 0, "confluent_jdbc": 0}
_STRATEGIES = {"topic_name": 0, "record_name": 0, "topic_record_name": 0}
_KEY_MODES = {"none": 0, "key_fields": 0}
_FILE = b"Obj\x01"
_LETTERS = {"delete": "D", "update": "U", "insert": "I"}


class AvroFormat:
    """The format "avro": a datum for each message, after the id of its schema in a registry; files of Avro too.

    In: `schema` (text), or registry_urls with registry_username and registry_password or registry_authorization_token,
    registry_headers, registry_proxy, registry_timeout_secs; skip_schema_id (messages without an id); update_format:
    raw, debezium. Out: the same, and schema (of the relation's columns if not given), namespace, subject_name_strategy
    (topic_name, record_name, topic_record_name), key_mode (none, key_fields: the columns of the connector's index),
    update_format: raw says what became of a row by the message's header `op` and by cdc_field, a further field;
    confluent_jdbc has the key in each message, and nothing else for a row that is gone. threads is taken and means
    nothing.
    """

    name = "avro"
    transport_settings = ("topic",)

    def __init__(self) -> None:
        self._registries: dict[str, Registry] = {}

    def decoder(self, options: Mapping[str, Any], table: Layout, pool: Pool) -> AvroDecoder:
        """Return a decoder for one body, or for messages. Raises: FormatRefused."""
        options = {k: v for k, v in options.items() if k not in self.transport_settings}
        option_names(options, _DECODER_OPTIONS, self.name)
        opener = _READ[choice(options, "update_format", _READ, "raw")]
        text, registry = options.get("schema"), self._registry(options)
        without_id = flag(options, "skip_schema_id")
        if text is None and (registry is None or without_id):
            raise FormatRefused("messages are read by a schema: give 'schema' or 'registry_urls'", "schema")
        if text is not None:
            _checked_schema(text)
        rows = RowReader(table, [avro_reading(column.type) for column in table.columns], pool)
        return AvroDecoder(rows, opener, text, registry, without_id, bool(table.primary_key))

    def separator(self, options: Mapping[str, Any]) -> bytes | None:
        """Return None: a message is a whole."""
        return None

    def encoder(self, options: Mapping[str, Any], relation: Layout, pool: Pool) -> AvroEncoder:
        """Return an encoder. Raises: FormatRefused."""
        topic = options.get("topic")
        options = {k: v for k, v in options.items() if k not in self.transport_settings}
        option_names(options, _ENCODER_OPTIONS, self.name)
        update_format = choice(options, "update_format", _WRITTEN, "raw")
        key_mode = choice(options, "key_mode", _KEY_MODES, "key_fields" if relation.index else "none")
        if (key_mode == "key_fields" or update_format == "confluent_jdbc") and not relation.index:
            raise FormatRefused("keys are the columns of an index: name one as the connector's 'index'", "key_mode")
        if key_mode == "none" and update_format == "confluent_jdbc":
            raise FormatRefused("the update format 'confluent_jdbc' needs keys", "key_mode")
        cdc_field = options.get("cdc_field")
        if cdc_field is not None and update_format != "raw":
            raise FormatRefused("cdc_field is of the update format 'raw'", "cdc_field")
        more = () if cdc_field is None else (str(cdc_field),)
        namespace = options.get("namespace")
        columns = [relation.columns[at] for at in relation.index]
        value = options.get("schema") or json.dumps(record_schema(relation.name, namespace, relation.columns, more))
        key = (
            json.dumps(record_schema(f"{relation.name}_key", namespace, columns)) if key_mode == "key_fields" else None
        )
        value_name, key_name = (None if text is None else _checked_schema(text) for text in (value, key))
        registry = self._registry(options)
        strategy = choice(options, "subject_name_strategy", _STRATEGIES, "topic_name")

        def written(text: str | None, part: str, name: str | None) -> _Written | None:
            if text is None:
                return None
            if registry is None:
                return _Written(text, b"" if flag(options, "skip_schema_id") else header(0))
            try:
                id = registry.register(_subject(strategy, topic, part, str(name)), text)
            except (OSError, ValueError) as error:
                raise FormatRefused(str(error), "registry_urls") from error
            return _Written(text, header(id))

        made = written(value, "value", value_name)
        assert made is not None
        return AvroEncoder(relation, pool, made, written(key, "key", key_name), update_format, cdc_field)

    def _registry(self, options: Mapping[str, Any]) -> Registry | None:
        """Return the registry that options name: the same one for the same options, with what it has fetched."""
        if options.get("registry_urls") is None:
            return None
        key = json.dumps({name: options.get(name) for name in REGISTRY_OPTIONS}, sort_keys=True, default=str)
        if key not in self._registries:
            self._registries[key] = Registry(options)
        return self._registries[key]


def _checked_schema(text: Any) -> str:
    """Return the full name of the record that a schema is of. Raises: FormatRefused."""
    if not isinstance(text, str):
        raise FormatRefused("the option 'schema' is the text of a schema", "schema")
    try:
        schema = parsed(text)
    except ValueError as error:
        raise FormatRefused(str(error), "schema") from None
    if not isinstance(schema, dict) or schema.get("type") != "record":
        raise FormatRefused("the schema of rows is one of a record", "schema")
    return str(schema["name"])


def _subject(strategy: str, topic: Any, part: str, name: str) -> str:
    if strategy == "record_name":
        return name
    if not isinstance(topic, str):
        raise FormatRefused(
            f"the subject by {strategy!r} needs a transport with a topic; use 'record_name'", "subject_name_strategy"
        )
    return f"{topic}-{part}" if strategy == "topic_name" else f"{topic}-{name}"


class AvroDecoder:
    """Reads one body: messages one after the other, or a file of Avro; or many bodies at once."""

    def __init__(
        self,
        rows: RowReader,
        opener: Callable[[list[Any], list[int], Operations, bool], None],
        schema: str | None,
        registry: Registry | None,
        without_id: bool,
        keyed: bool,
    ) -> None:
        # Loaded with the connector, see `connect.postgres.connection`.
        from fastavro import reader, schemaless_reader

        self._read_datum, self._read_file = schemaless_reader, reader
        self._rows = rows
        self._opener = opener
        self._schema = schema
        self._registry = registry
        self._without_id = without_id
        self._keyed = keyed
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> Parsed:
        """Take the next piece."""
        self._parts.append(data)
        return Parsed()

    def finish(self) -> Parsed:
        """Take the end of the body. Raises: OSError if no schema registry answers."""
        body, self._parts = b"".join(self._parts), []
        return self.bodies([body]) if body else Parsed()

    def bodies(self, bodies: Sequence[bytes]) -> Parsed:
        """Take whole bodies, each of a message. An empty one follows one that says the same: a row is gone."""
        documents: list[Any] = []
        events: list[int] = []
        operations = Operations()
        for number, body in enumerate(bodies, 1):
            try:
                found = [*self._documents(body)]
            except (ValueError, EOFError, KeyError, IndexError, TypeError, StopIteration, OverflowError) as error:
                shown = list(body[:100])
                reason = f"invalid Avro data: {error or type(error).__name__}"
                operations.errors.append(ParseError(reason, number, None, None, shown))
                continue
            documents += found
            events += [number] * len(found)
        if documents:
            self._opener(documents, events, operations, self._keyed)
        return self._rows.read(operations)

    def _documents(self, body: bytes) -> Iterator[Any]:
        if body.startswith(_FILE):
            yield from self._read_file(io.BytesIO(body))
            return
        stream = io.BytesIO(body)
        while stream.tell() < len(body):
            schema = self._schema
            if not self._without_id:
                id, at = read_header(body, stream.tell())
                stream.seek(at)
                if schema is None:
                    assert self._registry is not None
                    schema = self._registry.schema(id)
            assert schema is not None
            yield self._read_datum(stream, parsed(schema), None)


class _Written:
    """A schema to write by, and what stands before each datum."""

    def __init__(self, text: str, head: bytes) -> None:
        from fastavro import schemaless_writer

        self._write = schemaless_writer
        self._schema = parsed(text)
        self._head = head
        self.names = [field["name"] for field in self._schema["fields"]]

    def datum(self, record: Mapping[str, Any]) -> bytes:
        """Return a message's bytes. Raises: ValueError for a value that is not of the schema."""
        stream = io.BytesIO(self._head)
        stream.seek(0, io.SEEK_END)
        self._write(stream, self._schema, record)
        return stream.getvalue()


class AvroEncoder:
    """Writes a message for each change."""

    def __init__(
        self,
        relation: Layout,
        pool: Pool,
        value: _Written,
        key: _Written | None,
        update_format: str,
        cdc_field: str | None,
    ) -> None:
        self._relation = relation
        self._pool = pool
        self._value = value
        self._key = key
        self._has_removals = update_format == "confluent_jdbc"
        self._cdc_field = cdc_field

    @property
    def needs_messages(self) -> bool:
        """Whether a row that is gone is a message without a payload."""
        return self._has_removals

    def encode(self, batch: Batch) -> Iterator[Encoded]:
        """Encode consolidated changes; see `ports.format.Encoder`."""
        if self._relation.index:
            changes = by_key(batch, self._relation, self._pool)
            yield from self._messages(changes.deleted, "delete")
            yield from self._messages(changes.after, "update")
            yield from self._messages(changes.inserted, "insert")
            return
        ordered = sorted_changes(batch, self._relation, self._pool)
        ordered = ordered.take(np.repeat(np.arange(len(ordered)), np.abs(ordered.weights)))
        yield from self._messages(ordered.take(ordered.weights < 0), "delete")
        yield from self._messages(ordered.take(ordered.weights > 0), "insert")

    def _messages(self, batch: Batch, operation: str) -> Iterator[Encoded]:
        names = [column.name for column in self._relation.columns]
        columns = [
            avro_values(column, layout.type, self._pool)
            for column, layout in zip(batch.columns, self._relation.columns, strict=True)
        ]
        headers = () if self._has_removals else (("op", operation.encode()),)
        for values in zip(*columns, strict=True):
            record = dict(zip(names, values, strict=True))
            if self._cdc_field is not None:
                record[self._cdc_field] = _LETTERS[operation]
            key = None if self._key is None else self._key.datum(record)
            is_removal = self._has_removals and operation == "delete"
            yield Encoded(b"" if is_removal else self._value.datum(record), 1, key, is_removal, headers)
