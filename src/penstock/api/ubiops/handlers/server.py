"""The server itself, and who is calling."""

from penstock.api.shared.call import Call
from penstock.api.ubiops.auth import email_of
from penstock.api.ubiops.project import Shown, timestamp
from penstock.api.ubiops.wire import SignIn, read
from penstock.kernel.errors import Invalid
from penstock.services.identity import Unauthenticated

__all__ = ["authorize", "provider", "status", "user", "user_id"]


async def status(call: Call) -> Shown:
    """Say that the server is there."""
    return {"status": "ok"}


async def user(call: Call) -> Shown:
    """Show the caller."""
    email = email_of(call.principal)
    return {
        "id": user_id(email),
        "email": email,
        "name": email.partition("@")[0],
        "surname": None,
        "registration_date": timestamp(call.services.started_at),
        "authentication": "token",
    }


async def authorize(call: Call, body: object) -> Shown:
    """Sign in with a password, which is a key of this server; the reply's text is used like a token."""
    wanted = read(body, SignIn)
    if not call.services.identity.is_required:
        return {"access": "open"}
    try:
        await call.services.identity.authenticate(wanted.password)
    except Unauthenticated:
        raise Unauthenticated("Unable to log in with the provided credentials; the password is a key") from None
    return {"access": wanted.password}


async def provider(call: Call, body: object) -> Shown:
    """Say how an e-mail address signs in: with a password, for there is no other provider."""
    if not isinstance(body, dict) or not body.get("email"):
        raise Invalid("This field is required: email")
    return {"provider": "ubiops", "url": None}


def user_id(email: str) -> str:
    """Return the id of the person or service with an address."""
    import uuid

    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{email}"))
