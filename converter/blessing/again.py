"""Files that come in again under another dataset type, byte for byte.

Where a file is and by which formatter it is read is what the datastore has
recorded of it; nothing is opened but to see whether two files are the same.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lsst.daf.butler import Butler, DatasetRef

from ..datastore import ZIP_MEMBER, Stored, stored_records
from ..ledger import Item
from ..nouns import DataId, Reject
from ..operations import Ingest, IngestFile, RegisterDatasetType
from ..planning.items import dataset_name
from ..same_file import FileIdentity
from .repository import Dataset, Demand, Repository

Sources = Mapping[Dataset, tuple[Dataset, str]]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored file: where it is, who reads it, and why it cannot be taken, if it cannot."""

    path: str
    formatter: str
    problem: str = ""


@dataclass
class Again:
    """What it takes to have datasets under another type.

    Parameters
    ----------
    types, ingests
        Operations.
    runs
        RUNs that are written to.
    existing
        What is there already.
    items
        What the ledger says of each, by its name there.
    files
        Source files, of the existing too as far as they are still there.
    rejects
        Datasets whose files cannot be taken.
    rejected
        The same, as they would have been named.
    conflicts
        One line each.
    """

    types: list[RegisterDatasetType] = field(default_factory=list)
    ingests: list[Ingest] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    existing: list[Dataset] = field(default_factory=list)
    items: dict[str, Item] = field(default_factory=dict)
    files: dict[Dataset, str] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    rejected: set[Dataset] = field(default_factory=set)
    conflicts: list[str] = field(default_factory=list)


def plan_again(repository: Repository, sources: Sources) -> Again:
    """Plan datasets whose files are those of others.

    Parameters
    ----------
    repository
        The target.
    sources
        For every dataset that is wanted the one (with its id) whose file it is.
    """
    plan = Again()
    if not sources:
        return plan
    pairs = sorted({(source.dataset_type, made.dataset_type) for made, (source, _) in sources.items()})
    for source_type, wanted_type in pairs:
        _add_type(plan, repository, source_type, wanted_type)
    if plan.conflicts:
        return plan
    there = _there(repository, sources)
    wanted = [*(source for source, _ in sources.values()), *there]
    artifacts = stored(repository.butler, _refs(repository, wanted))
    identity = FileIdentity()
    files: dict[tuple[str, str, str], list[tuple[str, DataId]]] = defaultdict(list)
    for made, (source, source_id) in sources.items():
        found = artifacts.get(source_id, Artifact("", "", "has no file in the datastore"))
        problem = found.problem
        if not problem and not os.path.isfile(found.path):
            problem = f"its file is not there: {found.path}"
        if problem and made not in there:
            what = f"{source.dataset_type} {source.data_id} of {source.run}"
            plan.rejects.append(Reject(what, f"{problem}; restore it, or leave the dataset out", found.path))
            plan.rejected.add(made)
            continue
        if made in there:
            plan.existing.append(made)
        else:
            files[made.run, found.path, found.formatter].append((made.dataset_type, made.data_id))
        if problem:
            continue  # it has done its service
        plan.files[made] = found.path
        plan.items[dataset_name(*made)] = _item(source, source_id, made, found.path)
        other = artifacts.get(there.get(made, ""), Artifact("", ""))
        if made in there and not identity.same(found.path, other.path):
            plan.conflicts.append(
                f"{made.dataset_type} {made.data_id} is in {made.run} already, with another file than that of "
                f"{source.run}; leave it out, or bless into another collection"
            )
    by_run: dict[str, list[IngestFile]] = defaultdict(list)
    for (run, path, formatter), datasets in sorted(files.items()):
        by_run[run].append(IngestFile(path, formatter, tuple(datasets)))
    plan.ingests = [Ingest(repository.instrument, run, tuple(entries)) for run, entries in by_run.items()]
    plan.runs = list(by_run)
    return plan


def choose_transfer(transfer: str, butler: Butler, paths: Iterable[str]) -> str:
    """Replace ``auto``, by which the Butler would let two datasets share one file.

    Removing one of the two would be a matter of the other then.
    """
    if transfer != "auto":
        return transfer
    roots = [r for r in butler.get_datastore_roots().values() if r is not None and r.isLocal]
    try:
        device = os.stat(roots[0].ospath).st_dev
        return "hardlink" if all(os.stat(path).st_dev == device for path in paths) else "copy"
    except (OSError, IndexError):
        return "copy"


