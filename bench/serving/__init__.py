"""Direct requests through two steps of user code: this server, a bare echo, and others that serve Python."""
