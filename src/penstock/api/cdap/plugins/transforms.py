"""Record-wise plugins that rearrange fields."""

from __future__ import annotations

from penstock.api.cdap.plugins.plugin import Does, Plugin, Property, Role, optional, required, text

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
    Plugin(
        "Wrangler",
        "transform",
        "wrangler-transform",
        Does(Role.TRANSFORM, "wrangle"),
        (
            optional("field", "The field to wrangle, * for all, # for the record.", default="*"),
            Property("expressionLanguage", choices=("jexl", "sql"), description="The language of the precondition."),
            optional("precondition", "Records for which this expression is true are dropped."),
            optional("preconditionSQL", "Records for which this SQL condition is false are dropped."),
            optional("directives", "The recipe."),
            text("udd", "Names of users' own directives."),
            text("workspaceId", "Where the recipe was made."),
            optional("on-error", "fail-pipeline, send-to-error-port or skip-error."),
            text("threshold", "Not used."),
            required("schema", "The schema of the output."),
        ),
        "Changes records by a recipe of directives.",
        "io.cdap.wrangler.Wrangler",
    ),
)
