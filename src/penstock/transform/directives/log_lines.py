"""`parse-as-log`: lines of web servers' logs to columns.

The format is `common`, `combined`, or written in the letters of Apache's `LogFormat`. What a field holds gets a column
named by its kind and its way, as `time_hour_request_receive_time_hour_utc`. A line that does not fit gets
`log.parse.error`.
Source: names and values as in a published expected file; Apache HTTP Server, `mod_log_config`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from penstock.kernel.datepatterns import MONTHS
from penstock.transform.directives.declaring import Setting, Step, directive, each_value, stopped
from penstock.transform.directives.json_cells import spread_members
from penstock.transform.directives.pieces import url_parts
from penstock.transform.frames.data import encode
from penstock.transform.frames.frame import Frame
from penstock.transform.jvm.values import class_name
from penstock.transform.recipe.parser import COLUMN, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__ = ["LogFormat", "log_format"]

Fields = dict[str, Any]

_NAMED: Final = {
    "common": '%h %l %u %t "%r" %>s %b',
    "combined": '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
    "combinedio": '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %I %O',
    "referer": "%{Referer}i -> %U",
    "agent": "%{User-agent}i",
}


def _plain(kind: str, name: str) -> Callable[[str, str], Fields]:
    def read(value: str, suffix: str) -> Fields:
        return {f"{kind}_{name}{suffix}": None if value == "-" else value}

    return read


def _bytes(name: str) -> Callable[[str, str], Fields]:
    return lambda value, suffix: {f"bytes_{name}{suffix}": "0" if value == "-" else value}


def _time(value: str, suffix: str) -> Fields:
    base = f"request_receive_time{suffix}"
    stamp = value.strip("[]")
    out: Fields = {f"time_stamp_{base}": stamp}
    moment = datetime.strptime(stamp, "%d/%b/%Y:%H:%M:%S %z")
    for zone, shown in (("", moment), ("_utc", moment.astimezone(UTC))):
        week_year, week, _ = shown.isocalendar()
        for kind, name, part in (
            ("day", "day", shown.day),
            ("monthname", "monthname", MONTHS[shown.month - 1]),
            ("month", "month", shown.month),
            ("week", "weekofweekyear", week),
            ("year", "weekyear", week_year),
            ("year", "year", shown.year),
            ("hour", "hour", shown.hour),
            ("minute", "minute", shown.minute),
            ("second", "second", shown.second),
            ("millisecond", "millisecond", 0),
            ("date", "date", shown.date().isoformat()),
            ("time", "time", shown.strftime("%H:%M:%S")),
        ):
            out[f"time_{kind}_{base}_{name}{zone}"] = str(part)
    out[f"time_epoch_{base}_epoch"] = str(int(moment.timestamp()) * 1000)
    return out


def _firstline(value: str, suffix: str) -> Fields:
    if value == "-":
        return {"http_firstline_request_firstline": None}
    out: Fields = {"http_firstline_request_firstline": value}
    found = re.fullmatch(r"(\S+) (.*?)(?: (HTTP)/(\S+))?", value)
    if found is None:
        return out
    out["http_method_request_firstline_method"] = found[1]
    out |= _uri(found[2], "request_firstline_uri")
    if found[3]:
        out["http_protocol_version_request_firstline_protocol"] = f"{found[3]}/{found[4]}"
        out["http_protocol_request_firstline_protocol"] = found[3]
        out["http_protocol_version_request_firstline_protocol_version"] = found[4]
    return out


def _uri(value: str, base: str) -> Fields:
    out: Fields = {f"http_uri_{base}": value}
    bare, mark, reference = value.partition("#")
    whole = url_parts(bare)
    if whole is not None:
        protocol, authority, host, port, path, _, query = whole
        out[f"http_protocol_{base}_protocol"] = protocol
        user = authority.rpartition("@")[0] if authority and "@" in authority else None
        out[f"http_userinfo_{base}_userinfo"] = user
        out[f"http_host_{base}_host"] = host
        out[f"http_port_{base}_port"] = str(port) if port >= 0 else None
    else:
        path, _, query = bare.partition("?")
    out[f"http_path_{base}_path"] = path
    out[f"http_querystring_{base}_query"] = f"&{query}" if query else ""
    out[f"http_ref_{base}_ref"] = reference if mark else None
    return out


def _referer(value: str, suffix: str) -> Fields:
    base = f"request_referer{suffix}"
    return {f"http_uri_{base}": None} if value == "-" else _uri(value, base)


_DIRECTIVES: Final[dict[str, tuple[str, Callable[[str, str], Fields]]]] = {
    "h": (r"\S+", _plain("ip", "connection_client_host")),
    "a": (r"\S+", _plain("ip", "connection_client_ip")),
    "A": (r"\S+", _plain("ip", "connection_server_ip")),
    "l": (r"\S+", _plain("number", "connection_client_logname")),
    "u": (r".*?", _plain("string", "connection_client_user")),
    "t": (r"\[[^\]]+\]", _time),
    "r": (r".*?", _firstline),
    "s": (r"[^ ]+", _plain("string", "request_status")),
    "b": (r"\d+|-", _bytes("response_body_bytes")),
    "B": (r"\d+", _bytes("response_body_bytes")),
    "I": (r"\d+", _bytes("request_bytes")),
    "O": (r"\d+", _bytes("response_bytes")),
    "D": (r"\d+", _plain("microseconds", "response_server_processing_time")),
    "T": (r"\d+", _plain("seconds", "response_server_processing_time")),
    "H": (r"\S+", _plain("protocol", "request_protocol")),
    "m": (r"\S+", _plain("http_method", "request_method")),
    "U": (r"\S+", _plain("uri", "request_urlpath")),
    "q": (r"\S*", _plain("http_querystring", "request_querystring")),
    "v": (r"\S+", _plain("string", "request_server_name_canonical")),
    "V": (r"\S+", _plain("string", "request_server_name")),
    "p": (r"\d+", _plain("port", "request_server_port_canonical")),
    "P": (r"\d+", _plain("number", "connection_server_child_processid")),
    "X": (r"\S", _plain("http_connectstatus", "response_connection_status")),
    "k": (r"\d+", _plain("number", "connection_keepalivecount")),
    "f": (r".*?", _plain("filename", "server_filename")),
}


class LogFormat:
    """A format, compiled."""

    def __init__(self, text: str) -> None:
        expression, at = "", 0
        self._readers: list[tuple[Callable[[str, str], Fields], tuple[str, ...]]] = []
        for found in re.finditer(r"%(?:!?[0-9,]+)?([<>])?(?:\{([^}]*)\})?([a-zA-Z%])", text):
            expression += re.escape(text[at : found.start()])
            at = found.end()
            if found[3] == "%":
                expression += "%"
                continue
            shape, read = self._field(found)
            suffixes = ("_last",) if found[1] == ">" else () if found[1] == "<" else ("", "_last")
            if found[3] == "r":
                suffixes = ("",)
            self._readers.append((read, suffixes))
            expression += f"({shape})"
        if not self._readers:
            raise ValueError(f"'{text}' is no format of log lines")
        self._matcher = re.compile(expression + re.escape(text[at:]))

    @staticmethod
    def _field(found: re.Match[str]) -> tuple[str, Callable[[str, str], Fields]]:
        name, letter = found[2], found[3]
        if letter == "i" and name:
            lowered = name.lower()
            if lowered == "referer":
                return r"[^\"]*", _referer
            if lowered == "user-agent":
                return r"(?:[^\"\\]|\\.)*", _plain("http_useragent", "request_user_agent")
            return r"[^\"]*", _plain("http_header", f"request_header_{_safe(lowered)}")
        if letter == "o" and name:
            return r"[^\"]*", _plain("http_header", f"response_header_{_safe(name.lower())}")
        if letter in _DIRECTIVES:
            return _DIRECTIVES[letter]
        return r".*?", lambda value, suffix: {}

    def read(self, line: str) -> Fields:
        """Read a line; `log.parse.error` if it does not fit."""
        found = self._matcher.fullmatch(line.rstrip("\r\n"))
        if found is None:
            return {"log.parse.error": 1}
        out: Fields = {}
        try:
            for (read, suffixes), value in zip(self._readers, found.groups(), strict=True):
                for suffix in suffixes:
                    out.update(read(value, suffix))
        except ValueError:
            return {"log.parse.error": 1}
        return out


def _safe(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


def log_format(text: str) -> LogFormat:
    """Return a format by name or by its letters. Raises: ValueError."""
    return LogFormat(_NAMED.get(text.strip().lower(), text))


@directive("parse-as-log", Parameter("column", COLUMN), Parameter("format", TEXT))
def parse_as_log(arguments: Arguments, setting: Setting) -> Step:
    """Append what a log line says, or that it says nothing."""
    column = arguments.text("column")
    try:
        layout = log_format(arguments.text("format"))
    except ValueError as error:
        raise arguments.refuse(str(error)) from None
    kinds = "'String' or 'byte array'"

    def read(value: Any) -> Fields:
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if not isinstance(value, str):
            raise stopped(
                "parse-as-log",
                f"Column '{column}' is of invalid type '{class_name(value)}'. It should be of type {kinds}.",
            )
        return layout.read(value)

    def step(frame: Frame) -> Frame:
        empty = stopped("parse-as-log", f"Column '{column}' has null value. It should be a non-null {kinds}.")
        frame, _, data = each_value(frame, column, read, on_null=empty)
        if data is None:
            return frame
        records, codes = encode(data)
        return spread_members(frame, records, codes)

    return step
