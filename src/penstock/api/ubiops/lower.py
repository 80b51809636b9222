"""From a pipeline version to the network a request runs, and from a deployment version to a network of one node. Pure.

What objects refer to has been looked up before: names in documents mean what they meant when the request came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from penstock.api.ubiops import topology
from penstock.api.ubiops.kinds import PLAIN, AttachmentBody, ObjectBody, PipelineVersionBody, SourceBody
from penstock.api.ubiops.names import CONDITION, FUNCTION
from penstock.kernel.expr import literal
from penstock.kernel.graph import Job
from penstock.kernel.network import (
    END,
    START,
    Carries,
    Constant,
    Count,
    Do,
    Fail,
    Gather,
    Inner,
    Link,
    Net,
    Network,
    Node,
    NodeWork,
    Source,
    Split,
)
from penstock.kernel.values import Value

__all__ = ["Referred", "lower_deployment", "lower_pipeline"]

DEPLOYMENT_FAILED: Final = "Error while processing a deployment request"
PIPELINE_FAILED: Final = "Error while processing a pipeline request"
OPERATOR_FAILED: Final = "Error while processing an operator request"


@dataclass(frozen=True, slots=True)
class Referred:
    """What an object refers to: a deployment or pipeline, and a version of it.

    id: of the version; owner_id: of the deployment or pipeline. takes, gives: its types.
    body, inner: of a pipeline, its version, and what the objects in that refer to, by name.
    """

    name: str
    version: str
    id: str
    owner_id: str
    takes: str
    gives: str
    body: PipelineVersionBody | None = None
    inner: Mapping[str, Referred] | None = None


def lower_deployment(version_id: str) -> Network:
    """Return the network of a request to a deployment: its one node stands for the request itself."""
    node = Node(Do(Job("serve", literal({"pool": version_id}), ("data",)), is_whole=True))
    through = (Source(START, Carries.WHOLE),), (Source("deployment", Carries.WHOLE),)
    net = Net({"deployment": node}, (Link("deployment", through[0]), Link(END, through[1])))
    return Network({"main": net})


def lower_pipeline(
    body: PipelineVersionBody, version_id: str, takes: str, gives: str, referred: Mapping[str, Referred]
) -> Network:
    """Return the network of a request to a pipeline version. takes, gives: the pipeline's types.

    referred: what its objects refer to, by their names.
    """
    nets: dict[str, Net] = {}
    _lower_net("main", body, version_id, takes, gives, referred, nets)
    return Network(nets)


def _lower_net(
    name: str,
    body: PipelineVersionBody,
    version_id: str,
    takes: str,
    gives: str,
    referred: Mapping[str, Referred],
    nets: dict[str, Net],
) -> None:
    nodes: dict[str, Node] = {}
    ends = {topology.START: (takes, takes), topology.END: (gives, gives)}
    for each in body.objects:
        nodes[each.name] = _node(each, version_id, referred)
        ends[each.name] = _types(each, referred)
    kinds = {each.name: each.reference for each in body.objects if each.reference_type == "operator"}
    nets[name] = Net(nodes, tuple(_link(each, ends, kinds) for each in body.attachments))
    for other in referred.values():
        if other.body is not None and other.id not in nets:
            assert other.inner is not None, "a pipeline's objects have been looked up with it"
            _lower_net(other.id, other.body, other.id, other.takes, other.gives, other.inner, nets)


def _node(each: ObjectBody, version_id: str, referred: Mapping[str, Referred]) -> Node:
    labels: dict[str, Value] = {
        "kind": each.reference_type,
        "object": each.name,
        "object_id": each.id,
        "reference": each.reference,
        "within": version_id,
    }
    if each.reference_type == "operator":
        return Node(_operator(each), failure=OPERATOR_FAILED, labels=labels)
    found = referred[each.name]
    labels |= {"reference": found.name, "version": found.version, "place": found.id, "owner": found.owner_id}
    tolerates = each.configuration.get("on_error") == "continue"
    if each.reference_type == "pipeline":
        return Node(Inner(found.id), tolerates, PIPELINE_FAILED, labels)
    context: dict[str, Value] = {"pipeline_object_id": each.id, "pipeline_version_id": version_id}
    work = Do(Job("serve", literal({"pool": found.id}), ("data",)), context)
    return Node(work, tolerates, DEPLOYMENT_FAILED, labels)


def _operator(each: ObjectBody) -> NodeWork:
    told = each.configuration
    match each.reference:
        case "function":
            field = told["output_fields"][0]
            return _call(FUNCTION, expression=told["expression"], name=field["name"], type=field["data_type"])
        case "if-condition":
            return _call(CONDITION, expression=told["expression"])
        case "pipeline-variable":
            return Constant({value["name"]: value["value"] for value in told["output_values"]})
        case "raise-error":
            return Fail(str(told["error_message"]))
        case "one-to-many":
            return Split(told.get("batch_size") or 1)
        case "many-to-one":
            return Gather()
        case _:
            return Count(str(told["output_fields"][0]["name"]))


def _call(function: str, **told: Any) -> Do:
    return Do(Job("call", literal({"function": function, **told}), ("data",)))


def _types(each: ObjectBody, referred: Mapping[str, Referred]) -> tuple[str, str]:
    """Return what an object takes and gives."""
    if each.reference_type != "operator":
        found = referred[each.name]
        return found.takes, found.gives
    ends = topology.operator_ends(each.reference, each.configuration)
    return ends.input_type, ends.output_type


def _link(each: AttachmentBody, ends: Mapping[str, tuple[str, str]], kinds: Mapping[str, str]) -> Link:
    to = each.destination_name
    takes = ends[to][0]
    sources = tuple(_source(source, ends[source.source_name][1], takes, kinds.get(to)) for source in each.sources)
    return Link(END if to == topology.END else to, sources)


def _source(source: SourceBody, gives: str, takes: str, operator: str | None) -> Source:
    """Say what a source brings: an empty mapping between structured ends brings only that it fired."""
    name = START if source.source_name == topology.START else source.source_name
    if source.mapping:
        return Source(
            name, Carries.FIELDS, tuple((m.source_field_name, m.destination_field_name) for m in source.mapping)
        )
    if operator in ("one-to-many", "many-to-one", "count-many") or (gives == PLAIN and takes == PLAIN):
        return Source(name, Carries.WHOLE)
    return Source(name, Carries.NOTHING)
