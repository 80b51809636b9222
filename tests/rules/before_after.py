"""One rule at a time: the plans before and after it as text, their schemas, and the rows that both give."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from penstock.sql import rules
from penstock.sql.compile import compile_program
from penstock.sql.plan.explain import explain
from penstock.sql.plan.nodes import Node, Program
from penstock.sql.rules import Rule
from tests.properties.law import Row, Run

TABLES = """
CREATE TABLE t(id INT NOT NULL, a INT, b VARCHAR NOT NULL, c INT);
CREATE TABLE s(id INT NOT NULL, x INT, y BIGINT NOT NULL);
"""


@dataclass(frozen=True)
class Outcome:
    """The plan of the last view, as text, before and after the rules; plans of all views after them."""

    before: str
    after: str
    plans: list[Node]


class Pair:
    """Applies rules to programs; made by the fixture `pair`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def of(self, query: str, *applied: Rule) -> Outcome:
        """Return the outcome for a view of one query, after checking that rows and types are the same."""
        return self.of_program(f"{TABLES}CREATE VIEW v AS {query};", *applied)

    def of_program(self, text: str, *applied: Rule) -> Outcome:
        before, after = self._compile(text, ()), self._compile(text, applied)
        for old, new in zip(before.views, after.views, strict=True):
            assert old.plan is not None and new.plan is not None
            assert [f.type for f in old.plan.schema] == [f.type for f in new.plan.schema]
            assert old.schema == new.schema
        for seed in range(3):
            assert self._rows(text, (), seed) == self._rows(text, applied, seed)
        plans = [v.plan for v in after.views if v.plan is not None]
        first = before.views[-1].plan
        assert first is not None
        return Outcome(explain(first), explain(plans[-1]), plans)

    def _compile(self, text: str, applied: tuple[Rule, ...]) -> Program:
        with self._monkeypatch.context() as patch:
            patch.setattr(rules, "RULES", applied)
            return compile_program(text)

    def _rows(self, text: str, applied: tuple[Rule, ...], seed: int) -> object:
        rng = random.Random(seed)

        def number() -> int | None:
            return None if rng.random() < 0.2 else rng.randrange(5)

        t: list[Row] = [(rng.randrange(5), number(), rng.choice("pq"), number()) for _ in range(12)]
        s: list[Row] = [(rng.randrange(5), number(), rng.randrange(5)) for _ in range(12)]
        with self._monkeypatch.context() as patch:
            patch.setattr(rules, "RULES", applied)
            run = Run(text)
        run.step([("t", r, 1) for r in t])
        run.step([("s", r, 1) for r in s])
        return {name: total.rows for name, total in run.sums.items()}
