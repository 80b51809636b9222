"""What `penstock sql deploy`, `start`, `pause`, `stop`, `clear`, `list`, `watch` and `query` do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table

from penstock.cli.pipelines.progress import until, until_taken_in
from penstock.cli.pipelines.server import Server
from penstock.kernel.errors import Invalid, NotFound

__all__ = ["chosen", "clear", "deploy", "listed", "pause", "query", "start", "stop", "watch"]

COMPILED: Final = ("Success", "SqlError", "RustError", "SystemError")
UP: Final = ("Running", "Paused")


def deploy(server: Server, file: Path, name: str | None, *, starts: bool, changed: str, waits: bool = False) -> None:
    """Give a pipeline the program of a file, compile it, start it; waits: until inputs that end have been taken in.

    Raises: Invalid; typer.Exit with status 1 if the program is wrong or the pipeline does not get up.
    """
    program = _read(file)
    name = name or file.stem
    present = _present(server, name)
    if present is None:
        server.create(name, program)
    elif present["program_code"] != program:
        if not (_is_down(present) and present["deployment_desired_status"] == "Stopped"):
            stop(server, name, force=False)
        server.edit(name, program)
    shown = until(server, name, "compiling", lambda shown: shown["program_status"] in COMPILED)
    if shown["program_status"] != "Success":
        _tell_errors(file, server.show(name, "all")["program_error"])
    print(f"{name} is compiled")
    if starts:
        start(server, name, paused=False, changed=changed, waits=waits)


def start(server: Server, name: str | None, *, paused: bool, changed: str, waits: bool = False) -> None:
    """Start a pipeline, or have a paused one go on; waits: until inputs that end have been taken in.

    Raises: typer.Exit with status 1 if it does not get up; WrongState if it stops while it takes in.
    """
    name = chosen(server, name)
    status = server.show(name)["deployment_status"]
    if status == "AwaitingApproval" and changed == "allow":
        server.act(name, "approve")
    elif status in UP:
        server.act(name, "pause" if paused else "resume")
    else:
        policy = {"ask": "await_approval"}.get(changed, changed)
        server.act(name, "start", initial="paused" if paused else "running", bootstrap_policy=policy)
    wanted = "Paused" if paused else "Running"
    shown = until(server, name, "starting", lambda shown: _has_ended(shown) or shown["deployment_status"] == wanted)
    if shown["deployment_status"] == "AwaitingApproval":
        diff = (shown["deployment_runtime_status_details"] or {}).get("approval_diff")
        print(f"{name} waits for approval: its program is not that of its state", file=sys.stderr)
        print(json.dumps(diff, indent=2), file=sys.stderr)
        print("  go on from the state with: penstock sql start --changed allow", file=sys.stderr)
        raise typer.Exit(1)
    if shown["deployment_status"] != wanted:
        error = shown["deployment_error"] or {"message": f"it is {shown['deployment_status']}"}
        print(f"penstock: {name} did not start: {error['message']}", file=sys.stderr)
        raise typer.Exit(1)
    print(f"{name} is {wanted.lower()}")
    if waits and not paused:
        until_taken_in(server, name)


def pause(server: Server, name: str | None) -> None:
    """Have a pipeline take nothing in until it is started again."""
    name = chosen(server, name)
    server.act(name, "pause")
    until(server, name, "pausing", lambda shown: shown["deployment_status"] in ("Paused", "Stopped"))
    print(f"{name} is paused")


def stop(server: Server, name: str | None, *, force: bool) -> None:
    """Stop a pipeline, with a checkpoint that the next start goes on from unless force."""
    name = chosen(server, name)
    server.act(name, "stop", force="true" if force else "false")
    label = "stopping" if force else "keeping the state, then stopping"
    shown = until(server, name, label, lambda shown: _is_down(shown) or shown["deployment_desired_status"] != "Stopped")
    if not _is_down(shown):
        print(f"penstock: {name} did not stop, it is {shown['deployment_status']}", file=sys.stderr)
        raise typer.Exit(1)
    print(f"{name} is stopped")
    if shown["deployment_error"]:
        print(f"  its last error: {shown['deployment_error']['message']}", file=sys.stderr)


def clear(server: Server, name: str | None, *, deletes: bool) -> None:
    """Drop the state of a stopped pipeline; deletes: and the pipeline itself."""
    name = chosen(server, name)
    shown = server.show(name)
    if not _is_down(shown):
        hint = f"stop it first: penstock sql stop {name} --force"
        raise Invalid(f"{name} is {shown['deployment_status'].lower()}; only a stopped pipeline is cleared", hint=hint)
    server.act(name, "clear")
    until(server, name, "clearing", lambda shown: bool(shown["storage_status"] == "Cleared"))
    if deletes:
        server.delete(name)
    print(f"{name} is {'deleted' if deletes else 'cleared'}")


def listed(server: Server) -> None:
    """Print all pipelines, what they do and what is wrong with them."""
    table = Table("pipeline", "program", "status", "state", "error", box=None, pad_edge=False)
    pipelines = server.pipelines()
    for shown in pipelines:
        error = (shown["deployment_error"] or {"message": ""})["message"].partition("\n")[0]
        states = (shown["program_status"], shown["deployment_status"], shown["storage_status"])
        table.add_row(shown["name"], *states, error)
    if pipelines:
        Console(width=None if sys.stdout.isatty() else 140, highlight=False).print(table)
    else:
        print("there is no pipeline; make one with: penstock sql deploy FILE.sql")


def watch(server: Server, name: str | None, relation: str, *, snapshot: bool, form: str) -> None:
    """Print each change of a table or view as it comes, until the pipeline stops."""
    name = chosen(server, name, "with --pipeline")
    signs = {"insert": "+", "delete": "-"}
    for message in server.changes(name, relation, snapshot=snapshot):
        for change in message.get("json_data") or ():
            if form == "json":
                print(json.dumps(change, ensure_ascii=False), flush=True)
                continue
            for kind, row in change.items():
                print(signs.get(kind, kind), json.dumps(row, ensure_ascii=False), flush=True)


def query(server: Server, name: str | None, sql: str, form: str) -> None:
    """Print the result of a query on the state as it is now."""
    for piece in server.query(chosen(server, name, "with --pipeline"), sql, form):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def chosen(server: Server, name: str | None, how: str = "after the command") -> str:
    """Return the pipeline that is meant: the one that is named, or the only one; how: one is named. Raises: Invalid."""
    if name is not None:
        return name
    names: list[str] = [shown["name"] for shown in server.pipelines()]
    if not names:
        raise Invalid("there is no pipeline", hint="make one with: penstock sql deploy FILE.sql")
    if len(names) > 1:
        raise Invalid(f"there are {len(names)} pipelines: {', '.join(names)}", hint=f"name one {how}")
    return names[0]


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"cannot read {str(file)!r}: {getattr(error, 'strerror', None) or error}") from None


def _present(server: Server, name: str) -> dict[str, Any] | None:
    try:
        return server.show(name, "all")
    except NotFound:
        return None


def _has_ended(shown: dict[str, Any]) -> bool:
    is_given_up = _is_down(shown) and shown["deployment_desired_status"] == "Stopped"
    return is_given_up or bool(shown["deployment_error"]) or shown["deployment_status"] == "AwaitingApproval"


def _is_down(shown: dict[str, Any]) -> bool:
    return bool(shown["deployment_status"] == "Stopped")


def _tell_errors(file: Path, error: dict[str, Any]) -> None:
    for found in (error.get("sql_compilation") or {}).get("messages", ()):
        place = f"{file}:{found['start_line_number']}:{found['start_column']}"
        print(f"{place}: {found['error_type']}: {found['message']}")
        if found["snippet"]:
            print(found["snippet"])
    if error.get("system_error"):
        print(f"penstock: {error['system_error']}", file=sys.stderr)
    raise typer.Exit(1)
