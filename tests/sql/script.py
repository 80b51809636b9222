"""SQL scripts in the format of SQLLogicTest: what they say, and running them against the engine.

A script is records divided by blank lines; `#` begins a comment.

    statement ok                      query IT rowsort
    CREATE TABLE t (a INT)            SELECT a, b FROM t
                                      ----
    statement error Object 'u'        1 <tab> x
    CREATE VIEW v AS SELECT * FROM u  2 <tab> NULL

    statement error 1:32 Object 'u'   query error causes overflow
    CREATE VIEW v AS SELECT * FROM u  SELECT a / 0 FROM t

CREATE statements make the program, INSERT INTO t VALUES gives a table its rows, each query is a view of one program.
Results stand one row on a line with tabs between values, or one value on a line, as the public scripts have them. Their
order never counts, since a view has none. `statement error` may say at which line and column of the statement it is
wrong; a `query error` compiles, and fails when it runs. ARRAY, MAP and ROW values are written as Python does.
Source of the format: the SQLLogicTest documentation of SQLite.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import penstock.boot.languages  # noqa: F401 - scripts declare functions
from penstock.data.types import Kind
from penstock.sql.compile import compile_program
from penstock.sql.plan.nodes import Program
from tests.properties.law import Feed, Row, Run, check_history, decoded, plain

_INSERT = re.compile(r"\s*INSERT\s+INTO\s+(\w+|\"[^\"]+\")\s*(?:\(([^)]*)\))?\s*(VALUES.*)", re.I | re.S)


@dataclass
class Query:
    """One query with its expected result. types: one letter for each column (I integer, R real, T text)."""

    sql: str
    types: str
    expected: list[str]
    line: int


@dataclass
class Failing:
    """A statement that must be refused, with a text that the message must contain."""

    sql: str
    text: str
    line: int
    place: tuple[int, int] | None = None


@dataclass
class Script:
    """A parsed script."""

    path: Path
    statements: list[str] = field(default_factory=list)
    inserts: list[tuple[str, str, str]] = field(default_factory=list)
    queries: list[Query] = field(default_factory=list)
    failing: list[Failing] = field(default_factory=list)
    breaking: list[Failing] = field(default_factory=list)
    rows: dict[str, list[Row]] | None = None


def parse_script(path: Path) -> Script:
    """Read a script."""
    script = Script(path)
    lines = path.read_text(encoding="utf-8").split("\n")
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        number = at + 1
        at += 1
        if not line or line.startswith("#"):
            continue
        body = []
        while at < len(lines) and lines[at].strip():
            body.append(lines[at])
            at += 1
        words = line.split()
        if words[:2] == ["statement", "ok"]:
            _statement(script, "\n".join(body))
        elif words[:2] == ["statement", "error"]:
            script.failing.append(_failing("\n".join(body), line.split("error", 1)[1].strip(), number))
        elif words[:2] == ["query", "error"]:
            script.breaking.append(Failing("\n".join(body), line.split("error", 1)[1].strip(), number))
        elif words[0] == "query":
            split = body.index("----") if "----" in body else len(body)
            script.queries.append(Query("\n".join(body[:split]), words[1], body[split + 1 :], number))
        else:
            raise ValueError(f"{path}:{number}: unknown record {line!r}")
    return script


def _failing(sql: str, text: str, line: int) -> Failing:
    place = re.match(r"(\d+):(\d+)(\s+|$)", text)
    if place is None:
        return Failing(sql, text, line)
    return Failing(sql, text[place.end() :], line, (int(place[1]), int(place[2])))


def _statement(script: Script, sql: str) -> None:
    insert = _INSERT.match(sql)
    if insert is None:
        script.statements.append(sql.rstrip().rstrip(";"))
    else:
        script.inserts.append((insert[1], insert[2] or "", insert[3].rstrip().rstrip(";")))


def program(script: Script) -> str:
    """Return the program of a script: its statements, and each query as a view named after its line."""
    views = [f"CREATE VIEW q{q.line} AS {q.sql.strip().rstrip(';')}" for q in script.queries]
    return ";\n".join([*script.statements, *views]) + ";"


def table_rows(script: Script) -> dict[str, list[Row]]:
    """Return the rows that the script inserts, as Python values; they are made once."""
    if script.rows is None:
        script.rows = _made(script)
    return script.rows


def _made(script: Script) -> dict[str, list[Row]]:
    base = ";\n".join(script.statements)
    tables = {r.name: r for r in Run(base + ";").program.tables}
    result: dict[str, list[Row]] = {}
    for name, columns, values in script.inserts:
        table = tables[name.strip('"') if name.startswith('"') else name.lower()]
        names = [f.name for f in table.schema]
        given = [c.strip().lower() for c in columns.split(",")] if columns else names
        for row, weight in _values(values):
            by_name = dict(zip(given, row, strict=True))
            result.setdefault(table.name, []).extend([tuple(by_name.get(n) for n in names)] * weight)
    return result


def _values(values: str) -> list[tuple[Row, int]]:
    """Return the rows of VALUES; a ROW is a tuple, as its fields have no names yet."""
    run = Run(f"CREATE VIEW given AS {values};")
    schema = run.schemas["given"]
    rows = decoded(run.circuit.step({})["given"], schema, run.circuit.pool)
    structs = [f.type.kind is Kind.STRUCT for f in schema]
    return [
        (tuple(tuple(v.values()) if s and v is not None else v for v, s in zip(row, structs, strict=True)), weight)
        for row, weight in rows
    ]


def printed(value: Any, kind: str) -> str:
    """Return a value as the format prints it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if kind == "R":
        return f"{float(value):.3f}"
    if kind == "I":
        return str(int(value)) if isinstance(value, (int, float, Decimal)) else str(value)
    if value == "":
        return "(empty)"
    return str(value)


