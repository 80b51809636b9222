"""Which zips are packages, and where in them the code is."""

import io
import stat
import zipfile
from collections.abc import Mapping

import pytest

from penstock.api.ubiops.packages import Dependencies, Package, dependencies_of, package_of
from penstock.kernel.errors import Invalid

CODE = "class Deployment:\n    pass\n"


def archive(files: Mapping[str, str | bytes]) -> io.BytesIO:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name, text)
    return content


def package(files: Mapping[str, str | bytes], *modules: str) -> Package:
    content = archive(files)
    return package_of(content, len(content.getvalue()), modules or ("deployment.py",))


@pytest.mark.parametrize(
    ("files", "root"),
    [
        ({"deployment.py": CODE}, ""),
        ({"deployment.py": CODE, "other/deployment.py": CODE}, ""),
        ({"one/deployment.py": CODE}, "one"),
        ({"one/deployment.py": CODE, "__MACOSX/one/._deployment.py": "", ".DS_Store": ""}, "one"),
        ({"a/deployment.py": CODE, "deployment_package/deployment.py": CODE}, "deployment_package"),
        ({"a/data.txt": "", "b/deployment.py": CODE}, "b"),
    ],
)
def test_the_package_is_the_archive_its_one_folder_or_the_known_one(files: dict[str, str], root: str) -> None:
    assert root == package(files).root


def test_another_file_is_the_module_if_a_variable_says_so() -> None:
    assert package({"p/model.py": CODE}, "model.py").module == "model.py"


@pytest.mark.parametrize("code", ["from other import *", "from other import Deployment", "Deployment = make()"])
def test_the_class_may_come_from_elsewhere(code: str) -> None:
    assert package({"deployment.py": code}).module == "deployment.py"


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({}, "empty"),
        ({"p/readme": ""}, "deployment.py"),
        ({"a/deployment.py": CODE, "b/deployment.py": CODE}, "several folders"),
        ({"deployment.py": "class deployment: pass"}, "class Deployment"),
        ({"deployment.py": CODE, "../x": ""}, "outside"),
        ({"deployment.py": CODE, "a/../../x": ""}, "outside"),
        ({"deployment.py": CODE, "/x": ""}, "outside"),
        ({"deployment.py": CODE, "C:/x": ""}, "outside"),
        ({"deployment.py": CODE, "..\\x": ""}, "outside"),
        ({"deployment.py": CODE, "bomb": bytes(80 << 20)}, "unpacks"),
        ({"deployment.py": CODE, "ubiops.yaml": "a: ["}, "YAML"),
        ({"deployment.py": CODE, "ubiops.yaml": "other: 1"}, "no others"),
        ({"deployment.py": CODE, "ubiops.yaml": "environment_variables: ['1X=2']"}, "1X"),
    ],
)
def test_what_is_no_package_or_dangerous_is_refused(files: dict[str, str | bytes], word: str) -> None:
    with pytest.raises(Invalid, match=word):
        package(files)


def test_a_link_in_an_archive_is_refused() -> None:
    content = archive({"deployment.py": CODE})
    with zipfile.ZipFile(content, "a") as made:
        member = zipfile.ZipInfo("link")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(member, "/etc/passwd")

    with pytest.raises(Invalid, match="link"):
        package_of(content, len(content.getvalue()))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip"])
def test_what_is_no_zip_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid, match="zip"):
        package_of(io.BytesIO(content), len(content))


def test_variables_are_read_from_the_packages_own_file() -> None:
    text = "environment_variables:\n  - A=1\n  - B=x=y\napt:\n  packages: [curl]\n"
    assert package({"deployment.py": CODE, "ubiops.yaml": text}).variables == {"A": "1", "B": "x=y"}


def test_requirements_of_an_environment_are_lines_without_comments_and_options() -> None:
    content = archive({"env/requirements.txt": "# a\nnumpy==2 # b\n\n--index-url x\npandas\n"})
    found = dependencies_of(content, len(content.getvalue()))

    assert isinstance(found, Dependencies)
    assert found.requirements == ("numpy==2", "pandas")


def test_an_environment_without_dependency_files_is_refused() -> None:
    content = archive({"readme": ""})
    with pytest.raises(Invalid, match=r"requirements\.txt"):
        dependencies_of(content, len(content.getvalue()))
