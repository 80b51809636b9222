"""Handlers, one module per resource: read, look up, act, project."""
