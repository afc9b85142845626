"""What is known of the golden repositories, and how both sides are read.

Both sides are read through the Butler, so what is compared is what a pipeline
would see. The names of what the 2022 conversion has and this one has not are
listed here in full: everything else must be equal.
"""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsst.daf.butler import Butler, CollectionType

NS_UNBOUNDED = (0, 4_102_444_800_000_000_000)
"""What the Butler stores for an unbounded range: 1970 to 2100."""


@dataclass(frozen=True)
class Case:
    """A Gen2 repository and what its 2022 conversion is known to hold.

    ``left_out`` are the datasets that Gen2 did not have (the stack made them
    from its own packages), ``left_out_collections`` where they are.
    """

    name: str
    instrument: str
    exposure: int
    raw_id: str
    counts: dict[str, int]
    certified: dict[str, int]
    left_out: dict[str, int]
    left_out_collections: dict[str, str]
    verified: dict[str, Any]


IMSIM = Case(
    name="imsim",
    instrument="LSSTCam-imSim",
    exposure=204595,
    raw_id="c63dd0e7-6930-5edf-aabd-b0ce3c49d434",
    counts={"bias": 1, "dark": 1, "flat": 1, "raw": 1},
    certified={"bias": 1, "dark": 1, "flat": 1},
    left_out={"bfk": 189, "camera": 1},
    left_out_collections={
        "LSSTCam-imSim/calib/curated/19700101T000000Z": "RUN",
        "LSSTCam-imSim/calib/unbounded": "RUN",
        "skymaps": "RUN",
    },
    # Fringe is the fourth lookup: Gen2 asked the flat table, and there is no such file.
    verified={
        "observations": 1,
        "lookups": 4,
        "agree": 3,
        "explained": 0,
        "disagree": [],
        "gen2_none": {"gen3_none": 1, "gen3_one": 0},
        "gen2_ambiguous": {"gen3_none": 0, "gen3_one": 0},
        "timing": {"not_nearest": {}, "taken_after": {}},
        "ready_for_isr": {"ready": False, "missing": ["camera"]},
    },
)

LATISS = Case(
    name="latiss",
    instrument="LATISS",
    exposure=3018092000065,
    raw_id="cfedc2bf-9e0a-5d35-b5db-71a356e436ca",
    counts={"bias": 1, "raw": 1},
    certified={"bias": 1},
    left_out={"camera": 1, "defects": 2},
    left_out_collections={
        "LATISS/calib/curated/19700101T000000Z": "RUN",
        "LATISS/calib/curated/20180101T000000Z": "RUN",
        "LATISS/calib/unbounded": "RUN",
        "skymaps": "RUN",
    },
    verified={
        "observations": 1,
        "lookups": 1,
        "agree": 1,
        "explained": 0,
        "disagree": [],
        "gen2_none": {"gen3_none": 0, "gen3_one": 0},
        "gen2_ambiguous": {"gen3_none": 0, "gen3_one": 0},
        # The one bias is dated by the day after the exposure's night began.
        "timing": {"not_nearest": {}, "taken_after": {"bias": 1}},
        "ready_for_isr": {"ready": False, "missing": ["camera"]},
    },
)

CASES = (IMSIM, LATISS)


@dataclass(frozen=True)
class Golden:
    """One case converted, beside its 2022 conversion."""

    case: Case
    root: Path
    target: Path
    result: Any
    ours: Butler
    theirs: Butler


# Reading a repository.


def collections(butler: Butler) -> dict[str, str]:
    """Type of every collection by name."""
    return {info.name: info.type.name for info in butler.collections.query_info("*")}


def data_id(ref_data_id: Any) -> tuple[tuple[str, Any], ...]:
    """The required dimensions and their values, in a fixed order."""
    return tuple(sorted(ref_data_id.required.items()))


def datasets(butler: Butler, names: set[str], root: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Every dataset in every RUN: its id, and what the datastore says of its file.

    The key is type, RUN and data ID; the file is given relative to ``root``.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for name in sorted(names):
        refs = list(butler.registry.queryDatasets(name, collections="*", findFirst=False))
        # A CALIBRATION collection gives the same datasets again.
        refs = list({ref.id: ref for ref in refs}.values())
        records: dict[Any, Any] = {}
        for data in butler._datastore.export_records(refs).values():
            for dataset_id, tables in data.records.items():
                (records[dataset_id],) = [info for infos in tables.values() for info in infos]
        for ref in refs:
            info = records[ref.id]
            path = info.path.removeprefix("file://")
            found[name, ref.run, data_id(ref.dataId)] = {
                "id": str(ref.id),
                "file": os.path.relpath(path, root) if path.startswith("/") else path,
                "formatter": info.formatter,
                "storage_class": info.storageClass.name,
                "component": info.component,
                "size": info.file_size,
            }
    return found


def associations(butler: Butler, name: str, collection: str) -> list[tuple[Any, ...]]:
    """Data ID, RUN and range in TAI nanoseconds of all that a collection certifies."""
    rows = butler.registry.queryDatasetAssociations(
        name, collections=[collection], collectionTypes=[CollectionType.CALIBRATION]
    )
    return sorted((data_id(a.ref.dataId), a.ref.run, a.timespan.nsec) for a in rows)


def dataset_types(butler: Butler) -> dict[str, tuple[str, frozenset[str], bool]]:
    """Storage class, names of the required dimensions, and whether it is a calibration."""
    return {
        t.name: (t.storageClass_name, frozenset(t.dimensions.required), t.isCalibration())
        for t in butler.registry.queryDatasetTypes()
    }


def records(butler: Butler, element: str, instrument: str, key: str) -> dict[Any, dict[str, Any]]:
    """Dimension records of an instrument by one of their fields."""
    found = butler.query_dimension_records(element, instrument=instrument, limit=None, explain=False)
    return {getattr(record, key): record.toDict() for record in found}


# Files.


def copy_tree(source: Path, target: Path) -> Path:
    """Copy a read-only tree so that it can be changed and removed again."""
    shutil.copytree(source, target, symlinks=True)
    for path in [target, *target.rglob("*")]:
        if path.is_dir():
            path.chmod(path.stat().st_mode | stat.S_IRWXU)
    return target
