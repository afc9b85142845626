"""What a repository holds: read with the stock Butler, and from the disk."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from lsst.daf.butler import Butler, CollectionType

from converter.ledger import FILE_NAME
from converter.target import LOCK_NAME

Range = tuple[str, str, str, str, int, int]
"""Collection, dataset type, RUN, data ID, begin and end (TAI ns)."""

REGISTRY = "gen3.sqlite3"
OWN = ("butler.yaml", REGISTRY, FILE_NAME, LOCK_NAME)


@dataclass(frozen=True)
class Snapshot:
    """A repository at one time.

    Parameters
    ----------
    collections
        Type and children by name.
    datasets
        Dataset type, RUN and data ID by id.
    ranges
        All that is certified.
    paths
        Datastore's path by id of dataset.
    trash
        Ids of datasets whose files wait for being deleted.
    files
        SHA-256 by path, of everything but registry, configuration and ledger.
    directories
        Paths.
    """

    collections: dict[str, tuple[str, tuple[str, ...]]]
    datasets: dict[str, tuple[str, str, str]]
    ranges: frozenset[Range]
    paths: dict[str, str]
    trash: frozenset[str]
    files: dict[str, str]
    directories: frozenset[str]

    @property
    def core(self) -> tuple[object, ...]:
        """All but what nothing refers to."""
        known = set(self.paths.values())
        files = {path: digest for path, digest in self.files.items() if path in known}
        return self.collections, self.datasets, self.ranges, self.paths, self.trash, files

    @property
    def registry(self) -> tuple[object, ...]:
        """What a transaction of the Butler changes."""
        return self.collections, self.datasets, self.ranges

    @property
    def orphans(self) -> set[str]:
        """Files that nothing refers to."""
        return self.files.keys() - set(self.paths.values())

    def digest(self, id_: str) -> str:
        """SHA-256 of a dataset's file."""
        return self.files[self.paths[id_]]


def name_of(dataset: tuple[str, str, str]) -> str:
    """How the ledger names a dataset."""
    return " ".join(dataset)


def take(root: Path) -> Snapshot:
    """Read a repository; what a writer left behind who was killed stays as it is."""
    if not (root / f"{REGISTRY}-journal").exists():
        return _take(root, root)
    with tempfile.TemporaryDirectory() as copy:
        for name in ("butler.yaml", REGISTRY, f"{REGISTRY}-journal"):
            shutil.copyfile(root / name, Path(copy) / name)
        # Whoever may write to it takes back what was not committed.
        with closing(sqlite3.connect(Path(copy) / REGISTRY)) as db:
            db.execute("select count(*) from sqlite_master").fetchone()
        return _take(Path(copy), root)


def _take(root: Path, files_root: Path) -> Snapshot:
    with Butler.from_config(str(root)) as butler:
        infos = butler.collections.query_info("*")
        collections = {i.name: (i.type.name, tuple(i.children)) for i in infos}
        runs = [i.name for i in infos if i.type is CollectionType.RUN]
        refs = butler.query_all_datasets(runs, find_first=False, limit=None) if runs else ()
        datasets = {str(r.id): (r.datasetType.name, r.run, _data_id(r)) for r in refs}
        ranges = set()
        calibrations = [i.name for i in infos if i.type is CollectionType.CALIBRATION]
        for dataset_type in butler.registry.queryDatasetTypes() if calibrations else ():
            if not dataset_type.isCalibration():
                continue
            for row in butler.registry.queryDatasetAssociations(dataset_type, calibrations):
                assert row.timespan is not None
                span = row.timespan.nsec
                ranges.add((row.collection, dataset_type.name, row.ref.run, _data_id(row.ref), *span))
    with closing(sqlite3.connect(root / REGISTRY)) as db:
        paths = {_id(i): p for i, p in db.execute("select dataset_id, path from file_datastore_records")}
        located = {_id(i) for (i,) in db.execute("select dataset_id from dataset_location")}
        trash = {_id(i) for (i,) in db.execute("select dataset_id from dataset_location_trash")}
    assert located == paths.keys() - trash
    files, directories = _files(files_root)
    return Snapshot(collections, datasets, frozenset(ranges), paths, frozenset(trash), files, directories)


def _id(stored: str | bytes) -> str:
    return str(UUID(stored) if isinstance(stored, str) else UUID(bytes=stored))


def _data_id(ref: object) -> str:
    values = ref.dataId.required  # type: ignore[attr-defined]
    order = ("detector", "physical_filter", "exposure")
    return " ".join(f"{d}={values[d]}" for d in order if d in values)


def _files(root: Path) -> tuple[dict[str, str], frozenset[str]]:
    files: dict[str, str] = {}
    directories = set()
    for directory, below, names in os.walk(root):
        directories |= {str((Path(directory) / name).relative_to(root)) for name in below}
        for name in names:
            path = Path(directory) / name
            # SQLite leaves a journal after a kill, until the next write.
            if path.parent == root and name.removesuffix("-journal").startswith(OWN):
                continue
            files[str(path.relative_to(root))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return files, frozenset(directories)
