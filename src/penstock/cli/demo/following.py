"""Views as the sums of their changes: each is followed by a thread of its own and can be looked at any time."""

import threading
from collections import Counter
from collections.abc import Iterable
from http.client import HTTPException

from penstock.cli.demo.client import PipelineClient, Record
from penstock.kernel.errors import PenstockError

__all__ = ["FollowedView", "follow"]


class FollowedView:
    """The contents of one view as far as its changes have come in."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.change_count = 0
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._columns: tuple[str, ...] = ()
        self._weights: Counter[tuple[object, ...]] = Counter()

    def rows(self) -> list[Record]:
        """Return the rows that are there now."""
        with self._lock:
            return [dict(zip(self._columns, row, strict=True)) for row in self._weights.elements()]

    def take(self, changes: list[Record]) -> None:
        """Add a group of changes."""
        self._ready.set()
        with self._lock:
            for change in changes:
                for kind, record in change.items():
                    self._columns = self._columns or tuple(record)
                    row = tuple(record[name] for name in self._columns)
                    weight = self._weights[row] + (1 if kind == "insert" else -1)
                    if weight:
                        self._weights[row] = weight
                    else:
                        del self._weights[row]
            self.change_count += len(changes)

    def run(self, client: PipelineClient) -> None:
        """Follow the view until the server ends it. A server that goes away is for the main thread to notice."""
        try:
            for changes in client.changes(self.name):
                self.take(changes)
        except (PenstockError, OSError, HTTPException):
            pass
        finally:
            self._ready.set()

    def wait_until_followed(self, timeout_s: float) -> bool:
        """Wait for the server's first word."""
        return self._ready.wait(timeout_s)


def follow(client: PipelineClient, names: Iterable[str], timeout_s: float = 30.0) -> dict[str, FollowedView]:
    """Start to follow views; returns when the server sends their changes."""
    views = {name: FollowedView(name) for name in names}
    for view in views.values():
        threading.Thread(target=view.run, args=(client,), name=f"follow-{view.name}", daemon=True).start()
    for view in views.values():
        view.wait_until_followed(timeout_s)
    return views
