"""Servers of a test's own, on free ports, to be killed and started again: Redis, NATS, PostgreSQL."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_START_S = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class PrivateServer:
    """One server process.

    command: what starts it; user: as whom, None for whoever we are; probe: a command that succeeds when it is ready.
    """

    def __init__(
        self,
        port: int,
        command: Sequence[str],
        directory: Path,
        user: str | None = None,
        probe: Sequence[str] | None = None,
    ) -> None:
        self.port = port
        self._probe = probe
        self._command = list(command)
        self._directory = directory
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self._spawn()
        _until(self._is_ready, f"{self._command[0]} does not answer on port {self.port}")

    def _spawn(self) -> None:
        with open(self._directory / "output", "ab") as output:
            self._process = subprocess.Popen(
                self._command, stdout=output, stderr=output, user=self._user, start_new_session=True
            )

    def _is_ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            # PostgreSQL does not start while processes of the one that was killed are still about to end.
            self._spawn()
            return False
        if self._probe is None:
            return _answers(self.port)
        return subprocess.run(self._probe, capture_output=True).returncode == 0

    def kill(self) -> None:
        """End it as a crash would, with all its processes."""
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.wait()
            _until(lambda: not _answers(self.port), "the port is still taken")
            self._process = None


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _until(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _START_S
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(otherwise)
        time.sleep(0.02)


def program(name: str, *elsewhere: str) -> str:
    """Return the path of a server's program; the test is skipped if it is not on this machine."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *elsewhere]))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@contextmanager
def redis_server(directory: Path) -> Iterator[PrivateServer]:
    """Run a Redis that keeps on disk what it has acknowledged."""
    port = free_port()
    options = ["--port", str(port), "--dir", str(directory), "--appendonly", "yes", "--appendfsync", "always"]
    yield from _run(PrivateServer(port, [program("redis-server"), *options, "--save", ""], directory))


@contextmanager
def nats_server(directory: Path) -> Iterator[PrivateServer]:
    """Run a NATS with JetStream that keeps its streams on disk."""
    port = free_port()
    options = ["-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(directory / "streams")]
    yield from _run(PrivateServer(port, [program("nats-server"), *options], directory))


@contextmanager
def postgres_server() -> Iterator[PrivateServer]:
    """Run a PostgreSQL with logical replication; its user is postgres, who needs no password."""
    initdb = program("initdb", *(str(path) for path in Path("/usr/lib/postgresql").glob("*/bin")))
    # What is on the path may be a link: the server stands beside the program itself.
    postgres = Path(initdb).resolve().parent / "postgres"
    user = None
    if os.geteuid() == 0:
        # The server refuses to run as root.
        user = next((name for name in ("postgres", "nobody") if _is_user(name)), None)
        if user is None:
            pytest.skip("PostgreSQL does not run as root, and there is no other user")
    # Not below pytest's directories: every run of pytest closes those to other users.
    with tempfile.TemporaryDirectory(prefix="penstock-postgres-") as directory:
        cluster = Path(directory, "cluster")
        if user is not None:
            shutil.chown(directory, user)
        made = subprocess.run(
            [initdb, "-D", cluster, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"],
            user=user,
            cwd="/",
            capture_output=True,
        )
        if made.returncode:
            pytest.skip(f"initdb failed: {made.stderr.decode()[-300:]}")
        port = free_port()
        settings = ("wal_level=logical", "listen_addresses=127.0.0.1", f"unix_socket_directories={directory}")
        options = [part for setting in settings for part in ("-c", setting)]
        command = [str(postgres), "-D", str(cluster), "-p", str(port), *options]
        probe = [str(postgres.with_name("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(port)]
        yield from _run(PrivateServer(port, command, Path(directory), user, probe))


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _run(server: PrivateServer) -> Iterator[PrivateServer]:
    server.start()
    try:
        yield server
    finally:
        server.kill()
