"""YAML as Gen2 wrote it, read without running anything.

The Gen2 middleware wrote ``repositoryCfg.yaml`` with the unsafe YAML dumper,
so real files carry Python tags. The few that occur are turned into plain data
here; nothing is imported or called, and every other tag is refused. What
aliases expand to and how deep nodes nest is bounded, so that a small file
cannot become a large structure.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import yaml

from adapters.gen2.files import LFS_MAGIC, printable, read_head
from converter.nouns import Gen2to3Error

MAX_BYTES = 4 * 1024 * 1024
"""Largest file read by default; a configuration with a whole camera policy in it is about 100 kB."""

MAX_NODES = 200_000
"""Most nodes after all aliases are expanded."""

MAX_DEPTH = 60
"""Deepest nesting, aliases followed."""

_CORE = "tag:yaml.org,2002:"


class Gen2Loader(yaml.SafeLoader):
    """A safe loader that also knows the tags Gen2 wrote.

    Parameters
    ----------
    data
        Content of the file.
    source
        Name of the file, for messages.
    """

    def __init__(self, data: bytes, source: str) -> None:
        super().__init__(data)
        self.source = source
        self.unique = False
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose one node, refusing to nest too deep.

        Parameters
        ----------
        parent, index
            As PyYAML passes them.

        Returns
        -------
        node
            What PyYAML composed.
        """
        # Stops before Python's own recursion limit does, and before the rest
        # of a hostile file is even scanned.
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._too_deep()
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def get_single_node(self) -> yaml.Node | None:
        """Compose the one document and check what it expands to.

        Returns
        -------
        node
            Root node, `None` for an empty document.
        """
        node = super().get_single_node()
        if node is not None:
            # Before construction, because merge keys are expanded in it.
            self._measure(node, {}, set(), 1)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping, refusing a repeated key where keys have to be unique.

        Parameters
        ----------
        node, deep
            As PyYAML passes them.

        Returns
        -------
        mapping
            What PyYAML constructed.
        """
        if self.unique:
            seen: set[str] = set()
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in seen:
                    raise Gen2to3Error(
                        f"{self.source}: line {key.start_mark.line + 1}: expected each key once, found "
                        f"{printable(key.value)} again; leave one of them out"
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def _too_deep(self) -> Gen2to3Error:
        return Gen2to3Error(f"{self.source}: nodes are nested deeper than {MAX_DEPTH}; the file is refused")

    def _measure(
        self, node: yaml.Node, known: dict[int, tuple[int, int]], open_nodes: set[int], depth: int
    ) -> tuple[int, int]:
        """Count the nodes under one and its height, with every alias expanded."""
        if id(node) in open_nodes:
            raise Gen2to3Error(f"{self.source}: an alias contains itself; the file is refused")
        size, height = known.get(id(node), (0, 0))
        if not size:
            if depth > MAX_DEPTH:
                raise self._too_deep()
            size, height = 1, 1
            open_nodes.add(id(node))
            for child in _children(node):
                child_size, child_height = self._measure(child, known, open_nodes, depth + 1)
                size += child_size
                height = max(height, child_height + 1)
                if size > MAX_NODES:
                    raise Gen2to3Error(
                        f"{self.source}: aliases expand to more than {MAX_NODES} nodes; the file is refused"
                    )
            open_nodes.discard(id(node))
            known[id(node)] = size, height
        if depth + height - 1 > MAX_DEPTH:
            raise self._too_deep()
        return size, height

    def _plain(self, node: yaml.Node) -> Any:
        """Any node as plain data, whatever its tag says."""
        if isinstance(node, yaml.MappingNode):
            return self.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return self.construct_sequence(node, deep=True)
        assert isinstance(node, yaml.ScalarNode)
        return self.construct_scalar(node)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _configuration(loader: Gen2Loader, node: yaml.Node) -> Any:
    if not isinstance(node, yaml.MappingNode):
        raise Gen2to3Error(f"{loader.source}: !RepositoryCfg_v1 is expected to be a mapping, and is none")
    return loader._plain(node)


def _python_name(loader: Gen2Loader, suffix: str, node: yaml.Node) -> str:
    return suffix


def _python_object(loader: Gen2Loader, suffix: str, node: yaml.Node) -> Any:
    value = loader._plain(node)
    return {} if value == "" else value


def _python_apply(loader: Gen2Loader, suffix: str, node: yaml.Node) -> list[Any]:
    value = loader._plain(node)
    if isinstance(value, dict):
        value = value.get("args", [])
    if isinstance(value, (list, tuple)):
        return list(value)
    return [] if value in ("", None) else [value]


def _python_tuple(loader: Gen2Loader, node: yaml.Node) -> tuple[Any, ...]:
    value = loader._plain(node)
    return tuple(value) if isinstance(value, list) else ()


def _refuse(loader: Gen2Loader, node: yaml.Node) -> Any:
    tag = node.tag.replace(_CORE, "!!", 1)
    raise Gen2to3Error(
        f"{loader.source}: the YAML tag {printable(tag)} (line {node.start_mark.line + 1}) "
        "is not one that a Gen2 repository uses; the file is refused"
    )


Gen2Loader.add_constructor("!RepositoryCfg_v1", _configuration)
Gen2Loader.add_constructor(_CORE + "python/tuple", _python_tuple)
Gen2Loader.add_multi_constructor(_CORE + "python/name:", _python_name)
Gen2Loader.add_multi_constructor(_CORE + "python/object:", _python_object)
Gen2Loader.add_multi_constructor(_CORE + "python/object/apply:", _python_apply)
Gen2Loader.add_constructor(None, _refuse)


def load_yaml(path: str | os.PathLike[str], max_bytes: int = MAX_BYTES, unique: bool = False) -> Any:
    """Read a YAML file of a Gen2 repository as plain data.

    Parameters
    ----------
    path
        File to read.
    max_bytes
        Largest size accepted.
    unique
        Whether a key that a mapping has twice is an error; else the last one
        counts, as for Gen2.

    Returns
    -------
    data
        Mappings, lists, tuples and scalars; ``!!python/name:a.b`` is the text
        ``a.b``, ``!!python/object:`` the mapping it carries and
        ``!!python/object/apply:`` the list of its arguments.

    Raises
    ------
    Gen2to3Error
        If the file cannot be read, is too large, is no YAML, holds a tag that
        is not known, or expands beyond the bounds. The text names the file.
    """
    source = printable(Path(path))
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Gen2to3Error(f"{source}: is not a regular file; a YAML file was expected")
        data = read_head(path, max_bytes + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
        raise Gen2to3Error(f"{source}: cannot be read: {reason}") from exc
    if len(data) > max_bytes:
        raise Gen2to3Error(f"{source}: is larger than {max_bytes} bytes; a small YAML file was expected")
    if data.startswith(LFS_MAGIC):
        raise Gen2to3Error(f"{source}: is a Git LFS pointer: run `git lfs pull` in the source repository")
    try:
        loader = Gen2Loader(data, source)
        loader.unique = unique
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as exc:
        raise Gen2to3Error(f"{source}: is not valid YAML: {printable(' '.join(str(exc).split()))}") from exc
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as exc:
        # What PyYAML's own scalar constructors raise, for example for a date
        # with month 13.
        raise Gen2to3Error(f"{source}: holds a value that cannot be read: {printable(exc)}") from exc
