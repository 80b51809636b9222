"""The syntax tree that parsing makes: what the text says, with its place, before any name or type is known.

The grammar builds it from the tokens directly. Names keep their spelling: an unquoted name is already folded to lower
case, a quoted one is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as Word
from typing import TypeAlias

from penstock.sql.plan.expr import Span


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier. text: folded unless quoted."""

    text: str
    quoted: bool
    span: Span | None


# --------------------------------------------------------------------------------------------------------- types


@dataclass(frozen=True, slots=True)
class TypeName:
    """A written type. word: upper-case keyword (INT is INTEGER, STRING is VARCHAR, ...) or "USER" with `user`.

    arguments: precision and scale as written; element/key for ARRAY and MAP; fields for ROW.
    nullable: None when the text says nothing.
    """

    word: str
    arguments: tuple[int, ...] = ()
    element: TypeName | None = None
    key: TypeName | None = None
    fields: tuple[tuple[Name, TypeName], ...] = ()
    user: Name | None = None
    qualifier: str | None = None
    nullable: bool | None = None
    span: Span | None = None


# --------------------------------------------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal as written. kind: the form; text: its characters without quotes.

    "number" (text as written), "string", "binary" (hex digits), "boolean", "null", "date", "time", "timestamp",
    "timestamp_tz", "uuid", "interval" (with `qualifier` like "DAY TO SECOND"; a leading minus is in the text).
    """

    kind: Word[
        "number", "string", "binary", "boolean", "null", "date", "time", "timestamp", "timestamp_tz", "uuid", "interval"
    ]
    text: str
    span: Span | None
    qualifier: str | None = None


@dataclass(frozen=True, slots=True)
class Identifier:
    """A possibly qualified name in an expression: column, table.column, or column.field.field."""

    parts: tuple[Name, ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class Star:
    """* or table.*, with EXCLUDE and REPLACE."""

    table: Name | None
    exclude: tuple[Name, ...]
    replace: tuple[tuple[Name, Expression], ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class Apply:
    """A function call or operator. name: upper-case ("+", "AND", "IS NULL", "LIKE", "SUBSTRING", "EXTRACT", ...).

    Operators with special syntax are calls too: BETWEEN(x, low, high), IN with a list as IN(x, a, b, ...),
    EXTRACT("YEAR" as a string Constant, x), POSITION(a, b), TRIM("BOTH", chars, x), `a[i]` as ITEM(a, i),
    `v.x` on a value as FIELD(v, name as a string Constant), NOT forms as NOT(...) around the positive one.
    ARRAY, MAP and ROW are constructors with their parts as arguments; a call written MAP(..) is named "MAP()".
    `(a - b) DAY` is MINUS_DATE(a, b, "DAY"); INTERVAL with an expression is INTERVAL(x, "DAY"). Units of time in
    functions over dates (TIMESTAMPDIFF, DATE_TRUNC, FLOOR(x TO DAY), ...) are string Constants in upper case.
    A named window is already replaced by its definition in `over`.
    distinct, star (COUNT(*)), filter, order, ignore_nulls and over belong to aggregates and window functions.
    """

    name: str
    args: tuple[Expression, ...]
    span: Span | None
    distinct: bool = False
    star: bool = False
    filter: Expression | None = None
    order: tuple[OrderItem, ...] = ()
    ignore_nulls: bool = False
    over: WindowSpec | None = None


@dataclass(frozen=True, slots=True)
class CastTo:
    """CAST(x AS t), x :: t, SAFE_CAST / TRY_CAST (safe)."""

    arg: Expression
    type: TypeName
    safe: bool
    span: Span | None


@dataclass(frozen=True, slots=True)
class Named:
    """An argument of a call with the name of its parameter: name => value."""

    name: Name
    value: Expression
    span: Span | None


@dataclass(frozen=True, slots=True)
class CaseWhen:
    """CASE; operand is None for the searched form."""

    operand: Expression | None
    whens: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None
    span: Span | None


@dataclass(frozen=True, slots=True)
class Subquery:
    """A query in an expression. kind: scalar (the query), exists, in (with `operand`), array, map, any/all.

    operand: the left side of IN or of a comparison with ANY or ALL, a ROW for several values; operator: the comparison.
    """

    kind: Word["scalar", "exists", "in", "array", "map", "any", "all"]
    query: Query
    operand: Expression | None
    operator: str | None
    span: Span | None


@dataclass(frozen=True, slots=True)
class LambdaOf:
    """x -> body or (x, y) -> body."""

    parameters: tuple[Name, ...]
    body: Expression
    span: Span | None


Expression: TypeAlias = Constant | Identifier | Star | Apply | Named | CastTo | CaseWhen | Subquery | LambdaOf


@dataclass(frozen=True, slots=True)
class OrderItem:
    """One ORDER BY item; nulls_first None when the text says nothing."""

    expression: Expression
    descending: bool
    nulls_first: bool | None


@dataclass(frozen=True, slots=True)
class FrameBound:
    """offset None: UNBOUNDED, or CURRENT ROW when current; following: the side."""

    current: bool
    following: bool
    offset: Expression | None


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """OVER (...). unit: "rows" or "range", None without a frame."""

    partition: tuple[Expression, ...]
    order: tuple[OrderItem, ...]
    unit: Word["rows", "range"] | None
    start: FrameBound | None
    end: FrameBound | None
    span: Span | None


# --------------------------------------------------------------------------------------------------------- queries


@dataclass(frozen=True, slots=True)
class SelectItem:
    """An output expression with its alias, if it has one."""

    expression: Expression
    alias: Name | None


@dataclass(frozen=True, slots=True)
class TableRef:
    """A named relation in FROM."""

    name: Name
    alias: Name | None
    columns: tuple[Name, ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class DerivedTable:
    """A query in FROM; lateral when it may refer to what stands before it."""

    query: Query
    alias: Name | None
    columns: tuple[Name, ...]
    lateral: bool
    span: Span | None


@dataclass(frozen=True, slots=True)
class UnnestRef:
    """UNNEST(expr, ...) [WITH ORDINALITY] AS t(columns)."""

    expressions: tuple[Expression, ...]
    ordinality: bool
    alias: Name | None
    columns: tuple[Name, ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class TableFunction:
    """TABLE(TUMBLE|HOP|SESSION(TABLE t, DESCRIPTOR(c), ...)). arguments: what follows the descriptor."""

    function: str
    input: TableRef | DerivedTable | None
    descriptor: tuple[Name, ...]
    arguments: tuple[Expression, ...]
    alias: Name | None
    columns: tuple[Name, ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class PivotRef:
    """source PIVOT (aggregates FOR columns IN (values)): a column for each pair of values and aggregate.

    aggregates and values carry their aliases; one value has an expression for each of the columns.
    """

    source: FromItem
    aggregates: tuple[SelectItem, ...]
    axes: tuple[Name, ...]
    values: tuple[tuple[tuple[Expression, ...], Name | None], ...]
    alias: Name | None
    columns: tuple[Name, ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class UnpivotRef:
    """source UNPIVOT (measures FOR axes IN (columns AS labels, ...)): a row for each group of columns.

    groups: as many columns as there are measures, and their labels, one for each axis; None: their names are the label.
    nulls: whether rows without any measure are kept.
    """

    source: FromItem
    measures: tuple[Name, ...]
    axes: tuple[Name, ...]
    groups: tuple[tuple[tuple[Name, ...], tuple[Expression, ...] | None], ...]
    nulls: bool
    alias: Name | None
    columns: tuple[Name, ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class JoinRef:
    """left JOIN right. kind "asof" is LEFT ASOF with `match`. natural/using/on: at most one is set."""

    kind: Word["inner", "left", "right", "full", "cross", "semi", "anti", "asof", "inner asof"]
    left: FromItem
    right: FromItem
    on: Expression | None
    using: tuple[Name, ...]
    natural: bool
    match: Expression | None
    span: Span | None


FromItem: TypeAlias = TableRef | DerivedTable | UnnestRef | TableFunction | PivotRef | UnpivotRef | JoinRef


@dataclass(frozen=True, slots=True)
class GroupBy:
    """expressions: plain keys; sets: GROUPING SETS / ROLLUP / CUBE expanded to lists of keys, or () without them.

    Each set is complete: it holds the plain keys too. all: GROUP BY ALL. distinct: equal sets count once.
    """

    expressions: tuple[Expression, ...]
    sets: tuple[tuple[Expression, ...], ...]
    all: bool
    span: Span | None
    distinct: bool = False


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT ... FROM ... WHERE ... GROUP BY ... HAVING ... QUALIFY."""

    items: tuple[SelectItem, ...]
    distinct: bool
    distinct_on: tuple[Expression, ...]
    source: FromItem | None
    where: Expression | None
    group: GroupBy | None
    having: Expression | None
    qualify: Expression | None
    windows: tuple[tuple[Name, WindowSpec], ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class SetQuery:
    """left UNION|INTERSECT|EXCEPT [ALL] right."""

    kind: Word["union", "intersect", "except"]
    all: bool
    left: Query
    right: Query
    span: Span | None


@dataclass(frozen=True, slots=True)
class ValuesQuery:
    """VALUES (..), (..)."""

    rows: tuple[tuple[Expression, ...], ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class WithItem:
    """name [(columns)] AS (query)."""

    name: Name
    columns: tuple[Name, ...]
    query: Query
    recursive: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A query body with what may stand around it."""

    body: Select | SetQuery | ValuesQuery | Query
    withs: tuple[WithItem, ...]
    order: tuple[OrderItem, ...]
    limit: Expression | None
    offset: Expression | None
    span: Span | None


# ------------------------------------------------------------------------------------------------------ statements


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    """One column of CREATE TABLE; *_text is the expression as written."""

    name: Name
    type: TypeName
    not_null: bool
    primary_key: bool
    default: Expression | None
    default_text: str | None
    lateness: Expression | None
    lateness_text: str | None
    watermark: Expression | None
    watermark_text: str | None
    span: Span | None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """FOREIGN KEY (columns) REFERENCES table (referred)."""

    columns: tuple[Name, ...]
    table: Name
    referred: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class PropertyItem:
    """'key' = 'value' in WITH."""

    key: str
    value: str
    key_span: Span | None
    value_span: Span | None


@dataclass(frozen=True, slots=True)
class CreateTable:
    """CREATE TABLE."""

    name: Name
    columns: tuple[ColumnDefinition, ...]
    primary_key: tuple[Name, ...]
    foreign_keys: tuple[ForeignKey, ...]
    properties: tuple[PropertyItem, ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class CreateView:
    """CREATE [LOCAL | MATERIALIZED] VIEW name [(columns)] [WITH (...)] AS query."""

    name: Name
    columns: tuple[Name, ...]
    local: bool
    materialized: bool
    properties: tuple[PropertyItem, ...]
    query: Query
    span: Span | None


@dataclass(frozen=True, slots=True)
class CreateType:
    """CREATE TYPE name AS (fields) or AS another type."""

    name: Name
    fields: tuple[tuple[Name, TypeName], ...]
    alias_of: TypeName | None
    span: Span | None


@dataclass(frozen=True, slots=True)
class CreateFunction:
    """CREATE FUNCTION name(parameters) RETURNS type [LANGUAGE word] [AS expression or text].

    source: the text of a function in another language. strict: NULL for an argument gives NULL, without a call.
    """

    name: Name
    parameters: tuple[tuple[Name, TypeName], ...]
    returns: TypeName
    body: Expression | None
    span: Span | None
    language: str | None = None
    source: Constant | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class DeclareRecursive:
    """DECLARE RECURSIVE VIEW name(columns)."""

    name: Name
    columns: tuple[ColumnDefinition, ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """CREATE INDEX name ON relation(columns)."""

    name: Name
    relation: Name
    columns: tuple[Name, ...]
    span: Span | None


@dataclass(frozen=True, slots=True)
class LatenessStatement:
    """LATENESS view.column expression."""

    view: Name
    column: Name
    expression: Expression
    span: Span | None


@dataclass(frozen=True, slots=True)
class SetOption:
    """SET name = value."""

    name: str
    value: str
    span: Span | None


Statement: TypeAlias = (
    CreateTable
    | CreateView
    | CreateType
    | CreateFunction
    | DeclareRecursive
    | CreateIndex
    | LatenessStatement
    | SetOption
)
