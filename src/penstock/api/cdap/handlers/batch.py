"""Many programs in one call: each item is answered for itself, in the order of the request.

A request that is wrong in form is refused as a whole, and nothing of it is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.api.cdap.entities import Program, place_of, program_in
from penstock.api.cdap.errors import status_of
from penstock.api.cdap.handlers.programs import active_runs
from penstock.api.cdap.history import program_status, runs_of_program, runs_where
from penstock.api.cdap.kinds import APP
from penstock.api.cdap.launching import Ready, ready, submission_of, submit
from penstock.api.cdap.names import TYPES, ProgramType, type_of_name
from penstock.api.cdap.project.apps import program_records
from penstock.api.cdap.project.runs import run_record
from penstock.api.cdap.steering import graceful, stop_run
from penstock.api.cdap.wire import texts_of
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid, PenstockError
from penstock.kernel.query import MAX_LIMIT, Order

__all__ = ["count", "instances", "read_items", "runs", "show_programs", "start", "status", "stop"]

MOST_COUNTED = 100


@dataclass(frozen=True, slots=True)
class Item:
    """One program that is asked for. arguments: of its run."""

    app: str
    type: ProgramType
    program: str
    arguments: Mapping[str, str]

    def answer(self, code: int, /, **said: Any) -> dict[str, Any]:
        """Return the item's answer."""
        shown = {"appId": self.app, "programType": self.type.pretty, "programId": self.program}
        return {"statusCode": code, **said, **shown}


async def start(call: Call, body: object) -> list[dict[str, Any]]:
    """Start runs; each record can be read as soon as this is answered."""
    items = read_items(body)
    # What runs of the same program have in common is looked up once, and all of them are stored together.
    programs = {(item.app, item.type, item.program): item for item in items}
    looked_up = dict(
        zip(programs, await asyncio.gather(*(_ready(call, each) for each in programs.values())), strict=True)
    )
    return await asyncio.gather(*(_started(call, item, looked_up[item.app, item.type, item.program]) for item in items))


async def stop(call: Call, body: object) -> list[dict[str, Any]]:
    """Stop all active runs of programs; every run that is stopped is an item of the answer."""
    grace_s = graceful(call.query)
    answers = []
    for item in read_items(body):
        try:
            program = await _program(call, item)
            found = await active_runs(call, program)
            if not found:
                raise Invalid(f"Program '{program.entity}' is not running.")
            for run in found:
                await stop_run(call.services, run, grace_s)
                answers.append(item.answer(200, runId=run.id))
        except PenstockError as error:
            answers.append(item.answer(status_of(error), error=error.message))
    return answers


async def status(call: Call, body: object) -> list[dict[str, Any]]:
    """Show whether programs run."""
    answers = []
    for item in read_items(body):
        try:
            found = await active_runs(call, await _program(call, item))
            answers.append(item.answer(200, status=program_status(found)))
        except PenstockError as error:
            answers.append(item.answer(status_of(error), error=error.message))
    return answers


async def runs(call: Call, body: object) -> list[dict[str, Any]]:
    """Show the latest run of each program."""
    answers = []
    for item in read_items(body):
        try:
            program = await _program(call, item)
            where = runs_of_program(program.app, program.type, program.name)
            latest = await runs_where(call.services, program.place.scope, where, limit=1)
            answers.append(item.answer(200, runs=[run_record(run) for run in latest]))
        except PenstockError as error:
            answers.append(item.answer(status_of(error), error=error.message, runs=[]))
    return answers


async def count(call: Call, body: object) -> list[dict[str, Any]]:
    """Count the runs of programs."""
    items = read_items(body)
    if len(items) > MOST_COUNTED:
        raise Invalid(f"{len(items)} programs found in the request, the maximum number is {MOST_COUNTED}")
    answers = []
    for item in items:
        try:
            program = await _program(call, item)
            where = runs_of_program(program.app, program.type, program.name)
            found = await call.services.runs.count(program.place.scope, where)
            answers.append(item.answer(200, runCount=found))
        except PenstockError as error:
            answers.append(item.answer(status_of(error), error=error.message))
    return answers


async def instances(call: Call, body: object) -> list[dict[str, Any]]:
    """Show how many instances programs have: only services and workers have any, and pipelines are made of neither."""
    answers = []
    for item in read_items(body):
        try:
            await _program(call, item)
            answers.append(item.answer(400, error=f"Program type '{item.type.pretty}' does not have instances"))
        except PenstockError as error:
            answers.append(item.answer(status_of(error), error=error.message))
    return answers


async def show_programs(call: Call) -> list[dict[str, Any]]:
    """List the programs of one type of all apps of a namespace."""
    place = await place_of(call)
    category = call.operation.path.rpartition("/")[2]
    pretty = next(each.pretty for each in TYPES if each.category == category)
    page = await call.services.documents.page(APP, place.scope, order=Order("name"), limit=MAX_LIMIT)
    return [program for app in page.documents for program in program_records(app, pretty)]


def read_items(body: object) -> list[Item]:
    """Read the array of programs. Raises: Invalid if any item is wrong in form."""
    if not isinstance(body, list):
        raise Invalid("Request body is invalid json, please check that it is a json array.")
    return [_item(each) for each in body]


def _item(value: object) -> Item:
    if not isinstance(value, dict):
        raise Invalid("Each object of the array must be a program: {'appId':…,'programType':…,'programId':…}")
    app, type_name, program = (value.get(key) for key in ("appId", "programType", "programId"))
    if not isinstance(app, str) or not app:
        raise Invalid("Must provide an 'appId' for each object")
    if not isinstance(program, str) or not program:
        raise Invalid("Must provide a 'programId' for each object")
    type = type_of_name(type_name) if isinstance(type_name, str) else None
    if type is None:
        known = ", ".join(each.name for each in TYPES)
        raise Invalid(f"Must provide a valid 'programType' for each object; it must be one of {known}")
    return Item(app, type, program, texts_of(value.get("runtimeargs"), "runtimeargs"))


async def _ready(call: Call, item: Item) -> Ready | PenstockError:
    try:
        return await ready(call.services, await _program(call, item))
    except PenstockError as error:
        return error


async def _started(call: Call, item: Item, found: Ready | PenstockError) -> dict[str, Any]:
    try:
        if isinstance(found, PenstockError):
            raise found
        submission = submission_of(call.services, found, item.arguments, call.principal.name)
        return item.answer(200, runId=(await submit(call.services, submission)).id)
    except PenstockError as error:
        return item.answer(status_of(error), error=error.message)


async def _program(call: Call, item: Item) -> Program:
    return await program_in(call.services, call.scope, call.path["namespace"], item.app, item.type, item.program)
