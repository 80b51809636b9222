"""What every dialect must hold, whatever it is."""

import msgspec
import pytest

from penstock.api.shared.dialect import Dialect
from penstock.api.shared.errors import NoRoute, TooLarge, WrongVerb, project_error
from penstock.api.shared.routing import Router
from penstock.boot.registry import DIALECTS
from penstock.kernel.errors import ERRORS, PenstockError
from penstock.services.identity import Unauthenticated
from tests import toy_dialect

EVERY = (*DIALECTS, toy_dialect.DIALECT)
REFINED: tuple[PenstockError, ...] = (
    NoRoute("no route"),
    WrongVerb("wrong verb", ("GET",)),
    TooLarge("too large"),
    Unauthenticated("who?"),
)


@pytest.mark.parametrize("dialect", EVERY, ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("error", [*(kind("the message") for kind in ERRORS), *REFINED], ids=lambda e: type(e).__name__)
def test_every_core_error_has_a_reply_in_the_dialects_own_body(dialect: Dialect, error: PenstockError) -> None:
    response = project_error(dialect, error)

    assert 400 <= response.status_code <= 599
    assert error.message in bytes(response.body).decode()
    if response.media_type == "text/plain":
        assert response.headers["content-type"].startswith("text/plain")
    else:
        assert isinstance(msgspec.json.decode(response.body), dict)


@pytest.mark.parametrize("dialect", EVERY, ids=lambda dialect: dialect.name)
def test_every_operation_lies_below_a_prefix_of_its_dialect(dialect: Dialect) -> None:
    prefixes = tuple(prefix.rstrip("/") for prefix in dialect.prefixes)

    assert [operation.path for operation in dialect.operations if not operation.path.startswith(prefixes)] == []


@pytest.mark.parametrize("dialect", EVERY, ids=lambda dialect: dialect.name)
def test_kinds_carry_the_name_of_their_dialect(dialect: Dialect) -> None:
    assert [kind.name for kind in dialect.kinds if not kind.name.startswith(f"{dialect.name}.")] == []


def test_no_two_operations_of_all_dialects_collide() -> None:
    router = Router(EVERY)

    for dialect in EVERY:
        for operation in dialect.operations:
            match = router.find(operation.verb, operation.path.replace("{", "").replace("}", "").replace(":path", ""))
            assert match.endpoint is not None
