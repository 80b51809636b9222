"""Where compiled kernels are kept, and what must not have changed for them to be taken from there.

numba asks whether a kernel's own source file is as it was. The code of the kernels that it calls is part of it too, and
so are the numbers that it takes from other modules: after a change of those, in an upgrade as in development, a kept
kernel would go on with what it was compiled with, at the cost of wrong answers or of the process.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numba import config
from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator
from numba.core.dispatcher import Dispatcher
from numba.extending import _Intrinsic

__all__ = ["BesideSource", "OfUser", "WhereTold", "keep_kernels", "stamp_of"]

_stamps: dict[str, bytes] = {}


def keep_kernels() -> None:
    """Have kernels kept where numba would keep them, by what they depend on."""
    places = (WhereTold, BesideSource, OfUser)
    config.CACHE_LOCATOR_CLASSES = ",".join(f"{place.__module__}.{place.__name__}" for place in places)


def stamp_of(module: str, variables: Mapping[str, Any]) -> bytes:
    """Return a digest of a module's source, of the modules whose kernels it calls, and of the numbers it takes over.

    It is made when the module's first kernel is, and known from then on: what is imported is there by then.
    """
    if module in _stamps:
        return _stamps[module]
    digest = hashlib.sha256(Path(str(variables["__file__"])).read_bytes())
    for name, value in sorted(_numbers(variables)):
        digest.update(f"{name}={value!r};".encode())
    for other in sorted({home for value in variables.values() if (home := _home(value))} - {module}):
        digest.update(stamp_of(other, vars(sys.modules[other])))
    return _stamps.setdefault(module, digest.digest())


def _numbers(variables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in variables.items():
        if isinstance(value, int | float | np.number | np.bool_):
            yield name, value


def _home(value: object) -> str | None:
    """Return the module of a compiled function of ours, None for anything else."""
    function: Callable[..., Any] | None = None
    if isinstance(value, Dispatcher):
        function = value.py_func
    elif isinstance(value, _Intrinsic):
        function = value._defn
    home = None if function is None else function.__module__
    return home if home in sys.modules and hasattr(sys.modules[home], "__file__") else None


class _Dependent:
    """A place for kernels that are valid as long as all that they were compiled from is as it was."""

    def __init__(self, py_func: Any, py_file: str) -> None:
        super().__init__(py_func, py_file)  # type: ignore[call-arg]
        self._stamp = stamp_of(py_func.__module__, py_func.__globals__)

    def get_source_stamp(self) -> bytes:
        """Return what a kept kernel must have been compiled from."""
        return self._stamp


class WhereTold(_Dependent, UserProvidedCacheLocator):  # type: ignore[misc]
    """The directory in the setting NUMBA_CACHE_DIR, if there is one."""


class BesideSource(_Dependent, InTreeCacheLocator):  # type: ignore[misc]
    """The source's own folder, if it can be written to."""


class OfUser(_Dependent, UserWideCacheLocator):  # type: ignore[misc]
    """The user's folder for caches."""
