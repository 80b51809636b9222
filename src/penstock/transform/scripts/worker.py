"""The process that runs a user's script. It is started as a file of its own and imports nothing of the house.

It reads messages from standard input and writes messages to standard output: four bytes of length, then JSON. The
first message says which language, the script and what it may know; each other one has records. Answers are `log`
messages while the script runs, then one `done`, or one `failed`. Its limits: memory, processor time per record, no
files to write; where the kernel can tell, no network, no programs, and no files to read but the system's and Python's.
It dies with whoever started it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import resource
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any, BinaryIO

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
READ_FILES, ALL_RIGHTS = 0b1100, (0x1FFF, 0x3FFF, 0x7FFF)
"""Rights over files of Landlock: to read; all there are in its versions 1, 2 and from 3 on. Source: landlock(7)."""

Message = dict[str, Any]


class ScriptFailed(Exception):
    """What the user's script did wrong."""


def read_message(source: BinaryIO) -> Message | None:
    """Read one message; None at the end."""
    head = source.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack(">I", head)
    message: Message = json.loads(source.read(size))
    return message


def write_message(target: BinaryIO, message: Message) -> None:
    """Write one message."""
    body = json.dumps(message, separators=(",", ":")).encode()
    target.write(struct.pack(">I", len(body)) + body)
    target.flush()


def confine(memory_bytes: int) -> None:
    """Give up what a script does not need."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
        _forbid_files(libc)
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (value, value))


def _forbid_files(libc: Any) -> None:
    """Let the process read files of the system and of Python, and nothing else."""
    version = libc.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < 1:
        return
    rights = ctypes.c_uint64(ALL_RIGHTS[min(version, 3) - 1])
    rules = libc.syscall(LANDLOCK_CREATE_RULESET, ctypes.byref(rights), ctypes.c_size_t(8), ctypes.c_uint32(0))
    if rules < 0:
        return
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, "/usr", "/lib", "/lib64", "/dev/urandom", "/dev/null"}
    for path in {os.path.realpath(path) for path in (*prefixes, *sys.path) if os.path.exists(path)}:
        granted = READ_FILES if os.path.isdir(path) else READ_FILES & 0b0100
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        beneath = struct.pack("=Qi", granted, place)
        libc.syscall(LANDLOCK_ADD_RULE, rules, 1, beneath, ctypes.c_uint32(0))
        os.close(place)
    libc.syscall(LANDLOCK_RESTRICT_SELF, rules, ctypes.c_uint32(0))
    os.close(rules)


class Results:
    """What the script gives while it sees one message's records."""

    def __init__(self, log: Callable[[str, str], None]) -> None:
        self.log = log
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.emitted: list[tuple[str, Any]] = []
        self.errors: list[list[Any]] = []
        self.alerts: list[Any] = []
        self.counts: dict[str, float] = {}
        self.verdicts: list[Any] = []

    def count(self, name: str, amount: float) -> None:
        """Add to a metric."""
        self.counts[name] = self.counts.get(name, 0) + amount

    def message(self) -> Message:
        """Return all as a message."""
        return {
            "type": "done",
            "emitted": self.emitted,
            "errors": self.errors,
            "alerts": self.alerts,
            "counts": self.counts,
            "verdicts": self.verdicts,
        }


