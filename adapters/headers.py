"""One header per exposure, in this process or in several.

One good file per exposure is enough, so one header is read per exposure; more
only where a file fails. What a header means is in `adapters.translation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

from astro_metadata_translator import MetadataTranslator

from converter.nouns import ExposureRecord, Reject

from .camera import Camera, Extensions
from .fits_header import HeaderError, open_header
from .pool import in_processes
from .translation import exposure_record, load_translator, read_record

__all__ = ["HeaderJob", "HeaderResult", "exposure_record", "read_exposures"]

CHUNK = 64
"""Exposures per task: about 0.3 s of work against some 1 ms of sending it."""


@dataclass(frozen=True, slots=True)
class HeaderJob:
    """One exposure whose header is wanted.

    Parameters
    ----------
    exposure
        Exposure id as the source gives it.
    paths
        Candidate files, in the order to try.
    """

    exposure: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeaderResult:
    """What reading an exposure's header gave.

    Parameters
    ----------
    exposure
        Exposure id of the job. The header's own is ``record.exposure["id"]``;
        whether they agree is for the caller to judge.
    record
        `None` if no file of the exposure is good.
    rejects
        One for every file tried in vain.
    reads
        Files opened.
    path
        The file that gave the record, `None` without record.
    """

    exposure: int
    record: ExposureRecord | None
    rejects: tuple[Reject, ...]
    reads: int
    path: str | None


def read_exposures(jobs: Iterable[HeaderJob], camera: Camera, workers: int = 1) -> Iterator[HeaderResult]:
    """Read one header per exposure.

    Parameters
    ----------
    jobs
        Exposures and their files; consumed as results are asked for.
    camera
        Names the translator, the module to import for it, and how raws of
        several detectors tell them apart.
    workers
        Processes. With 1, or with few jobs, all is done in this one.

    Returns
    -------
    results
        One per job, in the order of the jobs. A file that fails is a reject,
        never an exception.

    Raises
    ------
    UsageError
        There is no such translator (at once).
    Gen2to3Error
        A worker process died (while iterating).
    """
    name, module, detectors = camera.translator, camera.translator_module, camera.raw.extensions
    translator = load_translator(name, module)
    if workers > 1:
        chunks = _chunks(iter(jobs))
        head = list(islice(chunks, 2))
        # Starting a process costs more than reading one chunk.
        if len(head) > 1:
            return _read_in_pool(chain(head, chunks), name, module, detectors, workers)
        jobs = chain.from_iterable(head)
    return (_read_exposure(job, translator, detectors) for job in jobs)


def _chunks(jobs: Iterator[HeaderJob]) -> Iterator[list[HeaderJob]]:
    while chunk := list(islice(jobs, CHUNK)):
        yield chunk


def _read_chunk(jobs: list[HeaderJob], name: str, detectors: Extensions | None) -> list[HeaderResult]:
    translator = MetadataTranslator.translators[name]
    return [_read_exposure(job, translator, detectors) for job in jobs]


def _read_in_pool(
    chunks: Iterator[list[HeaderJob]],
    name: str,
    module: str | None,
    detectors: Extensions | None,
    workers: int,
) -> Iterator[HeaderResult]:
    read = partial(_read_chunk, name=name, detectors=detectors)
    return in_processes(read, chunks, workers, "header reading", module)


# One exposure.


def _read_exposure(
    job: HeaderJob, translator: type[MetadataTranslator], detectors: Extensions | None
) -> HeaderResult:
    rejects: list[Reject] = []
    reads = 0
    if not job.paths:
        rejects.append(Reject(f"exposure {job.exposure}", "expected a raw file, found none"))
    for path in job.paths:
        try:
            with open_header(path) as file:
                reads += 1
                record = read_record(file, path, translator, detectors)
        except HeaderError as exc:
            rejects.append(Reject(path, str(exc)))
        else:
            return HeaderResult(job.exposure, record, tuple(rejects), reads, path)
    return HeaderResult(job.exposure, None, tuple(rejects), reads, None)
