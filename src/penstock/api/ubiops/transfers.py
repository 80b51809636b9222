"""Signed addresses: whoever has one may put or get one file for a while, without a token.

A ticket says what it is for and until when, and carries a digest of that under a key which only this server has.
"""

import base64
import binascii
import hmac
import secrets
from typing import Final

import msgspec

from penstock.kernel.errors import Denied, NotFound
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.services.services import Services

__all__ = ["LIFE_S", "Ticket", "open_ticket", "signed"]

LIFE_S: Final = 3600
_SECRET: Final = "transfer-key"
_DIGEST_BYTES: Final = 32


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """What one address allows. verb: `PUT` or `GET`. bucket_id: of the upload, for a part of one."""

    verb: str
    scope: str
    bucket_id: str
    file: str
    expires_s: int

    @property
    def place(self) -> Scope:
        """Return the scope of the file."""
        return Scope.parse(self.scope)


async def signed(services: Services, verb: str, scope: Scope, bucket_id: str, file: str) -> str:
    """Return a ticket as text."""
    expires = int(services.clock.now().timestamp()) + LIFE_S
    payload = msgspec.json.encode(Ticket(verb, str(scope), bucket_id, file, expires))
    return base64.urlsafe_b64encode(await _digest(services, payload) + payload).decode().rstrip("=")


async def open_ticket(services: Services, verb: str, text: str) -> Ticket:
    """Read a ticket back. Raises: Denied if it is none of ours, is for something else, or its time is over."""
    refused = Denied("The address is not valid, or its time is over; ask for a new one")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        payload = raw[_DIGEST_BYTES:]
        if not hmac.compare_digest(raw[:_DIGEST_BYTES], await _digest(services, payload)):
            raise refused
        ticket = msgspec.json.decode(payload, type=Ticket)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise refused from None
    if ticket.verb != verb or ticket.expires_s < services.clock.now().timestamp():
        raise refused
    return ticket


async def _digest(services: Services, payload: bytes) -> bytes:
    try:
        key = await services.secrets.get(DEFAULT_SCOPE, _SECRET)
    except NotFound:
        await services.secrets.put(DEFAULT_SCOPE, _SECRET, secrets.token_urlsafe(32))
        key = await services.secrets.get(DEFAULT_SCOPE, _SECRET)
    return hmac.digest(key.encode(), payload, "sha256")
