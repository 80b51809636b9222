"""Random programs over random rows: the law of the engine, and equality with DuckDB.

PENSTOCK_LAW_PROGRAMS says how many programs are tried, PENSTOCK_LAW_FIRST the first seed. A failure is made simpler
first, and names the seed with which it comes again:

    PENSTOCK_LAW_FIRST=123 PENSTOCK_LAW_PROGRAMS=1 pytest tests/properties/test_random_programs.py
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pytest

from penstock.sql.compile import CompileFailed, compile_program
from penstock.sql.diagnostics import NotSupported
from penstock.sql.functions.registry import EvaluationError
from tests.properties.choices import Choices, fewest, simplest
from tests.properties.law import Feed, Row, Run, check_history, plain
from tests.properties.programs import Program, Rows, random_program, random_row, random_rows

PROGRAMS = int(os.environ.get("PENSTOCK_LAW_PROGRAMS", "300"))
FIRST = int(os.environ.get("PENSTOCK_LAW_FIRST", "0"))
BLOCK = 20
BEYOND = ("overflow", "out of range", "conversion", "converting")
"""What messages of values beyond their type say: both engines have them, at different places."""


@dataclass(frozen=True)
class Outcome:
    """What became of a case: "held", "refused" (not compiled), "beyond" (values too large), or how it failed."""

    word: str
    detail: str = ""
    compared: int = 0

    @property
    def failed(self) -> bool:
        return self.word not in ("held", "refused", "beyond")


class Oracle:
    """DuckDB with the program's tables."""

    def __init__(self) -> None:
        self._database = duckdb.connect()

    def answers(self, program: Program, rows: Rows) -> dict[str, Counter[Row] | str]:
        """Return for each view that the oracle can say its rows, or the oracle's refusal."""
        self._database.execute("DROP SCHEMA IF EXISTS case_schema CASCADE; CREATE SCHEMA case_schema; USE case_schema")
        for table in program.tables:
            self._database.execute(table.ddl(ours=False))
            if rows.get(table.name):
                marks = f"({', '.join('?' * len(table.columns))})"
                values = [v for row in rows[table.name] for v in row]
                listed = ", ".join([marks] * len(rows[table.name]))
                self._database.execute(f"INSERT INTO {table.name} VALUES {listed}", values)
        result: dict[str, Counter[Row] | str] = {}
        for view in program.views:
            if view.sql.theirs is None:
                continue
            try:
                self._database.execute(f"CREATE VIEW {view.name} AS {view.sql.theirs}")
                result[view.name] = Counter(map(plain, self._database.execute(f"SELECT * FROM {view.name}").fetchall()))
            except duckdb.Error as error:
                result[view.name] = str(error)
        return result


ORACLE = Oracle()


def outcome(program: Program, rows: Rows, seed: int) -> Outcome:
    """Run one case."""
    try:
        compiled = compile_program(program.text())
    except CompileFailed as failure:
        diagnostics = failure.diagnostics
        if all(d.kind == "Not yet implemented" for d in diagnostics):
            return Outcome("refused", diagnostics[0].message)
        return Outcome("does not compile", str([d.message for d in diagnostics]))
    except Exception as error:
        return Outcome(f"compiler {type(error).__name__}", str(error))
    rng = random.Random(seed)
    tables = {t.name: t for t in program.tables}
    feeds = {t.name: Feed(t.key, t.append_only) for t in program.tables}
    try:
        once = check_history(compiled, rows, feeds, lambda name: random_row(tables[name], rng), seed)
    except NotSupported as refusal:
        return Outcome("refused", refusal.message)
    except EvaluationError as error:
        beyond = any(word in str(error).lower() for word in BEYOND)
        return Outcome("beyond" if beyond else "error", str(error))
    except AssertionError as error:
        return Outcome("law", str(error))
    except Exception as error:
        return Outcome(type(error).__name__, str(error))
    return compared(program, rows, once)


def compared(program: Program, rows: Rows, run: Run) -> Outcome:
    """Compare a run's views with the oracle's."""
    count = 0
    for name, expected in ORACLE.answers(program, rows).items():
        if isinstance(expected, str):
            if not any(word in expected.lower() for word in BEYOND):
                return Outcome("oracle refuses", f"{name}: {expected}")
        elif name in run.sums:
            count += 1
            if expected != run.view(name):
                return Outcome("differs", f"{name}: the oracle has {+expected}, we have {+run.view(name)}")
    return Outcome("held", compared=count)


def simplified(taken: Sequence[int], rows: Rows, seed: int, word: str, tries: int = 250) -> str:
    """Return the report of a failure, with a program and rows as simple as found in so many tries."""

    def fails(program: Program, listed: Sequence[tuple[str, Row]]) -> bool:
        tables: dict[str, list[Row]] = {t.name: [] for t in program.tables}
        for name, row in listed:
            tables[name].append(row)
        return outcome(program, tables, seed).word == word

    listed = [(name, row) for name, some in rows.items() for row in some]
    best = simplest(taken, lambda given: fails(random_program(Choices(given=given)), listed), tries)
    program = random_program(Choices(given=best))
    for view in reversed(program.views):
        if len(program.views) > 1 and fails(program.without([view.name]), listed):
            program = program.without([view.name])
    listed = fewest(listed, lambda some: fails(program, some), tries)
    tables = {t.name: [row for name, row in listed if name == t.name] for t in program.tables}
    final = outcome(program, tables, seed)
    shown = "\n".join(f"  {name}: {some}" for name, some in tables.items() if some)
    theirs = "\n".join(f"  oracle: {v.sql.theirs}" for v in program.views)
    return f"seed {seed}: {final.word}: {final.detail}\n{program.text()}{theirs}\nrows:\n{shown}"


def check(seed: int) -> Outcome:
    """Run the case of a seed; raises AssertionError with a report if it fails."""
    choices = Choices(seed)
    program = random_program(choices)
    rows = random_rows(program.tables, random.Random(seed))
    found = outcome(program, rows, seed)
    if found.failed:
        raise AssertionError(simplified(choices.taken, rows, seed, found.word))
    return found


@pytest.mark.parametrize("first", range(FIRST, FIRST + PROGRAMS, BLOCK))
def test_random_programs_obey_the_law_and_agree_with_the_oracle(first: int) -> None:
    outcomes = [check(seed) for seed in range(first, min(first + BLOCK, FIRST + PROGRAMS))]

    if len(outcomes) == BLOCK:
        assert sum(o.word == "held" for o in outcomes) >= BLOCK // 2, [o.detail for o in outcomes]
        assert sum(o.compared for o in outcomes) >= BLOCK // 4
