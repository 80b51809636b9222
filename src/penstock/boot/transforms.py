"""Which record-wise transforms a data phase can use. To add one, add its line here.

Loaded by the engine's process alone. Modules listed here keep heavy imports of their own (script engines, date
libraries) to the moment a transform is opened.
"""

from collections.abc import Mapping

from penstock.ports.transform import TransformKind
from penstock.transform.codecs import CodecTransform, DigestTransform
from penstock.transform.field_parsing import CsvParseTransform, JsonParseTransform, LogParseTransform
from penstock.transform.field_printing import CsvPrintTransform, JsonPrintTransform, StreamPrintTransform
from penstock.transform.normalize import NormalizeTransform
from penstock.transform.project import ProjectTransform
from penstock.transform.scripts.kinds import ScriptTransform, ValidateTransform
from penstock.transform.splitting import CloneTransform, NullSplitTransform, RouteTransform, UnionSplitTransform
from penstock.transform.value_map import ValueMapTransform
from penstock.transform.wrangle import WrangleTransform
from penstock.transform.xml_fields import XmlJsonTransform, XmlParseTransform, XmlSplitTransform

__all__ = ["TRANSFORMS"]

_ALL: tuple[TransformKind, ...] = (
    ProjectTransform(),
    WrangleTransform(),
    NormalizeTransform(),
    ValueMapTransform(),
    CloneTransform(),
    NullSplitTransform(),
    UnionSplitTransform(),
    RouteTransform(),
    CsvParseTransform(),
    JsonParseTransform(),
    LogParseTransform(),
    CsvPrintTransform(),
    JsonPrintTransform(),
    StreamPrintTransform(),
    XmlParseTransform(),
    XmlSplitTransform(),
    XmlJsonTransform(),
    CodecTransform("encode"),
    CodecTransform("decode"),
    CodecTransform("compress"),
    CodecTransform("decompress"),
    DigestTransform(),
    ScriptTransform("javascript"),
    ScriptTransform("python"),
    ValidateTransform(),
)

TRANSFORMS: Mapping[str, TransformKind] = {kind.name: kind for kind in _ALL}
"""Transforms by name."""
