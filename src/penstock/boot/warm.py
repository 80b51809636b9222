"""Load the engine once, so that its kernels are compiled and kept before anybody waits for them.

    python -m penstock.boot.warm

Kernels are compiled when their modules are loaded and kept beside them on disk; the first load on a machine takes a
minute or so, later ones about a second. Run it after installing and when building an image.
"""

import sys
import time

__all__ = ["main", "warm"]


def warm() -> float:
    """Load all that the engine's process loads; return how many seconds it took."""
    began = time.perf_counter()
    import penstock.boot.engine  # noqa: F401 - loading is the point

    return time.perf_counter() - began


def main() -> None:
    """Warm and say how long it took."""
    print(f"engine loaded in {warm():.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
