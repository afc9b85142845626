"""A Gen2 repository opened: where everything is, tables read, files indexed.

Opened once, read-only; `adapters.gen2.raws` and `adapters.gen2.masters` turn
it into nouns.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from converter.nouns import Gen2to3Error, Reject, Skip, UsageError

from ..camera import Calibration, Camera, RegistryFile
from ..registry import detect_camera, get_camera
from .directory import DirectoryIndex, FileEntry, unsafe
from .keys import Row
from .lookup import CalibRoot, Table
from .overrides import with_templates
from .registries import MAX_ROWS, open_registry
from .repository import Gen2Root, find_calib_roots, find_registry, read_root, registry_in
from .serial_files import SerialFiles
from .tables import read_table, read_tables, report_unknown_tables
from .templates import Template

LINK_TO_NOTHING = "is a link to nothing; restore the file that it names"


@dataclass(frozen=True)
class Beside:
    """A registry beside the calibRegistry: its name for messages, and its directory relative to the root."""

    registry: str
    base: str


@dataclass(frozen=True)
class CalibSource:
    """One calibration root: its tables and files.

    ``missing`` lists the tables that the camera knows and the registry lacks;
    ``beside`` the further registries, by the tables that were read from them.
    """

    root: Path
    registry: str
    tables: dict[str, Table]
    missing: tuple[str, ...]
    index: DirectoryIndex
    beside: Mapping[str, Beside] = field(default_factory=dict)

    @cached_property
    def for_lookup(self) -> CalibRoot:
        """What the Gen2 lookup needs of it."""
        return CalibRoot(str(self.root), self.tables, self.locate, self.locate_row)

    def registry_of(self, table: str) -> str:
        """The registry that a table was read from."""
        return self.beside[table].registry if table in self.beside else self.registry

    def base_of(self, table: str) -> str:
        """Directory of the registry that a table was read from, relative to the root."""
        return self.beside[table].base if table in self.beside else ""

    @property
    def registries(self) -> tuple[str, ...]:
        """All registries that were read."""
        return tuple(dict.fromkeys((self.registry, *(b.registry for b in self.beside.values()))))

    def serial_files(self, calibration: Calibration) -> SerialFiles:
        """The files of a type that is listed by serial numbers."""
        known = self._serial_files.get(calibration.dataset_type)
        if known is None:
            base = self.base_of(calibration.table)
            known = SerialFiles(calibration, self.root, base, self.index)
            self._serial_files[calibration.dataset_type] = known
        return known

    def locate_row(self, calibration: Calibration, row: Row) -> str | None:
        """Absolute path of the file of a row that is listed by serial numbers, `None` if it is not there."""
        try:
            found = self.serial_files(calibration).find(row)
        except Gen2to3Error:
            return None
        if isinstance(found, str) or found.entry.kind != "file":
            return None
        return f"{self.root}/{found.relative}"

    @cached_property
    def _serial_files(self) -> dict[str, SerialFiles]:
        return {}

    def locate(self, relative: str) -> str | None:
        """Absolute path of a file by its template path, `None` if it is not there (or leads out of the root)."""
        if unsafe(relative):
            return None
        found = self.index.entry(relative)
        return None if found is None or found[1].kind != "file" else f"{self.root}/{found[0]}"


@dataclass(frozen=True)
class Gen2Source:
    """A Gen2 repository, read.

    Parameters
    ----------
    camera
        The camera it belongs to.
    root
        The root and its parents.
    raw_root
        The directory with the raw registry (a parent for reruns).
    raw_registry
        The registry's name for messages.
    raw_tables
        Tables of the raw registry.
    raw_index
        Files below ``raw_root``.
    calibs
        Calibration roots, in the order in which Gen2 asked them.
    rejects, skips
        What could not be opened, and why.
    """

    camera: Camera
    root: Gen2Root
    raw_root: Path
    raw_registry: str
    raw_tables: dict[str, Table]
    raw_index: DirectoryIndex
    calibs: tuple[CalibSource, ...]
    rejects: tuple[Reject, ...]
    skips: tuple[Skip, ...]

    @property
    def digest(self) -> str:
        """Tells whether all files are as they were, see `adapters.gen2.directory.DirectoryIndex`."""
        return " ".join(index.digest for index in (self.raw_index, *(c.index for c in self.calibs)))

    def fingerprint(self) -> str:
        """Path, size and modification time of the registries that were read.

        ``""`` if one of them is a database, whose changes a file does not show.
        """
        lines = []
        for name in sorted({self.raw_registry, *(r for c in self.calibs for r in c.registries)} - {""}):
            for part in (name, f"{name}-wal"):
                try:
                    status = os.stat(part)
                except OSError:
                    continue
                lines.append(f"{part} {status.st_size} {status.st_mtime_ns}")
            if not name.endswith(".sqlite3"):
                return ""
        return "\n".join(lines)


def why_not(entry: FileEntry) -> str:
    """Why what was found under a name is not read, ``""`` if it is a file."""
    return {
        "file": "",
        "outside": "is a link that leads out of the source; allow its target with --allow-outside DIR",
        "dangling": LINK_TO_NOTHING,
        "special": "is no regular file; remove it from the source",
    }[entry.kind]


def open_source(
    root: str | Path,
    camera: str = "",
    calib: Sequence[str] = (),
    allowed: Sequence[str] = (),
    templates: Mapping[str, str] | None = None,
    max_rows: int = MAX_ROWS,
) -> Gen2Source:
    """Open a Gen2 repository read-only.

    Parameters
    ----------
    root
        Gen2 root.
    camera
        Camera name, ``""`` to find it from the mapper.
    calib
        Calibration roots, empty to look where the Gen2 mapper looked.
    allowed
        Directories outside to which links may lead.
    templates
        Path templates by dataset type, instead of the camera's own.
    max_rows
        Most rows to read of one table of a registry.

    Raises
    ------
    UsageError
        The root is missing or no Gen2 root, its camera is not supported, or a
        template cannot be used.
    """
    gen2_root = read_root(root)
    chosen = get_camera(camera) if camera else detect_camera(gen2_root.mapper)
    if templates:
        chosen = with_templates(chosen, templates)
    rejects: list[Reject] = []
    skips: list[Skip] = []
    raw_root, raw_registry, raw_tables = _read_raw_registry(gen2_root, chosen, rejects, skips, max_rows)
    directories = find_calib_roots(gen2_root, [Path(c) for c in calib], chosen.searches_for_calib)
    if not directories:
        _report_no_calib_root(gen2_root, chosen, rejects, skips)
    declared = declared_directories(gen2_root, directories, allowed)
    calibs = tuple(_read_calib_root(d, chosen, declared, rejects, skips, max_rows) for d in directories)
    index = index_raws(raw_root, directories, declared)
    return Gen2Source(
        chosen,
        gen2_root,
        raw_root,
        raw_registry,
        raw_tables,
        index,
        calibs,
        tuple(rejects),
        tuple(skips),
    )


def declared_directories(root: Gen2Root, calibs: Sequence[Path], allowed: Sequence[str]) -> tuple[Path, ...]:
    """All directories in which links may lead to files."""
    return (*root.chain, *calibs, *map(Path, allowed))


def index_raws(raw_root: Path, calibs: Sequence[Path], declared: Sequence[Path]) -> DirectoryIndex:
    """Walk a raw root, but for what is walked as a calibration root, and for reruns."""
    inside = {d.resolve() for d in calibs} - {raw_root.resolve()}
    return DirectoryIndex(
        raw_root, declared, prune=lambda rel: rel == "rerun" or (raw_root / rel).resolve() in inside
    )


def _report_no_calib_root(root: Gen2Root, camera: Camera, rejects: list[Reject], skips: list[Skip]) -> None:
    """No calibrations are nothing bad, but a place for them that lacks its registry is."""
    expected = root.calib_root
    if expected is None and camera.searches_for_calib and (root.root / "CALIB").is_dir():
        expected = root.root / "CALIB"
    if expected is None:
        why = "no calibration root with a calibRegistry was found; name one with --calib"
        skips.append(Skip(str(root.root), why))
        return
    why = (
        "no calibRegistry.sqlite3 or calibRegistry.pgsql was found there; "
        "restore it, or name another calibration root with --calib"
    )
    rejects.append(Reject(f"{expected}: calibration registry", why))


def _read_raw_registry(
    root: Gen2Root, camera: Camera, rejects: list[Reject], skips: list[Skip], max_rows: int
) -> tuple[Path, str, dict[str, Table]]:
    wanted = {camera.raw.table, *(c.lookup.reference for c in camera.calibrations if c.lookup.reference)}
    try:
        location = find_registry(root)
        with open_registry(location, max_rows) as registry:
            tables = {name: read_table(registry, name) for name in sorted(wanted) if registry.has_table(name)}
            if camera.raw.table not in tables:
                raise Gen2to3Error(
                    f"{registry.source}: table {camera.raw.table} is missing, found "
                    f"{', '.join(registry.tables()) or 'no table'}; no raw can be converted, "
                    "copy the registry again from its origin"
                )
            _require_raw_columns(camera, tables[camera.raw.table], registry.source)
            for name in sorted(wanted - set(tables)):
                why = "table is missing: Gen2 could not complete the lookups that ask it"
                skips.append(Skip(f"{registry.source}: table {name}", why))
            return location.path.parent, registry.source, tables
    except Gen2to3Error as exc:
        rejects.append(Reject(f"{root.root}: raw registry", str(exc)))
        return root.root, "", {}


def _require_raw_columns(camera: Camera, table: Table, source: str) -> None:
    raw = camera.raw
    needed = (raw.exposure, raw.detector, raw.filter, raw.time.name, *Template(raw.template).keys)
    for column in needed:
        if column not in table.columns:
            raise Gen2to3Error(
                f"{source}: table {raw.table} has no column {column}, found {', '.join(table.columns)}; "
                "is it the registry of another camera?"
            )


def _read_calib_root(
    directory: Path,
    camera: Camera,
    allowed: Sequence[Path],
    rejects: list[Reject],
    skips: list[Skip],
    max_rows: int,
) -> CalibSource:
    tables: dict[str, Table] = {}
    missing: tuple[str, ...] = ()
    source = str(directory)
    try:
        location = registry_in(directory, "calibRegistry")
        if location is None:
            raise UsageError(f"{directory} has no calibRegistry.sqlite3; give the directory that has one")
        source, tables, missing = read_tables(location, camera, rejects, skips, max_rows)
    except Gen2to3Error as exc:
        rejects.append(Reject(f"{directory}: calibration registry", str(exc)))
    beside = _read_beside(directory, camera, tables, rejects, skips, max_rows)
    index = DirectoryIndex(directory, allowed)
    return CalibSource(directory, source, tables, missing, index, beside)


def _read_beside(
    directory: Path,
    camera: Camera,
    tables: dict[str, Table],
    rejects: list[Reject],
    skips: list[Skip],
    max_rows: int,
) -> dict[str, Beside]:
    """Read the registries that the camera declares beside the calibRegistry; that one is not there is no news."""
    wanted: dict[RegistryFile, set[str]] = {}
    for c in camera.calibrations:
        if c.registry is not None:
            wanted.setdefault(c.registry, set()).update((c.table, c.lookup_table))
    beside: dict[str, Beside] = {}
    for declared, names in wanted.items():
        places = ((base, registry_in(directory / base, declared.name)) for base in declared.directories)
        found = next(((base, place) for base, place in places if place is not None), None)
        if found is None:
            continue
        base, location = found
        try:
            with open_registry(location, max_rows) as registry:
                there = [name for name in sorted(names) if registry.has_table(name)]
                for name in sorted(names - set(there)):
                    why = f"table is missing, found {', '.join(registry.tables()) or 'no table'}"
                    skips.append(Skip(f"{registry.source}: table {name}", why))
                for name in there:
                    try:
                        tables[name] = read_table(registry, name)
                        beside[name] = Beside(registry.source, base)
                    except Gen2to3Error as exc:
                        rejects.append(Reject(f"{registry.source}: table {name}", str(exc)))
                report_unknown_tables(registry, names, camera, skips)
        except Gen2to3Error as exc:
            rejects.append(Reject(f"{directory}: {declared.name}", str(exc)))
    return beside
