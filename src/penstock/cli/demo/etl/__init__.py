"""`penstock demo cdap`: flights through a pipeline as CDAP's studio exports it, started by two plain HTTP calls.

- `pipeline`  the pipeline
- `run`       the course of the demo
- `check`     the same by DuckDB
"""
