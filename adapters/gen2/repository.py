"""Where the parts of a Gen2 repository are: its parents, registries and calibration root."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from adapters.gen2.files import printable, read_head
from adapters.gen2.safe_yaml import load_yaml
from converter.nouns import Gen2to3Error, UsageError

CONFIG = "repositoryCfg.yaml"
REGISTRY = "registry"
CALIB_REGISTRY = "calibRegistry"
_V1_MARKS = ("_mapper", "_parent", "registry.sqlite3", "registry.pgsql")
_MAPPER = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


@dataclass(frozen=True)
class Gen2Root:
    """One Gen2 repository and the chain it hangs on.

    Parameters
    ----------
    root
        Absolute path of the repository.
    mapper
        Dotted name of the mapper class, its own or the first parent's.
    parents
        Real paths of all parents, each directly followed by its own, as Gen2
        searched them; none twice, and never the root itself.
    calib_root
        Calibration root that the configuration declares (the first along the
        chain), whether it exists or not; `None` if none is declared.
    policy
        The repository's own policy, which overrides the mapper's.
    style
        ``v2`` if ``repositoryCfg.yaml`` is present, else ``v1``.
    missing_parents
        Parents as declared that are not on this machine.
    """

    root: Path
    mapper: str
    parents: tuple[Path, ...]
    calib_root: Path | None
    policy: Mapping[str, Any] = field(hash=False)
    style: Literal["v1", "v2"]
    missing_parents: tuple[str, ...] = ()

    @property
    def chain(self) -> tuple[Path, ...]:
        """The root and its parents, in the order they are searched."""
        return (self.root, *self.parents)


@dataclass(frozen=True)
class RegistryLocation:
    """Where a registry is.

    Parameters
    ----------
    path
        SQLite file, or the YAML file that says how to reach PostgreSQL.
    kind
        Which of the two.
    """

    path: Path
    kind: Literal["sqlite", "pgsql"]


@dataclass(frozen=True)
class _Parent:
    """A parent as declared: text for messages, path if local, nested node if given."""

    text: str
    path: Path | None
    node: _Node | None = None


@dataclass(frozen=True)
class _Node:
    """What one directory, or one nested configuration node, says of itself."""

    root: Path
    style: Literal["v1", "v2"]
    mapper: str | None
    parents: tuple[_Parent, ...]
    calib_root: Path | None = None
    policy: Mapping[str, Any] = field(default_factory=dict)


def read_root(root: str | os.PathLike[str]) -> Gen2Root:
    """Recognise a Gen2 repository and read what it says about itself.

    Parameters
    ----------
    root
        Directory of the repository.

    Returns
    -------
    gen2_root
        The repository, its mapper and its parents.

    Raises
    ------
    UsageError
        If there is no such directory, it is no Gen2 repository, no mapper is
        declared along the chain, or ``repositoryCfg.yaml`` is malformed.
    """
    given = Path(root)
    shown = printable(given)
    if not os.path.exists(given):
        raise UsageError(f"Gen2 root {shown} does not exist")
    if not os.path.isdir(given):
        raise UsageError(f"Gen2 root {shown} is not a directory")
    node = _read_directory(_absolute(given))
    if node is None:
        hint = "; it holds butler.yaml: a Gen3 repository" if os.path.exists(given / "butler.yaml") else ""
        raise UsageError(
            f"{shown} is not a Gen2 repository: none of {', '.join((CONFIG, *_V1_MARKS))} is in it{hint}"
        )
    parents, missing, nodes = _walk_parents(node)
    mapper = next((n.mapper for n in nodes if n.mapper), None)
    if mapper is None:
        searched = ", ".join(printable(n.root) for n in nodes)
        raise UsageError(f"{shown}: no mapper is declared (looked for _mapper and {CONFIG} in: {searched})")
    return Gen2Root(
        root=node.root,
        mapper=mapper,
        parents=tuple(parents),
        calib_root=next((n.calib_root for n in nodes if n.calib_root), None),
        policy=node.policy,
        style=node.style,
        missing_parents=tuple(dict.fromkeys(missing)),
    )


def _absolute(path: Path) -> Path:
    # The user's own name of the root is kept (it may be a stable link), except
    # that ".." after a link cannot be removed by looking at the text alone.
    return Path(os.path.realpath(path)) if ".." in path.parts else Path.cwd() / path


def _walk_parents(top: _Node) -> tuple[list[Path], list[str], list[_Node]]:
    """All parents depth first, those not here, and every node read."""
    seen = {os.path.realpath(top.root)}
    parents: list[Path] = []
    missing: list[str] = []
    nodes = [top]
    waiting = list(reversed(top.parents))
    while waiting:
        parent = waiting.pop()
        node = parent.node
        if parent.path is not None and os.path.isdir(parent.path):
            real = os.path.realpath(parent.path)
            if real in seen:
                continue
            seen.add(real)
            parents.append(Path(real))
            # What the directory says now is newer than a copy of it elsewhere.
            node = _read_directory(Path(real)) or node
        else:
            missing.append(parent.text)
        if node is not None:
            nodes.append(node)
            waiting.extend(reversed(node.parents))
    return parents, missing, nodes


def _read_directory(directory: Path) -> _Node | None:
    """What a directory says about itself, `None` if it is no Gen2 repository."""
    if os.path.lexists(directory / CONFIG):
        return _read_config(directory)
    if not any(os.path.lexists(directory / name) for name in _V1_MARKS):
        return None
    parents: tuple[_Parent, ...] = ()
    link = directory / "_parent"
    if os.path.lexists(link):
        text = os.readlink(link) if link.is_symlink() else str(link)
        parents = (_Parent(text, link),)
    return _Node(directory, "v1", _read_mapper_file(directory / "_mapper"), parents)


def _read_mapper_file(path: Path) -> str | None:
    if not os.path.lexists(path):
        return None
    try:
        text = read_head(path, 4096).decode("utf-8", "replace")
    except OSError as exc:
        raise UsageError(f"{printable(path)} cannot be read: {exc.strerror or exc}") from exc
    return _mapper_name(text.split("\n", 1)[0].strip(), path)


def _mapper_name(value: Any, source: Path) -> str:
    if not isinstance(value, str) or not _MAPPER.fullmatch(value):
        found = printable(repr(value))[:120]
        raise UsageError(f"{printable(source)}: expected the dotted name of a mapper class, found {found}")
    return value


def _read_config(directory: Path) -> _Node:
    path = directory / CONFIG
    try:
        data = load_yaml(path)
    except Gen2to3Error as exc:
        raise UsageError(str(exc)) from exc
    node = _config_node(data, path, Path(os.path.realpath(directory)))
    own = data.get("_root")
    if own is None:
        return replace(node, root=directory)
    if not os.path.isdir(node.root):
        raise UsageError(f"{printable(path)}: its _root {printable(own)} does not exist")
    return node


def _config_node(data: Any, source: Path, base: Path) -> _Node:
    """Turn a ``!RepositoryCfg_v1`` mapping into a node; ``base`` is what relative paths hang on."""
    if not isinstance(data, dict) or not {"_mapper", "_parents", "_mapperArgs"} & data.keys():
        raise _malformed(source, "a !RepositoryCfg_v1 mapping with _mapper or _parents", data)
    own = data.get("_root")
    if own is not None and not isinstance(own, str):
        raise _malformed(source, "_root as text or null", own)
    root = (_local(own, base) or base) if own else base
    arguments = data.get("_mapperArgs") or {}
    if not isinstance(arguments, dict):
        raise _malformed(source, "_mapperArgs as a mapping or null", arguments)
    policy = data.get("_policy") or {}
    if not isinstance(policy, dict):
        raise _malformed(source, "_policy as a mapping or null", policy)
    if isinstance(policy.get("data"), dict):
        policy = policy["data"]
    declared = data.get("_parents")
    items = [] if declared is None else [declared] if isinstance(declared, str) else declared
    if not isinstance(items, (list, tuple)):
        raise _malformed(source, "_parents as a list or null", declared)
    mapper = data.get("_mapper")
    calib = arguments.get("calibRoot") or policy.get("calibRoot")
    if calib is not None and not isinstance(calib, str):
        raise _malformed(source, "calibRoot as text", calib)
    return _Node(
        root=root,
        style="v2",
        mapper=None if mapper is None else _mapper_name(mapper, source),
        parents=tuple(_declared_parent(item, source, root) for item in items),
        calib_root=_local(calib, root) if calib else None,
        policy=policy,
    )


def _declared_parent(item: Any, source: Path, root: Path) -> _Parent:
    if isinstance(item, str):
        return _Parent(item, _local(item, root))
    node = _config_node(item, source, root)
    own = item.get("_root")
    if not own:
        # It says where its own parents are, but not where it is itself.
        return _Parent(f"(a parent without _root in {printable(source)})", None, node)
    return _Parent(own, _local(own, root), node)


def _local(text: str, base: Path) -> Path | None:
    """Path that a declared text means, `None` if it is not a local one."""
    if "\0" in text:
        return None
    parts = urlsplit(text) if "://" in text or text.startswith("file:") else None
    if parts is not None:
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            return None
        text = unquote(parts.path)
    return Path(os.path.realpath(base / text))


def _malformed(source: Path, expected: str, found: Any) -> UsageError:
    return UsageError(
        f"{printable(source)} is malformed: expected {expected}, found {printable(repr(found))[:80]}"
    )


def registry_in(directory: Path, name: str = REGISTRY) -> RegistryLocation | None:
    """Look for a registry in one directory.

    Parameters
    ----------
    directory
        Repository or calibration root.
    name
        ``registry`` or ``calibRegistry``.

    Returns
    -------
    location
        The PostgreSQL one if both are there, as Gen2 did; `None` if neither is.
    """
    pgsql = directory / f"{name}.pgsql"
    if os.path.lexists(pgsql):
        return RegistryLocation(pgsql, "pgsql")
    sqlite = directory / f"{name}.sqlite3"
    return RegistryLocation(sqlite, "sqlite") if os.path.lexists(sqlite) else None


def find_registry(root: Gen2Root, name: str = REGISTRY) -> RegistryLocation:
    """Find the registry that Gen2 would have opened.

    Parameters
    ----------
    root
        The repository; a rerun has no registry and uses its parents'.
    name
        ``registry`` or ``calibRegistry``.

    Returns
    -------
    location
        The first along the root and its parents.

    Raises
    ------
    UsageError
        If there is none.
    """
    for directory in root.chain:
        if location := registry_in(directory, name):
            return location
    searched = ", ".join(printable(d) for d in root.chain)
    gone = ", ".join(map(printable, root.missing_parents))
    gone = f"; declared parents that are not on this machine: {gone}" if gone else ""
    raise UsageError(f"no {name}.pgsql or {name}.sqlite3 found in: {searched}{gone}")


def find_calib_roots(root: Gen2Root, explicit: Sequence[Path], search: bool) -> tuple[Path, ...]:
    """Find where the calibrations are.

    Parameters
    ----------
    root
        The repository.
    explicit
        Directories that the user names, relative to the working directory or
        else to the root. They win over all else.
    search
        Whether the camera's mapper searched ``CALIB`` in the root and its
        parents (HSC and LSST cameras did, DECam and CFHT did not).

    Returns
    -------
    calib_roots
        The named directories, or the one that Gen2 would have used, or none.

    Raises
    ------
    UsageError
        If a named directory holds no calibration registry, or a ``CALIB``
        that would be searched is a link that leads out of the repository and
        its parents.
    """
    if explicit:
        return tuple(dict.fromkeys(_named_calib_root(root, Path(path)) for path in explicit))
    if root.calib_root is not None and registry_in(root.calib_root, CALIB_REGISTRY):
        return (root.calib_root,)
    if not search:
        return (root.root,) if registry_in(root.root, CALIB_REGISTRY) else ()
    for directory in [d / "CALIB" for d in root.chain] + [*root.parents, root.root]:
        if registry_in(directory, CALIB_REGISTRY):
            _require_inside(directory, root)
            return (directory,)
    return ()


def _named_calib_root(root: Gen2Root, path: Path) -> Path:
    candidates = [_absolute(path)] if path.is_absolute() else [_absolute(path), root.root / path]
    directory = next((c for c in candidates if os.path.exists(c)), None)
    if directory is None:
        looked = ", ".join(map(printable, candidates))
        raise UsageError(f"calibration root {printable(path)} does not exist (looked at: {looked})")
    names = f"{CALIB_REGISTRY}.sqlite3 or {CALIB_REGISTRY}.pgsql"
    if not os.path.isdir(directory):
        raise UsageError(
            f"calibration root {printable(path)} is not a directory; name the one that holds {names}"
        )
    if registry_in(directory, CALIB_REGISTRY) is None:
        raise UsageError(f"calibration root {printable(directory)} holds no {names}")
    return directory


def _require_inside(directory: Path, root: Gen2Root) -> None:
    real = Path(os.path.realpath(directory))
    if not any(real.is_relative_to(os.path.realpath(d)) for d in root.chain):
        raise UsageError(
            f"{printable(directory)} leads out of the repository to {printable(real)}; "
            f"if that is meant, name it: --calib {printable(real)}"
        )
