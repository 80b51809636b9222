"""The Aggregate of a query: keys, grouping sets, and expressions over rows re-read as expressions over groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from penstock.data.types import BIGINT, Field, Schema, SqlType
from penstock.sql.binder.shape import project
from penstock.sql.binder.slots import SLOT, AggregateSlot, GroupingSlot, Slots
from penstock.sql.diagnostics import SqlError
from penstock.sql.plan.expr import Call, Case, Cast, ColumnRef, Expr, Literal, Span
from penstock.sql.plan.nodes import Aggregate, AggregateCall, Node, UnionAll
from penstock.sql.plan.walk import bare, map_call


@dataclass(slots=True)
class Grouping:
    """keys: bound over the input row, without places. sets: positions in keys of each grouping set."""

    keys: list[Expr]
    sets: list[tuple[int, ...]]

    @property
    def always_grouped(self) -> bool:
        """Whether there is no group without rows: every set has a key."""
        return all(self.sets)

    def key_type_nullable(self, key: int) -> bool:
        """Whether a key may be NULL in the output."""
        return self.keys[key].type.nullable or any(key not in s for s in self.sets)


def aggregate(node: Node, grouping: Grouping, slots: Slots, settle: Callable[[Expr], Expr]) -> Node:
    """Return the groups of node and place the aggregate slots: keys, then aggregates, then GROUPING values.

    settle: replaces subqueries in the expressions over node's row.
    """
    keys = [settle(k) for k in grouping.keys]
    numbers = [i for i, s in enumerate(slots.items) if isinstance(s, AggregateSlot)]
    calls: list[AggregateCall] = []
    fields: list[Field] = []
    for number in numbers:
        slot = slots.items[number]
        assert isinstance(slot, AggregateSlot)
        call = map_call(slot.call, settle)
        calls.append(replace(call, schema_name=f"{call.name.lower()}{len(calls)}"))
        fields.append(Field(calls[-1].schema_name, slot.type))
    names = [f"key{i}" for i in range(len(keys))]
    tests = [(i, s) for i, s in enumerate(slots.items) if isinstance(s, GroupingSlot)]
    branches: list[Node] = []
    schema: Schema = ()
    for at, chosen in enumerate(grouping.sets):
        key_fields = [Field(names[i], keys[i].type) for i in chosen]
        made = Aggregate(node, tuple([keys[i] for i in chosen]), tuple(calls), (*key_fields, *fields))
        if len(grouping.sets) == 1 and not tests:
            branches.append(made)
            schema = made.schema
            break
        branch = _completed(made, grouping, at, keys, names, tests)
        schema = branch.schema
        branches.append(branch)
    result = branches[0] if len(branches) == 1 else UnionAll(tuple(branches), schema)
    for place, number in enumerate(numbers):
        at = len(keys) + place
        slots.placed[number] = ColumnRef(at, result.schema[at].type)
    for place, (number, _) in enumerate(tests):
        slots.placed[number] = ColumnRef(len(keys) + len(calls) + place, BIGINT)
    return result


def _completed(
    made: Aggregate,
    grouping: Grouping,
    at: int,
    keys: Sequence[Expr],
    names: Sequence[str],
    tests: Sequence[tuple[int, GroupingSlot]],
) -> Node:
    """One grouping set with a column for every key, NULL where it is not in the set, and its GROUPING values."""
    chosen = grouping.sets[at]
    exprs: list[Expr] = []
    for i, key in enumerate(keys):
        kind = key.type.with_nullable(grouping.key_type_nullable(i))
        if i in chosen:
            exprs.append(ColumnRef(chosen.index(i), kind))
        else:
            exprs.append(Literal(None, kind.with_nullable(True)))
    exprs += [ColumnRef(i, f.type) for i, f in enumerate(made.schema)][len(chosen) :]
    for _, test in tests:
        exprs.append(Literal(_tested(test, grouping, at), BIGINT))
    shown = [*names, *[f.name for f in made.schema[len(chosen) :]], *[f"grouping{i}" for i in range(len(tests))]]
    return project(made, exprs, shown)


def _tested(test: GroupingSlot, grouping: Grouping, at: int) -> int:
    chosen = grouping.sets[at]
    if test.args is None:
        return sum(set(chosen) == set(before) for before in grouping.sets[:at])
    value = 0
    for arg in test.args:
        key = bare(arg)
        if key not in grouping.keys:
            raise SqlError("Argument to GROUPING operator must be a grouped expression", arg.span)
        value = 2 * value + (grouping.keys.index(key) not in chosen)
    return value


class Regroup:
    """Reads expressions over the input row as expressions over the groups."""

    def __init__(self, grouping: Grouping, names: Sequence[str]) -> None:
        self._keys = grouping.keys
        self._types = [k.type.with_nullable(grouping.key_type_nullable(i)) for i, k in enumerate(grouping.keys)]
        self._names = names
        self._columns = {k.index: i for i, k in enumerate(grouping.keys) if isinstance(k, ColumnRef)}
        self._shapes = {_shape(k) for k in grouping.keys if not isinstance(k, ColumnRef)}

    def __call__(self, expr: Expr) -> Expr:
        """Return the expression over the groups' row; slots and outer columns stay.

        Raises:
            SqlError: a column that is no key.
        """
        if isinstance(expr, ColumnRef):
            return self._column(expr)
        if self._shapes and _shape(expr) in self._shapes:
            plain = bare(expr)
            if plain in self._keys:
                return self._key(self._keys.index(plain), expr.span)
        match expr:
            case Call():
                args = tuple([self(a) for a in expr.args])
                return replace(expr, args=args, type=_looser(expr, expr.args, args))
            case Cast():
                arg = self(expr.arg)
                return replace(expr, arg=arg, type=_looser(expr, (expr.arg,), (arg,)))
            case Case():
                whens = tuple([(self(c), self(v)) for c, v in expr.whens])
                otherwise = self(expr.otherwise)
                before = [expr.otherwise, *[v for _, v in expr.whens]]
                after = [otherwise, *[v for _, v in whens]]
                return Case(whens, otherwise, _looser(expr, before, after), expr.span)
            case Literal():
                return expr
            case _:
                return replace(expr, body=self(expr.body))

    def _key(self, position: int, span: Span | None) -> Expr:
        return ColumnRef(position, self._types[position], span)

    def _column(self, column: ColumnRef) -> Expr:
        place = self._columns.get(column.index)
        if place is None and (column.index < 0 or column.index >= SLOT):
            return column
        if place is None:
            raise SqlError(f"Expression '{self._names[column.index]}' is not being grouped", column.span)
        return self._key(place, column.span)


def _shape(expr: Expr) -> tuple[type, str]:
    """What equal expressions have in common, cheap to tell."""
    return type(expr), expr.name if isinstance(expr, Call) else ""


def _looser(expr: Expr, before: Sequence[Expr], after: Sequence[Expr]) -> SqlType:
    """The type, nullable when an argument has become so (keys that a grouping set leaves out are NULL)."""
    nullable = expr.type.nullable or any(
        new.type.nullable and not old.type.nullable for new, old in zip(after, before, strict=True)
    )
    return expr.type.with_nullable(nullable)
