"""How each detector is covered in each night, at its true place in the focal plane.

For each night and type a detector has its worst state and the date of its
master; where a night has several masters, the one whose date is farthest from
the night. Many nights have the same masters, so what one night says of one type is kept
once (a pattern), and nights refer to it by number. Patterns hold dates and not
ages, because ages change from night to night.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from lsst.daf.butler import Butler
from numpy.typing import NDArray

from adapters.camera import Camera
from adapters.geometry import DetectorPlace

from ..readiness import camera_of
from .coverage import Unanswered, as_ranges, make_coverage, name_detectors
from .lookups import MEANINGS, UNKNOWN, Lookups, State, read_lookups

_EPOCH = datetime.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Place:
    """A detector in the focal plane.

    Parameters
    ----------
    detector
        Its id.
    name
        Its ``full_name``.
    corners
        Outer corners of its pixels, mm, counter-clockwise.
    """

    detector: int
    name: str
    corners: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """What is said of one detector for one night and type.

    Parameters
    ----------
    state
        Its worst state.
    day
        Days since 1970-01-01 to the date of its master, `UNKNOWN` if there
        is none.
    """

    state: State
    day: int


@dataclass(frozen=True)
class FocalPlane:
    """Detectors, and what each night and type says of them.

    Parameters
    ----------
    instrument
        Gen3 instrument name.
    places
        Detectors with their places.
    reason
        Why there are none, ``""`` if there are.
    nights, types
        All nights (``day_obs``) and calibration types, in order.
    states, days
        Patterns: a `State`, and days since 1970-01-01 or `UNKNOWN`, for each
        pattern and place.
    index
        Number of the pattern of each type and night.
    notes, note_index
        Texts on what is missing, and the number of the text of each type and
        night; the first is ``""``.
    unplaced
        Detectors with raws that have no place.
    """

    instrument: str
    places: tuple[Place, ...]
    reason: str = ""
    nights: tuple[int, ...] = ()
    types: tuple[str, ...] = ()
    states: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    days: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    index: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    notes: tuple[str, ...] = ("",)
    note_index: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    unplaced: tuple[int, ...] = ()

    def marks(self, night: int, dataset_type: str) -> dict[int, Mark]:
        """What is said of each detector for a night and a type."""
        pattern = self.index[self.types.index(dataset_type), self.nights.index(night)]
        return {
            place.detector: Mark(State(int(state)), int(day))
            for place, state, day in zip(self.places, self.states[pattern], self.days[pattern], strict=True)
        }

    def note(self, night: int, dataset_type: str) -> str:
        """What is missing for a night and a type, ``""`` if nothing is."""
        return self.notes[self.note_index[self.types.index(dataset_type), self.nights.index(night)]]

    def summary(self) -> tuple[str, ...]:
        """The same in sentences."""
        sentences = [self.reason] if self.reason else []
        if self.places and not self.index.size:
            sentences.append("There is no night or no calibration type to show.")
        if self.unplaced:
            sentences.append(
                f"Detectors with raws that have no place in the focal plane: {as_ranges(self.unplaced)}."
            )
        for number, name in enumerate(self.types if self.places else ()):
            worst = self.states.max(axis=1, initial=0)[self.index[number]]
            nights = [night for night, state in zip(self.nights, worst, strict=True) if state > State.OK]
            if nights:
                counts = {
                    s: int((worst == s).sum()) for s in (State.MISSING, State.AMBIGUOUS, State.UNBOUNDED)
                }
                texts = ", ".join(f"{n} {MEANINGS[state]}" for state, n in counts.items() if n)
                sentences.append(f"{name}: of {len(self.nights)} nights, by their worst detector, {texts}.")
        return tuple(sentences)


def night_day(night: int) -> int:
    """Days since 1970-01-01 of a ``day_obs`` such as 20141001, `UNKNOWN` if it is no date."""
    try:
        return (datetime.date(night // 10_000, night // 100 % 100, night % 100) - _EPOCH).days
    except ValueError:
        return UNKNOWN


def age(night: int, day: int) -> int | None:
    """Days from the date of a master to a night, negative if the master is later; `None` if not known."""
    of_night = night_day(night)
    return None if UNKNOWN in (of_night, day) else of_night - day


def read_focal_plane(butler: Butler, instrument: str) -> FocalPlane:
    """Ask a repository for the calibrations of all its raws, and sum up by night, type and detector.

    Parameters
    ----------
    butler
        The repository.
    instrument
        Gen3 instrument name; there has to be a record of it.
    """
    return make_focal_plane(read_lookups(butler, instrument), camera_of(instrument))


def make_focal_plane(lookups: Lookups, camera: Camera | None) -> FocalPlane:
    """Sum up lookups by night, type and detector.

    Parameters
    ----------
    lookups
        Questions and answers.
    camera
        The camera that declares the instrument, `None` if none does.
    """
    geometry = None if camera is None else camera.instrument.geometry
    if camera is None or geometry is None or not geometry.detectors:
        why = "no camera declares it" if camera is None else "its camera declares no geometry"
        reason = f"The focal plane of {lookups.instrument} cannot be drawn: {why}."
        return FocalPlane(lookups.instrument, (), reason)
    names = {detector.id: detector.full_name for detector in camera.instrument.detectors}
    places = tuple(_place(place, names.get(place.id, "")) for place in geometry.detectors)
    ids = [place.detector for place in places]
    unplaced = tuple(d for d in lookups.detectors if d not in set(ids))
    nights, types = lookups.nights, tuple(t.dataset_type for t in lookups.types)
    patterns = _Patterns(len(ids))
    index = np.zeros((len(types), len(nights)), np.int32)
    for row, (states, days) in enumerate(_by_night(lookups, ids)):
        for column in range(len(nights)):
            index[row, column] = patterns.number(states[column], days[column])
    notes, note_index = _notes(lookups, make_coverage(lookups).unanswered)
    return FocalPlane(
        lookups.instrument,
        places,
        "",
        nights,
        types,
        patterns.states,
        patterns.days,
        index,
        notes,
        note_index,
        unplaced,
    )


class _Patterns:
    """Rows of states and days, each once, by number."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._numbers: dict[tuple[bytes, bytes], int] = {}

    def number(self, states: NDArray[np.uint8], days: NDArray[np.int32]) -> int:
        return self._numbers.setdefault((states.tobytes(), days.tobytes()), len(self._numbers))

    @property
    def states(self) -> NDArray[np.uint8]:
        joined = b"".join(states for states, _ in self._numbers)
        return np.frombuffer(joined, np.uint8).reshape(-1, self._width)

    @property
    def days(self) -> NDArray[np.int32]:
        joined = b"".join(days for _, days in self._numbers)
        return np.frombuffer(joined, np.int32).reshape(-1, self._width)


