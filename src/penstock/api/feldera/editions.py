"""The two faces of this dialect: everything, or what the open-source edition of the product has."""

from typing import Any

from penstock.api.feldera.errors import refuse
from penstock.api.feldera.storage_config import sync_settings
from penstock.services.services import Services

__all__ = ["check_fault_tolerance", "check_full", "edition_name"]


def edition_name(services: Services) -> str:
    """Return what clients are told."""
    return "Enterprise" if services.is_full else "Open source"


def check_full(services: Services, message: str, feature: str) -> None:
    """Refuse a feature that the free face does not have. Raises: EnterpriseFeature."""
    if not services.is_full:
        refuse("EnterpriseFeature", message, {"feature": feature})


def check_fault_tolerance(services: Services, runtime_config: dict[str, Any]) -> None:
    """Refuse a model of fault tolerance in the free face, and copies of checkpoints.

    Raises: EnterpriseFeature, FtRequiresStorage.
    """
    if sync_settings(runtime_config) is not None:
        check_full(services, "copies of checkpoints are not part of this edition; leave 'sync' out", "sync")
    if runtime_config["fault_tolerance"]["model"] == "none":
        return
    message = "fault tolerance is not part of this edition; leave runtime_config.fault_tolerance out"
    check_full(services, message, "fault_tolerance")
    if runtime_config["storage"] is None:
        refuse(
            "FtRequiresStorage", "fault tolerance needs storage; leave runtime_config.storage out, or set it to true"
        )
