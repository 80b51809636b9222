from pathlib import Path

import apsw
import pytest

from penstock.kernel.errors import Unsupported
from penstock.store.migrations import Migration, migrate, read_migrations

FIRST = Migration(1, "first", "CREATE TABLE a (x); INSERT INTO a VALUES (1);")
SECOND = Migration(2, "second", "ALTER TABLE a ADD COLUMN y;")


def test_the_files_in_the_package_apply_to_an_empty_database() -> None:
    connection = apsw.Connection(":memory:")

    applied = migrate(connection, read_migrations())

    assert applied == read_migrations()
    assert migrate(connection, read_migrations()) == ()


def test_only_what_is_missing_is_applied_and_a_copy_is_kept(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "db"))
    migrate(connection, (FIRST,))

    assert migrate(connection, (FIRST, SECOND)) == (SECOND,)

    assert connection.execute("SELECT x, y FROM a").fetchall() == [(1, None)]
    backup = apsw.Connection(str(tmp_path / "db.before-0002"))
    assert backup.execute("SELECT * FROM a").fetchall() == [(1,)]


def test_a_migration_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "db"))
    broken = Migration(1, "broken", "CREATE TABLE a (x); CREATE TABLE a (x);")

    with pytest.raises(apsw.SQLError):
        migrate(connection, (broken,))

    assert connection.execute("SELECT name FROM sqlite_schema WHERE name = 'a'").fetchall() == []
    assert migrate(connection, (FIRST,)) == (FIRST,)


def test_an_edited_migration_is_refused(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "db"))
    migrate(connection, (FIRST,))

    with pytest.raises(Unsupported, match="must not be edited"):
        migrate(connection, (Migration(1, "first", "CREATE TABLE b (x);"),))


@pytest.mark.parametrize("names", [("0002_x.sql",), ("0001_x.sql", "0003_y.sql"), ("1_x.sql",)])
def test_files_must_be_numbered_without_a_gap(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).write_text("")

    with pytest.raises(ValueError, match="migration"):
        read_migrations(tmp_path)
