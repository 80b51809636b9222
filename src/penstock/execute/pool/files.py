"""Files that requests name: brought to where the user's code can open them, and taken from where it left them."""

from __future__ import annotations

from pathlib import Path

from penstock.kernel.errors import Invalid
from penstock.kernel.signature import FieldType
from penstock.kernel.values import Value
from penstock.ports.workers import FilePlace, PoolSpec

__all__ = ["bring", "keep"]


async def bring(place: FilePlace | None, spec: PoolSpec, data: Value, directory: Path) -> Value:
    """Return a request with names of files replaced by paths below a directory. Raises: NotFound, Invalid."""
    if isinstance(data, list):
        return [await bring(place, spec, item, directory / str(index)) for index, item in enumerate(data)]
    if not isinstance(data, dict) or place is None:
        return data
    brought = dict(data)
    for field in spec.takes.fields or ():
        name = data.get(field.name)
        if field.type is FieldType.FILE and isinstance(name, str):
            brought[field.name] = str(await place.fetch(spec.scope, name, directory / field.name))
        elif field.type is FieldType.ARRAY_FILE and isinstance(name, list):
            brought[field.name] = [
                str(await place.fetch(spec.scope, str(one), directory / field.name / str(index)))
                for index, one in enumerate(name)
            ]
    return brought


async def keep(place: FilePlace | None, spec: PoolSpec, request: str, data: Value, directory: Path) -> Value:
    """Return a result with what it says of files replaced by the names they are kept under. Raises: Invalid."""
    if isinstance(data, list):
        return [await keep(place, spec, request, item, directory) for item in data]
    if not isinstance(data, dict) or place is None:
        return data
    kept = dict(data)
    for field in spec.gives.fields or ():
        said = data.get(field.name)
        if field.type is FieldType.FILE:
            kept[field.name] = await _keep_one(place, spec, request, said, directory, field.name)
        elif field.type is FieldType.ARRAY_FILE and isinstance(said, list):
            kept[field.name] = [await _keep_one(place, spec, request, one, directory, field.name) for one in said]
    return kept


async def _keep_one(place: FilePlace, spec: PoolSpec, request: str, said: Value, directory: Path, field: str) -> Value:
    bucket = target = None
    if isinstance(said, dict):
        bucket, target = _text(said, "bucket"), _text(said, "bucket_file")
        said = said.get("file")
    if not isinstance(said, str):
        raise Invalid(f"field {field!r} names no file")
    if "://" in said:
        return said
    path = directory / said
    if not path.is_file():
        raise Invalid(f"field {field!r}: there is no file {said!r} where the code ran")
    return await place.keep(spec.scope, path, request, bucket=bucket, target=target)


def _text(value: dict[str, Value], name: str) -> str | None:
    found = value.get(name)
    return found if isinstance(found, str) else None
