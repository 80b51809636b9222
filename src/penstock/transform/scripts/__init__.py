"""Scripts of users over records: JavaScript and Python, in processes of their own with limits.

`kinds` are the transforms, `session` starts and talks to a process, `worker` is what runs in it, `values` translates
records.
"""
