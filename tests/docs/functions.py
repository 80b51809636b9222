"""`docs/reference/functions.md`: functions, aggregates and window functions, from the registries."""

import importlib
import inspect
import re
import types
from collections.abc import Iterator
from functools import cache

from penstock.circuit.aggregates.accumulators import linear
from penstock.circuit.aggregates.folds import FOLDS
from penstock.circuit.aggregates.rows import FIRSTS
from penstock.data.pool import Pool
from penstock.sql.functions import FAMILIES
from penstock.sql.functions.aggregates import AGGREGATES, WINDOW_ONLY, resolve_aggregate, resolve_window
from penstock.sql.functions.registry import FUNCTIONS, Function, Signature
from tests.docs.function_words import AGGREGATE_WORDS, FUNCTION_WORDS, WINDOW_WORDS
from tests.docs.markdown import code, escaped, page, table
from tests.docs.signatures import accepted, shape

__all__ = ["docstring_of", "page_of_functions"]

OF_GROUPING_SETS = ("GROUPING", "GROUPING_ID")
"""Aggregates that the binder replaces by constants of each grouping set."""

_POOL = Pool()

_ROOM = "penstock.sql.functions."
_MACHINERY = ("registry", "distinct")
_QUICK_WAY = "make"
"""The variable of the machinery that holds a quicker way for constant arguments, which is not the function itself."""

INTRO = """\
Names are found in any case. *Takes → gives* are the types after the coercions that the binder does: an argument of
another type is cast, or the call is refused with its place. `STRING` is CHAR and VARCHAR, `BINARY` also VARBINARY,
`INTEGER` every width, `DOUBLE` also REAL; `…` means any number of arguments.

*NULL* says what a NULL argument gives: **NULL** where nothing else is said, **own rule** where the function
decides. *Can fail* means that some value has no result (overflow, division by zero, a bad text), which stops the
pipeline with the place of the call; such a function is evaluated only for the rows that need it.

CASE, CAST, SAFE_CAST (NULL where CAST fails), constructors, lambdas and subqueries are syntax and not in these
tables."""

AGGREGATES_INTRO = """\
NULLs do not take part unless the line says so; over no rows the result is NULL, of counts 0. All take `DISTINCT`
and `FILTER (WHERE …)`. *A change costs*: **the change** when the aggregate is a sum that a change is added to;
**the group** when the rows of the touched groups are kept and may have to be read again (of MIN and MAX only when
the extreme leaves)."""

WINDOW_INTRO = """\
Over `PARTITION BY … ORDER BY …`; aggregates of the table above can be used over a window too. A change costs the
size of the partitions it touches, but for ROW_NUMBER, RANK and DENSE_RANK with an upper bound, which become a
top-k."""


@cache
def page_of_functions() -> str:
    """Return the page."""
    families = [_family(module) for module in FAMILIES]
    return page("SQL functions", INTRO, *families, _aggregates(), _windows())


# ------------------------------------------------------------------------------------------------------------ scalars


def _family(module: str) -> str:
    rows = [_row(f) for f in FUNCTIONS.values() if _home(f) == module]
    if not rows:
        return ""
    said = re.sub(r"\n+Source:.*", "", inspect.getdoc(importlib.import_module(_ROOM + module)) or "", flags=re.DOTALL)
    return f"## {module}\n\n{said}\n\n" + table(("function", "takes → gives", "NULL", "can fail", "what it does"), rows)


def _row(function: Function) -> tuple[str, str, str, str, str]:
    return (
        code(function.name),
        escaped(shape(accepted(function.resolve))),
        "" if function.strict else "own rule",
        "yes" if function.can_fail else "",
        escaped(docstring_of(function) or FUNCTION_WORDS.get(function.name, "")),
    )


def _parts(function: Function) -> Iterator[types.FunctionType]:
    """Walk from a registered function to what it was made of."""
    seen: set[int] = set()
    waiting: list[object] = [function.lazy, function.test, function.prepare, function.body]
    while waiting:
        part = waiting.pop(0)
        if not isinstance(part, types.FunctionType) or id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        cells = zip(part.__code__.co_freevars, part.__closure__ or (), strict=True)
        waiting.extend(cell.cell_contents for name, cell in cells if name != _QUICK_WAY)


def _own(function: Function) -> Iterator[types.FunctionType]:
    """The parts that are written in a family's module, not in the machinery."""
    for part in _parts(function):
        module = part.__module__
        if module.startswith(_ROOM) and module.removeprefix(_ROOM) not in _MACHINERY:
            yield part


@cache
def _by_name(name: str) -> tuple[str, str]:
    function = FUNCTIONS[name]
    own = list(_own(function))
    module = own[0].__module__.removeprefix(_ROOM) if own else ""
    whole = next((part for part in own if "<locals>" not in part.__qualname__), None)
    registered = own[0] if own else None
    told = whole if registered is whole else None
    said = (inspect.getdoc(told) or "").split("\n\n")[0] if told is not None else ""
    return module, "" if name in FUNCTION_WORDS else " ".join(said.split())


def _home(function: Function) -> str:
    return _by_name(function.name)[0]


def docstring_of(function: Function) -> str:
    """Return what the function's own docstring says first; empty if it is declared by a table."""
    return _by_name(function.name)[1]


# --------------------------------------------------------------------------------------------------------- aggregates


def _aggregates() -> str:
    rows, refused = [], []
    for name in AGGREGATES:
        found = _kept_up(name, accepted(lambda given, name=name: resolve_aggregate(name, given)))  # type: ignore[misc]
        if found:
            words = escaped(AGGREGATE_WORDS.get(name, ""))
            rows.append((code(name), escaped(shape(found)), _cost(name, found), words))
        else:
            refused.append(code(name))
    head = ("aggregate", "takes → gives", "a change costs", "what it gives")
    missing = f"Known by name and refused, as they are not implemented: {', '.join(refused)}." if refused else ""
    return "\n\n".join(("## Aggregates", AGGREGATES_INTRO, table(head, rows), missing))


def _kept_up(name: str, found: dict[int, list[Signature]]) -> dict[int, list[Signature]]:
    """Those signatures for which the circuit has a way to keep the aggregate up to date."""
    if name in FOLDS or name in FIRSTS or name in OF_GROUPING_SETS:
        return found
    kept = {count: [s for s in taken if _is_sum(name, s)] for count, taken in found.items()}
    return {count: taken for count, taken in kept.items() if taken}


def _cost(name: str, found: dict[int, list[Signature]]) -> str:
    sums = [_is_sum(name, s) for taken in found.values() for s in taken]
    if name in OF_GROUPING_SETS or name in FIRSTS or all(sums):
        return "the change"
    return "the change for whole numbers, else the group" if any(sums) else "the group"


def _is_sum(name: str, signature: Signature) -> bool:
    return linear(name, signature.arguments, signature.result, _POOL) is not None


def _windows() -> str:
    rows = []
    for name in WINDOW_ONLY:
        found = accepted(lambda given, name=name: resolve_window(name, given))  # type: ignore[misc]
        rows.append((code(name), escaped(shape(found)), escaped(WINDOW_WORDS.get(name, ""))))
    return "\n\n".join(
        ("## Window functions", WINDOW_INTRO, table(("function", "takes → gives", "what it gives"), rows))
    )
