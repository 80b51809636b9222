"""A fifth dialect in a hundred lines: keeps notes. Proves the seam, and shows how a dialect is written.

Everything HTTP is shared; what is here is what makes this dialect this dialect: its wire shapes, its document kind, its
error envelope, its header, its list parameters, and one line per operation.
"""

from collections.abc import AsyncGenerator, AsyncIterator

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response

from penstock.api.shared.call import Call
from penstock.api.shared.dialect import Dialect, Reply
from penstock.api.shared.errors import TooLarge, WrongVerb
from penstock.api.shared.operation import STREAM, Answer, Bytes, Json, Operation
from penstock.api.shared.paging import cursor_of, token_of
from penstock.api.shared.parameters import choice, integer
from penstock.api.shared.streams import stream
from penstock.kernel.errors import AlreadyExists, Denied, Invalid, NotFound, PenstockError, Unsupported
from penstock.kernel.principal import Principal, Role
from penstock.kernel.query import Compare, Comparison, Order
from penstock.kernel.scope import Scope
from penstock.services.documents import Kind
from penstock.services.identity import Unauthenticated
from penstock.services.services import Services


class Note(msgspec.Struct, frozen=True):
    """A note as sent and as stored."""

    title: str
    stars: int = 0
    text: str = ""


class NoteList(msgspec.Struct, frozen=True, rename="camel"):
    """A page of notes."""

    notes: list[Note]
    next_page: str


NOTE = Kind("toy.note", Note, index=("stars",), noun="note")


async def create(call: Call, body: Note) -> Answer:
    note = await call.services.documents.create(NOTE, call.scope, body.title, body)
    return Answer(note.body, 201, {"ETag": str(note.revision)})


async def show(call: Call) -> Note:
    return (await call.services.documents.find(NOTE, call.scope, call.path["title"])).body


async def listing(call: Call) -> NoteList:
    order = Order(choice(call.query, "sort", "name", ("name", "stars", "created_at")), "desc" in call.query)
    page = await call.services.documents.page(
        NOTE,
        call.scope,
        where=Compare("stars", Comparison.GE, integer(call.query, "stars", 0)),
        order=order,
        limit=integer(call.query, "size", 10, least=1, most=100),
        after=cursor_of(call.query.get("page", ""), order),
    )
    return NoteList([document.body for document in page.documents], token_of(page.next, order))


async def star(call: Call) -> Note:
    note = await call.services.documents.find(NOTE, call.scope, call.path["title"])
    changed = await call.services.documents.update(
        NOTE, note.id, lambda body: msgspec.structs.replace(body, stars=body.stars + 1)
    )
    return changed.body


async def delete(call: Call) -> None:
    await call.services.documents.delete(await call.services.documents.find(NOTE, call.scope, call.path["title"]))


async def shout(call: Call, chunks: AsyncIterator[bytes]) -> Response:
    async def louder() -> AsyncGenerator[bytes, None]:
        async for chunk in chunks:
            yield chunk.upper()

    return stream(louder(), "text/plain")


async def size(call: Call, body: bytes) -> int:
    return len(body)


async def rest(call: Call) -> str:
    return call.path["rest"]


async def crash(call: Call) -> None:
    raise ZeroDivisionError("a secret detail")


async def chat(call: Call) -> None:
    await call.socket.accept()
    await call.socket.send_text(f"hello {call.principal.name} in {call.scope}")
    await call.socket.close()


async def crash_chat(call: Call) -> None:
    await call.socket.accept()
    raise ZeroDivisionError("a secret detail")


async def health(call: Call) -> dict[str, bool]:
    return {"up": True}


async def authenticate(connection: HTTPConnection, services: Services) -> tuple[Principal, Scope]:
    """`X-Toy: <name>:<role>`; the scope is the drawer in the path."""
    name, _, role = connection.headers.get("x-toy", "").partition(":")
    if role.upper() not in Role.__members__:
        raise Unauthenticated("the header X-Toy is missing; send <name>:<role>")
    return Principal(name, Role[role.upper()]), Scope(("toy", connection.path_params.get("drawer", "any")))


def error_body(error: PenstockError, reply: Reply) -> object:
    return {"oops": error.message, "number": reply.code, "where": error.at}


DIALECT = Dialect(
    name="toy",
    prefixes=("/toy", "/toy-health"),
    aliases=(("/also/toy", "/toy"),),
    operations=(
        Operation("POST", "/toy/{drawer}/notes", create, Role.WRITER, Json(Note, max_bytes=1000)),
        Operation("GET", "/toy/{drawer}/notes", listing),
        Operation("GET", "/toy/{drawer}/notes/{title}", show),
        Operation("DELETE", "/toy/{drawer}/notes/{title}", delete, Role.WRITER, status=204),
        Operation("POST", "/toy/{drawer}/notes/{title}:star", star, Role.WRITER),
        Operation("POST", "/toy/{drawer}/notes/{title}/archive", None),
        Operation("POST", "/toy/shout", shout, body=STREAM),
        Operation("POST", "/toy/size", size, body=Bytes(max_bytes=10)),
        Operation("GET", "/toy/rest/{rest:path}", rest),
        Operation("GET", "/toy/crash", crash),
        Operation("WS", "/toy/{drawer}/chat", chat),
        Operation("WS", "/toy/{drawer}/crash", crash_chat),
        Operation("GET", "/toy-health", health, role=None),
    ),
    kinds=(NOTE,),
    errors={
        PenstockError: Reply(500, 1),
        NotFound: Reply(404, 2),
        WrongVerb: Reply(405, 3),
        AlreadyExists: Reply(409, 4),
        Invalid: Reply(400, 5),
        TooLarge: Reply(413, 6),
        Unsupported: Reply(501, 7),
        Denied: Reply(403, 8),
        Unauthenticated: Reply(401, 9),
    },
    error_body=error_body,
    authenticate=authenticate,
)
