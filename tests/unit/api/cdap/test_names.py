"""Names, types of programs, versions of artifacts."""

import pytest

from penstock.api.cdap.names import check_id, check_namespace, type_of_category, type_of_name
from penstock.api.cdap.versions import is_alias, version_order
from penstock.api.cdap.wire import text_of, texts_of
from penstock.kernel.errors import Invalid


def test_types_of_programs_are_read_in_any_case() -> None:
    assert {type_of_name(text) for text in ("workflow", "Workflow", "WORKFLOW")} == {type_of_category("Workflows")}


def test_an_unknown_type_is_none_in_a_body_and_refused_in_a_path() -> None:
    assert type_of_name("nonsense") is None
    with pytest.raises(Invalid):
        type_of_category("nonsense")


@pytest.mark.parametrize("name", ["", "a b", "a.b", "ä", "a/b"])
def test_names_of_apps_have_letters_digits_dashes_and_underscores_only(name: str) -> None:
    with pytest.raises(Invalid, match="Invalid app name"):
        check_id("app", name)


def test_namespaces_have_no_dashes() -> None:
    assert check_namespace("a_1") == "a_1"
    with pytest.raises(Invalid):
        check_namespace("with-dash")


@pytest.mark.parametrize(
    "version", ["6.1.1", "6.10.0", "5.1.2", "4.3.0-SNAPSHOT", "[6.0.0, 7.0.0)", "[4.0.0,7.0.0-SNAPSHOT)", "6.7"]
)
def test_old_versions_and_ranges_of_app_artifacts_mean_the_one_that_is_here(version: str) -> None:
    assert is_alias(version)


@pytest.mark.parametrize("version", ["", "7.0.0", "3.5.1", "latest", "[1.0.0,2.0.0)", "[7.0.0,8.0.0)"])
def test_versions_of_other_generations_do_not(version: str) -> None:
    assert not is_alias(version)


def test_versions_sort_by_their_numbers_and_snapshots_before_releases() -> None:
    versions = ["6.10.0", "6.9.2", "6.10.0-SNAPSHOT", "6.1"]

    assert sorted(versions, key=version_order) == ["6.1", "6.9.2", "6.10.0-SNAPSHOT", "6.10.0"]


def test_scalars_are_read_as_texts_and_nothing_else_is() -> None:
    assert texts_of({"n": 5, "flag": True, "real": 1.5, "text": "x", "none": None}, "runtimeargs") == {
        "n": "5",
        "flag": "true",
        "real": "1.5",
        "text": "x",
    }
    for value in ({}, []):
        with pytest.raises(Invalid):
            text_of(value, "runtimeargs.n")
