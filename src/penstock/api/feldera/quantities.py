"""The grammar of durations and sizes in a runtime configuration: `1h30m`, `500ms`, `4Gi`, `16G`.

Source: Feldera's documentation of the runtime configuration, 0.369.
"""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

__all__ = ["duration_ns", "size_bytes"]

_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_DECIMAL: Final = "kMGTPE"
_BINARY: Final = "KMGTPE"
_DURATION: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d)")
_SIZE: Final = re.compile(r"\+?(\d+(?:\.\d*)?|\.\d+)([kKMGTPE]?)(i?)(B?)")
_LARGEST: Final = (1 << 64) - 1


def duration_ns(text: str) -> int:
    """Read a duration as nanoseconds: terms of a number and a unit, added up.

    Raises: ValueError if it is none.
    """
    total = Fraction(0)
    place = 0
    while term := _DURATION.match(text, place):
        total += Fraction(Decimal(term[1])) * _NS[term[2]]
        place = term.end()
    if place == 0 or place != len(text):
        raise ValueError(f"{text!r} is no duration; write a number and a unit, such as '500ms' or '1h30m'")
    return round(total)


def size_bytes(text: str, *, needs_unit: bool) -> int:
    """Read a size as bytes: a number and a decimal or binary unit; without a unit, bytes.

    needs_unit: refuse a bare number, for settings whose older form counted megabytes.
    Raises: ValueError if it is none.
    """
    found = _SIZE.fullmatch(text)
    if found is None or (found[3] and not found[2]) or (found[2] == "k" and found[3]):
        raise ValueError(f"{text!r} is no size; write a number and a unit, such as '4Gi' or '500M'")
    number, unit, binary, _ = found.groups()
    if needs_unit and not unit and not found[4]:
        raise ValueError(f"{text!r} has no unit; write a size such as '{text}M'")
    if not unit:
        factor = 1
    elif binary:
        factor = 1 << 10 * (_BINARY.index(unit) + 1)
    else:
        factor = 1000 ** (_DECIMAL.index("k" if unit == "K" else unit) + 1)
    size = round(Fraction(Decimal(number)) * factor)
    if size > _LARGEST:
        raise ValueError(f"{text!r} is larger than any memory")
    return size
