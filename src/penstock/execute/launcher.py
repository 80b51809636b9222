"""The launcher: a small process that starts commands, keeps their logs and notes how they ended.

    python -I -S launcher.py DIRECTORY

It is a program of its own, so that commands live on when the server is killed and restarted: the next server connects
to `DIRECTORY/launcher.sock` and hears what ended in the meantime. A launcher nobody talks to for `ORPHAN_GRACE_S`
kills what runs and ends, so nothing is left behind for ever. If the launcher itself is killed, its commands are killed
with it by the kernel, and the server reports them as lost. Only the standard library is loaded, and little of it, so
that forking stays cheap.

Messages are lines of JSON. To the launcher: launch, kill, hello, quit. From it: started, ended, logged, hello.
"""

import ctypes
import json
import os
import resource
import selectors
import signal
import socket
import struct
import sys
import time
import traceback
from typing import Any, NoReturn

PROTOCOL = 1
ORPHAN_GRACE_S = 60.0
READ_BYTES = 1 << 16
LINE_BYTES = 1 << 18
WATCH_S = 0.25
"""How often the memory of commands with a limit is looked at."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PR_SET_NO_NEW_PRIVS = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_WRITES = 0x1FF2
"""The rights of Landlock to write and remove files, to remove directories, and to make anything in a directory."""
_MOVES, _TRUNCATES = 1 << 13, 1 << 14
"""Further ones, since its versions 2 and 3. Source: landlock(7)."""


class Command:
    """One command that was started and whose end has not been noted."""

    def __init__(self, order: dict[str, Any], pid: int, log: int, pipes: dict[int, str]) -> None:
        self.id: str = order["id"]
        self.directory: str = order["directory"]
        self.memory_bytes = order.get("memory_bytes")
        self.pid = pid
        self.log = log
        self.pipes = pipes
        self.partial = dict.fromkeys(pipes, b"")
        self.status: int | None = None
        self.reason: str | None = None
        self.kill_at: float | None = None
        self.drain_until: float | None = None


class Launcher:
    """Serves one server at a time, and goes on without one for a while."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.commands: dict[str, Command] = {}
        self.by_pid: dict[int, Command] = {}
        self.selector = selectors.DefaultSelector()
        self.peer: socket.socket | None = None
        self.incoming = b""
        self.alone_since: float | None = time.monotonic()
        self.is_quitting = False

    def serve(self) -> None:
        """Listen until told to quit, or left alone for too long."""
        if sys.platform == "linux":
            self.libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        woken, wakes = os.pipe()
        for end in (woken, wakes):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        path = os.path.join(self.directory, "launcher.sock")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # A path of a socket is at most 107 bytes long, so it is named from within its directory.
        os.chdir(self.directory)
        listener.bind("launcher.sock")
        os.chmod("launcher.sock", 0o600)
        listener.listen(1)
        with open("launcher.pid", "w") as file:
            file.write(str(os.getpid()))
        os.write(1, b"ready\n")
        os.close(1)
        os.open(os.devnull, os.O_WRONLY)
        self.selector.register(listener, selectors.EVENT_READ, "listener")
        self.selector.register(woken, selectors.EVENT_READ, "child")
        while not (self.is_quitting and not self.commands):
            for key, _ in self.selector.select(self._patience_s()):
                try:
                    self._attend(key, listener)
                except Exception:
                    # A defect met with one command must not take the others along; this goes to launcher.log.
                    traceback.print_exc()
            self._reap()
            self._look_around()
        os.unlink(path)

    def _attend(self, key: selectors.SelectorKey, listener: socket.socket) -> None:
        if key.data == "listener":
            self._accept(listener)
        elif key.data == "child":
            os.read(key.fd, 4096)
        elif key.data == "peer":
            if self.peer is not None:
                self._hear()
        else:
            self._read(key.data, key.fd)

    # The server.

    def _accept(self, listener: socket.socket) -> None:
        peer, _ = listener.accept()
        # What the former server asked for before it died is still to be read.
        while self.peer is not None and self._hear():
            pass
        self._hang_up()
        peer.setblocking(False)
        self.peer, self.alone_since = peer, None
        self.selector.register(peer, selectors.EVENT_READ, "peer")

    def _hear(self) -> bool:
        """Read and obey what is there; False if that is nothing."""
        assert self.peer is not None
        try:
            data = self.peer.recv(READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return False
        *lines, self.incoming = (self.incoming + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return True

    def _hang_up(self) -> None:
        if self.peer is not None:
            self.selector.unregister(self.peer)
            self.peer.close()
        self.peer, self.incoming, self.alone_since = None, b"", time.monotonic()

    def _obey(self, order: dict[str, Any]) -> None:
        operation = order["op"]
        if operation == "launch":
            self._launch(order)
        elif operation == "kill":
            self._kill(order["id"], order["reason"], order["grace_s"])
        elif operation == "hello":
            self._tell({"event": "hello", "protocol": PROTOCOL, "pid": os.getpid(), "live": list(self.commands)})
        elif operation == "quit":
            self.is_quitting = True
            for id in list(self.commands):
                self._kill(id, "the server ended it", 0)

    def _tell(self, message: dict[str, Any]) -> None:
        if self.peer is None:
            return
        try:
            self.peer.setblocking(True)
            self.peer.settimeout(10)
            self.peer.sendall(json.dumps(message).encode() + b"\n")
            self.peer.setblocking(False)
        except OSError:
            self._hang_up()

    # Commands.

    def _launch(self, order: dict[str, Any]) -> None:
        begun = os.path.join(order["directory"], "begun")
        try:
            os.close(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return  # launched before
        log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        out, out_write = os.pipe()
        err, err_write = os.pipe()
        problem, problem_write = os.pipe2(os.O_CLOEXEC)
        launcher = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become(order, launcher, out_write, err_write, problem_write)
        for end in (out_write, err_write, problem_write):
            os.close(end)
        with os.fdopen(problem, "rb") as reader:
            complaint = reader.read()
        command = Command(order, pid, log, {out: "out", err: "err"})
        if complaint:
            command.reason = complaint.decode(errors="replace")
        self.commands[command.id] = self.by_pid[pid] = command
        for pipe in command.pipes:
            os.set_blocking(pipe, False)
            self.selector.register(pipe, selectors.EVENT_READ, command)
        self._tell({"event": "started", "id": command.id, "pid": pid})

    def _become(self, order: dict[str, Any], launcher: int, out: int, err: int, problem: int) -> NoReturn:
        """In the child: become the command. Never returns."""
        step = "prepare"
        try:
            if sys.platform == "linux":
                self.libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != launcher:
                os._exit(125)
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            stdin = os.open(order.get("stdin") or os.devnull, os.O_RDONLY)
            os.dup2(stdin, 0)
            os.dup2(out, 1)
            os.dup2(err, 2)
            os.dup2(problem, 3, inheritable=False)
            os.closerange(4, 4096)
            os.umask(0o077)
            for name, limit in order.get("limits", {}).items():
                number = getattr(resource, name)
                hard = resource.getrlimit(number)[1]
                bound = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
                resource.setrlimit(number, (bound, bound))
            step = f"enter {order['cwd']!r}"
            os.chdir(order["cwd"])
            if order.get("writable") is not None:
                step = "confine the command"
                _confine(self.libc, order["writable"])
            step = f"run {order['argv'][0]!r}"
            os.execvpe(order["argv"][0], order["argv"], order["env"])
        except OSError as error:
            os.write(3, f"cannot {step}: {error.strerror}".encode())
        except BaseException as error:
            os.write(3, f"cannot {step}: {error}".encode())
        finally:
            os._exit(127)

    def _kill(self, id: str, reason: str, grace_s: float) -> None:
        command = self.commands.get(id)
        if command is None or command.status is not None:
            return
        if command.reason is None:
            command.reason = reason
        if grace_s > 0 and command.kill_at is None:
            command.kill_at = time.monotonic() + grace_s
            _signal_group(command.pid, signal.SIGTERM)
        else:
            _signal_group(command.pid, signal.SIGKILL)

    def _read(self, command: Command, pipe: int) -> bool:
        """Take what a command wrote; False if there is nothing more to take for now."""
        if pipe not in command.pipes:
            return False  # closed while an event of it was waiting
        try:
            data = os.read(pipe, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._close_pipe(command, pipe)
            self._note_end(command)
            return False
        *lines, rest = (command.partial[pipe] + data).split(b"\n")
        if len(rest) > LINE_BYTES:
            lines.append(rest)
            rest = b""
        command.partial[pipe] = rest
        if lines:
            self._write(command, command.pipes[pipe], lines)
        return True

    def _close_pipe(self, command: Command, pipe: int) -> None:
        self.selector.unregister(pipe)
        os.close(pipe)
        stream = command.pipes.pop(pipe)
        if rest := command.partial.pop(pipe):
            self._write(command, stream, [rest])

    def _write(self, command: Command, stream: str, lines: list[bytes]) -> None:
        prefix = f"{time.time_ns() // 1000}\t{stream}\t".encode()
        try:
            os.write(command.log, b"".join(prefix + line.rstrip(b"\r") + b"\n" for line in lines))
        except OSError:
            return  # a full disk must not take the launcher with it
        self._tell({"event": "logged", "id": command.id})

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            command = self.by_pid.pop(pid, None)
            if command is None:
                continue  # something a command left behind; it came to us when its parent ended
            command.status = os.waitstatus_to_exitcode(status)
            # Whatever is left of its group has no business any more.
            _signal_group(pid, signal.SIGKILL)
            command.drain_until = time.monotonic() + 1.0
            self._note_end(command)

    def _note_end(self, command: Command) -> None:
        """When a command has ended and its output is read, write that down and say it."""
        is_drained = not command.pipes or (command.drain_until is not None and time.monotonic() >= command.drain_until)
        if command.status is None or not is_drained or command.id not in self.commands:
            return
        del self.commands[command.id]
        self._kill_strays(command)
        for pipe in list(command.pipes):
            # Held open by a process that left the group; what the command itself wrote is in it already.
            while self._read(command, pipe):
                pass
            if pipe in command.pipes:
                self._close_pipe(command, pipe)
        if (last := _last_line(command)) is not None:
            self._write(command, "sys", [last.encode()])
        os.close(command.log)
        end = {"code": command.status, "reason": command.reason}
        path = os.path.join(command.directory, "ended")
        with open(path + ".new", "w") as file:
            json.dump(end, file)
        os.rename(path + ".new", path)
        self._tell({"event": "ended", "id": command.id, **end})

    def _kill_strays(self, command: Command) -> None:
        """Kill what left the command's group and became our child when its parent ended: it carries the mark."""
        try:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                children = [int(pid) for pid in file.read().split()]
        except OSError:
            return
        mark = f"PENSTOCK_ATTEMPT={command.id}".encode()
        for pid in children:
            if pid in self.by_pid:
                continue
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    is_ours = mark in file.read().split(b"\0")
                if is_ours:
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                continue

    # Time.

    def _patience_s(self) -> float | None:
        now = time.monotonic()
        moments = [command.kill_at - now for command in self.commands.values() if command.kill_at is not None]
        moments += [command.drain_until - now for command in self.commands.values() if command.drain_until is not None]
        if self.alone_since is not None:
            moments.append(self.alone_since + ORPHAN_GRACE_S - now)
        if any(command.memory_bytes and command.status is None for command in self.commands.values()):
            moments.append(WATCH_S)
        return max(0.0, min(moments)) if moments else None

    def _look_around(self) -> None:
        now = time.monotonic()
        for command in list(self.commands.values()):
            if command.kill_at is not None and now >= command.kill_at:
                command.kill_at = None
                if command.status is None:
                    _signal_group(command.pid, signal.SIGKILL)
            if command.memory_bytes and command.status is None and command.reason is None:
                used = _group_memory(command.pid)
                if used > command.memory_bytes:
                    limit = command.memory_bytes >> 20
                    self._kill(command.id, f"out of memory: used {used >> 20} MiB of {limit} MiB", 0)
            self._note_end(command)
        if self.alone_since is not None and now - self.alone_since >= ORPHAN_GRACE_S:
            self.is_quitting = True
            for id in list(self.commands):
                self._kill(id, f"no server for {ORPHAN_GRACE_S:g} s", 0)


def _last_line(command: Command) -> str | None:
    if command.reason is not None:
        return command.reason
    if command.status is not None and command.status < 0:
        try:
            name = signal.Signals(-command.status).name
        except ValueError:
            name = "unknown"
        hint = "; perhaps the machine was out of memory" if command.status == -signal.SIGKILL else ""
        return f"killed by signal {-command.status} ({name}){hint}"
    return None


def _confine(libc: ctypes.CDLL, writable: list[str]) -> None:
    """Have the kernel refuse this process, and all it starts, writes that are not below the given directories."""
    version = libc.syscall(_CREATE_RULESET, None, 0, 1)
    rights = _WRITES | _MOVES | (_TRUNCATES if version >= 3 else 0)
    ruleset = libc.syscall(_CREATE_RULESET, struct.pack("=Q", rights), 8, 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    for path in writable:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        if libc.syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, place), 0):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        os.close(place)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.syscall(_RESTRICT_SELF, ruleset, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.close(ruleset)


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _group_memory(group: int) -> int:
    """Return the resident bytes of all processes of a group."""
    total = 0
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not name.isdecimal():
            continue
        try:
            if os.getpgid(int(name)) == group:
                with open(f"/proc/{name}/statm") as file:
                    total += int(file.read().split()[1]) * _PAGE_BYTES
        except (OSError, ValueError):
            continue
    return total


if __name__ == "__main__":
    Launcher(sys.argv[1]).serve()
