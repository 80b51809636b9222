"""What arguments a directive takes, and matching them with those that were read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.transform.recipe.parser import (
    BOOLEAN,
    BOOLEANS,
    COLUMN,
    COLUMNS,
    NUMBER,
    NUMBERS,
    TEXT,
    TEXTS,
    Argument,
    Call,
)
from penstock.transform.recipe.problems import RecipeInvalid

__all__ = ["Arguments", "Parameter", "match"]

_SINGLE_OF = {COLUMNS: COLUMN, NUMBERS: NUMBER, TEXTS: TEXT, BOOLEANS: BOOLEAN}
_SHOWN = {
    COLUMN: ":{}",
    COLUMNS: ":{} [,:{}]*",
    TEXT: "'{}'",
    TEXTS: "'{}'[,'{}']*",
    NUMBER: "{}",
    NUMBERS: "{}[,{}]*",
    BOOLEAN: "{} (true/false)",
    "EXPRESSION": "exp:{{<{}>}}",
    "PROPERTIES": "prop:{{key=value,[key=value]*}}",
    "RANGES": "start:end=[bool|text|numeric][,start:end=[bool|text|numeric]*",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument that a directive takes."""

    name: str
    kind: str
    optional: bool = False


class Arguments:
    """The arguments of one call, by name."""

    def __init__(self, call: Call, values: Mapping[str, Argument]) -> None:
        self.directive = call.name
        self.line = call.line
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text, a column or a word."""
        if name not in self._values:
            assert default is not None, "the argument was checked"
            return default
        return str(self._values[name].value)

    def optional(self, name: str) -> str | None:
        """Return a text, a column or a word, if it is there."""
        return str(self._values[name].value) if name in self._values else None

    def texts(self, name: str) -> list[str]:
        """Return a list of texts, columns or numbers."""
        value = self._values[name].value
        return [str(item) for item in value] if isinstance(value, tuple) else [str(value)]

    def number(self, name: str, default: int | None = None) -> int:
        """Return a whole number; decimals are cut off."""
        if name not in self._values:
            assert default is not None, "the argument was checked"
            return default
        return int(float(str(self._values[name].value).rstrip("L")))

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a truth value."""
        return self._values[name].value is True if name in self._values else default

    def value(self, name: str) -> Any:
        """Return ranges or properties as they were read."""
        return self._values[name].value

    def shown(self, name: str) -> str:
        """Return an expression as messages show it."""
        return self._values[name].shown

    def refuse(self, message: str) -> RecipeInvalid:
        """Return the error that says what is wrong with the arguments."""
        return RecipeInvalid(f"Error encountered while parsing '{self.directive}' : {message}", self.line)


def match(call: Call, parameters: Sequence[Parameter]) -> Arguments:
    """Match arguments with parameters, in order; a parameter that may be missing is skipped if its kind does not fit.

    Raises: RecipeInvalid.
    """
    required = sum(not parameter.optional for parameter in parameters)
    if not required <= len(call.arguments) <= len(parameters):
        raise RecipeInvalid(
            f"Error encountered while parsing '{call.name}' : Improper usage of directive '{call.name}', "
            f"usage - '{usage(call.name, parameters)}'",
            call.line,
        )
    values: dict[str, Argument] = {}
    at = 0
    for argument in call.arguments:
        while at < len(parameters):
            parameter = parameters[at]
            at += 1
            if argument.kind == parameter.kind:
                values[parameter.name] = argument
                break
            if _SINGLE_OF.get(parameter.kind) == argument.kind:
                values[parameter.name] = Argument(parameter.kind, (argument.value,))
                break
            if not parameter.optional:
                raise RecipeInvalid(
                    f"Expected argument '{parameter.name}' to be of type '{parameter.kind}', "
                    f"but it is of type '{argument.kind}' - line {call.line}: {call.source}",
                    call.line,
                )
    missing = [p.name for p in parameters if not p.optional and p.name not in values]
    if missing:
        raise RecipeInvalid(f"Missing argument '{missing[0]}' of directive '{call.name}'", call.line)
    return Arguments(call, values)


def usage(name: str, parameters: Sequence[Parameter]) -> str:
    """Show how a directive is written."""
    out = [name]
    for parameter in parameters:
        form = _SHOWN.get(parameter.kind, "{}").format(parameter.name, parameter.name)
        out.append(f"[{form}]" if parameter.optional else form)
    return " ".join(out)
