"""Old recipe lines, whose arguments are bare words, written anew: columns get a colon, texts quotes, conditions braces.

A line is taken as new if it holds an expression or properties. Any other is taken apart at blanks: so many words from
the front, then, for some directives, all the rest as one argument. Words that are quoted stay together. Source:
observed behaviour of recipes in public pipeline exports, and the published table of both forms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from penstock.transform.recipe.problems import RecipeInvalid

__all__ = ["Line", "rewritten"]

Line = tuple[int, str]
"""A line's number, from 1, and its text."""

_WORD: Final = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?=\s|$)|\S+""")


class _Words:
    """What is left of a line."""

    def __init__(self, text: str, line: int) -> None:
        self._text = text
        self._line = line
        self._command = text.split()[0]

    def word(self, field: str) -> str:
        found = self.optional()
        if found is None:
            message = f"Missing field '{field}' at line number {self._line}."
            raise RecipeInvalid(f"Error encountered while parsing '{self._command}' : {message}", self._line)
        return found

    def optional(self) -> str | None:
        self._text = self._text.lstrip()
        if not self._text:
            return None
        found = _WORD.match(self._text)
        assert found is not None, "there is something that is no blank"
        self._text = self._text[found.end() :]
        return found[0]

    def rest(self, field: str) -> str:
        return self.word(field) if not self._text.strip() else self.remaining()

    def remaining(self) -> str:
        text, self._text = self._text.strip(), ""
        return text


def column(name: str) -> str:
    """Write a column."""
    return name if name.startswith(":") else f":{name}"


def columns(names: str) -> str:
    """Write a list of columns."""
    return ",".join(column(name.strip()) for name in names.split(",") if name.strip())


def quoted(text: str | None) -> str:
    """Write a text."""
    if text is None:
        return ""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text
    return f'"{text}"' if "'" in text else f"'{text}'"


def rewritten(recipe: str, known: Callable[[str], bool], problems: list[RecipeInvalid]) -> Iterator[Line]:
    """Yield the statements of a recipe in new syntax, each with its line number; comments and blanks are left out.

    known: whether a name is a directive's; tells where a second statement on a line begins. problems: gets what is
    wrong with statements, which are left out.
    """
    for number, text in _statements(recipe, known):
        try:
            line = _rewrite(text, number)
        except RecipeInvalid as error:
            problems.append(error)
            continue
        yield number, line


_OPEN: Final = re.compile(r"\b(?:exp|prop)\s*:\s*\{")


def _statements(recipe: str, known: Callable[[str], bool]) -> Iterator[Line]:
    pending, start = "", 0
    for number, raw in enumerate(re.split(r"\r?\n", recipe), 1):
        text = raw.strip()
        if pending:
            text = f"{pending}\n{text}"
        elif not text or text.startswith(("//", "--")) or (text.startswith("#") and not text.startswith("#pragma")):
            continue
        else:
            start = number
        if _is_open(text):
            pending = text
            continue
        pending = ""
        for piece in _pieces(text, known):
            yield start, piece
    if pending:
        yield start, pending


def _is_open(text: str) -> bool:
    """Whether a block of an expression or a comment goes on in the next line."""
    if text.startswith("/*"):
        return "*/" not in text
    if not _OPEN.search(text):
        return False
    bare = re.sub(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"", "", text)
    return bare.count("{") > bare.count("}")


def _pieces(text: str, known: Callable[[str], bool]) -> Iterator[str]:
    """Cut a line after each semicolon that another directive follows."""
    start = 0
    for found in re.finditer(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|;""", text):
        if found[0] != ";":
            continue
        following = re.match(r"\s*(#pragma\b|[!]?[A-Za-z][A-Za-z0-9_-]*)(?=[\s;:]|$)", text[found.end() :])
        inside = text[start : found.start()]
        if (
            following
            and inside.count("{") <= inside.count("}")
            and (following[1] == "#pragma" or known(following[1].lstrip("!")) or following[1] in _OLD)
        ):
            yield inside.strip()
            start = found.end()
    if text[start:].strip():
        yield text[start:].strip()


