"""`docs/reference/coverage-<dialect>.md`: every wire operation, from the dialect's `operations.py`."""

from penstock.api.shared.dialect import Dialect
from penstock.api.shared.operation import Operation
from tests.docs.markdown import code, escaped, first_paragraph, page, table

__all__ = ["page_of_coverage"]

INTRO = """\
Every operation that the product has on the wire. One that is not implemented is answered with the dialect's own
error for that, never with silence. The running server says the same at `GET /api/penstock/v1/coverage`."""


def page_of_coverage(dialect: Dialect) -> str:
    """Return the page of one dialect."""
    operations = dialect.operations
    there = sum(operation.handler is not None for operation in operations)
    aliases = "".join(f"\n- below {code(alias)} the same as below {code(whole)}" for alias, whole in _aliases(dialect))
    return page(
        f"Coverage of the dialect `{dialect.name}`",
        INTRO,
        f"{there} of {len(operations)} operations are implemented." + aliases,
        table(("", "operation", "role", "what it does"), [_row(operation) for operation in operations]),
    )


def _aliases(dialect: Dialect) -> list[tuple[str, str]]:
    return [(str(alias), str(whole)) for alias, whole in dict(dialect.aliases).items()]


def _row(operation: Operation) -> tuple[str, str, str, str]:
    does = "" if operation.handler is None else escaped(first_paragraph(operation.handler))
    return (
        "" if operation.handler is None else "yes",
        code(f"{operation.verb} {operation.path}"),
        "anybody" if operation.role is None else operation.role.name.lower(),
        does,
    )
