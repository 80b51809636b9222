"""The one small expression form in which dialects leave behind what can only be known while a run goes on.

Parameters, conditions, loop lists and command lines are lowered to it; a richer language is lowered to a step that
evaluates it. Values are JSON values. Pure: everything an expression may see comes in through `Values`.

An expression may be *absent* (an optional input nobody gave). Lists and objects leave absent members out, so an
argument that depends on an optional input disappears with it; anywhere else absence is an error that names the input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from penstock.kernel.errors import Invalid
from penstock.kernel.functions import FUNCTIONS, LAZY, ExprFailed, as_text, spread_marker
from penstock.kernel.values import ABSENT, Absent, Value

__all__ = [
    "ABSENT",
    "Absent",
    "Apply",
    "Expr",
    "ExprFailed",
    "Fact",
    "Input",
    "InputArtifact",
    "Item",
    "ItemIndex",
    "ListOf",
    "Literal",
    "NoValues",
    "ObjectOf",
    "Output",
    "OutputArtifact",
    "Place",
    "Raw",
    "RawArtifact",
    "Secret",
    "StepFact",
    "Value",
    "Values",
    "apply",
    "as_text",
    "check",
    "concat",
    "evaluate",
    "evaluate_object",
    "is_true",
    "leaves",
    "literal",
]


class Literal(msgspec.Struct, frozen=True, tag="literal"):
    """A constant JSON value."""

    value: Value


class Input(msgspec.Struct, frozen=True, tag="input"):
    """A parameter of the enclosing level; inside a step's work, an input of that step."""

    name: str


class InputArtifact(msgspec.Struct, frozen=True, tag="input artifact"):
    """An artifact given to the enclosing level; inside a step's work, one given to that step."""

    name: str


class Item(msgspec.Struct, frozen=True, tag="item"):
    """The element this iteration of the step's own fan-out stands for."""


class ItemIndex(msgspec.Struct, frozen=True, tag="item index"):
    """The place of that element, from 0."""


class Output(msgspec.Struct, frozen=True, tag="output"):
    """An output parameter of another step of the same level; of a fan-out, the list over its iterations."""

    step: str
    name: str


class OutputArtifact(msgspec.Struct, frozen=True, tag="output artifact"):
    """An output artifact of another step of the same level; of a fan-out, the list over its iterations."""

    step: str
    name: str


class StepFact(msgspec.Struct, frozen=True, tag="step fact"):
    """What is known of another step of the same level: `state`, `message`, `exit_code`."""

    step: str
    name: str


class Fact(msgspec.Struct, frozen=True, tag="fact"):
    """What is known of the run or of the step itself.

    Everywhere: `run.id`, `run.name`, `run.created_at`, `run.scheduled_at` (RFC 3339 or absent), and what the submitter
    gave. In the exit level also `run.state`, `run.message` and `run.failures` (a list of objects with path, state,
    message). In a step's work also `step.path`, `step.name`, `step.attempt` (from 1), `step.retries` (from 0), and from
    executors that have one `step.directory`.
    """

    name: str


class Place(msgspec.Struct, frozen=True, tag="place"):
    """Where the executor puts an input artifact (`inputs`) or expects an output (`outputs`): an absolute path.

    Only inside a step's work: the executor alone knows.
    """

    side: str
    name: str


class Raw(msgspec.Struct, frozen=True, tag="raw"):
    """A value that the step's work left behind, before `Step.yields`; absent if it did not. Only inside `yields`."""

    name: str


class RawArtifact(msgspec.Struct, frozen=True, tag="raw artifact"):
    """An artifact that the step's work left behind. Only inside `yields` and `yields_artifacts`."""

    name: str


class Secret(msgspec.Struct, frozen=True, tag="secret"):
    """A secret by name, read when the step is launched and written nowhere. Only inside a step's work."""

    name: str


class ListOf(msgspec.Struct, frozen=True, tag="list"):
    """A list of what its members come to. Absent members are left out; `apply("spread", x)` puts in each of a list."""

    members: tuple[Expr, ...]


