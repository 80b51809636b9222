"""An identity provider of the tests: keys that can be changed, tokens that can be wrong, on a port of its own."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

__all__ = ["AUDIENCE", "Issuer", "running_issuer"]

AUDIENCE = "pipelines"


class Issuer:
    """Makes tokens, and serves the public halves of the keys they are signed with. `asked` counts who looks."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.is_down = False
        self._keys: dict[str, tuple[str, Any]] = {}

    def add(self, id: str, algorithm: str = "RS256") -> None:
        """Make a key."""
        if algorithm.startswith("ES"):
            curve = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}[algorithm]
            self._keys[id] = (algorithm, ec.generate_private_key(curve))
        else:
            self._keys[id] = (algorithm, rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def drop(self, id: str) -> None:
        """Withdraw a key."""
        del self._keys[id]

    def public(self, id: str) -> Any:
        """Return the public half of a key."""
        return self._keys[id][1].public_key()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return what a good token says; None takes a claim away."""
        now = int(time.time())
        base = {"iss": self.url, "sub": "ann", "aud": AUDIENCE, "iat": now, "exp": now + 600}
        return {name: value for name, value in (base | changes).items() if value is not None}

    def token(self, key: str = "k1", *, headers: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """Make a token; `changes` are claims."""
        algorithm, private = self._keys[key]
        return jwt.encode(self.claims(**changes), private, algorithm, {"kid": key, **(headers or {})})

    def document(self, path: str) -> object:
        """Return what is at a path."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        return {"keys": [{**_jwk(private), "kid": id, "use": "sig"} for id, (_, private) in self._keys.items()]}


def _jwk(private: Any) -> dict[str, Any]:
    family = ECAlgorithm if isinstance(private, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    shown: dict[str, Any] = json.loads(family.to_jwk(private.public_key()))
    return shown


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """Serve an issuer with one RSA key, `k1`."""
    issuer = Issuer()
    issuer.add("k1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            body = json.dumps(issuer.document(self.path)).encode()
            self.send_response(503 if issuer.is_down else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
