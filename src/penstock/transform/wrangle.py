"""Records changed by a recipe of directives, and made records of a schema again.

Properties: `field` (`*` for all, `#` for the whole record as one value, or one field), `precondition` (an expression;
records for which it is true are dropped), `directives` (the recipe), `schema` (of the output), `on-error`
(`fail-pipeline`, `send-to-error-port`, `skip-error`), `expressionLanguage` (`jexl`, or `sql` with `preconditionSQL`,
whose false drops records, and without directives), `udd` (names of users' own directives, of which there are none).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

from penstock.data.record_schema import SchemaInvalid, parse_schema
from penstock.ports.transform import MAIN, Described, Emitted, Finding, Rejected, Surroundings, TransformFailed
from penstock.transform.frames.conforming import conform
from penstock.transform.frames.data import from_arrow
from penstock.transform.frames.frame import Column, Failure, Frame
from penstock.transform.jexl import Expression, ExpressionInvalid, compile_expression
from penstock.transform.jvm.values import objects
from penstock.transform.recipe.problems import RecipeInvalid
from penstock.transform.recipe.program import Program, check_recipe, compile_recipe

__all__ = ["WrangleTransform"]

FAIL: Final = "fail-pipeline"
TO_ERROR_PORT: Final = "send-to-error-port"
SKIP: Final = "skip-error"
DEFAULT_ARGUMENT: Final = "wrangler.error.strategy.default"
"""The run's argument that tells what to do on errors when the property does not."""
_RECORD: Final = "record"


class WrangleTransform:
    """Transform `wrangle`."""

    name = "wrangle"

    def describe(
        self, properties: Mapping[str, str], schema: pa.Schema | None, hidden: Collection[str] = ()
    ) -> Described:
        """Compile the recipe and the precondition; the output is the property `schema`."""
        findings: list[Finding] = []
        field = properties.get("field") or "*"
        if schema is not None and "field" not in hidden and field not in ("*", "#") and field not in schema.names:
            findings.append(Finding(f"Field '{field}' must be present in input schema.", None, "field"))
        _check_condition(properties, hidden, findings)
        for problem in check_recipe(properties.get("directives") or ""):
            findings.append(_finding(problem))
        on_error = properties.get("on-error")
        if on_error and on_error.lower() not in (FAIL, TO_ERROR_PORT, SKIP):
            choices = f"Use one of {FAIL}, {TO_ERROR_PORT}, {SKIP}."
            findings.append(Finding(f"Unknown error strategy '{on_error}'.", choices, "on-error"))
        for name in filter(None, (part.strip() for part in (properties.get("udd") or "").split(","))):
            message = f"User Defined Directive '{name}' is not deployed or is not available."
            findings.append(Finding(message, "Ensure the directive is deployed.", "udd", name))
        output = _output(properties, hidden, findings)
        return Described({MAIN: output}, tuple(findings))

    def open(self, properties: Mapping[str, str], schema: pa.Schema, surroundings: Surroundings) -> _Wrangle:
        """Return the transform."""
        return _Wrangle(properties, surroundings)


def _finding(problem: RecipeInvalid) -> Finding:
    where = f" (line {problem.line})" if problem.line is not None else ""
    if "does not exist in system or user space" in problem.message:
        correction = "Ensure the directive is loaded or the directive name is correct."
        return Finding(f"{problem.message}{where}", correction, "directives")
    return Finding(f"Compilation error occurred : {problem.message}{where}", None, "directives")


def _is_sql(properties: Mapping[str, str]) -> bool:
    language = properties.get("expressionLanguage") or properties.get("preconditionLanguage") or "jexl"
    return language.lower() == "sql"


def _check_condition(properties: Mapping[str, str], hidden: Collection[str], findings: list[Finding]) -> None:
    if {"expressionLanguage", "preconditionLanguage"} & set(hidden):
        return
    if _is_sql(properties):
        if not (properties.get("preconditionSQL") or "").strip() and "preconditionSQL" not in hidden:
            findings.append(Finding("Precondition (SQL) must be present.", None, "preconditionSQL"))
        if (properties.get("directives") or "").strip():
            message = "Directives are not supported for precondition of type SQL"
            findings.append(Finding(message, None, "directives"))
        if (properties.get("udd") or "").strip():
            findings.append(Finding("UDDs are not supported for precondition of type SQL", None, "udd"))
        return
    text = properties.get("precondition") or ""
    if text.strip():
        try:
            compile_expression(text)
        except ExpressionInvalid as error:
            message = f"Invalid precondition '{text}': {error} at line {error.at[0]}, column {error.at[1]}"
            findings.append(Finding(message, None, "precondition"))


