"""`String.format`, and numbers by locale. Pure.

Source: `java.util.Formatter`, `NumberFormat.getCurrencyInstance`, Java SE 8 (JRE locale data).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any, Final

from penstock.kernel.datepatterns import DAYS, MONTHS
from penstock.transform.jvm.numbers import decimal_of
from penstock.transform.jvm.values import BigInteger, Long, Short, class_name, print_any

__all__ = ["Currency", "FormatInvalid", "currency", "format_text"]

_SPECIFIER = re.compile(r"%(\d+\$|<)?([-#+ 0,(]*)(\d+)?(\.\d+)?([tT])?([a-zA-Z%])")


class FormatInvalid(ValueError):
    """A format that is none, or an argument that does not fit it."""


def format_text(template: str, *arguments: Any) -> str:
    """Fill a template. Raises: FormatInvalid."""
    out: list[str] = []
    position, following, last = 0, 0, -1
    while position < len(template):
        start = template.find("%", position)
        if start < 0:
            out.append(template[position:])
            break
        out.append(template[position:start])
        found = _SPECIFIER.match(template, start)
        if found is None:
            raise FormatInvalid(f"Conversion = '{template[start : start + 2]}'")
        position = found.end()
        _check(found)
        if found[6] in "n%" and not found[5]:
            out.append("\n" if found[6] == "n" else _pad("%", found))
            continue
        if found[1] == "<":
            index = last
        elif found[1]:
            index = int(found[1][:-1]) - 1
        else:
            index, following = following, following + 1
        if not 0 <= index < len(arguments):
            raise FormatInvalid(f"Format specifier '{found[0]}'")
        last = index
        out.append(_printed(found, arguments[index]))
    return "".join(out)


def _check(found: re.Match[str]) -> None:
    """Raises: FormatInvalid if flags, width, precision and conversion do not go together."""
    flags, kind = found[2], found[6].lower()
    if ("-" in flags or "0" in flags) and not found[3]:
        raise FormatInvalid(found[0])
    if ("-" in flags and "0" in flags) or ("+" in flags and " " in flags):
        raise FormatInvalid(f"Flags = '{flags}'")
    if found[4] and (found[5] or kind in "dxoc"):
        raise FormatInvalid(found[4][1:])
    for flag, kinds in (
        (",", "dfg"),
        ("(", "dfgexo"),
        ("+", "dfgexo"),
        (" ", "dfgexo"),
        ("0", "dfgexo"),
        ("#", "xofesg"),
    ):
        if flag in flags and (found[5] or kind not in kinds):
            raise FormatInvalid(f"Conversion = {found[6]}, Flags = {flag}")


def _pad(text: str, found: re.Match[str]) -> str:
    width = int(found[3] or 0)
    return text.ljust(width) if "-" in found[2] else text.rjust(width)


def _printed(found: re.Match[str], value: Any) -> str:
    kind = found[6]
    if found[5]:
        text = _print_time(kind, value)
        return _pad(text.upper() if found[5] == "T" else text, found)
    precision = int(found[4][1:]) if found[4] else None
    lowered = kind.lower()
    if value is None and lowered != "b":
        text = "null"[:precision] if lowered in "sh" else "null"
    elif lowered == "s":
        text = print_any(value)[:precision]
    elif lowered == "b":
        text = ("true" if value is True or (value is not None and value is not False) else "false")[:precision]
    elif lowered == "c":
        text = value if isinstance(value, str) and len(value) == 1 else chr(_whole(value, found))
    elif lowered == "h":
        text = f"{_hash(value) & 0xFFFFFFFF:x}"[:precision]
    elif lowered == "d":
        text = _signed(abs(_whole(value, found)), value < 0, found, "")
        return _upper(text, kind)
    elif lowered in "xo":
        return _upper(_pad_zero(_radix(value, found, lowered), found), kind)
    elif lowered in "fe":
        return _upper(_print_real(value, found, lowered, 6 if precision is None else precision), kind)
    elif lowered == "g":
        return _upper(_print_general(value, found, 6 if precision is None else precision or 1), kind)
    else:
        raise FormatInvalid(f"Conversion = '{kind}'")
    return _upper(_pad(text, found), kind)


def _upper(text: str, kind: str) -> str:
    return text.upper() if kind.isupper() else text


def _hash(value: Any) -> int:
    code = 0
    if isinstance(value, str):
        encoded = value.encode("utf-16-be")
        for i in range(0, len(encoded), 2):
            code = (code * 31 + int.from_bytes(encoded[i : i + 2], "big")) & 0xFFFFFFFF
        return code
    return int(value) if isinstance(value, int) else hash(value)


def _whole(value: Any, found: re.Match[str]) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise FormatInvalid(f"{found[6]} != java.lang.{class_name(value)}")
    return int(value)


def _radix(value: Any, found: re.Match[str], kind: str) -> str:
    number = _whole(value, found)
    if number < 0 and not isinstance(value, BigInteger):
        number &= (1 << (64 if isinstance(value, Long) else 16 if isinstance(value, Short) else 32)) - 1
    text = f"{number:{kind}}"
    return ("0x" if kind == "x" else "0") + text if "#" in found[2] else text


def _pad_zero(text: str, found: re.Match[str]) -> str:
    return text.rjust(int(found[3] or 0), "0") if "0" in found[2] else _pad(text, found)


def _signed(number: int | Decimal, negative: bool, found: re.Match[str], fraction: str) -> str:
    flags = found[2]
    digits = f"{int(number):,}" if "," in flags else str(int(number))
    digits += fraction
    before, after = "", ""
    if negative:
        before, after = ("(", ")") if "(" in flags else ("-", "")
    elif "+" in flags:
        before = "+"
    elif " " in flags:
        before = " "
    if "0" in flags:
        digits = digits.rjust(int(found[3] or 0) - len(before) - len(after), "0")
    return _pad(before + digits + after, found)


def _real(value: Any, found: re.Match[str]) -> Decimal | str:
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return print_any(value)
        return decimal_of(value)
    if isinstance(value, Decimal):
        return value
    raise FormatInvalid(f"{found[6]} != java.lang.{class_name(value)}")


def _print_real(value: Any, found: re.Match[str], kind: str, precision: int) -> str:
    number = _real(value, found)
    if isinstance(number, str):
        return _pad(number, found)
    negative = number.is_signed()
    if kind == "e":
        text = f"{abs(number).normalize():.{precision}e}" if number else f"{0:.{precision}e}"
        head, _, exponent = text.partition("e")
        text = f"{head}e{exponent[0]}{exponent[1:].rjust(2, '0')}"
        whole, _, rest = text.partition(".")
        return _signed(int(whole.split("e")[0]), negative, found, ("." + rest) if rest else text[len(whole) :])
    rounded = abs(number).quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP)
    whole, _, rest = f"{rounded:f}".partition(".")
    return _signed(int(whole), negative, found, f".{rest}" if rest else "")


def _print_general(value: Any, found: re.Match[str], precision: int) -> str:
    number = _real(value, found)
    if isinstance(number, str):
        return _pad(number, found)
    if number == 0:
        return _print_real(value, found, "f", precision - 1)
    size = abs(number)
    if Decimal("0.0001") <= size < Decimal(10) ** precision:
        return _print_real(value, found, "f", max(precision - (size.adjusted() + 1), 0))
    return _print_real(value, found, "e", precision - 1)


def _print_time(kind: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = datetime.fromtimestamp(int(value) / 1000, UTC)
    if not isinstance(value, datetime | date | time):
        raise FormatInvalid(f"t{kind} != java.lang.{class_name(value)}")
    composed = {"R": "HM", "T": "HMS", "D": "mdy", "F": "Ymd"}
    joints = {"R": ":", "T": ":", "D": "/", "F": "-"}
    if kind in composed:
        return joints[kind].join(_print_time(letter, value) for letter in composed[kind])
    match kind:
        case "B":
            return MONTHS[value.month - 1]  # type: ignore[union-attr]
        case "b" | "h":
            return MONTHS[value.month - 1][:3]  # type: ignore[union-attr]
        case "A":
            return DAYS[value.weekday()]  # type: ignore[union-attr]
        case "a":
            return DAYS[value.weekday()][:3]  # type: ignore[union-attr]
        case "p":
            return "pm" if value.hour >= 12 else "am"  # type: ignore[union-attr]
        case "e":
            return str(value.day)  # type: ignore[union-attr]
        case "L":
            return f"{value.microsecond // 1000:03}"  # type: ignore[union-attr]
    try:
        return value.strftime(f"%{kind}")
    except ValueError as error:
        raise FormatInvalid(str(error)) from None


@dataclass(frozen=True, slots=True)
class Currency:
    """How a locale writes amounts of money.

    pattern: where sign and amount go: `¤` for the sign, `#` for the digits, `-` only in the negative form.
    """

    sign: str
    group: str
    point: str
    positive: str
    negative: str
    digits: int = 2

    def format(self, value: float) -> str:
        """Print an amount; halves go to the even digit."""
        if value != value:
            return "\ufffd"
        exact = Decimal(value)
        rounded = abs(exact).quantize(Decimal(1).scaleb(-self.digits), ROUND_HALF_EVEN)
        whole, _, rest = f"{rounded:,f}".partition(".")
        shown = whole.replace(",", self.group) + (self.point + rest if rest else "")
        form = self.negative if value < 0 else self.positive
        return form.replace("¤", self.sign).replace("#", shown)

    def parse(self, text: str) -> Decimal:
        """Read an amount; text behind it is ignored. Raises: ValueError."""
        for form, sign in ((self.positive, 1), (self.negative, -1)):
            before, _, after = form.replace("¤", self.sign).partition("#")
            if not text.startswith(before):
                continue
            found = re.compile(rf"[0-9{re.escape(self.group)}]*(?:{re.escape(self.point)}[0-9]*)?").match(
                text, len(before)
            )
            if found is None or not any(c.isdigit() for c in found[0]) or not text.startswith(after, found.end()):
                continue
            digits = found[0].replace(self.group, "").replace(self.point, ".")
            return Decimal(digits) * sign
        raise ValueError(f'Unparseable number: "{text}"')


_CURRENCIES: Final = {
    "en_US": Currency("$", ",", ".", "¤#", "(¤#)"),
    "en_GB": Currency("£", ",", ".", "¤#", "-¤#"),
    "en_CA": Currency("$", ",", ".", "¤#", "-¤#"),
    "en_AU": Currency("$", ",", ".", "¤#", "-¤#"),
    "en_NZ": Currency("$", ",", ".", "¤#", "-¤#"),
    "en_IE": Currency("€", ",", ".", "¤#", "-¤#"),
    "en_IN": Currency("Rs.", ",", ".", "¤#", "-¤#"),
    "en_ZA": Currency("R", ",", ".", "¤ #", "¤-#"),
    "de_DE": Currency("€", ".", ",", "# ¤", "-# ¤"),
    "de_AT": Currency("€", ".", ",", "¤ #", "-¤ #"),
    "de_CH": Currency("SFr.", "'", ".", "¤ #", "¤-#"),
    "fr_FR": Currency("€", "\xa0", ",", "# ¤", "-# ¤"),
    "fr_CA": Currency("$", "\xa0", ",", "# ¤", "(#¤)"),
    "fr_CH": Currency("SFr.", "'", ".", "¤ #", "¤-#"),
    "fr_BE": Currency("€", ".", ",", "# ¤", "-# ¤"),
    "it_IT": Currency("€", ".", ",", "¤ #", "-¤ #"),
    "es_ES": Currency("€", ".", ",", "# ¤", "-# ¤"),
    "es_MX": Currency("$", ",", ".", "¤#", "-¤#"),
    "pt_BR": Currency("R$", ".", ",", "¤ #", "-¤ #"),
    "pt_PT": Currency("€", ".", ",", "# ¤", "-# ¤"),
    "nl_NL": Currency("€", ".", ",", "¤ #", "¤ #-"),
    "pl_PL": Currency("zł", "\xa0", ",", "# ¤", "-# ¤"),
    "sv_SE": Currency("kr", "\xa0", ",", "# ¤", "-# ¤"),
    "da_DK": Currency("kr", ".", ",", "¤ #", "¤ -#"),
    "nb_NO": Currency("kr", "\xa0", ",", "¤ #", "¤ -#"),
    "fi_FI": Currency("€", "\xa0", ",", "# ¤", "-# ¤"),
    "cs_CZ": Currency("Kč", "\xa0", ",", "# ¤", "-# ¤"),
    "tr_TR": Currency("TL", ".", ",", "# ¤", "-# ¤"),
    "ru_RU": Currency("руб.", "\xa0", ",", "# ¤", "-# ¤"),
    "ja_JP": Currency("￥", ",", ".", "¤#", "-¤#", 0),
    "zh_CN": Currency("￥", ",", ".", "¤#", "-¤#"),
    "zh_TW": Currency("NT$", ",", ".", "¤#", "-¤#"),
    "ko_KR": Currency("￦", ",", ".", "¤#", "-¤#", 0),
    "hi_IN": Currency("रू", ",", ".", "¤ #", "-¤ #"),
}


def currency(locale: str) -> Currency | None:
    """Return how a locale (`en_US`, a language alone takes its first country) writes money; None if unknown."""
    known = _CURRENCIES.get(locale)
    if known is None and "_" not in locale:
        known = next((form for name, form in _CURRENCIES.items() if name.startswith(f"{locale}_")), None)
    return known
