"""`penstock serve` as a process: start, weight, refusals, keys, stop."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

READY = "penstock is ready at "
INFO = "/api/penstock/v1/info"
HEAVY = ("numpy", "numba", "llvmlite", "pyarrow", "duckdb", "sqlglot")
"""What only an engine's process may load: together they weigh more than the whole server may."""


def command(*options: object) -> list[str]:
    return [sys.executable, "-c", "from penstock.cli import main; main()", "serve", *map(str, options)]


@contextmanager
def server(data: Path, *options: object, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        command("--port", 0, "--data", data, *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith(READY), process.communicate()
        yield process, line.removeprefix(READY).strip()
    finally:
        process.kill()
        process.communicate()


def refusal(*options: object) -> str:
    done = subprocess.run(command(*options), capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert done.stdout == ""
    return done.stderr


def test_the_ready_line_means_that_requests_are_accepted(tmp_path: Path) -> None:
    with server(tmp_path) as (_, url):
        reply = httpx.get(url + INFO)

    assert reply.status_code == 200
    assert "native" in reply.json()["dialects"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with server(tmp_path) as (process, url):
        httpx.get(url + INFO)
        process.send_signal(number)
        rest, log = process.communicate(timeout=10)

    assert process.returncode == 0
    assert rest == ""
    assert "server.stopped" in log
    assert not (tmp_path / "metadata.sqlite-wal").exists()


def test_the_server_loads_no_engine(tmp_path: Path) -> None:
    with server(tmp_path) as (process, url):
        assert httpx.get(url + INFO).status_code == 200
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        status = Path(f"/proc/{process.pid}/status").read_text()

    # numpy, numba, pyarrow and duckdb come as shared objects; a pure package would show in the list of the next test.
    assert [name for name in HEAVY if f"/{name}" in maps] == []
    resident_kib = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
    assert resident_kib <= 120 * 1024


def test_composing_the_server_imports_no_engine() -> None:
    program = "import sys, penstock.boot.serve; print(' '.join(sys.modules))"

    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert "penstock.boot.serve" in modules
    assert sorted({module.split(".")[0] for module in modules} & set(HEAVY)) == []


def test_a_second_server_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    with server(tmp_path) as (process, _):
        message = refusal("--port", 0, "--data", tmp_path)

    assert str(tmp_path) in message
    assert str(process.pid) in message


def test_the_directory_of_a_killed_server_can_be_used_again(tmp_path: Path) -> None:
    with server(tmp_path) as (process, _):
        process.kill()
        process.wait()
    with server(tmp_path) as (_, url):
        assert httpx.get(url + INFO).status_code == 200


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = refusal("--port", port, "--data", tmp_path / "data")

    assert f"port {port}" in message
    # Nothing has been touched.
    assert not (tmp_path / "data").exists()


def test_listening_beyond_this_machine_is_refused_without_authentication(tmp_path: Path) -> None:
    message = refusal("--host", "0.0.0.0", "--port", 0, "--data", tmp_path)

    assert "--insecure" in message
    with server(tmp_path, "--host", "0.0.0.0", "--insecure") as (_, url):
        assert url.startswith("http://0.0.0.0:")


def test_a_server_with_an_owner_key_asks_for_keys(tmp_path: Path) -> None:
    owner = {"Authorization": "Bearer 0123456789abcdef"}
    with server(tmp_path, PENSTOCK_OWNER_KEY="0123456789abcdef") as (_, url):
        keys = url + "/api/penstock/v1/keys"
        issued = httpx.post(keys, headers=owner, json={"name": "ci", "role": "reader"})
        again = httpx.post(keys, headers=owner, json={"name": "ci", "role": "reader"})
        reader = {"Authorization": f"Bearer {issued.json()['key']}"}
        forged = {"Authorization": f"Bearer {issued.json()['id']}.{'x' * 43}"}
        statuses = [httpx.get(keys, headers=headers).status_code for headers in ({}, forged, reader, owner)]
        listed = httpx.get(keys, headers=owner).json()
        revoked = httpx.delete(keys + "/ci", headers=owner)
        after = httpx.get(keys, headers=reader)

    assert (issued.status_code, again.status_code) == (201, 409)
    assert statuses == [401, 401, 403, 200]
    assert [(key["name"], key["role"]) for key in listed] == [("ci", "reader")]
    assert issued.json()["key"].encode() not in (tmp_path / "metadata.sqlite").read_bytes()
    assert (revoked.status_code, after.status_code) == (204, 401)


def test_a_secret_that_was_put_is_listed_without_its_text_and_lies_nowhere_in_clear(tmp_path: Path) -> None:
    text = "s3cret-that-nobody-should-find"
    with server(tmp_path) as (_, url):
        secrets = url + "/api/penstock/v1/secrets"
        put = httpx.put(secrets + "/database%2Fpassword", json={"text": text, "description": "of the test"})
        listed = httpx.get(secrets)
        removed = [httpx.delete(secrets + "/database%2Fpassword").status_code for _ in range(2)]
        kept = [path for path in tmp_path.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]

    assert put.status_code == 200
    assert [(secret["name"], secret["description"]) for secret in listed.json()] == [
        ("database/password", "of the test")
    ]
    assert text not in put.text + listed.text
    assert removed == [204, 404]
    assert kept == []


def test_a_server_is_ready_without_handlers_and_without_what_only_people_look_at() -> None:
    program = """
import sys
import penstock.cli.app, penstock.cli.serve, penstock.boot.serve
api = [name for name in sys.modules if name.startswith("penstock.api.")]
print(*[name for name in api if name.endswith(".operations") or ".handlers" in name], *{"rich"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


def test_logs_are_json_on_request(tmp_path: Path) -> None:
    import json

    with server(tmp_path, "--log-json") as (process, _):
        process.terminate()
        _, log = process.communicate(timeout=10)

    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert events[-2:] == ["server.started", "server.stopped"]


def test_a_client_that_never_stops_reading_does_not_hold_the_stop_back(tmp_path: Path) -> None:
    with server(tmp_path) as (process, url):
        with httpx.Client(base_url=url) as client:
            client.get(INFO)
            process.terminate()
            with suppress(httpx.HTTPError):
                client.get(INFO)
            process.wait(timeout=10)

        assert process.returncode == 0
