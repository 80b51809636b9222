import copy
import pickle

import pytest

from penstock.kernel.errors import ERRORS, Conflict, NotFound, PenstockError, Unavailable


class Refined(NotFound):
    def __init__(self, message: str, extra: int) -> None:
        super().__init__(message, at="/x", hint="look elsewhere", retryable=True)
        self.extra = extra


def test_the_set_is_closed_at_eleven() -> None:
    direct = [kind for kind in PenstockError.__subclasses__() if kind.__module__ == "penstock.kernel.errors"]

    assert list(ERRORS) == direct
    assert len(ERRORS) == 11


def test_whether_a_retry_helps_depends_on_the_class_unless_said() -> None:
    assert Unavailable("x").retryable
    assert not Conflict("x").retryable
    assert Conflict("x", retryable=True).retryable
    assert not Unavailable("x", retryable=False).retryable


@pytest.mark.parametrize("carry", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_survives_the_way_to_another_process(carry: object) -> None:
    assert callable(carry)
    arrived = carry(Refined("gone", 7))

    assert type(arrived) is Refined
    assert (arrived.message, arrived.at, arrived.hint, arrived.retryable, arrived.extra) == (
        "gone", "/x", "look elsewhere", True, 7,
    )  # fmt: skip
    assert str(arrived) == "gone"
