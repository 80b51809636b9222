"""Runs the peers: makes each one's environment when it is first asked for, and starts its program there."""

from __future__ import annotations

import json
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

from bench.cache import cache_directory

__all__ = ["PEERS", "measure_peer"]

PROGRAMS = Path(__file__).parent / "peers"
LIMIT_S = 1800


@dataclass(frozen=True, slots=True)
class Peer:
    """An orchestrator: what packages are installed, and the program that measures it."""

    name: str
    packages: tuple[str, ...]
    program: str


PEERS = (Peer("luigi", ("luigi>=3.6",), "luigi_peer.py"), Peer("dagster", ("dagster>=1.8",), "dagster_peer.py"))


def measure_peer(peer: Peer, steps: int, rounds: int) -> dict[str, object]:
    """Return the seconds of each round, and the version; or why there are none."""
    try:
        python = _environment(peer)
        command = [str(python), str(PROGRAMS / peer.program), str(steps), str(rounds)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
        version = subprocess.run(
            [str(python), "-c", f"from importlib.metadata import version; print(version({peer.name!r}))"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    except subprocess.CalledProcessError as error:
        return {"failure": f"{' '.join(map(str, error.cmd[:2]))}: {(error.stderr or '').strip()[-500:]}"}
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"failure": str(error)}
    seconds: dict[str, list[float]] = json.loads(done.stdout.strip().splitlines()[-1])
    return {"version": version, "seconds": seconds}


def _environment(peer: Peer) -> Path:
    home = cache_directory() / f"{peer.name}-venv"
    python, mark = home / "bin" / "python", home / "installed"
    if not mark.exists():
        venv.create(home, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.packages]
        subprocess.run(install, check=True, capture_output=True, text=True)
        mark.touch()
    return python
