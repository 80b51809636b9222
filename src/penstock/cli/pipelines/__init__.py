"""`penstock sql deploy`, `start`, `watch` …: standing pipelines of a server, over HTTP.

`commands` what each command does, `feeding` sends files, `profiling` shows where time and memory go, `progress`
waits, `server` the requests.
"""

from penstock.cli.pipelines.commands import clear, deploy, listed, pause, query, start, stop, watch
from penstock.cli.pipelines.feeding import ingest
from penstock.cli.pipelines.profiling import profile
from penstock.cli.pipelines.server import Server

__all__ = ["Server", "clear", "deploy", "ingest", "listed", "pause", "profile", "query", "start", "stop", "watch"]
