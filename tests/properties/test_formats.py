"""Bodies of any bytes, cut anywhere: formats neither fail nor depend on the cuts."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.connect.formats.csv import CsvFormat
from penstock.connect.formats.json import JsonFormat
from penstock.connect.formats.raw import RawFormat
from penstock.data.pool import Pool
from penstock.data.types import Kind, SqlType, decimal
from penstock.ports.format import Format
from tests.contracts.formats import decode, layout

TABLE = layout(
    ("i", SqlType(Kind.INTEGER, nullable=False)), ("s", SqlType(Kind.VARCHAR)), ("d", decimal(6, 2)), key=(0,)
)
ONE = layout(("s", SqlType(Kind.VARCHAR)))

TOKENS = st.sampled_from(
    [
        *(
            '{"insert":{"i":1,"s":"é","d":1.25}}',
            '{"delete":{"i":2}}',
            '{"update":{"i":3,"s":null}}',
            '{"insert":[4,"x",5]}',
        ),
        *(
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            '"',
            "\\",
            "\n",
            "\r\n",
            " ",
            "null",
            "true",
            "1",
            '"i"',
            '{"insert":\n{"i":9}}',
        ),
        *("1,a,2.5\n", '2,"b\nc",3\n', '3,5" wide,\n', "x,y\n", "é", "\x00", "1e999", "123456789012345678901234567890"),
    ]
)
BODIES = st.one_of(st.lists(TOKENS, max_size=30).map(lambda parts: "".join(parts).encode()), st.binary(max_size=60))
CASES = [
    pytest.param(JsonFormat(), {}, TABLE, id="json"),
    pytest.param(JsonFormat(), {"array": True, "update_format": "raw"}, TABLE, id="json array"),
    pytest.param(JsonFormat(), {"lines": "single", "update_format": "debezium"}, TABLE, id="json lines"),
    pytest.param(CsvFormat(), {}, TABLE, id="csv"),
    pytest.param(RawFormat(), {"mode": "lines"}, ONE, id="raw lines"),
]


@pytest.mark.parametrize(("format", "options", "table"), CASES)
@given(body=BODIES, cuts=st.lists(st.integers(0, 400), max_size=6))
@settings(max_examples=150, deadline=None)
def test_the_cuts_of_a_body_do_not_matter(
    format: Format, options: Any, table: Any, body: bytes, cuts: list[int]
) -> None:
    edges = sorted({0, len(body), *(min(cut, len(body)) for cut in cuts)})
    pieces = [body[a:b] for a, b in pairwise(edges)]
    pool = Pool()
    whole, whole_errors = decode(format.decoder(options, table, pool), body, table=table, pool=pool)
    parts, part_errors = decode(format.decoder(options, table, pool), *pieces, table=table, pool=pool)

    assert parts == whole
    assert [e.event_number for e in part_errors] == [e.event_number for e in whole_errors]
