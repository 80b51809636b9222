"""A VARIANT value: any SQL value together with what it is, as JSON documents and casts to VARIANT make it.

SQL NULL is Python's None; the null that a JSON document contains is the value `VARIANT_NULL`, which is not NULL.
"""

from __future__ import annotations

from penstock.data.types import Kind


class Variant:
    """A value with its kind. Not to be changed once made.

    kind: NULL for the variant null, VARCHAR for every character string, VARBINARY for every binary one, else the kind.
    value: the canonical Python value of the kind (`values.py`); the elements of an ARRAY and the keys and values of a
    MAP are variants again (None for a SQL NULL among them); a ROW is held as a MAP with its field names as keys.
    A DECIMAL keeps the scale of its Decimal.
    """

    __slots__ = ("kind", "value")

    def __init__(self, kind: Kind, value: object) -> None:
        self.kind = kind
        self.value = value

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Variant) or self.kind is not other.kind:
            return False
        mine, yours = self.value, other.value
        if self.kind is Kind.DECIMAL:
            return str(mine) == str(yours)
        return mine == yours or (mine != mine and yours != yours)

    def __hash__(self) -> int:
        value = self.value
        return hash(len(value)) if isinstance(value, list | dict) else hash(value)

    def __repr__(self) -> str:
        return f"Variant({self.kind.value}, {self.value!r})"


VARIANT_NULL = Variant(Kind.NULL, None)
"""The null inside a JSON document."""
