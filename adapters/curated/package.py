"""A data package, read: every file is a dataset, a hand-off, a skip or a reject."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from adapters.camera import Camera
from adapters.gen2.files import printable
from converter.nouns import (
    CuratedDocument,
    CuratedFile,
    CuratedStart,
    DataId,
    Gen2to3Error,
    Provenance,
    Reject,
    Skip,
)

from .documents import parse_document, read_text
from .layout import Place, utc_text, walk
from .metadata import check_metadata
from .types import Curated

Key = tuple[str, DataId]


class Reading(NamedTuple):
    """What became of reading one file.

    ``file`` is `None` if it is a reject, for the stated reason; ``document``
    is its content, if that was read; ``date`` is its ``CALIBDATE`` (ISO text,
    UTC), ``""`` if it has none.
    """

    file: CuratedFile | None
    document: CuratedDocument | None
    reason: str
    date: str


@dataclass(frozen=True)
class CuratedPackage:
    """What a data package holds for one camera.

    Parameters
    ----------
    files
        Datasets that can be written.
    handed_off
        Datasets that only the stack can write.
    starts
        Begins of validity of all files, the rejected ones included: a file
        that cannot be read still ends the validity of the one before it.
    skips, rejects
        All other files, with the reason.
    """

    files: tuple[CuratedFile, ...]
    handed_off: tuple[CuratedFile, ...]
    starts: tuple[CuratedStart, ...]
    skips: tuple[Skip, ...]
    rejects: tuple[Reject, ...]


def _key(place: Place) -> Key:
    return place.dataset_type.name, place.data_id


def _same_date(places: list[Place]) -> dict[Path, str]:
    """Files whose type, data ID and date another file has too."""
    groups: dict[tuple[Key, str], list[Place]] = defaultdict(list)
    for place in places:
        groups[_key(place), place.valid_from].append(place)
    reasons = {}
    for (_, date), same in groups.items():
        for place in same if len(same) > 1 else ():
            others = ", ".join(printable(p.path.name) for p in same if p is not place)
            reasons[place.path] = f"begins at {date} UTC as {others} does; remove all but one"
    return reasons


def _out_of_order(places: list[Place], dates: dict[Path, str]) -> dict[Path, str]:
    """Files whose ``CALIBDATE`` are in another order than their names."""
    groups: dict[Key, list[Place]] = defaultdict(list)
    for place in places:
        if place.path in dates:
            groups[_key(place)].append(place)
    reasons: dict[Path, str] = {}
    for same in groups.values():
        same.sort(key=lambda p: p.valid_from)
        for i, first in enumerate(same):
            for second in same[i + 1 :]:
                if dates[first.path] > dates[second.path]:
                    reason = (
                        f"CALIBDATE is {dates[first.path]} in {printable(first.path.name)} and "
                        f"{dates[second.path]} in {printable(second.path.name)}: not in the order of "
                        "the file names; correct whichever is wrong"
                    )
                    reasons.setdefault(first.path, reason)
                    reasons.setdefault(second.path, reason)
    return reasons


def read_place(place: Place, curated: Curated, known: str = "") -> Reading:
    """Read one file.

    Parameters
    ----------
    place
        Where it is.
    curated
        What the camera declares.
    known
        Digest of a content that was read and found good before. A file that
        has it is not read any further, and has no document.

    Returns
    -------
    reading
        What it says, or why it cannot be taken.
    """
    date = ""
    try:
        text = read_text(place.path)
        original = place.valid_from
        document = None
        if text.sha256 != known:
            document = parse_document(text.data, printable(place.path), place.path.suffix.lower())
            original = str(document.metadata.get("CALIBDATE"))
            with contextlib.suppress(ValueError):  # check_metadata says so
                date = utc_text(original)
            check_metadata(document, place, curated)
    except Gen2to3Error as exc:
        return Reading(None, None, str(exc).removeprefix(f"{printable(place.path)}: "), date)
    file = CuratedFile(
        dataset_type=place.dataset_type.name,
        data_id=place.data_id,
        path=str(place.path),
        valid_from=place.valid_from,
        # They were compared, now or when the content became known.
        calib_date=place.valid_from,
        sha256=text.sha256,
        size=len(text.data),
        mtime_ns=text.mtime_ns,
        provenance=Provenance(
            str(place.path), text=(("file name", place.path.name), ("CALIBDATE", original))
        ),
    )
    return Reading(file, document, "", place.valid_from)


def read_one_by_one(places: Sequence[Place], curated: Curated) -> Iterator[Reading]:
    """Read files in this process."""
    return (read_place(place, curated)._replace(document=None) for place in places)


def read_package(
    camera: Camera,
    package: str | Path,
    wants: Callable[[str], bool] = lambda dataset_type: True,
    read: Callable[[Sequence[Place], Curated], Iterable[Reading]] = read_one_by_one,
) -> CuratedPackage:
    """Read the files of a data package that are the camera's.

    Parameters
    ----------
    camera
        The camera.
    package
        Root of the package (``obs_*_data``), or the camera's directory in it.
    wants
        Whether a dataset type is wanted.
    read
        Reads files, in the order of their places.

    Raises
    ------
    UsageError
        The camera has no such package, or this is none. A bad file is a
        reject and stops nothing.
    """
    found = walk(camera, Path(package))
    curated = camera.curated
    assert curated is not None  # walk has refused it
    for place in found.places:
        if not wants(place.dataset_type.name):
            found.skip(place.path, "left out by --types")
    places = [p for p in found.places if wants(p.dataset_type.name)]
    reasons = _same_date(places)
    good: dict[Path, CuratedFile] = {}
    dates: dict[Path, str] = {}
    single = [p for p in places if p.path not in reasons]
    for place, reading in zip(single, read(single, curated), strict=True):
        if reading.date:
            dates[place.path] = reading.date
        if reading.file is None:
            reasons[place.path] = reading.reason
        else:
            good[place.path] = reading.file
    # Says more than that each of the two differs from its name.
    reasons.update(_out_of_order(places, dates))
    for place in places:
        if (reason := reasons.get(place.path)) is not None:
            found.reject(place.path, reason)
    kept = [(p.dataset_type, good[p.path]) for p in places if p.path not in reasons]
    return CuratedPackage(
        files=tuple(file for of, file in kept if of.written),
        handed_off=tuple(file for of, file in kept if not of.written),
        starts=tuple(CuratedStart(*_key(p), p.valid_from) for p in (*places, *found.ended)),
        skips=tuple(found.skips),
        rejects=tuple(found.rejects),
    )
