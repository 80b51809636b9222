"""Expressions of operators: one line of Python, checked when a pipeline is made and evaluated by a walk over its tree.

Nothing is compiled or executed: only the kinds of nodes that are listed here mean something, names are those of input
fields, functions and methods are those of the two tables, and every step costs. So an expression cannot reach anything,
cannot run long, and cannot grow large.

Source: the product's page on operators (`ubiops.com/docs/pipelines/operators`) shows arithmetic, comparisons,
conditional expressions and subscripts; what else is allowed is our choice.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

__all__ = ["ExpressionError", "check_expression", "evaluate_expression"]

MAX_LENGTH: Final = 10_000
MAX_STEPS: Final = 100_000
MAX_SIZE: Final = 1_000_000
"""Longest text or list, and most digits, that an expression may make."""


class ExpressionError(ValueError):
    """An expression cannot be read, or has no value; the message says why."""


def check_expression(expression: str, names: Iterable[str]) -> None:
    """Check an expression over inputs of these names. Raises: ExpressionError."""
    _Checker(frozenset(names)).check(_parsed(expression))


def evaluate_expression(expression: str, values: Mapping[str, Any]) -> Any:
    """Return what an expression comes to, as a JSON value. Raises: ExpressionError."""
    evaluation = _Evaluation(values)
    try:
        return _as_json(evaluation.value(_parsed(expression).body))
    except ExpressionError:
        raise
    except RecursionError:
        raise ExpressionError("the expression is nested too deeply") from None
    except Exception as error:
        raise ExpressionError(f"{type(error).__name__}: {error}") from None


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> ast.Expression:
    if len(expression) > MAX_LENGTH:
        raise ExpressionError(f"the expression has {len(expression)} characters; at most {MAX_LENGTH} are allowed")
    try:
        return ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ExpressionError(f"the expression {expression[:200]!r} cannot be read: {what}") from None


_NODES: Final = (
    ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Store, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare,
    ast.IfExp, ast.Subscript, ast.Slice, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.SetComp,
    ast.GeneratorExp, ast.DictComp, ast.comprehension, ast.JoinedStr, ast.FormattedValue, ast.Call, ast.Attribute,
    ast.keyword, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.Starred,
)  # fmt: skip


class _Checker:
    """Goes over a tree once, before it is kept."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def check(self, tree: ast.Expression) -> None:
        """Raises: ExpressionError for what has no meaning here."""
        known = self._names | _CONSTANTS.keys() | {
            node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }  # fmt: skip
        functions = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if not isinstance(node, _NODES):
                raise ExpressionError(f"{type(node).__name__} is not allowed in an expression")
            if isinstance(node, ast.comprehension) and node.is_async:
                raise ExpressionError("async is not allowed in an expression")
            if isinstance(node, ast.Call):
                _check_call(node)
            elif isinstance(node, ast.Attribute) and node not in functions:
                raise ExpressionError(f"the attribute {node.attr!r} is not allowed in an expression")
            elif isinstance(node, ast.Name) and node not in functions and node.id not in known:
                raise ExpressionError(f"the name {node.id!r} is not known; there are {_listed(sorted(self._names))}")
            elif isinstance(node, ast.Constant) and isinstance(node.value, bytes | complex):
                raise ExpressionError(f"{node.value!r} is not allowed in an expression")


def _check_call(node: ast.Call) -> None:
    if isinstance(node.func, ast.Name):
        if node.func.id not in _FUNCTIONS:
            raise ExpressionError(f"the function {node.func.id!r} is not allowed; there are {_listed(_FUNCTIONS)}")
    elif isinstance(node.func, ast.Attribute):
        if not any(node.func.attr in methods for methods in _METHODS.values()):
            raise ExpressionError(f"the method {node.func.attr!r} is not allowed in an expression")
    else:
        raise ExpressionError("only functions and methods can be called in an expression")


