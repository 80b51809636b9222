"""What a running circuit does for its durability: checkpoints on request, on an interval and before it stops.

Without a directory nothing is kept; without a model of fault tolerance only what is asked for.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.services.circuits.built import build
from penstock.services.circuits.connectors import Connectors
from penstock.services.circuits.durability.checkpoints import CheckpointUnusable
from penstock.services.circuits.durability.keeper import Keeper, journal_of
from penstock.services.circuits.durability.manifest import Manifest
from penstock.services.circuits.durability.restart import Restart, restart
from penstock.services.circuits.hub import Hub
from penstock.services.circuits.intake import Intake
from penstock.services.circuits.link import RemoteError
from penstock.services.circuits.stepper import Stepper
from penstock.sql.plan.nodes import Program

__all__ = ["Durability", "Keeping"]

NONE, AT_LEAST_ONCE, EXACTLY_ONCE = "none", "at_least_once", "exactly_once"
_DELIVERY_WAIT_S = 10.0
"""What is not delivered by then is kept with the checkpoint."""


@dataclass(frozen=True, slots=True)
class Durability:
    """How a circuit is to be kept.

    Attributes:
        directory: where; None for nowhere.
        model: `none`: as of the last checkpoint that was asked for. `at_least_once`: with a journal that survives the
            end of the process. `exactly_once`: with one that is on disk before an output is seen.
        interval_s: seconds between checkpoints; None for none by itself.
        carry_over: see `process.Engine.open`.
    """

    directory: Path | None
    model: str = NONE
    interval_s: float | None = None
    carry_over: str = "allow"

    @staticmethod
    def of(settings: Mapping[str, Any], directory: str | None, carry_over: str) -> Durability:
        """Read the settings of a circuit."""
        given = settings.get("fault_tolerance") or {}
        model = given.get("model") or NONE
        interval = given.get("checkpoint_interval_secs")
        place = None if directory is None else Path(directory)
        return Durability(place, model, interval if model != NONE else None, carry_over)

    def restart(self, program: Program, compile_program: Callable[[str], Program]) -> Restart:
        """Return the circuit as it was kept; an empty one if it was not. Raises: as `restart`."""
        if self.directory is None:
            return Restart(build(program), {})
        return restart(self.directory, program, compile_program, self.carry_over)

    def keeping(
        self,
        restarted: Restart,
        program: str,
        intake: Intake,
        hub: Hub,
        stepper: Stepper,
        connectors: Connectors,
        log: Callable[[str], None],
    ) -> Keeping:
        """Return what keeps a circuit. Raises: RemoteError if its inputs do not allow the model."""
        if self.model != NONE and connectors.not_resumable:
            names = ", ".join(map(repr, connectors.not_resumable))
            raise RemoteError(
                "FtWithNonFtInput", f"fault tolerance needs inputs that can go on from where they were: {names} cannot"
            )
        keeper = None
        if self.directory is not None:
            began_us = time.time_ns() // 1000 if restarted.manifest is None else restarted.manifest.began_us
            keeper = Keeper(
                self.directory,
                restarted.built,
                intake,
                hub,
                program=program,
                relations=restarted.relations,
                began_us=began_us,
            )
        return Keeping(self, keeper, stepper, intake, connectors, log)


class Keeping:
    """Makes checkpoints, one at a time. keeper: None where nothing is kept."""

    def __init__(
        self,
        durability: Durability,
        keeper: Keeper | None,
        stepper: Stepper,
        intake: Intake,
        connectors: Connectors,
        log: Callable[[str], None],
    ) -> None:
        self._durability = durability
        self._keeper = keeper
        self._stepper = stepper
        self._intake = intake
        self._connectors = connectors
        self._log = log
        self._one = asyncio.Lock()
        self._periodic: asyncio.Task[None] | None = None
        self._last: Manifest | None = None
        self._busy = False

    async def open(self, *, is_new: bool, is_changed: bool) -> None:
        """Begin to keep the circuit, before its first step. is_changed: its program is not the one that was kept."""
        keeper, directory = self._keeper, self._durability.directory
        if keeper is None or directory is None:
            return
        keeps_journal = self._durability.model != NONE
        if is_changed or (keeps_journal and is_new):
            # A journal follows a checkpoint of the same program, so there is one from the beginning.
            await self._checkpoint()
        if not keeps_journal:
            shutil.rmtree(directory / "journal", ignore_errors=True)
            return
        journal = journal_of(directory, synced=self._durability.model == EXACTLY_ONCE)

        def begin() -> None:
            keeper.journal = journal
            self._stepper.keeper = keeper

        await asyncio.wrap_future(self._stepper.do(begin))
        if self._durability.interval_s is not None:
            self._periodic = asyncio.create_task(self._keep_on(self._durability.interval_s), name="checkpoints")

    async def checkpoint(self) -> dict[str, Any]:
        """Make a checkpoint. Raises: RemoteError."""
        manifest = await self._checkpoint()
        return {"id": manifest.id, "steps": manifest.steps, "records": manifest.records, "bytes": manifest.size_bytes}

    async def suspend(self) -> dict[str, Any]:
        """Take in what requests have queued, take no more steps, make a checkpoint. Raises: RemoteError."""
        if reasons := self.permanent_errors():
            raise RemoteError("SuspendRefused", f"the circuit cannot be kept: {reasons}", reasons)
        if self._stepper.transaction is not None:
            raise RemoteError("TransactionInProgress", "a transaction is in progress; commit it, then stop the circuit")
        self._connectors.halt()
        # An output that takes nothing would hold the last steps back for ever: its queue is kept with the checkpoint.
        self._stepper.hurry(True)
        await asyncio.to_thread(self._intake.drain, lambda: self._stepper.running)
        was_running = self._stepper.running
        self._stepper.set_running(False)
        await asyncio.to_thread(self._connectors.wait_idle, _DELIVERY_WAIT_S)
        try:
            return await self.checkpoint()
        except RemoteError:
            self._connectors.go_on()
            self._stepper.hurry(False)
            self._stepper.set_running(was_running)
            raise

    def permanent_errors(self) -> list[Any]:
        """Return why no checkpoint can be made of this circuit, ever."""
        reasons: list[Any] = [] if self._keeper is not None else ["StorageRequired"]
        return reasons + [{"UnsupportedInputEndpoint": name} for name in self._connectors.not_resumable]

    def report(self) -> dict[str, Any]:
        """Return what there is to know of checkpoints."""
        last = self._last
        return {
            "permanent_errors": self.permanent_errors(),
            "temporary_errors": ["TransactionInProgress"] if self._stepper.transaction is not None else [],
            "is_busy": self._busy,
            "last_id": None if last is None else last.id,
            "storage_bytes": 0 if last is None else last.size_bytes,
            "duration_s": None if self._keeper is None else self._keeper.last_s,
            "began_us": None if self._keeper is None else self._keeper.began_us,
        }

    async def _checkpoint(self) -> Manifest:
        keeper, stepper = self._keeper, self._stepper
        if reasons := self.permanent_errors():
            raise RemoteError("CheckpointRefused", f"no checkpoint can be made of this circuit: {reasons}", reasons)
        assert keeper is not None
        async with self._one:
            self._busy = True
            try:
                id, pid = await asyncio.wrap_future(
                    stepper.do_between_transactions(
                        lambda: keeper.begin(
                            stepper.initiated_steps,
                            stepper.processed_records,
                            stepper.processed_bytes,
                            stepper.clock_us,
                        )
                    )
                )
                self._last = await keeper.end(id, pid)
            except (CheckpointUnusable, OSError) as error:
                self._log(f"ERROR no checkpoint was made: {error}")
                raise RemoteError("CheckpointFailed", str(error)) from error
            finally:
                self._busy = False
        return self._last

    async def _keep_on(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            if self._last is None or self._last.steps != self._stepper.initiated_steps:
                try:
                    await self._checkpoint()
                except RemoteError:
                    continue  # it is in the log; the journal goes on from the checkpoint before
