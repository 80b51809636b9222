"""The nursery: a small clean process that starts workers, reads what they write, and ends them.

    python -I -S nursery.py SOCKET_FD

It is a program of its own, so that workers are forked from something that holds nothing of the server's. It lives as
long as the server: when the server is gone, all workers are killed; when the nursery is gone, the kernel kills them.
Each worker is a process group of its own. Nothing of a request passes through here, so a worker that floods its output
or grows without end costs others nothing.

Orders come as lines of JSON on a Unix socket, `start` with the worker's socket attached: start, kill, quit. Back go
started, ended, and `lines`, which are bounded per request and per second.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import selectors
import signal
import socket
import sys
import time
import traceback
from typing import Any, NoReturn

READ_BYTES = 1 << 16
LINE_BYTES = 1 << 14
REQUEST_BYTES = 1 << 20
"""Most output of one request that is kept."""
BURST_BYTES = 4 << 20
BYTES_PER_S = 1 << 20
"""Most output of one worker that is kept, at once and in the long run."""
GATHER_S = 0.02
"""How long lines wait for more lines before they are sent."""
WATCH_S = 0.05
"""How often the memory of workers with a limit is looked at."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Output:
    """One stream of one worker: cuts it into lines, knows by marks which request they belong to."""

    def __init__(self, name: str, mark: bytes) -> None:
        self.name = name
        self.mark = mark
        self.rest = b""
        self.request: str | None = None
        self.kept_bytes = 0
        self.dropped_bytes = 0


class Worker:
    """One worker that was started and whose end has not been told."""

    def __init__(self, id: int, pid: int, memory_bytes: int | None) -> None:
        self.id = id
        self.pid = pid
        self.memory_bytes = memory_bytes
        self.outputs: dict[int, Output] = {}
        self.lines: list[tuple[int, str, str, str | None]] = []
        self.allowance = float(BURST_BYTES)
        self.filled_at = time.monotonic()
        self.status: int | None = None
        self.ended_at = 0.0
        self.reason: str | None = None


