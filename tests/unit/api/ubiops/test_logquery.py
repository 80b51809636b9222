"""Conditions on log lines."""

import pytest

from penstock.api.ubiops.logquery import parse_query
from penstock.kernel.errors import Invalid

KNOWN = {"deployment_name": "d", "deployment_version": "v1", "level": "info", "system": "false"}


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("", True),
        ("| deployment_name=`d`", True),
        ('| deployment_name="d" and level!="error"', True),
        ("| deployment_name=`e` or level=`info`", True),
        ("| deployment_name=`e` and level=`info` or system=`true`", False),
        ("| deployment_request_id!~`.+`", True),
        ("| deployment_request_id=~`.+`", False),
        ("| deployment_name=~`d|e` | deployment_version=`v1`", True),
        ("| deployment_name=`d` |= `needle`", True),
        ("| deployment_name=`d` != `needle`", False),
        ("|~ `ne+dle`", True),
        ("!~ `x`", True),
        ("{deployment_name=`d`, level=`error`}", False),
        ("{} |= `hay`", True),
    ],
)
def test_a_line_is_asked_for_as_the_conditions_say(query: str, holds: bool) -> None:
    assert holds == parse_query(query).holds(KNOWN, "a needle in the hay")


@pytest.mark.parametrize(
    "query",
    [
        "| nothing=`x`",
        "| level",
        "| level=",
        "| level=x",
        "| level=`x",
        "| level=~`(`",
        "deployment",
        "| level|=`x`",
        "}",
    ],
)
def test_what_is_no_query_is_refused_with_what_was_expected(query: str) -> None:
    with pytest.raises(Invalid, match="query"):
        parse_query(query)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("| deployment_name=`d`", {"d"}),
        ("| deployment_name=`d` or deployment_name=`e`", {"d", "e"}),
        ("| deployment_name=`d` or level=`info`", None),
        ("| deployment_name!=`d`", None),
        ("", None),
    ],
)
def test_it_is_known_which_deployments_a_query_can_be_about(query: str, names: set[str] | None) -> None:
    assert names == parse_query(query).only("deployment_name")
