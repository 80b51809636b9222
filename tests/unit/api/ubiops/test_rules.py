"""Names, labels, dates, and forms that come in pieces."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from starlette.datastructures import QueryParams

from penstock.api.shared.errors import TooLarge
from penstock.api.ubiops.rules import (
    checked_labels,
    checked_name,
    checked_title,
    instant,
    matches_labels,
    offset_and_limit,
    wanted_labels,
)
from penstock.api.ubiops.series import Bucketed, bucketed
from penstock.api.ubiops.uploads import Form, receive
from penstock.kernel.errors import Invalid


@pytest.mark.parametrize("name", ["", "A", "1a", "a b", "a_b", "a" * 65, "ä"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        checked_name(name)


@pytest.mark.parametrize("title", ["v1", "1.0", "My_Version", "a b"])
def test_versions_are_called_more_freely(title: str) -> None:
    assert title == checked_title(title)


def test_labels_are_texts_and_all_wanted_ones_must_be_there() -> None:
    labels = checked_labels({"a": True, "b": 1, "c": None})
    assert labels == {"a": "true", "b": "1", "c": ""}
    assert matches_labels(labels, wanted_labels(QueryParams("labels=a:true,b:1")))
    assert not matches_labels(labels, wanted_labels(QueryParams("labels=a:false")))
    with pytest.raises(Invalid):
        wanted_labels(QueryParams("labels=a"))
    with pytest.raises(Invalid):
        checked_labels({"a": []})


@pytest.mark.parametrize("text", ["2024-05-01T12:00:00Z", "2024-05-01T14:00:00+02:00", "2024-05-01T14:00:00 02:00"])
def test_dates_are_read_with_their_zone_even_if_its_sign_was_lost(text: str) -> None:
    assert datetime(2024, 5, 1, 12, tzinfo=UTC) == instant(text, "date")


def test_what_is_no_date_or_no_number_is_refused_by_its_key() -> None:
    with pytest.raises(Invalid, match="start_date"):
        instant("soon", "start_date")
    for query in ("limit=x", "limit=0", "limit=9999", "offset=-1"):
        with pytest.raises(Invalid, match=r"limit|offset"):
            offset_and_limit(QueryParams(query), 50, 1000)


def test_points_are_added_up_or_averaged_by_period() -> None:
    points = [(0, 1.0), (5, 3.0), (25, 8.0)]
    assert bucketed(points, 0, 30, 10, adds_up=True) == [
        Bucketed(0, 10, 4.0),
        Bucketed(10, 20, 0.0),
        Bucketed(20, 30, 8.0),
    ]
    assert [each.value for each in bucketed(points, 0, 30, 10, adds_up=False)] == [2.0, None, 8.0]


BODY = (
    b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nvalue\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\nContent-Type: x/y\r\n\r\n'
    b"one\r\n--two\r\n--b--\r\n"
)


def received(body: bytes, size: int, limit: int = 1 << 20) -> Form:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    return asyncio.run(receive("multipart/form-data; boundary=b", chunks(), limit))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_form_is_the_same_however_it_is_cut(size: int) -> None:
    form = received(BODY, size)
    assert form.fields == {"text": "value"}
    assert (form.files["file"].name, form.files["file"].content.read()) == ("a.zip", b"one\r\n--two")
    form.close()


def test_a_long_file_is_read_back_whole() -> None:
    content = bytes(range(256)) * 20_000
    form = received(BODY.replace(b"one\r\n--two", content), 100_000, 8 << 20)
    assert form.files["file"].size_bytes == len(content)
    assert form.files["file"].content.read() == content
    form.close()


def test_an_empty_body_is_an_empty_form_and_one_cut_off_is_refused() -> None:
    assert received(b"", 1) == Form({}, {})
    assert received(b"--b--\r\n", 3) == Form({}, {})
    with pytest.raises(Invalid, match="cut off"):
        received(BODY[:-20], 50)
    with pytest.raises(Invalid, match="boundary"):
        received(b"nothing", 50)
    with pytest.raises(TooLarge):
        received(BODY, 50, 100)
