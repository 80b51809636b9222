"""`penstock sql profile`: what each operator of a running pipeline has taken in, gives out, keeps and costs."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table

from penstock.cli.pipelines.commands import chosen
from penstock.cli.pipelines.server import Server

__all__ = ["draw", "profile"]


def profile(server: Server, name: str | None, *, form: str, every_s: float | None, most: int) -> None:
    """Print a pipeline's operators, the costliest first; every_s: again and again, with what came in between."""
    name = chosen(server, name)
    now = server.profile(name)
    if form == "json":
        print(json.dumps(now, ensure_ascii=False, indent=2))
        return
    console = Console(width=None if sys.stdout.isatty() else 140)
    if every_s is None:
        console.print(draw(now, None, most))
        return
    with Live(draw(now, None, most), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(every_s)
            before, now = now, server.profile(name)
            live.update(draw(now, before, most), refresh=True)


def draw(now: dict[str, Any], before: dict[str, Any] | None, most: int) -> RenderableType:
    """Return the table of the `most` costliest operators. before: an earlier profile, to show what came since."""
    operators: list[dict[str, Any]] = now["operators"]
    earlier = {o["id"]: o for o in before["operators"]} if before else {}

    def since(operator: dict[str, Any], key: str) -> int:
        known = earlier.get(operator["id"])
        return int(operator[key]) - (int(known[key]) if known else 0)

    total_ns = sum(since(o, "time_ns") for o in operators) or 1
    kept = f"state {sum(int(o['state_bytes']) for o in operators) / 1e6:,.1f} MB"
    values = f"values {int(now['pool_bytes']) / 1e6:,.1f} MB"
    memory = f"memory {int(now['memory_bytes']) / 1e6:,.1f} MB, on disk {int(now['spilled_bytes']) / 1e6:,.1f} MB"
    what = "since the last look" if before else "since the start"
    table = Table(title=f"{now['steps']:,} steps; {what}", caption=f"{kept} and {values}; {memory}")
    table.add_column("operator")
    for title in ("from", "rows in", "rows out", "rows kept", "kept MB", "time ms", "share"):
        table.add_column(title, justify="right")
    for operator in sorted(operators, key=lambda o: -since(o, "time_ns"))[:most]:
        spent = since(operator, "time_ns")
        table.add_row(
            f"{operator['id']} {operator['operator']}",
            ", ".join(map(str, operator["inputs"])),
            f"{since(operator, 'rows_in'):,}",
            f"{since(operator, 'rows_out'):,}",
            f"{sum(operator['state_rows'].values()):,}",
            f"{int(operator['state_bytes']) / 1e6:,.1f}",
            f"{spent / 1e6:,.1f}",
            f"{100 * spent / total_ns:.0f} %",
        )
    return table
