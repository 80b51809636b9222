"""Databases through their drivers: queries as batches, batches into tables in one transaction.

PostgreSQL speaks Arrow itself (ADBC); MariaDB and SQLite give rows. A connection is used from one thread at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import quote

import pyarrow as pa

from penstock.connect.records.database_places import DatabasePlace

__all__ = ["DatabaseFailed", "Driver", "open_driver"]

ROWS_AT_ONCE = 10_000


class DatabaseFailed(Exception):
    """What the database said."""


class Driver(Protocol):
    """One connection with one transaction."""

    def query(self, text: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Run a query; batches are of the schema given. Raises: DatabaseFailed."""
        ...

    def execute(self, text: str) -> list[dict[str, Any]]:
        """Run a statement and return the first rows it gives, if any. Raises: DatabaseFailed."""
        ...

    def columns(self, table: str, schema: str | None) -> list[str]:
        """Return the names of a table's columns; none if there is no table."""
        ...

    def write(self, batch: pa.RecordBatch, table: str, schema: str | None, mode: str, keys: Sequence[str]) -> None:
        """Put records in; names of fields are those of columns. mode: insert, update, upsert by keys."""
        ...

    def commit(self) -> None: ...

    def close(self) -> None: ...


def open_driver(place: DatabasePlace) -> Driver:
    """Connect. Raises: DatabaseFailed."""
    kinds: dict[str, type[_Postgres] | type[_Maria] | type[_Sqlite]] = {
        "postgresql": _Postgres,
        "mariadb": _Maria,
        "sqlite": _Sqlite,
    }
    try:
        return kinds[place.engine](place)
    except DatabaseFailed:
        raise
    except Exception as error:
        raise DatabaseFailed(f"cannot connect to {place.engine} at {place.host}: {error}") from None


