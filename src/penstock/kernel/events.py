"""Names of the structured log events: one per fact, past tense, so that a log can be searched by them."""

from enum import StrEnum

__all__ = ["LogEvent"]


class LogEvent(StrEnum):
    """What can be logged. Add a member rather than a sentence; details go into the event's fields."""

    SERVER_STARTED = "server.started"
    SERVER_STOPPED = "server.stopped"
    SERVICE_CLOSE_FAILED = "service.close_failed"
    REQUEST_SERVED = "request.served"
    REQUEST_FAILED = "request.failed"
    REQUEST_ABANDONED = "request.abandoned"
    STREAM_FAILED = "stream.failed"
    STORE_OPENED = "store.opened"
    STORE_MIGRATED = "store.migrated"
    STORE_WRITE_FAILED = "store.write_failed"
    STORE_CHECKPOINT_FAILED = "store.checkpoint_failed"
    STORE_SWEPT = "store.swept"
    STORE_CLOSED = "store.closed"
    CIRCUIT_STARTED = "circuit.started"
    CIRCUIT_STOPPED = "circuit.stopped"
    CIRCUIT_FAILED = "circuit.failed"
    CIRCUIT_RECOVERED = "circuit.recovered"
    CONNECTOR_FAILED = "connector.failed"
    RUN_FINISHED = "run.finished"
    RUN_STUCK = "run.stuck"
    RUN_RECOVERED = "run.recovered"
    RUN_CACHE_FAILED = "run.cache_failed"
    RUN_LEFT_BEHIND = "run.left_behind"
    EXECUTOR_STARTED = "executor.started"
    EXECUTOR_FAILED = "executor.failed"
    WORKER_STARTED = "worker.started"
    WORKER_ENDED = "worker.ended"
    WORKER_LOG_FAILED = "worker.log_failed"
    TRIGGER_FIRED = "trigger.fired"
    TRIGGER_FAILED = "trigger.failed"
