"""What a repository answers when every raw asks for every calibration type.

All ranges are read once for each type (`converter.answers`) and all questions
are answered in memory, as `Butler.find_dataset` with the exposure's timespan
would answer them. Coverage and focal plane are made of the same lookups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from lsst.daf.butler import Butler, CollectionType, DatasetType
from numpy.typing import NDArray

from ..answers import Certified, read_ranges
from ..master_times import stamp_time
from ..nouns import DataId
from ..readiness import camera_of, searched_collections
from ..target import is_readable
from ..timespans import DAY, MAX_NS, MIN_NS

UNKNOWN = -1
"""Instead of a day that is not known."""


class State(IntEnum):
    """How a question is answered; of several, the greatest is the worst."""

    NOT_ASKED = 0
    OK = 1
    UNBOUNDED = 2
    AMBIGUOUS = 3
    MISSING = 4


STATES = (State.OK, State.UNBOUNDED, State.AMBIGUOUS, State.MISSING)
"""Those that an answer can have."""

MEANINGS: Mapping[State, str] = {
    State.NOT_ASKED: "not asked",
    State.OK: "OK",
    State.UNBOUNDED: "unbounded",
    State.AMBIGUOUS: "ambiguous",
    State.MISSING: "missing",
}


@dataclass(frozen=True, slots=True)
class Observed:
    """One exposure of the repository, as far as it asks for calibrations.

    Parameters
    ----------
    number
        Exposure id.
    night
        Its ``day_obs``.
    begin, end
        Timespan, TAI nanoseconds.
    physical_filter
        Its filter, `None` if it has none.
    kind
        Its ``observation_type``.
    """

    number: int
    night: int
    begin: int
    end: int
    physical_filter: str | None
    kind: str


@dataclass(frozen=True)
class TypeLookups:
    """All answers for one dataset type.

    Parameters
    ----------
    dataset_type
        Its name.
    by_detector, by_filter
        Whether its data IDs have a detector, and a filter.
    states
        A `State` for each exposure and detector; for a type without detectors
        the second axis has one place.
    days
        Days since 1970-01-01 to the date of the master: that of its RUN, or
        where its range begins. `UNKNOWN` where there is no single answer or
        no date.
    known
        Data IDs for which there is any range.
    """

    dataset_type: str
    by_detector: bool
    by_filter: bool
    states: NDArray[np.uint8]
    days: NDArray[np.int32]
    known: frozenset[DataId]


@dataclass(frozen=True)
class Lookups:
    """All questions and answers of a repository.

    Parameters
    ----------
    instrument
        Gen3 instrument name.
    collections
        CALIBRATION collections that were searched, in order.
    exposures
        By begin.
    detectors
        Ids of the detectors that any exposure has, sorted.
    has
        Whether an exposure has a raw of a detector, for each of both.
    types
        Calibration types that the instrument's collections have, by name.
    untimed
        Exposures without a timespan or a night, for which nothing can be asked.
    """

    instrument: str
    collections: tuple[str, ...]
    exposures: tuple[Observed, ...]
    detectors: tuple[int, ...]
    has: NDArray[np.bool_]
    types: tuple[TypeLookups, ...]
    untimed: tuple[int, ...] = ()

    @property
    def nights(self) -> tuple[int, ...]:
        """All nights, in order."""
        return tuple(sorted({exposure.night for exposure in self.exposures}))


def read_lookups(butler: Butler, instrument: str, collections: Sequence[str] = ()) -> Lookups:
    """Ask a repository for the calibrations of all its raws.

    Parameters
    ----------
    butler
        The repository.
    instrument
        Gen3 instrument name; there has to be a record of it.
    collections
        CALIBRATION collections to search, in order; if there are none, those
        that pipelines search.
    """
    order = tuple(collections) or tuple(searched_collections(butler, instrument))
    exposures, untimed = _exposures(butler, instrument)
    detectors, has = _raws(butler, instrument, exposures)
    types = [
        answer(
            name,
            required,
            read_ranges(butler, instrument, dataset_type, order) if order else [],
            exposures,
            detectors,
            has,
        )
        for name, required, dataset_type in _types(butler, instrument, order)
    ]
    return Lookups(instrument, order, exposures, detectors, has, tuple(types), untimed)


def answer(
    dataset_type: str,
    required: Iterable[str],
    tables: Sequence[Mapping[DataId, Sequence[Certified]]],
    exposures: Sequence[Observed],
    detectors: Sequence[int],
    has: NDArray[np.bool_],
) -> TypeLookups:
    """Answer all questions for one dataset type.

    Parameters
    ----------
    dataset_type
        Its name.
    required
        Dimensions of its data IDs.
    tables
        Per collection in search order: ranges by data ID, sorted by begin.
    exposures, detectors, has
        As those of `Lookups`.
    """
    names = set(required)
    by_detector, by_filter = "detector" in names, "physical_filter" in names
    columns = [{data_id: _columns(ranges) for data_id, ranges in table.items()} for table in tables]
    asked = has if by_detector else has.any(axis=1, keepdims=True)
    begins = np.array([x.begin for x in exposures], dtype=np.int64)
    ends = np.array([x.end for x in exposures], dtype=np.int64)
    groups: dict[str | None, list[int]] = defaultdict(list)
    for number, exposure in enumerate(exposures):
        groups[exposure.physical_filter if by_filter else None].append(number)
    states = np.full(asked.shape, State.NOT_ASKED, dtype=np.uint8)
    days = np.full(asked.shape, UNKNOWN, dtype=np.int32)
    for physical_filter, members in groups.items():
        rows = np.array(members)
        for place, detector in enumerate(detectors if by_detector else (None,)):
            data_id = DataId(detector, physical_filter)
            found = [table[data_id] for table in columns if data_id in table]
            states[rows, place], days[rows, place] = _ask(found, begins[rows], ends[rows])
    states[~asked], days[~asked] = State.NOT_ASKED, UNKNOWN
    known = frozenset(data_id for table in tables for data_id in table)
    return TypeLookups(dataset_type, by_detector, by_filter, states, days, known)


class _Columns(NamedTuple):
    """Ranges of one data ID in one collection, where they never overlap."""

    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    states: NDArray[np.uint8]
    days: NDArray[np.int32]


def _columns(ranges: Sequence[Certified]) -> _Columns:
    return _Columns(
        np.array([r.begin for r in ranges], dtype=np.int64),
        np.array([r.end for r in ranges], dtype=np.int64),
        np.array([_state(r) for r in ranges], dtype=np.uint8),
        np.array([master_day(r) for r in ranges], dtype=np.int32),
    )


def _state(found: Certified) -> State:
    return State.UNBOUNDED if found.begin <= MIN_NS or found.end >= MAX_NS else State.OK


def master_day(found: Certified) -> int:
    """Days since 1970-01-01 to a master's date: its RUN's, or where its range begins; else `UNKNOWN`."""
    try:
        return stamp_time(found.stamp, 0) // DAY
    except ValueError:
        return found.begin // DAY if found.begin > MIN_NS else UNKNOWN


def _ask(
    tables: Sequence[_Columns], begins: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Answers for one data ID at many times; the first collection that has any decides."""
    states = np.full(begins.shape, State.MISSING, dtype=np.uint8)
    days = np.full(begins.shape, UNKNOWN, dtype=np.int32)
    for columns in tables:
        first = np.searchsorted(columns.ends, begins, side="right")
        number = np.searchsorted(columns.begins, ends, side="left") - first
        found = (states == State.MISSING) & (number > 0)
        one = found & (number == 1)
        states[one], days[one] = columns.states[first[one]], columns.days[first[one]]
        states[found & (number > 1)] = State.AMBIGUOUS
    return states, days


