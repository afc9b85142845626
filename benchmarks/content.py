"""The content of a converted repository in memory, and whether two are equal."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lsst.daf.butler import (
    Butler,
    CollectionType,
    DataCoordinate,
    DatasetRef,
    DatasetType,
    DimensionRecord,
    Timespan,
)

# Each after those that it refers to.
ELEMENTS = ("instrument", "detector", "physical_filter", "day_obs", "group", "exposure")


class Stored(NamedTuple):
    """What the datastore says of a dataset."""

    path: str
    formatter: str


class Dataset(NamedTuple):
    """A dataset to be written: a data ID without records, and where its file is.

    The id is what the dataset has in the repository that was read, to compare with.
    """

    id: str
    dataset_type: DatasetType
    data_id: DataCoordinate
    run: str
    path: str
    formatter: str


class Range(NamedTuple):
    """All that is certified by one call."""

    collection: str
    dataset_type: DatasetType
    timespan: Timespan


@dataclass
class Content:
    """Everything that has to be written to get the same repository again.

    Parameters
    ----------
    records
        Dimension records by element.
    dataset_types
        The registered ones.
    datasets
        All datasets, ordered by type and RUN.
    ranges
        ``(RUN, data ID)`` of the datasets of each validity range.
    chains
        Children of the CHAINED collections.
    calibrations
        CALIBRATION collections.
    """

    records: dict[str, list[DimensionRecord]] = field(default_factory=dict)
    dataset_types: list[DatasetType] = field(default_factory=list)
    datasets: list[Dataset] = field(default_factory=list)
    ranges: dict[Range, list[tuple[str, DataCoordinate]]] = field(default_factory=dict)
    chains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    calibrations: list[str] = field(default_factory=list)


def read_content(butler: Butler, sources: dict[str, str]) -> Content:
    """Read a repository.

    Parameters
    ----------
    butler
        The repository.
    sources
        Source file of each dataset, by dataset id. The repository itself
        cannot tell it in all transfer modes.
    """
    content = Content()
    for element in ELEMENTS:
        content.records[element] = _records(butler, element)
    infos = butler.collections.query_info("*")
    content.chains = {i.name: i.children for i in infos if i.type is CollectionType.CHAINED}
    content.calibrations = [i.name for i in infos if i.type is CollectionType.CALIBRATION]
    content.dataset_types = sorted(butler.registry.queryDatasetTypes(), key=lambda t: t.name)
    for dataset_type in content.dataset_types:
        refs = sorted(_datasets(butler, dataset_type), key=lambda ref: (ref.run, sources[str(ref.id)]))
        stored = _stored(butler, refs)
        for ref in refs:
            source, formatter = sources[str(ref.id)], stored[str(ref.id)].formatter
            content.datasets.append(
                Dataset(str(ref.id), dataset_type, ref.dataId, ref.run, source, formatter)
            )
        # A query can give one row per range only by joining; the refs are in memory already.
        by_id = {str(ref.id): ref for ref in refs}
        for collection, id_, timespan in _associations(butler, dataset_type, content.calibrations):
            ref = by_id[id_]
            key = Range(collection, dataset_type, timespan)
            content.ranges.setdefault(key, []).append((ref.run, ref.dataId))
    return content


def _records(butler: Butler, element: str) -> list[DimensionRecord]:
    return sorted(butler.query_dimension_records(element, limit=None, explain=False), key=str)


def _datasets(butler: Butler, dataset_type: DatasetType) -> list[DatasetRef]:
    return butler.query_datasets(dataset_type, collections="*", find_first=False, limit=None, explain=False)


def _stored(butler: Butler, refs: list[DatasetRef]) -> dict[str, Stored]:
    # The public methods tell neither the formatter nor many paths at once.
    return {
        str(id_): Stored(info.path, info.formatter)
        for data in butler._datastore.export_records(refs).values()
        for id_, tables in data.records.items()
        for infos in tables.values()
        for info in infos
    }


def _associations(
    butler: Butler, dataset_type: DatasetType, collections: list[str]
) -> list[tuple[str, str, Timespan]]:
    if not dataset_type.isCalibration() or not collections:
        return []
    name = dataset_type.name
    with butler.query() as query:
        rows = query.join_dataset_search(name, collections).general(
            dataset_type.dimensions,
            dataset_fields={name: {"dataset_id", "run", "collection", "timespan"}},
            find_first=False,
        )
        return [
            (row[f"{name}.collection"], str(row[f"{name}.dataset_id"]), row[f"{name}.timespan"])
            for row in rows
        ]


def differences(one: Butler, other: Butler, formatters: bool = True) -> list[str]:
    """In what two repositories differ, one line each, none if they are equal.

    Compared are dimension records, dataset types, collections, dataset ids
    with data IDs and RUNs, stored paths and formatters, and validity ranges.

    Parameters
    ----------
    one, other
        The repositories.
    formatters
        Compare the names of the formatters as well.
    """
    first, second = _summary(one, formatters), _summary(other, formatters)
    found = []
    for what in sorted(first.keys() | second.keys()):
        left, right = first.get(what, set()), second.get(what, set())
        if left != right:
            example = min(left ^ right, key=str)
            found.append(
                f"{what}: {len(left - right)} only in one, {len(right - left)} only in the other: {example}"
            )
    return found


def _summary(butler: Butler, formatters: bool) -> dict[str, set[Any]]:
    result: dict[str, set[Any]] = defaultdict(set)
    for element in ELEMENTS:
        result[f"{element} records"] = set(_records(butler, element))
    infos = butler.collections.query_info("*")
    result["collections"] = {(i.name, i.type.name, i.children) for i in infos}
    calibrations = [i.name for i in infos if i.type is CollectionType.CALIBRATION]
    for dataset_type in butler.registry.queryDatasetTypes():
        name = dataset_type.name
        result["dataset types"].add(dataset_type)
        refs = _datasets(butler, dataset_type)
        result[f"{name} datasets"] = {(str(ref.id), ref.run, ref.dataId) for ref in refs}
        result[f"{name} files"] = {
            (id_, stored.path, stored.formatter if formatters else "")
            for id_, stored in _stored(butler, refs).items()
        }
        result[f"{name} ranges"] = set(_associations(butler, dataset_type, calibrations))
    return result
