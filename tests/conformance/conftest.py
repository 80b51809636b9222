"""These tests are run by `run.py`, with a client's own environment and a server: otherwise they are not collected."""

import os

if "CONFORMANCE_SERVER" not in os.environ:
    collect_ignore_glob = ["*"]
