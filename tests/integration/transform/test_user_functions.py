"""Functions of SQL programs in Python: their limits, and what they cannot reach."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.data.types import Kind, SqlType
from penstock.ports.functions import FunctionFailed, UserCode, UserFunction
from penstock.transform.functions import python

INTEGER, TEXT = SqlType(Kind.INTEGER), SqlType(Kind.VARCHAR)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    opened: dict[UserCode, python.PythonFunction] = {}
    monkeypatch.setattr(python, "_open", opened)
    yield
    for function in opened.values():
        function.close()


def opened(source: str, result: SqlType = INTEGER) -> UserFunction:
    return python.open_python(UserCode("f", source, (INTEGER,), result))


def test_calls_of_one_function_share_its_process() -> None:
    counting = "import os\ndef f(x):\n    return os.getpid()\n"

    first, second = opened(counting).call([(1,), (2,)]), opened(counting).call([(3,)])

    assert first == second * 2


def test_many_rows_go_in_several_messages() -> None:
    rows = [(i,) for i in range(10_000)]

    assert opened("def f(x): return x + 1").call(rows) == [i + 1 for i in range(10_000)]


def test_a_function_that_loops_for_ever_is_ended_with_a_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "_CALL_LIMIT_S", 0.3)

    with pytest.raises(FunctionFailed, match=r"function 'f' failed: TimeoutError: .*may loop for ever"):
        opened("def f(x):\n    while True: pass\n").call([(1,)])


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("def f(x): return bytes(1 << 34)", "more memory than it may have"),
        ("import os\ndef f(x): os._exit(3)", "process has ended: exit code 3"),
        ("def f(x):\n    y = 1\n    raise KeyError(x)\n", "KeyError: 1 (line 3 of its text)"),
        ("raise RuntimeError('at once')", "RuntimeError: at once (line 1 of its text)"),
        ("f = 3", "its text defines no function f"),
        ("def f(x): return object()", "returned 'a value of type object', which is no INTEGER"),
        ("def f(x): return 1.5", "returned 1.5, which is no INTEGER"),
        ("def f(x): return True", "returned True, which is no INTEGER"),
    ],
)
def test_a_function_that_fails_says_why(source: str, part: str) -> None:
    with pytest.raises(FunctionFailed) as caught:
        opened(source).call([(1,)])
    assert part in str(caught.value)


def test_after_a_failure_the_function_has_a_process_again() -> None:
    source = "def f(x): return 1 // x"
    with pytest.raises(FunctionFailed):
        opened(source).call([(0,)])

    assert opened(source).call([(1,)]) == [1]


def test_a_function_reaches_neither_files_nor_network_nor_the_environment(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    if ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1)) <= 0:
        pytest.skip("this kernel cannot keep a process from files")
    with pytest.raises(FunctionFailed, match="PermissionError"):
        opened(f"def f(x): return open({str(secret)!r}).read()", TEXT).call([(1,)])
    with pytest.raises(FunctionFailed, match=r"OSError|PermissionError|BlockingIOError"):
        opened("import socket\ndef f(x): socket.create_connection(('127.0.0.1', 22), 1)").call([(1,)])
    names = opened("import os\ndef f(x): return ','.join(sorted(os.environ))", TEXT).call([(1,)])
    assert set(str(names[0]).split(",")) <= {"LC_CTYPE", "PATH", "TZ"}
