"""Functions of DataFusion that DuckDB has not, or has under another name, as DuckDB macros.

Only those that a statement uses are created. The JSON family follows `datafusion-functions-json`: a path of names and
positions, NULL where there is nothing of the kind, also in a text that is no JSON.
"""

from __future__ import annotations

from collections.abc import Iterable

_MAX_PATH = 4
_DOCUMENT = "CASE WHEN json_valid(j) THEN CAST(j AS JSON) END"


def _step(document: str, key: str) -> str:
    """Return what stands at one name or position of a document."""
    path = (
        f"CASE WHEN typeof({key}) LIKE '%INT%' THEN '$[' || {key} || ']' "
        f"ELSE '$.\"' || replace(CAST({key} AS VARCHAR), '\"', '\\\"') || '\"' END"
    )
    return f"json_extract({document}, {path})"


def _of_path(name: str, result: str) -> str:
    """Return a macro with one form for each length of path. result: an expression over {found}."""
    forms = []
    for length in range(1, _MAX_PATH + 1):
        keys = [f"k{i}" for i in range(length)]
        found = _DOCUMENT
        for key in keys:
            found = _step(found, key)
        forms.append(f"(j, {', '.join(keys)}) AS {result.replace('{found}', found)}")
    return f"CREATE TEMP MACRO {name}{', '.join(forms)}"


def _when(types: str, value: str) -> str:
    return f"CASE WHEN json_type({{found}}) IN ({types}) THEN {value} END"


_LENGTH = (
    "CAST(CASE json_type({found}) WHEN 'ARRAY' THEN json_array_length({found}) "
    "WHEN 'OBJECT' THEN len(json_keys({found})) END AS BIGINT)"
)
_INTEGERS = "'BIGINT', 'UBIGINT', 'HUGEINT'"
_TEXT = "({found} ->> '$')"

MACROS: dict[str, str] = {
    "json_get": _of_path("json_get", "{found}"),
    "json_get_json": _of_path("json_get_json", "CAST({found} AS VARCHAR)"),
    "json_get_str": _of_path("json_get_str", _when("'VARCHAR'", _TEXT)),
    "json_get_int": _of_path("json_get_int", _when(_INTEGERS, "CAST({found} AS BIGINT)")),
    "json_get_float": _of_path("json_get_float", _when(f"{_INTEGERS}, 'DOUBLE'", "CAST({found} AS DOUBLE)")),
    "json_get_bool": _of_path("json_get_bool", _when("'BOOLEAN'", "CAST({found} AS BOOLEAN)")),
    "json_get_array": _of_path("json_get_array", _when("'ARRAY'", "CAST({found} AS VARCHAR[])")),
    "json_as_text": _of_path("json_as_text", _TEXT),
    "json_contains": _of_path("json_contains", "COALESCE({found} IS NOT NULL, FALSE)"),
    "json_length": _of_path("json_length", _LENGTH).replace(
        "json_length(j, k0)", "json_length(j) AS " + _LENGTH.replace("{found}", _DOCUMENT) + ", (j, k0)", 1
    ),
    "regexp_like": "CREATE TEMP MACRO regexp_like(a, b) AS regexp_matches(a, b), (a, b, o) AS regexp_matches(a, b, o)",
    "signum": "CREATE TEMP MACRO signum(a) AS sign(a)",
    "initcap": "CREATE TEMP MACRO initcap(a) AS list_aggregate(list_transform(string_split(a, ' '), "
    "lambda w: upper(w[1]) || lower(w[2:])), 'string_agg', ' ')",
    "date_bin": "CREATE TEMP MACRO date_bin(i, t) AS time_bucket(i, t, TIMESTAMP '1970-01-01'), "
    "(i, t, o) AS time_bucket(i, t, o)",
    "approx_distinct": "CREATE TEMP MACRO approx_distinct(a) AS approx_count_distinct(a)",
    "nanvl": "CREATE TEMP MACRO nanvl(a, b) AS CASE WHEN isnan(a) THEN b ELSE a END",
    "array_element": "CREATE TEMP MACRO array_element(a, i) AS list_extract(a, i)",
    "array_max": "CREATE TEMP MACRO array_max(a) AS list_max(a)",
    "array_min": "CREATE TEMP MACRO array_min(a) AS list_min(a)",
    "arrow_typeof": "CREATE TEMP MACRO arrow_typeof(a) AS typeof(a)",
    "btrim": "CREATE TEMP MACRO btrim(a) AS trim(a), (a, b) AS trim(a, b)",
}
"""By function name, in lower case."""


def statements(used: Iterable[str]) -> list[str]:
    """Return the statements that create what is used, given by names in lower case."""
    return [MACROS[name] for name in dict.fromkeys(used) if name in MACROS]
