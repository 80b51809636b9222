"""Pools of warm workers: the executor of jobs of kind `serve`.

pools      all pools of a server: the port `ports.workers`, and the executor
crew       one pool: its queue, its instances, who answers what
worker_link  one worker: its socket, its start and its end
nest       the server's end of the nursery
packages   code from the blob store to a worker's directory
nursery    a program: starts, reads and ends workers
worker     a program: holds the user's object
"""