def _plain(value: Any) -> Any:
    """Turn a value of a Python script into what JSON has a form for."""
    if isinstance(value, bytes | bytearray):
        return list(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


class _Both:
    """An object whose methods can be called in either manner: `emitError` and `emit_error`."""

    def __getattr__(self, name: str) -> Any:
        camel = name.split("_")[0] + "".join(part.title() for part in name.split("_")[1:])
        if camel != name and hasattr(type(self), camel):
            return getattr(self, camel)
        raise AttributeError(f"{type(self).__name__.strip('_')} has no {name!r}")


class _Emitter(_Both):
    def __init__(self, results: Results) -> None:
        self._results = results

    def emit(self, record: Any, port: str = "") -> None:
        self._results.emitted.append((port, _plain(record)))

    def emitError(self, error: Any) -> None:
        self._results.errors.append(
            [error.get("errorCode", 31), error.get("errorMsg"), _plain(error.get("invalidRecord"))]
        )

    def emitAlert(self, alert: Any) -> None:
        self._results.alerts.append(_plain(alert))


class _Logger(_Both):
    def __init__(self, results: Results) -> None:
        self._results = results

    def _say(self, level: str, message: Any, values: tuple[Any, ...]) -> None:
        text = str(message)
        for value in values:
            text = text.replace("{}", str(value), 1)
        self._results.log(level, text)

    def trace(self, message: Any, *values: Any) -> None:
        self._say("DEBUG", message, values)

    def debug(self, message: Any, *values: Any) -> None:
        self._say("DEBUG", message, values)

    def info(self, message: Any, *values: Any) -> None:
        self._say("INFO", message, values)

    def warn(self, message: Any, *values: Any) -> None:
        self._say("WARN", message, values)

    warning = warn

    def error(self, message: Any, *values: Any) -> None:
        self._say("ERROR", message, values)


class _Metrics(_Both):
    def __init__(self, results: Results) -> None:
        self._results = results

    def count(self, name: str, amount: int) -> None:
        self._results.count(name, amount)

    def gauge(self, name: str, amount: int) -> None:
        self._results.counts[name] = amount

    pipelineCount = count
    pipelineGauge = gauge


class _Arguments(_Both):
    def __init__(self, values: dict[str, str]) -> None:
        self._values = values

    def get(self, name: str) -> str | None:
        return self._values.get(name)

    def has(self, name: str) -> bool:
        return name in self._values

    def asMap(self) -> dict[str, str]:
        return dict(self._values)


class _Lookup(_Both):
    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def lookup(self, *keys: str) -> Any:
        if len(keys) == 1:
            return self._values.get(keys[0])
        return {key: self._values.get(key) for key in keys}


class _Context(_Both):
    def __init__(self, start: Message, results: Results) -> None:
        self._logger, self._metrics = _Logger(results), _Metrics(results)
        self._arguments, self._lookups = _Arguments(start["arguments"]), start["lookups"]
        self._start = start

    def getLogger(self) -> _Logger:
        return self._logger

    def getMetrics(self) -> _Metrics:
        return self._metrics

    def getArguments(self) -> _Arguments:
        return self._arguments

    def getLookup(self, name: str) -> _Lookup:
        if name not in self._lookups:
            raise KeyError(f"there is no look-up table {name!r}")
        return _Lookup(self._lookups[name])

    def getStageName(self) -> str:
        return str(self._start["stage"])

    def getLogicalStartTime(self) -> int:
        return int(self._start["logical_start_ms"])


class PythonEngine:
    """A script in Python: it defines `transform(record, emitter, context)`."""

    def __init__(self, start: Message, results: Results) -> None:
        self._limit_s = float(start["record_limit_s"])
        self._names: dict[str, Any] = {"__name__": "__script__"}
        self._emitter, self._context = _Emitter(results), _Context(start, results)
        signal.signal(signal.SIGPROF, _too_long)
        with _script_errors(), self._limited():
            exec(compile(start["script"], "script", "exec"), self._names)
        self._function = self._names.get("transform")
        if not callable(self._function):
            raise ScriptFailed("the script defines no function transform(record, emitter, context)")

    def _limited(self) -> contextlib.AbstractContextManager[None]:
        @contextlib.contextmanager
        def limited() -> Any:
            signal.setitimer(signal.ITIMER_PROF, self._limit_s)
            try:
                yield
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)

        return limited()

    def run(self, record: Any) -> None:
        """Give the script one record."""
        assert callable(self._function), "it was checked"
        with _script_errors(), self._limited():
            self._function(record, self._emitter, self._context)


def _too_long(signum: int, frame: FrameType | None) -> None:
    raise TimeoutError("the script has not finished a record within its time; it may loop for ever")


@contextlib.contextmanager
def _script_errors() -> Any:
    try:
        yield
    except ScriptFailed:
        raise
    except MemoryError:
        raise ScriptFailed("the script needs more memory than it may have") from None
    except (Exception, SystemExit) as error:
        last = traceback.extract_tb(error.__traceback__)
        lines = [entry.lineno for entry in last if entry.filename == "script"]
        where = f" (line {lines[-1]} of the script)" if lines else ""
        raise ScriptFailed(f"{type(error).__name__}: {error}{where}") from None


