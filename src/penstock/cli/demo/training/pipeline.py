# mypy: ignore-errors
"""The pipeline, as a user of the client kfp 2 would write and submit it. Run by an interpreter that has that client.

    python pipeline.py URL FLIGHTS_CSV_ZIP LIMIT

Two lines of JSON on standard output: the run's id when it is submitted, its state when it has ended. Nothing of
Penstock is imported here: what this file does works with any server of Kubeflow Pipelines.
"""

import json
import sys
from typing import NamedTuple

import kfp
from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Model, Output

IMAGE = "python:3.11"
PACKAGES = ["scikit-learn>=1.4,<2"]
TIMEOUT_S = 1800


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def load(file: str, limit: int, flights: Output[Dataset]) -> int:
    """Take what is known before departure of every flight that arrived, and whether it came 15 minutes late or more."""
    import csv
    import datetime
    import io
    import itertools
    import zipfile

    import numpy as np

    names = ("carrier", "origin", "dest")
    rows, labels, texts = [], [], {name: [] for name in names}
    with zipfile.ZipFile(file) as archive, archive.open("flights.csv") as binary:
        reader = csv.DictReader(io.TextIOWrapper(binary, "utf-8"))
        for number, flight in enumerate(itertools.islice(reader, limit or None)):
            if flight["arr_delay"] == "NA":
                continue
            day = datetime.date(int(flight["year"]), int(flight["month"]), int(flight["day"]))
            minute = 60 * int(flight["hour"]) + int(flight["minute"])
            rows.append((number, day.timetuple().tm_yday, day.weekday(), minute, int(flight["distance"])))
            labels.append(int(flight["arr_delay"]) >= 15)
            for name in names:
                texts[name].append(flight[name])
    codes = [np.unique(texts[name], return_inverse=True)[1] for name in names]
    table = np.column_stack([np.array(rows, dtype=np.float64), *codes])
    with open(flights.path, "wb") as target:
        np.savez_compressed(target, table=table, late=np.array(labels))
    flights.metadata["columns"] = ["row", "day", "weekday", "minute", "distance", *names]
    flights.metadata["late_share"] = float(np.mean(labels))
    print(f"{len(labels):,} flights, {np.mean(labels):.1%} of them late")
    return len(labels)


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def split(flights: Input[Dataset], test_share: float, train: Output[Dataset], test: Output[Dataset]) -> None:
    """Keep a part for the test, chosen at random but always the same one."""
    import numpy as np

    loaded = np.load(flights.path)
    chosen = np.random.default_rng(2013).random(len(loaded["late"])) < test_share
    for part, rows in ((train, ~chosen), (test, chosen)):
        with open(part.path, "wb") as target:
            np.savez_compressed(target, table=loaded["table"][rows], late=loaded["late"][rows])
        part.metadata["rows"] = int(rows.sum())
    print(f"{int((~chosen).sum()):,} to train, {int(chosen.sum()):,} to test")


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def train_regression(train: Input[Dataset], model: Output[Model]) -> None:
    """Fit a logistic regression: a weight for each airline, airport, weekday and hour."""
    import joblib
    import numpy as np
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, StandardScaler

    loaded = np.load(train.path)
    features = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), [2, 5, 6, 7]),
        (KBinsDiscretizer(24, strategy="uniform", subsample=None), [1, 3]),
        (make_pipeline(FunctionTransformer(np.log), StandardScaler()), [4]),
    )
    fitted = make_pipeline(features, LogisticRegression(max_iter=300, tol=1e-3)).fit(loaded["table"], loaded["late"])
    joblib.dump(fitted, model.path)
    model.metadata["kind"] = "logistic regression"


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def train_trees(train: Input[Dataset], model: Output[Model]) -> None:
    """Fit boosted trees, which find by themselves what depends on what."""
    import joblib
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier

    loaded = np.load(train.path)
    # The number of the row, column 0, must not teach anything: all rows get the same one.
    table = loaded["table"] * (np.arange(loaded["table"].shape[1]) > 0)
    trees = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.25, random_state=2013)
    joblib.dump(trees.fit(table, loaded["late"]), model.path)
    model.metadata["kind"] = "boosted trees"


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def evaluate(
    test: Input[Dataset], model: Input[Model], metrics: Output[Metrics], predictions: Output[Dataset]
) -> float:
    """Ask a model about flights that it has not seen; return the area under its ROC curve."""
    import joblib
    import numpy as np
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

    loaded = np.load(test.path)
    table = loaded["table"].copy()
    rows, table[:, 0] = loaded["table"][:, 0].astype(int), 0
    chance = joblib.load(model.path).predict_proba(table)[:, 1]
    area = float(roc_auc_score(loaded["late"], chance))
    metrics.log_metric("auc", area)
    metrics.log_metric("log_loss", float(log_loss(loaded["late"], chance)))
    metrics.log_metric("accuracy", float(accuracy_score(loaded["late"], chance > 0.5)))
    with open(predictions.path, "w") as target:
        target.writelines(f"{row},{value!r}\n" for row, value in zip(rows.tolist(), chance.tolist(), strict=True))
    print(f"{model.metadata['kind']}: area under the curve {area:.4f}")
    return area


@dsl.component(base_image=IMAGE, packages_to_install=PACKAGES)
def pick(
    first: Input[Model], second: Input[Model], first_area: float, second_area: float, best: Output[Model]
) -> NamedTuple("Outputs", [("kind", str), ("area", float)]):
    """Take the model that tells late flights from others better."""
    import shutil

    chosen, area = (first, first_area) if first_area >= second_area else (second, second_area)
    shutil.copyfile(chosen.path, best.path)
    best.metadata.update(chosen.metadata)
    best.metadata["auc"] = area
    return (chosen.metadata["kind"], area)


class Outputs(NamedTuple):
    kind: str
    area: float


@dsl.pipeline(name="late-flights", description="Which flights out of New York come late?")
def late_flights(file: str, limit: int = 0, test_share: float = 0.2) -> Outputs:
    loaded = load(file=file, limit=limit)
    parts = split(flights=loaded.outputs["flights"], test_share=test_share)
    train, test = parts.outputs["train"], parts.outputs["test"]
    regression = train_regression(train=train).outputs["model"]
    # Threads that wait actively take the processors from the other model, which is trained at the same time.
    trees = train_trees(train=train).set_env_variable("OMP_WAIT_POLICY", "passive").outputs["model"]
    of_regression = evaluate(test=test, model=regression).set_display_name("evaluate regression")
    of_trees = evaluate(test=test, model=trees).set_display_name("evaluate trees")
    picked = pick(
        first=regression,
        second=trees,
        first_area=of_regression.outputs["Output"],
        second_area=of_trees.outputs["Output"],
    )
    return Outputs(kind=picked.outputs["kind"], area=picked.outputs["area"])


def main(url: str, file: str, limit: str) -> None:
    """Submit the pipeline, and wait for it."""
    client = kfp.Client(host=url)
    arguments = {"file": file, "limit": int(limit)}
    submitted = client.create_run_from_pipeline_func(
        late_flights, arguments=arguments, run_name="late flights", experiment_name="demo"
    )
    print(json.dumps({"run_id": submitted.run_id, "client": kfp.__version__}), flush=True)
    ended = client.wait_for_run_completion(submitted.run_id, timeout=TIMEOUT_S, sleep_duration=1)
    tasks = {task.display_name: {"id": task.task_id, "state": task.state} for task in ended.run_details.task_details}
    print(json.dumps({"state": ended.state, "tasks": tasks}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
