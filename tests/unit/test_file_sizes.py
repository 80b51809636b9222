"""No file grows beyond what can be read in one sitting."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
HARD_STOP = 800
EXEMPT: frozenset[str] = frozenset()
"""Files that may be longer, each with a reason here."""


def test_no_file_is_longer_than_the_hard_stop() -> None:
    files = [path for folder in ("src", "tests", "bench") for path in (ROOT / folder).rglob("*.py")]
    # Folders with a dot hold what tools keep there, such as other environments.
    ours = {name: path for path in files if "/." not in (name := path.relative_to(ROOT).as_posix())}
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in ours.items()}

    assert len(ours) > 50
    assert {name: length for name, length in lengths.items() if length > HARD_STOP and name not in EXEMPT} == {}


def test_a_contents_page_has_one_screen_of_lines() -> None:
    pages = (ROOT / "src").rglob("__init__.py")
    lengths = {page.relative_to(ROOT).as_posix(): len(page.read_text("utf-8").splitlines()) for page in pages}

    assert {name: length for name, length in lengths.items() if length > 70} == {}
