"""Recurring runs when they fire: what is run then. Called by the triggers' service."""

from __future__ import annotations

import hashlib
import re

from penstock.api.kfp.kinds import JOB, JobBody
from penstock.api.kfp.launching import Wanted, note_run, prepare, source_by_digest, source_of
from penstock.kernel.instants import from_unix_us
from penstock.kernel.triggers import Firing, Schedule
from penstock.services.documents import Document
from penstock.services.runs.submission import Submission
from penstock.services.services import Services

__all__ = ["launch", "schedule_of"]


async def launch(services: Services, document: str, firing: Firing) -> Submission | None:
    """Return the run of a recurring run for one of its times.

    Raises: NotFound if the pipeline, or the recurring run, is gone; Invalid if its parameters do not fit any more.
    """
    job = await services.documents.get(JOB, document)
    body = job.body
    if body.package:
        source = await source_by_digest(services, body.package)
    else:
        source = await source_of(
            services, job.scope, manifest=None, pipeline_id=body.pipeline_id, version_id=body.version_id
        )
    wanted = Wanted(
        name=_run_name(job, firing),
        experiment_id=body.experiment_id,
        service_account=body.service_account,
        parameters=body.parameters,
        runtime_parameters=body.runtime_parameters,
        pipeline_root=body.pipeline_root,
        job_id=job.id,
        index=firing.index,
        scheduled_at=from_unix_us(firing.at_us),
    )
    submission = await prepare(services, job.scope, source, wanted)
    await note_run(services, wanted.experiment_id)
    return submission


def schedule_of(body: JobBody) -> Schedule:
    """Return when a recurring run fires; the fields of its cron expression begin with seconds."""
    return Schedule(
        cron=body.cron or None,
        seconds_first=True,
        every_s=float(body.interval_s) if not body.cron else None,
        start_us=body.start_us,
        end_us=body.end_us,
        catches_up=not body.no_catchup,
        max_concurrency=body.max_concurrency,
    )


def _run_name(job: Document[JobBody], firing: Firing) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", job.body.title.lower()).strip("-")[:25] or "job"
    digest = hashlib.sha256(f"{job.id} {firing.at_us}".encode()).hexdigest()[:10]
    return f"{stem}-{firing.index}-{digest}"
