"""Scripts in their own processes: what they may do, and what ends them."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from penstock.ports.transform import Emitted, Surroundings, TransformFailed
from penstock.transform.scripts.kinds import ScriptTransform
from penstock.transform.scripts.session import Session

RECORDS = pa.RecordBatch.from_pydict({"i": pa.array([1, 12], pa.int32()), "s": ["a", None]})


def run(language: str, script: str, **more: Any) -> Emitted:
    """Put two records through a script."""
    transform = ScriptTransform(language).open({"script": script}, RECORDS.schema, Surroundings("S", **more))
    try:
        return transform.apply(RECORDS)
    finally:
        transform.close()


def test_a_javascript_when_it_emits_gives_records_errors_and_alerts() -> None:
    counted: dict[str, int] = {}
    lines: list[tuple[str, str]] = []
    emitted = run(
        "javascript",
        """function transform(input, emitter, context) {
             context.getLogger().warn('seen ' + input.i);
             context.getMetrics().count('seen', 1);
             if (input.i > 10) {
               emitter.emitError({errorCode: 7, errorMsg: context.getArguments().get('why'), invalidRecord: input});
               emitter.emitAlert({name: 'big'});
             } else { input.i = input.i / 2; input.s += '!'; emitter.emit(input); }
           }""",
        arguments={"why": "too big"},
        log=lambda level, message: lines.append((level, message)),
        count=lambda name, by: counted.update({name: counted.get(name, 0) + by}),
    )
    assert [batch.to_pylist() for _, batch in emitted.batches] == [[{"i": 0, "s": "a!"}]]
    [rejected] = emitted.rejected
    assert (rejected.codes.to_pylist(), rejected.messages.to_pylist()) == ([7], ["too big"])
    assert rejected.records.to_pylist() == [{"i": 12, "s": None}]
    assert emitted.alerts == [{"name": "big"}]
    assert lines == [("WARN", "seen 1"), ("WARN", "seen 12")]
    assert counted == {"seen": 2}


def test_a_python_script_when_it_emits_gives_records() -> None:
    emitted = run(
        "python",
        "import re\n"
        "def transform(record, emitter, context):\n"
        "    for i in range(2):\n"
        "        emitter.emit({'i': record['i'] + i, 's': re.sub('a', 'b', record['s'] or '')})\n",
    )
    assert [row for _, batch in emitted.batches for row in batch.to_pylist()] == [
        {"i": 1, "s": "b"},
        {"i": 2, "s": "b"},
        {"i": 12, "s": ""},
        {"i": 13, "s": ""},
    ]


@pytest.mark.parametrize(
    ("language", "script", "part"),
    [
        ("javascript", "function transform(i, e, c) {\n i.missing.member; }", "line 2"),
        ("javascript", "var x = 1;", "transform"),
        (
            "javascript",
            "function transform(i, e, c) { var a = []; while (true) { a.push('x'.repeat(1000000)); } }",
            "memory",
        ),
        ("python", "def transform(record, emitter, context):\n    1 / 0\n", "line 2"),
        ("python", "x = 1\n", "transform"),
        ("python", "def transform(record, emitter, context):\n    bytearray(3 << 30)\n", "memory"),
        (
            "python",
            "def transform(record, emitter, context):\n    open('written', 'wb', 0).write(b'x')\n",
            "line 2",
        ),
        ("python", "import os\ndef transform(record, emitter, context):\n    os._exit(3)\n", "process"),
    ],
)
def test_a_script_when_it_fails_fails_the_run_and_says_why(language: str, script: str, part: str) -> None:
    with pytest.raises(TransformFailed) as caught:
        run(language, script)
    assert part in str(caught.value), caught.value
    assert str(caught.value).startswith("Stage:S - ")


@pytest.mark.parametrize(
    ("language", "script"),
    [
        ("javascript", "function transform(i, e, c) { while (true) {} }"),
        ("python", "def transform(record, emitter, context):\n    while True:\n        pass\n"),
    ],
)
def test_a_script_that_loops_for_ever_when_run_is_ended_with_a_clear_message(language: str, script: str) -> None:
    tables: Mapping[str, Any] = {}
    session = Session(language, script, Surroundings("S"), tables, record_limit_s=0.5)
    try:
        with pytest.raises(TransformFailed, match="may loop for ever"):
            session.run([{"i": 1}])
    finally:
        session.close()


def test_a_python_script_when_it_reaches_for_files_of_the_server_finds_none(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    if not _confines_files():
        pytest.skip("this kernel cannot keep a process from files")
    for call in (f"open({str(secret)!r}).read()", f"__import__('os').remove({str(secret)!r})"):
        with pytest.raises(TransformFailed, match="Permission denied"):
            run("python", f"def transform(record, emitter, context):\n    {call}\n")
    assert secret.read_text() == "x"


def _confines_files() -> bool:
    return ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1)) > 0


def test_a_python_script_when_it_reaches_for_the_network_finds_none() -> None:
    script = (
        "import socket\n"
        "def transform(record, emitter, context):\n"
        "    socket.create_connection(('127.0.0.1', 9), timeout=2)\n"
    )
    with pytest.raises(TransformFailed, match=r"unreachable|not permitted|refused"):
        run("python", script)


def test_a_script_when_it_asks_for_the_environment_finds_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_OWNER_KEY", "secret")
    script = (
        "import os\n"
        "def transform(record, emitter, context):\n"
        "    emitter.emit({'i': 0, 's': os.environ.get('PENSTOCK_OWNER_KEY', 'none')})\n"
    )
    emitted = run("python", script)
    assert {row["s"] for _, batch in emitted.batches for row in batch.to_pylist()} == {"none"}
