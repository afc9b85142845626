"""Every file that a Butler's datastore refers to, read in bulk."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from urllib.parse import unquote

from lsst.daf.butler import Butler, CollectionType
from lsst.resources import ResourcePath

from .nouns import DataId
from .planning.items import dataset_name
from .target import is_readable

BATCH = 20_000
"""Datasets whose records are asked for at once: bounds memory, not work."""


@dataclass(slots=True)
class StoredFile:
    """One file that the datastore refers to.

    Parameters
    ----------
    path
        Absolute path of a local file, otherwise a URI.
    root
        Local directory of the datastore that the file belongs to, ``""`` for
        a file that is only referred to (``direct``) or not local.
    size
        Size as recorded, `None` if it is not.
    datasets
        Names of its datasets, as the ledger has them.
    """

    path: str
    root: str
    size: int | None
    datasets: list[str] = field(default_factory=list)

    @property
    def is_local(self) -> bool:
        """Whether ``path`` is a path."""
        return "://" not in self.path


@dataclass
class Stored:
    """What a repository stores.

    Parameters
    ----------
    files
        By path.
    without_file
        Names of datasets of the registry that the datastore has no file for.
    """

    files: dict[str, StoredFile] = field(default_factory=dict)
    without_file: list[str] = field(default_factory=list)


def read_stored(butler: Butler) -> Stored:
    """All files of all RUNs, whoever wrote them.

    A query per dataset type, and the datastore's bulk method for its records.
    """
    stored = Stored()
    runs = sorted(butler.collections.query("*", collection_types={CollectionType.RUN}))
    roots = {name: root for name, root in butler.get_datastore_roots().items() if root is not None}
    for dataset_type in sorted(butler.registry.queryDatasetTypes(), key=lambda t: t.name) if runs else ():
        required = [d for d in dataset_type.dimensions.required if d != "instrument"]
        named = is_readable(dataset_type)
        with butler.query() as query:
            found = list(query.datasets(dataset_type, runs, find_first=False))
        for first in range(0, len(found), BATCH):
            refs = found[first : first + BATCH]
            names = {
                ref.id: dataset_name(
                    dataset_type.name, ref.run, DataId(**{d: ref.dataId[d] for d in required})
                )
                if named
                else str(ref)
                for ref in refs
            }
            # Only the attribute is private; see `converter.answers.stored_files`.
            for store, data in butler._datastore.export_records(refs).items():
                for dataset_id, tables in data.records.items():
                    for info in (i for infos in tables.values() for i in infos):
                        _add(stored, names[dataset_id], info.path, info.file_size, roots.get(store))
                    names.pop(dataset_id, None)
            stored.without_file += names.values()
    return stored


def _add(stored: Stored, dataset: str, recorded: str, size: int, root: ResourcePath | None) -> None:
    path, inside = _locate(recorded, root)
    path, _, member = path.partition("#unzip=")
    file = stored.files.get(path)
    if file is None:
        known = None if size < 0 or member else size
        file = stored.files[path] = StoredFile(
            path, root.ospath if inside and root is not None else "", known
        )
    file.datasets.append(dataset)


def _locate(recorded: str, root: ResourcePath | None) -> tuple[str, bool]:
    """Where a file is, and whether it is one that a local datastore keeps itself."""
    if recorded.startswith("file:///") and not any(c in recorded for c in "?#;"):
        return unquote(recorded.removeprefix("file://")), False
    if "://" not in recorded and root is not None and root.isLocal:
        return os.path.join(root.ospath, recorded), True
    uri = ResourcePath(recorded, root=root, forceAbsolute=False, forceDirectory=False)
    return (uri.ospath if uri.isLocal else str(uri)), False
