# mypy: ignore-errors
"""What the released client does, in its own environment: deploy, build a pipeline, ask it one by one and in batches.

    python script.py URL FILE

FILE is JSON: the packages' paths and the flights to ask about. Prints one line of JSON for each thing that is done.
Uses nothing of Penstock.
"""

import importlib.metadata
import json
import sys
import time

import ubiops
from ubiops.utils import wait_for_deployment_version

PROJECT = "default"
PIPELINE = "late-flights"
KNOWN = [
    {"name": name, "data_type": kind}
    for name, kind in (
        ("carrier", "string"),
        ("origin", "string"),
        ("dest", "string"),
        ("month", "int"),
        ("hour", "int"),
    )
]
NAMES = [{"name": "names", "data_type": "array_string"}]
CHANCE = [{"name": "chance", "data_type": "double"}]
ADVICE = [{"name": "advice", "data_type": "string"}]
LIMIT = 0.3


def say(what, **more):
    print(json.dumps({"what": what, **more}), flush=True)


def deploy(api, name, package, takes, gives):
    sides = {"input_type": "structured", "output_type": "structured", "input_fields": takes, "output_fields": gives}
    api.deployments_create(PROJECT, ubiops.DeploymentCreate(name=name, **sides))
    version = ubiops.DeploymentVersionCreate(version="v1", environment="python3-11", minimum_instances=1)
    api.deployment_versions_create(PROJECT, name, version)
    made = api.revisions_file_upload(PROJECT, name, "v1", file=package, _progress_bar=False)
    wait_for_deployment_version(api.api_client, PROJECT, name, "v1", revision_id=made.revision, quiet=True)


def edge(source, *pairs):
    mapping = [{"source_field_name": a, "destination_field_name": b} for a, b in pairs]
    return {"source_name": source, "mapping": mapping}


def same(*names):
    return [(name, name) for name in names]


def condition(name, expression):
    told = {"expression": expression, "input_fields": CHANCE, "output_fields": []}
    return {"name": name, "reference_type": "operator", "reference_name": "if-condition", "configuration": told}


def words(name, text):
    told = {"input_fields": [], "output_fields": ADVICE, "output_values": [{"name": "advice", "value": text}]}
    return {"name": name, "reference_type": "operator", "reference_name": "pipeline-variable", "configuration": told}


def build(api):
    sides = {
        "input_type": "structured",
        "output_type": "structured",
        "input_fields": KNOWN,
        "output_fields": CHANCE + ADVICE,
    }
    api.pipelines_create(PROJECT, ubiops.PipelineCreate(name=PIPELINE, **sides))
    objects = [
        {"name": "features", "reference_name": "features"},
        {"name": "chance", "reference_name": "chance"},
        condition("if-likely", f"chance >= {LIMIT}"),
        condition("if-unlikely", f"chance < {LIMIT}"),
        words("late", "take an earlier flight"),
        words("on-time", "fine"),
    ]
    attachments = [
        {"destination_name": "features", "sources": [edge("pipeline_start", *same(*(f["name"] for f in KNOWN)))]},
        {"destination_name": "chance", "sources": [edge("features", *same("names"))]},
        {"destination_name": "if-likely", "sources": [edge("chance", *same("chance"))]},
        {"destination_name": "if-unlikely", "sources": [edge("chance", *same("chance"))]},
        {
            "destination_name": "pipeline_end",
            "sources": [edge("if-likely"), edge("chance", *same("chance")), edge("late", *same("advice"))],
        },
        {
            "destination_name": "pipeline_end",
            "sources": [edge("if-unlikely"), edge("chance", *same("chance")), edge("on-time", *same("advice"))],
        },
    ]
    version = ubiops.PipelineVersionCreate(version="v1", objects=objects, attachments=attachments)
    api.pipeline_versions_create(PROJECT, PIPELINE, version)


def ask_one_by_one(api, flights):
    for flight in flights:
        began = time.perf_counter()
        made = api.pipeline_requests_create(PROJECT, PIPELINE, flight)
        took = time.perf_counter() - began
        say("answer", seconds=took, id=made.id, status=made.status, result=made.result)


def ask_in_batches(api, flights):
    began = time.perf_counter()
    ids = []
    for start in range(0, len(flights), 250):
        made = api.batch_pipeline_requests_create(PROJECT, PIPELINE, flights[start : start + 250])
        ids += [item.id for item in made]
    say("accepted", seconds=time.perf_counter() - began, ids=ids)
    while any(
        api.pipeline_requests_list(PROJECT, PIPELINE, status=status, limit=1) for status in ("pending", "processing")
    ):
        time.sleep(0.05)
    took = time.perf_counter() - began
    results = []
    for start in range(0, len(ids), 250):
        found = {item.id: item for item in api.pipeline_requests_batch_get(PROJECT, PIPELINE, ids[start : start + 250])}
        results += [
            {"id": id, "status": found[id].status, "result": found[id].result} for id in ids[start : start + 250]
        ]
    say("batch", seconds=took, results=results)


def main():
    url, path = sys.argv[1:]
    with open(path) as file:
        told = json.load(file)
    configuration = ubiops.Configuration(host=f"{url}/v2.1")
    configuration.api_key["Authorization"] = "Token demo"
    api = ubiops.CoreApi(ubiops.ApiClient(configuration))
    began = time.perf_counter()
    deploy(api, "features", told["features"], KNOWN, NAMES)
    deploy(api, "chance", told["chance"], NAMES, CHANCE)
    build(api)
    say("ready", client=importlib.metadata.version("ubiops"), seconds=time.perf_counter() - began)
    ask_one_by_one(api, told["direct"])
    ask_in_batches(api, told["batch"])


if __name__ == "__main__":
    main()
