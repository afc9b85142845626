"""What the datastore says of the files of datasets, in bulk. Reads only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

from lsst.daf.butler import Butler, DatasetRef
from lsst.resources import ResourcePath

ZIP_MEMBER = "#zip-path="
"""What stands between a zip file and a member of it in a path."""


class Stored(NamedTuple):
    """One file of a dataset.

    Attributes
    ----------
    dataset_id
        Of the dataset.
    path
        Absolute path of a local file, otherwise a URI.
    root
        Local directory of the datastore that keeps the file itself, ``""``
        for a file that is only referred to (``direct``) or not local.
    size
        Bytes as recorded when it came into the repository, `None` if they
        are not.
    formatter
        Full name of the formatter class.
    component
        Part of the dataset that the file is, ``""`` for all of it.
    """

    dataset_id: str
    path: str
    root: str
    size: int | None
    formatter: str
    component: str

    @property
    def is_local(self) -> bool:
        """Whether ``path`` is a path."""
        return "://" not in self.path


def stored_records(butler: Butler, refs: Iterable[DatasetRef]) -> Iterator[Stored]:
    """All files of datasets."""
    # The public Butler.getURI asks for one dataset at a time; this is the
    # Datastore's documented method for many, only the attribute is private.
    roots = butler.get_datastore_roots()
    for store, data in butler._datastore.export_records(refs).items():
        root = roots.get(store)
        for dataset_id, tables in data.records.items():
            for info in (i for infos in tables.values() for i in infos):
                path, inside = _locate(info.path, root)
                yield Stored(
                    str(dataset_id),
                    path,
                    root.ospath if inside and root is not None else "",
                    info.file_size if info.file_size >= 0 else None,
                    info.formatter,
                    info.component or "",
                )


def stored_files(butler: Butler, refs: Iterable[DatasetRef]) -> dict[str, str]:
    """Where the files of datasets are, by dataset id."""
    return {stored.dataset_id: stored.path for stored in stored_records(butler, refs)}


def _locate(recorded: str, root: ResourcePath | None) -> tuple[str, bool]:
    """Where a file is, and whether it is one that a local datastore keeps itself."""
    if recorded.startswith("file:///") and not any(c in recorded for c in "?#;"):
        # What ResourcePath makes of it, for a tenth of the time.
        return unquote(recorded.removeprefix("file://")), False
    if "://" not in recorded and root is not None and root.isLocal:
        return os.path.join(root.ospath, recorded), True
    uri = ResourcePath(recorded, root=root, forceAbsolute=False, forceDirectory=False)
    return (uri.ospath if uri.isLocal else str(uri)), False
