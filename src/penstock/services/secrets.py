"""Secrets: texts by name in a scope, encrypted at rest, given in clear to executors and to nobody who merely lists.

What is stored is sealed with AES-256-GCM under a key derived from the server's secret, and bound to its scope and name:
a sealed text that is copied to another place does not open there. Without the server's secret (a file beside the
database, readable by its owner alone) the database gives nothing away.

Who may use what:

- a dialect that keeps secrets for its clients calls `put`, `list`, `find`, `delete`; none of these has the text. Names
  are the dialect's own, so it starts them with something that is its own, and lists by that prefix;
- a step's work has `kernel.expr.Secret(name)` where the text goes. The executor reads it from the run's scope when it
  prepares the step, so that graphs, events and records hold names only;
- `get` is for the few operations whose purpose is to hand the text out. A handler must put it nowhere else: not in a
  message, a log event, a document or a graph.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from penstock.kernel.errors import AlreadyExists, Conflict, Invalid, NotFound, Unavailable
from penstock.kernel.query import Compare, Comparison, Cursor, Order
from penstock.kernel.scope import Scope
from penstock.services.documents import Document, Documents, Kind

__all__ = ["MAX_NAME", "MAX_TEXT_BYTES", "SecretInfo", "Secrets"]

MAX_NAME: Final = 512
"""The longest name, in characters."""
MAX_TEXT_BYTES: Final = 1 << 20
"""The longest text, in bytes of UTF-8."""
_NONCE_BYTES: Final = 12
_ATTEMPTS: Final = 16
_PAGE: Final = 1000


class SecretDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored. sealed: nonce, ciphertext and tag."""

    sealed: bytes
    description: str = ""
    properties: dict[str, str] = {}


SECRET = Kind("secrets.secret", SecretDocument, noun="secret")
"""Sealed texts, in the scope that may read them."""


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """Everything about a secret but its text. revision: 1, and 1 more each time that it is put again."""

    scope: Scope
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
    revision: int
    properties: Mapping[str, str] = field(default_factory=dict)


class Secrets:
    """Keeps secrets.

    Args:
        documents: where they are kept, sealed.
        server_secret: 32 bytes that only this server knows and keeps over a restart; with others nothing opens.
    """

    def __init__(self, documents: Documents, server_secret: bytes) -> None:
        self._documents = documents
        self._key = hashlib.blake2b(key=server_secret, digest_size=32, person=b"secrets").digest()

    async def put(
        self,
        scope: Scope,
        name: str,
        text: str,
        *,
        description: str = "",
        properties: Mapping[str, str] | None = None,
    ) -> SecretInfo:
        """Store a secret, or replace all of the one that is there. It is on disk when this returns.

        description, properties: kept in clear, for whoever lists.
        Raises: Invalid if the name is empty or too long, or the text too long.
        """
        _check(name, text)
        body = SecretDocument(self._seal(scope, name, text), description, dict(properties or {}))
        for _ in range(_ATTEMPTS):
            try:
                present = await self._documents.find(SECRET, scope, name)
            except NotFound:
                try:
                    return _info(await self._documents.create(SECRET, scope, name, body))
                except AlreadyExists:
                    continue
            try:
                return _info(await self._documents.replace(present, body))
            except (Conflict, NotFound):
                continue
        raise Conflict(f"secret {name!r} was changed by others {_ATTEMPTS} times in a row; try again", retryable=True)

    async def get(self, scope: Scope, name: str) -> str:
        """Return the text of a secret of exactly that scope.

        Raises: NotFound; Unavailable if it was sealed with another server's secret.
        """
        document = await self._documents.find(SECRET, scope, name)
        return self._open(scope, name, document.body.sealed)

    async def read(self, scope: Scope, name: str) -> str | None:
        """Return the text, or None if there is no such secret: what executors call (`ports.executor.ReadSecret`)."""
        try:
            return await self.get(scope, name)
        except NotFound:
            return None

    async def find(self, scope: Scope, name: str) -> SecretInfo:
        """Return what is known of a secret but for its text. Raises: NotFound."""
        return _info(await self._documents.find(SECRET, scope, name))

    async def list(self, scope: Scope, *, prefix: str = "") -> tuple[SecretInfo, ...]:
        """Return the secrets of a scope whose names start with `prefix`, by name."""
        where = Compare("name", Comparison.STARTS_WITH, prefix) if prefix else None
        found: list[SecretInfo] = []
        cursor: Cursor | None = None
        while True:
            page = await self._documents.page(
                SECRET, scope, where=where, order=Order("name"), limit=_PAGE, after=cursor
            )
            found.extend(_info(document) for document in page.documents)
            if (cursor := page.next) is None:
                return tuple(found)

    async def delete(self, scope: Scope, name: str) -> None:
        """Remove a secret. Steps that were prepared before have it still. Raises: NotFound."""
        for _ in range(_ATTEMPTS):
            try:
                return await self._documents.delete(await self._documents.find(SECRET, scope, name))
            except Conflict:
                continue
        raise Conflict(f"secret {name!r} was changed by others {_ATTEMPTS} times in a row; try again", retryable=True)

    def _seal(self, scope: Scope, name: str, text: str) -> bytes:
        # Imported when the first secret is used: most servers have none.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self._key).encrypt(nonce, text.encode(), _place(scope, name))

    def _open(self, scope: Scope, name: str, sealed: bytes) -> str:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self._key).decrypt(nonce, ciphertext, _place(scope, name)).decode()
        except InvalidTag:
            raise Unavailable(
                f"secret {name!r} cannot be opened: it was sealed with another server's secret; put it again",
                retryable=False,
            ) from None


def _check(name: str, text: str) -> None:
    if not 1 <= len(name) <= MAX_NAME:
        raise Invalid(f"the name of a secret has {len(name)} characters; it must have 1 to {MAX_NAME}")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise Invalid(f"the text of secret {name!r} is not valid Unicode") from None
    if size > MAX_TEXT_BYTES:
        raise Invalid(f"the text of secret {name!r} has {size} bytes; it must not have more than {MAX_TEXT_BYTES}")


def _place(scope: Scope, name: str) -> bytes:
    return f"{scope}\x00{name}".encode()


def _info(document: Document[SecretDocument]) -> SecretInfo:
    return SecretInfo(
        scope=document.scope,
        name=document.name or "",
        description=document.body.description,
        created_at=document.created_at,
        updated_at=document.updated_at,
        revision=document.revision,
        properties=document.body.properties,
    )
