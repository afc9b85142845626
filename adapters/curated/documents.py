"""The text files of a data package, read without running anything.

The stack reads its YAML files with the unsafe loader. Here the few tags that
such files need become plain data and any other tag is refused, before a node
is built: the events of the file are looked at first, which also bounds how
deep nodes nest and what aliases expand to. ECSV is read by astropy, whose own
loader is a safe one; its header passes the same check before.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
import textwrap
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from adapters.gen2.files import LFS_MAGIC, printable, read_head
from converter.nouns import Box, CuratedDocument, CuratedFile, Gen2to3Error

MAX_BYTES = 64 * 1024 * 1024
"""Largest file read; the largest in the packages, DECam's linearizers, have 2.6 MB."""

MAX_NODES = 4_000_000
"""Most nodes after all aliases are expanded; a linearizer has 130 000."""

MAX_DEPTH = 60
"""Deepest nesting."""

_CORE = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(
    _CORE + name
    for name in ("str", "int", "float", "bool", "null", "timestamp", "seq", "map", "omap", "binary")
)
PROPERTY_LIST = "lsst.daf.base.PropertyList"
_APPLY = _CORE + "python/object/apply:lsst.geom."
_YAML_TAGS = _PLAIN_TAGS | {
    _CORE + "python/tuple",
    PROPERTY_LIST,
    _APPLY + "Box2I",
    _APPLY + "Point2I",
    _APPLY + "Extent2I",
}
_ECSV_TAGS = _PLAIN_TAGS | {
    "!astropy.units.Unit",
    "!astropy.table.SerializedColumn",
    # What astropy writes for texts and tuples of Python 2 and 3.
    _CORE + "python/tuple",
    _CORE + "python/unicode",
}
_ECSV_VERSION = re.compile(r"%ECSV \d+\.\d+")

_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Point(NamedTuple):
    x: int
    y: int


class _Extent(NamedTuple):
    x: int
    y: int


class CuratedLoader(_BaseLoader):
    """A safe loader that also knows the tags of data packages."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping, refusing a key that is there twice.

        Parameters
        ----------
        node, deep
            As PyYAML passes them.

        Returns
        -------
        mapping
            What PyYAML constructed.
        """
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise ValueError(f"the key {key.value!r:.80} is there twice")
                seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def _tuple(loader: Any, node: yaml.Node) -> tuple[Any, ...]:
    return tuple(loader.construct_sequence(node, deep=True))


def _property_list(loader: Any, node: yaml.Node) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for row in loader.construct_sequence(node, deep=True):
        if not isinstance(row, list) or len(row) != 4 or not isinstance(row[0], str):
            raise ValueError(f"a PropertyList row is [name, type, value, comment], found {row!r:.80}")
        name, kind, value, _ = row
        if name in table:
            raise ValueError(f"the PropertyList has {name!r} twice")
        table[name] = None if kind == "Undef" else value
    return table


def _integers(loader: Any, node: yaml.Node, name: str) -> list[int]:
    values = loader.construct_sequence(node, deep=True)
    if len(values) != 2 or not all(type(v) is int for v in values):
        raise ValueError(f"{name} is made of two integers, found {values!r:.80}")
    return values


def _point(loader: Any, node: yaml.Node) -> _Point:
    return _Point(*_integers(loader, node, "Point2I"))


def _extent(loader: Any, node: yaml.Node) -> _Extent:
    return _Extent(*_integers(loader, node, "Extent2I"))


def _box(loader: Any, node: yaml.Node) -> Box:
    match loader.construct_sequence(node, deep=True):
        case [_Point() as low, _Point() as high]:
            return Box(low.x, low.y, high.x - low.x + 1, high.y - low.y + 1)
        case [_Point() as low, _Extent() as size]:
            return Box(low.x, low.y, size.x, size.y)
        case other:
            raise ValueError(f"Box2I is made of a Point2I and a Point2I or Extent2I, found {other!r:.80}")


