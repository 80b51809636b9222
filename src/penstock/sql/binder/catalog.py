"""What a program has declared so far: types, functions, tables and views, by canonical name."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.data.types import Schema, SqlType
from penstock.sql.diagnostics import SqlError, did_you_mean
from penstock.sql.parser.ast import CreateFunction, Name
from penstock.sql.plan.expr import Span
from penstock.sql.plan.nodes import Index, Node, Relation, Scan, ViewScan


class Blamed(Exception):
    """A statement uses something whose own declaration failed; it gets no message of its own."""


@dataclass(frozen=True, slots=True)
class Function:
    """A declared function with its bound types; body None: it has no SQL text."""

    definition: CreateFunction
    parameters: tuple[tuple[Name, SqlType], ...]
    result: SqlType


@dataclass(frozen=True, slots=True)
class Recursive:
    """What DECLARE RECURSIVE VIEW says: the node that reads the view before its own statement, and where that is."""

    scan: ViewScan
    span: Span | None


@dataclass(slots=True)
class Catalog:
    """Declarations in order. failed: names of statements that did not compile; recursive: views declared ahead."""

    types: dict[str, SqlType] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    tables: dict[str, Relation] = field(default_factory=dict)
    views: dict[str, Relation] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    recursive: dict[str, Recursive] = field(default_factory=dict)
    _scans: dict[str, Node] = field(default_factory=dict)

    def relation(self, name: Name) -> tuple[Node, Schema]:
        """Return the node that reads a table or view; always the same one, so that readers share it.

        Raises:
            SqlError: there is none of this name.
            Blamed: its declaration failed.
        """
        key = name.text
        if key not in self._scans:
            if key in self.tables:
                table = self.tables[key]
                size = next((int(p.value) for p in table.properties if p.key == "expected_size"), None)
                self._scans[key] = Scan(key, table.schema, size)
            elif key in self.views:
                self._scans[key] = ViewScan(key, self.views[key].schema)
            elif key in self.recursive:
                return self.recursive[key].scan, self.recursive[key].scan.schema
            elif key in self.failed:
                raise Blamed(key)
            else:
                hint = did_you_mean(key, (*self.tables, *self.views))
                raise SqlError(f"Object '{key}' not found{hint}", name.span)
        node = self._scans[key]
        return node, node.schema

    def declares(self, key: str) -> bool:
        """Whether a table or view of this name exists."""
        return key in self.tables or key in self.views