class _Evaluation:
    """One evaluation: the values of names, and what it may still cost."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._scopes: list[Mapping[str, Any]] = [_CONSTANTS, values]
        self._steps = MAX_STEPS

    def value(self, node: ast.AST) -> Any:
        """Return what a node comes to."""
        self._steps -= 1
        if self._steps < 0:
            raise ExpressionError(f"the expression takes more than {MAX_STEPS} steps")
        method = _EVALUATE.get(type(node))
        if method is None:
            raise ExpressionError(f"{type(node).__name__} is not allowed in an expression")
        return method(self, node)

    def constant(self, node: ast.Constant) -> Any:
        return node.value

    def name(self, node: ast.Name) -> Any:
        for scope in reversed(self._scopes):
            if node.id in scope:
                return scope[node.id]
        raise ExpressionError(f"the name {node.id!r} is not known")

    def binary(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        _check_growth(node.op, left, right)
        return _bounded(_BINARY[type(node.op)](left, right))

    def unary(self, node: ast.UnaryOp) -> Any:
        return _UNARY[type(node.op)](self.value(node.operand))

    def boolean(self, node: ast.BoolOp) -> Any:
        ends_at = isinstance(node.op, ast.Or)
        result: Any = None
        for operand in node.values:
            result = self.value(operand)
            if bool(result) is ends_at:
                return result
        return result

    def compare(self, node: ast.Compare) -> Any:
        left = self.value(node.left)
        for op, operand in zip(node.ops, node.comparators, strict=True):
            right = self.value(operand)
            if not _COMPARE[type(op)](left, right):
                return False
            left = right
        return True

    def conditional(self, node: ast.IfExp) -> Any:
        return self.value(node.body if self.value(node.test) else node.orelse)

    def subscript(self, node: ast.Subscript) -> Any:
        return self.value(node.value)[self.value(node.slice)]

    def slice(self, node: ast.Slice) -> Any:
        return slice(*(None if part is None else self.value(part) for part in (node.lower, node.upper, node.step)))

    def members(self, node: ast.List | ast.Tuple | ast.Set) -> list[Any]:
        found: list[Any] = []
        for member in node.elts:
            if isinstance(member, ast.Starred):
                found.extend(self.items(self.value(member.value)))
            else:
                found.append(self.value(member))
        _bounded(found)
        return found

    def as_tuple(self, node: ast.Tuple) -> Any:
        return tuple(self.members(node))

    def as_set(self, node: ast.Set) -> Any:
        return set(self.members(node))

    def dictionary(self, node: ast.Dict) -> Any:
        made: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                made.update(self.value(value))
            else:
                made[self.value(key)] = self.value(value)
        return made

    def items(self, value: Any) -> Iterable[Any]:
        """Go through what a loop goes through; each item costs."""
        if not isinstance(value, list | tuple | set | dict | str | range):
            raise ExpressionError(f"a {type(value).__name__} cannot be looped over")
        self._steps -= len(value)
        if self._steps < 0:
            raise ExpressionError(f"the expression takes more than {MAX_STEPS} steps")
        return value

    def looped(self, generators: list[ast.comprehension], make: Callable[[], None]) -> None:
        if not generators:
            make()
            return
        generator, *inner = generators
        for item in self.items(self.value(generator.iter)):
            self._scopes.append(_unpacked(generator.target, item))
            try:
                if all(self.value(condition) for condition in generator.ifs):
                    self.looped(inner, make)
            finally:
                self._scopes.pop()

    def list_comprehension(self, node: ast.ListComp | ast.GeneratorExp) -> Any:
        made: list[Any] = []
        self.looped(node.generators, lambda: made.append(self.value(node.elt)))
        return _bounded(made)

    def set_comprehension(self, node: ast.SetComp) -> Any:
        made: set[Any] = set()
        self.looped(node.generators, lambda: made.add(self.value(node.elt)))
        return made

    def dict_comprehension(self, node: ast.DictComp) -> Any:
        made: dict[Any, Any] = {}
        self.looped(node.generators, lambda: made.update({self.value(node.key): self.value(node.value)}))
        return made

    def joined(self, node: ast.JoinedStr) -> Any:
        return _bounded("".join(str(self.value(part)) for part in node.values))

    def formatted(self, node: ast.FormattedValue) -> Any:
        value = self.value(node.value)
        if node.conversion in _CONVERSIONS:
            value = _CONVERSIONS[node.conversion](value)
        specification = str(self.value(node.format_spec)) if node.format_spec else ""
        if sum(character.isdigit() for character in specification) > 4:
            raise ExpressionError(f"the format {specification!r} makes too long a text")
        return format(value, specification)

    def call(self, node: ast.Call) -> Any:
        arguments = self.members(ast.List(node.args, ast.Load()))
        if any(keyword.arg is None for keyword in node.keywords):
            raise ExpressionError("** is not allowed in a call")
        named = {str(keyword.arg): self.value(keyword.value) for keyword in node.keywords}
        for argument in arguments:
            if isinstance(argument, list | tuple | set | dict | str | range):
                self._steps -= len(argument)
        if isinstance(node.func, ast.Name):
            function = _FUNCTIONS.get(node.func.id)
            if function is None:
                raise ExpressionError(f"the function {node.func.id!r} is not allowed")
            return _bounded(function(*arguments, **named))
        assert isinstance(node.func, ast.Attribute), "a checked call is of a function or a method"
        subject = self.value(node.func.value)
        if node.func.attr not in _METHODS.get(type(subject), ()):
            raise ExpressionError(f"a {type(subject).__name__} has no method {node.func.attr!r} here")
        if node.func.attr in ("replace", "join"):
            _check_text_growth(node.func.attr, subject, arguments)
        result = getattr(subject, node.func.attr)(*arguments, **named)
        return _bounded(list(result) if node.func.attr in ("keys", "values", "items") else result)


def _check_growth(op: ast.operator, left: Any, right: Any) -> None:
    """Refuse what would be too large before it is made."""
    if isinstance(op, ast.Pow):
        if isinstance(left, int) and isinstance(right, int) and left.bit_length() * max(right, 0) > 4 * MAX_SIZE // 100:
            raise ExpressionError("a power in the expression is too large")
    elif isinstance(op, ast.LShift):
        if isinstance(right, int) and right > MAX_SIZE // 100:
            raise ExpressionError("a shift in the expression is too large")
    elif isinstance(op, ast.Mult):
        for many, count in ((left, right), (right, left)):
            if isinstance(many, str | list | tuple) and isinstance(count, int) and len(many) * count > MAX_SIZE:
                raise ExpressionError("a repetition in the expression is too long")
    elif isinstance(op, ast.Mod) and isinstance(left, str):
        raise ExpressionError("texts are formatted with f-strings in an expression")


def _check_text_growth(method: str, subject: Any, arguments: list[Any]) -> None:
    texts = [len(argument) for argument in arguments if isinstance(argument, str)]
    if method == "replace" and len(texts) == 2 and (len(subject) + 1) * max(texts[1], 1) > MAX_SIZE:
        raise ExpressionError("a replacement in the expression makes too long a text")
    if method == "join" and arguments and (len(subject) + 1) * len(arguments[0]) > MAX_SIZE:
        raise ExpressionError("a join in the expression makes too long a text")


def _bounded(value: Any) -> Any:
    if isinstance(value, str | list | tuple | set | dict) and len(value) > MAX_SIZE:
        raise ExpressionError(f"the expression makes something with more than {MAX_SIZE} members")
    if isinstance(value, int) and value.bit_length() > 4 * MAX_SIZE // 100:
        raise ExpressionError("the expression makes too large a number")
    return value


def _unpacked(target: ast.expr, item: Any) -> dict[str, Any]:
    if isinstance(target, ast.Name):
        return {target.id: item}
    if not isinstance(target, ast.Tuple | ast.List):
        raise ExpressionError("a loop in an expression has names")
    parts = list(item)
    if len(parts) != len(target.elts):
        raise ExpressionError(f"{len(parts)} values cannot be given to {len(target.elts)} names")
    found: dict[str, Any] = {}
    for part, value in zip(target.elts, parts, strict=True):
        found |= _unpacked(part, value)
    return found


def _as_json(value: Any) -> Any:
    if isinstance(value, tuple | set | range | list):
        return [_as_json(member) for member in (sorted(value, key=repr) if isinstance(value, set) else value)]
    if isinstance(value, dict):
        return {str(key): _as_json(member) for key, member in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise ExpressionError(f"{value} is no number in JSON")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ExpressionError(f"a {type(value).__name__} is no JSON value")


def _range(*arguments: int) -> range:
    found = range(*arguments)
    if len(found) > MAX_STEPS:
        raise ExpressionError(f"a range in the expression has more than {MAX_STEPS} members")
    return found


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes no functions: `key` and the like would be a way to call anything."""

    def call(*arguments: Any, **named: Any) -> Any:
        if unknown := named.keys() - {"reverse", "default", "start", "ndigits"}:
            raise ExpressionError(f"the argument {sorted(unknown)[0]!r} is not allowed in an expression")
        return function(*arguments, **named)

    return call


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


