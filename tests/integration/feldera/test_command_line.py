"""`penstock sql …` against a server, over an engine in memory."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from penstock.cli import pipelines
from penstock.cli.pipelines.progress import counted
from penstock.kernel.errors import Invalid, NotFound, Unavailable
from tests.integration.feldera.conftest import Server, until
from tests.integration.feldera.test_lifecycle import PROGRAM


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "p.sql"
    file.write_text(PROGRAM)
    return file


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what a command said of its pipeline; the server of the test prints its log to the same place."""
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("p is ")]


async def run(server: Server, command: Callable[..., object], *given: object, **options: Any) -> None:
    """Run a command where it may block."""
    await asyncio.to_thread(command, pipelines.Server(server.url), *given, **options)


async def deploy(server: Server, file: Path, **options: Any) -> None:
    await run(server, pipelines.deploy, file, None, **{"starts": True, "changed": "ask", **options})


async def ingest(server: Server, file: Path, name: str | None = None, table: str | None = "t", **options: Any) -> None:
    given = {"updates": "raw", "header": False, "waits": True, **options}
    await run(server, pipelines.ingest, name, file, table, None, **given)


async def test_a_file_is_deployed_under_its_name_and_runs(
    server: Server, program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await deploy(server, program)

    assert told(capsys) == ["p is compiled", "p is running"]
    assert (await server.show())["deployment_status"] == "Running"


async def test_a_changed_file_takes_the_place_of_the_program_that_runs(server: Server, program: Path) -> None:
    await deploy(server, program)
    before = (await server.show())["runtime_config"]
    program.write_text(PROGRAM + " CREATE TABLE u(x INT);")

    await deploy(server, program, changed="allow")

    after = await server.show()
    assert after["program_code"] == program.read_text()
    assert (after["deployment_status"], after["runtime_config"]) == ("Running", before)


async def test_an_unchanged_file_leaves_a_running_pipeline_alone(server: Server, program: Path) -> None:
    await deploy(server, program)
    before = (await server.show())["deployment_id"]

    await deploy(server, program)

    assert (await server.show())["deployment_id"] == before


async def test_a_wrong_program_is_told_with_its_place_and_status_1(
    server: Server, program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program.write_text("blah")

    with pytest.raises(typer.Exit) as ended:
        await deploy(server, program)

    assert ended.value.exit_code == 1
    assert f"{program}:1:1: Compilation error: " in capsys.readouterr().out


async def test_a_pipeline_that_cannot_start_says_why_with_status_1(
    server: Server, program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program.write_text("CREATE TABLE t(x INT); -- BADCONNECTOR")

    with pytest.raises(typer.Exit):
        await deploy(server, program)

    assert "p did not start: the connector has no path" in capsys.readouterr().err


async def test_a_pipeline_is_paused_started_and_stopped(
    server: Server, program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await deploy(server, program, starts=False)
    assert (await server.show())["deployment_status"] == "Stopped"

    await run(server, pipelines.start, None, paused=True, changed="ask")
    await run(server, pipelines.start, None, paused=False, changed="ask")
    await run(server, pipelines.pause, None)
    await run(server, pipelines.stop, None, force=False)

    assert told(capsys) == [f"p is {state}" for state in ("compiled", "paused", "running", "paused", "stopped")]


async def test_a_file_is_sent_and_its_rows_are_there(
    server: Server, program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await deploy(server, program)
    rows = tmp_path / "rows.json"
    rows.write_text("".join(json.dumps({"x": number}) + "\n" for number in range(50_000)))

    await ingest(server, rows)
    await run(server, pipelines.query, None, "SELECT * FROM v", "json")

    printed = capsys.readouterr().out
    assert f"rows.json: {rows.stat().st_size:,} bytes processed in " in printed
    assert printed.count('{"x": ') == 50_000


async def test_a_file_goes_into_the_table_that_is_called_like_it_and_need_not_be_waited_for(
    server: Server, program: Path, tmp_path: Path
) -> None:
    await deploy(server, program)
    rows = tmp_path / "t.json"
    rows.write_text('{"x": 1}\n')

    await ingest(server, rows, table=None, waits=False)

    assert server.engine.circuits[-1].tables["t"] == [{"x": 1}]


async def test_what_a_paused_pipeline_does_not_take_is_not_sent(server: Server, program: Path, tmp_path: Path) -> None:
    await deploy(server, program)
    await run(server, pipelines.pause, None)
    (tmp_path / "t.json").write_text('{"x": 1}\n')

    with pytest.raises(Invalid, match="p is paused") as refused:
        await ingest(server, tmp_path / "t.json")

    assert refused.value.hint == "have it go on with: penstock sql start p"


async def test_a_stopped_pipeline_is_cleared_and_deleted_and_a_running_one_is_not(
    server: Server, program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await deploy(server, program)
    with pytest.raises(Invalid, match="p is running") as refused:
        await run(server, pipelines.clear, None, deletes=False)
    assert refused.value.hint == "stop it first: penstock sql stop p --force"
    await run(server, pipelines.stop, None, force=True)

    await run(server, pipelines.clear, None, deletes=False)
    assert (await server.show())["storage_status"] == "Cleared"
    await run(server, pipelines.clear, "p", deletes=True)

    assert told(capsys)[-2:] == ["p is cleared", "p is deleted"]
    with pytest.raises(Invalid, match="there is no pipeline"):
        await run(server, pipelines.stop, None, force=True)


async def test_all_pipelines_are_listed_with_what_is_wrong(
    server: Server, program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await run(server, pipelines.listed)
    assert "there is no pipeline; make one with" in capsys.readouterr().out
    await deploy(server, program)
    await server.make("wrong", "blah")

    await run(server, pipelines.listed)

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["p", "Success", "Running", "InUse"] in lines
    assert ["wrong", "SqlError", "Stopped", "Cleared"] in lines


async def test_a_start_can_wait_until_all_is_taken_in_and_says_how_much(
    server: Server, program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await deploy(server, program, waits=True)

    assert "p: 0 rows processed" in capsys.readouterr().err
    assert await asyncio.to_thread(counted, pipelines.Server(server.url), "p") == "0 rows processed"
    await run(server, pipelines.stop, None, force=True)
    assert await asyncio.to_thread(counted, pipelines.Server(server.url), "p") == ""


async def test_changes_are_written_one_by_one_until_the_pipeline_stops(
    server: Server, program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await deploy(server, program)
    rows = tmp_path / "t.json"
    rows.write_text('{"x": 1}\n')
    await ingest(server, rows)
    capsys.readouterr()

    watching = asyncio.create_task(run(server, pipelines.watch, None, "v", snapshot=True, form="text"))
    await until(lambda: bool(server.engine.circuits[-1].subscribers))
    rows.write_text('{"x": 2}\n')
    await ingest(server, rows)
    await server.act("stop?force=true")
    await watching

    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line[0] == "+"] == ['+ {"x": 1}', '+ {"x": 2}']


async def test_refusals_are_told_in_the_words_of_the_server(server: Server, program: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text("nonsense\n")

    with pytest.raises(NotFound, match="unknown pipeline name 'absent'"):
        await run(server, pipelines.start, "absent", paused=False, changed="ask")
    with pytest.raises(Invalid, match="there is no pipeline"):
        await run(server, pipelines.pause, None)
    await deploy(server, program)
    with pytest.raises(Invalid, match="row 1 is no JSON"):
        await ingest(server, rows)
    with pytest.raises(NotFound, match="unknown table 'absent'"):
        await ingest(server, rows, table="absent")
    with pytest.raises(Invalid, match="cannot read"):
        await ingest(server, tmp_path / "absent.json")
    with pytest.raises(Invalid, match="not known by its ending"):
        await ingest(server, tmp_path / "rows.odd")
    await server.make("q")
    with pytest.raises(Invalid, match="there are 2 pipelines: p, q"):
        await run(server, pipelines.query, None, "SELECT * FROM v", "json")


async def test_an_address_without_a_scheme_is_told_to_lack_it() -> None:
    with pytest.raises(Invalid, match="begins with http"):
        pipelines.Server("127.0.0.1:8080").pipelines()


async def test_a_server_that_is_not_there_is_told_with_how_to_start_one() -> None:
    with pytest.raises(Unavailable) as refused:
        pipelines.Server("http://127.0.0.1:1").pipelines()

    assert refused.value.hint == "start one with: penstock serve"