def _add_type(plan: Again, repository: Repository, source_type: str, wanted_type: str) -> None:
    source = repository.types[source_type]
    found = repository.types.get(wanted_type)
    if source_type == wanted_type:
        plan.conflicts.append(f"{source_type} as {wanted_type}: is the same dataset type; leave 'as' out")
    elif found is None:
        plan.types.append(RegisterDatasetType(wanted_type, source.dimensions, source.storage_class, True))
    elif set(found.dimensions) != set(source.dimensions):
        plan.conflicts.append(
            f"{source_type} as {wanted_type}: the dimensions differ: {', '.join(sorted(source.dimensions))} and "
            f"{', '.join(sorted(found.dimensions))}"
        )
    elif not found.is_calibration:
        plan.conflicts.append(
            f"{source_type} as {wanted_type}: {wanted_type} is no calibration and cannot be certified"
        )
    elif not _converts(repository.butler, source.storage_class, found.storage_class):
        plan.conflicts.append(
            f"{source_type} as {wanted_type}: storage class {source.storage_class} cannot be read as "
            f"{found.storage_class}"
        )


def _converts(butler: Butler, source: str, wanted: str) -> bool:
    """Whether the configuration knows how one storage class becomes another.

    By the names of their Python types: `StorageClass.can_convert` imports
    them, and they are the stack's.
    """
    if source == wanted:
        return True
    try:
        first = butler.storageClasses.getStorageClass(source)
        second = butler.storageClasses.getStorageClass(wanted)
    except KeyError:
        return False
    # No public attribute tells the name without importing the type.
    name = first._pytypeName
    return bool(name == second._pytypeName or name in second.converters)


def _there(repository: Repository, sources: Sources) -> dict[Dataset, str]:
    """Ids of the datasets that are there already."""
    demands = {
        Demand(made.dataset_type, made.run, "")
        for made in sources
        if made.run in repository.kinds and made.dataset_type in repository.types
    }
    repository.read(sorted(demands))
    rows = {row.dataset: row.dataset_id for demand in demands for row in repository.rows(demand)}
    return {made: rows[made] for made in sources if made in rows}


def _refs(repository: Repository, datasets: Iterable[Dataset]) -> list[DatasetRef]:
    """References to datasets, by one query for each type."""
    wanted: dict[str, set[Dataset]] = defaultdict(set)
    for dataset in datasets:
        wanted[dataset.dataset_type].add(dataset)
    refs: list[DatasetRef] = []
    for dataset_type, some in wanted.items():
        runs = sorted({dataset.run for dataset in some})
        with repository.butler.query() as query:
            found = query.datasets(dataset_type, runs, find_first=False).where(
                instrument=repository.instrument
            )
            refs += found
    return refs


def stored(butler: Butler, refs: Iterable[DatasetRef]) -> dict[str, Artifact]:
    """Stored files of datasets, by dataset id."""
    records: dict[str, list[Stored]] = defaultdict(list)
    for record in stored_records(butler, refs):
        records[record.dataset_id].append(record)
    return {dataset_id: _artifact(found) for dataset_id, found in records.items()}


def _artifact(records: Sequence[Stored]) -> Artifact:
    if len(records) != 1 or records[0].component:
        return Artifact("", "", "is stored in several parts")
    (record,) = records
    if ZIP_MEMBER in record.path:
        return Artifact(record.path, record.formatter, f"its file is part of another one: {record.path}")
    if not record.is_local:
        return Artifact(record.path, record.formatter, f"its file is not local: {record.path}")
    return Artifact(record.path, record.formatter)


def _item(source: Dataset, source_id: str, made: Dataset, path: str) -> Item:
    status = Path(path).stat()
    return Item(
        source=f"{source.dataset_type} in {source.run}, dataset {source_id}",
        key=str(source.data_id),
        file=path,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        sha256=None,
        dataset_id=None,
        dataset=dataset_name(*made),
        validity="",
        state="done",
        reason="",
    )
