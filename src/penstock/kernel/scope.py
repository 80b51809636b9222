"""Whose a thing is. A scope is a path of names: a tenant, a tenant's project, a namespace.

A dialect decides what its header or path means (`api/<dialect>/auth.py`); the core only compares scopes.
"""

from dataclasses import dataclass

from penstock.kernel.errors import Invalid

__all__ = ["DEFAULT_SCOPE", "Scope"]


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """A path of one or more non-empty names without a slash, such as `default` or `acme/research`."""

    path: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.path or any(not name or "/" in name or "\x00" in name for name in self.path):
            raise Invalid(
                f"scope {'/'.join(self.path)!r} is not a path of names; each name must be non-empty and without a slash"
            )

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """Read the text form, names joined by slashes.

        Raises: Invalid if a name is empty.
        """
        return cls(tuple(text.split("/")))

    def child(self, name: str) -> "Scope":
        """Return the scope one name below this one."""
        return Scope((*self.path, name))

    def contains(self, other: "Scope") -> bool:
        """Tell whether `other` is this scope or lies below it."""
        return other.path[: len(self.path)] == self.path

    def __str__(self) -> str:
        return "/".join(self.path)


DEFAULT_SCOPE = Scope(("default",))
"""The scope of a caller that names none."""
