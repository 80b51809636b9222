"""Keeps what a running circuit has: makes checkpoints of it between two steps, and writes its journal.

A checkpoint is written by a fork of the process, which holds the state as it was between two steps, while the circuit
goes on.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import penstock
from penstock.data.batch import Batch
from penstock.data.portable import encode_changes
from penstock.services.circuits.built import Built
from penstock.services.circuits.durability.checkpoints import Checkpoints, CheckpointUnusable
from penstock.services.circuits.durability.endpoints import input_state
from penstock.services.circuits.durability.journal import Delivered, Journal, StepTaken
from penstock.services.circuits.durability.manifest import InputState, Manifest
from penstock.services.circuits.durability.state import write_state
from penstock.services.circuits.hub import Hub
from penstock.services.circuits.intake import Intake, Taken
from penstock.services.circuits.lifeline import die_with

__all__ = ["Keeper", "checkpoints_of", "journal_of"]


def checkpoints_of(directory: Path) -> Checkpoints:
    """Return the checkpoints of the circuit that has this directory."""
    return Checkpoints(directory / "checkpoints")


def journal_of(directory: Path, *, synced: bool) -> Journal:
    """Return the journal of the circuit that has this directory."""
    return Journal(directory / "journal", synced=synced)


class Keeper:
    """The checkpoints and the journal of one running circuit.

    program: its text. relations: its fingerprints. began_us: when it was first started, microseconds since 1970.
    journal: None for a circuit that is kept as of its last checkpoint only.
    """

    def __init__(
        self,
        directory: Path,
        built: Built,
        intake: Intake,
        hub: Hub,
        *,
        program: str,
        relations: Mapping[str, str],
        began_us: int,
    ) -> None:
        self._checkpoints = checkpoints_of(directory)
        self._built = built
        self._intake = intake
        self._hub = hub
        self._program = program
        self._relations = dict(relations)
        self.journal: Journal | None = None
        self.began_us = began_us
        self._delivered: tuple[int, ...] = ()
        self.last_s: float | None = None
        self._types = {name: [c.type for c in layout.columns] for name, layout in built.layouts.items()}

    # ---- the journal; on the stepping thread

    def took(self, step: int, clock_us: int | None, inputs: Mapping[str, Batch], taken: list[Taken]) -> None:
        """Write what a step takes in, before anybody sees what comes of it. The intake has noted it already."""
        if self.journal is None:
            return
        pool = self._built.pool
        tables = {name: encode_changes(batch, self._types[name], pool) for name, batch in inputs.items()}
        with self._intake.lock:
            ends = {head.endpoint.name: head.endpoint for part in taken for head in part.heads}
            states = tuple(map(input_state, ends.values()))
        records, size = sum(part.records for part in taken), sum(part.bytes for part in taken)
        self.journal.append(StepTaken(step, clock_us, tables, states, records, size))
        if self.journal.is_synced:
            self._keeps(states)

    def _keeps(self, states: Iterable[InputState]) -> None:
        """Note that the circuit does not go back behind these places any more."""
        with self._intake.lock:
            for state in states:
                if (endpoint := self._intake.endpoints.get(state.name)) is not None:
                    endpoint.is_kept, endpoint.kept = True, state.place

    def delivered(self) -> None:
        """Note how far declared outputs have come, if they have."""
        if self.journal is None or not self.journal.is_begun:
            return
        states = tuple(outlet.state(with_queue=False) for outlet in self._hub.outlets)
        now = tuple(state.step for state in states)
        if states and now != self._delivered:
            self._delivered = now
            self.journal.append(Delivered(states))

    # ---- checkpoints

    def begin(self, steps: int, records: int, size: int, clock_us: int | None) -> tuple[str, int]:
        """Have a fork write a checkpoint; on the stepping thread, between two steps. Returns its id and the fork's."""
        for outlet in self._hub.outlets:
            outlet.flush_buffer()
        with self._intake.lock:
            inputs = tuple(input_state(endpoint) for endpoint in self._intake.endpoints.values())
            for endpoint in self._intake.endpoints.values():
                if not endpoint.is_kept:  # from now on the circuit may go back to here
                    endpoint.is_kept, endpoint.kept = True, endpoint.mark[0]
        manifest = Manifest(
            id=str(uuid.uuid4()),
            made_at_us=time.time_ns() // 1000,
            engine=penstock.__version__,
            program=self._program,
            relations=self._relations,
            steps=steps,
            records=records,
            input_bytes=size,
            clock_us=clock_us,
            began_us=self.began_us,
            inputs=inputs,
            outputs=tuple(outlet.state(with_queue=True) for outlet in self._hub.outlets),
        )
        if self.journal is not None:
            self.journal.roll()
        return manifest.id, self._fork(manifest)

    async def end(self, id: str, pid: int) -> Manifest:
        """Wait for the fork and give the checkpoint its name. Raises: CheckpointUnusable if it was not written."""
        began = time.monotonic()
        _, status = await asyncio.get_running_loop().run_in_executor(None, os.waitpid, pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            self._checkpoints.tidy()
            raise CheckpointUnusable(f"the process that wrote checkpoint {id} ended with status {code}; see the log")
        manifest = self._checkpoints.publish(id)
        if self.journal is None or not self.journal.is_synced:
            self._keeps(manifest.inputs)
        if self.journal is not None:
            self.journal.drop(manifest.steps)
        self.last_s = time.monotonic() - began
        return manifest

    def _fork(self, manifest: Manifest) -> int:
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # about threads: the fork uses none of their state
            pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            die_with(parent)
            os.nice(5)
            write_state(self._checkpoints, manifest, self._built.circuit.snapshot_parts())
            status = 0
        except BaseException as error:
            os.write(2, f"checkpoint {manifest.id} could not be written: {error}\n".encode())
        finally:
            os._exit(status)
