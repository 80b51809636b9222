"""HTTP source and sink."""

from __future__ import annotations

from penstock.api.cdap.plugins.plugin import Does, Plugin, Property, Role, flag, number, optional, required

__all__ = ["PLUGINS"]

_COMMON = (
    required("referenceName", "Name by which lineage knows it.", macro=False),
    required("url", "Where requests go."),
    optional("httpMethod", "GET, POST, PUT, DELETE …"),
    optional("headers", "Headers, one on each line."),
    number("connectTimeout", "Seconds to connect.", default="120"),
    number("readTimeout", "Seconds to wait for an answer.", default="120"),
    number("numRetries", default="0"),
    flag("followRedirects", default="true"),
    optional("httpErrorsHandling", "What is done about a status.", default="2..:Success,.*:Fail"),
    optional("errorHandling"),
    optional("retryPolicy"),
    optional("authType"),
    optional("username"),
    Property("password", "password"),
)

PLUGINS = (
    Plugin(
        "HTTP",
        "batchsource",
        "http-plugins",
        Does(Role.SOURCE, "web"),
        (
            *_COMMON,
            optional("requestBody"),
            Property("format", required=True, description="json, csv, tsv or text."),
            optional("resultPath", "Where in the answer the records are."),
            optional("fieldsMapping", "Where in a record fields are, as field:path."),
            flag("csvSkipFirstRow"),
            optional("paginationType", default="None"),
            optional("nextPageFieldPath"),
            optional("nextPageTokenPath"),
            optional("nextPageUrlParameter"),
            number("startIndex"),
            number("maxIndex"),
            number("indexIncrement"),
            optional("schema"),
        ),
        "Reads answers of requests.",
    ),
    Plugin(
        "HTTP",
        "batchsink",
        "http-plugins",
        Does(Role.SINK, "web"),
        (
            *_COMMON,
            optional("messageFormat", "JSON, Form or Custom.", default="JSON"),
            optional("body", "Message with #field for values."),
            optional("jsonBatchKey"),
            number("batchSize", default="1"),
            optional("delimiterForMessages"),
        ),
        "Sends records in requests.",
    ),
)
