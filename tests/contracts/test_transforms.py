"""Record-wise transforms keep to their contract."""

from __future__ import annotations

import pyarrow as pa

from penstock.boot.transforms import TRANSFORMS
from tests.contracts.transform import TransformContract


class TestProject(TransformContract):
    kind = TRANSFORMS["project"]
    properties = {"drop": "b", "convert": "a:long", "rename": "a:x"}  # noqa: RUF012
    schema = pa.schema([pa.field("a", pa.int32(), nullable=False), ("b", pa.string()), ("c", pa.float64())])
    rows = [{"a": 1, "b": "x", "c": 1.5}, {"a": 2, "b": None, "c": None}]  # noqa: RUF012
