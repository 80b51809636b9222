"""Record-wise plugins that rearrange fields and records: recipes, projections, copies, splitters, scripts."""

from __future__ import annotations

from penstock.api.cdap.plugins.plugin import Does, Plugin, Property, Role, flag, optional, required, text

__all__ = ["PLUGINS"]

_SCHEMA = text("schema", "The schema of the output; the input's by default.")
_LOOKUP = text("lookup", "Tables that the script may ask, as JSON.")

_FIELDS = (
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
    Plugin(
        "Normalize",
        "transform",
        "transform-plugins",
        Does(Role.TRANSFORM, "normalize"),
        (
            required("fieldMapping", "Fields to copy, as field:name, separated by commas."),
            required("fieldNormalizing", "Fields to make records of, as field:typeField:valueField."),
            required("outputSchema", "The schema of the output."),
        ),
        "Makes a record of each of some fields.",
        "io.cdap.plugin.Normalize",
    ),
    Plugin(
        "ValueMapper",
        "transform",
        "transform-plugins",
        Does(Role.TRANSFORM, "value-map"),
        (
            required("mapping", "Fields, look-up tables and names of results, as field:table:name."),
            optional("defaults", "Values for what is null, empty or unknown, as field:value."),
        ),
        "Replaces values by what look-up tables have for them.",
        "io.cdap.plugin.ValueMapper",
    ),
    Plugin(
        "CloneRecord",
        "transform",
        "transform-plugins",
        Does(Role.TRANSFORM, "clone"),
        (required("copies", "How many copies to give.", type="int"),),
        "Gives each record several times.",
        "io.cdap.plugin.CloneRecord",
    ),
    Plugin(
        "StructuredRecordToGenericRecord",
        "transform",
        "transform-plugins",
        Does(Role.TRANSFORM, "project"),
        (),
        "Passes records on as they are.",
        "io.cdap.plugin.StructuredToAvroTransform",
    ),
)

_SPLITTERS = (
    Plugin(
        "UnionSplitter",
        "splittertransform",
        "transform-plugins",
        Does(Role.TRANSFORM, "split-union"),
        (
            optional("unionField", "The field whose values tell the port."),
            flag("modifySchema", "Whether the field has the one type at each port.", default="true"),
        ),
        "Sends records to ports by the type of a union's value.",
        "io.cdap.plugin.UnionSplitter",
        splits=True,
    ),
    Plugin(
        "NullFieldSplitter",
        "splittertransform",
        "transform-plugins",
        Does(Role.TRANSFORM, "split-null"),
        (
            required("field", "The field that is null or not."),
            flag("modifySchema", "Whether the field is never null at the port nonnull.", default="true"),
        ),
        "Sends records to ports by whether a field is null.",
        "io.cdap.plugin.NullFieldSplitter",
        splits=True,
    ),
    Plugin(
        "RoutingSwitch",
        "splittertransform",
        "switch-plugin",
        Does(Role.TRANSFORM, "route"),
        (
            required("routingField", "The field that conditions are about."),
            required("portSpecification", "Ports and conditions, as port:function(argument), separated by commas."),
            optional("defaultHandling", "Skip, Error Port or Default Port.", default="Error Port"),
            optional("defaultPort", "The port of records that no condition takes.", default="Default"),
            optional("nullHandling", "Skip, Error Port or Null Port.", default="Error Port"),
            optional("nullPort", "The port of records without a value.", default="Null"),
        ),
        "Sends records to ports by conditions on a field.",
        "io.cdap.plugin.RoutingSwitch",
        splits=True,
    ),
)

_SCRIPTS = (
    Plugin(
        "JavaScript",
        "transform",
        "core-plugins",
        Does(Role.TRANSFORM, "javascript"),
        (text("script", "Defines transform(input, emitter, context).", must=True), _SCHEMA, _LOOKUP),
        "Gives each record to a script.",
        "io.cdap.plugin.transform.JavaScriptTransform",
    ),
    Plugin(
        "PythonEvaluator",
        "transform",
        "python-plugins",
        Does(Role.TRANSFORM, "python"),
        (
            text("script", "Defines transform(record, emitter, context).", must=True),
            _SCHEMA,
            optional("executionMode", "Not used: scripts run in a process of their own."),
            optional("py4JPort", "Not used."),
            optional("pythonBinary", "Not used."),
            optional("pythonPath", "Not used."),
            optional("pythonHome", "Not used."),
            optional("pythonPort", "Not used."),
        ),
        "Gives each record to a script.",
        "io.cdap.plugin.python.transform.PythonEvaluator",
    ),
    Plugin(
        "Validator",
        "transform",
        "core-plugins",
        Does(Role.TRANSFORM, "validate"),
        (
            optional("validators", "Sets of functions that the script uses, separated by commas."),
            text("validationScript", "Defines isValid(input, context).", must=True),
            _LOOKUP,
        ),
        "Refuses records that a script finds invalid.",
        "io.cdap.plugin.transform.ValidatorTransform",
    ),
)

PLUGINS = (*_FIELDS, *_SPLITTERS, *_SCRIPTS)
