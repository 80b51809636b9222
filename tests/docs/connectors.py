"""`docs/reference/connectors.md`: formats and transports, from `boot/adapters.py`.

Which options there are is asked of the adapters themselves: each refuses one it does not have and names those it has.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from penstock.boot.adapters import KIT
from penstock.data.pool import Pool
from penstock.data.types import VARCHAR
from penstock.ports.format import ColumnLayout, Format, FormatRefused, Layout
from penstock.ports.source import TransportRefused
from tests.docs.markdown import code, escaped, first_paragraph, page, table

__all__ = ["page_of_connectors"]

_UNKNOWN = "no such option"
_TABLE = Layout("t", (ColumnLayout("x", False, VARCHAR),))

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
Each step's changes are written in the order of steps and flushed before the step counts as completed."""

FORMATS = """\
A body may come in pieces cut anywhere. Bad records are reported one by one, with record and column; the good ones
around them are kept. A change that a format cannot write costs its output that step, not the circuit."""


def page_of_connectors() -> str:
    """Return the page."""
    return page(
        "Connectors",
        INTRO,
        "## Input transports",
        INPUTS,
        table(
            ("transport", "format", "settings", "what it is"),
            [_transport(kind, _source_settings(kind)) for kind in KIT.sources.values()],
        ),
        "## Output transports",
        OUTPUTS,
        table(
            ("transport", "format", "settings", "what it is"),
            [_transport(kind, _sink_settings(kind)) for kind in KIT.sinks.values()],
        ),
        "## Formats",
        FORMATS,
        *(_format(kind) for kind in KIT.formats.values()),
    )


def _transport(kind: Any, settings: str) -> tuple[str, str, str, str]:
    return code(kind.name), "yes" if kind.needs_format else "none", settings, escaped(first_paragraph(type(kind)))


def _source_settings(kind: Any) -> str:
    return _settings(lambda: kind.open({_UNKNOWN: 1}, _TABLE, Pool()))


def _sink_settings(kind: Any) -> str:
    return _settings(lambda: kind.open({_UNKNOWN: 1}))


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
        words = next((w for make in (kind.decoder, kind.encoder) if (w := _choices(make, option))), "")
        rows.append((code(option), " and ".join(sorted(ways)), words))
    said = escaped(first_paragraph(type(kind)))
    return "\n\n".join((f"### {code(kind.name)}", said, table(("option", "for", "one of"), rows)))


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
