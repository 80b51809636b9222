"""A pipeline's counters, as `/stats` and `/metrics` show them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from penstock.api.feldera.wire import Json
from penstock.kernel.circuits import CircuitState
from penstock.kernel.instants import unix_ms
from penstock.services.circuits.record import CircuitRecord

__all__ = ["Family", "families", "prometheus", "stats", "structured"]

_DEFAULTS: Final[Mapping[str, Any]] = {
    "bootstrap_in_progress": False,
    "transaction_status": "NoTransaction",
    "transaction_id": 0,
    "transaction_msecs": None,
    "transaction_records": None,
    "commit_progress": None,
    "concurrent_bootstrap_phase": "Inactive",
    "concurrent_bootstrap_progress": None,
    "rss_bytes": 0,
    "memory_pressure": "low",
    "memory_pressure_epoch": 0,
    "cpu_msecs": 0,
    "uptime_msecs": 0,
    "storage_bytes": 0,
    "storage_mb_secs": 0,
    "runtime_elapsed_msecs": 0,
    "output_stall_msecs": 0,
    "buffered_input_records": 0,
    "buffered_input_bytes": 0,
    "total_input_records": 0,
    "total_input_bytes": 0,
    "total_processed_records": 0,
    "total_processed_bytes": 0,
    "total_completed_records": 0,
    "total_initiated_steps": 0,
    "total_completed_steps": 0,
    "pipeline_complete": False,
}


def stats(record: CircuitRecord, counted: Mapping[str, Any], *, with_errors: bool, is_full: bool) -> dict[str, Any]:
    """Show the counters of a running pipeline.

    with_errors: with the lists of each connector's last errors. is_full: of the full edition.
    """
    deployment = record.deployment
    started_at = unix_ms(deployment.started_at) // 1000 if deployment and deployment.started_at else 0
    transaction = counted["global"].get("transaction_id", 0)
    began_us = counted.get("checkpoints", {}).get("began_us")
    metrics = {
        "state": "Paused" if record.state is CircuitState.PAUSED else "Running",
        "incarnation_uuid": deployment.id if deployment else None,
        "start_time": started_at,
        "initial_start_time": began_us // 1_000_000 if began_us else started_at,
        "transaction_initiators": {
            "transaction_id": transaction or None,
            "initiated_by_api": "Started" if transaction else None,
            "initiated_by_connectors": {},
        },
        **{name: counted["global"].get(name, default) for name, default in _DEFAULTS.items()},
    }
    return {
        "global_metrics": metrics,
        "inputs": [_endpoint(end, with_errors=with_errors) for end in counted["inputs"]],
        "outputs": [_endpoint(end, with_errors=with_errors) for end in counted["outputs"]],
        **_checkpoints(counted.get("checkpoints", {}), is_full=is_full),
    }


def _checkpoints(report: Mapping[str, Any], *, is_full: bool) -> dict[str, Any]:
    """Show why no checkpoint can be made, ever or now, and whether one is being made."""
    if not is_full:
        return {
            "suspend_error": {"Permanent": ["EnterpriseFeature"]},
            "permanent_checkpoint_errors": ["EnterpriseFeature"],
            "checkpoint_activity": {"status": "idle"},
        }
    permanent = report.get("permanent_errors") or None
    temporary = report.get("temporary_errors") or None
    error = {"Permanent": permanent} if permanent else {"Temporary": temporary} if temporary else None
    status = "in_progress" if report.get("is_busy") else "idle"
    return {
        "suspend_error": error,
        "permanent_checkpoint_errors": permanent,
        "checkpoint_activity": {"status": status},
    }


_ERROR_LISTS: Final = ("parse_errors", "transport_errors", "encode_errors")


def _endpoint(end: Mapping[str, Any], *, with_errors: bool) -> dict[str, Any]:
    return dict(end) if with_errors else {name: value for name, value in end.items() if name not in _ERROR_LISTS}


# ---- metrics


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with its values: labels and number of each."""

    key: str
    type: str
    description: str
    values: tuple[tuple[Mapping[str, str], float], ...]


