"""Events of the Nexmark benchmark: the transport "nexmark".

- `source`     the transport
- `generator`  the rows of the three streams, made in bulk
- `streams`    which event is which row of which stream
- `words`      the texts in them
"""
