"""For which nights a repository has calibrations: nights by calibration types, and a list of what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from lsst.daf.butler import Butler

from ..nouns import DataId
from .lookups import MEANINGS, STATES, Lookups, State, TypeLookups, read_lookups


@dataclass(frozen=True, slots=True)
class Cell:
    """One night and one calibration type.

    Parameters
    ----------
    night
        The night's ``day_obs``.
    dataset_type
        The type.
    ok, unbounded, ambiguous, missing
        How many lookups are answered in which way. A lookup is an exposure
        and, for types that have one, a detector of it.
    """

    night: int
    dataset_type: str
    ok: int
    unbounded: int
    ambiguous: int
    missing: int

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Numbers in the order of `STATES`."""
        return self.ok, self.unbounded, self.ambiguous, self.missing

    @property
    def worst(self) -> State:
        """The worst state of the cell."""
        return max((s for s, n in zip(STATES, self.counts, strict=True) if n), default=State.NOT_ASKED)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Lookups of one night without exactly one answer.

    Parameters
    ----------
    night, dataset_type
        What was asked for.
    physical_filter
        The filter, ``""`` for types that go by none.
    state
        Missing or ambiguous.
    detectors
        Detector ids, empty for types without detectors.
    exposures
        Ids of the exposures.
    kinds
        Their ``observation_type``.
    is_never
        Whether there is no range for any of these detectors and this filter,
        at any time.
    """

    night: int
    dataset_type: str
    physical_filter: str
    state: State
    detectors: tuple[int, ...]
    exposures: tuple[int, ...]
    kinds: tuple[str, ...]
    is_never: bool

    @property
    def note(self) -> str:
        """What may help to judge it."""
        return "nothing is certified for any time" if self.is_never else ""

    def __str__(self) -> str:
        words = [str(self.night), self.dataset_type]
        words += [self.physical_filter] if self.physical_filter else []
        words += [name_detectors(self.detectors)] if self.detectors else []
        return " ".join(words)


@dataclass(frozen=True)
class Coverage:
    """Nights by calibration types.

    Parameters
    ----------
    instrument
        Gen3 instrument name.
    collections
        CALIBRATION collections that were searched, in order.
    nights, types
        All nights (``day_obs``) and types, in order.
    cells
        One for each night and type, nights first.
    unanswered
        What is missing or ambiguous, by night, type, filter.
    untimed
        Exposures without a timespan or a night, for which nothing can be asked.
    without_raws
        Exposures without a raw, for which nothing is asked.
    """

    instrument: str
    collections: tuple[str, ...]
    nights: tuple[int, ...]
    types: tuple[str, ...]
    cells: tuple[Cell, ...]
    unanswered: tuple[Unanswered, ...]
    untimed: tuple[int, ...] = ()
    without_raws: tuple[int, ...] = ()

    @property
    def missing(self) -> tuple[Unanswered, ...]:
        """What is missing."""
        return tuple(row for row in self.unanswered if row.state is State.MISSING)

    @cached_property
    def totals(self) -> dict[State, int]:
        """Numbers of lookups by state."""
        found: Counter[State] = Counter()
        for cell in self.cells:
            found.update(dict(zip(STATES, cell.counts, strict=True)))
        return {state: found[state] for state in STATES}

    def summary(self) -> tuple[str, ...]:
        """The same in sentences, counts first."""
        lookups = sum(self.totals.values())
        if not lookups:
            text = "there is no exposure with raws" if self.types else "there is no calibration type"
            sentences = [f"Nothing was asked: {text}."]
        else:
            counts = ", ".join(f"{n:,} {MEANINGS[state]}" for state, n in self.totals.items())
            where = ", ".join(self.collections) or "no collection"
            sentences = [
                f"{len(self.nights)} nights, {len(self.types)} calibration types, "
                f"{lookups:,} lookups in {where}: {counts}."
            ]
            sentences += self._by_type()
        for numbers, text in (
            (self.untimed, "have no timespan or no day_obs, so nothing can be asked for them"),
            (self.without_raws, "have no raw, so nothing is asked for them"),
        ):
            if numbers:
                sentences.append(f"Exposures {text}: {_few(numbers)}.")
        return tuple(sentences)

    def _by_type(self) -> Iterator[str]:
        for name in self.types:
            nights = {row.night for row in self.missing if row.dataset_type == name}
            if nights:
                yield f"{name}: something is missing in {len(nights)} of {len(self.nights)} nights."

    @staticmethod
    def columns() -> tuple[str, ...]:
        """Titles of `rows`."""
        return ("night", "dataset type", "filter", "state", "detectors", "exposures", "observed", "note")

    def rows(self) -> tuple[tuple[str | int, ...], ...]:
        """What is missing or ambiguous, as a table of texts and numbers."""
        return tuple(
            (
                u.night,
                u.dataset_type,
                u.physical_filter or "any",
                MEANINGS[u.state],
                as_ranges(u.detectors) or "all",
                len(u.exposures),
                ", ".join(u.kinds),
                u.note,
            )
            for u in self.unanswered
        )


def as_ranges(numbers: Iterable[int]) -> str:
    """Numbers as text, such as ``0-3,7``."""
    groups: list[list[int]] = []
    for number in sorted(set(numbers)):
        if groups and number == groups[-1][1] + 1:
            groups[-1][1] = number
        else:
            groups.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in groups)


def name_detectors(detectors: Sequence[int]) -> str:
    """Detectors as text, such as ``detectors 0-3,7``."""
    return f"detector{'s' if len(detectors) > 1 else ''} {as_ranges(detectors)}"


def read_coverage(butler: Butler, instrument: str, collections: Sequence[str] = ()) -> Coverage:
    """Ask a repository for the calibrations of all its raws, and sum up by night and type.

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
    return make_coverage(read_lookups(butler, instrument, collections))


