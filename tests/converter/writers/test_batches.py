"""Validity ranges, chains and whole batches, read back with the Butler."""

import sqlite3
from pathlib import Path

import pytest
from lsst.daf.butler import DataCoordinate, DatasetRef, FileDataset, Timespan
from sqlalchemy.exc import OperationalError

from converter.formatters import formatter_class
from converter.nouns import DataId, Gen2to3Error, StoppedError
from converter.operations import (
    Certify,
    Chain,
    HandOff,
    InsertExposures,
    RegisterCollection,
    RegisterDatasetType,
)
from converter.timespans import DAY, MAX_NS, Span
from converter.writers import certify, execute, ingest

from .conftest import CALIB, FORMATTER, INSTRUMENT, RUN, TYPES, exposure, ingest_of

T = 18_000 * DAY


DAY_T = Span(T, T + DAY)


def cert(*detectors: int, span: Span = DAY_T, type_: str = "bias", run: str = RUN) -> Certify:
    return Certify("Cam", CALIB, type_, span, tuple((run, DataId(d)) for d in detectors))


def associations(butler, type_="bias"):
    return sorted(
        (a.ref.dataId["detector"], a.ref.run, a.timespan.nsec)
        for a in butler.registry.queryDatasetAssociations(type_, [CALIB])
    )


@pytest.mark.parametrize(
    ("span", "nsec"),
    [
        (Span(T + 1, T + DAY - 1), (T + 1, T + DAY - 1)),
        (Span(None, T), (0, T)),
        (Span(T, None), (T, MAX_NS)),
        (Span(None, None), (0, MAX_NS)),
        (Span(-5, MAX_NS + 5), (0, MAX_NS)),
    ],
)
def test_ranges_to_the_nanosecond(butler, reopened, files, span, nsec):
    ingest(butler, [ingest_of(files(), ("bias", DataId(0)), ("bias", DataId(2)))], "direct")
    certify(butler, [cert(0, 2, span=span)])
    reader = reopened()
    assert associations(reader) == [(0, RUN, nsec), (2, RUN, nsec)]
    (row,) = (
        a for a in reader.registry.queryDatasetAssociations("bias", [CALIB]) if a.ref.dataId["detector"] == 0
    )
    assert (row.timespan.begin is None, row.timespan.end is None) == (nsec[0] == 0, nsec[1] == MAX_NS)


def test_found_by_exposure(butler, reopened, files):
    execute(butler, [ingest_of(files(), ("bias", DataId(1))), cert(1, span=Span(None, None))], "direct")
    found = reopened().query_datasets(
        "bias", CALIB, where="exposure = 1001", instrument="Cam", find_first=False
    )
    assert [ref.dataId["detector"] for ref in found] == [1]


def test_datasets_of_the_stack_are_certified_under_their_own_id(butler, reopened, files):
    """Such as were put there with random ids."""
    bias = butler.get_dataset_type("bias")
    refs = [
        DatasetRef(
            bias, DataCoordinate.standardize(instrument="Cam", detector=d, dimensions=bias.dimensions), "old"
        )
        for d in range(3)
    ]
    butler.collections.register("old")
    butler.ingest(FileDataset(files(), refs, formatter=formatter_class(FORMATTER)), transfer="direct")
    execute(butler, [ingest_of(files("b.fits"), ("bias", DataId(0))), cert(0), cert(2, run="old")], "direct")
    rows = {a.ref.run: a.ref.id for a in reopened().registry.queryDatasetAssociations("bias", [CALIB])}
    assert rows["old"] == refs[2].id and set(rows) == {"old", RUN}


def test_equal_ranges_take_one_call(butler, files, monkeypatch):
    calls = []
    original = type(butler.registry).certify
    monkeypatch.setattr(
        type(butler.registry), "certify", lambda *a, **k: (calls.append(a), original(*a, **k))[1]
    )
    batch = [ingest_of(files(), ("bias", DataId(0)), ("bias", DataId(1)), ("dark", DataId(0)))]
    batch += [cert(0), cert(1), cert(0, type_="dark"), cert(0, span=Span(T + DAY, None))]
    execute(butler, batch, "direct")
    assert len(calls) == 3
    assert len(associations(butler)) == 3


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ([cert(0), cert(0)], "detector=0 twice"),
        ([cert(0, 0)], "detector=0 twice"),
        ([cert(0, span=Span(T, T))], r"is empty \(detector=0 of Cam/calib"),
        ([cert(0, span=Span(T + 1, T))], "is empty"),
        ([cert(0, span=Span(-10, -5))], "is empty"),
        ([cert(0, span=Span(MAX_NS, None))], "is empty"),
    ],
)
def test_what_the_butler_does_not_check(butler, files, operations, message):
    ingest(butler, [ingest_of(files(), ("bias", DataId(0)))], "direct")
    with pytest.raises(StoppedError, match=message):
        certify(butler, operations)
    assert associations(butler) == []


