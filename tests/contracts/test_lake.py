"""Delta Lake and Apache Iceberg on files of this machine; the REST catalog is served by the test."""

import datetime as dt
import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from penstock.connect.lake.delta_sink import DeltaSink
from penstock.connect.lake.delta_source import DeltaSource
from penstock.connect.lake.iceberg import IcebergSource
from penstock.data.batch import Batch
from penstock.data.changes import Changes
from penstock.data.pool import Pool
from penstock.data.types import Kind, SqlType
from penstock.data.values import decode_column, encode_values
from penstock.ports.format import Layout
from penstock.ports.source import SourceEnded, TransportRefused
from tests.contracts.formats import layout
from tests.contracts.transports import SourceContract

BIG, TEXT = SqlType(Kind.BIGINT), SqlType(Kind.VARCHAR)
TABLE = layout(("n", SqlType(Kind.INTEGER)))
WORDS = layout(("N", BIG), ("word", TEXT))


class Rows:
    """A feed that keeps rows with their weights, and places; it ends after so many waits."""

    def __init__(self, table: Layout, pool: Pool, waits: int = 2) -> None:
        self.given: list[tuple[Any, ...]] = []
        self.places: list[Any] = []
        self.errors: list[str] = []
        self._table, self._pool, self._left = table, pool, waits

    def begins(self, place: Any) -> None:
        self.places.append(json.loads(json.dumps(place)))

    def changes(self, changes: Changes, size_bytes: int) -> None:
        columns = [
            decode_column(column, described.type, self._pool)
            for column, described in zip(changes.columns, self._table.columns, strict=True)
        ]
        self.given += zip(changes.weights.tolist(), *columns, strict=True)

    def wait_s(self, duration_s: float) -> None:
        if duration_s:
            self._left -= 1
            if self._left < 0:
                raise SourceEnded

    def error(self, message: str) -> None:
        self.errors.append(message)


def read(kind: Any, config: Mapping[str, Any], table: Layout = WORDS, place: Any = None) -> Rows:
    pool = Pool()
    feed = Rows(table, pool)
    source = kind.open(config, table, pool)
    if place is not None:
        source.resume(place)
    try:
        source.run(feed)
    except SourceEnded:
        feed.given.append(("followed",))
    return feed


def words(*rows: tuple[int, str]) -> pa.Table:
    return pa.table({"n": pa.array([n for n, _ in rows], pa.int64()), "word": [word for _, word in rows]})


