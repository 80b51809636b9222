"""What all dialects share: everything about HTTP that is not one dialect's habit.

- `dialect`     the declaration that is a dialect
- `operation`   one wire operation: verb, path, handler, role, body
- `call`        what a handler gets
- `routing`     from verb and path to operation
- `app`         from a list of dialects to an ASGI application
- `errors`      from an error to the dialect's reply
- `bodies`      from bytes to what a handler takes
- `parameters`  reading query parameters
- `paging`      page tokens
- `streams`     streaming replies with backpressure
- `coverage`    which operations are implemented
"""
