"""Actions between and after data phases: files moved and deleted, requests sent, statements executed.

One module for each kind of thing that is acted upon; listed in `boot/phases.py`.
"""
