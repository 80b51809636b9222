"""Scripts as transforms.

`javascript`: `script` with a function `transform(input, emitter, context)`. `python`: the same with
`transform(record, emitter, context)`. `validate`: `validationScript` with a function `isValid(input, context)` that
gives `{isValid, errorCode, errorMsg}`; what is not valid goes out of the error port. `schema` is the output's, by
default the input's; `lookup` names tables that the script may ask: `{"tables": {"name": {…}}}`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

import pyarrow as pa

from penstock.ports.transform import MAIN, Described, Emitted, Finding, Rejected, Surroundings, TransformFailed
from penstock.transform.datasets import DatasetMissing, open_table
from penstock.transform.scripts.session import Session
from penstock.transform.scripts.values import from_script, to_script
from penstock.transform.stateless import read_schema

__all__ = ["ScriptTransform", "ValidateTransform"]

_AT_ONCE: Final = 512
"""Records in one message to a script's process."""


def check_javascript(script: str) -> str | None:
    """Return what is wrong with a script's syntax; it is read, not run."""
    import quickjs

    engine = quickjs.Context()
    engine.set_memory_limit(64 << 20)
    engine.set_time_limit(5)
    try:
        engine.eval(f"(function () {{\n{script}\n}})")
    except (quickjs.JSException, ValueError) as error:  # a ValueError is about NUL characters
        return str(error).strip().splitlines()[0]
    return None


def check_python(script: str) -> str | None:
    """Return what is wrong with a script's syntax; it is read, not run."""
    try:
        compile(script, "script", "exec")
    except (SyntaxError, ValueError) as error:
        return str(error)
    return None


def _check_lookup(properties: Mapping[str, str], findings: list[Finding]) -> list[str]:
    text = properties.get("lookup")
    if not text or not text.strip():
        return []
    try:
        tables = json.loads(text).get("tables") or {}
        return list(tables)
    except (ValueError, AttributeError):
        findings.append(Finding("Invalid lookup config. Expected map of string to string.", None, "lookup"))
        return []


def _lookups(properties: Mapping[str, str], surroundings: Surroundings) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name in _check_lookup(properties, []):
        try:
            table = open_table(surroundings.datasets, name)
        except DatasetMissing as error:
            raise TransformFailed(str(error.args[0])) from None
        found[name] = {key: row["value"] if set(row) == {"value"} else row for key, row in table.items()}
    return found


class ScriptTransform:
    """Transforms `javascript` and `python`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check the script's syntax; the output is the property `schema`."""
        findings: list[Finding] = []
        script = properties.get("script")
        if script:
            wrong = check_python(script) if self.name == "python" else check_javascript(script)
            if wrong:
                findings.append(Finding(f"Invalid script: {wrong}.", "Mend the script.", "script"))
        elif "script" not in hidden:
            findings.append(Finding("Required property 'script' has no value.", None, "script"))
        _check_lookup(properties, findings)
        message = "Unable to parse schema."
        output = read_schema(properties, "schema", hidden, findings, must=False, message=message)
        if output is None and "schema" not in hidden and not properties.get("schema"):
            output = schema
        return Described({MAIN: output}, tuple(findings), output)

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> _Script:
        """Start the script's process."""
        output = read_schema(properties, "schema", (), [], must=False)
        session = Session(self.name, properties["script"], surroundings, _lookups(properties, surroundings))
        return _Script(session, schema if output is None else output, surroundings)


class _Script:
    """One script of one run."""

    def __init__(self, session: Session, output: pa.Schema, surroundings: Surroundings) -> None:
        self._session = session
        self._output = output
        self._surroundings = surroundings

    def apply(self, batch: pa.RecordBatch) -> Emitted:
        """Give the script the records, some at a time."""
        emitted = Emitted()
        for start in range(0, batch.num_rows, _AT_ONCE):
            result = self._session.run(to_script(batch.slice(start, _AT_ONCE)))
            self._gather(result, emitted)
        return emitted

    def _gather(self, result: Mapping[str, Any], emitted: Emitted) -> None:
        records = [record for _, record in result["emitted"]]
        if records:
            emitted.batches.append((MAIN, from_script(records, self._output)))
        errors = result["errors"]
        if errors:
            refused = from_script([record if record is not None else {} for _, _, record in errors], self._output)
            codes = [None if code is None else int(code) for code, _, _ in errors]
            messages = [None if text is None else str(text) for _, text, _ in errors]
            emitted.rejected.append(Rejected.of(refused, codes, messages))
        for alert in result["alerts"]:
            emitted.alerts.append({str(key): str(value) for key, value in dict(alert).items()})
        for name, amount in result["counts"].items():
            self._surroundings.count(name, int(amount))

    def finish(self) -> Emitted:
        """Nothing is held back."""
        return Emitted()

    def close(self) -> None:
        """End the process."""
        self._session.close()


class ValidateTransform:
    """Transform `validate`."""

    name = "validate"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Check the script's syntax."""
        findings: list[Finding] = []
        script = properties.get("validationScript")
        if script:
            wrong = check_javascript(script)
            if wrong:
                findings.append(Finding(f"Invalid validation script: {wrong}.", "Mend the script.", "validationScript"))
        elif "validationScript" not in hidden:
            findings.append(Finding("Required property 'validationScript' has no value.", None, "validationScript"))
        _check_lookup(properties, findings)
        return Described({MAIN: schema}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> _Validate:
        """Start the script's process."""
        script = properties["validationScript"]
        lookups = _lookups(properties, surroundings)
        return _Validate(Session("javascript", script, surroundings, lookups, validates=True), surroundings)


class _Validate:
    """One validation of one run."""

    def __init__(self, session: Session, surroundings: Surroundings) -> None:
        self._session = session
        self._surroundings = surroundings

    def apply(self, batch: pa.RecordBatch) -> Emitted:
        """Ask the script about each record."""
        verdicts: list[Any] = []
        for start in range(0, batch.num_rows, _AT_ONCE):
            result = self._session.run(to_script(batch.slice(start, _AT_ONCE)))
            verdicts += result["verdicts"]
            for name, amount in result["counts"].items():
                self._surroundings.count(name, int(amount))
        for verdict in verdicts:
            if not isinstance(verdict, Mapping) or not isinstance(verdict.get("isValid"), bool):
                raise TransformFailed("the script has to give an object with a member isValid that is true or false")
        valid = [verdict["isValid"] for verdict in verdicts]
        emitted = Emitted.main(batch.filter(pa.array(valid, pa.bool_())))
        bad = [i for i, good in enumerate(valid) if not good]
        if bad:
            codes = [_code(verdicts[i].get("errorCode")) for i in bad]
            messages = [None if (text := verdicts[i].get("errorMsg")) is None else str(text) for i in bad]
            emitted.rejected.append(Rejected.of(batch.take(pa.array(bad)), codes, messages))
        return emitted

    def finish(self) -> Emitted:
        """Nothing is held back."""
        return Emitted()

    def close(self) -> None:
        """End the process."""
        self._session.close()


def _code(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None
