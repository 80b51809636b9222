"""`penstock serve`."""

from penstock.boot.config import read_settings
from penstock.boot.logs import configure_logs

__all__ = ["run"]


def run(**options: object) -> None:
    """Serve until told to stop; options are settings, None where not given."""
    settings = read_settings(None, **options)
    configure_logs(settings.log_level, as_json=settings.log_json)
    # After the settings are known to be good: this import is most of the start.
    from penstock.boot.serve import serve

    serve(settings, _announce)


def _announce(url: str) -> None:
    print(f"penstock is ready at {url}", flush=True)
