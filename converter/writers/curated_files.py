"""Texts of a data package to FITS files, in this process or in several.

Each text is read once. Files are made in a directory from which they can be
moved into the datastore, so memory holds few of them at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from adapters.curated.layout import Place
from adapters.curated.package import Reading, read_place
from adapters.curated.types import Curated
from adapters.gen2.files import printable
from adapters.pool import in_processes

from ..nouns import Gen2to3Error
from .curated_tables import curated_bytes

CHUNK = 8
"""Files per task: a linearizer takes the better part of a second, defects some milliseconds."""


class Job(NamedTuple):
    """One text to read.

    ``known`` is the digest of its content if that is in the target already,
    ``destination`` where the file is to be made, ``""`` for nowhere.
    """

    place: Place
    curated: Curated
    known: str
    destination: str


class Made(NamedTuple):
    """A file that was made: where (``""`` for nowhere) and its SHA-256."""

    path: str
    sha256: str


class Done(NamedTuple):
    """What became of a job; ``made`` is `None` if no file had to be made, or none could be."""

    reading: Reading
    made: Made | None


def do_job(job: Job) -> Done:
    """Read one text and make its file."""
    reading = read_place(job.place, job.curated, job.known)
    if reading.document is None or not job.place.dataset_type.written:
        return Done(reading._replace(document=None), None)
    try:
        content = curated_bytes(job.place.dataset_type.name, reading.document)
    except Gen2to3Error as exc:
        reason = str(exc).removeprefix(f"{printable(job.place.path)}: ")
        return Done(Reading(None, None, reason, reading.date), None)
    if job.destination:
        try:
            with open(job.destination, "xb") as stream:
                stream.write(content)
        except OSError as exc:
            raise Gen2to3Error(f"{job.destination}: cannot be written: {exc.strerror}") from exc
    made = Made(job.destination, hashlib.sha256(content).hexdigest())
    return Done(reading._replace(document=None), made)


def _do_jobs(jobs: list[Job]) -> list[Done]:
    return [do_job(job) for job in jobs]


def do_jobs(jobs: Sequence[Job], workers: int) -> Iterable[Done]:
    """Do all jobs, in their order.

    Parameters
    ----------
    jobs
        What to read.
    workers
        Processes. With 1, or with few jobs, all is done in this one.

    Raises
    ------
    Gen2to3Error
        A file cannot be written, or a process died (while iterating).
    """
    if workers == 1 or len(jobs) <= CHUNK:
        return (do_job(job) for job in jobs)
    return in_processes(_do_jobs, _chunks(iter(jobs)), workers, "file making")


def _chunks(jobs: Iterator[Job]) -> Iterator[list[Job]]:
    while chunk := list(islice(jobs, CHUNK)):
        yield chunk


def destination(directory: Path | None, number: int) -> str:
    """Where the file of a job is made."""
    return "" if directory is None else str(directory / f"{number:06d}.fits")
