"""How one compiled program differs from another: tables, views and connectors by name. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["difference"]


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Compare two schemas as the compiler gives them."""
    program: dict[str, list[str]] = {}
    plans = _plans(old), _plans(new)
    for side, noun in (("inputs", "tables"), ("outputs", "views")):
        before, after = ({**_relations(schema[side])} for schema in (old, new))
        if noun == "views":
            before = {name: (shape, plans[0].get(name)) for name, shape in before.items()}
            after = {name: (shape, plans[1].get(name)) for name, shape in after.items()}
        for word, names in _compared(before, after).items():
            program[f"{word}_{noun}"] = names
    result: dict[str, Any] = {"program_diff": program, "program_diff_error": None}
    for side in ("input_connectors", "output_connectors"):
        for word, names in _compared(old.get(side, {}), new.get(side, {})).items():
            result[f"{word}_{side}"] = names
    return result


def _compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "modified": sorted(name for name in before.keys() & after.keys() if before[name] != after[name]),
    }


def _relations(relations: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    # Properties hold positions in the text and the connectors, which are compared on their own.
    return {relation["name"]: {key: relation[key] for key in relation if key != "properties"} for relation in relations}


def _plans(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the plan of each view, by name: two views of the same columns may still differ in it."""
    plans = schema.get("plan")
    return plans if isinstance(plans, dict) else {}
