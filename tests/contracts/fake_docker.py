#!/usr/bin/env python3
"""Stands in for the clients of docker and podman where neither has anything to talk to.

It knows the calls that `execute/container.py` makes (version, run, stop, inspect, rm) with the options it gives, and
does what the real ones do as far as that code can tell: a container is a process of its own session that sees the
variables and the working directory it was given and no others; it outlives a client that is killed; SIGTERM to the
client reaches it; its exit code becomes the client's; 125 means that it could not be made; a name is taken until it is
removed. It keeps nothing apart: there is no image, no file system and no network of its own. Containers and the calls
made are noted in a directory beside it.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

NOTES = Path(__file__).resolve().parent / "containers"


def main(arguments: list[str]) -> int:
    NOTES.mkdir(parents=True, exist_ok=True)
    with (NOTES / "calls").open("a") as file:
        file.write(json.dumps(arguments) + "\n")
    verb, *rest = arguments
    if (NOTES / "no daemon").exists():
        print("Cannot connect to the daemon. Is it running?", file=sys.stderr)
        return 1
    return {"version": version, "run": run, "stop": stop, "inspect": inspect, "rm": remove}[verb](rest)


def version(rest: list[str]) -> int:
    assert rest[0] == "--format"
    print("28.0.0")
    return 0


def run(rest: list[str]) -> int:
    parser = argparse.ArgumentParser()
    for flag in ("--init", "--interactive"):
        parser.add_argument(flag, action="store_true")
    for option in ("--name", "--label", "--workdir", "--entrypoint", "--user", "--userns", "--memory", "--memory-swap",
                   "--cpus", "--network"):  # fmt: skip
        parser.add_argument(option)
    for option in ("--volume", "--env", "--ulimit"):
        parser.add_argument(option, action="append", default=[])
    parser.add_argument("image")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    given = parser.parse_args(rest)
    if given.image == "missing":
        print("Unable to find image 'missing' locally", file=sys.stderr)
        return 125
    note = NOTES / given.name
    try:
        note.mkdir()
    except FileExistsError:
        print(f'Conflict. The container name "/{given.name}" is already in use', file=sys.stderr)
        return 125
    variables = {"PATH": os.defpath}
    for each in given.env:
        name, is_given, value = each.partition("=")
        if is_given or name in os.environ:
            variables[name] = value if is_given else os.environ[name]
    try:
        process = subprocess.Popen(
            [given.entrypoint, *given.arguments],
            env=variables,
            cwd=given.workdir,
            stdin=None if given.interactive else subprocess.DEVNULL,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        print(f"exec: {error}", file=sys.stderr)
        return 127
    (note / "pid").write_text(str(process.pid))
    signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGTERM))
    code = process.wait()
    return 128 - code if code < 0 else code


def stop(rest: list[str]) -> int:
    option, grace_s, name = rest
    assert option == "--time"
    if not (NOTES / name).exists():
        print(f"No such container: {name}", file=sys.stderr)
        return 1
    deadline = time.monotonic() + int(grace_s)
    send(name, signal.SIGTERM)
    while runs(name) and time.monotonic() < deadline:
        time.sleep(0.05)
    send(name, signal.SIGKILL)
    return 0


def inspect(rest: list[str]) -> int:
    print(str((NOTES / rest[-1] / "oom").exists()).lower())
    return 0


def remove(rest: list[str]) -> int:
    option, name = rest
    assert option == "--force"
    send(name, signal.SIGKILL)
    note = NOTES / name
    if note.exists():
        for file in note.iterdir():
            file.unlink()
        note.rmdir()
    return 0


def pid_of(name: str) -> int:
    deadline = time.monotonic() + 5
    note = NOTES / name / "pid"
    while note.parent.exists() and not note.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return int(note.read_text()) if note.exists() else 0


def runs(name: str) -> bool:
    try:
        return Path(f"/proc/{pid_of(name)}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def send(name: str, number: int) -> None:
    if (pid := pid_of(name)) and runs(name):
        os.killpg(pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
