"""The options of `penstock runs` and `penstock why`. What they do is in `penstock.cli.runs`, imported when called."""

from enum import StrEnum
from typing import Annotated

import typer

__all__ = ["runs", "why"]

runs = typer.Typer(help="Look at the runs of a server, and steer them.", no_args_is_help=True)
why = typer.Typer(help="Ask a server for its reasons.", no_args_is_help=True)

_Server = Annotated[str, typer.Option("--server", envvar="PENSTOCK_SERVER", help="URL of the server.")]
_Key = Annotated[str | None, typer.Option("--key", envvar="PENSTOCK_KEY", help="Key, if the server wants one.")]
_Run = Annotated[str, typer.Argument(help="The run's id, the beginning of it, or its name.")]
_Step = Annotated[str, typer.Argument(help="The step's path or name.")]
_URL = "http://127.0.0.1:8080"


class _Form(StrEnum):
    text = "text"
    json = "json"
    markdown = "markdown"


_Format = Annotated[_Form, typer.Option("--format", "-o", help="How it is written.")]


@runs.command("list")
def _list(
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 20,
    state: Annotated[str | None, typer.Option(help="Only those in a state: running, failed, …")] = None,
    form: _Format = _Form.text,
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Print the newest runs."""
    from penstock.cli.runs import Server, list_runs

    list_runs(Server(server, key), limit=limit, state=state, form=form)


@runs.command("show")
def _show(
    run: _Run,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it anew until it has ended.")] = False,
    whole: Annotated[bool, typer.Option("--all", "-a", help="Every step, however many there are.")] = False,
    form: _Format = _Form.text,
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Print a run and the tree of its steps, what each waits for, and how far the run is.

    Of long loops and finished sub-graphs only what needs a look is
    drawn; the rest is counted.
    """
    from penstock.cli.runs import Server, show_run

    show_run(Server(server, key), run, form=form, watches=watch, is_whole=whole)


@runs.command("logs")
def _logs(
    run: _Run,
    step: Annotated[str | None, typer.Argument(help="One step only, by its path or name.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    attempt: Annotated[int | None, typer.Option(min=1, help="Of a step, that attempt and not the last.")] = None,
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Print what the steps of a run wrote."""
    from penstock.cli.runs import Server, show_logs

    show_logs(Server(server, key), run, step, follows=follow, attempt=attempt)


@runs.command("retry")
def _retry(
    run: _Run,
    from_step: Annotated[
        str | None, typer.Option("--from", help="Do this step again as well, with all that comes after it.")
    ] = None,
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Have what failed in a run done again."""
    from penstock.cli.runs import Server, retry_run

    retry_run(Server(server, key), run, from_step=from_step)


@runs.command("stop")
def _stop(
    run: _Run,
    force: Annotated[bool, typer.Option("--force", help="At once, and without its exit handler.")] = False,
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Stop a run; its exit handler still runs."""
    from penstock.cli.runs import Server, stop_run

    stop_run(Server(server, key), run, force=force)


@why.callback()
def _why() -> None:
    pass


@why.command("cached")
def _cached(run: _Run, step: _Step, form: _Format = _Form.text, server: _Server = _URL, key: _Key = None) -> None:
    """Say why a step was, or was not, taken over from an earlier run: the key, its parts, and what differed."""
    from penstock.cli.runs import Server, why_cached

    why_cached(Server(server, key), run, step, form=form)
