"""`docs/reference/coverage-sql.md`: how many of the SQL cases pass, and every failing one with its reason.

The figures come from a run of the cases against a server, whose results are kept in `tests/sql/cases`. After a run:

    python -m tests.docs.coverage_sql REPORT.txt FAILURES.tsv && make docs

REPORT.txt: what the runner printed ("suite  passed of all" on a line for each suite); FAILURES.tsv: suite/class/view, a
tab, and what went wrong.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

from tests.docs.markdown import code, page

__all__ = ["page_of_sql_coverage"]

_KEPT = Path(__file__).resolve().parents[1] / "sql" / "cases"
_COUNTS = _KEPT / "passed.tsv"
_FAILURES = _KEPT / "failing.tsv"

INTRO = """\
The SQL cases are tables, views and the rows or errors that are expected of them, run through the client that they were
made for. Of each suite: how many there are, how many pass, and why the others do not."""

_REASONS = (
    (r"float_view\b.* rows: ", "a DOUBLE that differs in its last bit"),
    (r"InteractionNotDeployed", "the pipeline had failed, as it must, before its rows were sent: seen at random"),
)


def page_of_sql_coverage() -> str:
    """Return the page."""
    counts = [line.split("\t") for line in _COUNTS.read_text("utf-8").splitlines()]
    passed, total = sum(int(c[1]) for c in counts), sum(int(c[2]) for c in counts)
    rows = "\n".join(f"| {name} | {given} | {all_} |" for name, given, all_ in counts)
    table = f"## By suite\n\n{passed} of {total} pass.\n\n| suite | pass | of |\n|---|---|---|\n{rows}"
    reasons: dict[str, list[str]] = defaultdict(list)
    for line in _FAILURES.read_text("utf-8").splitlines():
        name, reason = line.split("\t")
        reasons[reason].append(name)
    parts = [
        f"### {reason[0].upper()}{reason[1:]}\n\n{len(names)}: {', '.join(map(code, sorted(names)))}."
        for reason, names in sorted(reasons.items())
    ]
    return page("SQL cases", INTRO, table, "## What does not pass", *parts)


def _reason(line: str) -> str:
    shown = line.replace("\t", " ")
    for pattern, reason in _REASONS:
        if re.search(pattern, shown):
            return reason
    return shown.split(" ", 1)[1][:200]


def main() -> None:
    """Take up the results of a run."""
    report, failures = (Path(argument).read_text("utf-8") for argument in sys.argv[1:3])
    counts = re.findall(r"^(\w+) +(\d+) of +(\d+) \(", report, re.M)
    _KEPT.mkdir(exist_ok=True)
    _COUNTS.write_text("".join(f"{n}\t{p}\t{t}\n" for n, p, t in counts if n != "PASS"), "utf-8")
    lines = [line for line in failures.splitlines() if line.strip()]
    _FAILURES.write_text("".join(f"{line.split(chr(9))[0]}\t{_reason(line)}\n" for line in lines), "utf-8")


if __name__ == "__main__":
    main()
