"""`dq:`: whether a value is what it should be."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final

from penstock.kernel.datepatterns import PatternRefused
from penstock.kernel.simple_dates import DateUnreadable, simple_dates
from penstock.transform.jexl.functions.clock import is_date_text, is_time_text
from penstock.transform.jexl.functions.signatures import function

__all__ = ["data_type_of"]

_INTEGER: Final = re.compile(r"[+-]?[0-9]+\Z")
_DOUBLE: Final = re.compile(
    r"[-+]?([0-9]+([,.][0-9]+)?|([0-9]{1,3}(((,[0-9]{3})*(\.[0-9]+)?)"
    r"|((\.[0-9]{3})*|([ \u00A0\u2007\u202F][0-9]{3})*)(,[0-9]+)?)))([ ]?[eE][-+]?[0-9]+)?\Z"
)
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+([A-Za-z]{{2,63}}|xn--[A-Za-z0-9-]{{1,59}})\.?\Z")
_MAILBOX: Final = re.compile(r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*|\"[^\"]*\")\Z")
_URL: Final = re.compile(r"(?:https?|ftp)://([^/?#\s]+)((?:/[^\s?#]*)?)(?:\?[^\s#]*)?(?:#[^\s]*)?\Z", re.IGNORECASE)
_GENERIC: Final = frozenset(
    [
        "aero",
        "asia",
        "biz",
        "cat",
        "com",
        "coop",
        "edu",
        "gov",
        "info",
        "int",
        "jobs",
        "mil",
        "mobi",
        "museum",
        "name",
        "net",
        "org",
        "pro",
        "tel",
        "travel",
        "xxx",
        "app",
        "dev",
        "io",
        "ai",
        "online",
        "site",
        "shop",
        "store",
        "tech",
        "xyz",
        "blog",
        "cloud",
        "club",
        "company",
        "email",
        "global",
        "group",
        "live",
        "media",
        "news",
        "page",
        "space",
        "today",
        "top",
        "vip",
        "website",
        "wiki",
        "work",
        "world",
    ]
)
_CARDS: Final = {
    "isAmex": r"3[47]\d{13}\Z",
    "isVisa": r"4(?:\d{12}|\d{15})\Z",
    "isMaster": r"(?:5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12})\Z",
    "isDiner": r"(?:30[0-5]\d{11}|3095\d{10}|36\d{12}|3[8-9]\d{12})\Z",
    "isDiscover": r"(?:6011\d{12}|64[4-9]\d{13}|65\d{14}|62[2-8]\d{13})\Z",
    "isVPay": r"4\d{12,18}\Z",
    "isCreditCard": r"\d{13,19}\Z",
}


def data_type_of(text: str) -> str:
    """Tell what a text looks like: empty, boolean, integer, double, date, time or string."""
    if not text.strip():
        return "empty"
    if text.lower() in ("true", "false"):
        return "boolean"
    if _INTEGER.match(text):
        return "integer"
    if _DOUBLE.match(text):
        return "double"
    if is_date_text(text):
        return "date"
    return "time" if is_time_text(text) else "string"


def _has(text: str | None) -> bool:
    return text is not None and bool(text.strip())


@function("dq", "s", "isInteger")
def is_integer(text: str | None) -> bool:
    return _has(text) and _INTEGER.match(str(text)) is not None


@function("dq", "s", "isDouble")
def is_double(text: str | None) -> bool:
    return _has(text) and _DOUBLE.match(str(text)) is not None


@function("dq", "s", "isNumber")
def is_number(text: str | None) -> bool:
    return is_integer(text) or is_double(text)


@function("dq", "s", "isBoolean")
def is_boolean(text: str | None) -> bool:
    return text is not None and text.lower() in ("true", "false")


@function("dq", "s", "isEmpty")
def is_empty(text: str | None) -> bool:
    return not _has(text)


@function("dq", "s", "isempty")
def is_empty_text(text: str | None) -> bool:
    return text == ""


@function("dq", "s")
def strlen(text: str | None) -> int:
    return len(text or "")


@function("dq", "ddd")
def inrange(value: float, lower: float, upper: float) -> bool:
    return lower <= value <= upper


@function("dq", "o")
def columns(row: Any) -> int:
    return len(row) if isinstance(row, dict) else 0


@function("dq", "os")
def hascolumn(row: Any, name: str | None) -> bool:
    return isinstance(row, dict) and name is not None and any(key.lower() == name.lower() for key in row)


@function("dq", "ss", "isDate")
def is_date_as(text: str | None, pattern: str | None) -> bool:
    if text is None or pattern is None:
        return False
    try:
        dates = simple_dates(pattern)
        return dates.format(_moment(dates.parse_ms(text))) == text or len(text) >= len(pattern)
    except (DateUnreadable, PatternRefused):
        return False


def _moment(millis: int) -> Any:
    from datetime import UTC, datetime, timedelta

    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)


@function("dq", "s", "isIPv4")
def is_ipv4(text: str | None) -> bool:
    try:
        return text is not None and bool(ipaddress.IPv4Address(text))
    except ValueError:
        return False


@function("dq", "s", "isIPv6")
def is_ipv6(text: str | None) -> bool:
    try:
        return text is not None and bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


@function("dq", "s", "isIP")
def is_ip(text: str | None) -> bool:
    return is_ipv4(text) or is_ipv6(text)


@function("dq", "s", "isDomainName")
def is_domain_name(text: str | None) -> bool:
    return text is not None and len(text) <= 253 and _DOMAIN.match(text) is not None


@function("dq", "s", "isEmail")
def is_email(text: str | None) -> bool:
    if text is None or (text.count("@") != 1 and not text.startswith('"')):
        return False
    user, _, domain = text.rpartition("@")
    if domain.startswith("[") and domain.endswith("]"):
        return _MAILBOX.match(user) is not None and is_ip(domain[1:-1])
    return len(user) <= 64 and _MAILBOX.match(user) is not None and is_domain_name(domain)


@function("dq", "s", "isUrl")
def is_url(text: str | None) -> bool:
    found = _URL.match(text or "")
    if found is None or "//" in found[2]:
        return False
    host, _, port = found[1].rpartition("@")[2].partition(":")
    return (is_domain_name(host) or is_ipv4(host)) and (not port or (port.isdigit() and int(port) <= 65535))


@function("dq", "s", "isDomainTld")
def is_domain_tld(text: str | None) -> bool:
    return is_generic_tld(text) or is_country_tld(text)


@function("dq", "s", "isGenericTld")
def is_generic_tld(text: str | None) -> bool:
    return text is not None and text.removeprefix(".").lower() in _GENERIC


@function("dq", "s", "isCountryTld")
def is_country_tld(text: str | None) -> bool:
    name = (text or "").removeprefix(".").lower()
    return re.fullmatch(r"[a-z]{2}", name) is not None and name not in ("xx", "aa", "zz", "qq")


@function("dq", "s", "isISBN10")
def is_isbn10(text: str | None) -> bool:
    digits = re.sub(r"[ -]", "", text or "")
    if not re.fullmatch(r"\d{9}[\dXx]", digits):
        return False
    values = [10 if char in "Xx" else int(char) for char in digits]
    return sum(value * (10 - i) for i, value in enumerate(values)) % 11 == 0


@function("dq", "s", "isISBN13")
def is_isbn13(text: str | None) -> bool:
    digits = re.sub(r"[ -]", "", text or "")
    if not re.fullmatch(r"97[89]\d{10}", digits):
        return False
    return sum(int(char) * (3 if i % 2 else 1) for i, char in enumerate(digits)) % 10 == 0


@function("dq", "s", "isISBN")
def is_isbn(text: str | None) -> bool:
    return is_isbn10(text) or is_isbn13(text)


def _luhn(digits: str) -> bool:
    total = 0
    for i, char in enumerate(reversed(digits)):
        value = int(char) * (2 if i % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


for _name, _shape in _CARDS.items():
    function("dq", "s", _name)(
        lambda text, shape=_shape: text is not None and re.match(shape, text) is not None and _luhn(text)
    )
