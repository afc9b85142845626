"""What is read of a target that the Butler itself, and the writers, filled."""

import shutil

from lsst.daf.butler import Butler, CollectionType

from converter.nouns import DataId
from converter.operations import Certify, Chain, RegisterCollection
from converter.target import TargetState, read_target
from converter.timespans import DAY, Span
from converter.writers import execute

from .writers.conftest import (  # noqa: F401
    CALIB,
    INSTRUMENT,
    RUN,
    TYPES,
    butler,
    camera_repository,
    empty,
    empty_repository,
    files,
    ingest_of,
)

NAMES = ["bias", "dark", "flat", "raw", "fringe"]


def test_no_target():
    assert read_target(None, "Cam", NAMES) == TargetState()


def test_empty_target(empty):  # noqa: F811
    assert read_target(empty, "Cam", NAMES) == TargetState()
    assert read_target(empty, "Cam", []) == TargetState()


def test_records(butler):  # noqa: F811
    state = read_target(butler, "Cam", NAMES)
    assert state.instrument == INSTRUMENT.instrument
    assert state.detectors == {d["id"]: d for d in INSTRUMENT.detectors}
    assert state.filters == {f["name"]: f for f in INSTRUMENT.filters}
    assert state.exposures == {1001: (1_577_880_000_123_456_789, 1_577_880_030_000_000_001, "Cam-r")}
    assert set(state.dataset_types) == {t.name for t in TYPES}
    for type_ in TYPES:
        dimensions, storage_class, is_calibration = state.dataset_types[type_.name]
        assert set(dimensions) == set(type_.dimensions)
        assert (storage_class, is_calibration) == (type_.storage_class, type_.is_calibration)
    assert read_target(butler, "Other", NAMES).instrument is None


def test_datasets_and_associations(butler, files):  # noqa: F811
    T = 18_000 * DAY
    flats = ((RUN, DataId(0, "Cam-g")), (RUN, DataId(0, "Cam-r")))
    raws = ingest_of(
        files("raw.fits"), *(("raw", DataId(d, None, 1001)) for d in range(3)), run="Cam/raw/all"
    )
    batch = [
        ingest_of(files(), ("bias", DataId(0)), ("bias", DataId(1))),
        ingest_of(files("flat.fits"), *(("flat", d) for _, d in flats)),
        raws,
        ingest_of(files("elsewhere.fits"), ("bias", DataId(0)), run="elsewhere"),
        Certify("Cam", CALIB, "bias", Span(None, T), ((RUN, DataId(0)), (RUN, DataId(1)))),
        Certify("Cam", CALIB, "bias", Span(T + 5, T + 6), ((RUN, DataId(0)),)),
        Certify("Cam", CALIB, "flat", Span(T, None), flats),
        Chain("Cam/defaults", ("Cam/raw/all", CALIB), None),
        RegisterCollection("Cam/empty", "RUN"),
    ]
    execute(butler, batch, "direct")
    butler.collections.register("tag", CollectionType.TAGGED)
    state = read_target(butler, "Cam", NAMES)
    assert state.datasets == {
        ("bias", RUN): {DataId(0), DataId(1)},
        ("flat", RUN): {d for _, d in flats},
        ("raw", "Cam/raw/all"): {DataId(d, None, 1001) for d in range(3)},
    }
    assert set(state.associations) == {(CALIB, "bias"), (CALIB, "flat")}
    assert set(state.associations[CALIB, "bias"]) == {
        (RUN, DataId(0), Span(None, T)),
        (RUN, DataId(1), Span(None, T)),
        (RUN, DataId(0), Span(T + 5, T + 6)),
    }
    assert len(state.associations[CALIB, "bias"]) == 3
    assert set(state.associations[CALIB, "flat"]) == {(r, d, Span(T, None)) for r, d in flats}
    assert state.collections == {
        RUN: "RUN",
        CALIB: "CALIBRATION",
        "Cam/raw/all": "RUN",
        "Cam/empty": "RUN",
        "Cam/defaults": "CHAINED",
        "elsewhere": "RUN",
        "tag": "TAGGED",
    }
    assert state.chains == {"Cam/defaults": ("Cam/raw/all", CALIB)}
    # Reading changes nothing, and another Butler reads the same.
    assert read_target(butler, "Cam", NAMES) == state
    assert set(read_target(butler, "Cam", NAMES, prefix="elsewhere").datasets) == {("bias", "elsewhere")}


def test_foreign_dataset_type_of_the_same_name(butler):  # noqa: F811
    from lsst.daf.butler import DatasetType

    butler.registry.registerDatasetType(
        DatasetType("fringe", ("instrument", "visit"), "ExposureF", universe=butler.dimensions)
    )
    state = read_target(butler, "Cam", NAMES)
    assert "visit" in state.dataset_types["fringe"].dimensions
    assert state.datasets == {}


def test_read_only(butler, tmp_path):  # noqa: F811
    shutil.copytree(tmp_path / "repo", tmp_path / "copy")
    with Butler.from_config(str(tmp_path / "copy"), writeable=False) as reader:
        assert read_target(reader, "Cam", NAMES) == read_target(butler, "Cam", NAMES)
