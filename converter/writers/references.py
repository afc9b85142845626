"""Dataset refs of a batch: each data ID and each ref is made once."""

from __future__ import annotations

from collections.abc import Iterable

from lsst.daf.butler import (
    Butler,
    DataCoordinate,
    DatasetIdFactory,
    DatasetIdGenEnum,
    DatasetRef,
    DatasetType,
    DimensionGroup,
    MissingDatasetTypeError,
)

from ..nouns import DataId, Gen2to3Error
from ..operations import RegisterDatasetType
from .common import butler_errors

_FACTORY = DatasetIdFactory()


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


def dataset_id(dataset_type: DatasetType, run: str, instrument: str, data_id: DataId) -> str:
    """The id that a dataset of ours has, for which neither it nor its dimension records need to exist."""
    found = minimal_coordinate(dataset_type.dimensions, instrument, data_id, dataset_type.name)
    return str(_FACTORY.makeDatasetId(run, dataset_type, found, DatasetIdGenEnum.DATAID_TYPE_RUN))


class References:
    """Makes and keeps dataset refs with the deterministic ids of the stack.

    Parameters
    ----------
    butler
        The target.

    Notes
    -----
    Data IDs are looked up in bulk, one query per set of dimensions. Left to
    itself the Butler does so once for each RUN of an ingest call.
    """

    def __init__(self, butler: Butler):
        self._butler = butler
        self._types: dict[str, DatasetType] = {}
        self._coordinates: dict[tuple[DimensionGroup, str, DataId], DataCoordinate] = {}
        self._refs: dict[tuple[str, str, str, DataId], DatasetRef] = {}

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

    def expand(self, instrument: str, datasets: Iterable[tuple[str, DataId]]) -> None:
        """Look up the dimension records of these datasets, all at once.

        Raises
        ------
        Gen2to3Error
            The target does not know one of the values.
        """
        wanted: dict[DimensionGroup, dict[DataCoordinate, DataId]] = {}
        for name, data_id in datasets:
            dimensions = self.dataset_type(name).dimensions
            if (dimensions, instrument, data_id) not in self._coordinates:
                group = wanted.setdefault(dimensions, {})
                group[minimal_coordinate(dimensions, instrument, data_id, name)] = data_id
        for dimensions, coordinates in wanted.items():
            try:
                with self._butler.query() as query:
                    found = query.join_data_coordinates(coordinates).data_ids(dimensions)
                    for coordinate in found.with_dimension_records():
                        data_id = coordinates.pop(coordinate)
                        self._coordinates[dimensions, instrument, data_id] = coordinate
            except LookupError as exc:
                # Some elements are looked up in a cache, others are joined.
                raise Gen2to3Error(f"the target lacks dimension records: {exc}") from exc
            if coordinates:
                example = next(iter(coordinates.values()))
                raise Gen2to3Error(
                    f"the target lacks dimension records for {len(coordinates)} data IDs of {instrument}, "
                    f"such as {example}"
                )

    def coordinate(self, dataset_type: str, instrument: str, data_id: DataId) -> DataCoordinate:
        """The full data ID of a dataset; `expand` it first."""
        return self._coordinates[self.dataset_type(dataset_type).dimensions, instrument, data_id]

    def make(self, dataset_type: str, run: str, instrument: str, data_id: DataId) -> DatasetRef:
        """The ref of a dataset that this program writes; `expand` it first."""
        key = (dataset_type, run, instrument, data_id)
        ref = self._refs.get(key)
        if ref is None:
            registered = self.dataset_type(dataset_type)
            ref = self._refs[key] = DatasetRef(
                registered,
                self._coordinates[registered.dimensions, instrument, data_id],
                run,
                conform=False,
                id_generation_mode=DatasetIdGenEnum.DATAID_TYPE_RUN,
            )
        return ref

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
            if (dataset_type, run, instrument, data_id) not in self._refs
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
                    self._refs[dataset_type, ref.run, instrument, data_id] = ref
        if missing:
            (run, _), data_id = next(iter(missing.items()))
            raise Gen2to3Error(
                f"the target does not hold {len(missing)} datasets of type {dataset_type} that are to be "
                f"certified, such as {data_id} in {run}"
            )

    def get(self, dataset_type: str, run: str, instrument: str, data_id: DataId) -> DatasetRef:
        """A ref that was made or resolved before."""
        return self._refs[dataset_type, run, instrument, data_id]


def minimal_coordinate(
    dimensions: DimensionGroup, instrument: str, data_id: DataId, dataset_type: str
) -> DataCoordinate:
    """A data ID without records, of required values only.

    Raises
    ------
    Gen2to3Error
        A value is missing, or there is one too many.
    """
    given = data_id.as_dict()
    values: list[int | str] = []
    for name in dimensions.required:
        value = instrument if name == "instrument" else given.pop(name, None)
        if value is None:
            raise Gen2to3Error(f"{dataset_type} {data_id}: the data ID lacks {name}")
        # numpy integers would be stored as blobs
        values.append(value if isinstance(value, str) else int(value))
    if given:
        raise Gen2to3Error(f"{dataset_type} {data_id}: the dataset type has no {', '.join(given)}")
    return DataCoordinate.from_required_values(dimensions, tuple(values))
