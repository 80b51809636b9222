import pytest

from penstock.api.feldera.quantities import duration_ns, size_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 500_000_000),
        ("1h30m", 5_400_000_000_000),
        ("250us", 250_000),
        ("250µs", 250_000),
        ("1.5s", 1_500_000_000),
        ("30d", 2_592_000_000_000_000),
    ],
)
def test_durations(text: str, expected: int) -> None:
    assert duration_ns(text) == expected


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "5s!", "-5s", "1e3s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        duration_ns(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4096", 4096),
        ("1k", 1000),
        ("1K", 1000),
        ("1Ki", 1024),
        ("1.5GB", 1_500_000_000),
        ("+2MiB", 2 << 20),
        (".5k", 500),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert size_bytes(text, needs_unit=False) == expected


@pytest.mark.parametrize("text", ["", "G", "1i", "1ki", "1 G", "-1G", "1X", "99999999E"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        size_bytes(text, needs_unit=False)


def test_a_bare_number_is_refused_where_it_used_to_count_megabytes() -> None:
    with pytest.raises(ValueError, match="no unit"):
        size_bytes("16000", needs_unit=True)