class TestDeltaSource(SourceContract):
    kind = DeltaSource()
    row_count = 3

    def config(self, directory: Path) -> Mapping[str, Any]:
        if not DeltaTable.is_deltatable(str(directory / "t")):
            write_deltalake(directory / "t", pa.table({"n": pa.array([1, 2, 3], pa.int32())}))
        return {"uri": str(directory / "t"), "mode": "snapshot"}

    @pytest.fixture
    def uri(self, tmp_path: Path) -> str:
        """A table of four versions: rows, more rows, a deletion, files joined without a change of rows."""
        uri = str(tmp_path / "words")
        write_deltalake(uri, words((1, "a"), (2, "b"), (3, "c")))
        write_deltalake(uri, words((4, "d")), mode="append")
        DeltaTable(uri).delete("n = 2")
        DeltaTable(uri).optimize.compact()
        return uri

    def test_a_snapshot_of_a_version(self, uri: str) -> None:
        latest = read(self.kind, {"uri": uri, "mode": "snapshot"})
        first = read(self.kind, {"uri": uri, "mode": "snapshot", "version": 0})

        assert sorted(latest.given) == [(1, 1, "a"), (1, 3, "c"), (1, 4, "d")]
        assert sorted(first.given) == [(1, 1, "a"), (1, 2, "b"), (1, 3, "c")]
        assert first.places == [{"version": 0, "snapshot": True}]

    def test_a_snapshot_of_an_instant(self, uri: str) -> None:
        early = DeltaTable(uri).history()[-1]["timestamp"]
        moment = dt.datetime.fromtimestamp(early / 1000, dt.UTC).isoformat()

        assert len(read(self.kind, {"uri": uri, "mode": "snapshot", "datetime": moment}).given) == 3

    def test_changes_follow_a_snapshot(self, uri: str) -> None:
        feed = read(self.kind, {"uri": uri, "mode": "snapshot_and_follow", "version": 1})
        total: dict[Any, int] = {}
        for weight, *row in feed.given[:-1]:
            total[tuple(row)] = total.get(tuple(row), 0) + weight

        assert {row for row, weight in total.items() if weight} == {(1, "a"), (3, "c"), (4, "d")}
        assert feed.given[-1] == ("followed",)
        assert feed.places[-1] == {"version": 3, "snapshot": False}

    def test_changes_from_a_place_to_a_last_version(self, uri: str) -> None:
        config = {"uri": uri, "mode": "follow", "version": 0, "end_version": 1}
        again = read(self.kind, config, place={"version": 1, "snapshot": False})

        assert read(self.kind, config).given == again.given == [(1, 4, "d")]

    def test_conditions_and_an_order(self, uri: str) -> None:
        config = {"uri": uri, "mode": "snapshot_and_follow", "version": 0, "end_version": 1}
        conditions = {"filter": "n <> 3", "snapshot_filter": "word < 'b'", "timestamp_column": "word"}

        assert read(self.kind, {**config, **conditions}).given == [(1, 1, "a"), (1, 4, "d")]
        with pytest.raises(TransportRefused, match="nowhere"):
            read(self.kind, {**config, "filter": "nowhere = 1"})
        with pytest.raises(TransportRefused, match="file system operations are disabled"):
            read(self.kind, {**config, "filter": "word IN (SELECT * FROM read_csv('/etc/hosts'))"})

    def test_a_log_of_changes(self, tmp_path: Path) -> None:
        uri = str(tmp_path / "log")
        rows = {"n": [1, 1, 2], "word": ["a", "a", "b"], "seq": [2, 3, 1], "gone": [False, True, False]}
        write_deltalake(uri, pa.table({"n": [9], "word": ["z"], "seq": [0], "gone": [False]}))
        write_deltalake(uri, pa.table(rows), mode="append")
        config = {"uri": uri, "mode": "cdc", "version": 0, "end_version": 1}
        feed = read(self.kind, {**config, "cdc_delete_filter": "gone", "cdc_order_by": "seq"})

        assert feed.given == [(1, 2, "b"), (1, 1, "a"), (-1, 1, "a")]

    def test_partitions_and_types(self, tmp_path: Path) -> None:
        uri, moment = str(tmp_path / "t"), dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.UTC)
        columns = {"n": [1, 2], "day": [dt.date(2024, 1, 1), None], "at": [moment, None], "d": [Decimal("1.50"), None]}
        write_deltalake(
            uri,
            pa.table({"n": [0], "day": [None], "at": [moment], "d": [Decimal("0.00")]})
            .slice(0, 0)
            .cast(
                pa.schema(
                    [
                        ("n", pa.int64()),
                        ("day", pa.date32()),
                        ("at", pa.timestamp("us", "UTC")),
                        ("d", pa.decimal128(5, 2)),
                    ]
                )
            ),
            partition_by=["day"],
        )
        write_deltalake(uri, pa.table(columns).cast(pa.schema(DeltaTable(uri).schema().to_arrow())), mode="append")
        table = layout(
            ("n", BIG),
            ("day", SqlType(Kind.DATE)),
            ("at", SqlType(Kind.TIMESTAMP, precision=6)),
            ("d", SqlType(Kind.DECIMAL, precision=5, scale=2)),
            ("more", TEXT),
        )
        expected = [
            (1, 1, dt.date(2024, 1, 1), moment.replace(tzinfo=None), Decimal("1.50"), None),
            (1, 2, None, None, None, None),
        ]

        for mode, options in (("snapshot", {}), ("follow", {"version": 0, "end_version": 1})):
            assert sorted(read(self.kind, {"uri": uri, "mode": mode, **options}, table).given) == expected

    def test_a_log_with_a_hole_is_told(self, uri: str) -> None:
        DeltaTable(uri).create_checkpoint()
        for version in (0, 1):
            (Path(uri) / "_delta_log" / f"{version:020}.json").unlink()
        with pytest.raises(OSError, match="version 1 is gone"):
            read(self.kind, {"uri": uri, "mode": "follow"}, place={"version": 1, "snapshot": False})

    @pytest.mark.parametrize(
        "wrong",
        [
            {"mode": "backwards"},
            {"uri": ""},
            {"mode": "follow", "snapshot_filter": "true"},
            {"cdc_order_by": "n"},
            {"version": 1, "datetime": "2024-01-01T00:00:00Z"},
            {"version": -1},
            {"transaction_mode": "always"},
            {"end_version": 3},
        ],
    )
    def test_settings_that_do_not_fit_are_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(TransportRefused):
            self.kind.open({"uri": "/nowhere", "mode": "snapshot", **wrong}, TABLE, Pool())

    def test_a_missing_library_is_named_with_its_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, kind, config in (
            ("deltalake", self.kind, {"uri": "x", "mode": "snapshot"}),
            ("pyiceberg", IcebergSource(), {"mode": "snapshot", "metadata_location": "x"}),
        ):
            monkeypatch.setitem(__import__("sys").modules, name, None)
            with pytest.raises(TransportRefused, match=r"penstock\[lake\]"):
                kind.open(config, TABLE, Pool())  # type: ignore[attr-defined]


