"""Record-wise plugins that rearrange fields."""

from __future__ import annotations

from penstock.api.cdap.plugins.plugin import Does, Plugin, Role, optional

__all__ = ["PLUGINS"]

PLUGINS = (
    Plugin(
        "Projection",
        "transform",
        "core-plugins",
        Does(Role.TRANSFORM, "project"),
        (
            optional("drop", "Fields to drop, separated by commas."),
            optional("keep", "Fields to keep, separated by commas."),
            optional("convert", "Types to convert fields to, as field:type."),
            optional("rename", "New names, as field:name."),
        ),
        "Drops, keeps, converts and renames fields.",
        "io.cdap.plugin.transform.ProjectionTransform",
    ),
)
