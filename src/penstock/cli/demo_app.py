"""The options of `penstock demo` and its kin. What they do is imported when they are called."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]

demo = typer.Typer(invoke_without_command=True)

_Keep = Annotated[bool, typer.Option("--keep", help="Leave the server running at the end.")]
_Limit = Annotated[int | None, typer.Option(min=1, help="Take only the first N flights.", metavar="N")]
_Port = Annotated[int, typer.Option(min=0, max=65535, help="TCP port of the server; 0 for any free one.")]


@demo.callback()
def _demo(
    context: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Compare every view with DuckDB; exit status 1 if one differs.")
    ] = False,
    keep: _Keep = False,
    limit: _Limit = None,
    port: _Port = 0,
) -> None:
    """See SQL views kept up to date: all 336,776 flights out of New York in 2013, streamed through a server.

    Starts a server of its own on a temporary directory, sends the flights
    in the order of time, shows how the answers change, and leaves nothing
    behind.
    """
    if context.invoked_subcommand is not None:
        return
    from penstock.cli.demo.run import run

    run(check=check, keep=keep, limit=limit, port=port)


@demo.command("kfp")
def _kfp(
    check: Annotated[
        bool, typer.Option("--check", help="Compute the metrics again from the flights; exit status 1 if one differs.")
    ] = False,
    keep: _Keep = False,
    limit: _Limit = None,
    port: _Port = 0,
    client: Annotated[
        Path | None,
        typer.Option(help="An interpreter that has kfp 2.  [default: an environment made on first use]"),
    ] = None,
) -> None:
    """See a training pipeline run: the released client of Kubeflow Pipelines submits it, two models compete.

    Load, split, train two models at the same time, evaluate both, pick the
    better: which flights come late? Starts a server of its own on a
    temporary directory, shows the run as it goes, and leaves nothing behind.
    """
    from penstock.cli.demo.training.run import run

    run(check=check, keep=keep, limit=limit, port=port, client=client)


@demo.command("ubiops")
def _ubiops(
    check: Annotated[
        bool, typer.Option("--check", help="Work every answer out again; exit status 1 if one differs.")
    ] = False,
    keep: _Keep = False,
    limit: _Limit = None,
    port: _Port = 0,
    client: Annotated[
        Path | None,
        typer.Option(help="An interpreter that has ubiops 4.  [default: an environment made on first use]"),
    ] = None,
) -> None:
    """See a model answer: the released client of UbiOps deploys it and asks it, one by one and in batches.

    Trains a model of late flights, puts it behind a pipeline of two
    deployments and a condition, and shows how long answers take. Starts a
    server of its own on a temporary directory, and leaves nothing behind.
    """
    from penstock.cli.demo.serving.run import run

    run(check=check, keep=keep, limit=limit, port=port, client=client)


@demo.command("cdap")
def _cdap(
    check: Annotated[
        bool, typer.Option("--check", help="Compute the same by DuckDB; exit status 1 if a row differs.")
    ] = False,
    keep: _Keep = False,
    limit: _Limit = None,
    port: _Port = 0,
) -> None:
    """See an ETL pipeline run, deployed and started as from curl.

    Flights are wrangled, joined with their airlines and the weather at their
    departure, grouped, and written as csv and parquet. Starts a server of its
    own on a temporary directory, and leaves nothing behind.
    """
    from penstock.cli.demo.etl.run import run

    run(check=check, keep=keep, limit=limit, port=port)
