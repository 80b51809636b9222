"""Plugins over whole inputs: groups, joins, duplicates; and the collector of refused records."""

from __future__ import annotations

from penstock.api.cdap.plugins.plugin import Does, Plugin, Property, Role, flag, optional, required

__all__ = ["PLUGINS"]

_PARTITIONS = Property("numPartitions", "int", description="Partitions to use; a hint.")

PLUGINS = (
    Plugin(
        "GroupByAggregate",
        "batchaggregator",
        "core-plugins",
        Does(Role.RELATION, "group"),
        (
            required("groupByFields", "Fields to group by, separated by commas."),
            required("aggregates", "What to compute, as name:function(field), separated by commas."),
            _PARTITIONS,
        ),
        "Groups records and computes over each group.",
        "io.cdap.plugin.batch.aggregator.GroupByAggregator",
    ),
    Plugin(
        "Joiner",
        "batchjoiner",
        "core-plugins",
        Does(Role.RELATION, "join"),
        (
            required("selectedFields", "Fields of the output, as stage.field as name, separated by commas."),
            optional("requiredInputs", "Inputs without whose match there is no output."),
            optional("conditionType", "basic or advanced.", default="basic"),
            optional("joinKeys", "Keys, as a.x = b.y & a.z = b.w."),
            optional("conditionExpression", "Condition of an advanced join."),
            optional("inputAliases", "Names of the inputs within the condition."),
            flag("joinNullKeys", "Whether null keys match each other.", default="true"),
            optional("inMemoryInputs", "Inputs that are small."),
            optional("distributionEnabled"),
            optional("distributionFactor"),
            optional("distributionStageName"),
            optional("schema", "Schema of the output."),
            _PARTITIONS,
        ),
        "Joins two or more inputs.",
        "io.cdap.plugin.batch.joiner.Joiner",
    ),
    Plugin(
        "Deduplicate",
        "batchaggregator",
        "core-plugins",
        Does(Role.RELATION, "deduplicate"),
        (
            optional("uniqueFields", "Fields that tell duplicates; all if empty."),
            optional("filterOperation", "Which duplicate stays, as field:function."),
            _PARTITIONS,
        ),
        "Keeps one record of each set of duplicates.",
        "io.cdap.plugin.batch.aggregator.DedupAggregator",
    ),
    Plugin(
        "Distinct",
        "batchaggregator",
        "core-plugins",
        Does(Role.RELATION, "distinct"),
        (optional("fields", "Fields to keep; all if empty."), _PARTITIONS),
        "Keeps each record once.",
        "io.cdap.plugin.batch.aggregator.DistinctAggregator",
    ),
    Plugin(
        "RowDenormalizer",
        "batchaggregator",
        "core-plugins",
        Does(Role.RELATION, "denormalize"),
        (
            required("keyField", "The field that tells which rows belong together."),
            required("nameField", "The field with names of output fields."),
            required("valueField", "The field with their values."),
            required("outputFields", "Fields of the output, separated by commas."),
            optional("fieldAliases", "Other names for them, as field:name."),
            _PARTITIONS,
        ),
        "Turns names and values of rows into fields.",
        "io.cdap.plugin.batch.aggregator.RowDenormalizerAggregator",
    ),
    Plugin(
        "ErrorCollector",
        "errortransform",
        "core-plugins",
        Does(Role.ERRORS, "collect"),
        (
            optional("messageField", "Field that takes the message.", macro=False),
            optional("codeField", "Field that takes the code.", macro=False),
            optional("stageField", "Field that takes the stage.", macro=False),
        ),
        "Makes records of refused records.",
        "io.cdap.plugin.error.ErrorCollector",
    ),
)
