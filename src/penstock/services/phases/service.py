"""What dialects ask of data phases before anything runs: whether a flow is right, and what its stages would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from penstock.kernel.errors import Unavailable
from penstock.kernel.flows import Flow
from penstock.services.circuits.errand import Errand, ErrandFailed
from penstock.services.circuits.process import RequestFailed

__all__ = ["ActionCheck", "Checked", "Errands", "Fault", "Phases"]


class Errands(Protocol):
    """Gives forks of the warm process."""

    async def errand(self, operation: str, on_event: Any) -> Errand: ...

    async def warm(self) -> None: ...

    @property
    def pid(self) -> int | None: ...


class ActionCheck(msgspec.Struct, frozen=True):
    """An action or condition to be checked. role: `action` or `condition`."""

    name: str
    role: str
    type: str
    properties: dict[str, str]
    hidden: tuple[str, ...] = ()


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a stage; see `ports.transform.Finding`."""

    stage: str
    message: str
    correction: str | None = None
    property: str | None = None
    element: str | None = None
    others: tuple[tuple[str, str | None], ...] = ()
    input_field: str | None = None
    output_field: str | None = None
    input_stage: str | None = None


class StageSchemas(msgspec.Struct, frozen=True):
    """JSON forms of a stage's schemas; None where one is not known."""

    outputs: dict[str, dict[str, Any] | None]
    rejected: dict[str, Any] | None = None


class Checked(msgspec.Struct, frozen=True):
    """What came of a check."""

    faults: tuple[Fault, ...]
    stages: dict[str, StageSchemas]


class Phases:
    """Checks of flows, each in a fork of the warm process."""

    def __init__(self, engine: Errands) -> None:
        self._engine = engine

    async def check(self, flow: Flow, actions: Sequence[ActionCheck] = ()) -> Checked:
        """Find everything that is wrong with a flow, and the schemas of its stages. Raises: Unavailable."""
        request = {"flow": msgspec.to_builtins(flow), "actions": msgspec.to_builtins(list(actions))}
        try:
            errand = await self._engine.errand("phase", lambda name, value: None)
        except RequestFailed as error:
            raise Unavailable(f"the pipeline cannot be checked: {error.message}") from error
        try:
            return msgspec.convert(await errand.call("check", request), Checked)
        except ErrandFailed as error:
            raise Unavailable(f"the pipeline cannot be checked: {error.message}") from error
        finally:
            await errand.close()

    @property
    def engine_pid(self) -> int | None:
        """The warm process's id, if it runs."""
        return self._engine.pid

    async def warm(self) -> None:
        """Have the warm process loaded by the time it is needed."""
        await self._engine.warm()
