"""Metadata and blob adapters.

- `memory`     both stores in memory: the reference the others are tested against
- `sqlite`     the metadata store on disk, over `writer` (one thread, group commit) and `reader` (read-only connections)
- `localdir`   blobs in a directory
- `lock`       one server per data directory
- `migrations` numbered SQL files
- `queries`    named SQL; `predicates` turns a query's predicate into SQL
"""
