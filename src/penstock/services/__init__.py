"""Use cases. The only package that knows both engines; every dialect reaches the core through it.

- `services`   the `Services` record handed to every handler
- `documents`  scoped, named, revisioned documents
- `identity`   keys and principals
- `secrets`    texts by name, encrypted at rest, read by executors
- `timekeeper` the system's clock behind the clock port
- `runs`       finite graphs: submit, watch, stop, retry, list
- `triggers`   schedules that start runs
- `logs`, `metrics`, `artifacts`   what runs leave behind
- `circuits`   standing circuits: host processes, intake, subscriptions
"""
