"""Circuits in any state, for tests of pure functions."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from penstock.api.feldera.kinds import PipelineFace
from penstock.api.feldera.lower import encoded, program_config, settings
from penstock.api.feldera.runtime_config import expand
from penstock.kernel.ids import DocumentId
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.services.circuits.record import CIRCUIT, CircuitRecord, new_record
from penstock.services.circuits.service import Circuit
from penstock.services.documents import Document

AT = datetime(2024, 1, 2, 3, 4, 5, 678, UTC)


def record(**changes: Any) -> CircuitRecord:
    """Make a record, with some attributes replaced."""
    config = expand(changes.pop("runtime_config", None))
    face = PipelineFace(runtime_config=config, program_config=program_config(None))
    made = new_record(changes.pop("program", ""), settings(config), encoded(face), AT)
    return msgspec.structs.replace(made, **changes)


def circuit(body: CircuitRecord, name: str = "p") -> Circuit:
    """Make a circuit of a record."""
    return Document(CIRCUIT, DocumentId("019a0000-0000-7000-8000-000000000000"), DEFAULT_SCOPE, name, 1, AT, AT, body)
