"""Numbered SQL files, each applied once, in one transaction. A file is never edited after its release."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import apsw

from penstock.kernel.errors import Unsupported

__all__ = ["MIGRATIONS", "Migration", "migrate", "read_migrations"]

MIGRATIONS = Path(__file__).with_name("sql") / "migrations"
"""Where the files are."""

_FILE_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_LEDGER = """
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at TEXT NOT NULL
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `0001_records_and_facts.sql` has number 1."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Digest of the file's text, kept so that a later edit is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(directory: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """Read all files, in order.

    Raises: ValueError if a name does not fit, or the numbers are not 1, 2, 3, ….
    """
    found = []
    for path in sorted(directory.glob("*.sql")):
        parts = _FILE_NAME.fullmatch(path.name)
        if parts is None:
            raise ValueError(f"{path.name!r} is no name of a migration; write NNNN_what_it_adds.sql")
        found.append(Migration(int(parts[1]), parts[2], path.read_text(encoding="utf-8")))
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations in {directory} are not numbered 1, 2, 3, … without a gap")
    return tuple(found)


def migrate(connection: apsw.Connection, migrations: tuple[Migration, ...]) -> tuple[Migration, ...]:
    """Bring a database up to the newest migration; return those applied now.

    Before a database with content is changed, a copy is left beside it, named after the first migration applied.
    Raises: Unsupported if the database is newer than this program, or a file was edited after it was applied.
    """
    connection.execute(_LEDGER)
    applied: dict[int, str] = dict(connection.execute("SELECT number, sha256 FROM migrations").fetchall())  # type: ignore[arg-type]
    _check(connection.filename, applied, migrations)
    pending = tuple(migration for migration in migrations if migration.number not in applied)
    if pending and applied:
        backup = f"{connection.filename}.before-{pending[0].number:04}"
        Path(backup).unlink(missing_ok=True)
        connection.execute("VACUUM INTO ?", (backup,))
    for migration in pending:
        with connection:
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO migrations VALUES (?, ?, ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
                (migration.number, migration.name, migration.sha256),
            )
    return pending


def _check(file: str, applied: dict[int, str], migrations: tuple[Migration, ...]) -> None:
    known = {migration.number: migration for migration in migrations}
    for number, sha256 in applied.items():
        if number not in known:
            raise Unsupported(
                f"the database {file!r} was written by a newer release (it has migration {number}, this release knows "
                f"{len(migrations)}); install that release, or start on another data directory"
            )
        if known[number].sha256 != sha256:
            raise Unsupported(
                f"migration {number} ({known[number].name}) differs from the one applied to {file!r}; "
                "an applied migration must not be edited: restore the file and add a new one"
            )
