"""Logical plan nodes. A node's `schema` is its output row; nodes compare by identity, so that sharing is sharing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal as Word
from typing import TypeAlias

from penstock.data.types import Schema
from penstock.sql.plan.expr import Expr, SortKey, Span


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """The rows of a base table, by its canonical name. expected_rows: how many its declaration expects, if it says."""

    table: str
    schema: Schema
    expected_rows: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Constant rows."""

    rows: tuple[tuple[Expr, ...], ...]
    schema: Schema


@dataclass(frozen=True, slots=True, eq=False)
class Filter:
    """Rows for which the predicate is true (neither false nor null)."""

    input: Node
    predicate: Expr
    schema: Schema


@dataclass(frozen=True, slots=True, eq=False)
class Project:
    """One expression for each output column."""

    input: Node
    exprs: tuple[Expr, ...]
    schema: Schema


@dataclass(frozen=True, slots=True, eq=False)
class JoinKey:
    """An equality of a left and a right expression (each over its own side's row). null_safe: NULL equals NULL."""

    left: Expr
    right: Expr
    null_safe: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """inner/left/right/full: left columns then right columns; semi/anti: the left columns only.

    residual: a further condition over left columns followed by right columns. No keys: a cross join.
    """

    kind: Word["inner", "left", "right", "full", "semi", "anti"]
    left: Node
    right: Node
    keys: tuple[JoinKey, ...]
    residual: Expr | None
    schema: Schema


@dataclass(frozen=True, slots=True, eq=False)
class AsofJoin:
    """LEFT ASOF JOIN: for each left row the right row with equal keys and the greatest `right_time` <= `left_time`."""

    left: Node
    right: Node
    keys: tuple[JoinKey, ...]
    left_time: Expr
    right_time: Expr
    schema: Schema


@dataclass(frozen=True, slots=True)
class AggregateCall:
    """One aggregate. name: canonical upper-case ("SUM", "ARG_MAX", ...); args and filter over the input row."""

    name: str
    args: tuple[Expr, ...]
    schema_name: str
    distinct: bool = False
    filter: Expr | None = None
    order: tuple[SortKey, ...] = ()
    ignore_nulls: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Aggregate:
    """Group by `keys`; output is the keys, then one column for each call. No keys: one row always, also over no input.

    The result type of call i is schema[len(keys) + i].type.
    """

    input: Node
    keys: tuple[Expr, ...]
    calls: tuple[AggregateCall, ...]
    schema: Schema


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """Each row that is there at least once, once."""

    input: Node
    schema: Schema


@dataclass(frozen=True, slots=True, eq=False)
class UnionAll:
    """The sum of bags."""

    inputs: tuple[Node, ...]
    schema: Schema


@dataclass(frozen=True, slots=True, eq=False)
class SetOperation:
    """INTERSECT or EXCEPT, of sets or (all) of bags."""

    kind: Word["intersect", "except"]
    all: bool
    left: Node
    right: Node
    schema: Schema


@dataclass(frozen=True, slots=True, eq=False)
class TopK:
    """The rows of each partition whose rank is in (offset, offset + limit].

    rank: how rows are counted, "row_number", "rank" or "dense_rank". with_rank: append it as a last BIGINT column.
    limit None: no bound. Ties of row_number are broken by the rows' own values, so the answer is deterministic.
    """

    input: Node
    partition: tuple[Expr, ...]
    order: tuple[SortKey, ...]
    limit: int | None
    offset: int
    rank: Word["row_number", "rank", "dense_rank"]
    with_rank: bool
    schema: Schema


@dataclass(frozen=True, slots=True)
class Frame:
    """A window frame. A bound is None (unbounded) or a signed distance in rows or the order key; negative: before."""

    unit: Word["rows", "range"]
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class WindowCall:
    """One function over a window: an aggregate, a rank or share of the partition, LAG, LEAD, or a value of the frame.

    LAG/LEAD: args are value, offset literal, default. NTH_VALUE: value and number; NTILE: number; both literals.
    SESSION_START/SESSION_END: the time (also the only order key) and the gap in its unit, a literal.
    """

    name: str
    args: tuple[Expr, ...]
    frame: Frame | None
    ignore_nulls: bool = False
    filter: Expr | None = None
    distinct: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The input's columns followed by one column for each call, over partitions ordered by `order`."""

    input: Node
    partition: tuple[Expr, ...]
    order: tuple[SortKey, ...]
    calls: tuple[WindowCall, ...]
    schema: Schema


@dataclass(frozen=True, slots=True, eq=False)
class Hop:
    """The input's columns followed by window_start and window_end: a row occurs once for each window it falls in.

    time: a TIMESTAMP or DATE expression, in the unit of its word; slide, size and offset in the same unit.
    TUMBLE is slide == size. Rows with a null time are dropped.
    """

    input: Node
    time: Expr
    slide: int
    size: int
    offset: int
    schema: Schema


@dataclass(frozen=True, slots=True, eq=False)
class Unnest:
    """The input's columns followed by the elements of a collection (fields of a ROW spread out), then the ordinality.

    outer: keep a row whose collection is empty or null, padded with NULLs.
    """

    input: Node
    collection: Expr
    ordinality: bool
    outer: bool
    schema: Schema


@dataclass(frozen=True, slots=True, eq=False)
class ViewScan:
    """The rows of another view of the program, by its canonical name; planned once and shared.

    early: it stands before the view's own statement, in the recursion that leads to it.
    """

    view: str
    schema: Schema
    early: bool = False


Node: TypeAlias = (
    Scan
    | ViewScan
    | Values
    | Filter
    | Project
    | Join
    | AsofJoin
    | Aggregate
    | Distinct
    | UnionAll
    | SetOperation
    | TopK
    | Window
    | Hop
    | Unnest
)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A declared column: default and lateness are bound expressions over no columns, or None.

    A default may read one column, a VARIANT: what a connector tells of the record.
    """

    name: str
    case_sensitive: bool
    default: Expr | None = None
    default_text: str | None = None
    lateness: Expr | None = None
    lateness_text: str | None = None
    watermark: Expr | None = None
    watermark_text: str | None = None
    unused: bool = False


@dataclass(frozen=True, slots=True)
class Property:
    """A WITH property of a relation, with the places of key and value in the text (Span or None)."""

    key: str
    value: str
    key_span: object = None
    value_span: object = None


@dataclass(frozen=True, slots=True)
class Relation:
    """A declared table or view.

    name: canonical (unquoted names folded to lower case). primary_key: positions of the key columns, or ().
    materialized: its contents are kept and can be queried. plan: None for a table. span: its statement's place.
    """

    name: str
    case_sensitive: bool
    schema: Schema
    columns: tuple[TableColumn, ...]
    materialized: bool
    local: bool = False
    append_only: bool = False
    primary_key: tuple[int, ...] = ()
    properties: tuple[Property, ...] = ()
    connectors: tuple[dict[str, object], ...] = ()
    plan: Node | None = None
    emit_final: int | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Index:
    """A declared index: by these columns (positions) a reader of the relation tells its rows apart."""

    name: str
    relation: str
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled program: tables, views and indexes in the order of declaration; warnings as Diagnostics."""

    tables: tuple[Relation, ...]
    views: tuple[Relation, ...]
    warnings: tuple[object, ...] = field(default=())
    indexes: tuple[Index, ...] = ()
