"""A compiled program as JSON values."""

from __future__ import annotations

import json
from typing import Any

from penstock.sql.compile import compile_program
from penstock.sql.schema import program_schema

TEXT = """CREATE TYPE point AS (px INT, py VARCHAR(3) NOT NULL);
CREATE TABLE "Orders"(
  id BIGINT NOT NULL PRIMARY KEY,
  "Name" VARCHAR DEFAULT 'x' || 'y',
  price DECIMAL(10, 2),
  at TIMESTAMP NOT NULL LATENESS INTERVAL '1' HOUR,
  tags VARCHAR ARRAY,
  m MAP<VARCHAR, INT>,
  p point
) WITH ('materialized' = 'true', 'connectors' = '[{"transport": {"name": "file_input", "config": {"path": "/x"}}}]');
CREATE LOCAL VIEW hidden AS SELECT id FROM "Orders";
CREATE MATERIALIZED VIEW v WITH ('connectors' = '[{"name": "out", "transport": {"name": "null_output"}}]')
AS SELECT id, ("Orders".at - "Orders".at) DAY AS span FROM "Orders";
"""


def schema() -> dict[str, Any]:
    made = program_schema(compile_program(TEXT))
    return dict(json.loads(json.dumps(made)))


def test_a_table_has_its_columns_key_and_properties() -> None:
    (table,) = schema()["inputs"]

    assert tuple(table[k] for k in ("name", "case_sensitive", "materialized", "primary_key")) == (
        "Orders",
        True,
        True,
        ["id"],
    )
    name = table["fields"][1]
    assert name["columntype"] == {"type": "VARCHAR", "nullable": True, "precision": -1}
    assert tuple(name[k] for k in ("name", "case_sensitive", "default", "lateness")) == (
        "Name",
        True,
        "'x' || 'y'",
        None,
    )
    assert table["fields"][3]["lateness"] == "INTERVAL '1' HOUR"
    assert table["properties"]["materialized"]["value"] == "true"
    assert table["properties"]["materialized"]["key_position"]["start_line_number"] == 10


def test_types_show_their_parts() -> None:
    kinds = [f["columntype"] for f in schema()["inputs"][0]["fields"]]

    assert kinds[2] == {"type": "DECIMAL", "nullable": True, "precision": 10, "scale": 2}
    assert (kinds[4]["type"], kinds[4]["component"]["type"]) == ("ARRAY", "VARCHAR")
    assert (kinds[5]["type"], kinds[5]["key"]["type"], kinds[5]["value"]["type"]) == ("MAP", "VARCHAR", "INTEGER")
    assert [f["name"] for f in kinds[6]["fields"]] == ["px", "py"]
    assert kinds[6]["fields"][1]["columntype"] == {"type": "VARCHAR", "nullable": False, "precision": 3}


def test_outputs_are_the_error_view_and_the_views_that_are_not_local() -> None:
    made = schema()

    assert [v["name"] for v in made["outputs"]] == ["error_view", "v"]
    assert [f["columntype"]["type"] for f in made["outputs"][0]["fields"]] == ["VARCHAR", "VARCHAR", "VARIANT"]
    assert made["outputs"][1]["fields"][1]["columntype"]["type"] == "INTERVAL_DAY"
    assert list(made["plan"]) == ["hidden", "v"]


def test_connectors_are_listed_by_relation_and_name() -> None:
    made = schema()

    assert list(made["input_connectors"]) == ["Orders.unnamed-0"]
    assert made["input_connectors"]["Orders.unnamed-0"]["stream"] == "Orders"
    assert made["output_connectors"] == {"v.out": {"stream": "v", "name": "out", "transport": {"name": "null_output"}}}
