"""The two deployment packages of the demo: what a user would write, with the weights beside the code."""

import json
import zipfile
from pathlib import Path
from typing import Final

from penstock.cli.demo.serving.model import FEATURES, Model

__all__ = ["write_packages"]

_FEATURES: Final = '''\
"""From a flight as a person names it to the names of the model's weights."""


class Deployment:
    def request(self, data):
        return {"names": [f"{feature}={data[feature]}" for feature in FEATURES]}


FEATURES = {features!r}
'''

_CHANCE: Final = '''\
"""How likely a flight is late: the weights of what is known of it, added up."""

import json
import math
import os


class Deployment:
    def __init__(self, base_directory, context):
        with open(os.path.join(base_directory, "model.json")) as file:
            model = json.load(file)
        self.bias, self.weights = model["bias"], model["weights"]

    def request(self, data):
        score = self.bias + sum(self.weights.get(name, 0.0) for name in data["names"])
        return {"chance": 1 / (1 + math.exp(-score))}
'''


def write_packages(model: Model, directory: Path) -> tuple[Path, Path]:
    """Write both as zip files; returns their paths."""
    features, chance = directory / "features.zip", directory / "chance.zip"
    with zipfile.ZipFile(features, "w") as archive:
        archive.writestr("features/deployment.py", _FEATURES.replace("{features!r}", repr(FEATURES)))
    with zipfile.ZipFile(chance, "w") as archive:
        archive.writestr("chance/deployment.py", _CHANCE)
        archive.writestr("chance/model.json", json.dumps({"bias": model.bias, "weights": dict(model.weights)}))
    return features, chance