PRELUDE = r"""
var __out, __logs;
function __clear() { __out = {emitted: [], errors: [], alerts: [], counts: {}, verdicts: []}; __logs = []; }
__clear();
var __emitter = {
  emit: function (record, port) { __out.emitted.push([port === undefined ? '' : String(port), record]); },
  emitError: function (error) {
    __out.errors.push([error.errorCode === undefined ? 31 : error.errorCode, error.errorMsg, error.invalidRecord]);
  },
  emitAlert: function (alert) { __out.alerts.push(alert); }
};
function __say(level) {
  return function (message) {
    var text = String(message);
    for (var i = 1; i < arguments.length; i++) { text = text.replace('{}', String(arguments[i])); }
    __logs.push([level, text]);
  };
}
var __logger = {trace: __say('DEBUG'), debug: __say('DEBUG'), info: __say('INFO'), warn: __say('WARN'),
                error: __say('ERROR')};
var print = __say('INFO'), console = {log: print, warn: __logger.warn, error: __logger.error};
function __count(name, amount) { __out.counts[name] = (__out.counts[name] || 0) + Number(amount); }
function __gauge(name, amount) { __out.counts[name] = Number(amount); }
var __metrics = {count: __count, gauge: __gauge, pipelineCount: __count, pipelineGauge: __gauge};
var __validator = (function () {
  function number(v) { return v !== null && v !== undefined && v !== '' && isFinite(Number(v)); }
  function whole(low, high) {
    return function (v) { return /^[+-]?\d+$/.test(String(v)) && Number(v) >= low && Number(v) <= high; };
  }
  function luhn(text) {
    var digits = String(text).replace(/[ -]/g, ''), sum = 0;
    if (!/^\d{12,19}$/.test(digits)) { return false; }
    for (var i = 0; i < digits.length; i++) {
      var d = Number(digits[digits.length - 1 - i]) * (i % 2 ? 2 : 1);
      sum += d > 9 ? d - 9 : d;
    }
    return sum % 10 === 0;
  }
  function date(text) { return !isNaN(Date.parse(String(text))) && /\d/.test(String(text)); }
  function isbn(text) {
    var t = String(text).replace(/[ -]/g, ''), s = 0, i;
    if (/^\d{9}[\dXx]$/.test(t)) {
      for (i = 0; i < 10; i++) { s += (t[i] === 'X' || t[i] === 'x' ? 10 : Number(t[i])) * (10 - i); }
      return s % 11 === 0;
    }
    if (!/^97[89]\d{10}$/.test(t)) { return false; }
    for (i = 0; i < 13; i++) { s += Number(t[i]) * (i % 2 ? 3 : 1); }
    return s % 10 === 0;
  }
  var ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
  return {
    isBlankOrNull: function (v) { return v === null || v === undefined || String(v).trim() === ''; },
    isDate: date, isCreditCard: luhn, isISBN: isbn, isISBN10: isbn, isISBN13: isbn,
    isByte: whole(-128, 127), isShort: whole(-32768, 32767), isInt: whole(-2147483648, 2147483647),
    isInteger: whole(-2147483648, 2147483647), isLong: whole(-9.3e18, 9.3e18),
    isFloat: number, isDouble: number, isNumber: number,
    isInRange: function (v, low, high) { return number(v) && Number(v) >= low && Number(v) <= high; },
    isEmail: function (v) { return /^[^\s@"]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}$/.test(String(v)); },
    isUrl: function (v) { return /^(?:https?|ftp):\/\/[^\s\/]+\.[^\s\/]+(?:\/\S*)?$/i.test(String(v)); },
    isIPv4: function (v) { return ipv4.test(String(v)); },
    isValidInet4Address: function (v) { return ipv4.test(String(v)); },
    maxLength: function (v, n) { return v !== null && String(v).length <= n; },
    minLength: function (v, n) { return v !== null && String(v).length >= n; },
    maxValue: function (v, n) { return Number(v) <= n; }, minValue: function (v, n) { return Number(v) >= n; },
    matchRegexp: function (v, pattern) { return new RegExp('^(?:' + pattern + ')$').test(String(v)); }
  };
})();
function __lookup_of(values) {
  return {lookup: function (key) { return Object.prototype.hasOwnProperty.call(values, key) ? values[key] : null; }};
}
function __context_of(start) {
  return {
    getLogger: function () { return __logger; },
    getMetrics: function () { return __metrics; },
    getStageName: function () { return start.stage; },
    getLogicalStartTime: function () { return start.logical_start_ms; },
    getValidator: function () { return __validator; },
    getArguments: function () {
      return {get: function (k) { return k in start.arguments ? start.arguments[k] : null; },
              has: function (k) { return k in start.arguments; }};
    },
    getLookup: function (name) {
      if (!(name in start.lookups)) { throw new Error("there is no look-up table '" + name + "'"); }
      return __lookup_of(start.lookups[name]);
    }
  };
}
var __context;
function __begin(json) { __context = __context_of(JSON.parse(json)); }
function __transform(json) { transform(JSON.parse(json), __emitter, __context); }
function __validate(json) { __out.verdicts.push(isValid(JSON.parse(json), __context)); }
function __take_logs() { if (!__logs.length) { return ''; } var t = JSON.stringify(__logs); __logs = []; return t; }
function __drain() { var t = JSON.stringify(__out); __clear(); return t; }
"""


