"""From single runs to a table: medians, ranges and ratios. Pure; what it makes is printed and kept elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rich.table import Table

from bench.nexmark.answer import Verdict
from bench.nexmark.measurement import Measurement

OURS = "penstock"


@dataclass(frozen=True, slots=True)
class Line:
    """All rounds of one peer on one query at one step size: rates in events/s, ticks in ms, sizes in bytes."""

    peer: str
    query: str
    step: int | None
    rounds: int
    rate: float | None
    rate_lowest: float | None
    rate_highest: float | None
    tick_median_ms: float | None
    tick_p99_ms: float | None
    tick_longest_ms: float | None
    rss_peak_bytes: int | None
    bytes_per_row: float | None
    state_rows: int | None
    failures: tuple[str, ...]
    stopped: bool


@dataclass(frozen=True, slots=True)
class Ratio:
    """Our rate over a peer's: of the medians, and the worst case (our slowest round over the peer's fastest)."""

    query: str
    step: int | None
    peer: str
    of_medians: float
    worst: float


def condense(runs: Sequence[Measurement]) -> list[Line]:
    """Reduce the rounds of each (query, peer, step), in order of first appearance, to one line."""
    groups: dict[tuple[str, str, int | None], list[Measurement]] = {}
    for run in runs:
        groups.setdefault((run.query, run.peer, run.step), []).append(run)
    return [_condense_group(group) for group in groups.values()]


def compare(lines: Sequence[Line]) -> list[Ratio]:
    """Set each of our lines against each peer's line of the same query; of a peer with several steps, the nearest."""
    ratios = []
    for ours in lines:
        if ours.peer != OURS or not ours.rate or not ours.rate_lowest:
            continue
        for peer in sorted({line.peer for line in lines} - {OURS}):
            rivals = [x for x in lines if x.peer == peer and x.query == ours.query and x.step in (None, ours.step)]
            for rival in rivals[:1]:
                if rival.rate and rival.rate_highest:
                    ratio = Ratio(
                        ours.query, ours.step, peer, ours.rate / rival.rate, ours.rate_lowest / rival.rate_highest
                    )
                    ratios.append(ratio)
    return ratios


def draw(lines: Sequence[Line], verdicts: Sequence[Verdict]) -> Table:
    """Lay out the lines as a table for the terminal."""
    table = Table(title="Nexmark, thousand events per second (median of the rounds)")
    for title in ("query", "peer", "step"):
        table.add_column(title)
    for title in ("k ev/s", "min-max", "tick p50 ms", "p99 ms", "longest ms", "peak MB", "B/row"):
        table.add_column(title, justify="right")
    for title in ("ours : peer (worst)", "answer"):
        table.add_column(title)
    ratios = compare(lines)
    judged = {verdict.query: verdict for verdict in verdicts}
    previous = None
    for line in lines:
        if previous not in (None, line.query):
            table.add_section()
        previous = line.query
        table.add_row(*_cells(line, ratios, judged))
    return table


def _cells(line: Line, ratios: Sequence[Ratio], judged: dict[str, Verdict]) -> list[str]:
    step = "-" if line.step is None else str(line.step)
    if line.rate is None:
        return [line.query, line.peer, step, "failed", *[""] * 6, "; ".join(line.failures)[:80], ""]
    mine = [
        f"{r.of_medians:.1f} ({r.worst:.1f}) {r.peer}" for r in ratios if (r.query, r.step) == (line.query, line.step)
    ]
    return [
        line.query,
        line.peer,
        step,
        _thousands(line.rate) + ("*" if line.stopped else ""),
        f"{_thousands(line.rate_lowest)}-{_thousands(line.rate_highest)}",
        _number(line.tick_median_ms),
        _number(line.tick_p99_ms),
        _number(line.tick_longest_ms),
        "" if line.rss_peak_bytes is None else f"{line.rss_peak_bytes / 1e6:.0f}",
        _number(line.bytes_per_row, 0),
        ", ".join(mine) if line.peer == OURS else "",
        _judgement(judged.get(line.query)) if line.peer == OURS else "",
    ]


def _condense_group(group: Sequence[Measurement]) -> Line:
    rates = [rate for run in group if (rate := run.events_per_second())]
    ticks = [run.ticks for run in group if run.ticks]
    first = group[0]
    per_row = [value for run in group if (value := run.bytes_per_row())]
    peaks = [run.rss_peak_bytes for run in group if run.rss_peak_bytes]
    return Line(
        peer=first.peer,
        query=first.query,
        step=first.step,
        rounds=len(rates),
        rate=median(rates) if rates else None,
        rate_lowest=min(rates, default=None),
        rate_highest=max(rates, default=None),
        tick_median_ms=median(t.median_ms for t in ticks) if ticks else None,
        tick_p99_ms=median(t.p99_ms for t in ticks) if ticks else None,
        tick_longest_ms=max((t.longest_ms for t in ticks), default=None),
        rss_peak_bytes=max(peaks, default=None),
        bytes_per_row=median(per_row) if per_row else None,
        state_rows=max((run.state_rows or 0 for run in group), default=0) or None,
        failures=tuple(sorted({run.failure for run in group if run.failure})),
        stopped=any(run.stopped_at is not None for run in group),
    )


def _judgement(verdict: Verdict | None) -> str:
    if verdict is None:
        return "not checked"
    if verdict.failure:
        return verdict.failure[:60]
    if verdict.holds():
        return f"equal ({verdict.wanted} rows)"
    found = {"missing": verdict.missing, "surplus": verdict.surplus, "negative": verdict.negative}
    return "WRONG: " + ", ".join(f"{n} {what}" for what, n in {**found, "strange": verdict.strange}.items() if n)


def _thousands(rate: float | None) -> str:
    return "" if rate is None else f"{rate / 1e3:,.0f}"


def _number(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"
