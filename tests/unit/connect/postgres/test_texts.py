"""Values in PostgreSQL's own texts."""

from typing import Any

import pytest

from penstock.connect.postgres.pgoutput import position_number, position_text
from penstock.connect.postgres.replication import _unseen
from penstock.connect.postgres.texts import postgres_reading
from penstock.data.types import Kind, SqlType

TEXT = SqlType(Kind.VARCHAR)
INTEGERS = SqlType(Kind.ARRAY, element=SqlType(Kind.INTEGER))
WORDS = SqlType(Kind.ARRAY, element=TEXT)


@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        (SqlType(Kind.BOOLEAN), "t", True),
        (SqlType(Kind.VARBINARY), "\\x01ff", b"\x01\xff"),
        (INTEGERS, "{}", []),
        (INTEGERS, "{1,NULL,-3}", [1, None, -3]),
        (WORDS, '{a,"b c","NULL",NULL,"q\\"\\\\,{}"}', ["a", "b c", "NULL", None, 'q"\\,{}']),
        (SqlType(Kind.ARRAY, element=INTEGERS), "{{1,2},{3,NULL}}", [[1, 2], [3, None]]),
        (SqlType(Kind.ARRAY, element=WORDS), '{{"a,b","c"},{d,"é\\""}}', [["a,b", "c"], ["d", 'é"']]),
    ],
)
def test_a_text_is_read(type: SqlType, text: str, value: Any) -> None:
    assert postgres_reading(type).one(text) == value


@pytest.mark.parametrize("text", ["{1", "{1,2}3", "{1 2}", "x"])
def test_what_is_no_array_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        postgres_reading(INTEGERS).one(text)


def test_positions_are_numbers_and_back() -> None:
    assert position_text(position_number("16/B374D848")) == "16/B374D848"


@pytest.mark.parametrize(
    ("xid", "snapshot", "unseen"),
    [
        (10, "5:20:", False),
        (10, "5:20:10,12", True),
        (20, "5:20:", True),
        (25, "5:20:", True),
        (10, f"{(1 << 32) + 5}:{(1 << 32) + 20}:", False),
        (4294967290, f"{(1 << 32) - 10}:{(1 << 32) + 5}:", False),
        (3, "4294967290:4294967295:", True),
    ],
)
def test_a_transaction_is_seen_by_a_snapshot_or_not(xid: int, snapshot: str, unseen: bool) -> None:
    assert _unseen(xid, snapshot) is unseen
