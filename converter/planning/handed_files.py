"""Files that the user has of what only the stack can write: which datasets they are."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable
from pathlib import Path

from adapters.camera import Camera, HandedFiles
from adapters.curated.handed import check_file, data_id_of, ingestible
from adapters.gen2.files import printable

from .. import names
from ..curate_recipe import Given
from ..nouns import Gen2to3Error, Reject, UsageError
from ..operations import IngestFile
from ..timespans import Span, parse_time, stamp, to_tai
from .curated_difference import Wanted


def plan_given(camera: Camera, label: str, given: Iterable[Given]) -> tuple[list[Wanted], list[Reject]]:
    """Find out what files are.

    Parameters
    ----------
    camera
        The camera's declaration.
    label
        Label of the calibration collection.
    given
        What the user says of them.

    Returns
    -------
    wanted
        One dataset for each good file.
    rejects
        Files that cannot be what they are said to be.

    Raises
    ------
    UsageError
        There is no such dataset type, or no such file.
    """
    known = ingestible(camera)
    wanted: list[Wanted] = []
    rejects: list[Reject] = []
    for group in given:
        how = known.get(group.dataset_type)
        if how is None:
            raise UsageError(
                f"--ingest {group.dataset_type}: files of this type are not taken as they are; "
                f"expected one of {', '.join(sorted(known))}"
            )
        for path in _files(group.files):
            try:
                check_file(how, path)
                data_id = data_id_of(camera, how, path)
            except Gen2to3Error as exc:
                rejects.append(Reject(printable(path), f"as {group.dataset_type}: {exc}", str(path)))
                continue
            span = _default(how) if group.span is None else group.span
            run = names.unbounded_run(camera.instrument.name, label)
            if span.clipped().begin is not None:
                # Only the user gives a begin.
                run = names.version_run(camera.instrument.name, label, group.dataset_type, stamp(group.begin))
            file = IngestFile(str(path), how.formatter, ((group.dataset_type, data_id),))
            wanted.append(
                Wanted(group.dataset_type, run, data_id, span, file, str(path), group.begin or "unbounded")
            )
    return wanted, rejects


def _files(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_file():
        return [path.absolute()]
    found = sorted(Path(name).absolute() for name in glob.glob(pattern, recursive=True))
    if not found:
        raise UsageError(f"{printable(pattern)}: there is no such file; nothing was ingested")
    return found


def _default(how: HandedFiles) -> Span:
    begin, end = (to_tai(parse_time(t), "tai") if t else None for t in (how.begin, how.end))
    return Span(begin, end)


def digest(path: str) -> str:
    """SHA-256 of a file's content.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
