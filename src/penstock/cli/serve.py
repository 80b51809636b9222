"""`penstock serve`."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from penstock.boot.config import read_settings
from penstock.boot.logs import configure_logs

__all__ = ["run"]


def run(**options: object) -> None:
    """Serve until told to stop; options are settings, None where not given."""
    settings = read_settings(None, **options)
    configure_logs(settings.log_level, as_json=settings.log_json)
    # After the settings are known to be good: this import is most of the start.
    with _hasty_imports():
        from penstock.boot.serve import serve

    serve(settings, _announce)


@contextmanager
def _hasty_imports() -> Iterator[None]:
    """Import without looking for garbage, of which there is none yet: a tenth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _announce(url: str) -> None:
    print(f"penstock is ready at {url}", flush=True)
