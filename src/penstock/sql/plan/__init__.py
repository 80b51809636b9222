"""Bound expressions and logical plan nodes: what the binder makes, rules rewrite and the circuit is lowered from."""
