"""All commands and their options. What a command does is in a module of its own, imported when it is called, so that
`penstock --help` answers at once."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from penstock import __version__
from penstock.cli import demo_app, etl_app, runs_app, serving_app, sql_app

__all__ = ["main"]

app = typer.Typer(
    name="penstock",
    help="One pipeline server, many dialects.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # otherwise `[default: …]` would be taken for markup and vanish
)


def main() -> None:
    """Run the command line; an error of ours becomes one line on standard error and exit status 1."""
    from penstock.kernel.errors import PenstockError

    try:
        app()
    except PenstockError as error:
        print(f"penstock: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        sys.exit(1)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"penstock {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command("serve")
def _serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0 for any free one.  [default: 8080]")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Directory for everything the server keeps.  [default: ./penstock-data]")
    ] = None,
    cold: Annotated[
        bool, typer.Option("--cold", help="Load the SQL engine only when the first program needs it.")
    ] = False,
    oidc_issuer: Annotated[
        str | None, typer.Option(help="Identity provider whose users may come in; switches authentication on.")
    ] = None,
    oidc_audience: Annotated[
        str | None, typer.Option(help="What their tokens must be meant for.  [default: penstock]")
    ] = None,
    oidc_client_id: Annotated[
        str | None, typer.Option(help="As what a browser asks the identity provider for a token.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen beyond this machine although anybody could give orders.")
    ] = False,
    log_json: Annotated[bool, typer.Option("--log-json", help="One JSON object per log line.")] = False,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.  [default: info]")] = None,
) -> None:
    """Start the server; prints one line with its URL when it accepts requests.

    Every option can also be given as an environment variable, such as PENSTOCK_PORT, and there are more settings than
    options. PENSTOCK_OWNER_KEY and --oidc-issuer switch authentication on.
    """
    from penstock.cli.serve import run

    run(
        host=host,
        port=port,
        data=data,
        warm=False if cold else None,
        oidc_issuer=oidc_issuer,
        oidc_audience=oidc_audience,
        oidc_client_id=oidc_client_id,
        insecure=insecure or None,
        log_json=log_json or None,
        log_level=log_level,
    )


app.add_typer(sql_app.sql, name="sql")
app.add_typer(runs_app.runs, name="runs")
app.add_typer(runs_app.why, name="why")
app.add_typer(demo_app.demo, name="demo")
app.add_typer(etl_app.etl, name="etl")
app.command("deploy")(serving_app.deploy)
app.command("request")(serving_app.request)
app.add_typer(serving_app.deployments, name="deployments")
