"""`penstock runs` and `penstock why`: the runs of a server, over its native HTTP API, so from another machine as well.

`commands` what each command does, `server` the requests, `tree` how a run is drawn, `text` its Markdown and the words
for times.
"""

from penstock.cli.runs.commands import list_runs, retry_run, show_logs, show_run, stop_run, why_cached
from penstock.cli.runs.server import Server

__all__ = ["Server", "list_runs", "retry_run", "show_logs", "show_run", "stop_run", "why_cached"]
