"""Running a chunk against the engine: all its rows in one step, and stepwise with rows that come and go."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from penstock.circuit.circuit import Circuit
from penstock.sql.compile import CompileFailed, compile_program
from penstock.sql.functions.registry import EvaluationError
from penstock.sql.plan.nodes import Program
from tests.properties.law import Event, Row, Run
from tests.sql.corpus.answers import Unordered, check_answer
from tests.sql.corpus.chunks import Asked, Changed, Chunk
from tests.sql.corpus.dialect import reason_of, unlike_by_design

MOST_NOISE = 12
"""Rows of a table that come with others, which is bounded because joins without a condition multiply them."""


@dataclass(slots=True)
class Report:
    """What came of the queries: counts, and a line for each failure."""

    passed: int = 0
    mismatched: int = 0
    refused: int = 0
    elsewhere: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def queries(self) -> int:
        return self.passed + self.mismatched + self.refused + sum(self.skipped.values())

    @property
    def failed(self) -> bool:
        return bool(self.failures)

    def add(self, other: Report) -> None:
        self.passed += other.passed
        self.mismatched += other.mismatched
        self.refused += other.refused
        self.elsewhere += other.elsewhere
        self.skipped += other.skipped
        self.failures += other.failures


class _Failed(Exception):
    """A step had no result. at: the operator."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at


