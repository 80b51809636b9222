"""Which operations of a dialect are implemented."""

import msgspec

from penstock.api.shared.dialect import Dialect

__all__ = ["DialectCoverage", "OperationCoverage", "coverage_of"]


class OperationCoverage(msgspec.Struct, frozen=True):
    """One wire operation."""

    verb: str
    path: str
    is_implemented: bool


class DialectCoverage(msgspec.Struct, frozen=True):
    """All wire operations of a dialect, and how many of them work."""

    dialect: str
    implemented_count: int
    operation_count: int
    operations: tuple[OperationCoverage, ...]


def coverage_of(dialect: Dialect) -> DialectCoverage:
    """List a dialect's operations in the order it declares them."""
    operations = tuple(
        OperationCoverage(operation.verb, operation.path, operation.handler is not None)
        for operation in dialect.operations
    )
    return DialectCoverage(
        dialect.name, sum(operation.is_implemented for operation in operations), len(operations), operations
    )