class ObjectOf(msgspec.Struct, frozen=True, tag="object"):
    """An object of what its members come to; absent members are left out."""

    members: dict[str, Expr]


class Apply(msgspec.Struct, frozen=True, tag="apply"):
    """A function of `kernel.functions` applied to arguments: `==`, `and`, `concat`, `get`, `parse_json`, …"""

    function: str
    arguments: tuple[Expr, ...]


Expr = (
    Literal
    | Input
    | InputArtifact
    | Item
    | ItemIndex
    | Output
    | OutputArtifact
    | StepFact
    | Fact
    | Place
    | Raw
    | RawArtifact
    | Secret
    | ListOf
    | ObjectOf
    | Apply
)
"""An expression. All of its forms are values that encode to JSON and back."""

_MAX_DEPTH: Final = 200


class Values(Protocol):
    """What an expression may see where it is evaluated. A leaf that has no meaning there raises ExprFailed."""

    def look_up(self, leaf: Expr) -> Value | Absent:
        """Return the value of a leaf (any form but Literal, ListOf, ObjectOf and Apply)."""
        ...


class NoValues:
    """Sees nothing: for expressions that must be constant."""

    def look_up(self, leaf: Expr) -> Value | Absent:
        """Refuse. Raises: ExprFailed."""
        raise ExprFailed(f"{describe(leaf)} is not known here")


def evaluate(expr: Expr, values: Values) -> Value | Absent:
    """Return what an expression comes to.

    Raises: ExprFailed with a message for the user if it has no value.
    """
    match expr:
        case Literal(value):
            return value
        case ListOf(members):
            return _list(members, values)
        case ObjectOf(members):
            return evaluate_object(members, values)
        case Apply(function, arguments):
            return _apply(function, arguments, values)
        case _:
            return values.look_up(expr)


def evaluate_object(members: Mapping[str, Expr], values: Values) -> dict[str, Value]:
    """Return the members that are present. Raises: ExprFailed that names the member."""
    result: dict[str, Value] = {}
    for name, expr in members.items():
        try:
            value = evaluate(expr, values)
        except ExprFailed as error:
            raise error.within(name) from None
        if not isinstance(value, Absent):
            result[name] = value
    return result


def is_true(expr: Expr, values: Values) -> bool:
    """Decide a condition. Raises: ExprFailed if it comes to anything but a boolean."""
    value = evaluate(expr, values)
    if not isinstance(value, bool):
        raise ExprFailed(f"the condition comes to {_shown(value)}; it must come to true or false")
    return value


def leaves(expr: Expr) -> Iterator[Expr]:
    """Yield every leaf that is looked up when the expression is evaluated."""
    waiting: list[Expr] = [expr]
    while waiting:
        match waiting.pop():
            case Literal():
                continue
            case ListOf(members):
                waiting.extend(members)
            case ObjectOf(members):
                waiting.extend(members.values())
            case Apply(_, arguments):
                waiting.extend(arguments)
            case leaf:
                yield leaf


