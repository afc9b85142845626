"""The state of the target, as far as planning needs to know it.

Reads only, by a fixed number of queries for each dataset type.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lsst.daf.butler import Butler, CollectionType, DatasetType, Timespan
from lsst.resources import ResourcePath
from sqlalchemy.exc import DBAPIError

from .nouns import DataId, UsageError
from .timespans import MAX_NS, MIN_NS, Span

Record = Mapping[str, Any]

LOCK_NAME = "gen2to3.lock"
"""File in a repository's directory that says who writes to it."""

INTERRUPTED = "SQLITE_READONLY_ROLLBACK"
"""What SQLite says to a reader where a transaction was broken off that has to be taken back first."""

NEW_NAME = "gen2to3-new"
"""Directory in which a repository is made before it comes into its own."""

DATABASE_NAME = "gen3.sqlite3"
"""Registry of a repository that is made."""


class TargetExposure(NamedTuple):
    """What the target says of one exposure; TAI nanoseconds, `None` if it has no timespan."""

    begin_ns: int | None
    end_ns: int | None
    physical_filter: str


class TargetDatasetType(NamedTuple):
    """A registered dataset type.

    ``dimensions`` are the required ones, which is what a dataset type is
    declared with; compare them as a set.
    """

    dimensions: tuple[str, ...]
    storage_class: str
    is_calibration: bool


class Association(NamedTuple):
    """One row of a CALIBRATION collection."""

    run: str
    data_id: DataId
    span: Span


@dataclass(frozen=True, slots=True)
class TargetState:
    """What the target holds.

    Parameters
    ----------
    instrument
        The instrument record, `None` if there is none.
    detectors, filters
        Records by id and by name, without the instrument.
    exposures
        By exposure id.
    observations
        Exposure id by observation id (``obs_id``).
    days
        Timespan of every observing day, TAI nanoseconds, `None` if it has none.
    dataset_types
        Those asked for that are registered.
    collections
        Type of every collection (``RUN``, ``CALIBRATION``, ``CHAINED``,
        ``TAGGED``).
    chains
        Children of every CHAINED collection, in order.
    datasets
        Data IDs by dataset type and RUN, for RUNs below the prefix.
    associations
        By CALIBRATION collection below the prefix and dataset type.
    fields
        Fields that records of instrument, detectors and filters have in its
        dimension universe; empty for a new repository, which has all.
    """

    instrument: Record | None = None
    detectors: Mapping[int, Record] = field(default_factory=dict)
    filters: Mapping[str, Record] = field(default_factory=dict)
    exposures: Mapping[int, TargetExposure] = field(default_factory=dict)
    observations: Mapping[str, int] = field(default_factory=dict)
    days: Mapping[int, tuple[int, int] | None] = field(default_factory=dict)
    dataset_types: Mapping[str, TargetDatasetType] = field(default_factory=dict)
    collections: Mapping[str, str] = field(default_factory=dict)
    chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    datasets: Mapping[tuple[str, str], set[DataId]] = field(default_factory=dict)
    associations: Mapping[tuple[str, str], list[Association]] = field(default_factory=dict)
    # What the universe can hold is no content: an empty repository equals none.
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict, compare=False)


def local_path(root: str) -> Path | None:
    """The local path that is meant by a repository's name.

    Parameters
    ----------
    root
        Directory or configuration file, URI, or an alias of the Butler's
        repository index.

    Returns
    -------
    path
        Absolute; `None` for a remote URI or an alias.

    Raises
    ------
    UsageError
        The Butler would take the path for another one.
    """
    if "://" in root:
        try:
            uri = ResourcePath(root)
        except NotImplementedError:  # a scheme that nothing here knows; opening it says so
            return None
        if not uri.isLocal:
            return None
        path = Path(uri.ospath)
    elif not os.path.lexists(root) and root in Butler.get_known_repos():
        return None
    else:
        path = Path(root).absolute()
    # The Butler expands variables: repository and ledger would be in two places.
    if (expanded := os.path.expandvars(path)) != str(path):
        raise UsageError(
            f"{path} has a variable in it that the Butler takes for {expanded}; "
            "give that path, or one without the '$'"
        )
    return path


def is_vacant(directory: Path) -> bool:
    """Whether a directory is empty but for the lock of somebody who makes a repository, and what is half made."""
    names = {path.name for path in directory.iterdir() if not path.name.startswith(LOCK_NAME)}
    return not names or (NEW_NAME in names and names <= {NEW_NAME, DATABASE_NAME})


