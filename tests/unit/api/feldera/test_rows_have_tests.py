"""Each behaviour the clients rely on has a conformance test that names its row."""

import ast
import re
from pathlib import Path

ROWS = 118
FOLDER = Path(__file__).parents[3] / "conformance" / "feldera"
_NUMBERS = re.compile(r"^Rows? ([\d, ]+)\.")


def rows_with_tests() -> set[int]:
    found: set[int] = set()
    for path in FOLDER.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and (text := _NUMBERS.match(ast.get_docstring(node) or "")):
                found |= {int(number) for number in text[1].split(",")}
    return found


def test_every_behaviour_has_a_test() -> None:
    assert set(range(1, ROWS + 1)) - rows_with_tests() == set()
