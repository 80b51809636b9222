"""Record-wise plugins for what fields hold: parsers, formatters, codecs, digests."""

from __future__ import annotations

from penstock.api.cdap.plugins.plugin import Does, Plugin, Property, Role, flag, optional, required

__all__ = ["PLUGINS"]

_ARTIFACT = "transform-plugins"
_OUTPUT = required("schema", "The schema of the output.")
_NO_KEYS = "keys in stores of the Java platform are not supported"


def _transform(name: str, does: str, properties: tuple[Property, ...], description: str) -> Plugin:
    does_what = Does(Role.TRANSFORM, does)
    return Plugin(name, "transform", _ARTIFACT, does_what, properties, description, f"io.cdap.plugin.{name}")


def _codec(name: str, does: str, property: str, kinds: str, description: str) -> Plugin:
    pairs = required(property, f"What is done to which field, as field:kind; kinds are {kinds}.")
    return _transform(name, does, (pairs, _OUTPUT), description)


def _cipher(name: str) -> Plugin:
    does = Does(Role.REFUSED, _NO_KEYS)
    return Plugin(name, "transform", _ARTIFACT, does, (), f"Listed only: {_NO_KEYS}.", f"io.cdap.plugin.{name}")


_PARSERS = (
    _transform(
        "CSVParser",
        "parse-csv",
        (
            required("field", "The field with the text."),
            optional(
                "format", "DEFAULT, EXCEL, MYSQL, RFC4180, Pipe Delimited, Tab Delimited or Custom.", default="DEFAULT"
            ),
            optional("delimiter", "The delimiter of the format Custom."),
            _OUTPUT,
        ),
        "Parses a field of delimited text.",
    ),
    _transform(
        "JSONParser",
        "parse-json",
        (
            required("field", "The field with the text."),
            optional("mapping", "Fields of the output and where they are, as name:path, separated by commas."),
            _OUTPUT,
        ),
        "Parses a field of JSON.",
    ),
    Plugin(
        "LogParser",
        "transform",
        "core-plugins",
        Does(Role.TRANSFORM, "parse-log"),
        (
            Property("logFormat", required=True, description="CLF, S3 or Cloudfront."),
            required("inputName", "The field with the line."),
        ),
        "Parses lines of web servers' logs.",
        "io.cdap.plugin.transform.LogParserTransform",
    ),
    _transform(
        "XMLParser",
        "parse-xml",
        (
            required("input", "The field with the text."),
            optional("encoding", "How bytes of the text are read.", default="UTF-8"),
            required("xPathMappings", "Fields of the output and where they are, as name:path."),
            required("fieldTypeMapping", "Types of the fields, as name:type."),
            optional("processOnError", "What becomes of records that cannot be parsed.", default="Exit on error"),
            flag("failOnArray", "Whether several matches of a path are an error."),
        ),
        "Picks fields out of XML.",
    ),
    _transform(
        "XMLMultiParser",
        "split-xml",
        (
            required("field", "The field with the text."),
            optional("encoding", "How bytes of the text are read.", default="UTF-8"),
            required("xPath", "The elements to make records of."),
            _OUTPUT,
        ),
        "Makes a record of each element of an XML text that matches.",
    ),
    _transform(
        "XMLToJSON",
        "xml-to-json",
        (
            required("inputField", "The field with XML."),
            required("outputField", "The field for JSON."),
            _OUTPUT,
        ),
        "Turns XML into JSON.",
    ),
)

_FORMATTERS = (
    _transform(
        "CSVFormatter",
        "print-csv",
        (
            required("format", "DELIMITED, EXCEL, MYSQL, RFC4180 or TDF."),
            optional("delimiter", "The delimiter of the format DELIMITED.", default="COMMA"),
            _OUTPUT,
        ),
        "Prints records as delimited text.",
    ),
    _transform("JSONFormatter", "print-json", (_OUTPUT,), "Prints records as JSON."),
    _transform(
        "StreamFormatter",
        "print-stream",
        (
            optional("body", "Fields of the body, separated by commas; all by default."),
            optional("header", "Fields of the header, separated by commas."),
            optional("format", "CSV, TSV, PSV or JSON.", default="CSV"),
            _OUTPUT,
        ),
        "Prints records to a header and a body.",
    ),
)

_BASES = "STRING_BASE64, BASE64, BASE32, STRING_BASE32 and HEX"
_CODECS = (
    _codec("Encoder", "encode", "encode", _BASES, "Encodes fields."),
    _codec("Decoder", "decode", "decode", _BASES, "Decodes fields."),
    _codec("Compressor", "compress", "compressor", "SNAPPY, ZIP and GZIP", "Compresses fields."),
    _codec("Decompressor", "decompress", "decompressor", "SNAPPY, ZIP and GZIP", "Decompresses fields."),
    _transform(
        "Hasher",
        "digest",
        (
            required("hash", "MD2, MD5, SHA1, SHA256, SHA384 or SHA512."),
            optional("fields", "Fields to replace by their digest, separated by commas."),
        ),
        "Replaces fields by their digest.",
    ),
    _cipher("Encryptor"),
    _cipher("Decryptor"),
)

PLUGINS = (*_PARSERS, *_FORMATTERS, *_CODECS)
