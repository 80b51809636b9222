"""One pipeline on a server of its own, deployed and run over HTTP: how long it took, and the processors' time."""

import time
from pathlib import Path
from typing import Any

import httpx

from bench.server import serving

TIMEOUT_SECONDS = 1800.0


def stage(name: str, plugin: str, type: str, **properties: str) -> dict[str, Any]:
    """Return a stage as clients write it."""
    return {"name": name, "plugin": {"name": plugin, "type": type, "properties": properties}}


def pipeline(stages: list[dict[str, Any]], edges: list[tuple[str, str]]) -> dict[str, Any]:
    """Return what deploys a pipeline."""
    connections = [{"from": a, "to": b} for a, b in edges]
    artifact = {"name": "cdap-data-pipeline", "version": "6.10.0", "scope": "SYSTEM"}
    return {"artifact": artifact, "config": {"stages": stages, "connections": connections, "engine": "spark"}}


def run_pipeline(body: dict[str, Any]) -> dict[str, float]:
    """Deploy and run: seconds from the call that starts the run to its end, and CPU seconds of all processes."""
    with serving() as server, httpx.Client(base_url=f"http://{server.host}:{server.port}", timeout=600) as client:
        apps = "/v3/namespaces/default/apps/etl"
        client.put(apps, json=body).raise_for_status()
        before = cpu_of(server.process.pid)
        began = time.perf_counter()
        start = [{"appId": "etl", "programType": "workflow", "programId": "DataPipelineWorkflow", "runtimeargs": {}}]
        run = client.post("/v3/namespaces/default/start", json=start).raise_for_status().json()[0]["runId"]
        status = ""
        while status not in ("COMPLETED", "FAILED", "KILLED"):
            if time.perf_counter() - began > TIMEOUT_SECONDS:
                raise TimeoutError("the run did not end")
            time.sleep(0.02)
            status = client.get(f"{apps}/workflows/DataPipelineWorkflow/runs/{run}").json()["status"]
        job_s = time.perf_counter() - began
        if status != "COMPLETED":
            raise RuntimeError(client.get(f"{apps}/workflows/DataPipelineWorkflow/runs/{run}/logs").text)
        time.sleep(0.5)  # the fork is reaped, and its time is its parent's
        return {"job_s": job_s, "cpu_s": cpu_of(server.process.pid) - before}


def cpu_of(pid: int) -> float:
    """Return CPU seconds of a process and all below it, ended ones included."""
    total = 0.0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(") ", 1)[1].split()
            except OSError:
                continue
            if int(entry.name) == pid or int(fields[1]) == pid:
                total += sum(map(int, fields[11:15])) / 100
    return total
