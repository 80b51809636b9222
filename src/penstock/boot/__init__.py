"""Settings and the composition root: the only package that names concrete adapters.

- `config`    settings, from the command line and `PENSTOCK_*`
- `registry`  which dialects and stores there are: add a line here to add one
- `compose`   from settings to services and the ASGI application
- `serve`     from the application to a listening server
- `logs`      where log events go
- `secrets`   the secret of one server
- `engine`    entry of the engine's process, with the formats and transports of `adapters`; never imported by the server
- `warm`      compiles the engine's kernels once, when the environment is made
"""
