"""The bare echo and the peers: started as processes, waited for, ended with all they made."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path

from bench.cache import cache_directory
from bench.serving.load import Target

__all__ = ["PEERS", "bentoml", "echo"]

START_S = 180.0
HERE = Path(__file__).parent
PEERS = ("bentoml",)


@contextlib.contextmanager
def echo() -> Iterator[Target]:
    """Serve the echo."""
    port = _free_port()
    with _running([sys.executable, "-m", "bench.serving.echo", str(port)], f"http://127.0.0.1:{port}/echo"):
        yield Target(
            f"http://127.0.0.1:{port}/echo",
            lambda number: b'{"input": %d}' % number,
            lambda number, answer: answer == {"input": number},
        )


@contextlib.contextmanager
def bentoml() -> Iterator[Target]:
    """Serve the same two steps with BentoML, in an environment that is made when it is first asked for."""
    home = cache_directory() / "bentoml-venv"
    if not (home / "installed").exists():
        venv.create(home, with_pip=True, clear=True)
        install = [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "bentoml>=1.4,<1.5"]
        subprocess.run(install, check=True)
        (home / "installed").touch()
    port = _free_port()
    command = [
        str(home / "bin" / "bentoml"),
        "serve",
        "bentoml_service:Two",
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
    ]
    environment = {**os.environ, "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(home / "home")}
    url = f"http://127.0.0.1:{port}/run"
    with _running(command, url, cwd=HERE / "peers", env=environment):
        yield Target(url, lambda number: b'{"input": %d}' % number, lambda number, answer: answer == number * 2 + 5)


@contextlib.contextmanager
def _running(
    command: list[str], url: str, *, cwd: Path | None = None, env: dict[str, str] | None = None
) -> Iterator[None]:
    process = subprocess.Popen(
        command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _wait_for(process, url)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_S
    request = urllib.request.Request(url, b'{"input": 1}', {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            opener.open(request, timeout=10).read()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(process.args)} does not answer") from None  # type: ignore[arg-type]
            time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
