"""Demonstrations that a console can offer: programs that feed themselves.

Each is a file of `api/feldera/demos`: its first two lines are comments, the title and the description.
"""

from functools import cache
from importlib.resources import files
from typing import Any

from penstock.api.shared.call import Call

__all__ = ["list_all"]


async def list_all(call: Call) -> list[dict[str, Any]]:
    """List the demonstrations a console can offer."""
    return [dict(demo) for demo in _demos()]


@cache
def _demos() -> tuple[dict[str, str], ...]:
    folder = files("penstock.api.feldera") / "demos"
    sources = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(_demo(file.name.removesuffix(".sql"), file.read_text("utf-8")) for file in sources)


def _demo(name: str, program: str) -> dict[str, str]:
    title, description, _ = program.split("\n", 2)
    return {
        "name": name,
        "title": title.removeprefix("-- "),
        "description": description.removeprefix("-- "),
        "program_code": program,
        "udf_rust": "",
        "udf_toml": "",
    }
