"""The options of `penstock sql`. What the commands do is in `cli.sql` and `cli.pipelines`, imported when called."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["sql"]

sql = typer.Typer(help="Look at SQL programs, and run them as standing pipelines of a server.", no_args_is_help=True)

_Server = Annotated[str, typer.Option("--server", envvar="PENSTOCK_SERVER", help="URL of the server.")]
_Key = Annotated[str | None, typer.Option("--key", envvar="PENSTOCK_KEY", help="Key, if the server wants one.")]
_Name = Annotated[str | None, typer.Argument(help="The pipeline; may be left out if the server has only one.")]
_Pipeline = Annotated[
    str | None, typer.Option("--pipeline", "-p", help="The pipeline; may be left out if the server has only one.")
]
_URL = "http://127.0.0.1:8080"


class _Changed(StrEnum):
    ask = "ask"
    allow = "allow"
    reject = "reject"


class _Lines(StrEnum):
    text = "text"
    json = "json"


class _Result(StrEnum):
    text = "text"
    json = "json"
    hash = "hash"
    parquet = "parquet"
    arrow_ipc = "arrow_ipc"


class _Updates(StrEnum):
    raw = "raw"
    insert_delete = "insert_delete"


_Policy = Annotated[
    _Changed,
    typer.Option("--changed", help="What to do if the kept state is that of another program: ask first, go on, fail."),
]
_Waits = Annotated[
    bool, typer.Option("--wait", help="Wait until inputs that end have been taken in, and show how far they are.")
]


@sql.command("explain")
def _explain(file: Annotated[Path, typer.Argument(help="File with the program's text.")]) -> None:
    """Print the plan of every view of a program, and the operators of its circuit; needs no server."""
    from penstock.cli.sql import explain

    explain(file)


@sql.command("deploy")
def _deploy(
    file: Annotated[Path, typer.Argument(help="File with the program's text.")],
    name: Annotated[str | None, typer.Option("--name", "-n", help="Of the pipeline.  [default: the file's]")] = None,
    starts: Annotated[bool, typer.Option("--start/--no-start", help="Start it once it is compiled.")] = True,
    changed: _Policy = _Changed.ask,
    waits: _Waits = False,
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Give a pipeline the program of a file, compile and start it; a running one is stopped with its state kept."""
    from penstock.cli.pipelines import Server, deploy

    deploy(Server(server, key), file, name, starts=starts, changed=changed, waits=waits)


@sql.command("start")
def _start(
    name: _Name = None,
    paused: Annotated[bool, typer.Option("--paused", help="Take nothing in yet.")] = False,
    changed: _Policy = _Changed.ask,
    waits: _Waits = False,
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Start a pipeline from its kept state, or have a paused one go on."""
    from penstock.cli.pipelines import Server, start

    start(Server(server, key), name, paused=paused, changed=changed, waits=waits)


@sql.command("pause")
def _pause(name: _Name = None, server: _Server = _URL, key: _Key = None) -> None:
    """Have a pipeline take nothing in until it is started again."""
    from penstock.cli.pipelines import Server, pause

    pause(Server(server, key), name)


@sql.command("stop")
def _stop(
    name: _Name = None,
    force: Annotated[bool, typer.Option("--force", help="At once, and without keeping the state.")] = False,
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Stop a pipeline; its state is kept for the next start."""
    from penstock.cli.pipelines import Server, stop

    stop(Server(server, key), name, force=force)


@sql.command("clear")
def _clear(
    name: _Name = None,
    deletes: Annotated[bool, typer.Option("--delete", help="Delete the pipeline itself as well.")] = False,
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Drop the kept state of a stopped pipeline, so that its next start begins with nothing."""
    from penstock.cli.pipelines import Server, clear

    clear(Server(server, key), name, deletes=deletes)


@sql.command("list")
def _list(server: _Server = _URL, key: _Key = None) -> None:
    """List all pipelines and what they do."""
    from penstock.cli.pipelines import Server, listed

    listed(Server(server, key))


@sql.command("watch")
def _watch(
    relation: Annotated[str, typer.Argument(help="The view or table.")],
    pipeline: _Pipeline = None,
    snapshot: Annotated[bool, typer.Option(help="Begin with the rows that are there.")] = True,
    form: Annotated[_Lines, typer.Option("--format", "-o", help="How it is written.")] = _Lines.text,
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Print what changes in a view, + a row that came, - a row that went, until the pipeline stops."""
    from penstock.cli.pipelines import Server, watch

    watch(Server(server, key), pipeline, relation, snapshot=snapshot, form=form)


@sql.command("query")
def _query(
    query: Annotated[str, typer.Argument(help="The SELECT, over tables and views that are materialized.")],
    pipeline: _Pipeline = None,
    form: Annotated[_Result, typer.Option("--format", "-o", help="How it is written.")] = _Result.text,
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Print the result of a query on the state as it is now."""
    from penstock.cli.pipelines import Server
    from penstock.cli.pipelines import query as ask

    ask(Server(server, key), pipeline, query, form)


@sql.command("ingest")
def _ingest(
    file: Annotated[Path, typer.Argument(help="The file: JSON lines, CSV or Parquet.")],
    table: Annotated[
        str | None, typer.Option("--table", "-t", help="Into which.  [default: called as the file]")
    ] = None,
    pipeline: _Pipeline = None,
    form: Annotated[
        str | None, typer.Option("--format", "-f", help="json, csv, parquet, …  [default: by the file's ending]")
    ] = None,
    updates: Annotated[
        _Updates, typer.Option("--updates", help="Of JSON: rows as they are, or each below insert or delete.")
    ] = _Updates.raw,
    header: Annotated[bool, typer.Option(help="Of CSV: the first line names the columns.")] = True,
    waits: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until all of it is processed.")] = True,
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Send a file into a table, and show how far it is."""
    from penstock.cli.pipelines import Server, ingest

    ingest(Server(server, key), pipeline, file, table, form, updates=updates, header=header, waits=waits)


@sql.command("profile")
def _profile(
    name: _Name = None,
    every_s: Annotated[
        float | None,
        typer.Option("--every", min=0.1, help="Look again every so many seconds, and show what came since."),
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="How many operators, the costliest first.")] = 30,
    form: Annotated[_Lines, typer.Option("--format", "-o", help="How it is written.")] = _Lines.text,
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Show what each operator of a running pipeline has taken in and given, what it keeps, and what it costs."""
    from penstock.cli.pipelines import Server, profile

    profile(Server(server, key), name, form=form, every_s=every_s, most=most)
