"""Parts found in bytes are the parts of the values."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.data.typed_values import same, typed, variants

from penstock.data.jsontext import BadJson, parse_variant
from penstock.data.types import Field, Kind, SqlType
from penstock.data.values import Variant, decode_key, encode_key
from penstock.data.values_bytes import writer
from penstock.data.values_parts import (
    array_element,
    parse_document,
    row_field,
    skipper,
    variant_element,
    variant_member,
)

VARIANT = SqlType(Kind.VARIANT, nullable=False)
SLOW = [HealthCheck.too_slow]


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(st.data())
def test_skipping_ends_behind_the_value(data: st.DataObject) -> None:
    type, strategy = data.draw(typed())
    out = bytearray(b"before")
    writer(type)(data.draw(strategy), out)

    assert skipper(type)(bytes(out) + b"\x00\xffafter", 6) == len(out)


@settings(max_examples=50, deadline=None, suppress_health_check=SLOW)
@given(st.data())
def test_fields_of_rows(data: st.DataObject) -> None:
    parts = data.draw(st.lists(typed(1), min_size=1, max_size=4))
    type = SqlType(Kind.STRUCT, fields=tuple(Field(f"f{i}", t) for i, (t, _) in enumerate(parts)))
    values = [data.draw(st.none() | strategy) for _, strategy in parts]
    written = encode_key(values, type)

    assert same(values, [row_field(type, i)(written) for i in range(len(parts))])


@settings(max_examples=50, deadline=None, suppress_health_check=SLOW)
@given(st.data())
def test_elements_of_arrays(data: st.DataObject) -> None:
    element, strategy = data.draw(typed(1))
    type = SqlType(Kind.ARRAY, element=element)
    values = data.draw(st.lists(st.none() | strategy, max_size=4))
    written = encode_key(values, type)

    assert same(values, [array_element(type)(written, at) for at in range(1, len(values) + 1)])
    assert array_element(type)(written, len(values) + 1) is None
    assert array_element(type)(written, 0) is None


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(variants())
def test_members_of_variants(value: Variant) -> None:
    written = encode_key(value, VARIANT)
    other = encode_key(Variant(Kind.VARCHAR, "no such key"), VARIANT)

    assert variant_member(written, other) is None
    if value.kind is Kind.MAP:
        for key, item in value.value.items():  # type: ignore[attr-defined]
            assert variant_member(written, encode_key(key, VARIANT)) == encode_key(item, VARIANT)
    if value.kind is Kind.ARRAY:
        found = [variant_element(written, at) for at in range(1, len(value.value) + 2)]  # type: ignore[arg-type]
        items = [*value.value, None]  # type: ignore[misc]
        assert found == [None if v is None else encode_key(v, VARIANT) for v in items]


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(JSON)
def test_documents_become_the_bytes_of_their_variant(document: Any) -> None:
    text = json.dumps(document)

    assert parse_document(text) == encode_key(parse_variant(text), VARIANT)
    assert same(decode_key(parse_document(text), VARIANT), parse_variant(text))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "NaN", '{"a": Infinity}', b"\xff"])
def test_what_is_no_document_is_refused(text: str | bytes) -> None:
    with pytest.raises(BadJson):
        parse_document(text)


def test_numbers_keep_their_digits() -> None:
    assert decode_key(parse_document("1.10"), VARIANT) == Variant(Kind.DECIMAL, Decimal("1.10"))
