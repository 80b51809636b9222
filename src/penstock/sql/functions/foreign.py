"""Calls of functions that the program brings in another language, for each distinct row of arguments once.

The engine does not run them itself: whoever starts it says how (`boot/languages.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from penstock.data.batch import Column
from penstock.data.pool import Pool
from penstock.data.types import SqlType
from penstock.data.values import decode_column, encode_values
from penstock.ports.functions import FunctionFailed, OpenFunction, UserCode
from penstock.sql.functions.distinct import by_column, constant_value
from penstock.sql.functions.registry import EvaluationError, Signature, TypeMismatch

FOREIGN = "foreign call"
"""The name of such a call in plans: no text can call it, since names of calls are upper-case. Its first three arguments
are constants, language, name and source; those of the function follow."""

LANGUAGES: dict[str, OpenFunction] = {}
"""How functions are opened, by language."""


def _resolve(types: Sequence[SqlType]) -> Signature:
    raise TypeMismatch("a function in another language is typed by its declaration")


@by_column(FOREIGN, resolve=_resolve, strict=False, can_fail=True)
def foreign_call(pool: Pool, signature: Signature, columns: Sequence[Column]) -> Column:
    """Call a function that the program brings."""
    language, name, source = (
        constant_value(column, kind, pool) for column, kind in zip(columns[:3], signature.arguments[:3], strict=True)
    )
    kinds = signature.arguments[3:]
    code = UserCode(str(name), str(source), kinds, signature.result)
    decoded = [decode_column(c, t, pool) for c, t in zip(columns[3:], kinds, strict=True)]
    rows = list(zip(*decoded, strict=True)) if decoded else [()]
    try:
        made = LANGUAGES[str(language)](code).call(rows)
    except KeyError:
        raise EvaluationError(f"functions in {language} cannot be run here") from None
    except FunctionFailed as error:
        raise EvaluationError(str(error)) from None
    return encode_values(made, signature.result, pool)
