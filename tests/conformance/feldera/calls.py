"""Which public methods of the client the tests have called, so that one can say that none is left out."""

import functools
import inspect
from typing import Any

__all__ = ["CALLED", "note_calls", "public_methods"]

CALLED: set[str] = set()
"""`Class.method` of each method that was called in this run."""


def _classes() -> tuple[type, ...]:
    from feldera import FelderaClient, Pipeline, PipelineBuilder
    from feldera.output_handler import OutputHandler

    return FelderaClient, Pipeline, PipelineBuilder, OutputHandler


def public_methods() -> set[str]:
    """Return all methods that programs may call."""
    return {f"{kind.__name__}.{name}" for kind in _classes() for name in vars(kind) if _is_method(kind, name)}


def note_calls() -> None:
    """Have every call of a public method noted from now on."""
    for kind in _classes():
        for name in [name for name in vars(kind) if _is_method(kind, name)]:
            found = vars(kind)[name]
            if isinstance(found, staticmethod):
                setattr(kind, name, staticmethod(_noting(f"{kind.__name__}.{name}", found.__func__)))
            else:
                setattr(kind, name, _noting(f"{kind.__name__}.{name}", found))


def _is_method(kind: type, name: str) -> bool:
    found = vars(kind)[name]
    return not name.startswith("_") and (inspect.isfunction(found) or isinstance(found, staticmethod))


def _noting(name: str, method: Any) -> Any:
    @functools.wraps(method)
    def noted(*arguments: Any, **named: Any) -> Any:
        CALLED.add(name)
        return method(*arguments, **named)

    return noted