class _Postgres:
    def __init__(self, place: DatabasePlace) -> None:
        from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]

        user = f"{quote(place.user or '', safe='')}:{quote(place.password or '', safe='')}@" if place.user else ""
        known = {k: v for k, v in place.options.items() if k in ("sslmode", "connect_timeout", "application_name")}
        query = "&".join(f"{k}={quote(v)}" for k, v in known.items())
        self._connection = dbapi.connect(
            f"postgresql://{user}{place.host}:{place.port}/{quote(place.database)}" + (f"?{query}" if query else "")
        )
        self._staged = 0

    def query(self, text: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        precise = self._numerics(text)
        cursor = self._connection.cursor()
        try:
            cursor.execute(text)
            reader = cursor.fetch_record_batch()
        except Exception as error:
            raise DatabaseFailed(str(error)) from None
        schema = pa.schema([_postgres_field(field, precise) for field in reader.schema])
        return schema, self._batches(cursor, reader, schema)

    def _batches(self, cursor: Any, reader: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """cursor: the reader ends when it goes, so it is held as long."""
        try:
            for batch in reader:
                columns = [_as(c, field.type) for c, field in zip(batch.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
        except DatabaseFailed:
            raise
        except Exception as error:
            raise DatabaseFailed(str(error)) from None
        finally:
            cursor.close()

    def _numerics(self, text: str) -> dict[str, tuple[int, int]]:
        """Return precision and scale of numeric columns, which the driver does not tell."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(f"CREATE TEMP VIEW penstock_described AS {text.rstrip().rstrip(';')}")
            cursor.execute(
                "SELECT attname, atttypmod FROM pg_attribute WHERE attrelid = 'pg_temp.penstock_described'::regclass"
                " AND atttypid = 'numeric'::regtype AND atttypmod > 4"
            )
            found = {name: (((mod - 4) >> 16) & 0xFFFF, (mod - 4) & 0x7FF) for name, mod in cursor.fetchall()}
        except Exception:
            found = {}  # a statement of which no view can be made: columns get the widest type
        finally:
            self._connection.rollback()
            cursor.close()
        return found

    def execute(self, text: str) -> list[dict[str, Any]]:
        cursor = self._connection.cursor()
        try:
            cursor.execute(text)
            table = cursor.fetch_arrow_table() if cursor.description else None
            return [] if table is None else table.slice(0, 1000).to_pylist()
        except Exception as error:
            raise DatabaseFailed(str(error)) from None
        finally:
            cursor.close()

    def columns(self, table: str, schema: str | None) -> list[str]:
        where = f"table_name = {_text(table)}" + (f" AND table_schema = {_text(schema)}" if schema else "")
        rows = self.execute(
            f"SELECT column_name FROM information_schema.columns WHERE {where} ORDER BY ordinal_position"
        )
        return [row["column_name"] for row in rows]

    def write(self, batch: pa.RecordBatch, table: str, schema: str | None, mode: str, keys: Sequence[str]) -> None:
        staged = f"penstock_staged_{self._staged}"
        self._staged += 1
        target = _qualified(table, schema, '"')
        names = ", ".join(_quoted(name, '"') for name in batch.schema.names)
        where = f"table_name = {_text(table)}" + (f" AND table_schema = {_text(schema)}" if schema else "")
        cursor = self._connection.cursor()
        try:
            cursor.execute(f"SELECT column_name, udt_name FROM information_schema.columns WHERE {where}")
            kinds = dict(cursor.fetchall())
            cursor.adbc_ingest(staged, batch, mode="create", temporary=True)
            casts = {n: f"{_quoted(n, chr(34))}::{_quoted(kinds[n], chr(34))}" for n in batch.schema.names}
            cursor.execute(_postgres_write(target, staged, names, casts, mode, keys))
            cursor.execute(f"DROP TABLE {staged}")
        except Exception as error:
            raise DatabaseFailed(str(error)) from None
        finally:
            cursor.close()

    def commit(self) -> None:
        self._connection.commit()

    def close(self) -> None:
        self._connection.close()


def _postgres_write(target: str, staged: str, names: str, casts: dict[str, str], mode: str, keys: Sequence[str]) -> str:
    chosen = ", ".join(casts.values())
    others = [name for name in casts if name not in keys]
    if mode == "update":
        sets = ", ".join(f"{_quoted(n, chr(34))} = s.{casts[n]}" for n in others)
        match = " AND ".join(f"t.{_quoted(k, chr(34))} = s.{casts[k]}" for k in keys)
        return f"UPDATE {target} t SET {sets} FROM {staged} s WHERE {match}"
    insert = f"INSERT INTO {target} ({names}) SELECT {chosen} FROM {staged}"
    if mode == "insert":
        return insert
    sets = ", ".join(f"{_quoted(n, chr(34))} = EXCLUDED.{_quoted(n, chr(34))}" for n in others)
    conflict = ", ".join(_quoted(k, '"') for k in keys)
    return f"{insert} ON CONFLICT ({conflict}) DO " + (f"UPDATE SET {sets}" if sets else "NOTHING")


def _postgres_field(field: pa.Field, precise: dict[str, tuple[int, int]]) -> pa.Field:
    kind = field.type
    metadata = field.metadata or {}
    if metadata.get(b"ADBC:postgresql:typname") == b"numeric" or "numeric" in str(kind):
        precision, scale = precise.get(field.name, (38, 10))
        return pa.field(field.name, pa.decimal128(min(precision, 38), scale))
    return pa.field(field.name, _record_type(kind))


def _record_type(kind: pa.DataType) -> pa.DataType:
    types = pa.types
    if types.is_integer(kind):
        return pa.int32() if kind.bit_width <= 32 else pa.int64()
    if types.is_timestamp(kind):
        return pa.timestamp("us", "UTC")
    if types.is_time(kind):
        return pa.time64("us")
    if types.is_date(kind):
        return pa.date32()
    known = (pa.bool_(), pa.float32(), pa.float64(), pa.string(), pa.binary())
    return kind if kind in known else pa.binary() if types.is_large_binary(kind) else pa.string()


def _as(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if column.type.equals(kind):
        return column
    if pa.types.is_decimal(kind) and pa.types.is_string(column.type):
        values = [None if v is None or v == "NaN" else _fitted(Decimal(v), kind.scale) for v in column.to_pylist()]
        return pa.array(values, kind)
    if pa.types.is_timestamp(kind) and column.type.tz is None:
        return column.cast(pa.timestamp("us")).cast(pa.int64()).cast(kind)
    try:
        return column.cast(kind)
    except pa.ArrowNotImplementedError:
        return pa.array([None if v is None else str(v) for v in column.to_pylist()], kind)


def _fitted(value: Decimal, scale: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-scale))


class _Rows:
    """What drivers that give rows have in common."""

    quote = '"'
    _connection: Any

    def _cursor_rows(self, text: str) -> tuple[list[tuple[str, pa.DataType | None]], Iterator[list[Any]]]:
        raise NotImplementedError

    def query(self, text: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        try:
            columns, rows = self._cursor_rows(text)
            first = next(rows, [])
        except DatabaseFailed:
            raise
        except Exception as error:
            raise DatabaseFailed(str(error)) from None
        fields = []
        for i, (name, kind) in enumerate(columns):
            values = [row[i] for row in first]
            fields.append(pa.field(name, kind or _seen_type(values)))
        schema = pa.schema(fields)
        return schema, self._batches(first, rows, schema)

    def _batches(self, first: list[Any], rows: Iterator[list[Any]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        some = first
        try:
            while some:
                columns = [pa.array([_plain(row[i], f.type) for row in some], f.type) for i, f in enumerate(schema)]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
                some = next(rows, [])
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise DatabaseFailed(f"a value does not fit its column: {error}") from None


class _Maria(_Rows):
    quote = "`"

    def __init__(self, place: DatabasePlace) -> None:
        import pymysql

        self._connection = pymysql.connect(
            host=place.host,
            port=place.port,
            user=place.user or None,
            password=place.password or "",
            database=place.database,
            charset="utf8mb4",
            autocommit=False,
        )

    def _cursor_rows(self, text: str) -> tuple[list[tuple[str, pa.DataType | None]], Iterator[list[Any]]]:
        from pymysql.cursors import SSCursor

        cursor = self._connection.cursor(SSCursor)
        cursor.execute(text)
        fields = cursor._result.fields
        columns = [(field.name, _maria_type(field)) for field in fields]

        def chunks() -> Iterator[list[Any]]:
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield list(rows)

        return columns, chunks()

    def execute(self, text: str) -> list[dict[str, Any]]:
        from pymysql.cursors import DictCursor

        try:
            with self._connection.cursor(DictCursor) as cursor:
                cursor.execute(text)
                return list(cursor.fetchmany(1000)) if cursor.description else []
        except Exception as error:
            raise DatabaseFailed(str(error)) from None

    def columns(self, table: str, schema: str | None) -> list[str]:
        where = f"table_name = {_text(table)} AND table_schema = {_text(schema) if schema else 'DATABASE()'}"
        rows = self.execute(
            f"SELECT column_name AS c FROM information_schema.columns WHERE {where} ORDER BY ordinal_position"
        )
        return [row["c"] for row in rows]

    def write(self, batch: pa.RecordBatch, table: str, schema: str | None, mode: str, keys: Sequence[str]) -> None:
        names = batch.schema.names
        text, order = _row_write(_qualified(table, schema, "`"), names, mode, keys, "`", "%s", is_maria=True)
        rows = _value_rows(batch, order)
        try:
            with self._connection.cursor() as cursor:
                cursor.executemany(text, rows)
        except Exception as error:
            raise DatabaseFailed(str(error)) from None

    def commit(self) -> None:
        self._connection.commit()

    def close(self) -> None:
        self._connection.close()


def _maria_type(field: Any) -> pa.DataType | None:
    from pymysql.constants import FIELD_TYPE as F

    kinds = {
        F.TINY: pa.int32(),
        F.SHORT: pa.int32(),
        F.INT24: pa.int32(),
        F.LONG: pa.int32(),
        F.YEAR: pa.int32(),
        F.LONGLONG: pa.int64(),
        F.FLOAT: pa.float32(),
        F.DOUBLE: pa.float64(),
        F.DATE: pa.date32(),
        F.TIME: pa.time64("us"),
        F.DATETIME: pa.timestamp("us", "UTC"),
        F.TIMESTAMP: pa.timestamp("us", "UTC"),
        F.BIT: pa.bool_(),
    }
    if field.type_code == F.TINY and field.length == 1:
        return pa.bool_()
    if field.type_code in (F.DECIMAL, F.NEWDECIMAL):
        # The length counts a sign and a point beside the digits.
        digits = field.length - 1 - (1 if field.scale else 0)
        return pa.decimal128(min(max(digits, field.scale, 1), 38), field.scale)
    is_binary = field.charsetnr == 63
    texts = (F.VARCHAR, F.VAR_STRING, F.STRING, F.BLOB, F.TINY_BLOB, F.MEDIUM_BLOB, F.LONG_BLOB)
    if field.type_code in texts:
        return pa.binary() if is_binary else pa.string()
    return kinds.get(field.type_code, pa.string())


class _Sqlite(_Rows):
    def __init__(self, place: DatabasePlace) -> None:
        import apsw

        self._connection = apsw.Connection(place.database)
        self._connection.set_busy_timeout(30_000)
        self._connection.execute("BEGIN")

    def _cursor_rows(self, text: str) -> tuple[list[tuple[str, pa.DataType | None]], Iterator[list[Any]]]:
        cursor = self._connection.cursor()
        # The statement's columns are known only while it has rows; of one that has none, names are enough.
        found: list[tuple[str, str | None]] = []

        def note(_: Any, row: Any) -> Any:
            if not found:
                found.extend((d[0], d[1]) for d in cursor.get_description())
            return row

        cursor.row_trace = note
        cursor.execute(text)

        def chunks() -> Iterator[list[Any]]:
            while True:
                rows = []
                for row in cursor:
                    rows.append(row)
                    if len(rows) == ROWS_AT_ONCE:
                        break
                if not rows:
                    return
                yield rows

        made = chunks()
        first = next(made, [])
        columns = found or [(name, None) for name in self._names(text)]

        def all_chunks() -> Iterator[list[Any]]:
            if first:
                yield first
                yield from made

        return [(name, _sqlite_type(declared)) for name, declared in columns], all_chunks()

    def _names(self, text: str) -> list[str]:
        import apsw.ext

        info = apsw.ext.query_info(self._connection, text)
        return [name for name, _ in info.description]

    def execute(self, text: str) -> list[dict[str, Any]]:
        try:
            cursor = self._connection.cursor()
            rows: list[dict[str, Any]] = []
            for row in cursor.execute(text):
                names = [d[0] for d in cursor.get_description()]
                rows.append(dict(zip(names, row, strict=True)))
                if len(rows) == 1000:
                    break
            return rows
        except Exception as error:
            raise DatabaseFailed(str(error)) from None

    def columns(self, table: str, schema: str | None) -> list[str]:
        return [row["name"] for row in self.execute(f"SELECT name FROM pragma_table_info({_text(table)})")]

    def write(self, batch: pa.RecordBatch, table: str, schema: str | None, mode: str, keys: Sequence[str]) -> None:
        text, order = _row_write(_qualified(table, schema, '"'), batch.schema.names, mode, keys, '"', "?")
        try:
            self._connection.executemany(text, _value_rows(batch, order, is_sqlite=True))
        except Exception as error:
            raise DatabaseFailed(str(error)) from None

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close(True)


def _sqlite_type(declared: str | None) -> pa.DataType | None:
    """Return the type of a declared one, by the words in it; None if it must be seen from values."""
    text = (declared or "").upper()
    for word, kind in (
        ("BIGINT", pa.int64()),
        ("INT", pa.int32() if text in ("INT", "SMALLINT", "TINYINT", "MEDIUMINT") else pa.int64()),
        ("CHAR", pa.string()),
        ("CLOB", pa.string()),
        ("TEXT", pa.string()),
        ("BLOB", pa.binary()),
        ("REAL", pa.float64()),
        ("FLOA", pa.float64()),
        ("DOUB", pa.float64()),
        ("BOOL", pa.bool_()),
    ):
        if word in text:
            return kind
    return None


def _seen_type(values: Sequence[Any]) -> pa.DataType:
    kinds = {type(value) for value in values if value is not None}
    for wanted, kind in ((bool, pa.bool_()), (int, pa.int64()), (float, pa.float64()), (bytes, pa.binary())):
        if kinds and kinds <= {wanted, int} and wanted in kinds:
            return kind
    return pa.string()


def _plain(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    types = pa.types
    if types.is_timestamp(kind) and isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if types.is_time(kind) and isinstance(value, timedelta):
        return (datetime.min.replace(tzinfo=UTC) + value).time()
    if types.is_boolean(kind):
        return bool(value[-1]) if isinstance(value, bytes) else bool(value)
    if types.is_string(kind):
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    if types.is_binary(kind) and isinstance(value, str):
        return value.encode()
    if types.is_decimal(kind):
        return _fitted(Decimal(value), kind.scale)
    return float(value) if types.is_floating(kind) else value


def _row_write(
    target: str, names: Sequence[str], mode: str, keys: Sequence[str], quote: str, mark: str, *, is_maria: bool = False
) -> tuple[str, list[str]]:
    """Return a statement for one row, and the fields whose values it takes, in order."""
    others = [name for name in names if name not in keys]
    if mode == "update":
        sets = ", ".join(f"{_quoted(name, quote)} = {mark}" for name in others)
        match = " AND ".join(f"{_quoted(key, quote)} = {mark}" for key in keys)
        return f"UPDATE {target} SET {sets} WHERE {match}", [*others, *keys]
    listed = ", ".join(_quoted(name, quote) for name in names)
    text = f"INSERT INTO {target} ({listed}) VALUES ({', '.join(mark for _ in names)})"
    if mode == "insert":
        return text, list(names)
    if is_maria:
        sets = ", ".join(f"{_quoted(n, quote)} = VALUES({_quoted(n, quote)})" for n in others or names)
        return f"{text} ON DUPLICATE KEY UPDATE {sets}", list(names)
    conflict = ", ".join(_quoted(key, quote) for key in keys)
    sets = ", ".join(f"{_quoted(n, quote)} = excluded.{_quoted(n, quote)}" for n in others)
    return f"{text} ON CONFLICT ({conflict}) DO " + (f"UPDATE SET {sets}" if sets else "NOTHING"), list(names)


def _value_rows(batch: pa.RecordBatch, order: Sequence[str], *, is_sqlite: bool = False) -> Iterator[tuple[Any, ...]]:
    columns = [batch.column(name).to_pylist() for name in order]
    for row in zip(*columns, strict=True):
        yield tuple(_stored(value) for value in row) if is_sqlite else row


def _stored(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _quoted(name: str, quote: str) -> str:
    return quote + name.replace(quote, quote * 2) + quote


def _qualified(table: str, schema: str | None, quote: str) -> str:
    return (f"{_quoted(schema, quote)}." if schema else "") + _quoted(table, quote)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
