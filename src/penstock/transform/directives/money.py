"""Directives about amounts of money."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.transform.directives.declaring import Setting, Step, directive, each_value, refused
from penstock.transform.frames.data import null_mask
from penstock.transform.frames.frame import Frame
from penstock.transform.jvm.printf import Currency, currency
from penstock.transform.jvm.values import Float
from penstock.transform.recipe.parser import COLUMN, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__: list[str] = []


def _currency(arguments: Arguments) -> Currency:
    locale = arguments.text("locale", "en_US")
    known = currency(locale)
    if known is None:
        raise arguments.refuse(f"Locale '{locale}' is not supported.")
    return known


@directive(
    "parse-as-currency",
    Parameter("source", COLUMN),
    Parameter("destination", COLUMN),
    Parameter("locale", TEXT, True),
)
def parse_as_currency(arguments: Arguments, setting: Setting) -> Step:
    """Read amounts as numbers; what is no text or blank is left out."""
    source, destination, money = arguments.text("source"), arguments.text("destination"), _currency(arguments)

    def read(value: Any) -> float | None:
        if not isinstance(value, str) or not value.strip():
            return None
        try:
            return float(money.parse(value))
        except ValueError as error:
            raise refused("parse-as-currency", str(error)) from None

    return _to_destination(source, destination, read)


@directive(
    "format-as-currency",
    Parameter("source", COLUMN),
    Parameter("destination", COLUMN),
    Parameter("locale", TEXT, True),
)
def format_as_currency(arguments: Arguments, setting: Setting) -> Step:
    """Print doubles as amounts; other values are left out."""
    source, destination, money = arguments.text("source"), arguments.text("destination"), _currency(arguments)

    def show(value: Any) -> str | None:
        return money.format(value) if isinstance(value, float) and not isinstance(value, Float) else None

    return _to_destination(source, destination, show)


def _to_destination(source: str, destination: str, function: Any) -> Step:
    def step(frame: Frame) -> Frame:
        frame, _, data = each_value(frame, source, function)
        if data is None:
            return frame
        there = ~null_mask(data)
        if not there.any():
            return frame
        return frame.set(destination, data, np.asarray(there))

    return step
