"""How connectors reach PostgreSQL: settings that all of them have, and the texts of statements."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from penstock.ports.source import TransportRefused

__all__ = ["TLS_SETTINGS", "Place", "checked", "literal", "quoted", "relation_name", "text_setting"]

_PEM = {"ssl_ca_pem": "sslrootcert", "ssl_client_pem": "sslcert", "ssl_client_key": "sslkey"}
_FILES = {
    "ssl_ca_location": "sslrootcert",
    "ssl_client_location": "sslcert",
    "ssl_client_key_location": "sslkey",
    "ssl_certificate_chain_location": "sslcert",
}
TLS_SETTINGS = (*_PEM, *_FILES, "verify_hostname")
"""What may be said of encryption: certificates as PEM texts or as files, and whether the server's name is checked."""


def checked(config: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse settings that there are not. Raises: TransportRefused."""
    for name in config:
        if name not in known:
            raise TransportRefused(f"there is no setting {name!r}; there are {', '.join(known)}")


def text_setting(config: Mapping[str, Any], name: str) -> str:
    """Return a setting that must be there. Raises: TransportRefused."""
    value = config.get(name)
    if not isinstance(value, str) or not value:
        raise TransportRefused(f"the setting {name!r} is missing")
    return value


class Place:
    """A database, with what its connections are encrypted by."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the settings `uri` and those of encryption. Raises: TransportRefused."""
        # Loaded here, not by the thread of a source: a process that is forked meanwhile waits for the import for ever.
        import adbc_driver_postgresql.dbapi  # type: ignore[import-untyped]  # noqa: F401

        self._uri = text_setting(config, "uri")
        self._options: dict[str, str] = {}
        self._pem: dict[str, str] = {}
        for name, option in _PEM.items():
            if config.get(name) is not None:
                self._pem[option] = text_setting(config, name)
        for name, option in _FILES.items():
            if config.get(name) is not None:
                path = text_setting(config, name)
                if not os.path.isfile(path):
                    raise TransportRefused(f"{name}: there is no file {path!r}")
                self._options[option] = path
        by_name = config.get("verify_hostname", True)
        if not isinstance(by_name, bool):
            raise TransportRefused(f"verify_hostname is true or false, not {by_name!r}")
        if "sslrootcert" in self._options or "sslrootcert" in self._pem:
            self._options["sslmode"] = "verify-full" if by_name else "verify-ca"

    @contextmanager
    def connected(self, *, autocommit: bool = False) -> Iterator[Any]:
        """Connect. Raises: OSError for whatever the database says, here and within."""
        from adbc_driver_manager import Error
        from adbc_driver_postgresql import dbapi

        try:
            with tempfile.TemporaryDirectory(prefix="penstock-tls-") as directory:
                # The library reads certificates from files, while it connects.
                options = dict(self._options)
                for option, text in self._pem.items():
                    path = os.path.join(directory, option)
                    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                        file.write(text)
                    options[option] = path
                connection = dbapi.connect(_with_options(self._uri, options), autocommit=autocommit)
            with connection:
                yield connection
        except Error as error:
            raise OSError(f"PostgreSQL: {error}") from error


def _with_options(uri: str, options: Mapping[str, str]) -> str:
    if not options:
        return uri
    if "://" not in uri:
        quotes = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in options.items()}
        return " ".join([uri, *(f"{name}='{value}'" for name, value in quotes.items())])
    joined = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    return f"{uri}{'&' if '?' in uri else '?'}{joined}"


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def relation_name(text: str) -> str:
    """Return `table` or `schema.table` as SQL writes it, in the very spelling that was given."""
    return ".".join(quoted(part) for part in text.split(".", 1))