def _refuse(loader: Any, node: yaml.Node) -> Any:
    raise ValueError(f"the tag {node.tag!r} is not known")


CuratedLoader.add_constructor(_CORE + "python/tuple", _tuple)
CuratedLoader.add_constructor(PROPERTY_LIST, _property_list)
CuratedLoader.add_constructor(_APPLY + "Point2I", _point)
CuratedLoader.add_constructor(_APPLY + "Extent2I", _extent)
CuratedLoader.add_constructor(_APPLY + "Box2I", _box)
CuratedLoader.add_constructor(None, _refuse)


def _check_events(data: str, source: str, tags: frozenset[str]) -> None:
    """Refuse tags that are not known, deep nesting and exploding aliases."""
    # A frame is what one open collection expands to so far, with its anchor.
    frames: list[tuple[str | None, list[int]]] = [(None, [0])]
    sizes: dict[str, int] = {}
    for event in yaml.parse(data, Loader=_BaseLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, (size,) = frames.pop()
            if anchor is not None:
                sizes[anchor] = size
            frames[-1][1][0] += size
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise Gen2to3Error(
                    f"{source}: the alias {printable(event.anchor)} has nothing before it that it "
                    "stands for, or contains itself; the file is refused"
                )
            frames[-1][1][0] += sizes[event.anchor]
        elif isinstance(event, yaml.NodeEvent):
            tag = event.tag  # type: ignore[attr-defined]
            if tag not in (None, "!") and tag not in tags:
                line = event.start_mark.line + 1 if event.start_mark is not None else 0
                raise Gen2to3Error(
                    f"{source}: the YAML tag {printable(tag.replace(_CORE, '!!', 1))} "
                    f"(line {line}) is not one that a data package needs; "
                    "the file is refused"
                )
            if isinstance(event, yaml.ScalarEvent):
                frames[-1][1][0] += 1
                if event.anchor is not None:
                    sizes[event.anchor] = 1
            else:
                sizes.pop(event.anchor, None)  # type: ignore[arg-type]
                frames.append((event.anchor, [1]))
                if len(frames) > MAX_DEPTH:
                    raise Gen2to3Error(
                        f"{source}: nodes are nested deeper than {MAX_DEPTH}; the file is refused"
                    )
        else:
            continue
        if frames[-1][1][0] > MAX_NODES:
            raise Gen2to3Error(f"{source}: expands to more than {MAX_NODES} nodes; the file is refused")


def _text_value(value: Any) -> Any:
    """A metadata value as text, number, truth value, None or a list of them."""
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_text_value(v) for v in value]
    return value


def _metadata(mapping: Any, source: str) -> dict[str, Any]:
    if not isinstance(mapping, Mapping):
        raise Gen2to3Error(f"{source}: has no metadata: expected a mapping or a PropertyList")
    for key in mapping:
        if not isinstance(key, str):
            raise Gen2to3Error(f"{source}: the metadata key {key!r:.80} is not a text")
    return {key: _text_value(value) for key, value in mapping.items()}


def _parse_yaml(text: str, source: str) -> CuratedDocument:
    _check_events(text, source, _YAML_TAGS)
    loader = CuratedLoader(text)
    try:
        data = loader.get_single_data()
    finally:
        loader.dispose()
    if not isinstance(data, Mapping):
        raise Gen2to3Error(f"{source}: is not a mapping with the key 'metadata'")
    content = {key: value for key, value in data.items() if key != "metadata"}
    return CuratedDocument(source, _metadata(data.get("metadata"), source), content)


def _ecsv_header(text: str, source: str) -> str:
    # The same lines that astropy takes for the header, with or without a space.
    lines = []
    for line in text.split("\n"):
        line = line.strip()
        if line and not line.startswith("#"):
            break
        if line[1:]:
            lines.append(line[1:])
    if not lines or not _ECSV_VERSION.fullmatch(lines[0].strip()):
        raise Gen2to3Error(f"{source}: does not begin with '# %ECSV'; an ECSV table was expected")
    return textwrap.dedent("\n".join(lines[1:]))


