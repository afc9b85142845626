"""Every file that a Butler's datastore refers to, read in bulk."""

from __future__ import annotations

from dataclasses import dataclass, field

from lsst.daf.butler import Butler, CollectionType

from . import datastore
from .datastore import stored_records
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
    for dataset_type in sorted(butler.registry.queryDatasetTypes(), key=lambda t: t.name) if runs else ():
        required = [d for d in dataset_type.dimensions.required if d != "instrument"]
        named = is_readable(dataset_type)
        with butler.query() as query:
            found = list(query.datasets(dataset_type, runs, find_first=False))
        for first in range(0, len(found), BATCH):
            refs = found[first : first + BATCH]
            names = {
                str(ref.id): dataset_name(
                    dataset_type.name, ref.run, DataId(**{d: ref.dataId[d] for d in required})
                )
                if named
                else str(ref)
                for ref in refs
            }
            found_ids = set()
            for record in stored_records(butler, refs):
                _add(stored, names[record.dataset_id], record)
                found_ids.add(record.dataset_id)
            stored.without_file += [name for id_, name in names.items() if id_ not in found_ids]
    return stored


def _add(stored: Stored, dataset: str, record: datastore.Stored) -> None:
    path, _, member = record.path.partition(datastore.ZIP_MEMBER)
    file = stored.files.get(path)
    if file is None:
        file = stored.files[path] = StoredFile(path, record.root, None if member else record.size)
    file.datasets.append(dataset)
