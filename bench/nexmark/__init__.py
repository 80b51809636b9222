"""Nexmark: one auction site's event stream, and thirteen standing queries over it.

`python -m bench.nexmark` writes the events once (`dataset`), lets each peer (`ours`, `flink`, `duck`) keep the same
views up to date over the same files, checks our answers against DuckDB's (`answer`) and keeps the figures
(`report`).
"""
