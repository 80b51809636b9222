"""The views of the demo as questions with short answers: which columns are shown, in which order, how many rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from penstock.cli.demo.client import Record

__all__ = ["QUESTIONS", "Block", "Question"]


@dataclass(frozen=True, slots=True)
class Block:
    """Something to show and its height in lines."""

    content: RenderableType
    height: int


@dataclass(frozen=True, slots=True)
class Question:
    """A view and how its answer is shown.

    columns: names of columns, their headings and how values become text. order: what sorts rows, the first on top.
    shown: how many rows. live: whether it is watched while flights come in.
    """

    view: str
    title: str
    columns: tuple[tuple[str, str, Callable[[Any], str]], ...]
    order: Callable[[Record], Any]
    shown: int
    live: bool = False
    among: Callable[[Record], bool] = lambda record: True

    def block(self, records: Sequence[Record], note: str = "") -> "Block":
        """Return the first rows under the title. note: beside the title."""
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
        for _, heading, write in self.columns:
            is_text = write in (_name, _moment, _month)
            table.add_column(heading, justify="left" if is_text else "right", no_wrap=True, overflow="ellipsis")
        top = self.top(records)
        for record in top:
            table.add_row(*(write(record[name]) for name, _, write in self.columns))
        title = Text.assemble((self.title, "bold"), (f"  {note}" if note else "", "dim"), no_wrap=True, overflow="crop")
        return Block(Group(title, table, Text()), len(top) + 3)

    def top(self, records: Sequence[Record]) -> list[Record]:
        """Return the rows that are shown."""
        return sorted(filter(self.among, records), key=self.order)[: self.shown]


def _name(value: Any) -> str:
    return "(no report)" if value is None else str(value)


def _moment(value: Any) -> str:
    return str(value)[:16].replace("T", " ")


def _count(value: Any) -> str:
    return f"{value:,}"


def _minutes(value: Any) -> str:
    return "-" if value is None else f"{value:+.1f}"


def _whole_minutes(value: Any) -> str:
    return "-" if value is None else f"{value:+,}"


def _percent(value: Any) -> str:
    return f"{value:.1f} %"


def _month(value: Any) -> str:
    return ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[value - 1]


def _descending(name: str) -> Callable[[Record], tuple[float, str]]:
    """Order by a number, the greatest first, NULL last; equals in the order of all their values."""
    return lambda record: (-record[name] if record[name] is not None else float("inf"), str([*record.values()]))


QUESTIONS: tuple[Question, ...] = (
    Question(
        "worst_airports",
        "The ten airports reached latest, in minutes",
        (
            ("dest", "to", _name),
            ("name", "airport", _name),
            ("flights", "flights", _count),
            ("arrival_delay", "late", _minutes),
        ),
        _descending("arrival_delay"),
        10,
        live=True,
    ),
    Question(
        "delay_by_weather",
        "Minutes late by the weather of the hour",
        (
            ("sky", "weather", _name),
            ("flights", "flights", _count),
            ("cancelled", "cancelled", _count),
            ("departure_delay", "late", _minutes),
        ),
        _descending("departure_delay"),
        5,
        live=True,
    ),
    Question(
        "delay_by_carrier",
        "Minutes late by airline",
        (
            ("name", "airline", _name),
            ("flights", "flights", _count),
            ("departure_delay", "leaving", _minutes),
            ("arrival_delay", "arriving", _minutes),
            ("worst", "worst", _whole_minutes),
        ),
        _descending("arrival_delay"),
        16,
        live=True,
    ),
    Question(
        "delay_by_route",
        "The latest routes of 1,000 flights or more",
        (
            ("origin", "from", _name),
            ("dest", "to", _name),
            ("carriers", "airlines", _count),
            ("flights", "flights", _count),
            ("arrival_delay", "late", _minutes),
        ),
        _descending("arrival_delay"),
        5,
        among=lambda record: bool(record["flights"] >= 1000),
    ),
    Question(
        "departures",
        "The busiest six hours",
        (
            ("window_start", "from (UTC)", _moment),
            ("origin", "at", _name),
            ("scheduled", "scheduled", _count),
            ("departed", "departed", _count),
        ),
        _descending("scheduled"),
        5,
    ),
    Question(
        "aircraft_reuse",
        "Aircraft that leave New York again within a day",
        (
            ("manufacturer", "maker", _name),
            ("model", "model", _name),
            ("aircraft", "aircraft", _count),
            ("departures", "departures", _count),
            ("again_within_a_day", "again", _count),
        ),
        _descending("again_within_a_day"),
        5,
        live=True,
    ),
    Question(
        "cancelled_by_origin",
        "The most cancelled months",
        (
            ("origin", "from", _name),
            ("month", "month", _month),
            ("scheduled", "scheduled", _count),
            ("cancelled", "cancelled", _count),
            ("share", "share", _percent),
        ),
        _descending("share"),
        5,
        live=True,
    ),
)
"""What is asked, the most telling first."""
