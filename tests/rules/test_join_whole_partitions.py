from penstock.sql.rules.join_whole_partitions import join_whole_partitions
from tests.rules.before_after import Pair


def test_an_aggregate_over_whole_partitions_is_joined_to_their_rows(pair: Pair) -> None:
    for frame in ("", "ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"):
        found = pair.of(f"SELECT id, MAX(a) OVER (PARTITION BY b {frame}) AS most FROM t", join_whole_partitions)

        assert "window" in found.before
        assert "window" not in found.after
        assert "aggregate" in found.after
        assert "join" in found.after


def test_a_table_is_one_partition(pair: Pair) -> None:
    found = pair.of(
        "SELECT id, COUNT(*) OVER () AS n, SUM(a) FILTER (WHERE a > 1) OVER () FROM t", join_whole_partitions
    )

    assert "window" not in found.after


def test_the_first_and_the_last_value_follow_the_order_of_the_window(pair: Pair) -> None:
    text = "SELECT id, FIRST_VALUE(c) OVER (PARTITION BY a + 1 ORDER BY b DESC) AS one FROM t"

    assert "window" not in pair.of(text, join_whole_partitions).after
    last = (
        "LAST_VALUE(c) OVER (PARTITION BY a ORDER BY b DESC ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
    )
    assert "window" not in pair.of(f"SELECT id, {last} AS one FROM t", join_whole_partitions).after


def test_other_calls_of_the_window_stay(pair: Pair) -> None:
    text = (
        "SELECT LAG(id) OVER w AS before, FIRST_VALUE(id) OVER w AS one, SUM(id) OVER w AS run, c, a "
        "FROM t WINDOW w AS (PARTITION BY a ORDER BY b, id)"
    )

    found = pair.of(text, join_whole_partitions)

    assert "window" in found.after
    assert "first_value" in found.after


def test_frames_that_move_stay_windows(pair: Pair) -> None:
    for frame in (
        "",
        "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
        "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
    ):
        found = pair.of(
            f"SELECT id, SUM(a) OVER (PARTITION BY b ORDER BY id {frame}) AS total FROM t", join_whole_partitions
        )

        assert found.before == found.after
