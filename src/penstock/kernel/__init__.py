"""Nouns of the server: what everything else talks about. No I/O, no clock, no randomness.

- `errors`     the closed set of eleven errors
- `ids`        typed identifiers, UUID version 7
- `scope`      whose a thing is: a path of names
- `principal`  who is calling and what they may do
- `query`      predicate, order, cursor: a list request in the core's words
- `records`    stored documents, and the writes that change them
- `circuits`   states of standing circuits
- `graph`      finite graphs of steps: what a run executes
- `expr`, `functions`, `values`   the one expression form, its functions, the values it is about
- `policies`   retries, deadlines, caching, placement, retention
- `triggers`, `cron`   when a trigger fires
- `runs`       states, events and records of runs
- `events`     names of log events
- `instants`   aware UTC instants and their microsecond form
"""
