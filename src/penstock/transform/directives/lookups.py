"""Directives that look values up, and those that are known but cannot be carried out here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from penstock.transform.datasets import DatasetMissing, open_table
from penstock.transform.directives.declaring import (
    Setting,
    Step,
    directive,
    each_value,
    null_value,
    stopped,
    wrong_type,
)
from penstock.transform.directives.json_cells import spread_members
from penstock.transform.frames.data import encode
from penstock.transform.frames.frame import Frame
from penstock.transform.recipe.parser import COLUMN, COLUMNS, IDENTIFIER, NUMBER, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__: list[str] = []


@directive("table-lookup", Parameter("column", COLUMN), Parameter("table", TEXT))
def table_lookup(arguments: Arguments, setting: Setting) -> Step:
    """Append the columns of the row of a table that has a column's value as its key."""
    column, name = arguments.text("column"), arguments.text("table")
    table: dict[str, dict[str, Any]] | None = None

    def rows() -> dict[str, dict[str, Any]]:
        nonlocal table
        if table is None:
            table = open_table(setting.datasets, name)
        return table

    def find(value: Any) -> Any:
        if not isinstance(value, str):
            raise wrong_type("table-lookup", column, value)
        try:
            return {f"{column}_{key}": item for key, item in rows().get(value, {}).items()}
        except DatasetMissing as error:
            raise stopped("table-lookup", str(error)) from None

    def step(frame: Frame) -> Frame:
        frame, _, data = each_value(frame, column, find, on_null=null_value("table-lookup", column))
        if data is None:
            return frame
        records, codes = encode(data)
        return spread_members(frame, records, codes)

    return step


@directive("catalog-lookup", Parameter("catalog", TEXT), Parameter("column", COLUMN))
def catalog_lookup(arguments: Arguments, setting: Setting) -> Step:
    """Append the description of a diagnosis code; null for what the catalogue does not have.

    The catalogue is a look-up table called `icd-9`, `icd-10-2016` or `icd-10-2017`; without it nothing is found.
    """
    catalog, column = arguments.text("catalog"), arguments.text("column")
    if catalog.upper() not in ("ICD-9", "ICD-10-2016", "ICD-10-2017"):
        raise arguments.refuse("Invalid ICD type - should be 9 (ICD-9) or 10 (ICD-10-2016 or ICD-10-2017).")
    target = f"{column}_{catalog.lower().replace('-', '_')}_description"
    known: dict[str, dict[str, Any]] | None = None

    def describe(value: Any) -> Any:
        nonlocal known
        if not isinstance(value, str):
            return None
        if known is None:
            try:
                known = open_table(setting.datasets, catalog.lower())
            except DatasetMissing:
                setting.log("WARN", f"There is no look-up table '{catalog.lower()}'; no code is found in it.")
                known = {}
        entry = known.get(value)
        return next(iter(entry.values()), None) if entry else None

    def step(frame: Frame) -> Frame:
        frame, _, data = each_value(frame, column, describe)
        if data is None:
            data = pa.nulls(frame.rows, pa.string())
        return frame.add(target, data)

    return step


def _unsupported(name: str, *parameters: Parameter) -> None:
    @directive(name, *parameters)
    def make(arguments: Arguments, setting: Setting) -> Step:
        """Known, so that recipes with it can be deployed; every row that comes to it fails."""
        failure = stopped(name, f"The directive '{name}' is not supported by this server.").failure
        return lambda frame: frame.fail_where(np.ones(frame.rows, dtype=bool), failure)


_unsupported("parse-as-avro", Parameter("column", COLUMN), Parameter("schema-id", IDENTIFIER), Parameter("encode-type", IDENTIFIER), Parameter("version", NUMBER, True))  # fmt: skip  # noqa: E501
_unsupported("parse-as-protobuf", Parameter("column", COLUMN), Parameter("schema-id", IDENTIFIER), Parameter("record-name", TEXT), Parameter("version", NUMBER, True))  # fmt: skip  # noqa: E501
_unsupported("invoke-http", Parameter("url", TEXT), Parameter("column", COLUMNS), Parameter("header", TEXT, True))
_unsupported("data-model-map-column", Parameter("url", TEXT), Parameter("revision", NUMBER), Parameter("model", TEXT), Parameter("target-field", TEXT), Parameter("column", COLUMN))  # fmt: skip  # noqa: E501
_unsupported("validate-standard", Parameter("column", COLUMN), Parameter("standard-id", IDENTIFIER))
