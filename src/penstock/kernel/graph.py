"""A finite graph of steps: what a dialect lowers its document to, and what a run executes. Values that encode to JSON.

A `Graph` holds named `Body`s, each one level of steps. A step whose work is `Nested` runs another body, or the same one
again, with its own inputs, so groups, loops and recursion are all the same thing. Expressions see their own level only:
a step's `inputs`, `artifacts`, `guard` and `fan_out` see the body's inputs and the outputs of steps it comes after; its
work sees the step's own inputs.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from penstock.kernel.expr import Expr
from penstock.kernel.policies import Cache, Placement, Retry, Timeout
from penstock.kernel.values import Value

__all__ = [
    "ANY_OUTCOME",
    "PASSED",
    "SUCCEEDED",
    "After",
    "Body",
    "Command",
    "Compute",
    "FanOut",
    "Graph",
    "InputFile",
    "Job",
    "Join",
    "Nested",
    "Outcome",
    "OutputFile",
    "Parameter",
    "Step",
    "Wait",
    "WhenEmpty",
    "Work",
    "decode_graph",
    "encode_graph",
]


class Outcome(StrEnum):
    """How a step ended, as far as the steps after it care."""

    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    """Its guard was false, or its loop list empty."""
    OMITTED = "omitted"
    """It was never its turn: what it comes after did not end as it asked."""
    FAILED = "failed"
    """It failed, erred, or was cancelled."""


SUCCEEDED = (Outcome.SUCCEEDED,)
PASSED = (Outcome.SUCCEEDED, Outcome.SKIPPED)
ANY_OUTCOME = tuple(Outcome)


class After(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step of the same body that must have ended first, in one of `outcomes`; if in another, this step is omitted."""

    step: str
    outcomes: tuple[Outcome, ...] = PASSED


class Join(StrEnum):
    """ALL: every `after` must hold. ANY: the first that holds is enough; omitted only when none can hold any more."""

    ALL = "all"
    ANY = "any"


class InputFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file or directory that is there before a command starts.

    name: the input artifact, or, with `content`, just a name. path: where the command looks for it; None lets the
    executor choose (`Place("inputs", name)`). content: text to write instead of an artifact.
    is_optional: nothing happens if the artifact is absent.
    A list of artifacts becomes a directory with one member `0`, `1`, … for each.
    """

    name: str
    path: str | None = None
    content: Expr | None = None
    is_optional: bool = False


class OutputFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file or directory that a command leaves behind, read after it ended with exit code 0.

    Attributes:
        name: of the parameter or artifact; the two kinds are named apart.
        path: where the command writes it; None lets the executor choose (`Place("outputs", name)`).
        is_artifact: keep the content as an artifact (file or directory) rather than as a text.
        default: the parameter's value if the file is missing.
        is_optional: a missing file is no failure; the output is absent.
        trims_newline: take one newline off the end of a parameter.
        type, metadata, uri: what the artifact is to be called, beside its content.
        found_at: where else the command may say that it left it; seen over the parameters before it (`Raw`). A path
            inside of the step's directory; anything else, and null, count for nothing.
    """

    name: str
    path: str | None = None
    is_artifact: bool = False
    default: Expr | None = None
    is_optional: bool = False
    trims_newline: bool = False
    type: str | None = None
    metadata: dict[str, Value] = msgspec.field(default_factory=dict)
    uri: Expr | None = None
    found_at: Expr | None = None


class Command(msgspec.Struct, frozen=True, omit_defaults=True, tag="command"):
    """Run a program in a directory of its own.

    Attributes:
        argv: program and arguments; absent members are left out, `apply("spread", …)` puts in several.
        env: variables beside the executor's own minimal environment.
        image: the container image it was written for; executors without containers decide by it what to run.
        requirements: Python packages that a private environment must offer, in pip's words.
        requirements_options: further arguments to pip, such as an index.
        requirements_alone: packages that are installed without what they themselves require.
        files: what is there before it starts. outputs: what is collected after it.
        directories: absolute paths that must exist for it (mounts); the text names what is shared between steps of one
            run under the same name, or None for a directory of the step alone.
        working_directory: where it starts; None for the step's directory.
        stdin: text given on its standard input.
        success_codes: exit codes that mean success.
    """

    argv: tuple[Expr, ...]
    env: dict[str, Expr] = msgspec.field(default_factory=dict)
    image: str | None = None
    requirements: tuple[str, ...] = ()
    requirements_options: tuple[str, ...] = ()
    requirements_alone: tuple[str, ...] = ()
    files: tuple[InputFile, ...] = ()
    outputs: tuple[OutputFile, ...] = ()
    directories: dict[str, str | None] = msgspec.field(default_factory=dict)
    working_directory: str | None = None
    stdin: Expr | None = None
    success_codes: tuple[int, ...] = (0,)


class Job(msgspec.Struct, frozen=True, omit_defaults=True, tag="job"):
    """Work for the executor of a kind: `call` (a function registered here), `serve` (a request to a warm worker),
    `circuit` (a bounded circuit), or any other that is registered.

    spec: what to do, in that executor's words; evaluated with the step's inputs when it is launched.
    outputs: names of the parameters it leaves; () if only the executor knows.
    """

    kind: str
    spec: Expr
    outputs: tuple[str, ...] = ()


class Nested(msgspec.Struct, frozen=True, tag="nested"):
    """Run a body of this graph with the step's inputs and artifacts as its parameters and artifacts."""

    body: str