class JavaScriptEngine:
    """A script in JavaScript: it defines `transform(input, emitter, context)`, or `isValid(input, context)`."""

    def __init__(self, start: Message, results: Results) -> None:
        import quickjs

        self._failure = quickjs.JSException
        self._results = results
        self._engine = quickjs.Context()
        self._engine.set_memory_limit(int(start["memory_bytes"]) // 2)
        self._engine.set_max_stack_size(1 << 20)
        self._engine.eval(PRELUDE)
        self._engine.set_time_limit(float(start["record_limit_s"]))
        known = {key: start[key] for key in ("arguments", "lookups", "stage", "logical_start_ms")}
        self._engine.get("__begin")(json.dumps(known))
        self._call(lambda: self._engine.eval(start["script"]))
        entry = "isValid" if start.get("validates") else "transform"
        if self._engine.eval(f"typeof {entry}") != "function":
            raise ScriptFailed(f"the script defines no function {entry}")
        self._run = self._engine.get("__validate" if start.get("validates") else "__transform")
        self._logs, self._drain = self._engine.get("__take_logs"), self._engine.get("__drain")

    def _call(self, function: Callable[[], Any]) -> None:
        try:
            function()
        except self._failure as error:
            text = str(error).strip()
            if "interrupted" in text:
                text = "the script has not finished a record within its time; it may loop for ever"
            elif "out of memory" in text:
                text = "the script needs more memory than it may have"
            elif found := re.search(r"<input>:(\d+)", text):
                text = f"{text.splitlines()[0].strip()} (line {found[1]} of the script)"
            raise ScriptFailed(text) from None

    def run(self, record: Any) -> None:
        """Give the script one record."""
        body = json.dumps(record)
        try:
            self._call(lambda: self._run(body))
        finally:
            logs = self._logs()
            for level, text in json.loads(logs) if logs else ():
                self._results.log(level, text)

    def finish(self) -> None:
        """Hand over what the script has given."""
        drained = json.loads(self._drain())
        self._results.emitted += drained["emitted"]
        self._results.errors += drained["errors"]
        self._results.alerts += drained["alerts"]
        self._results.verdicts += drained["verdicts"]
        for name, amount in drained["counts"].items():
            self._results.count(name, amount)


def main() -> None:
    """Serve until standard input ends."""
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the script prints is no message
    start = read_message(source)
    if start is None:
        return
    confine(int(start["memory_bytes"]))

    def log(level: str, text: str) -> None:
        write_message(target, {"type": "log", "level": level, "text": text[:8192]})

    results = Results(log)
    try:
        engine = PythonEngine(start, results) if start["language"] == "python" else JavaScriptEngine(start, results)
        write_message(target, {"type": "ready"})
        while (message := read_message(source)) is not None:
            results.clear()
            for record in message["records"]:
                engine.run(record)
            if isinstance(engine, JavaScriptEngine):
                engine.finish()
            write_message(target, results.message())
    except ScriptFailed as failure:
        write_message(target, {"type": "failed", "message": str(failure)})
    except MemoryError:
        write_message(target, {"type": "failed", "message": "the script needs more memory than it may have"})


if __name__ == "__main__":
    main()