@pytest.mark.parametrize("one_batch", [True, False])
def test_overlap_is_refused(butler, files, one_batch):
    first = [ingest_of(files(), ("bias", DataId(0))), cert(0, span=Span(None, T + 1))]
    second = [ingest_of(files("b.fits"), ("bias", DataId(0)), run="b"), cert(0, run="b")]
    if not one_batch:
        execute(butler, first, "direct")
    with pytest.raises(Gen2to3Error, match=r"certify bias in Cam/calib/gen2 .* conflict"):
        execute(butler, first + second if one_batch else second, "direct")
    assert len(associations(butler)) == (0 if one_batch else 1)


@pytest.mark.parametrize("operation", [cert(2), cert(0, run="nowhere")])
def test_certified_dataset_must_exist(butler, files, operation):
    ingest(butler, [ingest_of(files(), ("bias", DataId(0)))], "direct")
    with pytest.raises(Gen2to3Error, match="does not hold 1 datasets of type bias"):
        certify(butler, [operation])


def test_not_a_calibration(butler, files):
    raw = ingest_of(files(), ("raw", DataId(0, None, 1001)), run="Cam/raw/all")
    wrong = Certify("Cam", CALIB, "raw", Span(None, None), (("Cam/raw/all", DataId(0, None, 1001)),))
    with pytest.raises(Gen2to3Error, match="certify raw"):
        execute(butler, [raw, wrong], "direct")


def test_chains(butler, reopened):
    execute(
        butler,
        [
            Chain("Cam/defaults", ("Cam/calib", RUN), None),
            Chain("Cam/calib", (CALIB,), None),
            RegisterCollection(RUN, "RUN"),
        ],
        "direct",
    )
    reader = reopened()
    assert reader.collections.get_info("Cam/defaults").children == ("Cam/calib", RUN)
    assert reader.collections.get_info("Cam/calib").children == (CALIB,)
    execute(butler, [Chain("Cam/defaults", (RUN, CALIB), ("Cam/calib", RUN))], "direct")
    assert reopened().collections.get_info("Cam/defaults").children == (RUN, CALIB)
    with pytest.raises(Gen2to3Error, match="chain Cam/defaults"):
        execute(butler, [Chain("Cam/defaults", ("absent",), None)], "direct")
    with pytest.raises(Gen2to3Error, match="chain Cam/calib"):
        execute(butler, [Chain("Cam/calib", ("Cam/calib",), None)], "direct")
    with pytest.raises(Gen2to3Error, match=f"{RUN} is RUN in the target, CHAINED expected"):
        execute(butler, [Chain(RUN, (CALIB,), None)], "direct")


@pytest.mark.parametrize("transfer", ["direct", "copy", "move"])
def test_all_or_nothing(butler, reopened, files, tmp_path, transfer):
    good, also = files(), files("b.fits")
    batch = [
        RegisterDatasetType("fringe", ("detector",), "ExposureF", True),
        InsertExposures("Cam", (exposure(3000, day_obs=20200707),)),
        ingest_of(good, ("bias", DataId(0))),
        ingest_of(also, ("raw", DataId(1, None, 3000)), run="Cam/raw/all"),
        cert(0),
        cert(1),  # there is no such bias
    ]
    with pytest.raises(Gen2to3Error, match="does not hold"):
        execute(butler, batch, transfer)
    reader = reopened()
    assert not reader.query_datasets("bias", "*", find_first=False, explain=False)
    assert list(reader.collections.query("*")) == [CALIB]
    assert [r.id for r in reader.query_dimension_records("exposure", instrument="Cam")] == [1001]
    assert len(reader.query_dimension_records("day_obs", instrument="Cam")) == 1
    assert associations(reader) == []
    assert list((tmp_path / "repo").rglob("*.fits*")) == []
    assert Path(good).read_bytes() == Path(also).read_bytes() == b"x" * 100
    # The very same Butler goes on.
    execute(butler, batch[:-1], transfer)
    assert associations(reopened()) == [(0, RUN, Timespan.model_validate((T, T + DAY)).nsec)]


def test_database_that_cannot_be_written(butler, files, monkeypatch):
    def full(*args, **kwargs):
        raise OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))

    monkeypatch.setattr(type(butler), "ingest", full)
    with pytest.raises(Gen2to3Error, match="cannot be written: database or disk is full"):
        execute(butler, [ingest_of(files(), ("bias", DataId(0)))], "direct")


def test_rolled_back_records_are_forgotten(empty):
    with pytest.raises(Gen2to3Error):
        execute(empty, [INSTRUMENT, TYPES[0], ingest_of("/nowhere.fits", ("bias", DataId(0)))], "direct")
    with pytest.raises(Gen2to3Error, match="lacks dimension records"):
        execute(empty, [ingest_of("/nowhere.fits", ("bias", DataId(0)))], "direct")


def test_hand_offs_write_nothing(butler, reopened):
    execute(butler, [HandOff("camera", "butler ...", "afw")], "direct")
    assert list(reopened().collections.query("*")) == [CALIB]
