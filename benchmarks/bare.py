"""The same content written by bare daf_butler, from data IDs in memory.

This is what a script can do that knows everything already: no Gen2, no
headers, no decisions, no ledger. It is the floor that conversion is compared
with.
"""

from __future__ import annotations

from collections import defaultdict

from lsst.daf.butler import Butler, CollectionType, DatasetIdGenEnum, DatasetRef, FileDataset

from converter.formatters import formatter_class

from .content import ELEMENTS, Content, Dataset
from .measure import Clock, clock


def register(butler: Butler, content: Content) -> None:
    """Register dataset types, CALIBRATION and CHAINED collections: these cannot be in a transaction."""
    for dataset_type in content.dataset_types:
        butler.registry.registerDatasetType(dataset_type)
    for name in content.calibrations:
        butler.collections.register(name, CollectionType.CALIBRATION)
    for name in content.chains:
        butler.collections.register(name, CollectionType.CHAINED)


def insert_dimensions(butler: Butler, content: Content) -> None:
    """Insert all dimension records, one call per element."""
    for element in ELEMENTS:
        butler.registry.insertDimensionData(element, *content.records[element])


def write(butler: Butler, content: Content, transfer: str) -> Clock:
    """Write everything into a repository that was just made.

    Timed are the registrations, the dimension records, the making of refs
    and of `FileDataset` objects, one ingest call for raws and one for
    masters (they register the RUNs), one certify call per distinct range, and
    the chains; all but the registrations in one transaction. Not timed are
    the making of the repository, data IDs, timespans and stand-ins of the
    formatters, which are there before.

    Parameters
    ----------
    butler
        An empty repository.
    content
        What to write.
    transfer
        Transfer mode of the files.
    """
    for dataset in content.datasets:
        formatter_class(dataset.formatter)
    masters = [d for d in content.datasets if d.dataset_type.isCalibration()]
    raws = [d for d in content.datasets if not d.dataset_type.isCalibration()]
    with clock() as result:
        register(butler, content)
        with butler.transaction():
            insert_dimensions(butler, content)
            refs: dict[tuple[str, str, object], DatasetRef] = {}
            for datasets in (raws, masters):
                files = _file_datasets(datasets, refs)
                if files:
                    butler.ingest(*files, transfer=transfer, record_validation_info=True)
            for key, members in content.ranges.items():
                name = key.dataset_type.name
                certified = [refs[name, run, data_id] for run, data_id in members]
                butler.registry.certify(key.collection, certified, key.timespan)
            for name, children in content.chains.items():
                butler.collections.redefine_chain(name, children)
    return result


def _file_datasets(
    datasets: list[Dataset], refs: dict[tuple[str, str, object], DatasetRef]
) -> list[FileDataset]:
    # A file can hold several datasets; those of one formatter are one FileDataset.
    by_file: dict[tuple[str, str], list[DatasetRef]] = defaultdict(list)
    for _, dataset_type, data_id, run, path, formatter in datasets:
        ref = DatasetRef(dataset_type, data_id, run, id_generation_mode=DatasetIdGenEnum.DATAID_TYPE_RUN)
        refs[dataset_type.name, run, data_id] = ref
        by_file[path, formatter].append(ref)
    return [
        FileDataset(path, members, formatter=formatter_class(formatter))
        for (path, formatter), members in by_file.items()
    ]
