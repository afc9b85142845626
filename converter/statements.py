"""What somebody says of validity: which masters are meant, and for how long.

Unlike a `converter.nouns.ValidityClaim`, whose texts mean what a registry's
dialect makes of them, a statement is explicit: its span is half-open and in
TAI already. Pure; sources of statements are in `adapters.sources`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .nouns import DataId, Master, Provenance, Reject, Skip
from .timespans import Span


@dataclass(frozen=True, slots=True)
class Selector:
    """Which masters are meant; an empty field means any.

    Parameters
    ----------
    dataset_type, physical_filter, calib_date
        Values or globs, of which one has to match.
    detector
        Detector ids or full names, or globs of either.
    file
        Globs of the file's name or, with a ``/``, of the end of its path.
    """

    dataset_type: tuple[str, ...] = ()
    detector: tuple[str, ...] = ()
    physical_filter: tuple[str, ...] = ()
    file: tuple[str, ...] = ()
    calib_date: tuple[str, ...] = ()

    def matches(self, master: Master, detector_name: str = "") -> bool:
        """Whether a master is meant.

        Parameters
        ----------
        master
            The master.
        detector_name
            Full name of its detector.
        """
        data_id = master.key.data_id
        detector = "" if data_id.detector is None else str(data_id.detector)
        return (
            _any(self.dataset_type, master.key.dataset_type)
            and _any(self.physical_filter, data_id.physical_filter or "")
            and _any(self.calib_date, master.calib_date)
            and (_any(self.detector, detector) or _any(self.detector, detector_name))
            and (not self.file or any(_is_file(pattern, master.path) for pattern in self.file))
        )


def _any(patterns: Iterable[str], value: str) -> bool:
    # Equality first: a name may hold characters that mean something in a glob.
    patterns = tuple(patterns)
    return not patterns or any(value == p or fnmatchcase(value, p) for p in patterns)


def _is_file(pattern: str, path: str) -> bool:
    if "/" not in pattern:
        return fnmatchcase(path.rpartition("/")[2], pattern)
    return fnmatchcase(path, pattern) or fnmatchcase(path, f"*/{pattern.lstrip('/')}")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: the masters that are meant are valid for this span.

    Parameters
    ----------
    selector
        Which masters.
    span
        Half-open, TAI nanoseconds.
    provenance
        The line that says so, with its original text.
    """

    selector: Selector
    span: Span
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class ForeignRange:
    """One dataset of another Gen3 repository is certified for this span.

    Parameters
    ----------
    dataset_type
        Its name there.
    data_id
        Detector and filter, as they are called there.
    run
        Its RUN there.
    file
        Base name of its file, ``""`` if unknown.
    span
        Half-open, TAI nanoseconds.
    """

    dataset_type: str
    data_id: DataId
    run: str
    file: str
    span: Span

    @property
    def stamp(self) -> str:
        """Last part of the RUN's name."""
        return self.run.rpartition("/")[2]


@dataclass
class ForeignRanges:
    """What another Gen3 repository says.

    Parameters
    ----------
    by_collection
        Ranges of each CALIBRATION collection, in the order of a search.
    rejects, skips
        What cannot be read, and what is of no concern.
    """

    by_collection: dict[str, list[ForeignRange]] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
