"""Reading query parameters: each function names the parameter, its type and its limits, and refuses what breaks
them."""

from collections.abc import Mapping
from typing import TypeVar

from penstock.kernel.errors import Invalid

__all__ = ["choice", "flag", "integer", "required"]

Default = TypeVar("Default", int, None)

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def required(query: Mapping[str, str], name: str) -> str:
    """Return a parameter that must be there.

    Raises: Invalid.
    """
    if name not in query:
        raise Invalid(f"the query parameter {name!r} is missing")
    return query[name]


def integer(
    query: Mapping[str, str], name: str, default: Default, *, least: int = 0, most: int = (1 << 63) - 1
) -> int | Default:
    """Return an integer parameter, or the default if it is not there.

    Raises: Invalid if it is no decimal integer from `least` to `most`.
    """
    text = query.get(name)
    if text is None:
        return default
    # int() would also take blanks, underscores and digits of other scripts.
    digits = text.removeprefix("-")
    value = int(text) if digits.isascii() and digits.isdecimal() and len(digits) < 20 else None
    if value is None or not least <= value <= most:
        raise Invalid(f"the query parameter {name!r} is {text!r}; it must be an integer from {least} to {most}")
    return value


def flag(query: Mapping[str, str], name: str, default: bool) -> bool:
    """Return a `true` or `false` parameter, or the default if it is not there.

    Raises: Invalid if it is neither.
    """
    text = query.get(name)
    if text is None:
        return default
    if text.lower() not in _FLAGS:
        raise Invalid(f"the query parameter {name!r} is {text!r}; it must be 'true' or 'false'")
    return _FLAGS[text.lower()]


def choice(query: Mapping[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    """Return one of the allowed texts, or the default if the parameter is not there.

    Raises: Invalid if it is another.
    """
    text = query.get(name, default)
    if text not in allowed:
        raise Invalid(f"the query parameter {name!r} is {text!r}; it must be one of {', '.join(allowed)}")
    return text
