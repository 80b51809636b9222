from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.kernel.errors import Invalid
from penstock.kernel.ids import uuid7
from penstock.kernel.instants import from_unix_us, rfc3339, unix_us
from penstock.kernel.principal import Principal, Role
from penstock.kernel.scope import Scope
from penstock.services.timekeeper import SystemClock


@given(st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=10))
def test_a_uuid7_holds_its_time_version_and_variant(unix_ms: int, entropy: bytes) -> None:
    id = uuid7(unix_ms, entropy)

    assert id.version == 7
    assert id.variant == "specified in RFC 4122"
    assert id.int >> 80 == unix_ms


def test_the_example_of_the_standard_is_met() -> None:
    # RFC 9562 appendix A.6: rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
    entropy = (0xCC3 << 68 | 0x18C4DC0C0C07398F).to_bytes(10, "big")

    assert str(uuid7(0x017F22E279B0, entropy)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@pytest.mark.parametrize(("unix_ms", "entropy"), [(-1, bytes(10)), (1 << 48, bytes(10)), (0, bytes(9))])
def test_a_uuid7_of_wrong_parts_is_refused(unix_ms: int, entropy: bytes) -> None:
    with pytest.raises(ValueError):
        uuid7(unix_ms, entropy)


def test_ids_of_one_clock_sort_in_the_order_of_their_making() -> None:
    clock = SystemClock()
    ids = [clock.new_id() for _ in range(10_000)]

    assert all(earlier < later for earlier, later in pairwise(ids))


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_an_instant_survives_its_stored_form(instant: datetime) -> None:
    assert from_unix_us(unix_us(instant)) == instant


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        unix_us(datetime(2013, 1, 1))  # noqa: DTZ001


def test_an_instant_is_written_in_utc() -> None:
    new_york = timezone(timedelta(hours=-5))

    assert rfc3339(datetime(2013, 1, 1, 0, 15, tzinfo=new_york)) == "2013-01-01T05:15:00.000000Z"


def test_a_scope_contains_itself_and_what_lies_below() -> None:
    acme = Scope.parse("acme")

    assert acme.contains(acme)
    assert acme.contains(acme.child("research").child("x"))
    assert not acme.child("research").contains(acme)
    assert not acme.contains(Scope.parse("acmeco"))
    assert str(acme.child("research")) == "acme/research"


@pytest.mark.parametrize("text", ["", "/", "a//b", "a/", "a\x00"])
def test_a_scope_with_an_empty_name_is_invalid(text: str) -> None:
    with pytest.raises(Invalid):
        Scope.parse(text)


def test_a_role_includes_those_below_it() -> None:
    writer = Principal("ann", Role.WRITER)

    assert writer.may(Role.READER)
    assert writer.may(Role.WRITER)
    assert not writer.may(Role.OWNER)