class Nursery:
    """Serves the one server that started it."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.workers: dict[int, Worker] = {}
        self.by_pid: dict[int, Worker] = {}
        self.selector = selectors.DefaultSelector()
        self.incoming = b""
        self.fds: list[int] = []
        self.outgoing = bytearray()
        self.is_quitting = False
        self.gather_until: float | None = None

    def serve(self) -> None:
        """Obey until the server is gone."""
        if sys.platform == "linux":
            self.libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            self.libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "is_quitting", True))
        woken, wakes = os.pipe()
        for end in (woken, wakes):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        self.peer.setblocking(False)
        self.selector.register(self.peer, selectors.EVENT_READ, "peer")
        self.selector.register(woken, selectors.EVENT_READ, "child")
        while not self.is_quitting:
            for key, mask in self.selector.select(self._patience_s()):
                try:
                    self._attend(key, mask)
                except Exception:
                    # A defect met with one worker must not take the others along.
                    traceback.print_exc()
            self._reap()
            self._watch_memory()
            self._tell_ends()
        for worker in self.workers.values():
            self._kill(worker)

    def _attend(self, key: selectors.SelectorKey, mask: int) -> None:
        if key.data == "peer":
            if mask & selectors.EVENT_READ:
                self._hear()
            if mask & selectors.EVENT_WRITE:
                self._flush()
        elif key.data == "child":
            os.read(key.fd, 4096)
        else:
            self._read(key.data, key.fd)

    def _patience_s(self) -> float | None:
        waits = [WATCH_S] if any(worker.memory_bytes for worker in self.workers.values()) else []
        if self.gather_until is not None:
            waits.append(max(0.0, self.gather_until - time.monotonic()))
        if any(worker.status is not None for worker in self.workers.values()):
            waits.append(0.02)
        return min(waits) if waits else None

    # The server.

    def _hear(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self.peer, READ_BYTES, 64)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        self.fds.extend(fds)
        if not data:
            self.is_quitting = True
            return
        *lines, self.incoming = (self.incoming + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if order["op"] == "start":
                self._start(order, self.fds.pop(0))
            elif order["op"] == "kill":
                worker = self.workers.get(order["id"])
                if worker is not None:
                    worker.reason = worker.reason or order.get("reason")
                    self._kill(worker)

    def _tell(self, **message: Any) -> None:
        self.outgoing += json.dumps(message).encode() + b"\n"
        self._flush()

    def _flush(self) -> None:
        try:
            while self.outgoing:
                sent = self.peer.send(self.outgoing)
                del self.outgoing[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self.is_quitting = True
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.outgoing else 0)
        self.selector.modify(self.peer, events, "peer")

    # Beginnings and ends.

    def _start(self, order: dict[str, Any], channel: int) -> None:
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            for fd in (channel, out_read, out_write, err_read, err_write):
                os.close(fd)
            self._tell(event="ended", id=order["id"], code=None, reason=f"no process can be started: {error}")
            return
        if pid == 0:
            self._become(order, channel, out_write, err_write)
        for fd in (channel, out_write, err_write):
            os.close(fd)
        worker = Worker(order["id"], pid, order.get("memory_bytes"))
        mark = order["mark"].encode()
        for fd, name in ((out_read, "out"), (err_read, "err")):
            os.set_blocking(fd, False)
            worker.outputs[fd] = Output(name, mark)
            self.selector.register(fd, selectors.EVENT_READ, worker)
        self.workers[worker.id] = self.by_pid[pid] = worker
        self._tell(event="started", id=worker.id, pid=pid)

    def _become(self, order: dict[str, Any], channel: int, out: int, err: int) -> NoReturn:
        try:
            os.setsid()
            if sys.platform == "linux":
                self.libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
                signal.signal(ignored, signal.SIG_DFL)
            for name, value in order["limits"].items():
                limit: int = getattr(resource, name)
                hard = resource.getrlimit(limit)[1]
                if hard != resource.RLIM_INFINITY:
                    value = min(value, hard)
                resource.setrlimit(limit, (value, value))
            nothing = os.open(os.devnull, os.O_RDONLY)
            # Copied out of the way first: each may be one of the numbers the others are to have.
            copies = [fcntl.fcntl(fd, fcntl.F_DUPFD, 16) for fd in (nothing, out, err, channel)]
            for number, copy in enumerate(copies):
                os.dup2(copy, number)
            os.closerange(len(copies), 1 << 20)
            os.chdir(order["cwd"])
            os.execve(order["argv"][0], order["argv"], order["env"])
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(127)

    def _kill(self, worker: Worker) -> None:
        if worker.status is None:
            try:
                os.killpg(worker.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                with contextlib.suppress(ProcessLookupError):  # it has no group of its own yet
                    os.kill(worker.pid, signal.SIGKILL)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            worker = self.by_pid.pop(pid, None)
            if worker is not None:
                worker.status, worker.ended_at = status, time.monotonic()
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)  # what it left behind

    def _tell_ends(self) -> None:
        for worker in list(self.workers.values()):
            if worker.status is None:
                continue
            if worker.outputs and time.monotonic() - worker.ended_at < 0.2:
                continue  # its last words are still in the pipes
            for fd in list(worker.outputs):
                self._close(worker, fd)
            self._send_lines(worker)
            del self.workers[worker.id]
            code = os.waitstatus_to_exitcode(worker.status)
            self._tell(event="ended", id=worker.id, code=code, reason=worker.reason)
        if self.gather_until is not None and time.monotonic() >= self.gather_until:
            self.gather_until = None
            for worker in self.workers.values():
                self._send_lines(worker)

    def _watch_memory(self) -> None:
        for worker in self.workers.values():
            if worker.memory_bytes and worker.status is None:
                try:
                    with open(f"/proc/{worker.pid}/statm", "rb") as file:
                        used = int(file.read().split()[1]) * _PAGE_BYTES
                except (OSError, IndexError):
                    continue
                if used > worker.memory_bytes:
                    limit = worker.memory_bytes >> 20
                    worker.reason = worker.reason or f"memory limit exceeded: it used more than {limit} MiB"
                    self._kill(worker)

    # Output.

    def _read(self, worker: Worker, fd: int) -> None:
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return
        output = worker.outputs[fd]
        if not data:
            self._close(worker, fd)
            return
        pieces = (output.rest + data).split(output.mark) if output.mark in output.rest + data else [output.rest + data]
        output.rest = b""
        for index, piece in enumerate(pieces):
            if index:
                self._end_request(worker, output)
                request, _, piece = piece.partition(b"\n")
                output.request = request.decode(errors="replace") or None
            self._take(worker, output, piece, is_last=index == len(pieces) - 1)
        if worker.lines and self.gather_until is None:
            self.gather_until = time.monotonic() + GATHER_S

    def _take(self, worker: Worker, output: Output, piece: bytes, *, is_last: bool) -> None:
        if output.dropped_bytes:
            cut = piece.rfind(b"\n") + 1
            output.dropped_bytes += cut or len(piece)
            output.rest = piece[-len(output.mark) :] if is_last and not cut else piece[cut:] if is_last else b""
            if len(output.rest) > LINE_BYTES:
                output.rest = output.rest[-len(output.mark) :]
            return
        *lines, rest = piece.split(b"\n")
        if len(rest) >= LINE_BYTES or (rest and not is_last):
            lines.append(rest)
            rest = b""
        output.rest = rest
        for index, line in enumerate(lines):
            if not self._admit(worker, output, len(line) + 1):
                output.dropped_bytes = sum(len(line) + 1 for line in lines[index:])
                return
            self._add(worker, output, line)

    def _admit(self, worker: Worker, output: Output, size: int) -> bool:
        now = time.monotonic()
        worker.allowance = min(BURST_BYTES, worker.allowance + (now - worker.filled_at) * BYTES_PER_S)
        worker.filled_at = now
        if output.kept_bytes + size > REQUEST_BYTES or worker.allowance < size:
            return False
        output.kept_bytes += size
        worker.allowance -= size
        return True

    def _add(self, worker: Worker, output: Output, line: bytes) -> None:
        text = line[:LINE_BYTES].decode(errors="replace").rstrip("\r")
        worker.lines.append((time.time_ns() // 1000, output.name, text, output.request))
        if len(worker.lines) >= 2000:
            self._send_lines(worker)

    def _end_request(self, worker: Worker, output: Output) -> None:
        if output.dropped_bytes:
            text = f"{output.dropped_bytes} bytes more were written and are not kept"
            worker.lines.append((time.time_ns() // 1000, "sys", text, output.request))
        output.kept_bytes = output.dropped_bytes = 0

    def _close(self, worker: Worker, fd: int) -> None:
        output = worker.outputs.pop(fd)
        self.selector.unregister(fd)
        os.close(fd)
        if output.rest and not output.dropped_bytes:
            self._add(worker, output, output.rest)
        self._end_request(worker, output)

    def _send_lines(self, worker: Worker) -> None:
        if worker.lines:
            self._tell(event="lines", id=worker.id, lines=worker.lines)
            worker.lines = []


if __name__ == "__main__":
    Nursery(socket.socket(fileno=int(sys.argv[1]))).serve()
