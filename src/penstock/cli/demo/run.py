"""The course of the demo, from the data to the answers."""

import shlex
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import typer

from penstock.cli.demo import dataset
from penstock.cli.demo.child import Child, ended_in_order, running_server
from penstock.cli.demo.client import PipelineClient, Record
from penstock.cli.demo.dataset import SMALL_TABLES, Dataset, Lines, hour_of
from penstock.cli.demo.following import FollowedView, follow
from penstock.cli.demo.questions import QUESTIONS
from penstock.cli.demo.screen import Feed, Screen, Watch

__all__ = ["run"]

PIPELINE = "flights"
BATCH_ROWS = 4_000
BATCHES_AHEAD = 3
"""So many batches may wait for their step: the server always has work, and what is shown is not far behind."""

_SETTLE_S = 10.0
_SHOWN_DIFFERENCES = 5
_EXAMPLE_PORT = 8080


def run(*, check: bool, keep: bool, limit: int | None, port: int) -> None:
    """Run the demo. Raises: typer.Exit with status 1 if a view is wrong, 130 if interrupted, 143 if told to stop."""
    screen = Screen()
    data = dataset.find()
    try:
        with ended_in_order():
            is_right = _with_server(screen, data, check=check, keep=keep, limit=limit, port=port)
    except KeyboardInterrupt:
        screen.line("Interrupted: the server is stopped and its files are removed.")
        raise typer.Exit(130) from None
    if not is_right:
        raise typer.Exit(1)


def _with_server(screen: Screen, data: Dataset, *, check: bool, keep: bool, limit: int | None, port: int) -> bool:
    screen.line("Penstock demo: the flights out of New York in 2013, as they happen", style="bold")
    began = time.monotonic()
    with running_server(port) as child:
        screen.fact("server", f"{child.url}, ready in {time.monotonic() - began:.1f} s")
        screen.fact("files", str(child.directory))
        with closing(PipelineClient(child.url, PIPELINE)) as client:
            views = _prepare(screen, client, data)
            _feed(screen, client, data.flights(limit), views)
            contents = {view: client.query(f"SELECT * FROM {view}") for view in views}
            screen.answers(contents)
            is_right = not check or _check(screen, data, limit, child.directory, contents, views)
            seconds = f"{time.monotonic() - began:.0f} s"
        child.keep = keep
    screen.fact("took", f"{seconds} in all")
    _say_where_next(screen, child)
    return is_right


def _prepare(screen: Screen, client: PipelineClient, data: Dataset) -> Mapping[str, FollowedView]:
    """Start the pipeline and load the small tables; return its views, followed from the start."""
    began = time.monotonic()
    client.create(files(__package__).joinpath("flights.sql").read_text("utf-8"))
    compiled = time.monotonic()
    client.start()
    views = follow(client, [question.view for question in QUESTIONS])
    client.resume()
    now = time.monotonic()
    screen.fact(
        "pipeline", f"{len(views)} views, compiled in {compiled - began:.1f} s, started in {now - compiled:.1f} s"
    )
    loaded = []
    for table in SMALL_TABLES:
        lines = data.small(table)
        client.wait(client.push(table, lines.body()))
        loaded.append(f"{len(lines.records):,} {'hours of weather' if table == 'weather' else table}")
    screen.fact("loaded", ", ".join(loaded))
    return views


def _feed(screen: Screen, client: PipelineClient, flights: Lines, views: Mapping[str, FollowedView]) -> None:
    """Send the flights in batches, in the order of time, and show what becomes of the views."""
    feed = Feed(len(flights.records), views)
    waiting: deque[tuple[str, int, str]] = deque()
    with screen.watching(feed) as watch:
        for start in range(0, len(flights.records), BATCH_ROWS):
            batch = flights.records[start : start + BATCH_ROWS]
            token = client.push("flights", flights.body(start, start + BATCH_ROWS))
            waiting.append((token, len(batch), hour_of(batch[-1])[:10]))
            if len(waiting) >= BATCHES_AHEAD:
                _finish(client, watch, *waiting.popleft())
        while waiting:
            _finish(client, watch, *waiting.popleft())
    changes = sum(view.change_count for view in views.values())
    screen.fact(
        "fed",
        f"{feed.done:,} flights in {feed.spent_s:.1f} s, {feed.rate:,.0f} rows/s; {changes:,} changes of views",
    )


def _finish(client: PipelineClient, watch: Watch, token: str, rows: int, day: str) -> None:
    client.wait(token)
    watch.advance(rows, day)


def _check(
    screen: Screen,
    data: Dataset,
    limit: int | None,
    scratch: Path,
    contents: Mapping[str, Sequence[Record]],
    views: Mapping[str, FollowedView],
) -> bool:
    """Compare what was asked for and what the changes add up to with DuckDB's answers; print the first differences."""
    from penstock.cli.demo.oracle import Oracle, differences

    with screen.busy("asking DuckDB the same questions"):
        oracle = Oracle(data, limit, scratch)
    compared = 0
    wrong: list[str] = []
    for name, view in views.items():
        expected = oracle.answer(name)
        compared += len(expected.rows)
        _settle(view, contents[name])
        for way, records in (("as queried", contents[name]), ("as the sum of its changes", view.rows())):
            lines = differences(expected, expected.same_shape(records))
            if lines:
                wrong.append(f"{name}, {way}, differs from DuckDB in {len(lines):,} rows:")
                wrong += [f"  {line}" for line in lines[:_SHOWN_DIFFERENCES]]
    if wrong:
        screen.fact("check", "FAILED")
        for line in wrong:
            screen.line(line, style="red")
        return False
    screen.fact("check", f"all {len(views)} views ({compared:,} rows) are what DuckDB computes from the same files")
    return True


def _settle(view: FollowedView, records: Sequence[Record]) -> None:
    """Wait for changes that are still on their way. What has not come by then is for the comparison to show."""
    count = len(records)
    deadline = time.monotonic() + _SETTLE_S
    seen = -1
    while time.monotonic() < deadline and (len(view.rows()) != count or view.change_count != seen):
        seen = view.change_count
        time.sleep(0.05)


def _say_where_next(screen: Screen, child: Child) -> None:
    me = shlex.quote(sys.argv[0])
    screen.line()
    if child.keep:
        url = child.url
        screen.line("The server goes on. To look further:", style="bold")
    else:
        url = f"http://127.0.0.1:{_EXAMPLE_PORT}"
        screen.line("The server is stopped and its files are removed. To look further, keep it:", style="bold")
        screen.line(f"  {me} demo --keep --port {_EXAMPLE_PORT}")
    screen.line(f"  P={url}/v0/pipelines/{PIPELINE}")
    screen.line("  curl -G $P/query -d format=text --data-urlencode 'sql=SELECT * FROM planes LIMIT 5'")
    screen.line('  curl -NX POST "$P/egress/worst_airports?format=json&send_snapshot=true"')
    screen.line("  curl $P/stats")
    if child.keep:
        screen.line("To stop it and remove its files:", style="bold")
        screen.line(f"  kill {child.process.pid}; sleep 1; rm -r {shlex.quote(str(child.directory))}")
