"""Medians, ranges and ratios of benchmark runs."""

from bench.nexmark.measurement import Measurement, decode, encode, summarise
from bench.nexmark.report import compare, condense


def run_of(peer: str, seconds: float | None, step: int | None = None, **more: object) -> Measurement:
    return Measurement(peer, "q4", step, 1_000, seconds=seconds, **more)  # type: ignore[arg-type]


def test_ticks_keep_median_p99_longest_and_where_it_was() -> None:
    ticks = summarise([1_000_000] * 98 + [9_000_000, 2_000_000])

    assert (ticks.count, ticks.median_ms, ticks.longest_ms, ticks.longest_at) == (100, 1.0, 9.0, 98)
    assert 2.0 <= ticks.p99_ms <= 9.0


def test_a_measurement_survives_the_way_through_json() -> None:
    measured = run_of("penstock", 2.0, 10, ticks=summarise([5]))

    assert decode(encode(measured)) == measured


def test_the_ratio_is_of_medians_and_the_worst_of_our_slowest_and_their_fastest() -> None:
    ours = [run_of("penstock", seconds, 100) for seconds in (1.0, 2.0, 4.0)]
    theirs = [run_of("flink", seconds) for seconds in (10.0, 20.0, 40.0)]
    lines = condense(ours + theirs)
    (ratio,) = compare(lines)

    assert [line.rate for line in lines] == [500.0, 50.0]
    assert (ratio.of_medians, ratio.worst) == (10.0, 2.5)


def test_a_peer_is_compared_at_the_same_step_only() -> None:
    lines = condense([run_of("penstock", 1.0, 100), run_of("duckdb", 1.0, 999)])

    assert compare(lines) == []


def test_a_run_ended_early_counts_the_events_it_did() -> None:
    assert run_of("duckdb", 2.0, 100, stopped_at=500).events_per_second() == 250.0


def test_a_failed_run_has_no_rate_but_its_reason() -> None:
    (line,) = condense([run_of("flink", None, failure="no java")])

    assert (line.rate, line.rounds, line.failures) == (None, 0, ("no java",))


def test_memory_per_row_is_what_the_run_added() -> None:
    measured = run_of("penstock", 1.0, 10, rss_start_bytes=1_000, rss_peak_bytes=9_000, state_rows=100)

    assert measured.bytes_per_row() == 80.0
