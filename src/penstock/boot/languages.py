"""In which languages a program can bring functions of its own. To add one, add its line here.

Loaded by the engine's process alone; what a language needs is loaded when its first function is opened.
"""

from penstock.sql.functions.foreign import LANGUAGES
from penstock.transform.functions.python import open_python

__all__ = ["LANGUAGES"]

LANGUAGES["PYTHON"] = open_python