def check_query(query: Query, run: Run) -> None:
    """Compare a query's view with what the script expects."""
    rows = []
    for row, weight in run.view(f"q{query.line}").items():
        rows += [[printed(v, k) for v, k in zip(row, query.types, strict=True)]] * weight
    width = len(query.types)
    if len(query.expected) == 1 and " values hashing to " in query.expected[0]:
        count, digest = re.fullmatch(r"(\d+) values hashing to (\w+)", query.expected[0]).groups()  # type: ignore[union-attr]
        text = "".join(value + "\n" for row in sorted(rows) for value in row)
        assert (int(count), digest) == (len(rows) * width, hashlib.md5(text.encode()).hexdigest())
        return
    if width > 1 and any("\t" in line for line in query.expected):
        expected = [line.split("\t") for line in query.expected]
    elif width == 1:
        expected = [[line] for line in query.expected]
    else:
        values = query.expected
        expected = [values[i : i + width] for i in range(0, len(values), width)]
    assert sorted(expected) == sorted(rows), f"line {query.line}: {query.sql}"


def run_script(script: Script) -> None:
    """Hold the script's program to the law and check every query; with LATENESS, where order counts, in order only."""
    compiled = compile_program(program(script))
    rows = table_rows(script)
    if any(column.lateness is not None for table in compiled.tables for column in table.columns):
        run = _in_order(compiled, script)
    else:
        run = _by_the_law(compiled, rows)
    for query in script.queries:
        check_query(query, run)


def _by_the_law(compiled: Program, given: dict[str, list[Row]]) -> Run:
    feeds = {t.name: Feed(t.primary_key, t.append_only) for t in compiled.tables}
    rows = {}
    for name, some in given.items():
        key = feeds[name].key
        # Of the rows of one key the last one is there.
        rows[name] = list({plain(tuple(row[i] for i in key)): row for row in some}.values()) if key else some
    for seed in range(4):
        rng = random.Random(seed)
        run = check_history(compiled, rows, feeds, lambda name, rng=rng: rng.choice(given[name]), seed)  # type: ignore[misc]
    return run


def _in_order(compiled: Program, script: Script) -> Run:
    """One step for each INSERT; the circuit is a restored copy of itself after each."""
    run = Run(compiled)
    run.step([])
    for insert in script.inserts:
        some = table_rows(replace(script, inserts=[insert], rows=None))
        run.step([(name, row, 1) for name, rows in some.items() for row in rows])
        run.save_and_load()
    return run


def run_breaking(script: Script, at: int) -> None:
    """Run one query that must fail."""
    breaking = script.breaking[at]
    sql = breaking.sql.strip().rstrip(";")
    run = Run(";\n".join([*script.statements, f"CREATE VIEW q{breaking.line} AS {sql}"]) + ";")
    run.step([(name, row, 1) for name, rows in table_rows(script).items() for row in rows])
