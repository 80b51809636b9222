"""The transform contract on every transform there is."""

import pytest

from penstock.boot.transforms import TRANSFORMS
from tests.contracts.transform import TransformContract
from tests.unit.transform.plugins import records, schema_text
from tests.unit.transform.test_plugins import CASES

_MORE: dict[str, tuple[str, dict[str, str], str, list[dict[str, object]]]] = {
    "project": ("project", {"drop": "a", "rename": "b:c"}, schema_text(a="int", b="string"), [{"a": 1, "b": "x"}]),
    "compress": (
        "compress",
        {"compressor": "a:GZIP", "schema": schema_text(a="bytes")},
        schema_text(a="bytes"),
        [{"a": b"x"}],
    ),
    "split-union": ("split-union", {"unionField": "a"}, schema_text(a="int?"), [{"a": 1}, {"a": None}]),
    "javascript": (
        "javascript",
        {"script": "function transform(i, e, c) { if (i.a > 1) { i.a += 1; e.emit(i); } }"},
        schema_text(a="int"),
        [{"a": 1}, {"a": 2}],
    ),
    "python": (
        "python",
        {"script": "def transform(record, emitter, context):\n    emitter.emit({'a': record['a'] * 2})\n"},
        schema_text(a="int"),
        [{"a": 1}, {"a": 2}],
    ),
    "validate": (
        "validate",
        {"validationScript": "function isValid(i, c) { return {isValid: i.a > 1, errorCode: 3, errorMsg: 'small'}; }"},
        schema_text(a="int"),
        [{"a": 1}, {"a": 2}],
    ),
}
_SETS = {
    **{name: (case.kind.name, case.properties, case.schema, case.rows) for name, case in CASES.items()},
    **_MORE,
}


class TestTransforms(TransformContract):
    """Every configuration above."""

    @pytest.fixture(params=sorted(_SETS), autouse=True)
    def choose(self, request: pytest.FixtureRequest) -> None:
        kind, self.properties, schema, rows = _SETS[request.param]
        self.kind = TRANSFORMS[kind]
        self.records = records(schema, rows)


def test_every_transform_but_three_is_held_to_the_contract() -> None:
    held = {kind for kind, *_ in _SETS.values()}
    assert set(TRANSFORMS) - held == {"parse-log", "print-stream", "value-map"}
