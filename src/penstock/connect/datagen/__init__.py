"""Rows made up by rule: the transport "datagen".

- `source`    the transport: its plan, its rate, where it goes on
- `settings`  what may be said of a column, read and checked
- `columns`   from the settings of a column to its values, for types of one value
- `parts`     the same for arrays, maps, rows and binaries
- `texts`     made-up names, addresses and sentences
- `streams`   the random numbers: a generator of its own for each row, so that any row can be made at any time
"""
