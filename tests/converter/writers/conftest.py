"""A made-up camera of three detectors and two filters."""

from __future__ import annotations

import shutil

import pytest
from lsst.daf.butler import Butler

from converter.nouns import DataId, ExposureRecord
from converter.operations import (
    Ingest,
    IngestFile,
    InsertExposures,
    RegisterCollection,
    RegisterDatasetType,
    RegisterInstrument,
)
from converter.writers import execute, open_target

FORMATTER = "lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter"
RUN = "Cam/calib/gen2/20200101T000000Z"
CALIB = "Cam/calib/gen2"

INSTRUMENT = RegisterInstrument(
    "Cam",
    {
        "name": "Cam",
        "class_name": "lsst.obs.made.up.Cam",
        "visit_system": 0,
        "visit_max": 10**9,
        "exposure_max": 10**9,
        "detector_max": 10,
    },
    tuple(
        {"id": i, "full_name": f"R0_S{i}", "name_in_raft": f"S{i}", "raft": "R0", "purpose": "SCIENCE"}
        for i in range(3)
    ),
    ({"name": "Cam-g", "band": "g"}, {"name": "Cam-r", "band": "r"}),
)

TYPES = (
    RegisterDatasetType("bias", ("instrument", "detector"), "ExposureF", True),
    RegisterDatasetType("dark", ("instrument", "detector"), "ExposureF", True),
    RegisterDatasetType("flat", ("instrument", "detector", "physical_filter"), "ExposureF", True),
    RegisterDatasetType("raw", ("instrument", "detector", "exposure"), "Exposure", False),
)


def exposure(id_: int = 1001, **fields: object) -> ExposureRecord:
    begin, end = (
        fields.pop("begin_ns", 1_577_880_000_123_456_789),
        fields.pop("end_ns", 1_577_880_030_000_000_001),
    )
    offset = fields.pop("offset", 43_200)
    record = {
        "id": id_,
        "obs_id": f"cam{id_}",
        "day_obs": 20200101,
        "group": str(id_),
        "physical_filter": "Cam-r",
        "exposure_time": 30.0,
        "dark_time": None,
        "observation_type": "science",
        "seq_num": 1,
        "tracking_ra": 12.25,
        "has_simulated": False,
    }
    record.update(fields)
    return ExposureRecord(record, begin, end, offset)


@pytest.fixture
def files(tmp_path):
    """A function that makes a source file and gives its path."""
    source = tmp_path / "source"
    source.mkdir()

    def make(name: str = "bias.fits", content: bytes = b"x" * 100) -> str:
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    return make


@pytest.fixture(scope="session")
def empty_repository(tmp_path_factory):
    """A new repository, to be copied (making one takes half a second)."""
    root = tmp_path_factory.mktemp("empty") / "repo"
    open_target(str(root), create=True).close()
    return root


@pytest.fixture(scope="session")
def camera_repository(tmp_path_factory, empty_repository):
    """The same with the camera, its dataset types and one exposure."""
    root = tmp_path_factory.mktemp("camera") / "repo"
    shutil.copytree(empty_repository, root)
    with open_target(str(root), create=False) as butler:
        execute(
            butler,
            [
                INSTRUMENT,
                *TYPES,
                RegisterCollection(CALIB, "CALIBRATION"),
                InsertExposures("Cam", (exposure(),)),
            ],
            "direct",
        )
    return root


@pytest.fixture
def empty(tmp_path, empty_repository):
    """A writeable Butler of an empty repository."""
    shutil.copytree(empty_repository, tmp_path / "repo")
    with Butler.from_config(str(tmp_path / "repo"), writeable=True) as butler:
        yield butler


@pytest.fixture
def butler(tmp_path, camera_repository):
    """A writeable Butler that knows the camera."""
    shutil.copytree(camera_repository, tmp_path / "repo")
    with Butler.from_config(str(tmp_path / "repo"), writeable=True) as butler:
        yield butler


@pytest.fixture
def reopened(tmp_path):
    """A function that opens the repository anew, for reading."""
    opened = []

    def reopen() -> Butler:
        opened.append(Butler.from_config(str(tmp_path / "repo"), writeable=False))
        return opened[-1]

    yield reopen
    for butler in opened:
        butler.close()


def ingest_of(path: str, *datasets: tuple[str, DataId], run: str = RUN, formatter: str = FORMATTER) -> Ingest:
    return Ingest("Cam", run, (IngestFile(path, formatter, datasets),))
