"""The function library: importing this package registers every family. `registry.FUNCTIONS` is then complete."""

import importlib

FAMILIES = (
    "casts_integers",
    "casts_numbers",
    "casts_text",
    "casts_times",
    "comparison",
    "logic",
    "arithmetic",
    "numbers",
    "transcendental",
    "conditional",
    "times",
    "clock",
    "temporal_arithmetic",
    "temporal_text",
    "zones",
    "periods",
    "strings",
    "binary",
    "patterns",
    "arrays",
    "maps",
    "rows",
    "lambdas",
    "variants",
    "casts_nested",
    "casts_variant",
    "variant_lambdas",
    "foreign",
)
"""Modules that register functions and casts when they are imported."""

for _family in FAMILIES:
    importlib.import_module(f"penstock.sql.functions.{_family}")
