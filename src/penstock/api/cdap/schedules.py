"""Schedules of programs: what lets them fire, and what is run then. Called by the triggers' service."""

from __future__ import annotations

from typing import Any

from penstock.api.cdap.entities import Place
from penstock.api.cdap.kinds import AppBody
from penstock.services.documents import Document
from penstock.services.services import Services

__all__ = ["deploy_schedule"]


async def deploy_schedule(
    services: Services, place: Place, app: Document[AppBody], config: dict[str, Any], artifact: str
) -> None:
    """Make, change or remove the schedule that a pipeline itself asks for."""