def changes(pool: Pool, rows: list[tuple[int, int | None, str]]) -> Batch:
    weights = np.array([weight for weight, _, _ in rows], np.int64)
    columns = [[n for _, n, _ in rows], [word for _, _, word in rows]]
    return Batch([encode_values(columns[0], BIG, pool), encode_values(columns[1], TEXT, pool)], weights)


def kept(uri: str) -> list[tuple[Any, ...]]:
    rows = (
        DeltaTable(uri)
        .to_pyarrow_table()
        .sort_by([("__feldera_ts", "ascending"), ("__feldera_op", "ascending"), ("N", "ascending")])
        .to_pylist()
    )
    return [(row["__feldera_op"], row["N"], row["word"]) for row in rows]


class TestDeltaSink:
    pool = Pool()

    def bound(self, index: tuple[int, ...] = ()) -> tuple[Any, Any]:
        return DeltaSink().bound({}, Layout(WORDS.name, WORDS.columns, index=index), self.pool)

    def write(self, sink: Any, encoder: Any, rows: list[tuple[int, int | None, str]]) -> int:
        pieces = [*encoder.encode(changes(self.pool, rows))]
        for piece in pieces:
            sink.write(piece.payload)
        sink.flush()
        return len(pieces)

    def test_changes_are_appended_with_what_became_of_them(self, tmp_path: Path) -> None:
        uri = str(tmp_path / "t")
        kind, encoder = self.bound()
        sink = kind.open({"uri": uri, "mode": "append"})
        self.write(sink, encoder, [(2, 1, "a"), (1, 2, "b")])
        self.write(sink, encoder, [(-1, 1, "a")])
        sink.close()

        assert kept(uri) == [("i", 1, "a"), ("i", 1, "a"), ("i", 2, "b"), ("d", 1, "a")]

    def test_with_an_index_a_new_row_takes_the_place_of_the_old_one(self, tmp_path: Path) -> None:
        uri = str(tmp_path / "t")
        kind, encoder = self.bound((0,))
        sink = kind.open({"uri": uri})
        self.write(sink, encoder, [(1, 1, "a"), (1, 2, "b")])
        self.write(sink, encoder, [(-1, 1, "a"), (1, 1, "x"), (-1, 2, "b")])

        assert sorted(kept(uri)[2:]) == [("d", 2, "b"), ("u", 1, "x")]

    def test_modes(self, tmp_path: Path) -> None:
        uri = str(tmp_path / "t")
        kind, encoder = self.bound()
        self.write(kind.open({"uri": uri, "mode": "error_if_exists"}), encoder, [(1, 1, "a")])
        with pytest.raises(TransportRefused, match="already"):
            kind.open({"uri": uri, "mode": "error_if_exists"})
        self.write(kind.open({"uri": uri}), encoder, [(1, 2, "b")])
        appended = kept(uri)
        self.write(kind.open({"uri": uri, "mode": "truncate", "checkpoint_interval": 5}), encoder, [(1, 3, "c")])

        assert appended == [("i", 1, "a"), ("i", 2, "b")]
        assert kept(uri) == [("i", 3, "c")]

    def test_what_was_committed_before_a_crash_is_counted_off(self, tmp_path: Path) -> None:
        config = {"uri": str(tmp_path / "t"), "mode": "truncate"}
        kind, encoder = self.bound()
        sink = kind.open(config)
        self.write(sink, encoder, [(1, 1, "a")])
        place = json.loads(json.dumps(sink.place()))
        written = self.write(sink, encoder, [(1, 2, "b"), (-1, 7, "z")])
        again, skip = kind.reopen(config, place)
        self.write(again, encoder, [(1, 3, "c")])
        third, none = kind.reopen(config, again.place())

        assert (skip, none) == (written, 0)
        assert third.place() == again.place()
        assert kept(config["uri"]) == [("i", 1, "a"), ("d", 7, "z"), ("i", 2, "b"), ("i", 3, "c")]

    def test_types_that_a_lake_does_not_have_become_wider(self, tmp_path: Path) -> None:
        table = layout(
            ("u", SqlType(Kind.UBIGINT)),
            ("t", SqlType(Kind.TIME)),
            ("a", SqlType(Kind.ARRAY, element=SqlType(Kind.UTINYINT))),
        )
        kind, encoder = DeltaSink().bound({}, table, self.pool)
        values = [[2**64 - 1], [dt.time(1, 2, 3)], [[255, None]]]
        columns = [encode_values(v, c.type, self.pool) for v, c in zip(values, table.columns, strict=True)]
        sink = kind.open({"uri": str(tmp_path / "t")})
        for piece in encoder.encode(Batch(columns, np.ones(1, np.int64))):
            sink.write(piece.payload)
        sink.flush()
        row = DeltaTable(tmp_path / "t").to_pyarrow_table().to_pylist()[0]

        assert (row["u"], row["t"][:8], row["a"]) == (Decimal(2**64 - 1), "01:02:03", [255, None])

    def test_what_does_not_fit_is_refused(self, tmp_path: Path) -> None:
        kind, _ = self.bound()
        write_deltalake(tmp_path / "other", pa.table({"x": [1]}))
        for config, said in (
            ({"uri": str(tmp_path / "other")}, "no column 'N'"),
            ({"uri": str(tmp_path / "t"), "mode": "upsert"}, "mode"),
            ({"uri": str(tmp_path / "t"), "colour": "blue"}, "colour"),
            ({}, "uri"),
        ):
            with pytest.raises(TransportRefused, match=said):
                kind.open(config)
        with pytest.raises(TransportRefused, match="INTERVAL"):
            DeltaSink().bound({}, layout(("i", SqlType(Kind.INTERVAL_MICROS))), self.pool)


