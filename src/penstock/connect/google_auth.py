"""Access tokens of Google Cloud: for a service account, for a user who logged in, for the machine itself.

Source: https://developers.google.com/identity/protocols/oauth2/service-account, RFC 7523, RFC 6749 section 6.
"""

from __future__ import annotations

import json
import os
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["Access", "default_credentials"]

_TOKEN_URI = "https://oauth2.googleapis.com/token"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EARLY_S = 60.0
_TIMEOUT_S = 30.0


def default_credentials() -> dict[str, Any] | None:
    """Return what the environment has: a file that it names, or that of `gcloud`; None where there is none."""
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    path = Path(named) if named else Path.home() / ".config" / "gcloud" / "application_default_credentials.json"
    if not named and not path.exists():
        return None
    credentials: dict[str, Any] = json.loads(path.read_text())
    return credentials


class Access:
    """Access to a service. credentials: those of a JSON file; None for the machine's own, from its metadata server."""

    def __init__(self, credentials: Mapping[str, Any] | None, scope: str) -> None:
        """Raises: ValueError for credentials of a kind that is not known."""
        kind = None if credentials is None else credentials.get("type")
        if kind not in (None, "service_account", "authorized_user"):
            raise ValueError(f"credentials are of a service account or of a user, not of type {kind!r}")
        self._credentials, self._scope = credentials, scope
        self._token, self._ends_at = "", 0.0

    def token(self) -> str:
        """Return a token that is good for now. Raises: OSError."""
        if time.monotonic() > self._ends_at - _EARLY_S:
            answer = self._machine() if self._credentials is None else self._exchanged(self._credentials)
            self._token = str(answer["access_token"])
            self._ends_at = time.monotonic() + float(answer.get("expires_in", 3600))
        return self._token

    def _exchanged(self, credentials: Mapping[str, Any]) -> dict[str, Any]:
        uri = str(credentials.get("token_uri") or _TOKEN_URI)
        if credentials["type"] == "authorized_user":
            names = ("client_id", "client_secret", "refresh_token")
            form = {"grant_type": "refresh_token", **{name: str(credentials[name]) for name in names}}
        else:
            form = {"grant_type": _GRANT, "assertion": self._assertion(credentials, uri)}
        return _answer(urllib.request.Request(uri, urllib.parse.urlencode(form).encode()))

    def _assertion(self, credentials: Mapping[str, Any], uri: str) -> str:
        import jwt

        now = int(time.time())
        email = credentials["client_email"]
        claims = {"iss": email, "sub": email, "scope": self._scope, "aud": uri, "iat": now, "exp": now + 3600}
        headers = {"kid": credentials["private_key_id"]} if credentials.get("private_key_id") else None
        return jwt.encode(claims, str(credentials["private_key"]), "RS256", headers=headers)

    def _machine(self) -> dict[str, Any]:
        host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
        place = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
        return _answer(urllib.request.Request(place, headers={"Metadata-Flavor": "Google"}))


def _answer(request: urllib.request.Request) -> dict[str, Any]:
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:
        answer: dict[str, Any] = json.load(reply)
        return answer
