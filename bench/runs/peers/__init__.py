"""The same chain and the same fan by other orchestrators that run in one process, each in an environment of its own."""
