"""What Gen3 answers: calibrations by data ID and timespan, read through the Butler's queries.

Independent of planning and writers, so that `converter.verify` proves
something: collections, ranges and files are taken as the Butler has them now.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lsst.daf.butler import Butler, CollectionType, DatasetType

from .datastore import stored_files
from .nouns import DataId
from .timespans import MAX_NS, MIN_NS, Span


class Certified(NamedTuple):
    """One range of one dataset in a calibration collection; TAI nanoseconds."""

    begin: int
    end: int
    run: str
    collection: str
    dataset_id: str

    @property
    def stamp(self) -> str:
        """Last part of the RUN name."""
        return self.run.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.run} {Span(self.begin, self.end).clipped()}"


@dataclass
class Answers:
    """All calibrations of one dataset type that a search of a collection can give.

    Parameters
    ----------
    dataset_type
        Its name.
    by_collection
        Per collection in search order: ranges by data ID, sorted by begin.
    paths
        Stored file of every dataset, by dataset id: an absolute path, or a
        URI if it is not local.
    """

    dataset_type: str
    by_collection: list[dict[DataId, list[Certified]]] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)

    def find(self, data_id: DataId, begin: int, end: int) -> Sequence[Certified]:
        """Datasets valid at any instant of ``[begin, end)``.

        Several are what makes `Butler.find_dataset` raise
        ``CalibrationLookupError``; as there, the first collection of a chain
        that has any decides.
        """
        for table in self.by_collection:
            ranges = table.get(data_id)
            if not ranges:
                continue
            found: list[Certified] = []
            # Within one collection the ranges of a data ID never overlap.
            index = bisect_left(ranges, end, key=lambda r: r.begin) - 1
            while index >= 0 and ranges[index].end > begin:
                found.append(ranges[index])
                index -= 1
            if found:
                return found[::-1]
        return ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is certified."""
        return not any(self.by_collection)


def search_order(butler: Butler, collection: str) -> list[tuple[str, CollectionType]]:
    """The collections that a search of a collection looks in, in order."""
    if collection not in butler.collections.query("*"):
        return []
    infos = butler.collections.query_info(collection, flatten_chains=True)
    return [(i.name, i.type) for i in infos if i.type is not CollectionType.CHAINED]


def read_answers(butler: Butler, instrument: str, dataset_type: str, collection: str) -> Answers:
    """Read all calibrations of a dataset type.

    Parameters
    ----------
    butler
        The repository.
    instrument
        Gen3 instrument name.
    dataset_type
        Name of a calibration dataset type; need not be registered.
    collection
        What a pipeline would search: a CALIBRATION collection or a chain.
    """
    answers = Answers(dataset_type)
    registered = next(iter(butler.registry.queryDatasetTypes([dataset_type], missing=[])), None)
    order = [name for name, type_ in search_order(butler, collection) if type_ is CollectionType.CALIBRATION]
    if registered is None or not order:
        return answers
    answers.by_collection = read_ranges(butler, instrument, registered, order)
    runs = {r.run for table in answers.by_collection for ranges in table.values() for r in ranges}
    if runs:
        with butler.query() as query:
            refs = list(
                query.datasets(dataset_type, sorted(runs), find_first=False).where(instrument=instrument)
            )
        answers.paths = stored_files(butler, refs)
    return answers


def read_ranges(
    butler: Butler, instrument: str, dataset_type: DatasetType, collections: Sequence[str]
) -> list[dict[DataId, list[Certified]]]:
    """Read all ranges of a dataset type.

    Parameters
    ----------
    butler
        The repository.
    instrument
        Gen3 instrument name.
    dataset_type
        A calibration dataset type, whose data IDs a `DataId` can hold.
    collections
        CALIBRATION collections in search order.

    Returns
    -------
    ranges
        Per collection in this order: ranges by data ID, sorted by begin.
    """
    name = dataset_type.name
    required = [d for d in dataset_type.dimensions.required if d != "instrument"]
    order = list(dict.fromkeys(collections))
    tables: dict[str, dict[DataId, list[Certified]]] = {collection: defaultdict(list) for collection in order}
    with butler.query() as query:
        rows = (
            query.join_dataset_search(name, order)
            .where(instrument=instrument)
            .general(
                dataset_type.dimensions,
                dataset_fields={name: {"dataset_id", "run", "collection", "timespan"}},
                find_first=False,
            )
        )
        for row in rows:
            data_id = DataId(**{d: row[d] for d in required})
            begin, end = row[f"{name}.timespan"].nsec
            collection = row[f"{name}.collection"]
            tables[collection][data_id].append(
                Certified(
                    max(begin, MIN_NS),
                    min(end, MAX_NS),
                    row[f"{name}.run"],
                    collection,
                    str(row[f"{name}.dataset_id"]),
                )
            )
    for table in tables.values():
        for ranges in table.values():
            ranges.sort()
    return [dict(table) for table in tables.values()]
