"""The warm process: everything heavy is loaded once, then each request is served by a fork of it.

A request arrives on the control socket as one packet [operation, id] that carries one end of a fresh socket pair; all
else goes over that pair, so this process never looks at a program or a row and cannot be brought down by one. It has
one thread and no open connection. When a fork ends its exit status is reported on the control socket. When the
server goes away the control socket ends, and with it every fork (they ask the kernel to be killed with their parent).
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec

from penstock.services.circuits.lifeline import die_with

_PACKET_BYTES = 1 << 12
KILL = "kill"

Handler = Callable[[socket.socket], None]


def serve(control: socket.socket, handlers: Mapping[str, Handler]) -> None:
    """Fork a child for each request until the control socket ends. A handler owns its socket; then its fork exits."""
    children: dict[int, int] = {}
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    os.set_blocking(woken, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's ^C is the server's to handle
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    gc.collect()
    gc.freeze()  # forks share these objects' pages for longer if the collector leaves them alone
    while True:
        ready, _, _ = select.select([control.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap(control, children)
        if control.fileno() in ready and not _accept(control, handlers, children, (woken, wakes)):
            break
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _accept(
    control: socket.socket, handlers: Mapping[str, Handler], children: dict[int, int], pipe: tuple[int, int]
) -> bool:
    """Serve one packet; False at the end of the control socket."""
    packet, fds, _, _ = socket.recv_fds(control, _PACKET_BYTES, 1)
    if not packet:
        return False
    operation, number = msgspec.msgpack.decode(packet, type=tuple[str, int])
    if operation == KILL:
        for pid, owner in children.items():
            if owner == number:
                os.kill(pid, signal.SIGKILL)  # not reaped yet, so the id is still this child's
        return True
    parent = os.getpid()
    pid = os.fork()
    if pid:
        children[pid] = number
        os.close(fds[0])
        return True
    status = 1
    try:
        die_with(parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for inherited in (*pipe, control.fileno()):
            os.close(inherited)
        handlers[operation](socket.socket(fileno=fds[0]))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _reap(control: socket.socket, children: dict[int, int]) -> None:
    while children:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        number = children.pop(pid, None)
        if number is not None:
            with suppress(OSError):
                control.send(msgspec.msgpack.encode((number, pid, os.waitstatus_to_exitcode(status))))
