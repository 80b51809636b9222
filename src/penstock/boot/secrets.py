"""The secret of one server: made at its first start, read at every later one."""

import os
import secrets
from pathlib import Path

from penstock.kernel.errors import Invalid

__all__ = ["server_secret"]

SECRET_BYTES = 32


def server_secret(file: Path) -> bytes:
    """Return the secret in a file, which is made, readable by its owner alone, if it is not there.

    Losing the file makes every issued key worthless and does no other harm.
    Raises: Invalid if the file does not hold 32 bytes.
    """
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as new:
            new.write(secrets.token_bytes(SECRET_BYTES))
            new.flush()
            os.fsync(new.fileno())
    secret = file.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise Invalid(
            f"{str(file)!r} has {len(secret)} bytes, not {SECRET_BYTES}; remove it to have another one made, "
            "which makes all issued keys worthless"
        )
    return secret