def _exposures(butler: Butler, instrument: str) -> tuple[tuple[Observed, ...], tuple[int, ...]]:
    """Exposures by begin, and the ids of those without a timespan or a night."""
    timed, untimed = [], []
    for record in butler.query_dimension_records(
        "exposure", instrument=instrument, explain=False, limit=None
    ):
        if record.timespan is None or record.day_obs is None:
            untimed.append(record.id)
            continue
        begin, end = record.timespan.nsec
        kind = record.observation_type or ""
        timed.append(Observed(record.id, record.day_obs, begin, end, record.physical_filter, kind))
    timed.sort(key=lambda x: (x.begin, x.number))
    return tuple(timed), tuple(sorted(untimed))


def _raws(
    butler: Butler, instrument: str, exposures: Sequence[Observed]
) -> tuple[tuple[int, ...], NDArray[np.bool_]]:
    """Detectors of all exposures, as the raws say."""
    camera = camera_of(instrument)
    name = "raw" if camera is None else camera.raw.dataset_type
    there = {exposure.number: row for row, exposure in enumerate(exposures)}
    pairs: set[tuple[int, int]] = set()
    registered = next(iter(butler.registry.queryDatasetTypes([name], missing=[])), None)
    runs = butler.collections.query("*", collection_types=CollectionType.RUN)
    if registered is not None and runs and {"exposure", "detector"} <= set(registered.dimensions.required):
        with butler.query() as query:
            pairs = {
                (data_id["exposure"], data_id["detector"])
                for data_id in query.join_dataset_search(name, runs)
                .where(instrument=instrument)
                .data_ids(("exposure", "detector"))
            }
    detectors = tuple(sorted({detector for _, detector in pairs}))
    column = {detector: number for number, detector in enumerate(detectors)}
    has = np.zeros((len(exposures), len(detectors)), dtype=np.bool_)
    for exposure, detector in pairs:
        if exposure in there:
            has[there[exposure], column[detector]] = True
    return detectors, has


def _types(
    butler: Butler, instrument: str, order: Sequence[str]
) -> list[tuple[str, tuple[str, ...], DatasetType]]:
    """Calibration types that are in collections of the instrument, certified or not."""
    infos = butler.collections.query_info("*", include_summary=True)
    named = {
        name
        for info in infos
        if info.name in order or info.name.startswith(f"{instrument}/")
        for name in info.dataset_types or ()
    }
    registered = butler.registry.queryDatasetTypes(sorted(named), missing=[]) if named else []
    return sorted(
        (
            (t.name, tuple(t.dimensions.required), t)
            for t in registered
            if t.isCalibration() and is_readable(t)
        ),
        key=lambda row: row[0],
    )
