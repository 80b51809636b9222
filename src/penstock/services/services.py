"""The record of services handed to every handler."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from penstock.ports.blobs import BlobStore
from penstock.ports.clock import Clock
from penstock.services.changes import Changes
from penstock.services.documents import Documents
from penstock.services.identity import Identity
from penstock.services.secrets import Secrets

if TYPE_CHECKING:
    # Importing the engines' services must not be the price of importing a dialect.
    from penstock.services.artifacts import Artifacts
    from penstock.services.circuits.service import Circuits
    from penstock.services.logs import Logs
    from penstock.services.metrics import Metrics
    from penstock.services.phases.service import Phases
    from penstock.services.runs.service import Runs
    from penstock.services.serving import Serving
    from penstock.services.triggers import Triggers

__all__ = ["Services"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a dialect may use; made once, by `boot.compose`."""

    clock: Clock
    store: Changes
    blobs: BlobStore
    documents: Documents
    identity: Identity
    secrets: Secrets
    circuits: "Circuits"
    runs: "Runs"
    serving: "Serving"
    triggers: "Triggers"
    logs: "Logs"
    metrics: "Metrics"
    phases: "Phases"
    artifacts: "Artifacts"
    started_at: datetime
    is_full: bool = True
    """Whether the server shows its full edition, or the face of free ones."""