def make_coverage(lookups: Lookups) -> Coverage:
    """Sum up lookups by night and type."""
    by_night: dict[int, list[int]] = {night: [] for night in lookups.nights}
    for row, exposure in enumerate(lookups.exposures):
        by_night[exposure.night].append(row)
    cells: list[Cell] = []
    unanswered: list[Unanswered] = []
    for night, members in by_night.items():
        rows = np.array(members)
        for answers in lookups.types:
            states = answers.states[rows]
            numbers = np.bincount(states.ravel(), minlength=len(State)).tolist()
            counts = [numbers[state] for state in STATES]
            cells.append(Cell(night, answers.dataset_type, *counts))
            if numbers[State.MISSING] or numbers[State.AMBIGUOUS]:
                unanswered += _unanswered(lookups, answers, night, members)
    without_raws = [x.number for x, has in zip(lookups.exposures, lookups.has, strict=True) if not has.any()]
    return Coverage(
        lookups.instrument,
        lookups.collections,
        lookups.nights,
        tuple(t.dataset_type for t in lookups.types),
        tuple(cells),
        tuple(unanswered),
        lookups.untimed,
        tuple(sorted(without_raws)),
    )


def _unanswered(
    lookups: Lookups, answers: TypeLookups, night: int, members: Sequence[int]
) -> Iterator[Unanswered]:
    """What one night lacks of one type: by filter, the worst first."""
    filters: dict[str, list[int]] = {}
    for row in members:
        name = lookups.exposures[row].physical_filter or "" if answers.by_filter else ""
        filters.setdefault(name, []).append(row)
    for name in sorted(filters):
        for state in (State.MISSING, State.AMBIGUOUS):
            rows = np.array(filters[name])
            is_so = answers.states[rows] == state
            if not is_so.any():
                continue
            there = [lookups.exposures[row] for row in rows[is_so.any(axis=1)].tolist()]
            places = np.flatnonzero(is_so.any(axis=0)).tolist()
            detectors = tuple(lookups.detectors[place] for place in places) if answers.by_detector else ()
            asked = (DataId(d, name if answers.by_filter else None) for d in detectors or (None,))
            yield Unanswered(
                night,
                answers.dataset_type,
                name,
                state,
                detectors,
                tuple(sorted(x.number for x in there)),
                tuple(sorted({x.kind for x in there if x.kind})),
                not any(data_id in answers.known for data_id in asked),
            )


def _few(numbers: Sequence[int], most: int = 10) -> str:
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return ", ".join(map(str, numbers[:most])) + more
