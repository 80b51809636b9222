"""The options of `penstock deploy`, `request` and `deployments`. What they do is in `serving`, imported when called."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["deploy", "deployments", "request"]

_Project = Annotated[str, typer.Option(help="The project.")]
_Server = Annotated[str, typer.Option("--server", envvar="PENSTOCK_SERVER", help="URL of the server.")]
_Key = Annotated[str | None, typer.Option("--key", envvar="PENSTOCK_KEY", help="Key, if the server wants one.")]
_URL = "http://127.0.0.1:8080"


def deploy(
    folder: Annotated[Path, typer.Argument(help="A folder with a deployment.py.", metavar="DIR")],
    name: Annotated[str | None, typer.Option(help="What it is called.  [default: the folder's name]")] = None,
    version: Annotated[str, typer.Option(help="Which version of it.")] = "v1",
    takes: Annotated[
        str | None,
        typer.Option("--input", help="Its input fields.  [default: plain data]", metavar="NAME:TYPE,..."),
    ] = None,
    gives: Annotated[
        str | None,
        typer.Option("--output", help="Its output fields.  [default: plain data]", metavar="NAME:TYPE,..."),
    ] = None,
    project: _Project = "default",
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Send code to a server and wait until it answers requests.

    What is there already is kept: the deployment, the version, and code that
    serves until the new one does. Exit status 1 if the code cannot be built.
    """
    from penstock.cli import serving

    serving.deploy(serving.Api(server, key, project), folder, name, version, takes, gives)


def request(
    name: Annotated[str, typer.Argument(help="A pipeline, or else a deployment.")],
    data: Annotated[
        list[str] | None,
        typer.Option("--data", "-d", help="What to send: JSON, a text for plain data, or @FILE; may be repeated."),
    ] = None,
    version: Annotated[str | None, typer.Option(help="Which version.  [default: the default one]")] = None,
    batch: Annotated[bool, typer.Option("--batch", help="Accept all at once, and wait for them together.")] = False,
    timeout: Annotated[int | None, typer.Option(min=10, help="Seconds until it is given up.")] = None,
    project: _Project = "default",
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Ask a pipeline or a deployment and print its result as JSON, one line for each input.

    Exit status 1 if a request fails; what failed in it is on standard error.
    """
    from penstock.cli import serving

    serving.request(serving.Api(server, key, project), name, data or [], version, is_batch=batch, timeout_s=timeout)


deployments = typer.Typer(help="Look at deployments.", no_args_is_help=True)


@deployments.command("list")
def _list(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    project: _Project = "default",
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Print the deployments of a project with their versions."""
    from penstock.cli import serving

    serving.list_deployments(serving.Api(server, key, project), as_json=as_json)


@deployments.command("logs")
def _logs(
    name: Annotated[str, typer.Argument(help="The deployment.")],
    version: Annotated[str | None, typer.Option(help="One version only.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted.")] = False,
    project: _Project = "default",
    server: _Server = _URL,
    key: _Key = None,
) -> None:
    """Print what a deployment's workers wrote, and what became of its builds."""
    from penstock.cli import serving

    serving.show_logs(serving.Api(server, key, project), name, version, follows=follow)