def _output(properties: Mapping[str, str], hidden: Collection[str], findings: list[Finding]) -> pa.Schema | None:
    if "schema" in hidden:
        return None
    text = properties.get("schema")
    if not text:
        findings.append(Finding("Required property 'schema' has no value.", None, "schema"))
        return None
    try:
        return parse_schema(text)
    except SchemaInvalid as error:
        findings.append(Finding(f"Invalid output schema. {error}", None, "schema"))
        return None


class _Wrangle:
    """One recipe of one run."""

    def __init__(self, properties: Mapping[str, str], surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._field = properties.get("field") or "*"
        self._schema = parse_schema(properties["schema"])
        default = surroundings.arguments.get(DEFAULT_ARGUMENT)
        self._on_error = (properties.get("on-error") or default or FAIL).lower()
        self._condition: Expression | None = None
        self._sql: str | None = None
        if _is_sql(properties):
            self._sql = properties.get("preconditionSQL")
        elif (properties.get("precondition") or "").strip():
            self._condition = compile_expression(properties["precondition"])
        self._program: Program = compile_recipe(properties.get("directives") or "", surroundings)

    def apply(self, batch: pa.RecordBatch) -> Emitted:
        """Carry out the recipe for a batch."""
        frame = self._rows(batch)
        if self._sql is not None:
            frame = frame.keep(_sql_mask(batch, self._sql))
        elif self._condition is not None:
            frame = self._preconditioned(frame, self._condition)
        frame = self._program.run(frame)
        frame, records = conform(frame, self._schema)
        emitted = Emitted.main(records)
        if frame.failures.by_record or frame.failures.reported:
            self._refuse(batch, frame, emitted)
        return emitted

    def finish(self) -> Emitted:
        """Nothing is held back."""
        return Emitted()

    def close(self) -> None:
        """Nothing is held."""

    def _rows(self, batch: pa.RecordBatch) -> Frame:
        if self._field == "*":
            return Frame.of(batch)
        if self._field == "#":
            return Frame([Column(_RECORD, objects(batch.to_pylist()))], batch.num_rows)
        return Frame([Column(self._field, from_arrow(batch.column(self._field)))], batch.num_rows)

    def _preconditioned(self, frame: Frame, condition: Expression) -> Frame:
        mask, failed = condition.test(frame)
        if failed:
            gone = np.unique(frame.origin[np.fromiter(failed, np.int64, len(failed))])
            mask = mask[~np.isin(frame.origin, gone)]
            frame = frame.fail(failed)
        dropped = int(mask.sum())
        if dropped:
            self._surroundings.count("precondition.filtered", dropped)
        return frame.keep(~mask)

    def _refuse(self, batch: pa.RecordBatch, frame: Frame, emitted: Emitted) -> None:
        failures = frame.failures
        unforeseen = sorted(record for record, failure in failures.by_record.items() if not failure.refused)
        if unforeseen:
            self._surroundings.count("failure", len(unforeseen))
        if unforeseen and self._on_error == FAIL:
            message = failures.by_record[unforeseen[0]].message
            stage = self._surroundings.stage
            raise TransformFailed(f"Stage:{stage} - Failing pipeline due to error : {message}")
        rejected: list[tuple[int, Failure]] = [
            (record, failure)
            for record, failure in failures.by_record.items()
            if failure.refused or self._on_error == TO_ERROR_PORT
        ]
        rejected += failures.reported
        rejected.sort(key=lambda pair: pair[0])
        if not rejected:
            return
        self._surroundings.count("errors", len(rejected))
        records = batch.take(pa.array([record for record, _ in rejected], pa.int64()))
        codes = [failure.code for _, failure in rejected]
        emitted.rejected.append(Rejected.of(records, codes, [failure.message for _, failure in rejected]))


def _sql_mask(batch: pa.RecordBatch, condition: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell for which records an SQL condition holds."""
    import duckdb

    connection = duckdb.connect(config={"enable_external_access": "false", "threads": "1"})
    try:
        table = pa.Table.from_batches([batch]).append_column("__place", pa.array(np.arange(batch.num_rows)))
        connection.register("input", table)
        try:
            found = connection.execute(f"SELECT __place FROM input WHERE ({condition})").fetchnumpy()["__place"]
        except duckdb.Error as error:
            raise TransformFailed(f"the SQL precondition {condition!r} cannot be evaluated: {error}") from None
    finally:
        connection.close()
    mask = np.zeros(batch.num_rows, dtype=bool)
    mask[np.asarray(found, dtype=np.int64)] = True
    return mask
