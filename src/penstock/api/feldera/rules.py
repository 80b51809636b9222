"""When an action on a pipeline is refused, and with which code. Pure functions of the circuit's record.

Source: Feldera's open API document 0.337 and observed replies of its clients' tests.
"""

from penstock.api.feldera.errors import refuse
from penstock.api.feldera.kinds import face_of
from penstock.api.feldera.lower import StartOptions
from penstock.kernel.circuits import Aim, CircuitState, ProgramState, StorageState
from penstock.services.circuits.record import CircuitRecord

__all__ = [
    "check_clear",
    "check_core_edit",
    "check_delete",
    "check_dismiss",
    "check_hold",
    "check_start",
    "is_provisioned",
]


def is_provisioned(record: CircuitRecord) -> bool:
    """Whether there are resources on which a process runs or opens."""
    return record.state is CircuitState.OPENING or record.state.is_up


def is_fully_stopped(record: CircuitRecord) -> bool:
    """Whether nothing runs and nothing is to run."""
    return record.state is CircuitState.STOPPED and record.aim is Aim.STOPPED


def check_start(record: CircuitRecord, options: StartOptions) -> None:
    """Refuse a start."""
    if record.storage is StorageState.CLEARING:
        refuse("CannotStartWhileClearingStorage", "cannot start the pipeline while its storage is being cleared")
    deployment = record.deployment
    if record.aim is not Aim.STOPPED and deployment is not None:
        if deployment.initial is not options.initial:
            message = f"the pipeline was started with initial {deployment.initial!r}; stop it to start it with another"
            refuse("InitialImmutableUnlessStopped", message)
        if deployment.options.get("bootstrap_policy") != options.bootstrap_policy:
            message = "the pipeline was started with another bootstrap policy; stop it to start it with this one"
            refuse("BootstrapPolicyImmutableUnlessStopped", message)
        return
    if record.state is not CircuitState.STOPPED:
        refuse("IllegalPipelineAction", "cannot start the pipeline while it is stopping; wait until it has stopped")
    if record.fault is not None and not options.dismiss_error:
        message = "the pipeline has a deployment error that was not dismissed; dismiss it, then start the pipeline"
        refuse("CannotStartWithUndismissedError", message)
    if record.program_state in (ProgramState.REJECTED, ProgramState.FAILED):
        message = "cannot start the pipeline: its program does not compile; see `program_error`"
        refuse("CannotStartWithCompilationError", message)
    if options.stands_by and not (record.settings.get("sync") or {}).get("start_from"):
        message = (
            "initial 'standby' needs an object store to start from: give storage.backend.config.sync with "
            "start_from_checkpoint in the runtime configuration"
        )
        refuse("InitialStandbyNotAllowed", message)


def check_hold(record: CircuitRecord, code: str, action: str) -> None:
    """Refuse to pause or resume what does not run."""
    if not is_provisioned(record) or record.aim is Aim.STOPPED:
        refuse(code, f"cannot {action} the pipeline: it is not provisioned; start it first")


def check_clear(record: CircuitRecord) -> None:
    """Refuse to clear the storage of what is not stopped."""
    if not is_fully_stopped(record):
        message = "the pipeline's storage can only be cleared while it is stopped; stop it first"
        refuse("StorageStatusImmutableUnlessStopped", message)


def check_delete(record: CircuitRecord) -> None:
    """Refuse to delete what is not stopped or has storage."""
    if not is_fully_stopped(record):
        refuse("DeleteRestrictedToFullyStopped", "cannot delete the pipeline: it is not fully stopped; stop it first")
    if record.storage is not StorageState.EMPTY:
        message = "cannot delete the pipeline: its storage is not cleared; clear it first"
        refuse("DeleteRestrictedToClearedStorage", message)


def check_dismiss(record: CircuitRecord) -> None:
    """Refuse to dismiss the error of what is still stopping."""
    if record.fault is not None and not is_fully_stopped(record):
        message = "the deployment error can only be dismissed when the pipeline is fully stopped"
        refuse("DismissErrorRestrictedToFullyStopped", message)


_FIXED_BY_STORAGE = (
    ("workers",),
    ("hosts",),
    ("fault_tolerance",),
    ("resources", "storage_mb_max"),
    ("resources", "namespace"),
    ("resources", "storage_class"),
    ("clock_timezone_offset",),
)


def check_core_edit(name: str | None, before: CircuitRecord, new_name: str, runtime_config: dict[str, object]) -> None:
    """Refuse an edit of more than tags and description."""
    if not is_fully_stopped(before):
        refuse("UpdateRestrictedToStopped", "the pipeline can only be edited while it is stopped; stop it first")
    if before.storage is StorageState.EMPTY:
        return
    old = face_of(before).runtime_config
    paths = [path for path in _FIXED_BY_STORAGE if _at(old, path) != _at(runtime_config, path)]
    blocked = ["`name`"] if name != new_name else []
    blocked += [f"`runtime_config.{'.'.join(path)}`" for path in paths]
    if blocked:
        message = f"cannot edit {', '.join(blocked)} while the pipeline's storage is in use; clear it first"
        refuse("EditRestrictedToClearedStorage", message, {"not_allowed": blocked})


def _at(config: object, path: tuple[str, ...]) -> object:
    for step in path:
        config = config.get(step) if isinstance(config, dict) else None
    return config
