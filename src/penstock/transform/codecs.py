"""Fields encoded, decoded, compressed, decompressed, or replaced by their digest.

`encode` and `decode` have a property of that name, `compress` and `decompress` have `compressor` and `decompressor`:
`field:kind,…`.
`schema` is the output's, by default the input's with the types that come out. `digest` has `hash` and `fields`.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, Final

import pyarrow as pa

from penstock.ports.transform import MAIN, Described, Emitted, Finding, Surroundings, TransformFailed
from penstock.transform.directives.masks import read_encoded
from penstock.transform.frames.cells import CellFailed
from penstock.transform.jvm.digests import digest
from penstock.transform.stateless import Stateless, check_present, names_of, pairs_of, read_schema

__all__ = ["CodecTransform", "DigestTransform"]


def _zipped(value: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("c"), value, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _unzipped(value: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(value)) as archive:
        first = archive.infolist()[0]
        if first.file_size > _LARGEST:
            raise ValueError("the value is too long when it is decompressed")
        return archive.read(first)


_LARGEST: Final = 256 << 20


def _unsnapped(value: bytes) -> bytes:
    size, shift = 0, 0
    for byte in value:
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    if size > _LARGEST:
        raise ValueError("the value is too long when it is decompressed")
    return bytes(pa.Codec("snappy").decompress(value, decompressed_size=size, asbytes=True))


def _ungzipped(value: bytes) -> bytes:
    engine = zlib.decompressobj(31)
    out = engine.decompress(value, _LARGEST)
    if engine.unconsumed_tail:
        raise ValueError("the value is too long when it is decompressed")
    return out


_ENCODE: Final[dict[str, Callable[[bytes], bytes]]] = {
    "BASE64": base64.b64encode,
    "BASE32": base64.b32encode,
    "HEX": binascii.hexlify,
}
_KINDS: Final[dict[str, dict[str, Callable[[bytes], bytes]]]] = {
    "encode": {**_ENCODE, **{f"STRING_{name}": function for name, function in _ENCODE.items() if name != "HEX"}},
    "decode": {
        name: partial(read_encoded, name.removeprefix("STRING_"))
        for name in ("BASE64", "BASE32", "HEX", "STRING_BASE64", "STRING_BASE32")
    },
    "compress": {
        "SNAPPY": lambda value: bytes(pa.Codec("snappy").compress(value, asbytes=True)),
        "ZIP": _zipped,
        "GZIP": lambda value: gzip.compress(value, mtime=0),
    },
    "decompress": {"SNAPPY": _unsnapped, "ZIP": _unzipped, "GZIP": _ungzipped},
}
_PROPERTY: Final = {
    "encode": "encode",
    "decode": "decode",
    "compress": "compressor",
    "decompress": "decompressor",
}


class CodecTransform:
    """Transforms `encode`, `decode`, `compress` and `decompress`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._kinds = _KINDS[name]
        self._property = _PROPERTY[name]

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check fields and kinds."""
        findings: list[Finding] = []
        pairs = pairs_of(properties.get(self._property), self._property, findings)
        if not pairs and not findings and self._property not in hidden:
            findings.append(Finding(f"Required property '{self._property}' has no value.", None, self._property))
        for name, kind in pairs:
            if kind.upper() not in self._kinds and kind.upper() != "NONE":
                choices = f"Use one of {', '.join(self._kinds)}."
                message = f"Invalid type '{kind}' of field '{name}'."
                findings.append(Finding(message, choices, self._property, f"{name}:{kind}"))
        check_present(schema, [name for name, _ in pairs], self._property, findings)
        self._check_types(schema, pairs, findings)
        output = read_schema(properties, "schema", hidden, findings, must=False)
        if output is None and schema is not None and "schema" not in hidden and not findings:
            output = pa.schema([self._out(field, {pair[0]: pair[1] for pair in pairs}) for field in schema])
        return Described({MAIN: output}, tuple(findings))

    def _check_types(self, schema: pa.Schema | None, pairs: list[tuple[str, ...]], findings: list[Finding]) -> None:
        for name, _ in pairs:
            if schema is None or name not in schema.names:
                continue
            kind = schema.field(name).type
            if not pa.types.is_string(kind) and not pa.types.is_binary(kind):
                message = f"Input field '{name}' is of invalid type."
                findings.append(Finding(message, "It should be of type bytes or string.", self._property, name))

    def _out(self, field: pa.Field, kinds: Mapping[str, str]) -> pa.Field:
        kind = kinds.get(field.name, "NONE").upper()
        if kind == "NONE":
            return field
        return field.with_type(pa.string() if kind.startswith("STRING_") else pa.binary())

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        output = self.describe(properties, schema).outputs[MAIN]
        assert output is not None, "the configuration was checked"
        kinds = {name: kind.upper() for name, kind in pairs_of(properties.get(self._property), "", [])}
        return Stateless(lambda batch: Emitted.main(_coded(batch, output, kinds, self._kinds)))


def _coded(
    batch: pa.RecordBatch, output: pa.Schema, kinds: Mapping[str, str], functions: Mapping[str, Any]
) -> pa.RecordBatch:
    columns = []
    for field in output:
        if field.name not in batch.schema.names:
            columns.append(pa.nulls(batch.num_rows, field.type))
            continue
        column = batch.column(field.name)
        kind = kinds.get(field.name, "NONE")
        if kind != "NONE":
            column = _each(column, functions[kind], field.name)
        try:
            columns.append(column.cast(field.type) if column.type != field.type else column)
        except pa.ArrowInvalid as error:
            raise TransformFailed(f"field '{field.name}' cannot be what the schema says: {error}") from None
    return pa.RecordBatch.from_arrays(columns, schema=output)


def _each(column: pa.Array, function: Callable[[bytes], bytes], name: str) -> pa.Array:
    encoded = column.cast(pa.binary()).dictionary_encode()
    try:
        values = [function(value) for value in encoded.dictionary.to_pylist()]
    except (ValueError, OSError, EOFError, zlib.error, zipfile.BadZipFile, pa.ArrowException, CellFailed) as error:
        raise TransformFailed(f"field '{name}' holds a value that cannot be read: {error}") from None
    return pa.array(values, pa.binary()).take(encoded.indices)


_DIGESTS: Final = {
    "MD2": "MD2",
    "MD5": "MD5",
    "SHA1": "SHA-1",
    "SHA256": "SHA-256",
    "SHA384": "SHA-384",
    "SHA512": "SHA-512",
}


class DigestTransform:
    """Transform `digest`."""

    name = "digest"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check the kind and the fields, which hold text."""
        findings: list[Finding] = []
        kind = properties.get("hash") or ("MD5" if "hash" in hidden else "")
        if kind.upper() not in _DIGESTS:
            message = f"Invalid hasher '{kind}' specified." if kind else "Required property 'hash' has no value."
            findings.append(Finding(message, f"Use one of {', '.join(_DIGESTS)}.", "hash"))
        names = names_of(properties.get("fields"))
        check_present(schema, names, "fields", findings)
        for name in names:
            if schema is not None and name in schema.names and not pa.types.is_string(schema.field(name).type):
                message = f"Field '{name}' is of invalid type."
                findings.append(Finding(message, "It should be of type string.", "fields", name))
        return Described({MAIN: schema}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> Stateless:
        """Return the transform."""
        names = set(names_of(properties.get("fields")))
        kind = _DIGESTS[properties["hash"].upper()]

        def apply(batch: pa.RecordBatch) -> Emitted:
            columns = [
                _each(column, lambda value: digest(kind, value).hex().encode(), name).cast(pa.string())
                if name in names
                else column
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            return Emitted.main(pa.RecordBatch.from_arrays(columns, schema=batch.schema))

        return Stateless(apply)
