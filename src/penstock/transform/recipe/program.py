"""Recipes compiled to steps, and steps carried out over frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.ports.transform import Surroundings
from penstock.transform.directives import DIRECTIVES, is_directive
from penstock.transform.directives.declaring import Step
from penstock.transform.directives.rows import stop_failures
from penstock.transform.frames.data import concat, nulls
from penstock.transform.frames.frame import Column, Frame
from penstock.transform.jexl import Expression, ExpressionInvalid, compile_expression
from penstock.transform.recipe.parser import Block, Call, parse
from penstock.transform.recipe.problems import RecipeInvalid
from penstock.transform.recipe.usage import match

__all__ = ["Program", "check_recipe", "compile_recipe"]


def check_recipe(text: str) -> list[RecipeInvalid]:
    """Return all that is wrong with a recipe, by line."""
    recipe = parse(text, is_directive)
    problems = list(recipe.problems)
    for name in recipe.loaded:
        message = f"User Defined Directive '{name}' is not deployed or is not available."
        problems.append(RecipeInvalid(message))
    _compile(recipe.body, Surroundings(""), problems)
    return sorted(problems, key=lambda problem: problem.line or 0)


def compile_recipe(text: str, surroundings: Surroundings) -> Program:
    """Compile a recipe. Raises: RecipeInvalid for the first thing that is wrong."""
    recipe = parse(text, is_directive)
    problems = list(recipe.problems)
    program = _compile(recipe.body, surroundings, problems)
    if problems:
        raise problems[0]
    return program


class Program:
    """Steps in order."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    def run(self, frame: Frame) -> Frame:
        """Carry out all steps; stop when no row is left."""
        for step in self._steps:
            if frame.rows == 0:
                break
            frame = step(frame)
        return frame


def _compile(body: Sequence[Call | Block], surroundings: Surroundings, problems: list[RecipeInvalid]) -> Program:
    steps: list[Step] = []
    for statement in body:
        try:
            if isinstance(statement, Call):
                steps.append(_call(statement, surroundings))
            else:
                steps.append(_block(statement, surroundings, problems))
        except RecipeInvalid as error:
            if error.line is None:
                error.line = statement.line
            problems.append(error)
    return Program(steps)


def _call(call: Call, surroundings: Surroundings) -> Step:
    definition = DIRECTIVES.get(call.name)
    if definition is None:
        raise RecipeInvalid(
            f"Wrangler plugin has a directive '{call.name}' that does not exist in system or user space.", call.line
        )
    return definition.make(match(call, definition.parameters), surroundings)


def _block(block: Block, surroundings: Surroundings, problems: list[RecipeInvalid]) -> Step:
    branches = [
        (
            None if branch.condition is None else _condition(branch.condition, block.line),
            _compile(branch.body, surroundings, problems),
        )
        for branch in block.branches
    ]

    def step(frame: Frame) -> Frame:
        done: list[Frame] = []
        for condition, program in branches:
            if frame.rows == 0:
                break
            if condition is None:
                mask = np.ones(frame.rows, dtype=bool)
            else:
                mask, failed = condition.test(frame)
                if failed:
                    gone = np.unique(frame.origin[np.fromiter(failed, np.int64, len(failed))])
                    mask = mask[~np.isin(frame.origin, gone)]
                    frame = frame.fail(stop_failures("if", failed))
            if mask.any():
                done.append(program.run(frame.keep(mask)))
            frame = frame.keep(~mask)
        return stacked([*done, frame])

    return step


def _condition(text: str, line: int) -> Expression:
    try:
        return compile_expression(text)
    except ExpressionInvalid as error:
        raise RecipeInvalid(f"Error encountered while parsing 'if' : {error}", line) from None


def stacked(frames: Sequence[Frame]) -> Frame:
    """Put rows of several frames below each other, in the order of the records they came from."""
    frames = [frame for frame in frames if frame.rows or frame is frames[-1]]
    kept = [frame for frame in frames if frame.rows] or frames[-1:]
    if len(kept) == 1:
        return kept[0]
    names: dict[tuple[str, int], None] = {}
    tables = [_numbered(frame) for frame in kept]
    for table in tables:
        names.update(dict.fromkeys(table))
    columns: list[Column] = []
    for key in names:
        parts = [table.get(key) for table in tables]
        data = concat([nulls(f.rows) if part is None else part.data for f, part in zip(kept, parts, strict=True)])
        there = [np.zeros(f.rows, dtype=bool) if p is None else p.there() for f, p in zip(kept, parts, strict=True)]
        present = np.concatenate(there)
        columns.append(Column(key[0], data, None if present.all() else present))
    origin = np.concatenate([frame.origin for frame in kept])
    variables = {
        name: concat([frame.variables.get(name, nulls(frame.rows)) for frame in kept])
        for name in {name for frame in kept for name in frame.variables}
    }
    made = Frame(columns, len(origin), origin, kept[0].failures, variables)
    return made.take(np.argsort(origin, kind="stable"))


def _numbered(frame: Frame) -> dict[tuple[str, int], Column]:
    """Key columns by name and which of that name they are."""
    seen: dict[str, int] = {}
    table: dict[tuple[str, int], Column] = {}
    for column in frame.columns:
        seen[column.name] = seen.get(column.name, 0) + 1
        table[column.name, seen[column.name]] = column
    return table
