"""An environment with a released client, made on first use and kept beside this program's own packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from penstock.kernel.errors import Unavailable

__all__ = ["ClientEnvironment"]


@dataclass(frozen=True, slots=True)
class ClientEnvironment:
    """What pip is asked for, under a short name."""

    name: str
    requirement: str

    @property
    def place(self) -> Path:
        """Return where it is kept; another interpreter or another requirement is another environment."""
        key = sha256(f"{self.requirement} {sys.version}".encode()).hexdigest()[:12]
        return Path(sys.prefix) / "demo" / f"{self.name}-{key}"

    def is_made(self) -> bool:
        """Tell whether it is there already."""
        return (self.place / "bin" / "python").exists()

    def python(self, scratch: Path) -> Path:
        """Return its interpreter. Where nothing can be kept, it is made in a directory that goes with the demo.

        Raises: Unavailable if the client cannot be installed.
        """
        place = self.place
        if self.is_made():
            return place / "bin" / "python"
        try:
            place.parent.mkdir(exist_ok=True)
            making = Path(tempfile.mkdtemp(prefix="making-", dir=place.parent))
        except OSError:
            place = making = scratch / "client"
        try:
            self._run(sys.executable, "-m", "venv", str(making))
            self._run(str(making / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input", self.requirement)
            if making != place and not self.is_made():
                making.rename(place)
        finally:
            if making != place:
                shutil.rmtree(making, ignore_errors=True)
        return place / "bin" / "python"

    def _run(self, *argv: str) -> None:
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise Unavailable(
                f"the client cannot be installed: {said[-1] if said else f'exit status {done.returncode}'}",
                hint=f"the demo needs a package index; or name an interpreter that has {self.name} with --client",
            )
