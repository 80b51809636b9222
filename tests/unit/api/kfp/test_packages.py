"""Uploaded files: what is taken, and what a file may not do."""

import gzip
import io
import json
import tarfile
import zipfile

import pytest

from penstock.api.kfp.archives import MAX_BYTES
from penstock.api.kfp.packages import package_of_file
from penstock.api.kfp.yamltext import documents
from penstock.kernel.errors import Invalid

WORKFLOW = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "spec": {
        "entrypoint": "a",
        "arguments": {"parameters": [{"name": "x", "value": 1}, {"name": "y"}]},
        "templates": [{"name": "a", "dag": {"tasks": []}}],
    },
}
IR = {"pipelineInfo": {"name": "p"}, "root": {"dag": {"tasks": {}}}, "schemaVersion": "2.1.0"}
TEXT = json.dumps(WORKFLOW)


def zipped(*members: tuple[str | zipfile.ZipInfo, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members:
            archive.writestr(name, text)
    return buffer.getvalue()


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def plain(name: str) -> tarfile.TarInfo:
    return tarfile.TarInfo(name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.yaml", TEXT.encode()),
        ("p.json", TEXT.encode()),
        ("p.zip", zipped(("pipeline.yaml", TEXT))),
        ("p.zip", zipped(("readme.txt", "-"), ("pipeline.yaml", TEXT))),
        ("p.zip", zipped(("other.yaml", TEXT))),
        ("p.tar.gz", tarred((plain("pipeline.yaml"), TEXT.encode()))),
        ("whatever", tarred((plain("./pipeline.yaml"), TEXT.encode()))),
    ],
)
def test_a_package_may_be_plain_or_packed(name: str, content: bytes) -> None:
    package = package_of_file(name, content)
    assert [(each.name, each.value) for each in package.parameters] == [("x", "1"), ("y", None)]
    assert not package.is_ir


def test_a_specification_may_come_with_a_platform_document() -> None:
    text = f"{json.dumps(IR)}\n---\n" + json.dumps({"platforms": {"kubernetes": {}}})
    package = package_of_file("p.yaml", text.encode())
    assert package.is_ir
    assert package.platforms == {"kubernetes": {}}
    assert package.text == text.encode()


def link(name: str, target: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


def zip_link() -> zipfile.ZipInfo:
    member = zipfile.ZipInfo("pipeline.yaml")
    member.external_attr = 0o120777 << 16
    return member


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("p.yaml", b"", "empty"),
        ("p.yaml", b"a: [1", "no YAML"),
        ("p.yaml", b"just: text", "neither"),
        ("p.yaml", b"\xff\xfe", "UTF-8"),
        ("p.png", b"\x89PNG", "no package"),
        ("p.zip", b"PK\x03\x04 broken", "cannot be read"),
        ("p.zip", zipped(), "empty"),
        ("p.zip", zipped(("a.txt", "")), "no YAML file"),
        ("p.zip", zipped(("../pipeline.yaml", TEXT)), "outside"),
        ("p.zip", zipped(("/pipeline.yaml", TEXT)), "outside"),
        ("p.zip", zipped((zip_link(), "/etc/passwd")), "symbolic link"),
        ("p.tgz", b"\x1f\x8b broken", "cannot be read"),
        ("p.tgz", tarred((link("pipeline.yaml", "/etc/passwd"), b"")), "no plain file"),
        ("p.tgz", tarred((plain("a/../../pipeline.yaml"), b"")), "outside"),
        ("p.tgz", gzip.compress(bytes(MAX_BYTES + 512)), "more than"),
        ("p.zip", zipped(("pipeline.yaml", "#" * (MAX_BYTES + 1))), "unpacked"),
    ],
)
def test_a_file_that_is_no_package_is_refused_with_the_reason(name: str, content: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        package_of_file(name, content)
    assert caught.value.at or words in ("neither", "UTF-8")


def test_aliases_cannot_make_a_short_text_long() -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(Invalid, match="aliases"):
        documents(f"l0: &l0 [x]\n{levels}".encode())


def test_an_alias_of_itself_is_refused() -> None:
    with pytest.raises(Invalid):
        documents(b"a: &a [*a]")


def test_values_are_those_that_kubernetes_tools_read() -> None:
    text = b"a: 2020-01-01\nb: yes\nc: true\nd: 1:30\ne: 1.5\nf: 007\ng: ~\nh: 1e3\n1: x"
    assert documents(text) == [
        {"a": "2020-01-01", "b": "yes", "c": True, "d": "1:30", "e": 1.5, "f": 7.0, "g": None, "h": 1000.0, "1": "x"}
    ]


@pytest.mark.parametrize("text", [b"!!python/object/apply:os.system ['true']", b"a: .inf", b"? [1, 2]\n: x"])
def test_what_has_no_json_form_is_refused(text: bytes) -> None:
    with pytest.raises(Invalid):
        documents(text)


@pytest.mark.parametrize(
    "change",
    [
        {"schemaVersion": "2.0.0"},
        {"pipelineInfo": {"name": "Not Lower"}},
        {"root": {"executorLabel": "x"}},
    ],
)
def test_a_specification_is_checked(change: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        package_of_file("p.yaml", json.dumps(IR | change).encode())
