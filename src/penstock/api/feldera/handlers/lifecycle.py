"""Start, pause, resume, stop, clear, and what else moves a pipeline through its states.

A reply waits a moment for the state to be reached, so that a client that looks right after it need not sleep.
"""

from functools import partial

from penstock.api.feldera import lower, project, rules
from penstock.api.feldera.editions import check_full
from penstock.api.feldera.errors import refuse
from penstock.api.feldera.generations import is_first
from penstock.api.feldera.handlers.found import found, process
from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.kernel.circuits import Aim
from penstock.services.circuits.process import CircuitProcess
from penstock.services.circuits.service import Circuit

__all__ = [
    "activate",
    "approve",
    "clear",
    "dismiss_error",
    "hint",
    "pause",
    "resume",
    "start",
    "stop",
    "unavailable_action",
]

GRACE_S = 0.5
_CARRY_OVER = {"allow": "allow", "await_approval": "ask", "reject": "reject"}


async def start(call: Call) -> str:
    """Start a pipeline, as soon as its program is compiled."""
    circuit = found(call)
    if "initial" not in call.query and circuit.body.aim is Aim.PAUSED and rules.is_provisioned(circuit.body):
        # Clients of the oldest version resume with a bare start; the later ones always say `initial`.
        return await resume(call)
    return await _start(call, circuit, lower.start_options(call.query))


async def _start(call: Call, circuit: Circuit, options: lower.StartOptions) -> str:
    guard = partial(rules.check_start, options=options)
    await _settled(
        call,
        await call.services.circuits.start(
            circuit,
            options.initial,
            lower.kept(options),
            guard,
            carry_over=_CARRY_OVER[options.bootstrap_policy],
            stands_by=options.stands_by or bool((circuit.body.settings.get("sync") or {}).get("stands_by")),
        ),
    )
    return "Pipeline is starting"


async def pause(call: Call) -> str:
    """Pause a pipeline; for the oldest clients, start a stopped one as paused."""
    if is_first(call) and rules.is_fully_stopped(found(call).body):
        return await _start(call, found(call), lower.start_options({"initial": "paused"}))
    guard = partial(rules.check_hold, code="PauseWhileNotProvisioned", action="pause")
    await _settled(call, await call.services.circuits.direct(found(call), Aim.PAUSED, guard))
    return "Pipeline is pausing"


async def resume(call: Call) -> str:
    """Resume a pipeline."""
    guard = partial(rules.check_hold, code="ResumeWhileNotProvisioned", action="resume")
    await _settled(call, await call.services.circuits.direct(found(call), Aim.RUNNING, guard))
    return "Pipeline is resuming"


async def stop(call: Call) -> str:
    """Stop a pipeline: at once with `force`, otherwise with a checkpoint that the next start goes on from."""
    circuit = found(call)
    keep = not flag(call.query, "force", False)
    if keep:
        message = "stopping with a checkpoint is not part of this edition; stop with ?force=true, which drops the state"
        check_full(call.services, message, "stop")
        if circuit.body.state.is_up:
            await _check_suspend(call.services.circuits.process(circuit))
    await _settled(call, await call.services.circuits.direct(circuit, Aim.STOPPED, lambda _: None, keep=keep))
    return "Pipeline is stopping"


async def _check_suspend(process: CircuitProcess) -> None:
    """Refuse a stop with a checkpoint where none can be made."""
    reasons = (await process.stats()).get("checkpoints", {}).get("permanent_errors")
    if reasons:
        message = f"the pipeline cannot be stopped with a checkpoint: {reasons}; stop with ?force=true"
        refuse("NotSupported", message, {"reasons": reasons})


async def clear(call: Call) -> str:
    """Drop the storage of a stopped pipeline."""
    await call.services.circuits.clear(found(call), rules.check_clear)
    return "Pipeline storage is being cleared"


async def dismiss_error(call: Call) -> None:
    """Forget the deployment error."""
    await call.services.circuits.dismiss(found(call), rules.check_dismiss)


async def activate(call: Call) -> str:
    """Have a pipeline that stands by start from the newest checkpoint of its object store."""
    circuit = found(call)
    check_full(call.services, "standby pipelines are not part of this edition", "standby")
    initial = call.query.get("initial", "running").lower()
    if initial not in ("running", "paused"):
        refuse("InvalidActivateStatus", f"a pipeline cannot be activated as {initial!r}; use running or paused")
    if not circuit.body.is_standing_by:
        process(call)
        status = project.status(circuit.body)
        refuse("InvalidActivateStatus", f"the pipeline is {status}; only one in standby can be activated")
    await _settled(call, await call.services.circuits.activate(circuit, Aim(initial)))
    return "Pipeline is activating"


async def approve(call: Call) -> str:
    """Let a changed program start from the rows that were kept of the old one."""
    circuit = found(call)
    if circuit.body.awaits is None:
        process(call)
        refuse("InvalidTransition", "the pipeline is not awaiting approval")
    await _settled(call, await call.services.circuits.approve(circuit))
    return "Pipeline is starting"


async def unavailable_action(call: Call) -> str:
    """Refuse an action for tests of the server itself, which this one does not offer."""
    found(call)
    refuse("UnsupportedPipelineAction", "the action 'testing' needs the unstable feature 'testing'")


async def hint(call: Call) -> str:
    """Take a hint that has nothing to change here: state needs no compaction and has no balance between workers."""
    process(call)
    return "OK"


async def _settled(call: Call, circuit: Circuit) -> None:
    await call.services.circuits.settle(circuit, GRACE_S)