def check(expr: Expr, at: str | None = None) -> None:
    """Check that functions exist, take that many arguments, and that nesting is bounded. Raises: Invalid."""
    waiting: list[tuple[Expr, int]] = [(expr, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise Invalid(f"the expression is nested more than {_MAX_DEPTH} deep", at=at)
        match node:
            case ListOf(members):
                waiting.extend((member, depth + 1) for member in members)
            case ObjectOf(members):
                waiting.extend((member, depth + 1) for member in members.values())
            case Apply(name, arguments):
                _check_call(name, len(arguments), at)
                waiting.extend((argument, depth + 1) for argument in arguments)
            case _:
                continue


def literal(value: Value) -> Literal:
    """Return a constant."""
    return Literal(value)


def apply(function: str, *arguments: Expr | Value) -> Apply:
    """Apply a function; arguments that are not expressions are constants."""
    return Apply(function, tuple(_lift(argument) for argument in arguments))


def concat(*parts: Expr | str) -> Expr:
    """Join the texts of parts; neighbouring constants are merged."""
    merged: list[Expr] = []
    for part in parts:
        lifted = _lift(part)
        if isinstance(lifted, Literal) and merged and isinstance(merged[-1], Literal):
            merged[-1] = Literal(as_text(merged[-1].value) + as_text(lifted.value))
        else:
            merged.append(lifted)
    if not merged:
        return Literal("")
    if len(merged) == 1 and isinstance(merged[0], Literal):
        return Literal(as_text(merged[0].value))
    return Apply("concat", tuple(merged))


def describe(leaf: Expr) -> str:
    """Name a leaf for a message."""
    match leaf:
        case Input(name):
            return f"input {name!r}"
        case InputArtifact(name):
            return f"input artifact {name!r}"
        case Output(step, name):
            return f"output {name!r} of step {step!r}"
        case OutputArtifact(step, name):
            return f"output artifact {name!r} of step {step!r}"
        case StepFact(step, name):
            return f"{name!r} of step {step!r}"
        case Fact(name):
            return f"the fact {name!r}"
        case Place(side, name):
            return f"the place of {name!r} among the {side}"
        case Raw(name) | RawArtifact(name):
            return f"what the step left as {name!r}"
        case Secret(name):
            return f"the secret {name!r}"
        case Item() | ItemIndex():
            return "the item of a loop"
        case _:
            return "the expression"


def _list(members: Sequence[Expr], values: Values) -> list[Value]:
    result: list[Value] = []
    for member in members:
        value = evaluate(member, values)
        if isinstance(value, Absent):
            continue
        if isinstance(member, Apply) and member.function == spread_marker:
            if not isinstance(value, list):
                raise ExprFailed(f"only a list can be spread, not {_shown(value)}")
            result.extend(value)
        else:
            result.append(value)
    return result


def _apply(name: str, arguments: tuple[Expr, ...], values: Values) -> Value | Absent:
    if name in LAZY:
        return _lazily(name, arguments, values)
    function = FUNCTIONS.get(name)
    if function is None:
        raise ExprFailed(f"there is no function {name!r}")
    given: list[Value] = []
    for argument in arguments:
        value = evaluate(argument, values)
        if isinstance(value, Absent):
            raise ExprFailed(f"{describe(argument)} was not given and {name!r} needs it")
        given.append(value)
    return function.body(*given)


def _lazily(name: str, arguments: tuple[Expr, ...], values: Values) -> Value | Absent:
    match name:
        case "and":
            return all(is_true(argument, values) for argument in arguments)
        case "or":
            return any(is_true(argument, values) for argument in arguments)
        case "if":
            condition, then, otherwise = arguments
            return evaluate(then if is_true(condition, values) else otherwise, values)
        case "is_present":
            return not isinstance(evaluate(arguments[0], values), Absent)
        case "absent":
            return ABSENT
        case _:  # coalesce
            for argument in arguments:
                value = evaluate(argument, values)
                if not isinstance(value, Absent) and value is not None:
                    return value
            return ABSENT


def _check_call(name: str, count: int, at: str | None) -> None:
    if name in LAZY:
        least, most = LAZY[name]
    elif name in FUNCTIONS:
        least, most = FUNCTIONS[name].least, FUNCTIONS[name].most
    else:
        raise Invalid(f"there is no function {name!r}", at=at)
    if count < least or (most is not None and count > most):
        wanted = str(least) if least == most else f"{least} or more" if most is None else f"{least} to {most}"
        raise Invalid(f"function {name!r} takes {wanted} arguments, not {count}", at=at)


def _lift(value: Expr | Value) -> Expr:
    return value if isinstance(value, msgspec.Struct) else Literal(value)


def _shown(value: Value | Absent) -> str:
    if isinstance(value, Absent):
        return "nothing"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 80 else text[:77] + "..."
