"""Records of addresses: answers of requests as a source, requests made of records as a sink.

Properties of both: `url`, `httpMethod`, `headers`, `connectTimeout`, `readTimeout` (seconds), `followRedirects`,
`httpErrorsHandling` (`status pattern:outcome,…`), `username`, `password`. Of the source: `requestBody`, `format`,
`resultPath`, `fieldsMapping`, `schema`, `csvSkipFirstRow`, `paginationType` and what goes with it. Of the sink:
`messageFormat` (JSON, Form, Custom), `body`, `jsonBatchKey`, `batchSize`, `delimiterForMessages`.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pyarrow as pa

from penstock.connect.records.delimited import Delimited
from penstock.connect.records.lines import json_records
from penstock.connect.records.printing import plain_row
from penstock.connect.web import Answer, WebFailed, WebRequest, headers_of, send
from penstock.data.conversion import as_text
from penstock.data.record_schema import SchemaInvalid, parse_schema
from penstock.ports.records import ReadFailed, RecordSink, WriteFailed
from penstock.ports.transform import MAIN, Described, Finding, Surroundings

__all__ = ["WebSink", "WebSource"]

_FORMATS = ("json", "csv", "tsv", "text")
_PAGES = ("none", "link in response header", "link in response body", "token in response body", "increment an index")
_LEAST_PAGES = 100_000
"""More pages than this come from an address that never ends."""


class WebSource:
    """Source `web`."""

    name = "web"

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> Described:
        """Check format, pagination and schema."""
        findings = _check_outcomes(properties)
        form = (properties.get("format") or "json").lower()
        if form not in _FORMATS:
            message = f"Invalid format '{properties.get('format')}'."
            findings.append(Finding(message, f"Use one of {', '.join(_FORMATS)}.", "format"))
        pages = (properties.get("paginationType") or "none").lower()
        if pages not in _PAGES:
            message = f"Unsupported pagination type '{properties.get('paginationType')}'."
            findings.append(Finding(message, f"Use one of {', '.join(_PAGES)}.", "paginationType"))
        schema = None
        if properties.get("schema"):
            try:
                schema = parse_schema(properties["schema"])
            except SchemaInvalid as error:
                findings.append(Finding(f"Unable to parse the schema: {error}.", None, "schema"))
        elif "schema" not in hidden:
            findings.append(Finding("Output schema cannot be empty.", "Specify the schema.", "schema"))
        return Described({MAIN: None if findings else schema}, tuple(findings))

    def read(
        self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings
    ) -> Iterator[pa.RecordBatch]:
        """Yield the records of one page after the other."""
        for answer in _pages(properties, surroundings):
            batch = _records(answer.body, properties, schema)
            if batch.num_rows:
                yield batch


def _request(properties: Mapping[str, str], url: str, body: str | None) -> WebRequest:
    headers = headers_of(properties.get("headers"))
    if properties.get("username"):
        pair = f"{properties['username']}:{properties.get('password') or ''}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    timeout = max(_number(properties, "connectTimeout"), _number(properties, "readTimeout")) or 60
    return WebRequest(
        url=url,
        method=(properties.get("httpMethod") or ("GET" if body is None else "POST")).upper(),
        headers=headers,
        body=None if body is None else body.encode(),
        timeout_s=timeout,
        retries=_number(properties, "numRetries"),
        follows=(properties.get("followRedirects") or "true").strip().lower() == "true",
    )


def _number(properties: Mapping[str, str], name: str) -> int:
    text = (properties.get(name) or "").strip()
    return int(text) if text.isdigit() else 0


def _outcome(properties: Mapping[str, str], status: int) -> str:
    """Return what is done about a status: success, skip or fail."""
    for item in (properties.get("httpErrorsHandling") or "2..:Success,.*:Fail").split(","):
        pattern, _, outcome = (part.strip() for part in item.rpartition(":"))
        if re.fullmatch(pattern, str(status)):
            said = outcome.lower()
            return "success" if said == "success" else "skip" if "skip" in said or "error" in said else "fail"
    return "fail"


def _check_outcomes(properties: Mapping[str, str]) -> list[Finding]:
    findings = []
    for item in (properties.get("httpErrorsHandling") or "").split(","):
        pattern = item.rpartition(":")[0].strip()
        try:
            re.compile(pattern)
        except re.error as error:
            message = f"Error handling regex '{pattern}' is not valid: {error}."
            findings.append(Finding(message, "Mend the expression.", "httpErrorsHandling", item))
    return findings


def _pages(properties: Mapping[str, str], surroundings: Surroundings) -> Iterator[Answer]:
    kind = (properties.get("paginationType") or "none").lower()
    index = _number(properties, "startIndex")
    first = (properties.get("url") or "").strip()
    url: str | None = _indexed(first, index) if kind == "increment an index" else first
    for number in range(_LEAST_PAGES):
        if url is None:
            return
        try:
            answer = send(_request(properties, url, properties.get("requestBody")))
        except WebFailed as error:
            raise ReadFailed(str(error)) from None
        outcome = _outcome(properties, answer.status)
        if outcome == "fail":
            shown = answer.body[:200].decode(errors="replace")
            raise ReadFailed(f"{url} answered {answer.status}: {shown}")
        if outcome == "success":
            yield answer
        else:
            surroundings.log("WARN", f"{url} answered {answer.status}; its page is left out")
        url = _next_page(kind, properties, first, answer, index, number)
    raise ReadFailed(f"{first} has more than {_LEAST_PAGES} pages")


def _indexed(url: str, index: int) -> str:
    return url.replace("{pagination.index}", str(index))


def _next_page(
    kind: str, properties: Mapping[str, str], first: str, answer: Answer, start: int, number: int
) -> str | None:
    if kind == "link in response header":
        link = next((value for name, value in answer.headers.items() if name.lower() == "link"), "")
        match = re.search(r'<([^>]+)>\s*;[^,]*rel="?next"?', link)
        return urllib.parse.urljoin(first, match[1]) if match else None
    if kind == "link in response body":
        found = _member(_parsed(answer), properties.get("nextPageFieldPath") or "")
        return urllib.parse.urljoin(first, str(found)) if found else None
    if kind == "token in response body":
        token = _member(_parsed(answer), properties.get("nextPageTokenPath") or "")
        name = properties.get("nextPageUrlParameter") or "token"
        joint = "&" if "?" in first else "?"
        return f"{first}{joint}{name}={urllib.parse.quote(str(token))}" if token else None
    if kind == "increment an index":
        step, last = _number(properties, "indexIncrement") or 1, _number(properties, "maxIndex")
        following = start + step * (number + 1)
        return _indexed(first, following) if last and following <= last else None
    return None


def _parsed(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        raise ReadFailed(f"the answer is no JSON: {answer.body[:120]!r}") from None


def _member(value: Any, path: str) -> Any:
    for name in (part for part in path.strip("/").split("/") if part):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _records(body: bytes, properties: Mapping[str, str], schema: pa.Schema) -> pa.RecordBatch:
    form = (properties.get("format") or "json").lower()
    source = properties.get("url") or ""
    if form == "json":
        return _json_records(body, properties, schema, source)
    if form == "text":
        text = pa.array([body.decode(errors="replace")], pa.string())
        columns = [text if i == 0 else pa.nulls(1, f.type) for i, f in enumerate(schema)]
        return pa.RecordBatch.from_arrays(columns, schema=schema)
    if (properties.get("csvSkipFirstRow") or "").strip().lower() == "true":
        body = body.partition(b"\n")[2]
    return Delimited(schema, "," if form == "csv" else "\t", quoted=True, multiline=True).parse(body, source)


def _json_records(body: bytes, properties: Mapping[str, str], schema: pa.Schema, source: str) -> pa.RecordBatch:
    try:
        found = json.loads(body)
    except ValueError:
        raise ReadFailed(f"{source} answered what is no JSON: {body[:120]!r}") from None
    found = _member(found, properties.get("resultPath") or "")
    rows = found if isinstance(found, list) else [] if found is None else [found]
    paths = {}
    for item in (properties.get("fieldsMapping") or "").split(","):
        name, colon, path = (part.strip() for part in item.partition(":"))
        if colon:
            paths[name] = path
    return json_records(
        [{f.name: _member(row, paths.get(f.name, f.name)) for f in schema} for row in rows], schema, source
    )


class WebSink:
    """Sink `web`: requests are sent as records come; what was sent cannot be taken back."""

    name = "web"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> tuple[Finding, ...]:
        """Check the form of messages."""
        findings = _check_outcomes(properties)
        form = (properties.get("messageFormat") or "JSON").lower()
        if form not in ("json", "form", "custom"):
            findings.append(Finding(f"Invalid message format '{form}'.", "Use JSON, Form or Custom.", "messageFormat"))
        if form == "custom" and not properties.get("body") and "body" not in hidden:
            findings.append(Finding("For Custom message format, message cannot be null.", "Specify the body.", "body"))
        return tuple(findings)

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> RecordSink:
        """Get ready to send."""
        return _Sender(properties, surroundings)


class _Sender:
    def __init__(self, properties: Mapping[str, str], surroundings: Surroundings) -> None:
        self._properties = properties
        self._log = surroundings.log
        self._size = max(_number(properties, "batchSize"), 1)
        self._form = (properties.get("messageFormat") or "JSON").lower()

    def write(self, batch: pa.RecordBatch) -> None:
        for start in range(0, batch.num_rows, self._size):
            self._send(batch.slice(start, self._size))

    def commit(self) -> None:
        """Everything was sent already."""

    def abort(self) -> None:
        """What was sent stays sent."""

    def _send(self, batch: pa.RecordBatch) -> None:
        texts = [dict(zip(batch.schema.names, row, strict=True)) for row in _text_rows(batch)]
        url = _filled(self._properties.get("url") or "", texts[0])
        try:
            answer = send(_request(self._properties, url, self._body(batch, texts)))
        except WebFailed as error:
            raise WriteFailed(str(error)) from None
        outcome = _outcome(self._properties, answer.status)
        if outcome == "fail":
            shown = answer.body[:200].decode(errors="replace")
            raise WriteFailed(f"{url} answered {answer.status}: {shown}")
        if outcome == "skip":
            self._log("WARN", f"{url} answered {answer.status}; {batch.num_rows} records are left out")

    def _body(self, batch: pa.RecordBatch, texts: list[dict[str, str]]) -> str:
        if self._form == "form":
            return "&".join(urllib.parse.urlencode(row) for row in texts)
        joint = self._properties.get("delimiterForMessages") or "\n"
        if self._form == "custom":
            return joint.join(_filled(self._properties.get("body") or "", row) for row in texts)
        rows = [plain_row(row, batch.schema) for row in batch.to_pylist()]
        key = self._properties.get("jsonBatchKey")
        content: Any = {key: rows} if key else rows if self._size > 1 else rows[0]
        return json.dumps(content, default=str)


def _text_rows(batch: pa.RecordBatch) -> Iterator[tuple[str, ...]]:
    columns = [["" if v is None else v for v in as_text(column).to_pylist()] for column in batch.columns]
    return zip(*columns, strict=True)


def _filled(text: str, row: Mapping[str, str]) -> str:
    """Put values in for `#field`; the longest name that fits counts."""
    for name in sorted(row, key=len, reverse=True):
        text = text.replace(f"#{name}", row[name])
    return text
