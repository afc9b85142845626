"""Dataset refs of a batch: each data ID and each ref is made once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from lsst.daf.butler import (
    Butler,
    DataCoordinate,
    DatasetIdFactory,
    DatasetIdGenEnum,
    DatasetRef,
    DatasetType,
    DimensionGroup,
    DimensionRecord,
    MissingDatasetTypeError,
)

from ..nouns import DataId, Gen2to3Error
from ..operations import RegisterDatasetType
from .common import butler_errors

_FACTORY = DatasetIdFactory()

_Place = tuple[str, str, str]
"""Dataset type, RUN and instrument."""


def dataset_type_of(butler: Butler, name: str, new: RegisterDatasetType | None) -> DatasetType:
    """The registered dataset type of a name, or the one that is going to be registered.

    Raises
    ------
    Gen2to3Error
        There is neither.
    """
    try:
        return butler.get_dataset_type(name)
    except MissingDatasetTypeError:
        if new is None:
            raise Gen2to3Error(f"dataset type {name} is not registered in the target") from None
        with butler_errors(f"dataset type {name}"):
            return DatasetType(
                new.name,
                new.dimensions,
                new.storage_class,
                universe=butler.dimensions,
                isCalibration=new.is_calibration,
            )


class References:
    """Makes and keeps dataset refs with the deterministic ids of the stack.

    Parameters
    ----------
    butler
        The target.

    Notes
    -----
    Dimension records are looked up in bulk, one query per set of dimensions, and shared by all data IDs
    that have them. Left to itself the Butler looks up all of a data ID, once for each RUN of an ingest call.
    """

    def __init__(self, butler: Butler):
        self._butler = butler
        self._types: dict[str, DatasetType] = {}
        self._coordinates: dict[tuple[DimensionGroup, str], dict[DataId, DataCoordinate]] = {}
        self._refs: dict[_Place, dict[DataId, DatasetRef]] = defaultdict(dict)
        self._ids: dict[_Place, dict[DataId, UUID]] = defaultdict(dict)

    def dataset_type(self, name: str) -> DatasetType:
        """The registered dataset type of this name."""
        found = self._types.get(name)
        if found is None:
            try:
                found = self._butler.get_dataset_type(name)
            except MissingDatasetTypeError:
                raise Gen2to3Error(f"dataset type {name} is not registered in the target") from None
            self._types[name] = found
        return found

    def identify(self, dataset_type: DatasetType, run: str, instrument: str, data_id: DataId) -> str:
        """The id that a dataset of ours will have, for which nothing of it needs to exist."""
        found = minimal_coordinate(dataset_type.dimensions, instrument, data_id, dataset_type.name)
        id_ = _FACTORY.makeDatasetId(run, dataset_type, found, DatasetIdGenEnum.DATAID_TYPE_RUN)
        self._ids[dataset_type.name, run, instrument][data_id] = id_
        return str(id_)

    def expand(self, instrument: str, datasets: Iterable[tuple[str, DataId]]) -> None:
        """Look up the dimension records of these datasets, all at once.

        Raises
        ------
        Gen2to3Error
            The target does not know one of the values.
        """
        known: dict[str, dict[DataId, DataCoordinate]] = {}
        wanted: dict[DimensionGroup, dict[DataId, str]] = defaultdict(dict)
        for name, data_id in datasets:
            if name not in known:
                known[name] = self._known(name, instrument)
            if data_id not in known[name]:
                wanted[self.dataset_type(name).dimensions][data_id] = name
        for dimensions, data_ids in wanted.items():
            self._coordinates[dimensions, instrument].update(
                expanded(self._butler, dimensions, instrument, data_ids)
            )

    def _known(self, dataset_type: str, instrument: str) -> dict[DataId, DataCoordinate]:
        return self._coordinates.setdefault((self.dataset_type(dataset_type).dimensions, instrument), {})

    def coordinate(self, dataset_type: str, instrument: str, data_id: DataId) -> DataCoordinate:
        """The full data ID of a dataset; `expand` it first."""
        return self._known(dataset_type, instrument)[data_id]

    def make(self, dataset_type: str, run: str, instrument: str, data_id: DataId) -> DatasetRef:
        """The ref of a dataset that this program writes; `expand` it first."""
        place = (dataset_type, run, instrument)
        ref = self._refs[place].get(data_id)
        if ref is None:
            ref = self._refs[place][data_id] = DatasetRef(
                self.dataset_type(dataset_type),
                self.coordinate(dataset_type, instrument, data_id),
                run,
                id=self._ids[place].pop(data_id, None),
                conform=False,
                id_generation_mode=DatasetIdGenEnum.DATAID_TYPE_RUN,
            )
        return ref

    def release(self) -> None:
        """Forget what nobody asks for again: only calibrations are certified later."""
        kept = {name: type_.dimensions for name, type_ in self._types.items() if type_.isCalibration()}
        for place in [p for p in self._refs if p[0] not in kept]:
            del self._refs[place]
        for key in [k for k in self._coordinates if k[0] not in kept.values()]:
            del self._coordinates[key]
        self._ids.clear()

    def resolve(self, dataset_type: str, instrument: str, datasets: Iterable[tuple[str, DataId]]) -> None:
        """Find datasets that were there before, by one query for all of them.

        Their ids need not be the deterministic ones: the stack may have
        ingested them.

        Raises
        ------
        Gen2to3Error
            The target has no such dataset.
        """
        registered = self.dataset_type(dataset_type)
        missing = {
            (run, minimal_coordinate(registered.dimensions, instrument, data_id, dataset_type)): data_id
            for run, data_id in datasets
            if data_id not in self._refs[dataset_type, run, instrument]
        }
        if not missing:
            return
        runs = sorted({run for run, _ in missing})
        known = set(self._butler.collections.query("*"))
        with self._butler.query() as query:
            # A RUN that does not exist is no error of the query but of the dataset.
            there = [run for run in runs if run in known]
            found = query.datasets(registered, there, find_first=False).where(instrument=instrument)
            for ref in found if there else ():
                data_id = missing.pop((ref.run, ref.dataId), None)
                if data_id is not None:
                    self._refs[dataset_type, ref.run, instrument][data_id] = ref
        if missing:
            (run, _), data_id = next(iter(missing.items()))
            raise Gen2to3Error(
                f"the target does not hold {len(missing)} datasets of type {dataset_type} that are to be "
                f"certified, such as {data_id} in {run}"
            )

    def get(self, dataset_type: str, run: str, instrument: str, data_id: DataId) -> DatasetRef:
        """A ref that was made or resolved before."""
        return self._refs[dataset_type, run, instrument][data_id]


def expanded(
    butler: Butler, dimensions: DimensionGroup, instrument: str, data_ids: Mapping[DataId, str]
) -> dict[DataId, DataCoordinate]:
    """Data IDs with all dimension records.

    Parameters
    ----------
    butler
        The target.
    dimensions
        Dimensions of all the data IDs.
    instrument
        Their instrument.
    data_ids
        The data IDs, each with a dataset type that has it, for messages.

    Raises
    ------
    Gen2to3Error
        The target does not know one of the values.
    """
    # An exposure has a hundred detectors: its records are looked up once, not with each of them.
    rest = dimensions.universe.conform(set(dimensions.required) - {"detector"})
    by_detector = {*rest.elements, "detector"} == set(dimensions.elements)
    if not by_detector:
        rest = dimensions
    parts: dict[DataId, dict[DataId, DataCoordinate]] = defaultdict(dict)
    for data_id, name in data_ids.items():
        part = data_id._replace(detector=None) if by_detector else data_id
        parts[part][data_id] = minimal_coordinate(dimensions, instrument, data_id, name)
    detectors: dict[int, DimensionRecord] = {}
    if by_detector:
        found = butler.query_dimension_records("detector", instrument=instrument, limit=None, explain=False)
        detectors = {record.id: record for record in found}
    result: dict[DataId, DataCoordinate] = {}
    for part, records in _records(butler, rest, instrument, parts).items():
        for data_id, minimal in parts[part].items():
            if not by_detector:
                result[data_id] = minimal.expanded(records)
            elif data_id.detector in detectors:
                record = detectors[data_id.detector]
                own = {e: record if e == "detector" else records[e] for e in dimensions.elements}
                result[data_id] = minimal.expanded(own)
    if missing := [data_id for data_id in data_ids if data_id not in result]:
        raise Gen2to3Error(
            f"the target lacks dimension records for {len(missing)} data IDs of {instrument}, "
            f"such as {missing[0]}"
        )
    return result


def _records(
    butler: Butler, dimensions: DimensionGroup, instrument: str, data_ids: Iterable[DataId]
) -> dict[DataId, Mapping[str, DimensionRecord | None]]:
    """Dimension records by data ID, as far as the target knows it."""
    coordinates = {minimal_coordinate(dimensions, instrument, d, "data ID"): d for d in data_ids}
    try:
        with butler.query() as query:
            found = query.join_data_coordinates(coordinates).data_ids(dimensions).with_dimension_records()
            return {
                coordinates[c]: {element: c.records[element] for element in dimensions.elements}
                for c in found
            }
    except LookupError as exc:
        # Some elements are looked up in a cache, others are joined.
        raise Gen2to3Error(f"the target lacks dimension records: {exc}") from exc


def minimal_coordinate(
    dimensions: DimensionGroup, instrument: str, data_id: DataId, dataset_type: str
) -> DataCoordinate:
    """A data ID without records, of required values only.

    Raises
    ------
    Gen2to3Error
        A value is missing, or there is one too many.
    """
    given: dict[str, int | str | None] = dict(zip(DataId._fields, data_id, strict=True))
    given["instrument"] = instrument
    values: list[int | str] = []
    for name in dimensions.required:
        value = given.pop(name, None)
        if value is None:
            raise Gen2to3Error(f"{dataset_type} {data_id}: the data ID lacks {name}")
        # numpy integers would be stored as blobs
        values.append(value if isinstance(value, str) else int(value))
    if extra := [name for name, value in given.items() if value is not None]:
        raise Gen2to3Error(f"{dataset_type} {data_id}: the dataset type has no {', '.join(extra)}")
    return DataCoordinate.from_required_values(dimensions, tuple(values))
