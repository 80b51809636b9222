"""One generation of the client, with the command line of its time."""

try:
    import ubiops  # noqa: F401
except ImportError:
    # Collected without the client's environment: `tests/conformance/run.py` is what runs these.
    collect_ignore_glob = ["test_*.py"]
