"""Tie a process's life to its parent's, so that nothing outlives a server that was killed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have this process killed when its parent, which must have the given id, ends for any reason.

    Source: prctl(2), PR_SET_PDEATHSIG; the setting is not inherited by children. Elsewhere than on Linux the end of the
    link does the same a little later.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # the parent ended before the setting took effect
