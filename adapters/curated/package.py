"""A data package, read: every file is a dataset, a hand-off, a skip or a reject."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from adapters.camera import Camera
from adapters.gen2.files import printable
from converter.nouns import CuratedFile, CuratedStart, DataId, Gen2to3Error, Provenance, Reject, Skip

from .documents import parse_document, read_text
from .layout import Place, utc_text, walk
from .metadata import check_metadata

Key = tuple[str, DataId]


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


def read_package(camera: Camera, package: str | Path) -> CuratedPackage:
    """Read the files of a data package that are the camera's.

    Parameters
    ----------
    camera
        The camera.
    package
        Root of the package (``obs_*_data``), or the camera's directory in it.

    Raises
    ------
    UsageError
        The camera has no such package, or this is none. A bad file is a
        reject and stops nothing.
    """
    found = walk(camera, Path(package))
    curated = camera.curated
    assert curated is not None  # walk has refused it
    doubled = _same_date(found.places)
    good: dict[Path, CuratedFile] = {}
    reasons: dict[Path, str] = dict(doubled)
    dates: dict[Path, str] = {}
    for place in found.places:
        if place.path in doubled:
            continue
        try:
            text = read_text(place.path)
            document = parse_document(text.data, printable(place.path), place.path.suffix.lower())
            original = str(document.metadata.get("CALIBDATE"))
            with contextlib.suppress(ValueError):  # check_metadata says so
                dates[place.path] = utc_text(original)
            date = check_metadata(document, place, curated)
        except Gen2to3Error as exc:
            reasons[place.path] = str(exc).removeprefix(f"{printable(place.path)}: ")
            continue
        good[place.path] = CuratedFile(
            dataset_type=place.dataset_type.name,
            data_id=place.data_id,
            path=str(place.path),
            valid_from=place.valid_from,
            calib_date=date,
            sha256=text.sha256,
            size=len(text.data),
            mtime_ns=text.mtime_ns,
            provenance=Provenance(
                str(place.path), text=(("file name", place.path.name), ("CALIBDATE", original))
            ),
        )
    # Says more than that each of the two differs from its name.
    reasons.update(_out_of_order(found.places, dates))
    for place in found.places:
        if (reason := reasons.get(place.path)) is not None:
            found.reject(place.path, reason)
    kept = [(p.dataset_type, good[p.path]) for p in found.places if p.path not in reasons]
    return CuratedPackage(
        files=tuple(file for of, file in kept if of.written),
        handed_off=tuple(file for of, file in kept if not of.written),
        starts=tuple(CuratedStart(*_key(p), p.valid_from) for p in found.places),
        skips=tuple(found.skips),
        rejects=tuple(found.rejects),
    )
