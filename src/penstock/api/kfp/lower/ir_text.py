"""The placeholders of pipeline specifications: `{{$.inputs.parameters[…]}}`, `{"Concat": […]}`, `{"IfPresent": …}`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from penstock.kernel.expr import Apply, Expr, Fact, Input, InputArtifact, ListOf, Literal, Place, apply, concat

__all__ = ["Holder", "argument", "container_holder", "run_facts", "text"]

Holder = Callable[[str], Expr | None]
"""From what is between the braces, without `$.`, to what it comes to; None if it is not known."""

PLACEHOLDER: Final = re.compile(r"\{\{\$((?:'(?:[^'])*'|[^{}'])*)\}\}")
_ESCAPE: Final = re.compile(r"^(?P<rest>.*?)\.json_escape\[(?P<level>\d+)\]$", re.DOTALL)
_MEMBER: Final = re.compile(
    r"^(?P<side>inputs|outputs)\.(?P<kind>parameters|artifacts)\[(?:'(?P<a>[^']*)'|\"(?P<b>[^\"]*)\")\](?P<rest>.*)$",
    re.DOTALL,
)
_KEY: Final = re.compile(r"^\.metadata\[['\"](?P<key>.*)['\"]\]$", re.DOTALL)

_FACTS: Final[dict[str, Expr]] = {
    "pipeline_job_name": Fact("workflow.name"),
    "pipeline_job_resource_name": Fact("workflow.name"),
    "pipeline_job_uuid": Fact("run.id"),
    "pipeline_root": Fact("pipeline.root"),
    "pipeline_job_create_time_utc": Fact("run.created_at"),
    "pipeline_job_schedule_time_utc": apply("coalesce", Fact("run.scheduled_at"), Fact("run.created_at")),
    "workspace_path": Fact("pipeline.workspace"),
}


def text(template: str, holder: Holder) -> Expr:
    """Return a text with its placeholders; one that is nothing but a placeholder is absent if that is."""
    parts: list[Expr | str] = []
    place = 0
    for match in PLACEHOLDER.finditer(template):
        expr = _held(match[1].removeprefix("."), holder)
        if expr is None:
            continue
        parts += (template[place : match.start()], expr)
        place = match.end()
    parts = [part for part in (*parts, template[place:]) if part != ""]
    if len(parts) == 1 and not isinstance(parts[0], str):
        # Joining would be an error where the value is absent.
        return _or_absent(parts[0])
    return concat(*parts)


def argument(template: str, holder: Holder) -> Expr:
    """Return one argument of a command line, which may be a structure: then it is a list to be spread."""
    if template.startswith('{"'):
        try:
            document = msgspec.json.decode(template)
        except msgspec.DecodeError:
            return text(template, holder)
        if isinstance(document, dict) and document.keys() & {"Concat", "IfPresent"}:
            return Apply("spread", (ListOf(_structured(document, holder)),))
    return text(template, holder)


def run_facts(name: str) -> Expr | None:
    """See what is known of the run, everywhere."""
    return _FACTS.get(name)


def container_holder(task: str, executor_input: Expr) -> Holder:
    """See what a container may refer to."""

    def holder(name: str) -> Expr | None:
        if name == "":
            return executor_input
        if name == "pipeline_task_name":
            return Literal(task)
        if name == "pipeline_task_uuid":
            return apply("concat", Fact("run.id"), "-", Fact("step.path"))
        if found := _MEMBER.match(name):
            member = found["a"] if found["a"] is not None else found["b"]
            return _member(found["side"], found["kind"], member, found["rest"])
        return run_facts(name)

    return holder


def _held(name: str, holder: Holder) -> Expr | None:
    if found := _ESCAPE.match(name):
        inner = holder(found["rest"])
        for _ in range(min(int(found["level"]), 10)):
            inner = None if inner is None else apply("escape_json", inner)
        return inner
    return holder(name)


def _member(side: str, kind: str, name: str, rest: str) -> Expr | None:
    if kind == "parameters":
        if side == "inputs":
            return Input(name) if rest == "" else None
        return Place("outputs", name) if rest == ".output_file" else None
    match rest:
        case ".path" | ".uri":
            return Place(side, name)
        case ".name":
            return apply("get", InputArtifact(name), "name") if side == "inputs" else Literal(name)
        case ".metadata" if side == "inputs":
            return apply("json", _metadata(name))
    if (found := _KEY.match(rest)) and side == "inputs":
        return apply("text", apply("get", _metadata(name), found["key"]))
    return None


def _metadata(name: str) -> Expr:
    return apply("coalesce", apply("find", InputArtifact(name), "metadata"), Literal({}))


def _or_absent(expr: Expr) -> Expr:
    return apply("if", apply("is_present", expr), apply("text", expr), apply("absent"))


def _structured(value: Any, holder: Holder) -> tuple[Expr, ...]:
    """Return the arguments that a structure stands for."""
    match value:
        case str():
            return (text(value, holder),)
        case list():
            return tuple(each for member in value for each in _structured(member, holder))
        case {"Concat": list(parts)}:
            joined = ListOf(tuple(each for part in parts for each in _structured(part, holder)))
            return (apply("join", joined, ""),)
        case {"IfPresent": {"InputName": str(name), "Then": then, **others}}:
            present = apply("or", apply("is_present", Input(name)), apply("is_present", InputArtifact(name)))
            chosen = ListOf(_structured(then, holder)), ListOf(_structured(others.get("Else", []), holder))
            return (Apply("spread", (apply("if", present, *chosen),)),)
        case None:
            return ()
        case _:
            return (Literal(msgspec.json.encode(value).decode()),)
