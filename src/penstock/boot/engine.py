"""The entry of the engine's process: load everything heavy, then fork for each request.

    python -m penstock.boot.engine FD

FD is the number of the inherited control socket. The server's own process never runs this module.
"""

import os
import sys

# One thread until the fork: glibc's allocator instead of Arrow's own, whose helper is kept from starting; no BLAS pool.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import socket

import pyarrow as pa

import penstock.boot.languages  # noqa: F401 - a program may bring functions
from penstock.boot.adapters import KIT
from penstock.boot.phases import PHASES
from penstock.services.circuits import compilation, host, zygote
from penstock.services.circuits.durability import fetching
from penstock.services.circuits.lifeline import die_with
from penstock.services.phases import child

__all__ = ["main"]

_HANDLERS = {
    "compile": compilation.run,
    "open": lambda end: host.run(end, KIT),
    "fetch": lambda end: fetching.run(end, KIT.objects),
    "phase": lambda end: child.serve(end, PHASES),
}


def main(arguments: list[str]) -> None:
    """Serve requests on the control socket until the server goes away."""
    die_with(os.getppid())
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    with socket.socket(fileno=int(arguments[0])) as control:
        zygote.serve(control, _HANDLERS)
    sys.stdout.flush()
    os._exit(0)  # nothing is open, and taking down the loaded libraries would cost time and noise


if __name__ == "__main__":
    main(sys.argv[1:])
