"""Ad-hoc SQL over a consistent snapshot: a fork of the circuit's process is the snapshot, DuckDB answers in it.

- `statements`  the request's text to statements in DuckDB's dialect, relations and output columns by their names
- `macros`      functions that DuckDB lacks
- `answers`     results to text, JSON, Arrow, Parquet or a hash
- `child`       what the fork does
- `session`     what the circuit's process does meanwhile
"""
