"""The table of `penstock sql profile`."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from penstock.cli.pipelines.profiling import draw


def profile(rows: int, steps: int) -> dict[str, Any]:
    operators = [
        {
            "id": 0,
            "operator": "table t",
            "inputs": [],
            "rows_in": rows,
            "rows_out": rows,
            "time_ns": rows * 1000,
            "state_rows": {"rows": rows},
            "state_bytes": rows * 40,
        },
        {
            "id": 1,
            "operator": "join",
            "inputs": [0, 0],
            "rows_in": 2 * rows,
            "rows_out": 7,
            "time_ns": rows * 3000,
            "state_rows": {},
            "state_bytes": 0,
        },
    ]
    sizes = {"pool_bytes": 1_500_000, "memory_bytes": 90_000_000, "spilled_bytes": 12_000_000}
    return {"steps": steps, **sizes, "operators": operators}


def text(*args: Any) -> list[str]:
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(draw(*args))
    return console.export_text().splitlines()


def test_the_costliest_operator_stands_first_with_its_share() -> None:
    lines = text(profile(2_000_000, 9), None, 10)

    assert "9 steps; since the start" in lines[0]
    rows = [line for line in lines if "│" in line and ("join" in line or "table" in line)]
    assert "1 join" in rows[0] and "75 %" in rows[0] and "4,000,000" in rows[0]
    assert "0 table t" in rows[1] and "80.0" in rows[1] and "25 %" in rows[1]
    assert "state 80.0 MB and values 1.5 MB; memory 90.0 MB, on disk 12.0 MB" in "\n".join(lines)


def test_a_second_look_shows_what_came_in_between() -> None:
    lines = text(profile(2_000_500, 12), profile(2_000_000, 9), 1)

    assert "since the last look" in lines[0]
    rows = [line for line in lines if "join" in line]
    assert "1,000" in rows[0] and "75 %" in rows[0]
    assert not any("table t" in line for line in lines)
