"""Mail, which is refused: nothing here sends any."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from penstock.ports.action import ActionFailed
from penstock.ports.transform import Finding, Surroundings

__all__ = ["MailRefused"]


class MailRefused:
    """Action `mail.refuse`."""

    name = "mail.refuse"

    def describe(self, properties: Mapping[str, str], hidden: Collection[str] = ()) -> tuple[Finding, ...]:
        """Find nothing wrong."""
        return ()

    def run(self, properties: Mapping[str, str], surroundings: Surroundings) -> Mapping[str, str]:
        """Refuse."""
        raise ActionFailed(
            f"no mail was sent to {properties.get('recipients')}: this server sends none; call an address over HTTP"
        )
