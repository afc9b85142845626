"""Dataset types, collections and files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, get_args
from urllib.parse import quote

from lsst.daf.butler import Butler, CollectionType, DatasetType, FileDataset
from lsst.resources import ResourcePath

from ..formatters import formatter_class
from ..nouns import Gen2to3Error, UsageError
from ..operations import Ingest, IngestFile, RegisterCollection, RegisterDatasetType
from .common import butler_errors
from .references import References

Transfer = Literal["auto", "direct", "symlink", "relsymlink", "hardlink", "copy", "move"]
TRANSFER_MODES: tuple[str, ...] = get_args(Transfer)


def register_dataset_type(butler: Butler, operation: RegisterDatasetType) -> None:
    """Register a dataset type; not inside a transaction.

    Raises
    ------
    Gen2to3Error
        It exists with another definition, or its storage class is unknown.
    """
    with butler_errors(f"dataset type {operation.name}"):
        butler.registry.registerDatasetType(
            DatasetType(
                operation.name,
                operation.dimensions,
                operation.storage_class,
                universe=butler.dimensions,
                isCalibration=operation.is_calibration,
            )
        )


def register_collections(butler: Butler, operations: Iterable[RegisterCollection]) -> None:
    """Register RUN and CALIBRATION collections.

    Raises
    ------
    Gen2to3Error
        One exists with another type (the Butler itself does not say so).
    """
    wanted = {operation.name: CollectionType[operation.type] for operation in operations}
    register(butler, wanted)


def register(butler: Butler, wanted: dict[str, CollectionType]) -> None:
    """Register collections of any type that the target lacks."""
    if not wanted:
        return
    there = {info.name: info.type for info in butler.collections.query_info("*")}
    for name, type_ in wanted.items():
        existing = there.get(name)
        if existing is None:
            with butler_errors(f"collection {name}"):
                butler.collections.register(name, type_)
        elif existing is not type_:
            raise Gen2to3Error(f"collection {name} is {existing.name} in the target, {type_.name} expected")


def ingest(
    butler: Butler, operations: Sequence[Ingest], transfer: str, references: References | None = None
) -> None:
    """Ingest the files of all operations in one call.

    Parameters
    ----------
    butler
        The target.
    operations
        What is ingested together.
    transfer
        One of `TRANSFER_MODES`.
    references
        Refs of the batch, to be used again when they are certified.

    Raises
    ------
    Gen2to3Error
        A file is missing, or the target refuses a dataset.
    """
    if transfer not in TRANSFER_MODES:
        raise UsageError(f"transfer mode {transfer!r}: expected one of {', '.join(TRANSFER_MODES)}")
    refs = References(butler) if references is None else references
    datasets: list[FileDataset] = []
    for operation in operations:
        refs.expand(operation.instrument, (d for file in operation.files for d in file.datasets))
    for operation in operations:
        for file in operation.files:
            datasets.append(
                FileDataset(
                    file_uri(file.path),
                    [
                        refs.make(dataset_type, operation.run, operation.instrument, data_id)
                        for dataset_type, data_id in file.datasets
                    ],
                    formatter=formatter_class(file.formatter),
                )
            )
    with butler_errors("ingest"):
        # Without the validation info a missing file would not be noticed in
        # direct mode: the Butler looks at 200 of them only.
        butler.ingest(*datasets, transfer=transfer, record_validation_info=True)


def file_uri(path: str) -> ResourcePath:
    """URI of an absolute path, whatever characters are in it.

    Given a plain path, `lsst.resources.ResourcePath` takes what follows a
    ``#`` as a fragment and a ``%`` as an escape.
    """
    if not path.startswith("/"):
        raise Gen2to3Error(f"{path}: expected an absolute path")
    return ResourcePath("file://" + quote(path), forceDirectory=False)


def check_formatters(
    butler: Butler,
    operations: Sequence[Ingest],
    sample: int | None = None,
    references: References | None = None,
) -> int:
    """Read back the formatter names and paths that were stored.

    Parameters
    ----------
    butler
        The target.
    operations
        What was ingested.
    sample
        Check about this many datasets, evenly spread over the files; `None`
        for all.
    references
        Refs of the batch.

    Returns
    -------
    int
        Number of datasets checked.

    Raises
    ------
    Gen2to3Error
        A dataset is not stored, under another formatter, or another path.
    """
    refs = References(butler) if references is None else references
    # A file can hold many datasets, each with a record of its own.
    datasets = [
        (operation, file, dataset)
        for operation in operations
        for file in operation.files
        for dataset in file.datasets
    ]
    step = 1 if not sample else max(1, len(datasets) // sample)
    expected: dict[object, IngestFile] = {}
    made = []
    for operation, file, (dataset_type, data_id) in datasets[::step]:
        refs.expand(operation.instrument, [(dataset_type, data_id)])
        ref = refs.make(dataset_type, operation.run, operation.instrument, data_id)
        made.append(ref)
        expected[ref.id] = file
    # No public method tells the formatter of a stored dataset (Butler.export
    # writes it to a file, 30 times slower). `export_records` is the documented
    # method of a Datastore for this; only the attribute is private.
    roots = butler.get_datastore_roots()
    checked = 0
    for store, data in butler._datastore.export_records(made).items():
        root = roots.get(store)
        for id_, tables in data.records.items():
            for info in (i for infos in tables.values() for i in infos):
                _check_record(info.formatter, info.path, root, expected[id_])
                checked += 1
    if checked != len(expected):
        raise Gen2to3Error(f"{len(expected)} datasets were to be written, {checked} are in the datastore")
    return checked


def _check_record(formatter: str, stored: str, root: ResourcePath | None, file: IngestFile) -> None:
    if formatter != file.formatter:
        raise Gen2to3Error(f"{file.path}: stored with formatter {formatter}, {file.formatter} expected")
    uri = ResourcePath(stored, root=root, forceAbsolute=False, forceDirectory=False)
    if "://" in stored:
        if uri.ospath != file.path:
            raise Gen2to3Error(f"{file.path}: stored as {stored}")
    elif root is not None and not root.join(stored, forceDirectory=False).exists():
        raise Gen2to3Error(f"{file.path}: stored as {stored}, which is not in {root}")
