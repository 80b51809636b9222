"""Random rows, expressions and recipes: a batch gives what its rows give one by one."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.transform.frames.data import scalars
from penstock.transform.frames.frame import Column, Frame
from penstock.transform.jexl import compile_expression
from penstock.transform.jvm.values import Float, Long, column_of
from tests.unit.transform.recipes import over

TEXTS = st.one_of(
    st.sampled_from(["", " ", "a", "1", "-7", "2.50", "1e3", "x,y", 'x,"y, z",', "Äß|b", "CA", "a\nb", "true"]),
    st.text(alphabet='ab1,".- |é\n', max_size=8),
)
WHOLE = st.one_of(st.integers(-5, 5), st.sampled_from([2**31 - 1, -(2**31), 46341]))
KINDS: list[st.SearchStrategy[Any]] = [
    TEXTS,
    WHOLE,
    WHOLE.map(Long),
    st.sampled_from([Long(2**63 - 1), Long(-(2**63)), Long(3)]),
    st.sampled_from([0.0, -0.0, 1.5, -2.25, 1e300, float("inf"), float("nan")]),
    st.sampled_from([Float(0.5), Float(-3.0)]),
    st.booleans(),
]


def _columns() -> st.SearchStrategy[list[Any]]:
    """Columns of one kind, with nulls, or of several."""
    one = st.sampled_from(KINDS).flatmap(lambda kind: st.lists(st.one_of(kind, st.none()), min_size=6, max_size=6))
    return st.one_of(one, one, st.lists(st.one_of(*KINDS, st.none()), min_size=6, max_size=6))


ROWS = st.fixed_dictionaries({"a": _columns(), "b": _columns(), "c": _columns()}).map(
    lambda columns: [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
)

_LEAVES = st.sampled_from(["a", "b", "c", "1", "2", "0", "3.5", "'x'", "'1'", "''", "null", "true", "5000000000"])
_BINARY = ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "=~", "=^", "=$", "&", "|", "^"]
_CALLS = [
    "({}).length()",
    "({}).trim().toUpperCase()",
    "({}).isEmpty()",
    "({}).contains('1')",
    "({}).substring(1)",
    "({}).replace('a', 'b')",
    "!({})",
    "-({})",
    "empty({})",
    "size({})",
    "toDouble({})",
    "toInteger({})",
    "string:upperCase({})",
    "math:abs({})",
    "format('%s', {})",
    "({}) ?: 'none'",
    "({}) ?? 7",
    "({}) ? 1 : 'no'",
]
EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(_BINARY), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        st.tuples(st.sampled_from(_CALLS), inner).map(lambda t: t[0].format(t[1])),
    ),
    max_leaves=4,
)


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and (left == right or (left != left and right != right))


@settings(max_examples=300, deadline=None)
@given(text=EXPRESSIONS, rows=ROWS)
def test_an_expression_over_a_batch_gives_what_it_gives_for_each_row(text: str, rows: list[dict[str, Any]]) -> None:
    expression = compile_expression(text)
    frame = Frame([Column(name, column_of([row[name] for row in rows])) for name in rows[0]], len(rows))
    data, failed = expression.over(frame)
    values = scalars(data)
    for at, row in enumerate(rows):
        try:
            expected = expression.evaluate(row)
        except Exception:
            assert at in failed, (text, row)
        else:
            assert at not in failed, (text, row, failed[at])
            assert _same(values[at], expected), (text, row, values[at], expected)


_STEPS = [
    "uppercase :a",
    "trim :a",
    "titlecase :b",
    "fill-null-or-empty :a 'n'",
    "find-and-replace :a 's/a/bb/g'",
    "mask-number :b '##x#'",
    "set-type :a int",
    "set-type :b double",
    "set-type :c string",
    "drop :c",
    "keep :a,:b",
    "rename :c :d",
    "copy :a :c true",
    "merge :a :b :c '-'",
    "swap :a :b",
    "split-to-columns :a ','",
    "split-to-rows :a ','",
    "parse-as-csv :a ','",
    "filter-row exp:{a == '1'} true",
    "filter-row exp:{b > 1} false",
    "filter-by-regex if-matched :a '.*1.*'",
    "filter-empty-or-null :a,:b",
    "send-to-error exp:{a == b}",
    "set-column :c exp:{a + b}",
    "set-column :e exp:{empty a ? b : a}",
    "set-variable v exp:{b}",
    "set-column :f exp:{v}",
    "cut-character :a :g 1-2",
    "encode hex :a",
    "hash :a 'MD5' true",
    "url-encode :b",
    "if (a == '1') { drop :b; uppercase :a; } else { set-column :b exp:{a}; }",
]


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: (type(value).__name__, repr(value)) for name, value in row.items()} for row in rows]


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(st.sampled_from(_STEPS), min_size=1, max_size=4), rows=ROWS)
def test_a_recipe_over_a_batch_gives_what_it_gives_for_each_row(steps: list[str], rows: list[dict[str, Any]]) -> None:
    recipe = "\n".join(steps)
    together = over(recipe, rows)
    alone = [over(recipe, [row]) for row in rows]
    assert _plain(together.rows) == _plain([row for one in alone for row in one.rows])
    assert together.failures == {at: one.failures[0] for at, one in enumerate(alone) if one.failures}
