"""A pipeline's log lines, from before its start until it is deleted."""

from collections.abc import AsyncGenerator

from starlette.responses import Response

from penstock.api.feldera.errors import refuse
from penstock.api.feldera.handlers.found import found
from penstock.api.shared.call import Call
from penstock.api.shared.streams import stream
from penstock.services.circuits.logbook import Logbook, LogPlace

__all__ = ["follow"]


async def follow(call: Call) -> Response:
    """Send the lines that are kept, then each new one as it comes.

    With `cursor`, `epoch:number`, only lines after that number follow, and the body is lines and nothing else; without,
    a first line says if older ones are gone.
    """
    logbook = call.services.circuits.logbook(found(call))
    cursor = call.query.get("cursor")
    place = _place(logbook, cursor)
    headers = {
        "feldera-logs-epoch": place.epoch,
        "feldera-logs-seq": str(place.number),
        "feldera-logs-gap": str(place.gap),
    }
    lines = _text(logbook, place, with_notice=cursor is None)
    return stream(lines, "text/plain; charset=utf-8", headers=headers)


def _place(logbook: Logbook, cursor: str | None) -> LogPlace:
    if not cursor:
        return logbook.place()
    epoch, _, number = cursor.rpartition(":")
    if not epoch or not (number.isascii() and number.isdecimal()):
        refuse("InvalidParam", f"the cursor {cursor!r} is none that a reply gave; it must be of the form epoch:number")
    return logbook.place(epoch, int(number))


async def _text(logbook: Logbook, place: LogPlace, *, with_notice: bool) -> AsyncGenerator[bytes, None]:
    if with_notice and place.gap:
        yield f"{place.gap} prior log lines were discarded due to buffer constraints\n".encode()
    async for lines in logbook.follow(place.number):
        yield "".join(line + "\n" for line in lines).encode()
