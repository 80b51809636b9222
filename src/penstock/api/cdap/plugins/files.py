"""File source and sink, and what reads and writes files of other places in the same formats."""

from __future__ import annotations

from penstock.api.cdap.plugins.plugin import Does, Plugin, Property, Role, flag, number, optional, required

__all__ = ["PLUGINS"]

_REFERENCE = required("referenceName", "Name by which lineage knows it.", macro=False)

_READING = (
    Property("format", required=True, description="Format of the data."),
    optional("schema", "Schema of the records."),
    number("sampleSize", "Records read to detect the schema.", default="1000", type="long"),
    optional("override", "Types of columns that are not detected, as column:type."),
    optional("delimiter", "Delimiter of the format delimited."),
    flag("enableQuotedValues", "Whether quotes keep delimiters.", default="false"),
    flag("enableMultilineSupport", "Whether quoted values may span lines.", default="false"),
    flag("skipHeader", "Whether the first line of each file is left out.", default="false"),
    number("maxSplitSize", "Bytes of a split.", type="long"),
    optional("fileRegex", "Expression that whole paths of files must match."),
    optional("pathField", "Field that takes the path of the file."),
    flag("filenameOnly", "Whether the path field takes the name alone.", default="false"),
    flag("recursive", "Whether directories below are read.", default="false"),
    flag("ignoreNonExistingFolders", "Whether a missing path is an empty input.", default="false"),
    optional("fileSystemProperties", "Properties of the file system, as JSON."),
    optional("fileEncoding", "Encoding of the files.", default="UTF-8"),
    flag("copyHeader"),
)
_WRITING = (
    optional("suffix", "Pattern of a time that is put behind the path."),
    Property("format", required=True, description="Format of the data."),
    optional("schema", "Schema of the records."),
    optional("delimiter", "Delimiter of the format delimited."),
    flag("writeHeader", "Whether each file begins with the names of the fields.", default="false"),
    optional("compressionCodec"),
    optional("fileSystemProperties", "Properties of the file system, as JSON."),
)
_CONNECTION = (flag("useConnection"), optional("connection"))
_GOOGLE = (
    optional("project"),
    optional("serviceAccountType"),
    optional("serviceFilePath"),
    optional("serviceAccountJSON"),
    optional("location"),
    optional("contentType"),
    optional("outputFileNameBase"),
)
_AMAZON = (
    optional("accessID"),
    Property("accessKey", "password"),
    optional("authenticationMethod"),
    optional("region"),
)
_SOURCE = Does(Role.SOURCE, "file")
_SINK = Does(Role.SINK, "file")
_PATH = required("path", "Where the data is.")


def _source(name: str, artifact: str, *more: Property) -> Plugin:
    return Plugin(
        name,
        "batchsource",
        artifact,
        _SOURCE,
        (_REFERENCE, _PATH, *_READING, *_CONNECTION, *more),
        "Reads files.",
        f"io.cdap.plugin.batch.source.{name}Source",
    )


def _sink(name: str, artifact: str, *more: Property) -> Plugin:
    return Plugin(
        name,
        "batchsink",
        artifact,
        _SINK,
        (_REFERENCE, _PATH, *_WRITING, *_CONNECTION, *more),
        "Writes files.",
        f"io.cdap.plugin.batch.sink.{name}Sink",
    )


_TRASH = Plugin(
    "Trash", "batchsink", "core-plugins", Does(Role.SINK, "nothing"), (optional("referenceName"),), "Drops."
)

_ARRIVALS = Plugin(
    "File",
    "streamingsource",
    "spark-plugins",
    Does(Role.SOURCE, "file arrivals"),
    (
        _REFERENCE,
        _PATH,
        *_READING,
        number(
            "ignoreThreshold", "Files that are older than this many seconds at the start are left out.", default="60"
        ),
        optional("extensions", "Extensions of the files that are read."),
    ),
    "Reads files that arrive in a directory.",
    "io.cdap.plugin.spark.FileStreamingSource",
)

PLUGINS = (
    _source("File", "core-plugins"),
    _ARRIVALS,
    _sink("File", "core-plugins"),
    _source("GCSFile", "google-cloud", *_GOOGLE),
    _source("GCS", "google-cloud", *_GOOGLE),
    _sink("GCS", "google-cloud", *_GOOGLE),
    _source("S3", "amazon-s3-plugins", *_AMAZON),
    _sink("S3", "amazon-s3-plugins", *_AMAZON),
    _TRASH,
)
