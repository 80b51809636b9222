"""What is to be done next, what was asked for, and which timers are set: what everything else in a run's tree uses."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from penstock.flow.effects import ClearTimer, Effect, SetTimer
from penstock.flow.tree import Level, Node

__all__ = ["Agenda"]

_SECOND_US = 1_000_000


class Agenda:
    """Everything goes over one list of things to do, so that depth of nesting and length of chains cost no stack.

    Attributes:
        now_us: the time of the event being handled.
        timers: those that are set, and when they fire.
    """

    def __init__(self) -> None:
        self.now_us = 0
        self.timers: dict[str, int] = {}
        self._todo: deque[tuple[Callable[[Node], None], Node] | tuple[Callable[[Level], None], Level]] = deque()
        self._effects: list[Effect] = []

    def ask(self, effect: Effect) -> None:
        """Ask for something."""
        self._effects.append(effect)

    def take_effects(self) -> list[Effect]:
        """Return what was asked for since the last call."""
        taken, self._effects = self._effects, []
        return taken

    def set_timer(self, timer: str, delay_s: float) -> None:
        """Have a timer fire after a delay."""
        self.timers[timer] = self.now_us + round(delay_s * _SECOND_US)
        self.ask(SetTimer(timer, self.timers[timer]))

    def clear_timer(self, timer: str) -> None:
        """Forget a timer, if it is set."""
        if self.timers.pop(timer, None) is not None:
            self.ask(ClearTimer(timer))
