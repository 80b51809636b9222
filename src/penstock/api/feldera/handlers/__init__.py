"""One module per resource. Every handler has the same rhythm: read, lower, act, project."""
