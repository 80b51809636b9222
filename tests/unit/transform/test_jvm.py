"""What the Java platform prints, reads, matches and computes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from penstock.kernel.datepatterns import PatternRefused
from penstock.kernel.simple_dates import simple_dates
from penstock.transform.jvm import chance, digests, json_path, json_text, numbers, printf, regex
from penstock.transform.jvm.date_formats import DateUnreadable, date_format
from penstock.transform.jvm.values import Float, Long, print_any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANT = datetime(2021, 3, 4, 15, 6, 7, 89_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (9_999_999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (1.23e-10, "1.23E-10"),
        (float("inf"), "Infinity"),
        (float("nan"), "NaN"),
        (Float(0.1), "0.1"),
        (Float(16777216.0), "1.6777216E7"),
        (Decimal("1E+3"), "1E+3"),
        (Decimal("0.0000001"), "1E-7"),
        (Decimal("1.10"), "1.10"),
        ([1, "a", None], "[1, a, null]"),
        ({"k": 1.5}, "{k=1.5}"),
        (datetime(2020, 1, 2, 3, 4, tzinfo=UTC), "2020-01-02T03:04Z[UTC]"),
    ],
)
def test_a_value_when_printed_looks_as_java_prints_it(value: Any, text: str) -> None:
    assert print_any(value) == text


@pytest.mark.parametrize(
    ("template", "arguments", "text"),
    [
        ("%d %s %S", (5, "a", "b"), "5 a B"),
        ("%5d|%-5d|%05d|%+d|%,d", (1, 2, 3, 4, 1234567), "    1|2    |00003|+4|1,234,567"),
        ("%x %X %o", (255, 255, 8), "ff FF 10"),
        ("%x", (-1,), "ffffffff"),
        ("%x", (Long(-1),), "ffffffffffffffff"),
        ("%.2f %8.3f %e", (1.005, 3.14159, 12345.678), "1.01    3.142 1.234568e+04"),
        ("%b %c %%", (None, "x"), "false x %"),
        ("%2$s %1$s %<s", ("a", "b"), "b a a"),
        ("%10s|%-4s|%.2s", ("ab", "c", "xyz"), "        ab|c   |xy"),
        ("%(d %(.1f", (-5, -2.25), "(5) (2.3)"),
        ("%n", (), "\n"),
        ("%s", (None,), "null"),
        ("%tY-%<tm-%<td", (INSTANT,), "2021-03-04"),
    ],
)
def test_a_template_when_filled_looks_as_java_fills_it(template: str, arguments: tuple[Any, ...], text: str) -> None:
    assert printf.format_text(template, *arguments) == text


@pytest.mark.parametrize("template", ["%d", "%q", "%-d", "%.2d", "%,s"])
def test_a_template_when_it_does_not_fit_is_refused(template: str) -> None:
    with pytest.raises(printf.FormatInvalid):
        printf.format_text(template, *(["x"] if template == "%,s" else [1] if template != "%d" else []))


PATTERNS = [
    ("yyyy-MM-dd HH:mm:ss.SSS", "2021-03-04 15:06:07.089"),
    ("yy/M/d h:m a", "21/3/4 3:6 PM"),
    ("EEE, dd MMM yyyy HH:mm:ss Z", "Thu, 04 Mar 2021 15:06:07 +0000"),
    ("EEEE d MMMM yyyy", "Thursday 4 March 2021"),
    ("yyyy-MM-dd'T'HH:mm:ssXXX", "2021-03-04T15:06:07Z"),
    ("D k K u", "63 15 3 4"),
    ("w W F", "10 1 1"),
    ("''yyyy''", "'2021'"),
    ("z", "UTC"),
    ("G", "AD"),
]


@pytest.mark.parametrize(("pattern", "text"), PATTERNS)
def test_a_simple_date_format_when_printing_follows_its_pattern(pattern: str, text: str) -> None:
    assert simple_dates(pattern).format(INSTANT) == text


@pytest.mark.parametrize(
    ("pattern", "text", "instant"),
    [
        ("yyyy-MM-dd", "2021-02-30", datetime(2021, 3, 2, tzinfo=UTC)),
        ("yyyy-MM-dd", "2021-2-3 tail", datetime(2021, 2, 3, tzinfo=UTC)),
        ("MM/dd/yy", "1/2/21", datetime(2021, 1, 2, tzinfo=UTC)),
        ("MM/dd/yyyy", "1/2/21", datetime(21, 1, 2, tzinfo=UTC)),
        ("dd MMM yyyy", "5 december 2020", datetime(2020, 12, 5, tzinfo=UTC)),
        ("yyyy-MM-dd'T'HH:mm:ssZ", "2020-01-02T03:04:05+0100", datetime(2020, 1, 2, 2, 4, 5, tzinfo=UTC)),
        ("yyyy-MM-dd HH:mm:ss z", "2020-01-02 03:04:05 PST", datetime(2020, 1, 2, 11, 4, 5, tzinfo=UTC)),
        ("yyyyMMddHHmm", "202001020304", datetime(2020, 1, 2, 3, 4, tzinfo=UTC)),
        ("hh:mm a", "12:30 AM", datetime(1970, 1, 1, 0, 30, tzinfo=UTC)),
        ("yyyy-MM-dd", "next week", None),
    ],
)
def test_a_simple_date_format_when_reading_is_lenient(pattern: str, text: str, instant: datetime | None) -> None:
    if instant is None:
        with pytest.raises(DateUnreadable):
            simple_dates(pattern).parse_ms(text)
    else:
        assert simple_dates(pattern).parse_ms(text) == (instant - EPOCH) // timedelta(milliseconds=1)


@pytest.mark.parametrize("pattern", ["bogus", "yyyy-QQ", "'open"])
def test_a_simple_date_pattern_when_wrong_is_refused(pattern: str) -> None:
    with pytest.raises(PatternRefused):
        simple_dates(pattern)


def test_a_date_format_when_reading_is_exact() -> None:
    form = date_format("yyyy-MM-dd HH:mm")
    assert form.parse_local("2021-03-04 15:06") == datetime(2021, 3, 4, 15, 6)  # noqa: DTZ001 (it has no zone)
    with pytest.raises(DateUnreadable):
        form.parse_local("2021-3-4 15:06")


@pytest.mark.parametrize(
    ("pattern", "text", "whole"),
    [
        ("a+", "aaa", True),
        ("a+", "aab", False),
        ("\\p{Alpha}+\\p{Punct}", "ab!", True),
        ("(?i)AB", "ab", True),
        ("[a-c&&[^b]]+", "ac", True),
        ("[a-c&&[^b]]+", "abc", False),
        ("\\Qa.b\\E", "a.b", True),
        ("x*+x", "xx", False),
        ("\\d", "٣", False),
        ("\\w+", "é", False),
        ("(?<n>a)\\k<n>", "aa", True),
        ("\\h\\R?", "\t\r\n", True),
    ],
)
def test_a_pattern_when_matched_means_what_it_means_in_java(pattern: str, text: str, whole: bool) -> None:
    assert regex.matches(text, pattern) is whole


@pytest.mark.parametrize(
    ("text", "pattern", "pieces"),
    [
        ("a,b,,", ",", ["a", "b"]),
        (",a", ",", ["", "a"]),
        ("abc", "", ["a", "b", "c"]),
        ("a1b22c", "\\d+", ["a", "b", "c"]),
        ("", ",", [""]),
        ("a|b", "\\|", ["a", "b"]),
        ("x", "y", ["x"]),
    ],
)
def test_a_text_when_split_gives_the_pieces_of_java(text: str, pattern: str, pieces: list[str]) -> None:
    assert regex.split(text, pattern) == pieces


def test_whole_numbers_when_too_wide_wrap_and_decimals_are_rescaled() -> None:
    assert numbers.to_int(Long(9513498885)) == 923564293
    assert numbers.to_int(1e20) == 2**31 - 1
    assert numbers.to_int(float("nan")) == 0
    assert numbers.to_short(70000) == 4464
    assert numbers.rescale(Decimal("2.5"), 0, "ROUND_HALF_EVEN") == 2
    with pytest.raises(ArithmeticError):
        numbers.rescale(Decimal("2.5"), 0, None)
    assert numbers.parse_whole("+5") == 5
    for wrong in ("5 ", "", "1e3", "2147483648"):
        with pytest.raises(ValueError):
            numbers.parse_whole(wrong)


def test_random_numbers_of_a_seed_are_those_of_java() -> None:
    assert [chance.Chance(42).below(100)] == [30]
    generator = chance.Chance(42)
    assert [generator.below(10) for _ in range(5)] == [0, 3, 8, 4, 0]


@pytest.mark.parametrize(
    ("name", "text", "hexadecimal"),
    [
        ("MD2", "abc", "da853b0d3f88d99b30283a69e6ded6bb"),
        ("MD4", "abc", "a448017aaf21d8525fc10ae87aa6729d"),
        ("MD5", "abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("SHA-1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("KECCAK-256", "abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        ("SHA3-256", "abc", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
    ],
)
def test_a_digest_when_computed_is_the_published_one(name: str, text: str, hexadecimal: str) -> None:
    assert digests.digest(name, text.encode()).hex() == hexadecimal


DOCUMENT = {"a": [{"b": 1, "c": "x"}, {"b": 2}], "d": {"e": {"b": 3}}, "f-g": None}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.a[0].b", 1),
        ("$['d']['e'].b", 3),
        ("$.a[*].b", [1, 2]),
        ("$..b", [1, 2, 3]),
        ("$.a[-1].b", 2),
        ("$.a[0:1]", [{"b": 1, "c": "x"}]),
        ("$.a[?(@.b > 1)].b", [2]),
        ("$.a[?(@.c)].c", ["x"]),
        ("$.a.length()", 2),
        ("$['f-g']", None),
    ],
)
def test_a_path_when_read_gives_one_value_or_a_list(path: str, found: Any) -> None:
    assert json_path.read_path(DOCUMENT, path) == found


def test_a_json_text_when_read_is_taken_leniently_with_64_bits() -> None:
    assert json_text.parse_json("{a: 1, 'b': \"x\"}") == {"a": 1, "b": "x"}
    assert type(json_text.parse_json("[5]")[0]) is Long
    with pytest.raises(json_text.JsonInvalid):
        json_text.parse_json('{"a": ')
