"""A generated Gen2 repository as its registries describe it, read by plain SQL."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from converter.nouns import Gen2to3Error

from .. import registry
from ..camera import Calibration, Camera
from ..gen2.source import Gen2Source, open_source
from ..gen2.templates import Template
from .oracle import existing, quoted


@dataclass(frozen=True)
class Row:
    """A row of a registry that names a file.

    Parameters
    ----------
    database, table, number
        The registry, the table in it, and the row's id.
    values
        The row by column.
    root
        Directory that the file's path starts from.
    template
        Template of that path.
    path
        The file, with its compression suffix.
    calibration
        The calibration type that the row means, `None` for a raw.
    """

    database: Path
    table: str
    number: int
    values: Mapping[str, Any]
    root: Path
    template: Template
    path: str
    calibration: Calibration | None = None

    def __str__(self) -> str:
        return f"{self.database} table {self.table} row {self.number}"


@dataclass(frozen=True)
class Repository:
    """A Gen2 repository of a camera.

    Parameters
    ----------
    camera
        The camera.
    root
        Its root.
    calib
        Calibration roots relative to it, empty to look where the mapper looked.
    registered
        Whether the camera has an entry point; if not, it is made known as
        long as the repository is used.
    """

    camera: Camera
    root: Path
    calib: tuple[str, ...] = ()
    registered: bool = True

    @property
    def calib_roots(self) -> tuple[str, ...]:
        """Calibration roots to name in a recipe."""
        return tuple(str(self.root / c) for c in self.calib)

    @contextmanager
    def known(self) -> Iterator[None]:
        """Make the camera known for a while, if it is not registered."""
        with pytest.MonkeyPatch.context() as patch:
            if not self.registered:
                entry = registry.CameraEntry(self.camera.name, "contract", self.camera)
                patch.setattr(registry, "list_cameras", lambda: [entry])
            yield

    def source(self) -> Gen2Source:
        """Open it as a conversion does."""
        with self.known():
            return open_source(self.root, calib=self.calib_roots)

    def copy(self, directory: Path) -> Repository:
        """Copy all that was generated beside and below the root; ``directory`` must be new."""
        shutil.copytree(self.root.parent, directory, symlinks=True)
        return replace(self, root=directory / self.root.name)

    def raw_rows(self) -> list[Row]:
        """Rows of raws whose file is there."""
        source, raw = self.source(), self.camera.raw
        template = Template(raw.template)
        database = Path(source.raw_registry)
        return [
            Row(database, raw.table, number, values, source.raw_root, template, path)
            for number, values in read_table(database, raw.table)
            if (path := _file(source.raw_root, template, values)) is not None
        ]

    def master_rows(self) -> list[Row]:
        """Rows of masters whose file is there; a row may mean several types."""
        found = []
        for calib in self.source().calibs:
            database = Path(calib.registry)
            for c in self.camera.calibrations:
                template = Template(c.template)
                for number, values in read_table(database, c.table):
                    path = _file(calib.root, template, values)
                    if path is not None:
                        found.append(Row(database, c.table, number, values, calib.root, template, path, c))
        return found


def read_table(database: Path, table: str) -> list[tuple[int, dict[str, Any]]]:
    """Give the rows of a table with their ids, none if there is no such table."""
    with closing(connect(database)) as db:
        try:
            cursor = db.execute(f"SELECT rowid, * FROM {quoted(table)} ORDER BY rowid")  # noqa: S608
        except sqlite3.OperationalError:
            return []
        columns = [d[0] for d in cursor.description][1:]
        return [(number, dict(zip(columns, values, strict=True))) for number, *values in cursor]


def connect(database: Path, writable: bool = False) -> sqlite3.Connection:
    """Open a registry of the generated repository."""
    assert database.is_file(), f"{database or 'the registry'} is no SQLite file: the suite reads those only"
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode={'rw' if writable else 'ro'}", uri=True)


def columns_of(database: Path) -> dict[str, set[str]]:
    """Columns of every table of a registry."""
    with closing(connect(database)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: {row[1] for row in db.execute(f"PRAGMA table_info({quoted(name)})")} for name in tables}


def digest(root: Path) -> dict[str, tuple[str, int, int]]:
    """Content (sha256, or where a link leads), mode and mtime of all below a directory."""
    found = {}
    for path in [root, *sorted(root.rglob("*"))]:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            content = f"-> {os.readlink(path)}"
        elif stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            content = "directory"
        found[str(path.relative_to(root))] = (content, status.st_mode, status.st_mtime_ns)
    return found


def _file(root: Path, template: Template, values: Mapping[str, Any]) -> str | None:
    try:
        return existing(root, template.format(values))
    except Gen2to3Error:
        return None
