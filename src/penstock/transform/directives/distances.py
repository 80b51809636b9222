"""Directives that compare texts, and stemming.

Source: the metrics of the Simmetrics library, 4.1, by its documentation; M. F. Porter, "An algorithm for suffix
stripping", Program 14(3), 1980.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa

from penstock.transform.directives.declaring import Setting, Step, directive, each_value, stopped
from penstock.transform.directives.stems import stem_words
from penstock.transform.frames.frame import Frame
from penstock.transform.jvm.regex import split
from penstock.transform.jvm.values import Float, class_name, objects, scalars
from penstock.transform.recipe.parser import COLUMN, TEXT
from penstock.transform.recipe.usage import Arguments, Parameter

__all__: list[str] = []

Measure = Callable[[str, str], tuple[float, float]]
"""Similarity and distance of two texts."""


def _words(text: str) -> list[str]:
    return [word for word in text.split() if word]


def _by_words(compare: Callable[[Counter[str], Counter[str]], tuple[float, float] | float]) -> Measure:
    def measure(left: str, right: str) -> tuple[float, float]:
        result = compare(Counter(_words(left)), Counter(_words(right)))
        return result if isinstance(result, tuple) else (result, 1.0 - result)

    return measure


def _ratio(over: float, under: float) -> float:
    return over / under if under else 1.0


def _block(left: Counter[str], right: Counter[str]) -> tuple[float, float]:
    distance = sum(abs(left[word] - right[word]) for word in left | right)
    return 1.0 - _ratio(distance, left.total() + right.total()) if left or right else 1.0, float(distance)


def _euclidean(left: Counter[str], right: Counter[str]) -> tuple[float, float]:
    distance = math.sqrt(sum((left[word] - right[word]) ** 2 for word in left | right))
    longest = math.sqrt(left.total() ** 2 + right.total() ** 2)
    return 1.0 - distance / longest if longest else 1.0, distance


def _cosine(left: Counter[str], right: Counter[str]) -> float:
    if not left or not right:
        return 1.0 if left == right else 0.0
    product = sum(left[word] * right[word] for word in left)
    return product / math.sqrt(sum(n * n for n in left.values()) * sum(n * n for n in right.values()))


def _common(left: Counter[str], right: Counter[str]) -> int:
    return len(left.keys() & right.keys())


def _simon_white(left: str, right: str) -> tuple[float, float]:
    grams = [
        Counter(word[i : i + 2] for word in _words(text) for i in range(max(len(word) - 1, 1)))
        for text in (left, right)
    ]
    similarity = _ratio(2.0 * (grams[0] & grams[1]).total(), grams[0].total() + grams[1].total())
    return similarity, 1.0 - similarity


def _edits(left: str, right: str, *, swaps: bool) -> int:
    rows = [list(range(len(right) + 1))]
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(rows[-1][j] + 1, row[j - 1] + 1, rows[-1][j - 1] + (a != b))
            if swaps and i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def _edit_measure(swaps: bool) -> Measure:
    def measure(left: str, right: str) -> tuple[float, float]:
        edits = _edits(left, right, swaps=swaps)
        return 1.0 - _ratio(edits, max(len(left), len(right))), float(edits)

    return measure


def _subsequence(left: str, right: str) -> int:
    row = [0] * (len(right) + 1)
    for a in left:
        before = 0
        for j, b in enumerate(right, 1):
            before, row[j] = row[j], before + 1 if a == b else max(row[j], row[j - 1])
    return row[-1]


def _substring(left: str, right: str) -> int:
    best, row = 0, [0] * (len(right) + 1)
    for a in left:
        before = 0
        for j, b in enumerate(right, 1):
            before, row[j] = row[j], before + 1 if a == b else 0
            best = max(best, row[j])
    return best


def _shared(length: Callable[[str, str], int]) -> Measure:
    def measure(left: str, right: str) -> tuple[float, float]:
        shared = length(left, right)
        return _ratio(shared, max(len(left), len(right))), float(len(left) + len(right) - 2 * shared)

    return measure


def _jaro(left: str, right: str) -> tuple[float, float]:
    reach = max(max(len(left), len(right)) // 2 - 1, 0)
    taken = [False] * len(right)
    first: list[str] = []
    for i, char in enumerate(left):
        for j in range(max(i - reach, 0), min(i + reach + 1, len(right))):
            if not taken[j] and right[j] == char:
                taken[j] = True
                first.append(char)
                break
    second = [char for char, used in zip(right, taken, strict=True) if used]
    if not first:
        return (1.0, 0.0) if left == right else (0.0, 1.0)
    swapped = sum(a != b for a, b in zip(first, second, strict=True)) // 2
    count = len(first)
    similarity = (count / len(left) + count / len(right) + (count - swapped) / count) / 3
    return similarity, 1.0 - similarity


_COSINE: Final = _by_words(_cosine)
_MEASURES: Final[dict[str, Measure]] = {
    "euclidean": _by_words(_euclidean),
    "block-distance": _by_words(_block),
    "block-metric": _by_words(_block),
    "block": _by_words(_block),
    "identity": lambda left, right: (1.0, 0.0) if left == right else (0.0, 1.0),
    "dice": _by_words(lambda a, b: _ratio(2.0 * _common(a, b), len(a) + len(b))),
    "longest-common-subsequence": _shared(_subsequence),
    "longest-common-substring": _shared(_substring),
    "overlap-cofficient": _by_words(lambda a, b: _ratio(_common(a, b), min(len(a), len(b)))),
    "overlap-coefficient": _by_words(lambda a, b: _ratio(_common(a, b), min(len(a), len(b)))),
    "jaccard": _by_words(lambda a, b: _ratio(_common(a, b), len(a.keys() | b.keys()))),
    "generalized-jaccard": _by_words(lambda a, b: _ratio((a & b).total(), (a | b).total())),
    "damerau-levenshtein": _edit_measure(True),
    "levenshtein": _edit_measure(False),
    "jaro": _jaro,
    "simon-white": _simon_white,
    "cosine": _COSINE,
}


def _comparing(name: str, place: int, says: str) -> None:
    def make(arguments: Arguments, setting: Setting) -> Step:
        measure = _MEASURES.get(arguments.text("method").lower(), _COSINE)
        names = (arguments.text("column1"), arguments.text("column2"))
        destination = arguments.text("destination")
        known: dict[tuple[str, str], float] = {}

        def compare(left: Any, right: Any) -> float:
            if not isinstance(left, str) or not isinstance(right, str) or not left or not right:
                return 0.0
            if (left, right) not in known:
                if len(known) > 100_000:
                    known.clear()
                known[left, right] = Float(measure(left, right)[place])
            return known[left, right]

        def step(frame: Frame) -> Frame:
            columns = [frame.value(name) for name in names]
            values = [[None] * frame.rows if column is None else scalars(column.data) for column in columns]
            return frame.add(destination, pa.array(list(map(compare, *values)), pa.float32()))

        return step

    make.__doc__ = says
    columns = (Parameter("column1", COLUMN), Parameter("column2", COLUMN), Parameter("destination", COLUMN))
    directive(name, Parameter("method", TEXT), *columns)(make)


_comparing("text-metric", 0, "Append how alike two texts are, by a method such as `cosine` or `levenshtein`.")
_comparing("text-distance", 1, "Append how far two texts are apart, by a method such as `cosine` or `levenshtein`.")


@directive("stemming", Parameter("column", COLUMN))
def stemming(arguments: Arguments, setting: Setting) -> Step:
    """Append the stems of a text's words as a list."""
    column = arguments.text("column")
    kinds = "'String', 'Array of String' or 'List of String'"

    def stems(value: Any) -> list[str]:
        if isinstance(value, str):
            return stem_words(split(value, "\\W+"))
        if isinstance(value, list):
            return stem_words([str(item) for item in value])
        raise stopped(
            "stemming", f"Invalid type '{class_name(value)}' of column '{column}'. It should be of type {kinds}."
        )

    def step(frame: Frame) -> Frame:
        empty = stopped("stemming", f"Column '{column}' has null value. It should be a non-null {kinds}.")
        frame, _, data = each_value(frame, column, stems, on_null=empty)
        if data is None:
            return frame.add(f"{column}_porter", objects([[] for _ in range(frame.rows)]))
        return frame.add(f"{column}_porter", data)

    return step
