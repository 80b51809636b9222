"""Syntax trees of expressions. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

__all__ = [
    "Array",
    "Assign",
    "Binary",
    "Block",
    "Call",
    "Conditional",
    "Declare",
    "Elvis",
    "Empty",
    "ExpressionInvalid",
    "For",
    "If",
    "Index",
    "Jump",
    "Literal",
    "Logical",
    "MapLiteral",
    "Method",
    "Name",
    "Node",
    "Property",
    "Return",
    "SetLiteral",
    "Size",
    "Unary",
    "While",
    "walk",
]


class ExpressionInvalid(ValueError):
    """A text that is no expression. at: (line, column), both from 1."""

    def __init__(self, message: str, at: tuple[int, int]) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True, slots=True)
class Node:
    """Anything that has a value."""


@dataclass(frozen=True, slots=True)
class Literal(Node):
    value: Any


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable; a dotted one was written `a.b`."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary(Node):
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logical(Node):
    """`&&` and `||`: the right side is looked at only if it matters."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    test: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Elvis(Node):
    """`a ?: b`, and `a ?? b` if `only_null`."""

    left: Node
    right: Node
    only_null: bool = False


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function, with its namespace or an empty one."""

    space: str
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Method(Node):
    target: Node
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Property(Node):
    target: Node
    name: str


@dataclass(frozen=True, slots=True)
class Index(Node):
    target: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Empty(Node):
    operand: Node


@dataclass(frozen=True, slots=True)
class Size(Node):
    operand: Node


@dataclass(frozen=True, slots=True)
class Array(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class SetLiteral(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapLiteral(Node):
    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Assign(Node):
    """`a = v`, or `a += v` and the like if there is an operator."""

    target: Node
    value: Node
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class Declare(Node):
    name: str
    value: Node | None


@dataclass(frozen=True, slots=True)
class Block(Node):
    body: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class If(Node):
    test: Node
    yes: Node
    no: Node | None


@dataclass(frozen=True, slots=True)
class While(Node):
    test: Node
    body: Node


@dataclass(frozen=True, slots=True)
class For(Node):
    name: str
    items: Node
    body: Node


@dataclass(frozen=True, slots=True)
class Return(Node):
    value: Node | None


@dataclass(frozen=True, slots=True)
class Jump(Node):
    """`break` or `continue`."""

    kind: str


def walk(node: Node) -> Iterator[Node]:
    """Yield a tree's nodes, from the root down."""
    yield node
    for spec in fields(node):
        value = getattr(node, spec.name)
        if isinstance(value, Node):
            yield from walk(value)
        elif isinstance(value, tuple):
            for item in value:
                for member in item if isinstance(item, tuple) else (item,):
                    if isinstance(member, Node):
                        yield from walk(member)
