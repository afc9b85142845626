"""Take back what a conversion wrote: the records in one transaction, then the files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from lsst.daf.butler import (
    Butler,
    CollectionType,
    DatasetIdFactory,
    DatasetIdGenEnum,
    DatasetRef,
    MissingDatasetTypeError,
)

from ..datastore import stored_files
from ..nouns import DataId, Gen2to3Error
from ..operations import Removal
from ..target import datastore_root
from .certify import certify, decertify
from .collections import define_chain
from .common import butler_errors, database_errors
from .references import References, minimal_coordinate

Unwritten = tuple[str, str, DataId, str]
"""Dataset type, RUN, data ID and id of a dataset that was to be written."""


class _Trashed(NamedTuple):
    """What a datastore asks of a ref to empty the trash of it."""

    id: UUID


def remove(butler: Butler, removal: Removal) -> None:
    """Carry out a removal, all of it or nothing. Files are left to `clean`.

    Parameters
    ----------
    butler
        The target.
    removal
        What is removed and put back.

    Raises
    ------
    Gen2to3Error
        The target refuses it; then it is as it was.
    """
    try:
        with database_errors(butler), butler.transaction(), butler_errors("undo"):
            decertify(butler, removal.decertifies)
            _remove_datasets(butler, removal.dataset_ids)
            certify(butler, removal.certifies)
            for chain in removal.chains:
                define_chain(butler, chain)
            for name in removal.collections:
                if butler.collections.get_info(name).type is CollectionType.CHAINED:
                    butler.collections.redefine_chain(name, ())
                butler.collections.x_remove(name)
    except BaseException:
        # The registry's caches do not take part in the rollback.
        with suppress(Exception):
            butler.registry.refresh()
        raise


def _remove_datasets(butler: Butler, ids: Iterable[str]) -> None:
    refs = butler.get_many_datasets(list(ids))
    if not refs:
        return
    # What Butler.pruneDatasets(purge, unstore, disassociate) does, but for the
    # end: it deletes the files as well, inside of the transaction that is open
    # here, and files do not come back if that is rolled back.
    butler._datastore.trash(refs)
    butler.registry.removeDatasets(refs)


def clean(butler: Butler, ids: Iterable[str], runs: Iterable[str], unwritten: Iterable[Unwritten]) -> int:
    """Remove the files of datasets that were removed, and directories that are empty then.

    Files that are not in the repository's own directory are not touched. It
    can be done again at any time.

    Parameters
    ----------
    butler
        The target.
    ids
        Datasets that were removed, or were not written.
    runs
        Their RUNs.
    unwritten
        Datasets that were to be written; copies and links that were made for
        them before the writer was killed are removed, too.

    Returns
    -------
    int
        Number of files of unwritten datasets that were removed.
    """
    trashed = [_Trashed(UUID(id_)) for id_ in ids]
    if trashed:
        # Left to itself the Butler takes the records of the files out first, and then the trash; what is in the
        # trash and has no record is never taken out of it.
        with database_errors(butler), butler.transaction():
            butler._datastore.emptyTrash(refs=trashed)
    root = datastore_root(butler)
    if root is None:
        return 0
    orphans = list(_orphans(butler, root, list(unwritten)))
    for path in orphans:
        path.unlink(missing_ok=True)
    for run in runs:
        _remove_empty(root, root / run)
    return len(orphans)


def _orphans(butler: Butler, root: Path, unwritten: list[Unwritten]) -> Iterator[Path]:
    """Files where a dataset would be that the repository does not know."""
    templates = getattr(butler._datastore, "templates", None)
    if not unwritten or templates is None:
        return
    stems: dict[Path, None] = {}
    for ref in _refs(butler, unwritten):
        # No public method tells where a file would be that a formatter of the stack reads.
        stems[root / templates.getTemplate(ref).format(ref)] = None
    runs = {run for _, run, _, _ in unwritten} & set(butler.collections.query("*"))
    kept = butler.query_all_datasets(sorted(runs), find_first=False, limit=None) if runs else []
    known = set(stored_files(butler, kept).values())
    names: dict[Path, list[str]] = {}
    for stem in stems:
        if stem.parent not in names:
            names[stem.parent] = os.listdir(stem.parent) if stem.parent.is_dir() else []
        for name in names[stem.parent]:
            path = stem.parent / name
            if (name == stem.name or name.startswith(f"{stem.name}.")) and str(path) not in known:
                yield path


def _refs(butler: Butler, unwritten: list[Unwritten]) -> Iterator[DatasetRef]:
    """Refs of datasets of which the ledger has type, RUN, data ID and id, but not the instrument."""
    records = butler.query_dimension_records("instrument", limit=None, explain=False)
    factory, references = DatasetIdFactory(), References(butler)
    for record in records:
        for dataset_type, run, data_id, id_ in unwritten:
            try:
                registered = references.dataset_type(dataset_type)
                found = minimal_coordinate(registered.dimensions, record.name, data_id, dataset_type)
                made = factory.makeDatasetId(run, registered, found, DatasetIdGenEnum.DATAID_TYPE_RUN)
                if str(made) != id_:
                    continue
                references.expand(record.name, [(dataset_type, data_id)])
                yield references.make(dataset_type, run, record.name, data_id)
            except (Gen2to3Error, MissingDatasetTypeError):
                continue  # what the target does not know was never written to it


def _remove_empty(root: Path, directory: Path) -> None:
    """Remove empty directories in and above a directory of the datastore."""
    if root not in directory.parents:
        return
    for path, _, _ in os.walk(directory, topdown=False):
        with suppress(OSError):
            os.rmdir(path)
    for parent in directory.parents:
        if parent == root:
            return
        try:
            parent.rmdir()
        except FileNotFoundError:
            continue  # a process came so far, and was killed
        except OSError:
            return