def open_reading(root: str) -> Butler | None:
    """Open a Butler repository for reading.

    Parameters
    ----------
    root
        Directory or configuration file of a repository, a URI, or an alias.

    Returns
    -------
    butler
        `None` if ``root`` does not exist or is an empty directory: then a
        repository can be made there.

    Raises
    ------
    UsageError
        There is something else, or a repository that cannot be opened.
    """
    directory = local_path(root)
    if directory is not None:
        if not os.path.lexists(directory) or (directory.is_dir() and is_vacant(directory)):
            return None
        is_config = directory.is_file() and directory.suffix in (".yaml", ".yml", ".json")
        if not is_config and not (directory / "butler.yaml").is_file():
            raise UsageError(
                f"{root} exists but is no Butler repository (no butler.yaml); give an empty or new directory"
            )
    try:
        return _open_reading(root)
    except Exception as exc:
        # Whatever is wrong with it, it is the repository that the user gave.
        reason = " ".join(str(exc).split())
        raise UsageError(f"{root} cannot be opened as a Butler repository: {reason}") from exc


def _open_reading(root: str) -> Butler:
    try:
        return Butler.from_config(root, writeable=False)
    except DBAPIError as exc:
        if getattr(exc.orig, "sqlite_errorname", "") != INTERRUPTED:
            raise
    # A writer was killed in the middle of a transaction. SQLite takes it back as soon as somebody
    # opens the database who may write to it; where a writer lives, it leaves that alone.
    from .writers.repository import take_back  # writers import this module

    take_back(root)
    return Butler.from_config(root, writeable=False)


def datastore_root(butler: Butler) -> Path | None:
    """The one local directory in which a repository keeps its files, `None` if there is none."""
    roots = [root for root in butler.get_datastore_roots().values() if root is not None]
    return Path(roots[0].ospath) if len(roots) == 1 and roots[0].isLocal else None


def require_splitting(butler: Butler) -> Path:
    """The directory in which masters can be split.

    Raises
    ------
    UsageError
        The target is not local.
    """
    root = datastore_root(butler)
    if root is None:
        raise UsageError(
            "masters are split in the target's own directory, and this target has no single local one; "
            "convert without --split-masters, or into a local repository"
        )
    return root


def read_target(
    butler: Butler | None, instrument: str, dataset_types: Collection[str], prefix: str | None = None
) -> TargetState:
    """Read the state of the target.

    Parameters
    ----------
    butler
        The target, `None` for one that does not exist yet.
    instrument
        Gen3 instrument name.
    dataset_types
        Dataset types to read; those that are not registered are left out.
    prefix
        What the names of the collections to be read begin with,
        ``<instrument>/`` if not given.
    """
    if butler is None:
        return TargetState()
    below = f"{instrument}/" if prefix is None else prefix
    infos = butler.collections.query_info("*")
    names: dict[CollectionType, list[str]] = {type_: [] for type_ in CollectionType.all()}
    for info in infos:
        if info.name.startswith(below):
            names[info.type].append(info.name)
    types = list(butler.registry.queryDatasetTypes(list(dataset_types), missing=[])) if dataset_types else []
    instruments = _records(butler, "instrument", instrument)

    # Without the instrument there is nothing that names it, and each query takes time.
    def of_instrument(element: str) -> list[dict[str, Any]]:
        return _records(butler, element, instrument) if instruments else []

    exposures = of_instrument("exposure")
    datasets: dict[tuple[str, str], set[DataId]] = {}
    associations: dict[tuple[str, str], list[Association]] = {}
    for dataset_type in types if instruments else ():
        if not is_readable(dataset_type):
            continue
        _read_datasets(butler, instrument, dataset_type, names[CollectionType.RUN], datasets)
        if dataset_type.isCalibration():
            add_associations(
                butler, instrument, dataset_type, names[CollectionType.CALIBRATION], associations
            )
    return TargetState(
        instrument=instruments[0] if instruments else None,
        detectors={record["id"]: record for record in of_instrument("detector")},
        filters={record["name"]: record for record in of_instrument("physical_filter")},
        exposures={record["id"]: _exposure(record) for record in exposures},
        observations={record["obs_id"]: record["id"] for record in exposures},
        days=_days(butler, instrument) if instruments else {},
        dataset_types={
            t.name: TargetDatasetType(tuple(t.dimensions.required), t.storageClass_name, t.isCalibration())
            for t in types
        },
        collections={info.name: info.type.name for info in infos},
        chains={info.name: info.children for info in infos if info.type is CollectionType.CHAINED},
        datasets=datasets,
        associations=associations,
        fields={
            element: frozenset(column.name for column in butler.dimensions[element].schema.all)
            for element in ("instrument", "detector", "physical_filter")
        },
    )


