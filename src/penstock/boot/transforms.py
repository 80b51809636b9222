"""Which record-wise transforms a data phase can use. To add one, add its line here.

Loaded by the engine's process alone. Modules listed here keep heavy imports of their own (script engines, date
libraries) to the moment a transform is opened.
"""

from collections.abc import Mapping

from penstock.ports.transform import TransformKind
from penstock.transform.project import ProjectTransform
from penstock.transform.wrangle import WrangleTransform

__all__ = ["TRANSFORMS"]

_ALL: tuple[TransformKind, ...] = (
    ProjectTransform(),
    WrangleTransform(),
)

TRANSFORMS: Mapping[str, TransformKind] = {kind.name: kind for kind in _ALL}
"""Transforms by name."""
