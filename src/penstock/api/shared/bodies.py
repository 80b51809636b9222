"""From a request's bytes to what a handler takes."""

import re
from collections.abc import AsyncIterator
from typing import Any, assert_never

import msgspec
from starlette.requests import Request

from penstock.api.shared.errors import TooLarge
from penstock.api.shared.operation import Body, Bytes, Json, NoBody, Stream
from penstock.kernel.errors import Invalid

__all__ = ["arguments", "decode_json"]

_LOCATED = re.compile(r"^(?P<what>.*) - at `(?P<key>key in )?\$(?P<path>.*)`$", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+|\.\.\.)\]")


async def arguments(request: Request, body: Body) -> tuple[object, ...]:
    """Return the handler's arguments after the call: none, or the body.

    Raises: Invalid with a JSON pointer, TooLarge.
    """
    match body:
        case NoBody():
            return ()
        case Stream():
            return (_chunks(request),)
        case Bytes(limit):
            return (await _read(request, limit),)
        case Json(shape, limit):
            return (decode_json(await _read(request, limit), shape),)
    assert_never(body)


def decode_json(raw: bytes, shape: Any = object) -> object:
    """Decode a JSON document to a type; empty input counts as `null`.

    Raises: Invalid; `at` is a JSON pointer where the document is JSON but not of this shape.
    """
    try:
        return msgspec.json.decode(raw or b"null", type=shape)
    except msgspec.ValidationError as error:
        message, pointer = _locate(str(error))
        raise Invalid(f"the body does not have the expected shape: {message}", at=pointer) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"the body is not JSON: {error}", hint="send one JSON document in UTF-8") from None
    except RecursionError:
        raise Invalid("the body's values are nested too deep to be read") from None


def _locate(message: str) -> tuple[str, str | None]:
    """Split a message of the decoder into what is wrong and a JSON pointer."""
    found = _LOCATED.match(message)
    if found is None:
        return message, ""
    steps = (step["name"] or step["index"] for step in _STEP.finditer(found["path"]))
    return found["what"], "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


async def _read(request: Request, limit: int) -> bytes:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise TooLarge(f"the body has {announced} bytes; this operation takes at most {limit}")
    parts: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"the body has more than {limit} bytes; this operation takes no more")
        parts.append(chunk)
    return b"".join(parts)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        if chunk:
            yield chunk
