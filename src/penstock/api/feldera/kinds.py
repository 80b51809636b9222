"""What this dialect keeps of a pipeline beside the circuit that runs it: the `face` of the circuit's record."""

from typing import Any

import msgspec

from penstock.services.circuits.record import CircuitRecord

__all__ = ["PLATFORM_VERSION", "PipelineFace", "face_of"]

PLATFORM_VERSION = "0.369.0"
"""The version of the wire protocol spoken here.

The client compares it with its own and warns if they differ, so this is the release whose client is tested against, not
this server's own version (which `/v0/config` gives as revision).
"""


class PipelineFace(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline's own fields. Name, program text and life cycle are the circuit's."""

    description: str = ""
    tags: tuple[str, ...] = ()
    udf_rust: str = ""
    udf_toml: str = ""
    runtime_config: dict[str, Any]
    program_config: dict[str, Any]
    platform_version: str = PLATFORM_VERSION
    version: int = 1
    program_version: int = 1


_DECODER = msgspec.json.Decoder(PipelineFace)


def face_of(record: CircuitRecord) -> PipelineFace:
    """Return the pipeline's own fields."""
    return _DECODER.decode(record.face)
