"""Which database a configuration means: by a connection string, or by host, port and name. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["DatabaseInvalid", "DatabasePlace", "place_of"]

_ENGINES = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "cloudsqlpostgresql": "postgresql",
    "cloudsql-postgresql": "postgresql",
    "mysql": "mariadb",
    "mariadb": "mariadb",
    "cloudsqlmysql": "mariadb",
    "cloudsql-mysql": "mariadb",
    "sqlite": "sqlite",
}
_PORTS = {"postgresql": 5432, "mariadb": 3306, "sqlite": 0}


class DatabaseInvalid(ValueError):
    """A configuration that names no database this server has a driver for. property: at fault."""

    def __init__(self, message: str, property: str) -> None:
        super().__init__(message)
        self.property = property


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """A database. engine: postgresql, mariadb or sqlite; database: its name, or the file."""

    engine: str
    database: str
    host: str = "localhost"
    port: int = 0
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=dict)


def place_of(properties: Mapping[str, str]) -> DatabasePlace:
    """Read a configuration. Raises: DatabaseInvalid."""
    options = _arguments(properties.get("connectionArguments"))
    user, password = properties.get("user"), properties.get("password")
    text = (properties.get("connectionString") or "").strip()
    if text:
        return _from_string(text, user, password, options)
    engine = _ENGINES.get((properties.get("engine") or "").lower())
    if engine is None:
        raise DatabaseInvalid("the configuration names no database", "connectionString")
    database = properties.get("database") or ""
    if not database:
        raise DatabaseInvalid("the name of the database is missing", "database")
    host = properties.get("host") or properties.get("connectionName") or "localhost"
    port = (properties.get("port") or "").strip()
    if port and not port.isdigit():
        raise DatabaseInvalid(f"the port '{port}' is no number", "port")
    return DatabasePlace(engine, database, host, int(port or _PORTS[engine]), user, password, options)


def _arguments(text: str | None) -> dict[str, str]:
    pairs = (item.partition("=") for item in (text or "").split(";") if "=" in item)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _from_string(text: str, user: str | None, password: str | None, options: dict[str, str]) -> DatabasePlace:
    bare = text.removeprefix("jdbc:")
    scheme, _, rest = bare.partition(":")
    engine = _ENGINES.get(scheme.lower())
    if engine is None:
        known = "postgresql, mysql, mariadb and sqlite"
        raise DatabaseInvalid(f"there is no driver for '{scheme}'; there are drivers for {known}", "connectionString")
    if engine == "sqlite":
        return DatabasePlace(engine, re.sub(r"^//", "", rest) or ":memory:")
    parts = urlsplit(f"//{rest.lstrip('/')}")
    name = unquote(parts.path.lstrip("/"))
    if not parts.hostname or not name:
        raise DatabaseInvalid(f"'{text}' names no host or no database", "connectionString")
    given = dict(parse_qsl(parts.query))
    user = user or given.pop("user", None) or (unquote(parts.username) if parts.username else None)
    password = password or given.pop("password", None) or (unquote(parts.password) if parts.password else None)
    return DatabasePlace(
        engine, name, parts.hostname, parts.port or _PORTS[engine], user, password, {**given, **options}
    )
