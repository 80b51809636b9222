"""Functions of strings and binary values, by value."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.sql.functions.calls import BINARY, INTEGER, VARCHAR, apply, array, mapping, on_rows

from penstock.data.types import Field, Kind, SqlType
from penstock.sql.functions.registry import FUNCTIONS, EvaluationError, TypeMismatch

ROW = SqlType(Kind.STRUCT, fields=(Field("i", INTEGER), Field("v", VARCHAR)))
UUID = SqlType(Kind.UUID)


def S(text: str | None) -> tuple[Any, SqlType]:
    return text, VARCHAR


def I(number: int | None) -> tuple[Any, SqlType]:  # noqa: E743
    return number, INTEGER


def B(digits: str) -> tuple[Any, SqlType]:
    return bytes.fromhex(digits), BINARY


@pytest.mark.parametrize(
    "name,arguments,expected",
    [
        ("||", [S("hello "), S("x")], "hello x"),
        ("||", [B("0b16"), B("20")], b"\x0b\x16\x20"),
        ("||", [S("a"), S(None)], None),
        ("CONCAT", [S("a"), S("é"), S("c")], "aéc"),
        ("CONCAT_WS", [S("@"), S("a"), S("55")], "a@55"),
        ("CONCAT_WS", [S("@"), S(None), S("55")], "55"),
        ("CONCAT_WS", [S(None), S("a"), S("55")], None),
        ("ASCII", [S("🐍")], 128013),
        ("ASCII", [S("")], 0),
        ("CHR", [I(65)], "A"),
        ("CHR", [I(-1)], ""),
        ("CHAR_LENGTH", [S("かわいい")], 4),
        ("LENGTH", [S("")], 0),
        ("LEN", [S("h@pP√ ")], 6),
        ("OCTET_LENGTH", [S("かわいい")], 12),
        ("OCTET_LENGTH", [B("0b1620")], 3),
        ("INITCAP", [S("h@pP√ ")], "H@Pp√ "),
        ("INITCAP", [S("hi THOMAS-son")], "Hi Thomas-Son"),
        ("INITCAP_SPACES", [S("hi THOMAS-SON")], "Hi Thomas-son"),
        ("UPPER", [S("h@pP√ß")], "H@PP√SS"),
        ("UPPER", [S("az{`")], "AZ{`"),
        ("LOWER", [S("AZ[@")], "az[@"),
        ("LEFT", [S("abcde"), I(2)], "ab"),
        ("LEFT", [S("abcde"), I(-2)], ""),
        ("LEFT", [B("0b1620"), I(2)], b"\x0b\x16"),
        ("RIGHT", [S("h@pP√ "), I(2)], "√ "),
        ("RIGHT", [S("ab"), I(5)], "ab"),
        ("RIGHT", [S("ab"), I(0)], ""),
        ("SUBSTR", [S("Thomas"), I(2), I(3)], "hom"),
        ("SUBSTR", [S("Thomas"), I(-3)], "mas"),
        ("SUBSTR", [S("Thomas"), I(2), I(-1)], ""),
        ("SUBSTR", [B("0b1620"), I(2), I(3)], b"\x16\x20"),
        ("SUBSTRING", [S("Thomas"), I(3)], "omas"),
        ("SUBSTRING", [S("Thomas"), I(-1), I(4)], "Th"),
        ("SUBSTRING", [S("Thomas"), I(-9), I(2)], ""),
        ("SUBSTRING", [B("1234567890"), I(3), I(2)], b"\x56\x78"),
        ("SUBSTRING", [B("123456"), I(-1), I(2)], b"\x12\x34"),
        ("OVERLAY", [S("Txxxxas"), S("hom"), I(2), I(4)], "Thomas"),
        ("OVERLAY", [S("🐍🐍"), S("bye"), I(2), I(3)], "🐍bye"),
        ("OVERLAY", [S("abc"), S("X"), I(0)], "abc"),
        ("OVERLAY", [S("abc"), S("X"), I(9)], "abcX"),
        ("OVERLAY", [S("abc"), S("X"), I(2), I(-3)], "aXbc"),
        ("OVERLAY", [B("0b1620"), B("0203"), I(2), I(3)], b"\x0b\x02\x03"),
        ("POSITION", [S("om"), S("Thomas")], 3),
        ("POSITION", [S("x"), S("Thomas")], 0),
        ("POSITION", [B("20"), B("102023")], 2),
        ("TRIM", [S("BOTH"), S("xyz"), S("yxTomxx")], "Tom"),
        ("TRIM", [S("LEADING"), S("xyz"), S("yxTomxx")], "Tomxx"),
        ("TRIM", [S("TRAILING"), S("√ "), S("h@pP√ ")], "h@pP"),
        ("LTRIM", [S("  a ")], "a "),
        ("RTRIM", [S("axx"), S("x")], "a"),
        ("REPEAT", [S("Pg"), I(3)], "PgPgPg"),
        ("REPEAT", [S("Pg"), I(-3)], ""),
        ("REPLACE", [S("abcdefabcdef"), S("cd"), S("XX")], "abXXefabXXef"),
        ("REVERSE", [S("Feldera")], "aredleF"),
        ("SPLIT", [S("a|b|c|"), S("|")], ["a", "b", "c", ""]),
        ("SPLIT", [S("a,b")], ["a", "b"]),
        ("SPLIT", [S(""), S("|")], []),
        ("SPLIT", [S("ab"), S("")], ["ab"]),
        ("SPLIT_PART", [S("a|b|c|"), S("|"), I(2)], "b"),
        ("SPLIT_PART", [S("a|b|c|"), S("|"), I(-2)], "c"),
        ("SPLIT_PART", [S("a|b|c|"), S("|"), I(5)], ""),
        ("SPLIT_PART", [S("-12"), S(""), I(1)], "-12"),
        ("TO_HEX", [S("hello ")], "68656c6c6f20"),
        ("TO_HEX", [B("0abc")], "0abc"),
        ("TO_INT", [S("🐍🐍")], -257978227),
        ("TO_INT", [B("0abc")], 2748),
        ("BIN2UTF8", [B("4041")], "@A"),
        ("BIN2UTF8", [B("ff")], None),
        ("GUNZIP", [B("1f8b08000000000000ff4b4bcd49492d4a0400218115ac07000000")], "feldera"),
        ("MD5", [S("hello ")], "f814893777bcc2295fff05f00e508da6"),
        ("MD5", [B("0123456789ABCDEF")], "a1cd1d1fc6491068d91007283ed84489"),
    ],
)
def test_results(name: str, arguments: list[tuple[Any, SqlType]], expected: Any) -> None:
    assert apply(name, *arguments) == expected


@pytest.mark.parametrize(
    "text,pattern,escape,expected",
    [
        ("abc", "abc", None, True),
        ("abc", "a%", None, True),
        ("abc", "_b_", None, True),
        ("abc", "c", None, False),
        ("abc", "%c", None, True),
        ("abc", "%b%", None, True),
        ("abc", "%", None, True),
        ("", "%", None, True),
        ("", "_", None, False),
        ("a\nc", "a_c", None, True),
        ("a.c", "a.c", None, True),
        ("abc", "a.%c", None, False),
        ("かわいい", "か_い_", None, True),
        ("h%wkeye", "h#%%", "#", True),
        ("hawkeye", "h#%%", "#", False),
        ("h%awkeye", "h#%a%k%e", "#", True),
        ("h%", r"h\%", None, True),
        ("hx", r"h\%", None, False),
        (r"a\b", r"a\\b", None, True),
        ("a%b", "a#%b", "#", True),
        ("ab\n", "ab", None, False),
        ("xaby", "%a%b%", None, True),
    ],
)
def test_like(text: str, pattern: str, escape: str | None, expected: bool) -> None:
    rest = [] if escape is None else [S(escape)]

    assert apply("LIKE", S(text), S(pattern), *rest) is expected
    if pattern == pattern.lower() and text.isascii():
        assert apply("ILIKE", S(text.upper()), S(pattern), *rest) is expected


def test_like_of_null_is_null() -> None:
    assert apply("LIKE", S(None), S("a")) is None
    assert apply("LIKE", S("a"), S(None)) is None


def test_like_with_patterns_that_differ_by_row() -> None:
    rows = [("abc", "a%"), ("abc", "b%"), ("xyz", "x_z"), (None, "%"), ("abc", "a%")]

    assert on_rows("LIKE", [VARCHAR, VARCHAR], rows) == [True, False, True, None, True]


@pytest.mark.parametrize(
    "text,pattern,expected",
    [("string", "s..i.*", True), ("xstringx", "tr", True), ("かわいい", "..い.", True), ("a", "^b$", False)],
)
def test_rlike_finds_a_match_anywhere(text: str, pattern: str, expected: bool) -> None:
    assert apply("RLIKE", S(text), S(pattern)) is expected


@pytest.mark.parametrize(
    "arguments,expected",
    [
        (("1078910", "[^01]"), "1010"),
        (("deep fried", r"(?<first>\w+)\s+(?<second>\w+)", "${first}_$second"), "deep_fried"),
        (("Springsteen, Bruce", r"([^,\s]+),\s+(\S+)", "$2 $1"), "Bruce Springsteen"),
        (("abc", "b", "[$0]"), "a[b]c"),
        (("abc", "b", "$1a"), "ac"),
        (("abc", "b", r"$$\1"), r"a$\1c"),
        (("かわいい", r"([🐍い]|/¯|√\s*)+$", "i"), "かわi"),
        (("a(b", r"[(](b)", "$1"), "ab"),
    ],
)
def test_regexp_replace(arguments: tuple[str, ...], expected: str) -> None:
    assert apply("REGEXP_REPLACE", *map(S, arguments)) == expected


def test_a_bad_expression_or_bad_data_stops_the_pipeline() -> None:
    with pytest.raises(EvaluationError, match="regular expression"):
        apply("RLIKE", S("a"), S("("))
    for data in ("00", "1f8b08000000000000ff4b4bcd49", ""):
        with pytest.raises(EvaluationError, match="gzip"):
            apply("GUNZIP", B(data))
    with pytest.raises(EvaluationError, match="too long"):
        apply("REPEAT", S("ab"), I(2**31 - 1))


@pytest.mark.parametrize(
    "name,types,message",
    [
        (
            "ASCII",
            [mapping(VARCHAR, INTEGER)],
            "Cannot apply 'ASCII' to arguments of type 'ASCII(<(VARCHAR, INTEGER) MAP>)'",
        ),
        ("||", [ROW, ROW], "Cannot apply '||' to arguments of type"),
        ("OVERLAY", [ROW, VARCHAR, INTEGER, INTEGER], "Cannot apply 'OVERLAY' to arguments of type"),
        ("TO_HEX", [UUID], "Cannot apply 'TO_HEX' to arguments of type"),
        ("TO_INT", [ROW], "Cannot apply 'TO_INT' to arguments of type"),
        ("CONCAT", [BINARY, BINARY], "Not yet implemented"),
        ("CONCAT_WS", [VARCHAR, ROW, INTEGER], "Cannot apply 'CONCAT_WS' to arguments of type"),
        ("LEN", [ROW], "Cannot apply 'LEN' to arguments of type"),
        ("OCTET_LENGTH", [SqlType(Kind.REAL)], "Cannot apply 'OCTET_LENGTH' to arguments of type"),
        ("POSITION", [VARCHAR, ROW], "Parameters must be of the same type"),
        ("SUBSTR", [ROW, INTEGER, INTEGER], "Cannot apply 'SUBSTR' to arguments of type"),
        ("TRIM", [VARCHAR, VARCHAR, BINARY], "Cannot apply 'TRIM' to arguments of type"),
        ("SPLIT", [array(VARCHAR), VARCHAR], "Cannot apply 'SPLIT' to arguments of type"),
        ("LEFT", [VARCHAR], "Invalid number of arguments to function 'left'"),
    ],
)
def test_types_that_a_function_does_not_take(name: str, types: list[SqlType], message: str) -> None:
    with pytest.raises(TypeMismatch) as caught:
        FUNCTIONS[name].resolve(types)

    assert message in str(caught.value)


def test_scalars_are_taken_by_their_text() -> None:
    signature = FUNCTIONS["LEFT"].resolve([SqlType(Kind.BOOLEAN, False), SqlType(Kind.BIGINT, False)])

    assert [t.kind for t in signature.arguments] == [Kind.VARCHAR, Kind.INTEGER]
    assert signature.result == SqlType(Kind.VARCHAR, False)
    assert FUNCTIONS["UPPER"].resolve([SqlType(Kind.TIMESTAMP)]).arguments[0].kind is Kind.VARCHAR
