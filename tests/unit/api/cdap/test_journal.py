"""Lines of logs, and filters over them."""

import pytest

from penstock.api.cdap.journal import Entry, filter_of, json_of, text_of
from penstock.kernel.errors import Invalid

WARNING = Entry(
    at_us=1_591_368_200_231_000, level="WARN", message="a < b", mdc={"eventType": "lifecycle", ".runId": "r"}
)
NOTE = Entry(at_us=1_591_368_200_232_000, level="INFO", message="fine", mdc={})


def test_a_line_has_time_level_place_and_message_and_is_escaped_unless_told_not_to() -> None:
    line = "2020-06-05 14:43:20,231 - WARN  [main:io.cdap.cdap.datapipeline.SmartWorkflow@0] - a < b\n"

    assert text_of(WARNING, escapes=False) == line
    assert text_of(WARNING, escapes=True) == line.replace("<", "&lt;")


def test_an_entry_as_an_object_leaves_out_what_is_suppressed() -> None:
    shown = json_of(WARNING, ("stackTrace", "mdc"))

    assert shown["timestamp"] == 1_591_368_200_231
    assert shown["logLevel"] == "WARN"
    assert shown["simpleClassName"] == "SmartWorkflow"
    assert not shown.keys() & {"stackTrace", "mdc"}


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        (None, [WARNING, NOTE]),
        ("logLevel=WARN", [WARNING]),
        ("loglevel=info", [NOTE]),
        ("MDC:eventType=lifecycle", [WARNING]),
        ("MDC:eventType=lifecycle AND logLevel=INFO", []),
        ("MDC:eventType=lifecycle OR logLevel=INFO", [WARNING, NOTE]),
    ],
)
def test_filters_choose_entries(text: str | None, chosen: list[Entry]) -> None:
    is_wanted = filter_of(text)

    assert [entry for entry in (WARNING, NOTE) if is_wanted(entry)] == chosen


@pytest.mark.parametrize("text", ["logLevel", "=WARN", "logLevel=LOUD", "colour=red", "logLevel=A AND b=1 OR c=2"])
def test_filters_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match="Invalid filter"):
        filter_of(text)
