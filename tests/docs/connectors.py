"""`docs/reference/connectors.md`: formats and transports, from `boot/adapters.py`.

Which options there are is asked of the adapters themselves: each refuses one it does not have and names those it has.
"""

import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any

from penstock.boot.adapters import KIT
from penstock.data.pool import Pool
from penstock.data.types import VARCHAR
from penstock.ports.format import ColumnLayout, Format, FormatRefused, Layout
from penstock.ports.sink import RelationSinkKind, ResumableSinkKind
from penstock.ports.source import TransportRefused
from tests.docs.markdown import code, escaped, page, table

__all__ = ["page_of_connectors"]

_UNKNOWN = "no such option"
_TABLE = Layout("t", (ColumnLayout("x", False, VARCHAR),))
_KEYED = Layout("t", _TABLE.columns, index=(0,))

INTRO = """\
A connector joins a table or view to the outside: a transport moves bytes, a format reads or writes them. They are
declared in `WITH ('connectors' = '[…]')`. A setting that a transport or format does not have is refused when the
pipeline starts."""

INPUTS = """\
Each input runs in a thread of its own and waits while its connector or the circuit is paused or its queue is full.
A circuit that starts from nothing has its inputs begin at their beginning; one that goes on from a checkpoint has
them go on where they were, unless the page says that an input cannot. Trouble that
passes is counted as a transport error of the connector; trouble that does not pass ends that connector, not the
circuit."""

OUTPUTS = """\
Each step's changes are encoded at once and delivered in the order of steps by a thread of the output's own; a step
counts as completed, and completion tokens with it, when every output that is not paused has delivered it. What the
other end refuses or does not take is held and sent again, after pauses of 0.1 s to 30 s, until it is taken: the output
is then unhealthy and counts transport errors, the circuit goes on, and it waits once `max_queued_records` of that
output wait. A checkpoint has what is not delivered yet. An output that resumes is opened after a crash where it was;
pieces that it had already are not written again. With an output buffer that is so only where pieces need not be counted
(files, Redis, PostgreSQL): Kafka may then have messages twice."""

ATTRIBUTES = """\
| attribute | for | meaning |
| --- | --- | --- |
| `name` | both | for the API; `unnamed-N` if not given |
| `paused` | both | whether it begins paused: an input gives nothing, an output drops what comes |
| `labels`, `start_after` | inputs | an input begins when no unfinished one carries any of the labels it starts after |
| `max_queued_records` | both | so many records wait at most; 1,000,000 |
| `max_queued_bytes` | inputs | so many bytes wait at most; 1,000 for each record |
| `max_batch_size` | inputs | a step takes at most so many records of it |
| `index` | outputs | a `CREATE INDEX` on the view: changes are written as one operation for each key |
| `send_snapshot` | outputs | one that is new to a circuit that goes on has first what the (materialized) view holds |
| `enable_output_buffer` | outputs | changes are held back and joined, until one of the next two is reached |
| `max_output_buffer_time_millis` | outputs | for so long at most |
| `max_output_buffer_size_records` | outputs | so many at most |"""

REFERENCES = """\
A value that is `${env:VARIABLE}`, as a whole, is read from the environment of the pipeline (`env` of its runtime
configuration, then the server's); `${secret:NAME}` and `${secret:kubernetes:NAME/KEY}` are read from the secrets of its
tenant, where `PUT /api/penstock/v1/secrets/NAME%2FKEY` puts them, when it starts. Answers, logs, checkpoints and
support bundles have the reference, never the text, and errors that a connector reports are cleaned of it."""

FORMATS = """\
A body may come in pieces cut anywhere. Bad records are reported one by one, with record and column; the good ones
around them are kept. A change that a format cannot write costs its output that step, not the circuit."""


def page_of_connectors() -> str:
    """Return the page."""
    return page(
        "Connectors",
        INTRO,
        "## Attributes of a connector",
        ATTRIBUTES,
        "## References",
        REFERENCES,
        "## Input transports",
        INPUTS,
        table(
            ("transport", "format", "resumes", "settings", "what it is"),
            [_transport(kind, _source_settings(kind), _source_resumes(kind)) for kind in KIT.sources.values()],
        ),
        "## Output transports",
        OUTPUTS,
        table(
            ("transport", "format", "resumes", "settings", "what it is"),
            [_transport(kind, _sink_settings(kind), _sink_resumes(kind)) for kind in KIT.sinks.values()],
        ),
        "## Formats",
        FORMATS,
        *(_format(kind) for kind in KIT.formats.values()),
    )


def _transport(kind: Any, settings: str, resumes: bool) -> tuple[str, str, str, str, str]:
    format, place = "yes" if kind.needs_format else "none", "yes" if resumes else "no"
    return code(kind.name), format, place, settings, _said(kind)


def _said(kind: Any) -> str:
    """Return what a kind says of itself, in one paragraph."""
    return escaped(" ".join(inspect.getdoc(type(kind)).split()))


def _source_resumes(kind: Any) -> bool:
    """Whether what the kind opens is a `ResumableSource`, by what it says it returns."""
    return hasattr(typing.get_type_hints(kind.open)["return"], "resume")


def _sink_resumes(kind: Any) -> bool:
    return isinstance(_bound(kind), ResumableSinkKind)


def _bound(kind: Any) -> Any:
    """Return a kind that needs no relation any more."""
    return kind.bound({}, _KEYED, Pool())[0] if isinstance(kind, RelationSinkKind) else kind


def _source_settings(kind: Any) -> str:
    return _settings(lambda: kind.open({_UNKNOWN: 1}, _TABLE, Pool()))


def _sink_settings(kind: Any) -> str:
    return _settings(lambda: _bound(kind).open({_UNKNOWN: 1}))


def _settings(open_it: Callable[[], object]) -> str:
    try:
        open_it()
    except TransportRefused as refused:
        return _listed(str(refused).partition("there are ")[2])
    return ""


def _listed(text: str) -> str:
    return ", ".join(code(word) for word in text.split(", ") if word)


def _format(kind: Format) -> str:
    rows = []
    made: dict[str, set[str]] = {}
    for way, make in (("reading", kind.decoder), ("writing", kind.encoder)):
        for option in _options(make):
            made.setdefault(option, set()).add(way)
    for option, ways in made.items():
        choices = [_choices(make, option) for make in (kind.decoder, kind.encoder)]
        words = "; ".join(dict.fromkeys(filter(None, choices)))
        rows.append((code(option), " and ".join(sorted(ways)), words))
    return "\n\n".join((f"### {code(kind.name)}", _said(kind), table(("option", "for", "one of"), rows)))


def _refusal(make: Callable[..., object], options: Mapping[str, Any]) -> str:
    try:
        make(options, _TABLE, Pool())
    except FormatRefused as refused:
        return refused.message
    return ""


def _options(make: Callable[..., object]) -> list[str]:
    return [w for w in _refusal(make, {_UNKNOWN: 1}).partition("it has ")[2].split(", ") if w]


def _choices(make: Callable[..., object], option: str) -> str:
    found = re.search(r"is one of (.*), not ", _refusal(make, {option: _UNKNOWN}))
    return _listed(found[1]) if found else ""