_GLOBAL: Final = (
    ("records_input_total", "counter", "Records taken in", "total_input_records"),
    ("records_input_bytes_total", "counter", "Bytes taken in", "total_input_bytes"),
    ("records_input_buffered", "gauge", "Records waiting for a step", "buffered_input_records"),
    ("records_input_buffered_bytes", "gauge", "Bytes waiting for a step", "buffered_input_bytes"),
    ("records_processed_total", "counter", "Records processed", "total_processed_records"),
    ("records_processed_bytes_total", "counter", "Bytes processed", "total_processed_bytes"),
    ("records_late_total", "counter", "Records dropped because they came too late", "late_records"),
    ("dbsp_steps_total", "counter", "Steps taken", "total_completed_steps"),
    ("process_resident_memory_bytes", "gauge", "Resident memory of the circuit's process", "rss_bytes"),
    ("memory_pressure_epoch", "counter", "How often memory became scarce", "memory_pressure_epoch"),
    ("storage_usage_bytes", "gauge", "Bytes of stored state", "storage_bytes"),
)
_INPUT: Final = (
    ("input_connector_records_total", "counter", "Records taken in", "total_records"),
    ("input_connector_bytes_total", "counter", "Bytes taken in", "total_bytes"),
    ("input_connector_buffered_records", "gauge", "Records waiting for a step", "buffered_records"),
    ("input_connector_buffered_records_bytes", "gauge", "Bytes waiting for a step", "buffered_bytes"),
    ("input_connector_errors_parse_total", "counter", "Records that could not be parsed", "num_parse_errors"),
    ("input_connector_errors_transport_total", "counter", "Failures of the transport", "num_transport_errors"),
    ("input_connector_end_of_input", "gauge", "Whether the input has ended", "end_of_input"),
)
_OUTPUT: Final = (
    ("output_connector_records_total", "counter", "Records handed over", "transmitted_records"),
    ("output_connector_bytes_total", "counter", "Bytes handed over", "transmitted_bytes"),
    ("output_connector_buffered_records", "gauge", "Records held back", "buffered_records"),
    ("output_connector_queued_records", "gauge", "Records waiting to be handed over", "queued_records"),
    ("output_connector_queued_batches", "gauge", "Batches waiting to be handed over", "queued_batches"),
    ("output_connector_errors_encode_total", "counter", "Records that could not be written", "num_encode_errors"),
    ("output_connector_errors_transport_total", "counter", "Failures of the transport", "num_transport_errors"),
)
_PRESSURE: Final = {"low": 0, "moderate": 1, "high": 2, "critical": 3}
_TRANSACTION: Final = {"NoTransaction": 0, "TransactionInProgress": 1, "CommitInProgress": 2}


def families(pipeline: Mapping[str, str], shown: Mapping[str, Any], limit_mb: int | None) -> tuple[Family, ...]:
    """Turn what `stats` shows into metrics. pipeline: the labels that tell it from others. limit_mb: of memory."""
    metrics = shown["global_metrics"]
    found = [Family(key, type, text, ((pipeline, float(metrics.get(name) or 0)),)) for key, type, text, name in _GLOBAL]
    found += [
        _single(pipeline, "process_cpu_seconds_total", "counter", "Processor time", metrics["cpu_msecs"] / 1000),
        _single(pipeline, "process_start_time_seconds", "gauge", "Start, since 1970", metrics["start_time"]),
        _single(pipeline, "pipeline_start_time_seconds", "gauge", "Start, since 1970", metrics["start_time"]),
        _single(pipeline, "pipeline_complete", "gauge", "Whether all is done", metrics["pipeline_complete"]),
        _single(
            pipeline,
            "memory_pressure",
            "gauge",
            "0: low, 1: moderate, 2: high, 3: critical",
            _PRESSURE[metrics["memory_pressure"]],
        ),
        _single(
            pipeline,
            "transaction_state",
            "gauge",
            "0: none, 1: open, 2: being committed",
            _TRANSACTION.get(metrics["transaction_status"], 0),
        ),
    ]
    if limit_mb:
        found.append(_single(pipeline, "max_rss_bytes", "gauge", "Limit of memory", limit_mb * 1_000_000))
    found += _connectors(pipeline, _INPUT, shown["inputs"])
    found += _connectors(pipeline, _OUTPUT, shown["outputs"])
    return tuple(found)


def _single(labels: Mapping[str, str], key: str, type: str, text: str, value: float) -> Family:
    return Family(key, type, text, ((labels, float(value)),))


def _connectors(
    pipeline: Mapping[str, str], metrics: Iterable[tuple[str, str, str, str]], ends: Iterable[Mapping[str, Any]]
) -> Iterator[Family]:
    ends = list(ends)
    for key, type, text, name in metrics:
        values = tuple(
            ({**pipeline, "endpoint": str(end["endpoint_name"])}, float(end["metrics"].get(name) or 0)) for end in ends
        )
        if values:
            yield Family(key, type, text, values)


def prometheus(groups: Iterable[Family]) -> str:
    """Write metrics in the text format of Prometheus."""
    lines: list[str] = []
    for family in groups:
        lines += [f"# HELP {family.key} {family.description}.", f"# TYPE {family.key} {family.type}"]
        lines += [f"{family.key}{_labels(labels)} {_number(value)}" for labels, value in family.values]
    return "".join(line + "\n" for line in lines)


def structured(groups: Iterable[Family]) -> list[dict[str, Json]]:
    """Write metrics as JSON."""
    return [
        {
            "key": family.key,
            "type": family.type,
            "description": family.description,
            "values": [{"labels": labels, "value": value} for labels, value in family.values],
        }
        for family in groups
    ]


def _labels(labels: Mapping[str, str]) -> str:
    escaped = (
        (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in labels.items()
    )
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