def _rewrite(text: str, line: int) -> str:
    if text.startswith("#pragma") or _is_block(text):
        return text
    if "exp:" in text or "prop:" in text or re.search(r"\bexp\s*:\s*\{", text):
        return text
    if text.startswith("/*"):
        return ""
    text = text.removesuffix(";").rstrip()
    if not text:
        return ""
    words = _Words(text, line)
    command = words.word("directive")
    rewrite = _OLD.get(command)
    if rewrite is None:
        return text
    if rewrite is _SIMPLE_CASE:
        return " ".join([command, column(words.word("column"))])
    return rewrite(command, words)


def _is_block(text: str) -> bool:
    return bool(re.match(r"if\s*\(|\}|\$\{", text))


def _shape(pattern: str) -> Callable[[str, _Words], str]:
    """Make a rewriting from a shape: what each argument is, in order.

    C column, L columns, Q text of one word, R text of all the rest, W word as it is, E condition of all the rest;
    small letters for arguments that may be missing.
    """

    def rewrite(command: str, words: _Words) -> str:
        out = [command]
        for kind in pattern:
            field = {"C": "column", "L": "columns", "E": "condition", "R": "value", "Q": "value"}.get(kind, "value")
            if kind.islower():
                value = words.optional() if kind != "r" else (words.remaining() or None)
                if value is None:
                    break
                out.append({"c": column, "l": columns, "q": quoted, "r": quoted}.get(kind, str)(value))
                continue
            value = words.rest(field) if kind in "ERX" else words.word(field)
            out.append(_WRITE[kind](value))
        rest = words.remaining()
        return " ".join([*out, rest] if rest and pattern[-1:] not in "ER" else out)

    return rewrite


_WRITE: Final[dict[str, Callable[[str], str]]] = {
    "C": column,
    "L": columns,
    "Q": quoted,
    "R": quoted,
    "W": str,
    "X": str,
    "E": lambda value: f"exp:{{{value}}}",
}


def _set(command: str, words: _Words) -> str:
    what = words.word("column or columns")
    if what == "column":
        return f"set-column {column(words.word('column-name'))} exp:{{{words.rest('jexl-expression')}}}"
    if what == "columns":
        return f"set-headers {columns(words.rest('name1, name2, ...'))}"
    return f"set {what} {words.remaining()}"


def _filter_rows_on(command: str, words: _Words) -> str:
    option = words.word("command").lower()
    if option in ("condition-false", "condition-true"):
        return f"filter-row exp:{{{words.rest('condition')}}} {option.removeprefix('condition-')}"
    if option == "empty-or-null-columns":
        return f"filter-empty-or-null {columns(words.rest('columns'))}"
    if option in ("regex-match", "regex-not-match"):
        kind = "if-matched" if option == "regex-match" else "if-not-matched"
        return f"filter-by-regex {kind} {column(words.word('column'))} {quoted(words.rest('regex'))}"
    message = f"Unknown option '{option}' specified at line no {words._line}"
    raise RecipeInvalid(f"Error encountered while parsing 'filter-rows-on' : {message}", words._line)


def _find_and_replace(command: str, words: _Words) -> str:
    return f"{command} {columns(words.word('columns'))} {quoted(words.rest('sed-script'))}"


def _column_list(command: str, words: _Words) -> str:
    return f"{command} {columns(words.rest('column'))}"


def _simple(command: str, words: _Words) -> str:
    raise NotImplementedError


_SIMPLE_CASE: Final = _simple