def _place(place: DetectorPlace, name: str) -> Place:
    return Place(place.id, name, tuple((float(x), float(y)) for x, y in place.corners(0)))


def _by_night(lookups: Lookups, ids: list[int]) -> list[tuple[NDArray[np.uint8], NDArray[np.int32]]]:
    """For each type worst states and farthest days, by night and place."""
    members: dict[int, list[int]] = defaultdict(list)
    for row, exposure in enumerate(lookups.exposures):
        members[exposure.night].append(row)
    column = {detector: number for number, detector in enumerate(lookups.detectors)}
    known = [number for number, detector in enumerate(ids) if detector in column]
    source = [column[ids[number]] for number in known]
    result = []
    for answers in lookups.types:
        states = np.full((len(members), len(ids)), State.NOT_ASKED, np.uint8)
        days = np.full((len(members), len(ids)), UNKNOWN, np.int32)
        for number, night in enumerate(lookups.nights):
            rows = np.array(members[night])
            has = lookups.has[rows][:, source]
            # What goes by no detector is said of each.
            some, dates = (
                a[rows][:, source] if answers.by_detector else np.where(has, a[rows], nothing)
                for a, nothing in ((answers.states, State.NOT_ASKED), (answers.days, UNKNOWN))
            )
            far = np.where(dates == UNKNOWN, -1, np.abs(dates - night_day(night)))
            states[number, known] = some.max(axis=0)
            days[number, known] = np.take_along_axis(dates, far.argmax(axis=0)[None], axis=0)[0]
        result.append((states, days))
    return result


def _notes(lookups: Lookups, unanswered: tuple[Unanswered, ...]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Texts on what is missing, each once, and their numbers by type and night."""
    texts: dict[tuple[str, int], list[str]] = defaultdict(list)
    for row in unanswered:
        words = [MEANINGS[row.state], *([row.physical_filter] if row.physical_filter else [])]
        where = name_detectors(row.detectors) if row.detectors else "all detectors"
        texts[row.dataset_type, row.night].append(f"{' '.join(words)}: {where}")
    numbers = {"": 0}
    index = np.zeros((len(lookups.types), len(lookups.nights)), np.int32)
    for row_number, answers in enumerate(lookups.types):
        for column, night in enumerate(lookups.nights):
            text = "; ".join(texts.get((answers.dataset_type, night), ()))
            index[row_number, column] = numbers.setdefault(text, len(numbers))
    return tuple(numbers), index
