"""What a conversion left behind, read back with the Butler.

This is the one module of `adapters` that needs more of `converter` than its
nouns and times: the contract is about whole conversions.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import erfa
from astropy.time import Time
from lsst.daf.butler import Butler, CollectionType

from converter.convert import Outcome, convert
from converter.nouns import DataId
from converter.recipe import Recipe

from ..camera import Camera
from .repository import Repository, Row

Ranges = Mapping[str, Iterable[tuple[str, str, str]]]
"""By dataset type: stamp of the RUN, begin and end (UTC) of a validity range; an end that is open is ``""``."""


@dataclass(frozen=True)
class Dataset:
    """A dataset as the Butler knows it; ``ranges`` are begins and ends in UTC, ``""`` if open."""

    dataset_type: str
    run: str
    data_id: DataId
    path: str
    formatter: str
    storage_class: str
    ranges: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.dataset_type} {self.run} {self.data_id}"


def run(repository: Repository, target: Path, with_verify: bool = True) -> Outcome:
    """Convert a repository; the files stay where they are."""
    recipe = Recipe(str(repository.root), calib=repository.calib_roots, transfer="direct")
    with repository.known():
        outcome = convert(recipe, str(target), with_verify=with_verify)
    if outcome.failure is not None:
        raise outcome.failure
    assert not outcome.stopped, f"{outcome.stopped}: {'; '.join(outcome.plan.conflicts)}"
    return outcome


def read_back(target: Path) -> list[Dataset]:
    """Read all datasets of a repository, what its datastore says of them, and their validity ranges."""
    butler = Butler.from_config(str(target))
    ranges = _ranges(butler)
    refs = {
        ref.id: ref for ref in butler.registry.queryDatasets(..., collections="*", findFirst=False)
    }  # a CALIBRATION collection gives the same datasets again
    records = {}
    for data in butler._datastore.export_records(refs.values()).values():
        for dataset_id, tables in data.records.items():
            (records[dataset_id],) = [info for infos in tables.values() for info in infos]
    found = []
    for dataset_id, ref in refs.items():
        data_id = {d: ref.dataId[d] for d in DataId._fields if d in ref.dataId.dimensions.required}
        record = records[dataset_id]
        path = butler.getURI(ref).ospath
        found.append(
            Dataset(
                ref.datasetType.name,
                ref.run,
                DataId(**data_id),
                path,
                record.formatter,
                record.storageClass.name,
                tuple(sorted(ranges.get(ref.id, ()))),
            )
        )
    return found


def _ranges(butler: Butler) -> dict[UUID, list[tuple[str, str]]]:
    found: dict[UUID, list[tuple[str, str]]] = {}
    collections = butler.collections.query("*", CollectionType.CALIBRATION)
    with warnings.catch_warnings():
        # Leap seconds of years far away are not known yet; that is no news.
        warnings.simplefilter("ignore", erfa.ErfaWarning)
        for dataset_type in butler.registry.queryDatasetTypes():
            if not dataset_type.isCalibration():
                continue
            for a in butler.registry.queryDatasetAssociations(dataset_type, collections):
                ends = _utc(a.timespan.begin), _utc(a.timespan.end)
                found.setdefault(a.ref.id, []).append(ends)
    return found


def _utc(time: Time | None) -> str:
    return "" if time is None else str(time.utc.isot)[:19]


def wrongly_valid(camera: Camera, wanted: Ranges, found: Iterable[Dataset]) -> Iterator[str]:
    """Types whose masters have other ranges than they are to have, or for which that has to be said."""
    ranges: dict[str, set[tuple[str, str, str]]] = {}
    for d in found:
        for begin, end in d.ranges:
            ranges.setdefault(d.dataset_type, set()).add((d.run.rpartition("/")[2], begin, end))
    for c in camera.calibrations:
        if c.zone and c.dataset_type in ranges and c.dataset_type not in wanted:
            yield (
                f"{c.dataset_type}: its times are local ones of {c.zone}, which no registry shows: "
                "name the ranges that its masters are to get in ranges"
            )
    for name, named in wanted.items():
        right, there = set(named), ranges.get(name, set())
        for what, differing in (("is missing", right - there), ("was not expected", there - right)):
            for stamp, begin, end in sorted(differing):
                yield f"{name} {stamp}: validity {begin} to {end} (UTC) {what}"


def expected(repository: Repository, row: Row) -> tuple[str, DataId]:
    """Dataset type and data ID of what a row names."""
    camera, c = repository.camera, row.calibration
    if c is None:
        raw = camera.raw
        return raw.dataset_type, DataId(row.values[raw.detector], None, row.values[raw.exposure])
    by_filter = "physical_filter" in c.dimensions
    physical_filter = camera.physical_filter(row.values.get(camera.raw.filter)) if by_filter else None
    return c.dataset_type, DataId(row.values[c.detector] + c.detector_offset, physical_filter)


def missing(repository: Repository, rows: list[Row], found: list[Dataset]) -> Iterator[str]:
    """Rows whose file is not in the Butler under the data ID that it should have."""
    there = {(d.dataset_type, d.data_id, os.path.realpath(d.path)) for d in found}
    for row in rows:
        dataset_type, data_id = expected(repository, row)
        if (dataset_type, data_id, os.path.realpath(row.path)) not in there:
            yield f"{row}: {row.path} is not in the Butler as {dataset_type} {data_id}"


def wrongly_declared(repository: Repository, found: list[Dataset]) -> Iterator[str]:
    """Datasets whose formatter or storage class is not the declared one."""
    camera = repository.camera
    for d in found:
        if d.dataset_type == camera.raw.dataset_type:
            assert d.data_id.detector is not None
            wanted = camera.raw_formatter(d.data_id.detector), camera.raw.storage_class
        else:
            c = camera.calibration(d.dataset_type)
            wanted = c.formatter, c.storage_class
        if (d.formatter, d.storage_class) != wanted:
            yield f"{d}: {d.formatter} and {d.storage_class} were written, {' and '.join(wanted)} is declared"
