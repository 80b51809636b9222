"""The public keys of an issuer, fetched when they are first needed and again when one is asked for that is not there.

Source: OpenID Connect Discovery 1.0 §4 (where the keys are), RFC 7517 (what they look like).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from math import inf
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec

from penstock.kernel.errors import Unavailable
from penstock.services.identity.errors import IssuerUnreachable

if TYPE_CHECKING:
    from jwt import PyJWK

__all__ = ["ALGORITHMS", "Fetch", "Keyring", "is_issuer"]

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets a short document from the web. Raises: Unavailable."""

_MAX_AGE_S: Final = 3600.0
"""After this time keys are fetched anew, so that one that an issuer withdrew stops to open."""
_STALE_S: Final = 24 * 3600.0
"""So long they serve on while the issuer cannot be reached."""
_PAUSE_S: Final = 10.0
"""Between two looks for a key that is not there: otherwise anybody could have an issuer asked with every call."""
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

ALGORITHMS: Final = {
    **{f"{family}{bits}": "RSA" for family in ("RS", "PS") for bits in (256, 384, 512)},
    **{f"ES{bits}": "EC" for bits in (256, 384, 512)},
    "EdDSA": "OKP",
}
"""How a token may be signed, and by what kind of key: only where those who check cannot sign, so never HS or none."""


class Keyring:
    """The keys of one issuer."""

    def __init__(self, issuer: str, fetch: Fetch, now: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._now = now
        self._entries: tuple[dict[str, Any], ...] = ()
        self._read: dict[tuple[str | None, str], PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._failure = "nobody has asked yet"
        self._lock = asyncio.Lock()

    async def key(self, id: str | None, algorithm: str) -> PyJWK | None:
        """Return the key with that id; without an id the only one that fits the algorithm; None if there is none.

        Raises: IssuerUnreachable if the issuer could not be asked for a day, or never.
        """
        if self._age_s() > _MAX_AGE_S and self._may_try():
            await self._refresh()
        if self._age_s() > _STALE_S:
            raise IssuerUnreachable(f"the keys of the issuer {self._issuer!r} cannot be had: {self._failure}")
        found = self._find(id, algorithm)
        if found is None and self._may_try():
            await self._refresh()
            found = self._find(id, algorithm)
        return found

    def _age_s(self) -> float:
        return inf if self._fetched_at is None else self._now() - self._fetched_at

    def _may_try(self) -> bool:
        return self._tried_at is None or self._now() - self._tried_at >= _PAUSE_S

    def _find(self, id: str | None, algorithm: str) -> PyJWK | None:
        from jwt import PyJWK
        from jwt.exceptions import PyJWTError

        if found := self._read.get((id, algorithm)):
            return found
        usable = [
            entry
            for entry in self._entries
            if entry.get("kty") == ALGORITHMS[algorithm]
            and entry.get("alg", algorithm) == algorithm
            and (id is None or entry.get("kid") == id)
        ]
        if len(usable) != 1:
            return None
        try:
            key = PyJWK.from_dict(usable[0], algorithm)
        except PyJWTError:
            return None
        self._read[id, algorithm] = key
        return key

    async def _refresh(self) -> None:
        asked_at = self._now()
        async with self._lock:
            if self._tried_at is not None and self._tried_at >= asked_at:
                return  # somebody else did while we waited
            self._tried_at = self._now()
            try:
                self._entries = await self._load()
            except Unavailable as error:
                self._failure = error.message
                return
            self._read.clear()
            self._fetched_at = self._tried_at

    async def _load(self) -> tuple[dict[str, Any], ...]:
        described = await self._document(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        if described.get("issuer") != self._issuer:
            raise Unavailable(f"the issuer {self._issuer!r} describes itself as {described.get('issuer')!r}")
        address = described.get("jwks_uri")
        if not isinstance(address, str) or not _is_reachable(address, plain=self._issuer.startswith("http:")):
            raise Unavailable(f"the issuer {self._issuer!r} does not say where its keys are")
        listed = (await self._document(address)).get("keys")
        entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        return tuple(entry for entry in entries if entry.get("use", "sig") == "sig")

    async def _document(self, address: str) -> dict[str, Any]:
        try:
            return msgspec.json.decode(await self._fetch(address), type=dict[str, Any])
        except msgspec.DecodeError:
            raise Unavailable(f"what {address} answers is no JSON object") from None


def is_issuer(text: str, *, plain: bool) -> bool:
    """Tell whether a text can be an issuer: https, or http on this machine where that is allowed; no query."""
    return _is_reachable(text, plain=plain) and not any(mark in text for mark in "?#")


def _is_reachable(text: str, *, plain: bool) -> bool:
    try:
        parts = urlsplit(text)
        if parts.username is not None or not parts.hostname:
            return False
    except ValueError:
        return False
    return parts.scheme == "https" or (plain and parts.scheme == "http" and parts.hostname in _LOOPBACK)
