"""Expressions made into functions of one row's values. Pure.

The meaning of expressions is here; `vectors` must give the same, faster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.transform.jexl import nodes as n
from penstock.transform.jexl.arithmetic import BINARY, Impossible, is_empty, long_of, negate, size_of, truth
from penstock.transform.jexl.functions.signatures import Function
from penstock.transform.jexl.methods import call_method, read_index, read_property
from penstock.transform.jvm.values import Long

__all__ = ["Closure", "Environment", "closure"]

_MAX_TURNS: Final = 1_000_000
"""A loop that turns more often is taken to be endless."""


class Environment:
    """Values by name, and what a script sets."""

    __slots__ = ("names", "turns")

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.names: dict[str, Any] = dict(names)
        self.turns = 0


Closure = Callable[[Environment], Any]


class _Returned(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class _Broken(Exception):
    pass


class _Continued(Exception):
    pass


def closure(node: n.Node, spaces: Mapping[str, Mapping[str, Function]]) -> Closure:
    """Return what evaluates a tree. The closure raises ArithmeticError and ValueError where the expression fails."""
    evaluate = _Maker(spaces).make(node)

    def run(environment: Environment) -> Any:
        try:
            return evaluate(environment)
        except _Returned as returned:
            return returned.value

    return run


class _Maker:
    def __init__(self, spaces: Mapping[str, Mapping[str, Function]]) -> None:
        self._spaces = spaces

    def make(self, node: n.Node) -> Closure:
        return getattr(self, f"_{type(node).__name__.lower()}")(node)  # type: ignore[no-any-return]

    def _literal(self, node: n.Literal) -> Closure:
        value = node.value
        return lambda _: value

    def _name(self, node: n.Name) -> Closure:
        name = node.name
        return lambda env: env.names.get(name)

    def _unary(self, node: n.Unary) -> Closure:
        operand = self.make(node.operand)
        match node.operator:
            case "-":
                return lambda env: negate(operand(env))
            case "!":
                return lambda env: not truth(operand(env))
            case "~":
                return lambda env: Long(~long_of(operand(env)))
        return operand

    def _binary(self, node: n.Binary) -> Closure:
        operate = BINARY[node.operator]
        left, right = self.make(node.left), self.make(node.right)
        return lambda env: operate(left(env), right(env))

    def _logical(self, node: n.Logical) -> Closure:
        left, right = self.make(node.left), self.make(node.right)
        if node.operator == "&&":
            return lambda env: truth(left(env)) and truth(right(env))
        return lambda env: truth(left(env)) or truth(right(env))

    def _conditional(self, node: n.Conditional) -> Closure:
        test, yes, no = self.make(node.test), self.make(node.yes), self.make(node.no)

        def run(env: Environment) -> Any:
            value = test(env)
            return yes(env) if value is not None and truth(value) else no(env)

        return run

    def _elvis(self, node: n.Elvis) -> Closure:
        left, right = self.make(node.left), self.make(node.right)
        only_null = node.only_null

        def run(env: Environment) -> Any:
            value = left(env)
            return value if value is not None and (only_null or truth(value)) else right(env)

        return run

    def _call(self, node: n.Call) -> Closure:
        function = self._spaces.get(node.space, {}).get(node.name)
        arguments = [self.make(argument) for argument in node.arguments]
        if function is None:
            name = f"{node.space}:{node.name}" if node.space else node.name

            def refuse(env: Environment) -> Any:
                raise Impossible(f"unsolvable function/method '{name}'")

            return refuse
        return lambda env: function(*[argument(env) for argument in arguments])

    def _method(self, node: n.Method) -> Closure:
        target = self.make(node.target)
        arguments = [self.make(argument) for argument in node.arguments]
        name = node.name
        return lambda env: call_method(target(env), name, [argument(env) for argument in arguments])

    def _property(self, node: n.Property) -> Closure:
        target, name = self.make(node.target), node.name
        dotted = _dotted(node)

        def run(env: Environment) -> Any:
            if dotted is not None and env.names.get(dotted) is not None:
                return env.names[dotted]
            value = target(env)
            if value is None and dotted is not None:
                return None  # a variable with dots that nobody has set
            return read_property(value, name)

        return run

    def _index(self, node: n.Index) -> Closure:
        target, key = self.make(node.target), self.make(node.key)
        return lambda env: read_index(target(env), key(env))

    def _empty(self, node: n.Empty) -> Closure:
        operand = self.make(node.operand)
        return lambda env: is_empty(operand(env))

    def _size(self, node: n.Size) -> Closure:
        operand = self.make(node.operand)
        return lambda env: size_of(operand(env))

    def _array(self, node: n.Array) -> Closure:
        items = [self.make(item) for item in node.items]
        return lambda env: [item(env) for item in items]

    def _setliteral(self, node: n.SetLiteral) -> Closure:
        return self._array(n.Array(node.items))

    def _mapliteral(self, node: n.MapLiteral) -> Closure:
        entries = [(self.make(key), self.make(value)) for key, value in node.entries]
        return lambda env: {key(env): value(env) for key, value in entries}

    # --- statements

    def _block(self, node: n.Block) -> Closure:
        body = [self.make(item) for item in node.body]
        if len(body) == 1:
            return body[0]

        def run(env: Environment) -> Any:
            value = None
            for item in body:
                value = item(env)
            return value

        return run

    def _assign(self, node: n.Assign) -> Closure:
        value = self.make(node.value)
        if node.operator is not None:
            operate, old, added = BINARY[node.operator], self.make(node.target), value
            value = lambda env: operate(old(env), added(env))  # noqa: E731
        if isinstance(node.target, n.Name):
            name = node.target.name

            def store(env: Environment) -> Any:
                env.names[name] = value(env)
                return env.names[name]

            return store
        return self._assign_member(node.target, value)

    def _assign_member(self, target: n.Node, value: Closure) -> Closure:
        assert isinstance(target, n.Property | n.Index), "the parser takes no other target"
        holder = self.make(target.target)
        key = self.make(target.key) if isinstance(target, n.Index) else self.make(n.Literal(target.name))

        def store(env: Environment) -> Any:
            container, member, made = holder(env), key(env), value(env)
            if (isinstance(container, list) and isinstance(member, int) and 0 <= member < len(container)) or isinstance(
                container, dict
            ):
                container[member] = made
            else:
                raise Impossible("nothing can be set there")
            return made

        return store

    def _declare(self, node: n.Declare) -> Closure:
        value, name = self.make(node.value or n.Literal(None)), node.name

        def store(env: Environment) -> Any:
            env.names[name] = value(env)
            return env.names[name]

        return store

    def _if(self, node: n.If) -> Closure:
        test, yes, no = self.make(node.test), self.make(node.yes), self.make(node.no or n.Literal(None))
        return lambda env: yes(env) if truth(test(env)) else no(env)

    def _while(self, node: n.While) -> Closure:
        test, body = self.make(node.test), self.make(node.body)

        def run(env: Environment) -> Any:
            value = None
            while truth(test(env)):
                try:
                    value = body(env)
                except _Continued:
                    pass
                except _Broken:
                    break
                _count(env)
            return value

        return run

    def _for(self, node: n.For) -> Closure:
        items, body, name = self.make(node.items), self.make(node.body), node.name

        def run(env: Environment) -> Any:
            value = None
            found = items(env)
            for item in found.values() if isinstance(found, dict) else found if isinstance(found, list | tuple) else ():
                env.names[name] = item
                try:
                    value = body(env)
                except _Continued:
                    pass
                except _Broken:
                    break
                _count(env)
            return value

        return run

    def _return(self, node: n.Return) -> Closure:
        value = self.make(node.value or n.Literal(None))

        def run(env: Environment) -> Any:
            raise _Returned(value(env))

        return run

    def _jump(self, node: n.Jump) -> Closure:
        jump = _Broken if node.kind == "break" else _Continued

        def run(env: Environment) -> Any:
            raise jump

        return run


def _count(env: Environment) -> None:
    env.turns += 1
    if env.turns > _MAX_TURNS:
        raise Impossible("a loop does not end")


def _dotted(node: n.Property) -> str | None:
    """Return the name that a chain of properties may stand for."""
    if isinstance(node.target, n.Name):
        return f"{node.target.name}.{node.name}"
    if isinstance(node.target, n.Property):
        before = _dotted(node.target)
        return None if before is None else f"{before}.{node.name}"
    return None
