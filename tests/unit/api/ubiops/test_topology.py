"""Which attachments make a pipeline."""

from typing import Any

import pytest

from penstock.api.ubiops.kinds import FieldBody
from penstock.api.ubiops.topology import END, START, Ends, check_attachments, operator_configuration, operator_ends
from penstock.api.ubiops.wire import Attachment, Mapping, Source
from penstock.kernel.errors import Invalid


def fields(text: str) -> tuple[FieldBody, ...]:
    return tuple(FieldBody(*part.split(":")) for part in text.split())


def structured(takes: str, gives: str) -> Ends:
    return Ends("structured", fields(takes), "structured", fields(gives))


ENDS = {
    START: structured("", "n:int s:string"),
    END: structured("n:int d:double", ""),
    "a": structured("n:int", "n:int"),
    "b": structured("n:int", "n:int"),
    "plain": Ends("plain", (), "plain", ()),
    "variable": structured("", "n:int"),
}


def link(destination: str, **sources: str) -> Attachment:
    made = []
    for name, text in sources.items():
        pairs = tuple(
            Mapping(source_field_name=part.split(":")[0], destination_field_name=part.split(":")[1])
            for part in text.split()
        )
        made.append(Source(source_name={"start": START, "end": END}.get(name, name), mapping=pairs))
    return Attachment(destination_name=END if destination == "end" else destination, sources=tuple(made))


@pytest.mark.parametrize(
    "links",
    [
        [],
        [link("end", start="n:n")],
        [link("end", start="n:d")],
        [link("a", start="n:n"), link("end", a="n:n")],
        [link("a", start="n:n"), link("a", b="n:n"), link("b", start="")],
        [link("end", a="n:n", b="n:d"), link("a", variable="n:n")],
        [link("plain", start="")],
    ],
)
def test_what_fits_is_accepted(links: list[Attachment]) -> None:
    check_attachments(links, ENDS, ["variable"])


@pytest.mark.parametrize(
    ("links", "word"),
    [
        ([link("nobody", start="n:n")], "destination"),
        ([link(START, a="n:n")], "destination"),
        ([link("a", nobody="n:n")], "source"),
        ([link("a", end="n:n")], "source"),
        ([link("a")], "no sources"),
        ([link("a", start="x:n")], "no output field 'x'"),
        ([link("a", start="n:x")], "no input field 'x'"),
        ([link("a", start="s:n")], "type string"),
        ([link("end", a="n:n", b="n:n")], "twice"),
        ([link("variable", start="n:n")], "pipeline variable"),
        ([link("plain", start="n:n")], "only structured data"),
        ([link("a", b="n:n"), link("b", a="n:n")], "cycle"),
        ([link("a", a="n:n")], "cycle"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(links: list[Attachment], word: str) -> None:
    with pytest.raises(Invalid, match=word) as caught:
        check_attachments(links, ENDS, ["variable"])
    assert "attachments" in caught.value.message


@pytest.mark.parametrize(
    ("operator", "given", "word"),
    [
        ("juggle", {}, "no operator"),
        ("function", {"output_fields": [{"name": "o", "data_type": "int"}]}, "expression"),
        ("function", {"expression": "1"}, "one output field"),
        ("count-many", {}, "one output field"),
        ("raise-error", {"error_message": " "}, "error_message"),
        ("one-to-many", {"batch_size": 0}, "batch_size"),
        ("one-to-many", {"batch_size": True}, "batch_size"),
        ("if-condition", {"expression": "x +"}, "expression"),
        ("if-condition", {"expression": "y > 1"}, "y"),
        ("function", {"expression": "1", "input_fields": "x"}, "list"),
        ("function", {"expression": "1", "input_fields": [{"name": "x", "data_type": "tuple"}]}, "type"),
        ("pipeline-variable", {"output_fields": [{"name": "v", "data_type": "int"}]}, "output_values"),
    ],
)
def test_an_operator_told_wrong_is_refused(operator: str, given: dict[str, Any], word: str) -> None:
    with pytest.raises(Invalid, match=word):
        operator_configuration(operator, given, "objects[0].configuration")


def test_operators_that_split_and_gather_pass_on_what_they_get() -> None:
    told = operator_configuration("one-to-many", {"batch_size": 2.0}, "here")
    assert told["batch_size"] == 2
    assert operator_ends("one-to-many", told) == Ends("plain", (), "plain", ())
