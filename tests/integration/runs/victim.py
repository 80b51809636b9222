"""A server to be killed: goes on with the runs of a directory, submits the pipeline if it is not there, and waits.

python -m tests.integration.runs.victim DIRECTORY LEDGER
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from penstock.kernel.expr import Fact, Input, Item, ItemIndex, Literal, Output, apply, concat
from penstock.kernel.graph import After, Body, FanOut, Graph, Nested, Parameter, Step
from penstock.kernel.policies import Retry
from penstock.kernel.scope import DEFAULT_SCOPE
from penstock.services.runs.submission import Submission
from tests.integration.runs.driving import opened, shell


def pipeline(ledger: Path) -> Graph:
    """Thirty commands: a chain, a loop in a loop over outputs, a step that fails first, a join, and an exit level."""

    def work(result: str, **env: object) -> object:
        script = f'echo "$STEP" >> {ledger}; sleep 0.03; echo {result} > $OUT_v'
        return shell(script, "v", env={"STEP": concat(Fact("step.path")), **env})  # type: ignore[dict-item]

    chain = [
        Step(f"c{index}", work(str(index)), (After(f"c{index - 1}"),) if index else ())  # type: ignore[arg-type]
        for index in range(11)
    ]
    listing = Step("list", work("'[1, 2, 3]'"), (After("c10"),))  # type: ignore[arg-type]
    outer = Step(
        "outer",
        Nested("row"),
        (After("list"),),
        fan_out=FanOut(Output("list", "v"), parallelism=2),
        inputs={"n": Item(), "i": ItemIndex()},
    )
    unsteady = Step(
        "unsteady",
        shell(f'echo "$STEP" >> {ledger}; [ "$N" -ge 2 ]; echo ok > $OUT_v', "v",
              env={"STEP": concat(Fact("step.path")), "N": concat(Fact("step.attempt"))}),
        (After("list"),),
        retry=Retry(2, delay_s=0.05),
    )  # fmt: skip
    join = Step(
        "join",
        work("$SUM", SUM=concat(Input("sums"))),  # type: ignore[arg-type]
        (After("outer"), After("unsteady")),
        inputs={"sums": apply("replace", apply("json", Output("outer", "sum")), '"', "")},
    )
    row = Body(
        (
            Step("head", work("$N", N=concat(Input("n"))), inputs={"n": Input("n")}),  # type: ignore[arg-type]
            Step(
                "cell",
                work("$(($N * $M))", N=concat(Input("n")), M=concat(Input("m"))),  # type: ignore[arg-type]
                (After("head"),),
                fan_out=FanOut(Literal([1, 2, 3, 4])),
                inputs={"n": Output("head", "v"), "m": Item()},
            ),
        ),
        parameters={"n": Parameter(), "i": Parameter()},
        outputs={"sum": apply("join", Output("cell", "v"), "+")},
    )
    exit_level = Body((Step("say", work("$S", S=concat(Fact("run.state")))),))  # type: ignore[arg-type]
    main = Body((*chain, listing, outer, unsteady, join), outputs={"joined": Output("join", "v")})
    return Graph({"main": main, "row": row, "exit": exit_level}, on_exit="exit")


async def main(directory: Path, ledger: Path) -> None:
    async with opened(directory) as (runs, _):
        print("open", flush=True)
        run = await runs.submit(Submission(DEFAULT_SCOPE, pipeline(ledger), "victim", key="k"))
        done = await runs.wait(run.id, 120)
        steps = {
            record.path: [record.state.value, record.outputs, [attempt.state.value for attempt in record.attempts]]
            for record in await runs.steps(run.id)
        }
        print(json.dumps({"state": done.state.value, "outputs": done.body.outputs, "steps": steps}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
