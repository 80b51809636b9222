"""JSON text and VARIANT values: reading a document keeps its structure, writing gives compact text.

Integers of a document become BIGINT UNSIGNED, or BIGINT below zero, other numbers DECIMAL; what needs more than 38
digits becomes DOUBLE.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal

import numpy as np

from penstock.data.types import INTEGERS, MAX_DECIMAL_PRECISION, Kind, SqlType
from penstock.data.values_bytes import encode_key
from penstock.data.values_scalars import EXACT, integer_range
from penstock.data.values_variant import VARIANT_NULL, Variant

_INT64 = integer_range(Kind.BIGINT)
_UINT64 = integer_range(Kind.UBIGINT)
_KEY = SqlType(Kind.VARIANT, nullable=False)


class BadJson(ValueError):
    """A text that is no JSON document."""


def number_variant(number: Decimal | int) -> Variant:
    """Return an exact number as a VARIANT of the smallest kind that documents use."""
    if isinstance(number, int):
        if 0 <= number <= _UINT64[1]:
            return Variant(Kind.UBIGINT, number)
        if _INT64[0] <= number < 0:
            return Variant(Kind.BIGINT, number)
        if abs(number) < 10**MAX_DECIMAL_PRECISION:
            return Variant(Kind.DECIMAL, Decimal(number))
        return Variant(Kind.DOUBLE, _double(Decimal(number)))
    if not number:
        number = number.copy_abs()
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and abs(number.adjusted()) < MAX_DECIMAL_PRECISION and exponent > 0:
        number = EXACT.quantize(number, Decimal(1))
    size = number.as_tuple()
    assert isinstance(size.exponent, int)
    if -MAX_DECIMAL_PRECISION <= size.exponent <= 0 and len(size.digits) <= MAX_DECIMAL_PRECISION:
        return Variant(Kind.DECIMAL, number)
    return Variant(Kind.DOUBLE, _double(number))


def _double(number: Decimal) -> float:
    """The nearest double; a number beyond the range of doubles is no value."""
    result = float(number)
    if result in (float("inf"), float("-inf")):
        raise BadJson("number out of range")
    return result


def _refuse(word: str) -> object:
    raise BadJson(f"{word} is no JSON value")


def json_variant(document: object) -> Variant:
    """Return a decoded JSON document as a VARIANT; its numbers are int, Decimal or float."""
    if document is None:
        return VARIANT_NULL
    if isinstance(document, bool):
        return Variant(Kind.BOOLEAN, document)
    if isinstance(document, str):
        return Variant(Kind.VARCHAR, document)
    if isinstance(document, int | Decimal):
        return number_variant(document)
    if isinstance(document, float):
        return Variant(Kind.DOUBLE, document)
    if isinstance(document, list):
        return Variant(Kind.ARRAY, [json_variant(item) for item in document])
    if isinstance(document, dict):
        return map_variant({Variant(Kind.VARCHAR, key): json_variant(item) for key, item in document.items()})
    raise TypeError(f"{document!r} is no JSON value")


def map_variant(entries: dict[Variant, Variant | None]) -> Variant:
    """Return a VARIANT MAP of entries, put in the order of keys."""
    if all(key.kind is Kind.VARCHAR for key in entries):
        ordered = sorted(entries, key=lambda key: str(key.value).encode("utf-8", "surrogatepass"))
    else:
        ordered = sorted(entries, key=lambda key: encode_key(key, _KEY))
    return Variant(Kind.MAP, {key: entries[key] for key in ordered})


def decode_document(text: str | bytes) -> object:
    """Read a JSON document; numbers are int or Decimal.

    Raises: BadJson if the text is none.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except BadJson:
        raise
    except RecursionError:
        raise BadJson("too deeply nested") from None
    except ValueError as error:
        raise BadJson(str(error)) from None


def parse_variant(text: str | bytes) -> Variant:
    """Read a JSON document as a VARIANT.

    Raises: BadJson if the text is none.
    """
    try:
        return json_variant(decode_document(text))
    except RecursionError:
        raise BadJson("too deeply nested") from None


