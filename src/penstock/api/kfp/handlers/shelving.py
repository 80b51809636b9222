"""What happens to the runs and jobs of an experiment that is archived."""

import msgspec

from penstock.api.kfp.kinds import ARCHIVED, AVAILABLE, JOB
from penstock.api.shared.call import Call
from penstock.kernel.query import AllOf, Compare, Comparison

__all__ = ["shelve_runs", "stop_jobs"]


async def shelve_runs(call: Call, experiment_id: str) -> None:
    """Archive the runs of an experiment; running ones go on."""
    where = AllOf(
        (
            Compare("experiment_id", Comparison.EQ, experiment_id),
            Compare("storage_state", Comparison.EQ, AVAILABLE),
        )
    )
    while runs := (await call.services.runs.page(call.scope, where=where, limit=200)).runs:
        for run in runs:
            await call.services.runs.amend(run.id, columns={"storage_state": ARCHIVED})


async def stop_jobs(call: Call, experiment_id: str) -> None:
    """Disable the recurring runs of an experiment."""
    where = AllOf(
        (
            Compare("experiment_id", Comparison.EQ, experiment_id),
            Compare("is_enabled", Comparison.EQ, 1),
        )
    )
    documents, triggers = call.services.documents, call.services.triggers
    while jobs := (await documents.page(JOB, call.scope, where=where, limit=200)).documents:
        for job in jobs:
            await documents.update(JOB, job.id, lambda body: msgspec.structs.replace(body, is_enabled=False))
            await triggers.enable(job.id, False)
