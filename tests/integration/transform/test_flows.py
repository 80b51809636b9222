"""Stages in flows of files: what no transform shows alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.boot.phases import PHASES
from penstock.kernel.flows import Carries, Edge, Flow, StageRole, StageSpec
from penstock.ports.transform import Surroundings
from penstock.services.phases.counting import Counting
from penstock.services.phases.planning import Planned, plan_flow
from penstock.services.phases.running import run_flow
from penstock.services.phases.spool import Spool
from tests.unit.transform.plugins import schema_text

Rows = list[dict[str, Any]]


def _drop(*_: object) -> None:
    pass


def flow_of(folder: Path, rows: Rows, schema: str, stages: Sequence[StageSpec], outs: Mapping[str, Edge]) -> Flow:
    """Return a flow from a file of rows through stages to one folder for each name in `outs`."""
    source = folder / "rows.json"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = StageSpec("in", StageRole.SOURCE, "file", {"path": str(source), "format": "json", "schema": schema})
    sinks = [
        StageSpec(name, StageRole.SINK, "file", {"path": str(folder / name), "format": "json"}, (edge,))
        for name, edge in outs.items()
    ]
    return Flow((read, *stages, *sinks))


def run(folder: Path, flow: Flow, outs: Sequence[str]) -> dict[str, Rows]:
    """Run a flow and return what it wrote."""
    planned = plan_flow(flow, PHASES)
    assert not planned.faults
    spool = Spool(folder / "spool")
    run_flow(flow, planned, PHASES, lambda stage: Surroundings(stage), Counting(_drop), spool)
    return {
        name: [json.loads(line) for part in (folder / name).glob("part*") for line in part.read_text().splitlines()]
        for name in outs
    }


def planned_of(folder: Path, schema: str, stage: StageSpec) -> Planned:
    return plan_flow(flow_of(folder, [], schema, [stage], {"out": Edge(stage.name)}), PHASES)


SCHEMA = schema_text(id="string?", n="string?", v="string?")
NAMES = {
    "keyField": "id",
    "nameField": "n",
    "valueField": "v",
    "outputFields": "first,last",
    "fieldAliases": "first:fn",
}


def denormalize(**changed: str) -> StageSpec:
    return StageSpec("wide", StageRole.RELATION, "denormalize", {**NAMES, **changed}, (Edge("in"),))


def test_names_and_values_when_denormalized_are_one_record_for_each_key(tmp_path: Path) -> None:
    texts = ["1 first Jo", "1 last X", "2 first An", "- first q", "1 first Joe", "2 zip z", "3 zip z"]
    cells = [[None if cell == "-" else cell for cell in line.split()] for line in texts]
    rows = [dict(zip(("id", "n", "v"), line, strict=True)) for line in cells]
    flow = flow_of(tmp_path, rows, SCHEMA, [denormalize()], {"out": Edge("wide")})
    found = run(tmp_path, flow, ["out"])["out"]
    assert sorted(found, key=lambda row: row["id"]) == [
        {"id": "1", "fn": "Joe", "last": "X"},
        {"id": "2", "fn": "An", "last": None},
        {"id": "3", "fn": None, "last": None},
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"keyField": "zz"}, "Key field 'zz' does not exist in input schema."),
        ({"fieldAliases": "first"}, "Either key or value is missing for 'Output fields to rename' in 'first'."),
        ({"outputFields": ""}, "There are no output fields."),
    ],
)
def test_a_denormalizing_stage_when_wrong_is_found_before_it_runs(
    tmp_path: Path, changed: dict[str, str], message: str
) -> None:
    planned = planned_of(tmp_path, SCHEMA, denormalize(**changed))
    assert message in [fault.finding.message for fault in planned.faults]


def test_records_of_a_script_when_refused_reach_the_collector(tmp_path: Path) -> None:
    script = """function transform(i, e, c) {
      if (i.a == 2) { e.emitError({errorCode: 9, errorMsg: 'two', invalidRecord: i}); } else { i.a *= 10; e.emit(i); }
    }"""
    stages = [
        StageSpec("js", StageRole.TRANSFORM, "javascript", {"script": script}, (Edge("in"),)),
        StageSpec(
            "bad",
            StageRole.ERRORS,
            "collect",
            {"messageField": "m", "codeField": "c"},
            (Edge("js", carries=Carries.ERRORS),),
        ),
    ]
    flow = flow_of(
        tmp_path, [{"a": 1}, {"a": 2}], schema_text(a="int"), stages, {"out": Edge("js"), "errors": Edge("bad")}
    )
    assert run(tmp_path, flow, ["out", "errors"]) == {"out": [{"a": 10}], "errors": [{"a": 2, "m": "two", "c": 9}]}
