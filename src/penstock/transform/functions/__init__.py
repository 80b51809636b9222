"""User-defined functions of SQL in Python, in processes of their own with limits.

`python` opens them, `forms` translates values by their SQL types, `worker` is what runs in the process.
"""
