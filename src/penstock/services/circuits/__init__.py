"""Standing circuits: their life cycle, their processes, what flows in and out of them.

In the server's own process, which never loads the engine:

- `service`    what dialects call: make, edit, start, stop, feed, follow, ask
- `record`     what is stored of a circuit; `live` what is kept of it in memory
- `lifecycle`  moves each circuit where its owner wants it, and notes what happens by itself
- `logbook`    a circuit's log lines
- `process`    the protocols of engine and circuit; `engine`, `remote`, `caller` speak them over a link

In the engine's processes:

- `zygote`     loads everything once and forks; `compilation` and `host` are what forks do
- `host`       answers for one circuit: `intake`, `stepper`, `hub`, `connectors`, `timer`, `statistics`, `adhoc`

`link` is what both sides speak.
"""