def _parse_ecsv(text: str, source: str) -> CuratedDocument:
    import numpy as np
    from astropy.table import Table

    _check_events(_ecsv_header(text, source), source, _ECSV_TAGS)
    with warnings.catch_warnings():
        # Units that astropy does not know are kept as texts.
        warnings.simplefilter("ignore")
        table = Table.read(text.split("\n"), format="ascii.ecsv")
    if getattr(table, "has_masked_values", False):
        raise Gen2to3Error(f"{source}: the table has an empty cell; give it a value")
    units = {name: str(table[name].unit) for name in table.colnames if table[name].unit is not None}
    columns = {name: np.asarray(table[name]) for name in table.colnames}
    return CuratedDocument(source, _metadata(table.meta, source), columns, is_table=True, units=units)


def parse_document(data: bytes, source: str, extension: str) -> CuratedDocument:
    """Read the text of a curated calibration.

    Parameters
    ----------
    data
        Content of the file.
    source
        Name of the file, for messages.
    extension
        ``".yaml"`` or ``".ecsv"``.

    Returns
    -------
    document
        Metadata and content as plain data.

    Raises
    ------
    Gen2to3Error
        The file is not what it should be, holds a tag that is not known or
        expands beyond the bounds. The text names the file.
    """
    if data.startswith(LFS_MAGIC):
        raise Gen2to3Error(f"{source}: is a Git LFS pointer: run `git lfs pull` in the data package")
    try:
        text = data.decode("utf-8-sig")
        return _parse_yaml(text, source) if extension == ".yaml" else _parse_ecsv(text, source)
    except Gen2to3Error:
        raise
    except UnicodeDecodeError as exc:
        raise Gen2to3Error(f"{source}: is not a text in UTF-8: {exc.reason}") from exc
    except yaml.YAMLError as exc:
        raise Gen2to3Error(f"{source}: is not valid YAML: {printable(' '.join(str(exc).split()))}") from exc
    # Whatever else the loaders make of a damaged file: it is one reject.
    except Exception as exc:
        reason = printable(" ".join(str(exc).split()))[:300]
        raise Gen2to3Error(f"{source}: cannot be read as {extension[1:]}: {reason}") from exc


class FileText(NamedTuple):
    """The content of a file and what identifies it."""

    data: bytes
    sha256: str
    mtime_ns: int


def read_text(path: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> FileText:
    """Read a file of a data package.

    Parameters
    ----------
    path
        A regular file; a FIFO or device is refused and never waited for.
    max_bytes
        Largest size accepted.

    Raises
    ------
    Gen2to3Error
        The file cannot be read or is too large.
    """
    source = printable(Path(path))
    try:
        size = os.stat(path).st_size
        if size > max_bytes:
            raise Gen2to3Error(f"{source}: has {size} bytes, more than the {max_bytes} that are read")
        data = read_head(path, max_bytes + 1)
        mtime_ns = os.stat(path).st_mtime_ns
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
        raise Gen2to3Error(f"{source}: cannot be read: {reason}") from exc
    if len(data) > max_bytes:
        raise Gen2to3Error(f"{source}: has more than the {max_bytes} bytes that are read")
    return FileText(data, hashlib.sha256(data).hexdigest(), mtime_ns)


def load_document(file: CuratedFile) -> CuratedDocument:
    """Read the document of a file that was found before.

    Parameters
    ----------
    file
        One file of a package.

    Raises
    ------
    Gen2to3Error
        The file cannot be read or has changed since it was found.
    """
    source = printable(file.path)
    text = read_text(file.path)
    if text.sha256 != file.sha256:
        raise Gen2to3Error(f"{source}: has changed since the package was read; run the command again")
    return parse_document(text.data, source, Path(file.path).suffix.lower())
