"""What operators did in a pipeline request, and expressions tried out."""

from __future__ import annotations

from starlette.responses import Response

from penstock.api.shared.call import Call
from penstock.api.shared.parameters import flag
from penstock.api.ubiops import project_requests as shown
from penstock.api.ubiops.expressions import ExpressionError, check_expression, evaluate_expression
from penstock.api.ubiops.handlers.requests import download
from penstock.api.ubiops.inputs import checked
from penstock.api.ubiops.kinds import DATA_TYPES
from penstock.api.ubiops.project import Shown
from penstock.api.ubiops.request_views import RequestView, part_view
from penstock.api.ubiops.served import Served, served
from penstock.kernel.errors import Invalid, NotFound
from penstock.kernel.ids import whole_of
from penstock.kernel.signature import Field, FieldType, Signature

__all__ = ["evaluate", "get", "input_of", "output_of"]


async def get(call: Call) -> Shown:
    """Show what an operator did."""
    target, request = await _one(call)
    with_data = not flag(call.query, "metadata_only", False)
    return shown.operator_detail(request, target.name, target.version, with_data=with_data)


async def input_of(call: Call) -> Response:
    """Send what an operator was given as a file."""
    _, request = await _one(call)
    return download(request.id, "input", request.data)


async def output_of(call: Call) -> Response:
    """Send what an operator gave as a file."""
    _, request = await _one(call)
    return download(request.id, "output", request.result)


async def evaluate(call: Call, body: object) -> Shown:
    """Try an expression out. Raises: Invalid with what is wrong with it or its inputs."""
    given = body if isinstance(body, dict) else {}
    expression, fields = given.get("expression"), given.get("input_fields")
    if not isinstance(expression, str) or not isinstance(fields, list):
        raise Invalid("'expression' (a text) and 'input_fields' (a list of fields) are needed")
    signature = Signature(tuple(_field(each) for each in fields))
    data = checked(signature, given.get("request_data") or {})
    try:
        check_expression(expression, [field.name for field in signature.fields or ()])
        return {"result": evaluate_expression(expression, data if isinstance(data, dict) else {})}
    except ExpressionError as error:
        raise Invalid(f"expression: {error}") from None


def _field(each: object) -> Field:
    if not isinstance(each, dict) or not isinstance(each.get("name"), str) or each.get("data_type") not in DATA_TYPES:
        raise Invalid("input_fields: a field has a name and a data_type")
    return Field(each["name"], FieldType(each["data_type"]))


async def _one(call: Call) -> tuple[Served, RequestView]:
    target, id, query = await served(call), call.path["id"], call.query
    missing = NotFound(f"Request was not found: there is no operator request {id!r} of pipeline {target.name!r}")
    try:
        whole, number = whole_of(id)
        run, steps = await call.services.runs.brief.get(whole)
    except (ValueError, NotFound):
        raise missing from None
    request = part_view(run, steps, number) if number and run.scope == target.scope else None
    if request is None or request.labels["kind"] != "operator" or request.labels["within"] != target.version_id:
        raise missing
    if query.get("pipeline_request_id", request.pipeline_request) not in (request.pipeline_request, run.id):
        raise missing
    if query.get("pipeline_object_id", request.labels["object_id"]) != request.labels["object_id"]:
        raise missing
    return target, request