_CONSTANTS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}

_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "range": _range,
    "zip": lambda *lists: list(zip(*lists, strict=False)),
    "enumerate": lambda items, start=0: list(enumerate(items, start)),
    "reversed": lambda items: list(reversed(items)),
    **{
        function.__name__: _plain(function)
        for function in (
            abs,
            all,
            any,
            bool,
            dict,
            float,
            int,
            len,
            list,
            max,
            min,
            round,
            set,
            sorted,
            str,
            sum,
            tuple,
        )
    },
}

_CONVERSIONS: Final[dict[int, Callable[[Any], str]]] = {114: repr, 115: str, 97: ascii}

_TEXT_METHODS: Final = frozenset(
    ("upper", "lower", "strip", "lstrip", "rstrip", "split", "join", "replace", "startswith", "endswith", "title",
     "capitalize", "count", "find", "index", "isdigit", "isalpha", "isnumeric")
)  # fmt: skip
_METHODS: Final[dict[type, frozenset[str]]] = {
    str: _TEXT_METHODS,
    list: frozenset(("index", "count")),
    tuple: frozenset(("index", "count")),
    dict: frozenset(("get", "keys", "values", "items")),
}

_BINARY: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.BitXor: operator.xor, ast.LShift: operator.lshift, ast.RShift: operator.rshift,
}  # fmt: skip
_UNARY: Final[dict[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda item, group: item in group, ast.NotIn: lambda item, group: item not in group,
}  # fmt: skip
_EVALUATE: Final[dict[type[ast.AST], Callable[[_Evaluation, Any], Any]]] = {
    ast.Constant: _Evaluation.constant,
    ast.Name: _Evaluation.name,
    ast.BinOp: _Evaluation.binary,
    ast.UnaryOp: _Evaluation.unary,
    ast.BoolOp: _Evaluation.boolean,
    ast.Compare: _Evaluation.compare,
    ast.IfExp: _Evaluation.conditional,
    ast.Subscript: _Evaluation.subscript,
    ast.Slice: _Evaluation.slice,
    ast.List: _Evaluation.members,
    ast.Tuple: _Evaluation.as_tuple,
    ast.Set: _Evaluation.as_set,
    ast.Dict: _Evaluation.dictionary,
    ast.ListComp: _Evaluation.list_comprehension,
    ast.GeneratorExp: _Evaluation.list_comprehension,
    ast.SetComp: _Evaluation.set_comprehension,
    ast.DictComp: _Evaluation.dict_comprehension,
    ast.JoinedStr: _Evaluation.joined,
    ast.FormattedValue: _Evaluation.formatted,
    ast.Call: _Evaluation.call,
}
