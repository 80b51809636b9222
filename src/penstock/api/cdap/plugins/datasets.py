"""Datasets of the server itself, workbooks, and stores of the cloud that no pipeline reaches from here."""

from __future__ import annotations

from penstock.api.cdap.plugins.plugin import Does, Plugin, Property, Role, flag, number, optional, required

__all__ = ["PLUGINS"]

_NAME = required("name", "Name of the dataset.")
_SCHEMA = optional("schema", "Schema of the records.")
_TIMED = (
    _NAME,
    _SCHEMA,
    optional("basePath"),
    optional("duration", "Time before the run that is read.", default="1h"),
    optional("delay", "How long before the run that time ends.", default="0m"),
    optional("compressionCodec"),
    optional("filePathFormat"),
    optional("timeZone"),
    optional("cleanPartitionsOlderThan"),
)


def _pair(name: str, type: str, given: dict[str, str], properties: tuple[Property, ...]) -> tuple[Plugin, Plugin]:
    return (
        Plugin(name, "batchsource", "core-plugins", Does(Role.SOURCE, type, given), properties, "Reads a dataset."),
        Plugin(name, "batchsink", "core-plugins", Does(Role.SINK, type, given), properties, "Writes a dataset."),
    )


_EXCEL = Plugin(
    "Excel",
    "batchsource",
    "core-plugins",
    Does(Role.SOURCE, "sheet"),
    (
        required("referenceName", macro=False),
        required("filePath", "Folder or file."),
        optional("filePattern", "Which names of files.", default=".*"),
        Property("sheet", required=True, description="Sheet Name or Sheet Number."),
        required("sheetValue", "Name or number of the sheet."),
        optional("memoryTableName", "Table that remembers files that were read."),
        optional("tableExpiryPeriod"),
        flag("reprocess", default="false"),
        optional("columnList"),
        optional("columnMapping"),
        flag("skipFirstRow", default="false"),
        flag("terminateIfEmptyRow", default="false"),
        number("rowsLimit"),
        optional("outputSchema"),
        optional("ifErrorRecord"),
        optional("errorDatasetName"),
    ),
    "Reads sheets of workbooks.",
)
_WAREHOUSE = "this server reaches no warehouse of the cloud; use files or a database instead"
_CLOUD = (optional("referenceName"), optional("project"), optional("serviceFilePath"))


def _refused(name: str, type: str, artifact: str, reason: str) -> Plugin:
    return Plugin(name, type, artifact, Does(Role.REFUSED, reason), _CLOUD, f"Listed only: {reason}.")


PLUGINS = (
    *_pair("Table", "table", {}, (_NAME, _SCHEMA, optional("schema.row.field", "Field that is the key."))),
    *_pair("KVTable", "keyvalue", {}, (_NAME, optional("key.field"), optional("value.field"))),
    *_pair("TPFSAvro", "partition", {"format": "avro"}, _TIMED),
    *_pair("TPFSParquet", "partition", {"format": "parquet"}, _TIMED),
    *_pair("TPFSOrc", "partition", {"format": "orc"}, _TIMED),
    *_pair("SnapshotAvro", "partition", {"format": "avro", "keeps": "latest"}, _TIMED),
    *_pair("SnapshotParquet", "partition", {"format": "parquet", "keeps": "latest"}, _TIMED),
    _EXCEL,
    _refused("BigQueryTable", "batchsource", "google-cloud", _WAREHOUSE),
    _refused("BigQueryTable", "batchsink", "google-cloud", _WAREHOUSE),
    _refused("BigQueryMultiTable", "batchsink", "google-cloud", _WAREHOUSE),
    _refused("Spanner", "batchsource", "google-cloud", _WAREHOUSE),
    _refused("Spanner", "batchsink", "google-cloud", _WAREHOUSE),
    _refused("Bigtable", "batchsource", "google-cloud", _WAREHOUSE),
    _refused("Bigtable", "batchsink", "google-cloud", _WAREHOUSE),
    _refused("Datastore", "batchsource", "google-cloud", _WAREHOUSE),
    _refused("Datastore", "batchsink", "google-cloud", _WAREHOUSE),
    _refused("GCSMultiFormat", "batchsink", "google-cloud", "files of several formats at once are not written here"),
    _refused("MultiTableDatabase", "batchsource", "multi-table-plugins", "several tables at once are not read here"),
)
