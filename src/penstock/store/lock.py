"""One server per data directory.

An advisory lock of the operating system on a file in the directory: it goes with the process, however that ends, so
there is no stale lock to clean up. The file holds the owner's process id, for the message only.
"""

import fcntl
import os
from pathlib import Path

from penstock.kernel.errors import Unavailable

__all__ = ["DirectoryLock"]

LOCK_FILE = "penstock.lock"


class DirectoryLock:
    """Held from its making until `release`."""

    def __init__(self, directory: Path) -> None:
        """Create the directory if need be, and lock it.

        Raises: Unavailable if another process holds it, or the directory cannot be written.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._fd = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(
                f"the data directory {str(directory)!r} cannot be used: {error.strerror}; name another with --data",
                retryable=False,
            ) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise Unavailable(
                f"the data directory {str(directory)!r} is in use by another server, process {owner or 'unknown'}; "
                "stop that one, or name another directory with --data"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others have the directory. Calling it again does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