@pytest.fixture
def iceberg(tmp_path: Path) -> Any:
    """A table of two snapshots."""
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("test", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}/warehouse")
    catalog.create_namespace("db")
    table = catalog.create_table("db.words", words((1, "a")).schema)
    table.append(words((1, "a"), (2, "b")))
    table.append(words((3, "c")))
    return table


@pytest.fixture
def catalog_url(iceberg: Any) -> Iterator[str]:
    """A REST catalog that knows one table and wants a token."""
    answer = {
        "metadata-location": iceberg.metadata_location,
        "metadata": json.loads(iceberg.metadata.model_dump_json()),
        "config": {},
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            known = {"/v1/config": {"defaults": {}, "overrides": {}}, "/v1/namespaces/db/tables/words": answer}
            is_let_in = self.headers.get("Authorization") == "Bearer let me in"
            status = 401 if not is_let_in else 200 if path in known else 404
            error = {"error": {"message": "no", "type": "NoSuchTableException", "code": status}}
            body = json.dumps(known[path] if status == 200 else error).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class TestIcebergSource(SourceContract):
    kind = IcebergSource()
    row_count = 3

    @pytest.fixture(autouse=True)
    def made(self, iceberg: Any) -> None:
        self.table = iceberg

    def config(self, directory: Path) -> Mapping[str, Any]:
        return {"mode": "snapshot", "metadata_location": self.table.metadata_location}

    def test_snapshots_and_conditions(self, tmp_path: Path) -> None:
        config = self.config(tmp_path)
        first, last = self.table.history()
        moment = dt.datetime.fromtimestamp(first.timestamp_ms / 1000, dt.UTC).isoformat()

        assert sorted(read(self.kind, config).given) == [(1, 1, "a"), (1, 2, "b"), (1, 3, "c")]
        assert len(read(self.kind, {**config, "snapshot_id": first.snapshot_id}).given) == 2
        assert len(read(self.kind, {**config, "datetime": moment}).given) == 2
        assert read(self.kind, {**config, "snapshot_filter": "n > 2"}).given == [(1, 3, "c")]
        assert read(self.kind, config, place={"snapshot": first.snapshot_id}).places == [
            {"snapshot": first.snapshot_id}
        ]
        assert read(self.kind, {**config, "timestamp_column": "word"}).given[0] == (1, 1, "a")
        with pytest.raises(ValueError, match="no snapshot 7"):
            read(self.kind, {**config, "snapshot_id": 7})
        assert last.snapshot_id != first.snapshot_id

    def test_a_table_of_a_catalog(self, catalog_url: str) -> None:
        config = {"mode": "snapshot", "catalog_type": "rest", "table_name": "db.words", "rest.uri": catalog_url}
        config["rest.token"] = "let me in"

        assert len(read(self.kind, config).given) == 3
        with pytest.raises(OSError, match=r"db\.nothing"):
            read(self.kind, {**config, "table_name": "db.nothing"})

    @pytest.mark.parametrize(
        "wrong",
        [
            {"mode": "follow"},
            {"metadata_location": None},
            {"catalog_type": "rest"},
            {"metadata_location": None, "catalog_type": "hive", "table_name": "a.b"},
            {"metadata_location": None, "catalog_type": "rest"},
            {"snapshot_id": "x"},
            {"rest.uri": "http://x"},
        ],
    )
    def test_settings_that_do_not_fit_are_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(TransportRefused):
            self.kind.open({"mode": "snapshot", "metadata_location": "/nowhere", **wrong}, TABLE, Pool())
