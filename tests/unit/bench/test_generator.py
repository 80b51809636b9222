"""The Nexmark events: the same by seed, in time order, with hot keys, and written so that steps come back in order."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from bench.cache import VARIABLE
from bench.nexmark.dataset import Dataset, load_dataset, open_dataset, stripes
from bench.nexmark.feed import steps
from bench.nexmark.layout import AUCTION, BID, PERSON, STREAMS

from penstock.connect.nexmark.generator import FIRST_ID, HOT_GROUP, SCHEMAS, generate

EVENTS = 20_000


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return open_dataset(EVENTS)


def test_the_same_seed_gives_the_same_rows() -> None:
    once, again, other = (generate(BID, 0, 500, seed, 0) for seed in (7, 7, 8))

    assert once.equals(again)
    assert not once.equals(other)


@pytest.mark.parametrize("stream", [PERSON, AUCTION, BID], ids=lambda stream: stream.name)
def test_times_never_fall(stream) -> None:  # type: ignore[no-untyped-def]
    times = generate(stream, 0, 2_000, 1, 0)["date_time"].cast(pa.int64()).to_numpy()

    assert (times[1:] >= times[:-1]).all()


def test_half_of_the_bids_go_to_the_hot_auctions_and_three_quarters_come_from_hot_bidders() -> None:
    bids = generate(BID, 0, 50_000, 1, 0)
    hot_auctions = (bids["auction"].to_numpy() - FIRST_ID) % HOT_GROUP == 0
    hot_bidders = (bids["bidder"].to_numpy() - FIRST_ID) % HOT_GROUP == 1

    assert 0.48 < hot_auctions.mean() < 0.54
    assert 0.73 < hot_bidders.mean() < 0.78


def test_three_quarters_of_the_auctions_belong_to_hot_sellers_and_ids_count_up() -> None:
    auctions = generate(AUCTION, 0, 20_000, 1, 0)
    hot = (auctions["seller"].to_numpy() - FIRST_ID) % HOT_GROUP == 0

    assert 0.73 < hot.mean() < 0.78
    assert list(range(FIRST_ID, FIRST_ID + 20_000)) == auctions["id"].to_pylist()
    assert sorted(pc.unique(auctions["category"]).to_pylist()) == [10, 11, 12, 13, 14]
    assert (auctions["expires"].cast(pa.int64()).to_numpy() > auctions["date_time"].cast(pa.int64()).to_numpy()).all()


def test_no_text_would_need_quotes_in_csv(dataset: Dataset) -> None:
    for stream in STREAMS.values():
        width = len(SCHEMAS[stream.name])
        text = dataset.file(stream, 0).read_text()

        assert '"' not in text
        assert {width - 1} == {line.count(",") for line in text.splitlines()}


def test_a_data_set_is_written_once_and_found_again(dataset: Dataset) -> None:
    written = dataset.file(BID, 0).stat().st_mtime_ns
    again = open_dataset(EVENTS)

    assert written == again.file(BID, 0).stat().st_mtime_ns
    assert again == load_dataset(dataset.path)


@pytest.mark.parametrize("step", [1_000, 7_777, 100_000])
def test_steps_give_back_all_rows_in_order(dataset: Dataset, step: int) -> None:
    columns = {name: schema.names for name, schema in SCHEMAS.items()}
    batches = list(steps(dataset, columns, step))

    sizes = [sum(batch.num_rows for batch in step_batches.values()) for step_batches in batches]
    assert sum(sizes) == EVENTS
    assert {min(step, EVENTS)} == set(sizes[:-1]) | {min(step, EVENTS)}
    for name, stream in STREAMS.items():
        wanted = pa.concat_tables([rows for _, rows in stripes(dataset, stream)]).combine_chunks()
        given = pa.Table.from_batches([batch[name] for batch in batches if name in batch])
        assert wanted.equals(given.cast(wanted.schema).combine_chunks())


def test_a_reader_that_is_left_early_ends_its_threads(dataset: Dataset) -> None:
    reading = steps(dataset, {"bid": ["price"]}, 100)

    assert list(next(reading)) == ["bid"]
    reading.close()
