"""The catalogue of plugins: one module for each family, each with its tuple PLUGINS; gathered here by type and name.

To add a plugin: write its entry in its family's module (or a new one, listed below); the adapter that it names in
`does` must be there in `boot/transforms.py` or `boot/phases.py`.
"""

from __future__ import annotations

from penstock.api.cdap.plugins import actions, databases, datasets, files, http, relations, texts, transforms
from penstock.api.cdap.plugins.plugin import Does, Plugin, Property, Role

__all__ = ["CATALOGUE", "Does", "Plugin", "Property", "Role", "find_plugin"]

_FAMILIES = (actions, databases, datasets, files, http, relations, texts, transforms)

CATALOGUE: dict[tuple[str, str], Plugin] = {
    (plugin.type, plugin.name): plugin for family in _FAMILIES for plugin in family.PLUGINS
}
"""All plugins by type and name."""


def find_plugin(type: str, name: str) -> Plugin | None:
    """Return a plugin; None if there is none of that type and name."""
    return CATALOGUE.get((type, name))
