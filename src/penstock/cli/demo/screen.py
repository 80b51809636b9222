"""What the demo prints: a bar and tables while flights come in, or plain lines where there is no terminal."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from penstock.cli.demo.client import Record
from penstock.cli.demo.following import FollowedView
from penstock.cli.demo.questions import QUESTIONS, Block

__all__ = ["Feed", "Screen"]

_TWO_COLUMNS_FROM = 124
_PLAIN_EVERY_S = 2.0


@dataclass(slots=True)
class Feed:
    """How far the feeding has come."""

    total: int
    views: Mapping[str, FollowedView]
    done: int = 0
    day: str = ""
    began: float = field(default_factory=time.monotonic)
    spent_s: float = 0.0

    @property
    def rate(self) -> float:
        """Rows per second so far."""
        spent_s = self.spent_s or time.monotonic() - self.began
        return self.done / max(spent_s, 1e-9)


class Screen:
    """Everything that is printed."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self.animated = self.console.is_terminal and not self.console.is_dumb_terminal

    def fact(self, subject: str, text: str) -> None:
        """Print a line: what it is about, and what there is to say."""
        self.console.print(Text.assemble((f"{subject:<10}", "bold cyan"), text), soft_wrap=not self.animated)

    def line(self, text: str = "", style: str = "") -> None:
        """Print a line as it is."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    def busy(self, what: str) -> AbstractContextManager[object]:
        """Show that something goes on while the block lasts, where there is a terminal."""
        return self.console.status(what) if self.animated else nullcontext()

    @contextmanager
    def watching(self, feed: Feed) -> Iterator["Watch"]:
        """Show how the feeding goes on until the block is left."""
        watch = Watch(self.console, feed, self.animated)
        if not self.animated:
            yield watch
            return
        # A drawing of its own thread: rows are not held up by it, and it is not held up by a long step.
        with Live(
            get_renderable=watch.draw, console=self.console, refresh_per_second=5, transient=True, redirect_stderr=False
        ):
            yield watch

    def answers(self, contents: Mapping[str, Sequence[Record]]) -> None:
        """Print the answers to all questions."""
        blocks = []
        for question in QUESTIONS:
            rows = contents[question.view]
            blocks.append(
                question.block(rows, f"{question.shown} of {len(rows):,}" if len(rows) > question.shown else "")
            )
        self.console.print()
        self.console.print(_arranged(blocks, self.console.width))


class Watch:
    """The picture of a feed."""

    def __init__(self, console: Console, feed: Feed, animated: bool) -> None:
        self._console = console
        self._feed = feed
        self._animated = animated
        self._last_line = feed.began
        self._bar = Progress(
            TextColumn("[bold]{task.fields[day]:<10}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:>7,.0f} of {task.total:,.0f} flights"),
            _Rate(feed),
            TimeRemainingColumn(compact=True),
            console=console,
            expand=True,
        )
        self._task = self._bar.add_task("", total=feed.total, day="")

    def advance(self, rows: int, day: str) -> None:
        """Take note of rows that show in the views. day: the day of the last one."""
        feed = self._feed
        feed.done += rows
        feed.day = day
        self._bar.update(self._task, completed=feed.done, day=day)
        now = time.monotonic()
        if feed.done == feed.total:
            feed.spent_s = now - feed.began
        if not self._animated and (now - self._last_line >= _PLAIN_EVERY_S or feed.done == feed.total):
            self._last_line = now
            self._console.print(
                f"{day}  {feed.done:>7,} of {feed.total:,} flights  {feed.rate:>7,.0f} rows/s", soft_wrap=True
            )

    def draw(self) -> RenderableType:
        """Return the picture: the bar, and as many tables as there is room for."""
        width, height = self._console.size
        room = (height - 3) * (2 if width >= _TWO_COLUMNS_FROM else 1)
        blocks: list[Block] = []
        for question in QUESTIONS:
            if not question.live:
                continue
            view = self._feed.views[question.view]
            rows = view.rows()
            block = question.block(rows, f"{view.change_count:,} changes")
            if rows and block.height <= room:
                room -= block.height
                blocks.append(block)
        return Group(self._bar, Text(), _arranged(blocks, width))


class _Rate(ProgressColumn):
    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self._feed = feed

    def render(self, task: Task) -> Text:
        return Text(f"{self._feed.rate:>7,.0f} rows/s")


def _arranged(blocks: Sequence[Block], width: int) -> RenderableType:
    """Return blocks one below the other, or in two stacks of about the same height where the terminal is wide."""
    if width < _TWO_COLUMNS_FROM:
        return Group(*(block.content for block in blocks))
    stacks: tuple[list[RenderableType], list[RenderableType]] = ([], [])
    heights = [0, 0]
    for block in blocks:
        shorter = 0 if heights[0] <= heights[1] else 1
        stacks[shorter].append(block.content)
        heights[shorter] += block.height
    grid = Table.grid(expand=True, padding=(0, 2))
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(*(Group(*stack) for stack in stacks))
    return grid
