"""What documents point to is there: files they link to, paths and make targets they name, tests they rely on."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "bench/**/*.md")
    for path in ROOT.glob(pattern)
    if "/." not in path.as_posix().removeprefix(ROOT.as_posix())
)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"`([^`\s]+)`")
TARGET = re.compile(r"`make ([a-z-]+)|^\$ make ([a-z-]+)", re.MULTILINE)
WITHIN = ("", "src/", "src/penstock/", "docs/")
FOLDERS = tuple(f"{path.name}/" for path in (ROOT / "src/penstock").iterdir() if path.is_dir())
HERE = (*FOLDERS, "src/", "tests/", "bench/", "docs/")
MADE_LATER = ("bench/results", "bench/.cache")
PLACEHOLDER = re.compile(r"[<>{}…*]|NNNN")

by_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


@by_document
def test_links_lead_to_files(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text("utf-8")) if "://" not in link]

    assert [link for link in links if not (document.parent / link).exists()] == []


@by_document
def test_paths_that_are_named_exist(document: Path) -> None:
    named = [
        name
        for name in CODE.findall(document.read_text("utf-8"))
        if name.startswith(HERE) and not name.startswith(MADE_LATER)
    ]
    paths = [name for name in named if not PLACEHOLDER.search(name)]

    assert [name for name in paths if not any((ROOT / folder / name).exists() for folder in WITHIN)] == []


@by_document
def test_make_targets_that_are_named_exist(document: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {one or other for one, other in TARGET.findall(document.read_text("utf-8"))}

    assert named - known == set()


def test_every_decision_and_how_to_can_be_found() -> None:
    decisions = sorted(path.name[:4] for path in (ROOT / "docs/adr").glob("*.md"))
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    lost = [path.name for path in (ROOT / "docs/howto").glob("*.md") if f"docs/howto/{path.name}" not in text]

    assert decisions == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    assert lost == []


def test_architecture_fits_in_its_lines() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text("utf-8").splitlines()) <= 300
