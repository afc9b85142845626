"""What Gen2 would have answered for one observation, and which of its rows are about the same detector and filter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.camera import Calibration, Camera
from adapters.gen2.lookup import Gen2Answer
from adapters.gen2.overrides import with_zones
from adapters.gen2.serial_lookup import lookup_for
from adapters.gen2.source import Gen2Source, open_source

from .nouns import DataId, Provenance
from .recipe import Recipe


@dataclass(frozen=True)
class Gen2Side:
    """Gen2's part of an explanation.

    Parameters
    ----------
    root
        Gen2 root that was asked.
    calibration
        The camera's declaration of the dataset type.
    answer
        What Gen2 answers, `None` if it cannot be asked.
    unknown
        Why it cannot be asked.
    rows
        Names of the registry rows about the same detector and filter, as the
        ledger writes them.
    """

    root: str
    calibration: Calibration | None = None
    answer: Gen2Answer | None = None
    unknown: str = ""
    rows: frozenset[str] = field(default_factory=frozenset)

    def as_dict(self) -> dict[str, Any]:
        """The command line's JSON contract; ranges are the registry's own texts."""
        data: dict[str, Any] = {"root": self.root, "unknown": self.unknown or None}
        if self.answer is None:
            return data | {"status": None, "file": None, "hdu": None, "why": "", "candidates": []}
        return data | {
            "status": self.answer.status,
            "file": self.answer.path,
            "hdu": self.answer.hdu,
            "why": self.answer.why,
            "candidates": [
                {
                    "row": c.row,
                    "validStart": c.valid_start,
                    "validEnd": c.valid_end,
                    "values": dict(c.values),
                }
                for c in self.answer.candidates
            ],
        }


def ask_gen2(
    recipe: Recipe, instrument: str, dataset_type: str, data_id: DataId, exposure: int | None
) -> Gen2Side:
    """Ask a Gen2 repository what its mapper would have answered.

    Parameters
    ----------
    recipe
        Says where the repository is and how it was read.
    instrument
        Gen3 instrument name; the repository has to be of it.
    dataset_type, data_id
        What is asked for.
    exposure
        Exposure id, `None` if a time was given: Gen2 knows no such question.

    Raises
    ------
    UsageError
        The root is no Gen2 root, or its camera is not supported.
    """
    source = open_source(recipe.root, recipe.camera, recipe.calib, recipe.allow_outside, recipe.templates)
    camera = with_zones(source.camera, recipe.zones)
    if camera.instrument.name != instrument:
        return Gen2Side(recipe.root, unknown=f"it is a repository of {camera.instrument.name}")
    calibration = next((c for c in camera.calibrations if c.dataset_type == dataset_type), None)
    if calibration is None:
        return Gen2Side(recipe.root, unknown=f"Gen2 had no {dataset_type} in a repository")
    rows = frozenset(_rows_about(source, camera, calibration, data_id))
    if exposure is None:
        why = "Gen2 was asked by exposure, not by time"
        return Gen2Side(recipe.root, calibration, unknown=why, rows=rows)
    row = _observation(source, exposure, data_id.detector)
    if row is None:
        why = f"its raw registry has no row of exposure {exposure} and detector {data_id.detector}"
        return Gen2Side(recipe.root, calibration, unknown=why, rows=rows)
    roots = [root.for_lookup for root in source.calibs]
    answer = lookup_for(camera, calibration, source.raw_tables, roots).answer(row)
    return Gen2Side(recipe.root, calibration, answer, rows=rows)


def _observation(source: Gen2Source, exposure: int, detector: int | None) -> Mapping[str, Any] | None:
    raw = source.camera.raw
    table = source.raw_tables.get(raw.table)
    for values in table.rows if table is not None else ():
        assert table is not None
        row = dict(zip(table.columns, values, strict=True))
        if row[raw.exposure] == exposure and row[raw.detector] == detector:
            return row
    return None


def _rows_about(
    source: Gen2Source, camera: Camera, calibration: Calibration, data_id: DataId
) -> Iterator[str]:
    """Names of the rows that list masters of a detector and filter."""
    for calib in source.calibs:
        table = calib.tables.get(calibration.table)
        for values in table.rows if table is not None else ():
            assert table is not None
            row = dict(zip(table.columns, values, strict=True))
            if _is_about(camera, calibration, row, data_id) and isinstance(row.get("id"), int):
                yield str(Provenance(calib.registry_of(table.name), table.name, row["id"]))


def _is_about(camera: Camera, calibration: Calibration, row: Mapping[str, Any], data_id: DataId) -> bool:
    detector = row.get(calibration.detector)
    if calibration.serials is not None:
        mounted = {s.detector for s in camera.instrument.mountings(detector)}
        if data_id.detector not in mounted:
            return False
    elif not isinstance(detector, int) or detector + calibration.detector_offset != data_id.detector:
        return False
    if data_id.physical_filter is None:
        return True
    return camera.physical_filter(row.get("filter")) == data_id.physical_filter
