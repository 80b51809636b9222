"""The directory of one attempt: where everything is put, and what is collected.

    <steps>/<run>/shared/<name>     directories that steps of the run share
    <steps>/<run>/<attempt>/        home, tmp, work, user (what the step installs), in, out
                            fs/     stands for the root of the file system: absolute paths of the command's files
                            begun, ended    the launcher's marks

Commands written for a container have absolute paths in them (`/tmp/outputs/x/data`). Those that the step declares are
replaced by their place below `fs`, wherever they occur in arguments, variables and given files.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from penstock.execute.values import TaskValues, read_secrets
from penstock.kernel.errors import Invalid, NotFound
from penstock.kernel.expr import Expr, ExprFailed, ListOf, Raw, as_text, evaluate
from penstock.kernel.graph import Command, InputFile, OutputFile
from penstock.kernel.runs import Result
from penstock.kernel.values import ABSENT, Absent, Artifact, Value, artifact_of
from penstock.ports.blobs import BlobStore
from penstock.ports.executor import ReadSecret, Task

__all__ = ["Workspace"]

MAX_PARAMETER_BYTES = 4 << 20
"""The longest output parameter; longer ones should be artifacts."""
_CHUNK_BYTES = 1 << 20


class Workspace:
    """The directory of one attempt of a command. Making one touches no disk."""

    def __init__(self, steps: Path, task: Task) -> None:
        assert isinstance(task.work, Command), "only commands have a directory"
        self.command = task.work
        self.task = task
        self.run_directory = steps / task.run
        self.directory = self.run_directory / hashlib.sha256(task.attempt.encode()).hexdigest()[:20]
        self._mapped: dict[str, str] = {}
        self._places: dict[tuple[str, str], str] = {}
        self._lay_out()
        self._rewrite = _rewriter(self._mapped)
        facts: dict[str, Value] = {"step.directory": str(self.directory / "work")}
        self.values = TaskValues(task, self._places, facts)

    @property
    def working_directory(self) -> Path:
        """Where the command starts."""
        wanted = self.command.working_directory
        return Path(self._mapped.get(wanted, wanted)) if wanted else self.directory / "work"

    @property
    def shared(self) -> list[Path]:
        """Directories outside its own that the command may write to."""
        return [Path(path) for path in self._mapped.values() if not path.startswith(f"{self.directory}/")]

    @property
    def mounts(self) -> dict[str, Path]:
        """Directories that the command was promised, and where they are."""
        return {path: Path(self._mapped[path]) for path in self.command.directories if path in self._mapped}

    def argv(self) -> list[str]:
        """Return program and arguments. Raises: ExprFailed, Invalid."""
        members = evaluate(ListOf(self.command.argv), self.values)
        argv = [self._rewrite(as_text(member)) for member in members] if isinstance(members, list) else []
        if not argv:
            raise Invalid("the command is empty")
        if any("\0" in argument for argument in argv):
            raise Invalid("an argument holds a NUL byte")
        return argv

    def env(self) -> dict[str, str]:
        """Return the command's own variables. Raises: ExprFailed that names the variable."""
        result = {}
        for name, expr in self.command.env.items():
            try:
                value = evaluate(expr, self.values)
            except ExprFailed as error:
                raise error.within(f"variable {name}") from None
            if not isinstance(value, Absent):
                result[name] = self._rewrite(as_text(value))
        return result

    def stdin(self) -> str | None:
        """Return the text for its standard input. Raises: ExprFailed."""
        if self.command.stdin is None:
            return None
        value = evaluate(self.command.stdin, self.values)
        return None if isinstance(value, Absent) else self._rewrite(as_text(value))

    async def prepare(self, blobs: BlobStore, read_secret: ReadSecret) -> None:
        """Make the directory and put everything into it. Raises: ExprFailed, Invalid, NotFound."""
        self.values.secrets = await read_secrets(self.task, read_secret)
        # A few system calls on a local disk: a thread would cost more than it saves.
        self._make_directories()
        for file in self.command.files:
            await self._put(file, blobs)

    async def collect(self, blobs: BlobStore, exit_code: int) -> Result:
        """Read what the command left. Raises: ExprFailed, Invalid that names what is missing or wrong."""
        outputs: dict[str, Value] = {}
        artifacts: dict[str, Artifact] = {}
        for file in self.command.outputs:
            path = self._found(file, Path(self._places["outputs", _place_name(file)]), outputs)
            if file.is_artifact:
                artifact = await self._artifact(file, path, blobs)
                if artifact is not None:
                    artifacts[file.name] = artifact
            else:
                value = self._parameter(file, path)
                if not isinstance(value, Absent):
                    outputs[file.name] = value
        return Result(outputs, artifacts, exit_code)

    def _found(self, file: OutputFile, path: Path, outputs: dict[str, Value]) -> Path:
        """Return where an output is: at its place, unless the command says that it is elsewhere in its directory."""
        if file.found_at is None:
            return path
        said = evaluate(file.found_at, _Left(self.values, outputs))
        if not isinstance(said, str) or not said.startswith("/"):
            return path
        elsewhere = Path(said).resolve()
        is_own = elsewhere.is_relative_to(self.directory.resolve())
        return elsewhere if is_own and elsewhere.exists() else path

    def remove(self) -> None:
        """Remove the directory. Blocks."""
        shutil.rmtree(self.directory, onerror=_make_writable)

    # Places.

    def _lay_out(self) -> None:
        root = self.directory / "fs"
        for path, name in self.command.directories.items():
            self._map(path, self.run_directory / "shared" / _safe(name) if name is not None else _below(root, path))
        for index, input_file in enumerate(self.command.files):
            target = _below(root, input_file.path) if input_file.path else self.directory / "in" / str(index) / "data"
            target = self._inside(input_file.path, target)
            self._places["inputs", input_file.name] = str(target)
            self._map(input_file.path, target)
        for index, output_file in enumerate(self.command.outputs):
            chosen = self.directory / "out" / str(index) / "data"
            target = _below(root, output_file.path) if output_file.path else chosen
            target = self._inside(output_file.path, target)
            self._places["outputs", _place_name(output_file)] = str(target)
            self._places.setdefault(("outputs", output_file.name), str(target))
            self._map(output_file.path, target)

    def _inside(self, path: str | None, target: Path) -> Path:
        """A file in a directory that is mapped lies in what that is mapped to."""
        if path is None:
            return target
        for outer, place in sorted(self._mapped.items(), key=lambda entry: -len(entry[0])):
            if path.startswith(f"{outer.rstrip('/')}/") and outer in self.command.directories:
                return Path(place) / path[len(outer.rstrip("/")) + 1 :]
        return target

    def _map(self, path: str | None, target: Path) -> None:
        if path is not None and path.startswith("/"):
            self._mapped[path] = str(target)

    def _make_directories(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("home", "tmp", "work"):
            (self.directory / name).mkdir(exist_ok=True)
        for path in self.command.directories:
            Path(self._mapped.get(path, self.directory / "work")).mkdir(parents=True, exist_ok=True)
        for place in self._places.values():
            Path(place).parent.mkdir(parents=True, exist_ok=True)
        if self.command.working_directory:
            self.working_directory.mkdir(parents=True, exist_ok=True)

    # Input.

    async def _put(self, file: InputFile, blobs: BlobStore) -> None:
        target = Path(self._places["inputs", file.name])
        if file.content is not None:
            value = evaluate(file.content, self.values)
            if not isinstance(value, Absent):
                await asyncio.to_thread(target.write_text, self._rewrite(as_text(value)), "utf-8")
            return
        if file.name not in self.task.artifacts:
            if not file.is_optional:
                raise Invalid(f"the step was not given the artifact {file.name!r}")
            del self._places["inputs", file.name]
            return
        await self._put_value(file.name, self.task.artifacts[file.name], target, blobs)

    async def _put_value(self, name: str, value: Value, target: Path, blobs: BlobStore) -> None:
        if isinstance(value, list):
            await asyncio.to_thread(target.mkdir)
            for index, member in enumerate(value):
                await self._put_value(name, member, target / str(index), blobs)
            return
        try:
            artifact = artifact_of(value)
        except ValueError as error:
            raise Invalid(f"what was given as artifact {name!r} is none: {error}") from None
        if artifact.sha256 is None:
            return  # only pointed at; the step has its `uri`
        try:
            await self._put_content(artifact, artifact.sha256, target, blobs)
        except NotFound:
            raise NotFound(f"the content of artifact {name!r} is not stored any more") from None

    async def _put_content(self, artifact: Artifact, sha256: str, target: Path, blobs: BlobStore) -> None:
        place = target.with_name(f"{target.name}.tar") if artifact.is_directory else target
        with place.open("wb") as file:
            async for chunk in blobs.open(sha256):
                await asyncio.to_thread(file.write, chunk)
        if artifact.is_directory:
            await asyncio.to_thread(_unpack, place, target)

    # Output.

    def _parameter(self, file: OutputFile, path: Path) -> Value | Absent:
        try:
            with path.open("rb") as opened:
                content = opened.read(MAX_PARAMETER_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            if file.default is not None:
                return evaluate(file.default, self.values)
            if file.is_optional:
                return ABSENT
            raise Invalid(f"the step did not write its output {file.name!r} ({file.path or path})") from None
        except IsADirectoryError:
            raise Invalid(f"the output {file.name!r} is a directory; a parameter is a text") from None
        if len(content) > MAX_PARAMETER_BYTES:
            raise Invalid(f"the output {file.name!r} is longer than {MAX_PARAMETER_BYTES} bytes; make it an artifact")
        try:
            text = content.decode()
        except UnicodeDecodeError:
            raise Invalid(f"the output {file.name!r} is no UTF-8 text; make it an artifact") from None
        return text.removesuffix("\n") if file.trims_newline else text

    async def _artifact(self, file: OutputFile, path: Path, blobs: BlobStore) -> Artifact | None:
        uri = evaluate(file.uri, self.values) if file.uri is not None else None
        is_directory = await asyncio.to_thread(path.is_dir)
        if not is_directory and not await asyncio.to_thread(path.is_file):
            if not file.is_optional:
                raise Invalid(f"the step did not write its output {file.name!r} ({file.path or path})")
            if file.uri is None:
                return None
            return Artifact(file.name, uri=_text_or_none(uri), type=file.type, metadata=file.metadata)
        if is_directory:
            packed = await asyncio.to_thread(_pack, path, self.directory / "tmp")
            blob = await blobs.put(_chunks(packed))
        else:
            blob = await blobs.put(_chunks(path))
        return Artifact(
            file.name, blob.sha256, blob.size_bytes, is_directory, _text_or_none(uri), file.type, dict(file.metadata)
        )


@dataclass(slots=True)
class _Left:
    """What is seen after the command: all of before, and the parameters that it left."""

    values: TaskValues
    outputs: dict[str, Value]

    def look_up(self, leaf: Expr) -> Value | Absent:
        if isinstance(leaf, Raw):
            return self.outputs.get(leaf.name, ABSENT)
        return self.values.look_up(leaf)


def _text_or_none(value: Value | Absent) -> str | None:
    return None if value is None or isinstance(value, Absent) else as_text(value)


def _place_name(file: OutputFile) -> str:
    """Parameters and artifacts are named apart."""
    return f"{'artifact' if file.is_artifact else 'parameter'} {file.name}"


def _below(root: Path, path: str) -> Path:
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    return root.joinpath(*parts)


def _safe(name: str) -> str:
    is_harmless = name.replace("-", "").replace("_", "").isalnum() and name.isascii() and len(name) < 100
    return name if is_harmless else hashlib.sha256(name.encode()).hexdigest()[:20]


def _rewriter(mapped: dict[str, str]) -> Callable[[str], str]:
    if not mapped:
        return lambda text: text
    longest_first = sorted(mapped, key=len, reverse=True)
    # Not inside a longer name or path, except behind a scheme (`file:///data`).
    pattern = re.compile(r"(?:(?<![\w./-])|(?<=://))(" + "|".join(map(re.escape, longest_first)) + r")(?![\w-]|\.\w)")
    return lambda text: pattern.sub(lambda found: mapped[found[1]], text)


def _pack(directory: Path, scratch: Path) -> Path:
    """Write a directory as a tar that depends on names and contents only."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        return info

    descriptor, name = tempfile.mkstemp(suffix=".tar", dir=scratch)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(directory.rglob("*")):
            tar.add(path, str(path.relative_to(directory)), recursive=False, filter=plain)
    return Path(name)


def _unpack(packed: Path, target: Path) -> None:
    target.mkdir()
    with tarfile.open(packed) as tar:
        tar.extractall(target, filter="data")
    packed.unlink()


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk


def _make_writable(function: Callable[..., object], path: str, info: object) -> None:
    """A step may have taken away the right to remove its own files."""
    try:
        os.chmod(Path(path).parent, 0o700)
        function(path)
    except (OSError, TypeError):
        # Gone already, or, if it was to be opened, not to be had: `function` then takes more than a path.
        return
