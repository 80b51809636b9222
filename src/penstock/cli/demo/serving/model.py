"""A model of which flights come late: logistic regression over what is known when a ticket is bought.

Trained on four fifths of the flights by Newton's method. What a deployment needs of it is a table of weights.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from penstock.cli.demo.dataset import Dataset

__all__ = ["FEATURES", "LATE_MINUTES", "Flights", "Model", "chances", "flights_of", "sample", "trained"]

LATE_MINUTES: Final = 15
FEATURES: Final = ("carrier", "origin", "dest", "month", "hour")
"""What is known of a flight, in the order in which its weights are added up."""
_HELD_OUT: Final = 5
"""One flight in so many is not trained on."""
_STEPS: Final = 6
_PENALTY: Final = 1.0
_RARE: Final = 200
"""A value of which there are fewer flights has no weight of its own."""


@dataclass(frozen=True, slots=True)
class Flights:
    """Flights that arrived.

    Attributes:
        words: by feature, its different values as texts. codes: by feature, (n,) of places in these.
        late: (n,) of 0 and 1.
    """

    words: Mapping[str, list[str]]
    codes: Mapping[str, Any]
    late: Any

    def __len__(self) -> int:
        return len(self.late)

    def record(self, row: int) -> dict[str, Any]:
        """Return what a client sends of a flight."""
        record: dict[str, Any] = {name: self.words[name][self.codes[name][row]] for name in FEATURES}
        return record | {"month": int(record["month"]), "hour": int(record["hour"])}


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model. weights: by `feature=value`. area: under the curve of the flights it has not seen.

    unseen: rows of flights that it was not trained on.
    """

    bias: float
    weights: Mapping[str, float]
    area: float
    unseen: Any


def flights_of(data: Dataset, limit: int | None) -> Flights:
    """Read the flights that arrived."""
    types = {name: pa.string() for name in FEATURES} | {"arr_delay": pa.int32()}
    options = csv.ConvertOptions(include_columns=list(types), null_values=["NA"], column_types=types)
    table = csv.read_csv(io.BytesIO(data.flights_file()), convert_options=options).slice(0, limit)
    table = table.filter(pc.is_valid(table["arr_delay"]))
    late = pc.greater_equal(table["arr_delay"], LATE_MINUTES).to_numpy().astype(np.float64)
    encoded = {name: table[name].combine_chunks().dictionary_encode() for name in FEATURES}
    words = {name: array.dictionary.to_pylist() for name, array in encoded.items()}
    return Flights(words, {name: array.indices.to_numpy() for name, array in encoded.items()}, late)


def trained(flights: Flights) -> Model:
    """Train on most of the flights, and measure on the rest."""
    is_unseen = np.arange(len(flights)) % _HELD_OUT == 0
    names, columns, codes = _columns(flights)
    # Flights of which the same is known count together: there are few enough of these to solve for at once.
    seen = codes[~is_unseen]
    counts = np.bincount(seen, minlength=len(columns))
    late = np.bincount(seen, flights.late[~is_unseen], minlength=len(columns))
    weights = _fitted(columns, counts, late)
    unseen = np.flatnonzero(is_unseen)
    table = {name: float(weight) for name, weight in zip(names, weights[1:], strict=True)}
    area = _area(flights.late[unseen], (columns @ weights)[codes[unseen]])
    return Model(float(weights[0]), table, area, unseen)


def chances(model: Model, flights: Flights, rows: Any) -> Any:
    """Return how likely flights are late, worked out over whole columns."""
    scores = np.full(len(rows), model.bias)
    for name in FEATURES:
        table = np.array([model.weights.get(f"{name}={word}", 0.0) for word in flights.words[name]])
        scores += table[flights.codes[name][rows]]
    return 1 / (1 + np.exp(-scores))


def _columns(flights: Flights) -> tuple[list[str], Any, Any]:
    """Return the names of the weights, a row of 0 and 1 for each sort of flight, and the sort of each flight."""
    sort = np.zeros(len(flights), np.int64)
    for feature in FEATURES:
        sort = sort * len(flights.words[feature]) + flights.codes[feature]
    _, first, codes = np.unique(sort, return_index=True, return_inverse=True)
    names: list[str] = []
    columns = [np.ones(len(first))]
    for feature in FEATURES:
        counts = np.bincount(flights.codes[feature])
        # The most frequent value is what the bias stands for.
        for number in np.argsort(-counts)[1:]:
            if counts[number] >= _RARE:
                names.append(f"{feature}={flights.words[feature][number]}")
                columns.append(flights.codes[feature][first] == number)
    return names, np.stack(columns, axis=1).astype(np.float64), codes


def _fitted(columns: Any, counts: Any, late: Any) -> Any:
    """Return the weights. Shapes: columns is (s, w), counts and late are (s,): flights of a sort, and late ones."""
    weights = np.zeros(columns.shape[1])
    penalty = np.full(len(weights), _PENALTY)
    penalty[0] = 0
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-(columns @ weights)))
        gradient = columns.T @ (late - counts * chance) - penalty * weights
        curvature = (columns.T * (counts * chance * (1 - chance))) @ columns + np.diag(penalty)
        weights = weights + np.linalg.solve(curvature, gradient)
    return weights


def _area(late: Any, scores: Any) -> float:
    """Return the chance that a late flight has a higher score than another; ties count half.

    Source: Mann and Whitney's U.
    """
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positive = int(late.sum())
    above = ranks[late == 1].sum() - positive * (positive + 1) / 2
    return float(above / (positive * (len(late) - positive)))


def sample(rows: Any, count: int) -> Sequence[int]:
    """Return some rows, spread evenly."""
    return [int(row) for row in rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(np.int64)]]