class Session:
    """Runs one chunk. errors: by view, why it has no answer."""

    def __init__(self, chunk: Chunk, place: str, rng: random.Random) -> None:
        self.chunk = chunk
        self.place = place
        self.rng = rng
        self.errors: dict[str, str] = {}

    def run(self, modes: Sequence[str]) -> Report:
        report = Report()
        wrong: dict[str, str] = {}
        for asked in self.chunk.asked:
            unlike = unlike_by_design(asked.query.sql, asked.query.only)
            if unlike is not None:
                self.errors[asked.view] = unlike
        program = self._compiled()
        for mode in modes:
            while program is not None:
                try:
                    for view, difference in self._run(program, mode).items():
                        wrong.setdefault(view, f"{mode}: {difference}")
                    break
                except _Failed as failure:
                    program = self._without(program, failure)
        for asked in self.chunk.asked:
            self._count(report, asked, wrong.get(asked.view))
        return report

    def _count(self, report: Report, asked: Asked, wrong: str | None) -> None:
        error = self.errors.get(asked.view)
        where = f"{self.place}:{asked.query.line}"
        if error is not None:
            reason = reason_of(error, asked.query.sql)
            if reason is not None:
                report.skipped[reason] += 1
            else:
                report.refused += 1
                report.failures.append(f"{where}: REFUSED {error}\n    {asked.sql}")
        elif wrong is not None:
            report.mismatched += 1
            report.failures.append(f"{where}: MISMATCH {wrong}\n    {asked.sql}")
        else:
            report.passed += 1

    # ---------------------------------------------------------------------------------------------------- compiling

    def _compiled(self) -> Program | None:
        """Compile the chunk's program; views that do not compile are left out and noted."""
        views = {a.view: f"CREATE VIEW {a.view} AS {a.sql}" for a in self.chunk.asked if a.view not in self.errors}
        while views:
            pieces = [*self.chunk.declarations.items(), *views.items()]
            try:
                return compile_program("".join([text + ";\n" for _, text in pieces]))
            except CompileFailed as failed:
                found = {pieces[min(d.span.start_line, len(pieces)) - 1][0]: d.message for d in failed.diagnostics}
                if all(d.kind == "Error parsing SQL" for d in failed.diagnostics) and len(views) > 1:
                    found |= _unreadable(views)
            for name, message in found.items():
                if views.pop(name, None) is None:
                    # A relation of the file itself: whatever reads it has no answer either.
                    self.errors.update(dict.fromkeys(views, f"{name}: {message}"))
                    return None
                self.errors[name] = message
        return None

    def _without(self, program: Program, failure: _Failed) -> Program:
        """Leave out the views that hang on an operator that had no result."""
        circuit = Run(program).circuit
        hanging = _after(circuit, failure.at)
        lost = {name for name, output in circuit.outputs.items() if output.at in hanging}
        lost &= {a.view for a in self.chunk.asked}
        assert lost, f"{self.place}: {failure}"
        self.errors.update(dict.fromkeys(lost, str(failure)))
        return replace(program, views=tuple([v for v in program.views if v.name not in lost]))

    # ------------------------------------------------------------------------------------------------------ running

    def _run(self, program: Program, mode: str) -> dict[str, str]:
        """Run a program over the chunk's actions; returns for each view what is wrong with its answer."""
        run = Run(program)
        there = {v.name for v in program.views}
        _step(run, [])
        for events in self._loading(program, mode):
            _step(run, events)
        wrong: dict[str, str] = {}
        for action in self.chunk.actions:
            if isinstance(action, Changed):
                for events in self._parts(action.events, mode):
                    _step(run, events)
            elif action.view in there:
                rows = [row for row, n in run.view(action.view).items() for _ in range(n)]
                try:
                    difference = check_answer(action.query, rows)
                except Unordered:
                    self.errors[action.view] = "the order of the hashed rows is not told"
                    continue
                if difference is not None:
                    wrong[action.view] = difference
        return wrong

    def _loading(self, program: Program, mode: str) -> list[list[Event]]:
        rows = self.chunk.rows
        if mode == "batch":
            return [[(table, row, 1) for table, listed in rows.items() for row in listed]]
        keys = {t.name: t.primary_key for t in program.tables}
        lines: list[list[Event]] = []
        for table, listed in rows.items():
            noisy = set(self.rng.sample(range(len(listed)), min(-(-len(listed) // 8), MOST_NOISE)))
            for i, row in enumerate(listed):
                lines += self._told(table, row, keys[table]) if i in noisy else [[(table, row, 1)]]
        return self._cut(self._merged(lines), self.rng.randrange(3, 8))

    def _told(self, table: str, row: Row, key: Sequence[int]) -> list[list[Event]]:
        """Return events that end with a row being there, among them another that comes and goes or is replaced."""
        listed: Mapping[str, Sequence[Row]] = self.chunk.rows
        some = [self.rng.choice(listed[table]) for _ in row]
        other = tuple([row[i] if i in key else some[i][i] for i in range(len(row))])
        if key:
            gone = [(table, other, -1)] if self.rng.random() < 0.4 else []
            return [[(table, other, 1), *gone, (table, row, 1)]]
        return [[(table, row, 1)], [(table, other, 1), (table, other, -1)]]

    def _merged(self, lines: Sequence[Sequence[Event]]) -> list[Event]:
        """Mix lines of events at random; each keeps its own order."""
        turns = [i for i, line in enumerate(lines) for _ in line]
        self.rng.shuffle(turns)
        at = [iter(line) for line in lines]
        return [next(at[i]) for i in turns]

    def _parts(self, events: Sequence[Event], mode: str) -> list[list[Event]]:
        return [list(events)] if mode == "batch" else self._cut(events, self.rng.randrange(1, 4))

    def _cut(self, events: Sequence[Event], parts: int) -> list[list[Event]]:
        """Cut events at random places."""
        ends = sorted(self.rng.randrange(len(events) + 1) for _ in range(parts - 1))
        return [list(events[a:b]) for a, b in zip([0, *ends], [*ends, len(events)], strict=True)]


def _unreadable(views: Mapping[str, str]) -> dict[str, str]:
    """Return the views whose text cannot be read, with the messages: the parser stops at the first."""
    found = {}
    for name, text in views.items():
        try:
            compile_program(text + ";")
        except CompileFailed as failed:
            found |= dict.fromkeys([name for d in failed.diagnostics if d.kind == "Error parsing SQL"], str(failed))
    return found


def _step(run: Run, events: Sequence[Event]) -> None:
    try:
        run.step(events)
    except EvaluationError as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code is not Circuit.run.__code__:
            trace = trace.tb_next
        assert trace is not None
        raise _Failed(trace.tb_frame.f_locals["i"], str(error)) from None


def _after(circuit: Circuit, at: int) -> set[int]:
    """Return an operator and all that follow from it."""
    found = {at}
    for i, wired in enumerate(circuit.operators):
        if any(j in found for j in wired.inputs):
            found.add(i)
    return found
