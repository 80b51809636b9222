"""Executors: adapters that carry out the work of steps. They know ports, data and kernel, and nothing above.

- `inline`    calls of registered functions, in this process
- `process`   commands as processes, each in a directory of its own, kept by a launcher that outlives the server
- `launcher`  that launcher: a small program of its own
- `workspace` the directory of an attempt: what is put in, what is collected
- `environments` private Python environments, keyed by what they hold
- `sandbox`   what the machine offers to keep a step within its directory
- `values`    what the expressions of work see
"""
