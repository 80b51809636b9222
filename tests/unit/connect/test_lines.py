"""Blocks of text as lines."""

import pytest

from penstock.connect.records.lines import line_array


@pytest.mark.parametrize(
    ("block", "lines", "starts"),
    [
        (b"", [], []),
        (b"a", ["a"], [0]),
        (b"a\n", ["a"], [0]),
        (b"a\nb", ["a", "b"], [0, 2]),
        (b"\n\n", ["", ""], [0, 1]),
        (b"\na\n\n", ["", "a", ""], [0, 1, 3]),
        (b"a\r\nb\r\n", ["a", "b"], [0, 3]),
        ("ä\nß".encode(), ["ä", "ß"], [0, 3]),
    ],
)
def test_a_block_when_cut_gives_lines_without_ends_and_where_they_begin(
    block: bytes, lines: list[str], starts: list[int]
) -> None:
    found, offsets = line_array(block)
    found.validate(full=True)
    assert found.to_pylist() == lines
    assert offsets.tolist() == starts