# --------------------------------------------------------------------------------------------------------- writing


def float_text(value: float, single: bool = False) -> str:
    """Return the shortest digits that read back as the same number, plain from 1e-5 to below 1e16, else with exponent.

    Source: the layout of the ryu printers that JSON writers of the dialect's own server use.
    """
    text = str(np.float32(value)) if single else repr(float(value))
    size = abs(value)
    if 1e-5 <= size < 1e16 or size == 0:
        if "e" in text:
            text = format(Decimal(text), "f")
            return text if "." in text else text + ".0"
        return text
    if "e" not in text:
        return text
    digits, _, exponent = text.partition("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"


def fraction_text(nanoseconds: int) -> str:
    """Return the fraction of a second with its point in 3, 6 or 9 digits, nothing for a whole second."""
    if not nanoseconds:
        return ""
    if nanoseconds % 1_000_000 == 0:
        return f".{nanoseconds // 1_000_000:03}"
    return f".{nanoseconds // 1000:06}" if nanoseconds % 1000 == 0 else f".{nanoseconds:09}"


def time_text(value: object) -> str:
    """Return a TIME (datetime.time or nanoseconds) as HH:MM:SS with the fraction if there is one."""
    if isinstance(value, dt.time):
        return value.strftime("%H:%M:%S") + fraction_text(value.microsecond * 1000)
    seconds, nanoseconds = divmod(int(value), 1_000_000_000)  # type: ignore[call-overload]
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{fraction_text(nanoseconds)}"


def timestamp_text(value: dt.datetime) -> str:
    """Return a timestamp as YYYY-MM-DD HH:MM:SS with fraction and, if it has a zone, offset."""
    text = value.replace(microsecond=0, tzinfo=None).isoformat(" ") + fraction_text(value.microsecond * 1000)
    return text if value.tzinfo is None else text + "+00:00"


def quoted(text: str) -> str:
    """Return a JSON string."""
    return json.dumps(text, ensure_ascii=False)


def decimal_text(value: Decimal) -> str:
    """Return a decimal in plain digits, with the fraction digits it has."""
    return format(value, "f")


def _double_text(value: float, single: bool = False) -> str:
    return float_text(value, single) if value - value == 0 else "null"


_PLAIN: dict[Kind, Callable[..., str]] = {
    Kind.NULL: lambda value: "null",
    Kind.BOOLEAN: lambda value: "true" if value else "false",
    Kind.REAL: lambda value: _double_text(value, True),
    Kind.DOUBLE: _double_text,
    Kind.DECIMAL: decimal_text,
    Kind.VARBINARY: lambda value: "[" + ",".join(map(str, value)) + "]",
    **dict.fromkeys((*INTEGERS, Kind.INTERVAL_MONTHS, Kind.INTERVAL_MICROS), str),
}
_QUOTED: dict[Kind, Callable[..., str]] = {
    Kind.VARCHAR: str,
    Kind.DATE: lambda value: str(value.isoformat()),
    Kind.TIME: time_text,
    Kind.TIMESTAMP: timestamp_text,
    Kind.TIMESTAMP_TZ: timestamp_text,
    Kind.UUID: str,
}


def variant_text(variant: Variant | None) -> str:
    """Return the compact JSON text of a VARIANT; a SQL NULL is null, NaN and infinities, which JSON lacks, too."""
    if variant is None:
        return "null"
    value = variant.value
    if variant.kind is Kind.ARRAY:
        return "[" + ",".join(map(variant_text, value)) + "]"  # type: ignore[call-overload]
    if variant.kind is Kind.MAP:
        pairs = (f"{_key_text(k)}:{variant_text(v)}" for k, v in value.items())  # type: ignore[attr-defined]
        return "{" + ",".join(pairs) + "}"
    plain = _PLAIN.get(variant.kind)
    return plain(value) if plain is not None else quoted(_QUOTED[variant.kind](value))


def _key_text(key: Variant) -> str:
    """A key as a JSON string: strings as they are, anything else as its own text."""
    text = variant_text(key)
    return text if text.startswith('"') else quoted(text)
