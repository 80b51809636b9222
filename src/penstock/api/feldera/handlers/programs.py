"""Programs without a pipeline: is a text right, and how does it differ from a pipeline's."""

from typing import Any

import msgspec

from penstock.api.feldera import lower, project
from penstock.api.feldera.diff import difference
from penstock.api.feldera.errors import refuse
from penstock.api.feldera.handlers.found import found
from penstock.api.shared.call import Call
from penstock.kernel.errors import Invalid
from penstock.services.circuits.process import RequestFailed

__all__ = ["diff", "validate"]


async def validate(call: Call, body: object) -> dict[str, Any]:
    """Compile a text and tell what came of it."""
    fields = _fields(body)
    if not isinstance(fields.get("program_code"), str):
        raise Invalid("the body lacks a string 'program_code'", at="/program_code")
    lower.program_config({"runtime_version": fields.get("runtime_version")})
    try:
        compiled = await call.services.circuits.compile(fields["program_code"])
    except RequestFailed as error:
        return {"SystemError": {"error": error.message}}
    if compiled.schema is None:
        return {"SqlError": {"info": project.sql_compilation(compiled.messages, is_right=False)}}
    info = project.compiled_info(compiled, dataflow=fields.get("ir") is True)
    return {"Success": {"program_info": info}}


async def diff(call: Call, body: object) -> dict[str, Any]:
    """Compare a pipeline's program with another text."""
    circuit = found(call)
    fields = _fields(body)
    schema = circuit.body.schema
    if schema is None:
        refuse("ProgramNotCompiled", "the program of the pipeline is not compiled, or not yet")
    lower.program_config({"runtime_version": fields.get("runtime_version")})
    text = fields.get("program_code")
    if text is not None and not isinstance(text, str):
        raise Invalid("the field 'program_code' must be a string or null", at="/program_code")
    compiled = await call.services.circuits.compile(circuit.body.program if text is None else text)
    if compiled.schema is None:
        messages = msgspec.to_builtins(project.sql_compilation(compiled.messages, is_right=False))
        refuse("InvalidNewProgramSql", "the new program does not compile", messages)
    return difference(schema, compiled.schema)


def _fields(body: object) -> dict[str, Any]:
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise Invalid("the body must be a JSON object", at="")
    return body
