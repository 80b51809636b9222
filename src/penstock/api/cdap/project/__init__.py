"""From what is kept to what is shown; pure.

- `apps`   apps and their programs
- `runs`   run records
- `states` what states are called
"""
