"""The command line: one file per group of commands, each imported only when it runs."""

from penstock.cli.app import main

__all__ = ["main"]
