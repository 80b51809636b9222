"""Whether what the pipeline reports is so: recomputed from the flights themselves and what the models predicted."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from penstock.cli.demo.dataset import Dataset

__all__ = ["Facts", "area_under_curve", "facts_of", "problems"]

LATE_MINUTES: Final = 15
_TOLERANCE: Final = 1e-9
_BETTER_THAN_GUESSING: Final = 0.55


@dataclass(frozen=True, slots=True)
class Facts:
    """What the flights say. known: how many arrived. late: for each row of the file, or -1 where nobody knows."""

    known: int
    late: Any


def facts_of(data: Dataset, limit: int | None) -> Facts:
    """Read the arrivals of the first flights."""
    options = csv.ConvertOptions(
        include_columns=["arr_delay"], null_values=["NA"], column_types={"arr_delay": pa.int32()}
    )
    delays = csv.read_csv(io.BytesIO(data.flights_file()), convert_options=options)["arr_delay"].slice(0, limit)
    late = pc.fill_null(pc.greater_equal(delays, LATE_MINUTES).cast(pa.int8()), -1).to_numpy()
    return Facts(int((late >= 0).sum()), late)


def problems(url: str, detail: Mapping[str, Any], outcome: Mapping[str, Any], facts: Facts) -> Iterator[str]:
    """Yield what is wrong, in words. detail: the run as our own API shows it; outcome: as the client saw it."""
    if outcome["state"] != "SUCCEEDED":
        yield f"the client saw the run end as {outcome['state']}"
    yield from (
        f"the client saw task {name} end as {task['state']}"
        for name, task in outcome["tasks"].items()
        if task["state"] != "SUCCEEDED"
    )
    steps = {step["path"]: step for step in detail["steps"]}
    parts = {name: steps["split"]["artifacts"][name]["metadata"]["rows"] for name in ("train", "test")}
    if sum(parts.values()) != facts.known:
        yield f"{parts['train']} flights to train and {parts['test']} to test are not the {facts.known} that arrived"
    areas = {}
    for path in ("evaluate", "evaluate-2"):
        rows, chances = _predictions(url, detail["run"]["id"], outcome["tasks"][path]["id"])
        reported = steps[path]["artifacts"]["metrics"]["metadata"]["auc"]
        areas[path] = area_under_curve(facts.late[rows], chances)
        if len(set(rows.tolist())) != parts["test"]:
            yield f"{path} predicted {len(rows)} flights, the test has {parts['test']}"
        if not abs(areas[path] - reported) <= _TOLERANCE:
            yield f"{path} reported an area of {reported}; its predictions have {areas[path]}"
        if areas[path] < _BETTER_THAN_GUESSING:
            yield f"{path} has an area of {areas[path]:.3f}: no better than guessing"
    if abs(detail["outputs"]["area"] - max(areas.values())) > _TOLERANCE:
        yield f"the picked model has an area of {detail['outputs']['area']}, the better one {max(areas.values())}"
    if not _overlap(steps["train-regression"], steps["train-trees"]):
        yield "the two models were trained one after the other"


def area_under_curve(late: Any, chances: Any) -> float:
    """Return the chance that a late flight was given a higher value than one that was not; ties count half.

    Shapes: late is (n,) of 0 and 1, chances is (n,) float64. Source: Mann and Whitney's U.
    """
    _, inverse, counts = np.unique(chances, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positive = int(late.sum())
    above = ranks[late == 1].sum() - positive * (positive + 1) / 2
    return float(above / (positive * (len(late) - positive)))


def _predictions(url: str, run_id: str, node_id: str) -> tuple[Any, Any]:
    """Read the predictions as a client reads an artifact: a gzipped tar in base64."""
    path = f"/apis/v1beta1/runs/{quote(run_id)}/nodes/{quote(node_id)}/artifacts/predictions:read"
    with urllib.request.urlopen(url + path) as reply:
        packed = base64.b64decode(json.load(reply)["data"])
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        (member,) = [each for each in archive.getmembers() if each.isfile()]
        content = archive.extractfile(member)
        assert content is not None
        lines = np.loadtxt(content, delimiter=",", ndmin=2)
    return lines[:, 0].astype(np.int64), lines[:, 1]


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    # Instants in one spelling sort as texts.
    return bool(max(one["started_at"], other["started_at"]) < min(one["finished_at"], other["finished_at"]))
