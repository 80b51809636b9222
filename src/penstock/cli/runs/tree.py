"""A run as a tree of its steps: what waits for what, where each is, and what needs a look.

A run of thousands of steps still fits a screen: of a loop with many iterations those that run or failed are shown and
the others counted; what lies below a finished sub-graph is counted; recursion is drawn down to a depth. `--all` draws
everything.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.tree import Tree

from penstock.cli.runs.text import counted, progress, took

__all__ = ["View", "coloured", "draw"]

_COLOURS: Final = {
    "succeeded": "green",
    "failed": "red",
    "errored": "red",
    "rejected": "red",
    "cancelled": "yellow",
    "stopping": "yellow",
    "running": "cyan",
    "starting": "cyan",
    "resuming": "cyan",
    "looking up": "cyan",
    "backing off": "yellow",
    "ready": "yellow",
    "waiting": "dim",
    "skipped": "dim",
    "omitted": "dim",
}
_QUIET: Final = frozenset(("succeeded", "skipped", "omitted", "waiting"))
_FAILED: Final = frozenset(("failed", "errored", "cancelled"))
_MESSAGE_CHARS: Final = 160
_ITERATIONS: Final = 8
"""Most iterations of a loop that are shown one by one when not all fit."""
_DEPTH: Final = 8
"""How deep recursion and nesting are drawn when not all fits."""

Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """How much is drawn. lines: how many steps there is room for. is_whole: everything, however long."""

    now: datetime
    lines: int = 40
    is_whole: bool = False


def draw(detail: dict[str, Any], view: View) -> RenderableType:
    """Return the picture of a run: what it is, how far it is, and its steps."""
    run = detail["run"]
    message = f"\n[red]{escape(_short(run['message']))}[/]" if run.get("message") else ""
    head = f"[bold]{escape(run['name'])}[/]  {coloured(run['state'])}  [dim]{run['id']}[/]{message}"
    drawing = _Drawing(detail.get("steps", []), view)
    tree = Tree(head, guide_style="dim")
    for step in drawing.children.get(None, []):
        drawing.add(tree, step, 0)
    return Group(tree, _bar(detail, view.now))


def coloured(state: str, text: str | None = None) -> str:
    """Return markup that shows a text in the colour of a state."""
    colour = _COLOURS.get(state)
    return f"[{colour}]{text or state}[/]" if colour else text or state


class _Drawing:
    def __init__(self, steps: Sequence[Step], view: View) -> None:
        self.view = view
        self.is_whole = view.is_whole or len(steps) <= view.lines
        self.names = {str(step["path"]): str(step["name"]) for step in steps}
        self.children: dict[str | None, list[Step]] = {}
        for step in steps:
            self.children.setdefault(step.get("parent"), []).append(step)
        self.children = {parent: _in_turn(below) for parent, below in self.children.items()}

    def add(self, branch: Tree, step: Step, depth: int) -> None:
        """Draw a step and what is below it."""
        below = self.children.get(step["path"], [])
        twig = branch.add(self._line(step, below))
        if not below:
            return
        is_folded = not self.is_whole and (step["state"] in _QUIET or depth >= _DEPTH)
        shown = below if self.is_whole else [] if is_folded else self._chosen(step, below)
        for each in shown:
            self.add(twig, each, depth + 1)
        if rest := [each for each in below if not any(each is one for one in shown)]:
            word = "iterations" if step["kind"] == "group" else "steps"
            more = "more " if shown else ""
            twig.add(f"[dim]{len(rest)} {more}{word}:[/] {_counted(rest)}")

    def _chosen(self, step: Step, below: list[Step]) -> list[Step]:
        """Of many iterations those that need a look: failed ones, then those that run; all steps of a sub-graph."""
        if step["kind"] != "group" or len(below) <= _ITERATIONS:
            return below
        ranked = [each for each in below if each["state"] in _FAILED]
        ranked += [each for each in below if each["state"] not in _QUIET | _FAILED]
        return sorted(ranked[:_ITERATIONS], key=lambda each: int(each.get("index", 0)))

    def _line(self, step: Step, below: list[Step]) -> str:
        parts = [_name(step), coloured(step["state"])]
        if "taken_over_from" in step:
            parts.append("[dim]from the cache[/]")
        elif spent := took(step, self.view.now):
            parts.append(f"[dim]{spent}[/]")
        if len(step.get("attempts", [])) > 1:
            parts.append(f"[yellow]attempt {len(step['attempts'])}[/]")
        if step["kind"] == "group" and below:
            done = sum("finished_at" in each for each in below)
            parts.append(f"[dim]{done}/{len(below)} iterations[/]")
        if after := [self.names[path] for path in step.get("after", [])]:
            parts.append(f"[dim]after {escape(', '.join(after[:4]))}{', …' if len(after) > 4 else ''}[/]")
        is_reason = step["state"] in _FAILED and not any(each["state"] in _FAILED for each in below)
        if step.get("message") and (is_reason or step["state"] == "backing off"):
            parts.append(f"[red]{escape(_short(step['message']))}[/]")
        return "  ".join(parts)


def _name(step: Step) -> str:
    name = escape(str(step["name"]))
    if "index" not in step:
        return name
    item = "" if step.get("item") is None else f": {_short(json.dumps(step['item'], ensure_ascii=False), 40)}"
    return escape(f"{step['index']}{item}")


def _counted(steps: list[Step]) -> str:
    counts = Counter(str(step["state"]) for step in steps)
    return ", ".join(coloured(state, f"{count} {state}") for state, count in counts.most_common())


def _bar(detail: dict[str, Any], now: datetime) -> RenderableType:
    done, total = counted(detail)
    row = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=total, completed=done, width=30) if total else ""
    row.add_row(bar, progress(detail["run"], done, total, now))
    return row


def _in_turn(steps: list[Step]) -> list[Step]:
    """Order siblings so that each comes behind those it waits for, and otherwise as they were."""
    waiting = {step["path"]: step for step in steps}
    ordered: list[Step] = []
    while waiting:
        ready = [step for step in waiting.values() if not any(path in waiting for path in step.get("after", ()))]
        for step in ready or list(waiting.values()):
            ordered.append(waiting.pop(step["path"]))
    return ordered


def _short(text: str, most: int = _MESSAGE_CHARS) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
