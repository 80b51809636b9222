"""Is a token genuine, in its time, and meant for this server?

Source: RFC 7519 (tokens), RFC 8725 (what to be wary of: the algorithm is never the token's choice alone), RFC 9068 §4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.kernel.errors import Unavailable
from penstock.services.identity.errors import InvalidToken
from penstock.services.identity.keyrings import ALGORITHMS, Fetch, Keyring

__all__ = ["Claims", "Tokens", "is_token"]

Claims = Mapping[str, Any]
"""What a genuine token says."""

_LEEWAY_S: Final = 60
"""How far the clocks of an issuer and of this server may be apart."""
_MAX_BYTES: Final = 16_384


def is_token(text: str) -> bool:
    """Tell whether a text looks like a token; a key has one dot, and nothing of JSON before it."""
    return text.count(".") == 2 and text.startswith("eyJ")


class Tokens:
    """Checks tokens.

    Args:
        fetch: gets a document of an issuer.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._keyrings: dict[str, Keyring] = {}

    @staticmethod
    def issuer(token: str) -> str:
        """Return whose token this claims to be; nothing of it is checked yet.

        Raises: InvalidToken if it is none.
        """
        import jwt

        if len(token) > _MAX_BYTES:
            raise InvalidToken(f"the token has {len(token)} bytes; {_MAX_BYTES} are read")
        try:
            claims = jwt.decode(token, options={"verify_signature": False, "verify_exp": False, "verify_aud": False})
        except (jwt.PyJWTError, ValueError):
            raise InvalidToken("the token is not one that can be read; ask the issuer for a new one") from None
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or not issuer:
            raise InvalidToken("the token does not name its issuer (claim 'iss')")
        return issuer

    async def verified(self, token: str, issuer: str, audience: str | None) -> Claims:
        """Return what a token says, once it is known to be of that issuer, in its time and for that audience.

        None for the audience leaves it to the caller.
        Raises: InvalidToken, IssuerUnreachable.
        """
        import jwt

        header = _header(token)
        key = await self._keyring(issuer).key(header.get("kid"), header["alg"])
        if key is None:
            raise InvalidToken(f"the token is signed with a key that {issuer!r} does not have (or has no more)")
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[header["alg"]],
                audience=audience,
                issuer=issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "sub"], "verify_aud": audience is not None},
            )
        except jwt.ExpiredSignatureError:
            raise InvalidToken("the token has expired; ask the issuer for a new one") from None
        except jwt.ImmatureSignatureError:
            raise InvalidToken("the token is not valid yet; compare this server's clock with the issuer's") from None
        except (jwt.InvalidAudienceError, jwt.MissingRequiredClaimError) as error:
            wanted = "" if audience is None else f"; this server wants the audience {audience!r}"
            raise InvalidToken(f"the token does not fit: {error}{wanted}") from None
        except jwt.PyJWTError as error:
            raise InvalidToken(f"the token is not genuine: {error}") from None

    def _keyring(self, issuer: str) -> Keyring:
        if issuer not in self._keyrings:
            self._keyrings[issuer] = Keyring(issuer, self._fetch)
        return self._keyrings[issuer]


def _header(token: str) -> dict[str, Any]:
    import jwt

    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise InvalidToken("the token is not one that can be read; ask the issuer for a new one") from None
    if header.get("alg") not in ALGORITHMS:
        raise InvalidToken(f"the token is signed by {header.get('alg')!r}; it must be one of {', '.join(ALGORITHMS)}")
    if not isinstance(header.get("kid"), str | None):
        raise InvalidToken("the token's 'kid' is no text")
    return header


async def no_web(address: str) -> bytes:
    """Refuse to fetch: what a server without any issuer does."""
    raise Unavailable(f"this server asks nobody for {address}")