def read_associations(
    butler: Butler, instrument: str, dataset_types: Collection[str], collections: Collection[str]
) -> dict[tuple[str, str], list[Association]]:
    """What is certified, by collection and dataset type.

    Parameters
    ----------
    butler
        The target.
    instrument
        Gen3 instrument name.
    dataset_types
        Dataset types to read; those that are not registered are left out.
    collections
        CALIBRATION collections; those that are not there are left out.
    """
    there = {info.name for info in butler.collections.query_info("*")}
    names = [name for name in collections if name in there]
    result: dict[tuple[str, str], list[Association]] = {}
    for dataset_type in butler.registry.queryDatasetTypes(sorted(dataset_types), missing=[]):
        if is_readable(dataset_type) and dataset_type.isCalibration():
            add_associations(butler, instrument, dataset_type, names, result)
    return result


def _records(butler: Butler, element: str, instrument: str) -> list[dict[str, Any]]:
    records = butler.query_dimension_records(element, instrument=instrument, limit=None, explain=False)
    return [{k: v for k, v in record.toDict().items() if k != "instrument"} for record in records]


def _exposure(record: Record) -> TargetExposure:
    timespan = record["timespan"]
    begin, end = (None, None) if timespan is None else timespan.nsec
    return TargetExposure(begin, end, record["physical_filter"])


def _days(butler: Butler, instrument: str) -> dict[int, tuple[int, int] | None]:
    if "day_obs" not in butler.dimensions:  # a universe from before 2024
        return {}
    return {
        record["id"]: None if record["timespan"] is None else record["timespan"].nsec
        for record in _records(butler, "day_obs", instrument)
    }


def is_readable(dataset_type: DatasetType) -> bool:
    """Whether a `DataId` can hold its data IDs; a foreign type of this name need not fit."""
    return set(dataset_type.dimensions.required) - {"instrument"} <= set(DataId._fields) and (
        "instrument" in dataset_type.dimensions
    )


def _read_datasets(
    butler: Butler,
    instrument: str,
    dataset_type: DatasetType,
    runs: list[str],
    datasets: dict[tuple[str, str], set[DataId]],
) -> None:
    if not runs:
        return
    name = dataset_type.name
    required = [d for d in dataset_type.dimensions.required if d != "instrument"]
    run_column = f"{name}.run"
    with butler.query() as query:
        rows = (
            query.join_dataset_search(name, runs)
            .where(instrument=instrument)
            .general(dataset_type.dimensions, dataset_fields={name: {"run"}}, find_first=False)
        )
        for row in rows:
            key = (name, row[run_column])
            data_id = DataId(**{d: row[d] for d in required})
            datasets.setdefault(key, set()).add(data_id)


def add_associations(
    butler: Butler,
    instrument: str,
    dataset_type: DatasetType,
    collections: list[str],
    associations: dict[tuple[str, str], list[Association]],
) -> None:
    """Add the rows of CALIBRATION collections for one dataset type, by collection and type."""
    if not collections:
        return
    name = dataset_type.name
    required = [d for d in dataset_type.dimensions.required if d != "instrument"]
    with butler.query() as query:
        rows = (
            query.join_dataset_search(name, collections)
            .where(instrument=instrument)
            .general(
                dataset_type.dimensions,
                # Without the id, rows that agree in all the rest would be merged.
                dataset_fields={name: {"dataset_id", "run", "collection", "timespan"}},
                find_first=False,
            )
        )
        for row in rows:
            data_id = DataId(**{d: row[d] for d in required})
            found = Association(row[f"{name}.run"], data_id, _span(row[f"{name}.timespan"]))
            associations.setdefault((row[f"{name}.collection"], name), []).append(found)


def _span(timespan: Timespan) -> Span:
    begin, end = timespan.nsec
    return Span(None if begin <= MIN_NS else begin, None if end >= MAX_NS else end)