_OLD: Final[dict[str, Callable[[str, _Words], str]]] = {
    "set": _set,
    "rename": _shape("CC"),
    "set-type": _shape("CWwq"),
    "drop": _column_list,
    "keep": _column_list,
    "flatten": _column_list,
    "merge": _shape("CCCR"),
    "uppercase": _SIMPLE_CASE,
    "lowercase": _SIMPLE_CASE,
    "titlecase": _SIMPLE_CASE,
    "trim": _SIMPLE_CASE,
    "ltrim": _SIMPLE_CASE,
    "rtrim": _SIMPLE_CASE,
    "indexsplit": _shape("CWWC"),
    "split": _shape("CQCC"),
    "filter-row-if-matched": lambda _, w: (
        f"filter-by-regex if-matched {column(w.word('column'))} {quoted(w.rest('regex'))}"
    ),
    "filter-row-if-not-matched": lambda _, w: (
        f"filter-by-regex if-not-matched {column(w.word('column'))} {quoted(w.rest('regex'))}"
    ),
    "filter-row-if-true": lambda _, w: f"filter-row exp:{{{w.rest('condition')}}} true",
    "filter-row-if-false": lambda _, w: f"filter-row exp:{{{w.rest('condition')}}} false",
    "filter-rows-on": _filter_rows_on,
    "set-variable": _shape("WE"),
    "increment-variable": _shape("WWE"),
    "mask-number": _shape("CQ"),
    "mask-shuffle": _SIMPLE_CASE,
    "format-date": _shape("CR"),
    "format-unix-timestamp": _shape("CR"),
    "quantize": _shape("CCX"),
    "find-and-replace": _find_and_replace,
    "parse-as-csv": _shape("Cqw"),
    "parse-as-json": _shape("Cw"),
    "parse-as-avro": _shape("CWWw"),
    "parse-as-protobuf": _shape("CWQw"),
    "json-path": _shape("CCR"),
    "set-charset": _shape("Cq"),
    "invoke-http": _shape("QLr"),
    "set-record-delim": _shape("CQw"),
    "parse-as-fixed-length": _shape("CWr"),
    "split-to-rows": _shape("CR"),
    "split-to-columns": _shape("CR"),
    "parse-xml-to-json": _shape("Cw"),
    "parse-as-xml": _SIMPLE_CASE,
    "xpath": _shape("CCR"),
    "xpath-array": _shape("CCR"),
    "copy": _shape("CCw"),
    "fill-null-or-empty": _shape("CR"),
    "cut-character": lambda _, w: (
        f"cut-character {column(w.word('source'))} {column(w.word('destination'))} {quoted(w.rest('range'))}"
    ),
    "generate-uuid": _SIMPLE_CASE,
    "url-encode": _SIMPLE_CASE,
    "url-decode": _SIMPLE_CASE,
    "parse-as-log": _shape("CR"),
    "parse-as-date": _shape("Cr"),
    "parse-as-simple-date": _shape("CR"),
    "diff-date": _shape("CCC"),
    "parse-as-hl7": _shape("Cw"),
    "split-email": _SIMPLE_CASE,
    "swap": _shape("CC"),
    "hash": _shape("CQw"),
    "write-as-json-map": _SIMPLE_CASE,
    "write-as-json-object": lambda _, w: (
        f"write-as-json-object {column(w.word('column'))} {columns(w.rest('columns'))}"
    ),
    "write-as-csv": _SIMPLE_CASE,
    "parse-as-avro-file": _SIMPLE_CASE,
    "send-to-error": _shape("E"),
    "send-to-error-and-continue": _shape("E"),
    "fail": _shape("E"),
    "text-distance": _shape("QCCC"),
    "text-metric": _shape("QCCC"),
    "catalog-lookup": _shape("QC"),
    "table-lookup": _shape("CQ"),
    "stemming": _SIMPLE_CASE,
    "columns-replace": _shape("R"),
    "extract-regex-groups": _shape("CR"),
    "split-url": _SIMPLE_CASE,
    "set-column": _shape("CE"),
    "encode": _shape("QC"),
    "decode": _shape("QC"),
}
