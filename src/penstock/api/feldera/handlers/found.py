"""The pipeline that a path names."""

from collections.abc import Mapping
from uuid import UUID

from penstock.api.feldera.errors import refuse
from penstock.api.shared.call import Call
from penstock.kernel.errors import NotFound
from penstock.services.circuits.process import CircuitProcess
from penstock.services.circuits.service import Circuit

__all__ = ["NO_CACHE", "event_id", "found", "process", "relation_name", "selector"]

NO_CACHE: Mapping[str, str] = {"Cache-Control": "no-cache"}
"""Headers of what describes the server or a pipeline."""


def found(call: Call) -> Circuit:
    """Return the pipeline of the path parameter `name`.

    Raises: UnknownPipelineName.
    """
    name = call.path["name"]
    try:
        return call.services.circuits.find(call.scope, name)
    except NotFound:
        refuse("UnknownPipelineName", f"unknown pipeline name {name!r}", {"pipeline_name": name})


def process(call: Call) -> CircuitProcess:
    """Return the process of the pipeline of the path.

    Raises: UnknownPipelineName, NotDeployed.
    """
    return call.services.circuits.process(found(call))


def selector(call: Call, *allowed: str, default: str) -> str:
    """Return the query parameter `selector`.

    Raises: InvalidParam.
    """
    text = call.query.get("selector", default)
    if text not in allowed:
        refuse("InvalidParam", f"selector is {text!r}; it must be one of {', '.join(allowed)}")
    return text


def event_id(call: Call) -> str:
    """Return the path parameter `event_id`: an id in lower case, or `latest`.

    Raises: InvalidUuidParam.
    """
    text = call.path["event_id"]
    if text == "latest":
        return text
    try:
        return str(UUID(text))
    except ValueError:
        refuse("InvalidUuidParam", f"the event is {text!r}; it must be a UUID, or 'latest'", {"value": text})


def relation_name(text: str) -> str:
    """Return the name of a table or view as it is known inside: exact if quoted, else in lower case."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"')
    return text.lower()
