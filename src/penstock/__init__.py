"""Penstock: one pipeline server, many dialects, two engines.

The rooms, from the top down; each may import those below it and none above:

- `cli`       the command line
- `boot`      settings and the composition root, the only place that names concrete adapters
- `api`       one package per dialect, over `api.shared`
- `store`, `connect`, `execute`   adapters behind the ports
- `services`  use cases; the only package that knows both engines
- `circuit`, `flow`   the incremental engine and the run engine, pure
- `sql`       SQL text to logical plan
- `ports`     the protocols adapters implement
- `data`      types, batches, Z-sets
- `kernel`    nouns
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
"""The released version; the package metadata is built from this line."""
