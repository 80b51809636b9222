"""Data phases: bounded flows of records, each run in a fork of the warm process.

In the server's process: `service` (checks of a flow before it is deployed) and `../runs/circuit_steps.py` (the
executor). In the fork: `child` takes one request; `planning` finds schemas and faults; `running` lets records flow;
`regions` gathers the stages over whole inputs, and `relations` makes them plans of one circuit.
"""
