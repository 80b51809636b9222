"""YAML text to JSON values, as Kubernetes tools read YAML: no tags that make objects, no dates, bounded size.

Aliases are followed, and every value counts as often as it is reached, so that a short text cannot stand for a huge
document.
"""

import math
import re
from typing import Any, Final

import yaml

from penstock.kernel.errors import Invalid

__all__ = ["MAX_VALUES", "documents"]

MAX_VALUES: Final = 2_000_000
"""Most values (scalars, lists, mappings) of a document, counting what aliases repeat."""

MAX_DEPTH: Final = 200

_BRACKETS: Final = re.compile(rb"[\[\]{}]")
_DEEPLY_INDENTED: Final = re.compile(rb"^[ \t?-]{%d}" % (2 * MAX_DEPTH), re.MULTILINE)

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """The safe loader without what a reader of JSON does not know: dates, sexagesimal numbers, `yes` and `no`."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^(?:[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    ("float", r"^(?:[-+]?(?:[0-9][0-9_]*)?\.?[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+\.|[-+]?\.(?:inf|Inf|INF)"
              r"|\.(?:nan|NaN|NAN))$", "-+0123456789."),
    ("merge", r"^(?:<<)$", "<"),
    ("null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
):  # fmt: skip
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first.replace("\0", "")))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^$"), [""])


def _integer(loader: Any, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text, 0)


def _number(loader: Any, node: yaml.ScalarNode) -> float | int:
    text = loader.construct_scalar(node).replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan")
    value = float(text)
    if not math.isfinite(value):
        raise yaml.constructor.ConstructorError(None, None, "infinity and NaN have no JSON form", node.start_mark)
    return value


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def documents(text: bytes) -> list[Any]:
    """Return the documents of a YAML or JSON text that are not empty.

    Raises: Invalid with line and column.
    """
    try:
        decoded = text.decode()
        _check_depth(text)
        loader = _Loader(decoded)
    except UnicodeDecodeError as error:
        raise Invalid(f"the text is not UTF-8: byte {error.start} cannot be read") from None
    except yaml.YAMLError as error:
        raise _invalid(error) from None
    result: list[Any] = []
    try:
        while loader.check_node():
            node = loader.get_node()
            _check_size(node)
            value = loader.construct_document(node)
            if value is not None:
                result.append(value)
    except yaml.YAMLError as error:
        raise _invalid(error) from None
    except (RecursionError, ValueError, TypeError) as error:
        raise Invalid(f"the text cannot be read: {error}") from None
    finally:
        loader.dispose()
    for value in result:
        _check_names(value)
    return result


def _check_depth(text: bytes) -> None:
    """Refuse what is nested so deep that building it would overflow the stack of the C library, which ends the process.

    Going through the events of a document takes about half as long as reading it, so it is done for texts only that
    look as if they needed it. Raises: Invalid; yaml.YAMLError.
    """
    if not _looks_deep(text):
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                mark = event.start_mark
                at = "" if mark is None else f"{mark.line + 1}:{mark.column + 1}"
                raise Invalid(f"values are nested more than {MAX_DEPTH} deep", at=at)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _looks_deep(text: bytes) -> bool:
    """Tell whether brackets open without closing, or a line is indented, more often than an honest text has it."""
    if _DEEPLY_INDENTED.search(text):
        return True
    depth = 0
    for bracket in _BRACKETS.findall(text):
        depth = depth + 1 if bracket in b"[{" else max(0, depth - 1)
        if depth > 2 * MAX_DEPTH:
            return True
    return False


def _invalid(error: yaml.YAMLError) -> Invalid:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return Invalid(f"the text is no YAML: {problem}", at=f"{mark.line + 1}:{mark.column + 1}" if mark else None)


def _check_size(root: yaml.Node) -> None:
    """Count the values a node stands for, without walking what aliases repeat again."""
    sizes: dict[int, int] = {}
    open_: set[int] = set()
    stack: list[tuple[yaml.Node, bool]] = [(root, False)]
    while stack:
        node, is_left = stack.pop()
        key = id(node)
        if is_left:
            open_.discard(key)
            sizes[key] = 1 + sum(sizes[id(child)] for child in _children(node))
            if sizes[key] > MAX_VALUES:
                raise Invalid(
                    f"the document stands for more than {MAX_VALUES} values once its aliases are followed",
                    at=f"{node.start_mark.line + 1}:{node.start_mark.column + 1}",
                )
            continue
        if key in sizes:
            continue
        if key in open_:
            raise Invalid("an alias refers to the value it is in", at=f"{node.start_mark.line + 1}:1")
        if len(open_) > MAX_DEPTH:
            raise Invalid(f"values are nested more than {MAX_DEPTH} deep", at=f"{node.start_mark.line + 1}:1")
        open_.add(key)
        stack.append((node, True))
        stack.extend((child, False) for child in _children(node))


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return []


def _check_names(value: Any) -> None:
    """Keys must be texts, as in JSON; numbers and booleans become what they look like. Values must be JSON values."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        taken = waiting.pop()
        if not isinstance(taken, dict | list) or id(taken) in seen:
            if not isinstance(taken, dict | list | str | int | float | bool | None):
                raise Invalid(f"a value of the type {type(taken).__name__} has no JSON form")
            continue
        seen.add(id(taken))
        if isinstance(taken, list):
            waiting.extend(taken)
            continue
        for key in [key for key in taken if not isinstance(key, str)]:
            if isinstance(key, bool):
                name = "true" if key else "false"
            elif isinstance(key, int | float):
                name = str(key)
            else:
                raise Invalid(f"the key {key!r} is no text")
            taken[name] = taken.pop(key)
        waiting.extend(taken.values())
