"""The options of `penstock etl`. What it does is in `penstock.cli.etl`, imported when called."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["etl"]

etl = typer.Typer(help="Run pipelines of sources, transforms and sinks.", no_args_is_help=True)


@etl.callback()
def _root() -> None:
    pass


@etl.command("run")
def _run(
    file: Annotated[Path, typer.Argument(help="The exported pipeline, as JSON.", metavar="PIPELINE.json")],
    arguments: Annotated[
        list[str] | None,
        typer.Option("--argument", "-a", help="An argument of the run; may be repeated.", metavar="K=V"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What it is deployed as.  [default: the name in the file]")] = None,
    namespace: Annotated[str, typer.Option(help="Where it is deployed.")] = "default",
    server: Annotated[
        str | None,
        typer.Option(envvar="PENSTOCK_SERVER", help="URL of a server.  [default: one of its own, for this run]"),
    ] = None,
    key: Annotated[str | None, typer.Option(envvar="PENSTOCK_KEY", help="Key, if the server wants one.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show nothing unless it fails to start.")] = False,
) -> None:
    """Deploy a pipeline, run it, and show the records of each stage as they flow.

    Exit status 0 if it completed, 1 if it did not.
    """
    from penstock.cli.etl import run_pipeline

    run_pipeline(file, arguments or [], name=name, namespace=namespace, server=server, key=key, is_quiet=quiet)
