"""The beginning that kfp writes before a Python component: `sh -c "… python3 -m pip install … && \"$0\" \"$@\""`.

Installing into the machine's Python would harm everybody; what is asked for is said to the executor instead, which
keeps private environments, and the command begins after the installation.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Final

__all__ = ["Prepared", "prepared"]

_INSTALL: Final = re.compile(
    r"(?:python3?\s+-m\s+)?\bpip3?\s+install\s+(?P<words>(?:'[^']*'|\"[^\"]*\"|[^&|;\n'\"]|\n(?=\s+-))*)"
)
_HANDS_ON: Final = re.compile(r'"\$0"\s+"\$@"\s*$')
_QUIET: Final = frozenset(("--quiet", "-q", "--user", "--no-warn-script-location", "--disable-pip-version-check"))
_WITH_VALUE: Final = frozenset(("--index-url", "-i", "--extra-index-url", "--trusted-host", "--find-links", "-f"))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A command line without its installation.

    Attributes:
        skipped: how many words of the command line are left out.
        requirements: packages to be there with what they need.
        alone: packages to be there without what they need.
        options: where to find them.
    """

    skipped: int = 0
    requirements: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def prepared(command: list[str]) -> Prepared:
    """Tell what a command line installs before it begins."""
    if len(command) < 4 or command[0] not in ("sh", "bash", "/bin/sh", "/bin/bash") or not command[1].startswith("-"):
        return Prepared()
    script = command[2]
    if "pip" not in script or not _HANDS_ON.search(script):
        return Prepared()
    requirements: dict[str, None] = {}
    alone: dict[str, None] = {}
    options: dict[tuple[str, ...], None] = {}
    for match in _INSTALL.finditer(_HANDS_ON.sub("", script)):
        try:
            words = shlex.split(match["words"].replace("\\\n", " "))
        except ValueError:
            return Prepared()
        packages, chosen, is_alone = _sorted(words)
        if packages is None:
            return Prepared()
        (alone if is_alone else requirements).update(dict.fromkeys(packages))
        options.update(dict.fromkeys(chosen))
    return Prepared(3, tuple(requirements), tuple(alone), tuple(word for option in options for word in option))


def _sorted(words: list[str]) -> tuple[list[str] | None, list[tuple[str, ...]], bool]:
    """Sort the words after `pip install` into packages and options; no packages if one of them is not understood."""
    packages: list[str] = []
    options: list[tuple[str, ...]] = []
    is_alone = False
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--no-deps":
            is_alone = True
        elif word in _WITH_VALUE and at + 1 < len(words):
            at += 1
            options.append((word, words[at]))
        elif word.startswith("--") and "=" in word:
            options.append((word,))
        elif word.startswith("-"):
            if word not in _QUIET:
                return None, [], False
        else:
            packages.append(word)
        at += 1
    return packages, options, is_alone