class Compute(msgspec.Struct, frozen=True, omit_defaults=True, tag="compute"):
    """Evaluate expressions over the step's inputs; nothing is started. Fails where an expression does."""

    outputs: dict[str, Expr] = msgspec.field(default_factory=dict)
    artifacts: dict[str, Expr] = msgspec.field(default_factory=dict)


class Wait(msgspec.Struct, frozen=True, omit_defaults=True, tag="wait"):
    """Wait: for that many seconds, or, without `duration_s`, until somebody answers (`WaitAnswered`)."""

    duration_s: Expr | None = None


Work = Command | Job | Nested | Compute | Wait
"""What a step does."""


class WhenEmpty(StrEnum):
    """How a fan-out over nothing ends."""

    SKIPPED = "skipped"
    SUCCEEDED = "succeeded"


class FanOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """Run the step once for each element of a list.

    Attributes:
        items: comes to a list, or to a text that is one in JSON. Seen inside as `Item` and `ItemIndex`.
        parallelism: most iterations in flight; None for no limit.
        when_empty: how the step ends if there is no element.
        fail_fast: after a failed iteration none is begun; those in flight end.
        tolerates_failures: failed iterations do not fail the step; they are missing from its outputs.
    """

    items: Expr
    parallelism: int | None = None
    when_empty: WhenEmpty = WhenEmpty.SKIPPED
    fail_fast: bool = True
    tolerates_failures: bool = False


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a body.

    Attributes:
        name: unique in its body; no `/`, `[`, `]` and not empty.
        work: what it does.
        after: which steps must have ended, and how. join: whether all of them.
        guard: false skips the step. It sees `Item` in a step that fans out, and is then decided for each iteration.
        fan_out: run it once for each element of a list.
        inputs: parameters for the work; absent ones are left out. artifacts: artifacts for it, in JSON form.
        yields: outputs made from what the work left (`Raw`, `RawArtifact`), beside it or in its place.
        yields_artifacts: the same for artifacts.
        tolerates_failure: its failure does not fail the body.
        ignores_fail_fast: it may begin even after another step of a `fail_fast` body failed.
        labels: facts for whoever shows the run; the engine does not look at them.
    """

    name: str
    work: Work
    after: tuple[After, ...] = ()
    join: Join = Join.ALL
    guard: Expr | None = None
    fan_out: FanOut | None = None
    inputs: dict[str, Expr] = msgspec.field(default_factory=dict)
    artifacts: dict[str, Expr] = msgspec.field(default_factory=dict)
    yields: dict[str, Expr] = msgspec.field(default_factory=dict)
    yields_artifacts: dict[str, Expr] = msgspec.field(default_factory=dict)
    retry: Retry | None = None
    timeout: Timeout | None = None
    cache: Cache | None = None
    placement: Placement | None = None
    tolerates_failure: bool = False
    ignores_fail_fast: bool = False
    labels: dict[str, Value] = msgspec.field(default_factory=dict)


class Parameter(msgspec.Struct, frozen=True, omit_defaults=True):
    """An input of a body. default: used if it is not given; it sees the inputs declared before it.

    Without a default, one that is not given is an error unless it `is_optional`; it is then absent.
    """

    default: Expr | None = None
    is_optional: bool = False


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """One level of a graph.

    Attributes:
        steps: in the order in which they are begun when several can be.
        parameters: declared inputs; inputs that are not declared are given on as they are.
        outputs, artifacts: made of the steps' outputs when all have ended, and only if the body succeeded. A member
            that is absent is left out.
        parallelism: most attempts of steps of this level (not of levels below it) in flight at once.
        fail_fast: after a step failed no further one begins; those in flight end.
    """

    steps: tuple[Step, ...]
    parameters: dict[str, Parameter] = msgspec.field(default_factory=dict)
    outputs: dict[str, Expr] = msgspec.field(default_factory=dict)
    artifacts: dict[str, Expr] = msgspec.field(default_factory=dict)
    parallelism: int | None = None
    fail_fast: bool = False


class Graph(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run executes.

    Attributes:
        bodies: all levels by name.
        entry: the body that is the run; its parameters are the run's.
        on_exit: a body that runs when the entry has ended in whatever way, cancellation included; it gets those of the
            run's parameters that it declares. Its failure fails the run.
        parallelism: most attempts of the whole run in flight at once.
        timeout_s: seconds from the run's start; then what runs is cancelled, `on_exit` runs, and the run has failed.
        max_depth: deepest nesting of bodies; recursion beyond it errs.
        max_steps: most step instances of the run, so that recursion and loops end.
        lost_limit: how often an attempt that was lost is replaced by another one, beside what `Retry` gives.
        labels: facts for whoever shows the run.
    """

    bodies: dict[str, Body]
    entry: str = "main"
    on_exit: str | None = None
    parallelism: int | None = None
    timeout_s: float | None = None
    max_depth: int = 100
    max_steps: int = 100_000
    lost_limit: int = 3
    labels: dict[str, Value] = msgspec.field(default_factory=dict)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Graph)


def encode_graph(graph: Graph) -> bytes:
    """Return the stored form."""
    return _encoder.encode(graph)


def decode_graph(encoded: bytes) -> Graph:
    """Read the stored form back. Raises: msgspec.DecodeError if it is none."""
    return _decoder.decode(encoded)
