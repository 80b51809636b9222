"""Runs: finite graphs, carried out.

- `service`   Runs: submit, watch, stop, suspend, resume, retry, list, delete
- `submission` what is submitted
- `record`    what is stored of a run, and what is shown
- `pump`      one open run: events to disk, then to their effects
- `recovery`  open runs after a restart
- `dispatch`  from a launched attempt to its executor, and back
- `cache`     outputs kept by key, and why a step was or was not taken over
- `alarms`    timers
"""
