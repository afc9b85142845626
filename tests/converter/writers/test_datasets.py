"""Datasets, formatters and files, read back with the Butler."""

import os
import uuid

import pytest
import yaml
from lsst.daf.butler import DataCoordinate, DatasetIdGenEnum, DatasetRef

from converter.formatters import formatter_class
from converter.nouns import DataId, Gen2to3Error, UsageError
from converter.operations import (
    Ingest,
    IngestFile,
    InsertExposures,
    RegisterCollection,
    RegisterDatasetType,
    RegisterInstrument,
)
from converter.writers import (
    TRANSFER_MODES,
    check_formatters,
    execute,
    ingest,
    register_collections,
    register_dataset_type,
)

from .conftest import CALIB, FORMATTER, INSTRUMENT, RUN, exposure, ingest_of


def exported(butler, refs, tmp_path):
    """What the Butler's own export says of formatters and paths."""
    name = str(tmp_path / "export.yaml")
    with butler.export(filename=name, transfer=None) as export:
        export.saveDatasets(refs)
    with open(name) as stream:
        text = stream.read().replace("!uuid", "").replace("!<lsst.daf.butler.Timespan>", "")
    data = yaml.safe_load(text.replace("!butler_time/tai/iso", ""))
    return [r for item in data["data"] if item["type"] == "dataset" for r in item["records"]]


def test_stand_in():
    made = formatter_class("lsst.obs.subaru.rawFormatter.HyperSuprimeCamRawFormatter")
    assert made.name() == "lsst.obs.subaru.rawFormatter.HyperSuprimeCamRawFormatter"
    assert made is formatter_class("lsst.obs.subaru.rawFormatter.HyperSuprimeCamRawFormatter")
    assert formatter_class("some._private.module.Formatter").name() == "some._private.module.Formatter"


@pytest.mark.parametrize("name", ["", "Plain", "a..B", "a.1B", "a b.C", "lsst.obs.Warning"])
def test_names_that_cannot_be_recorded(name):
    with pytest.raises(Gen2to3Error, match="formatter"):
        formatter_class(name)


@pytest.mark.parametrize("transfer", TRANSFER_MODES)
def test_transfer_modes(butler, reopened, files, tmp_path, transfer):
    path = files("sub dir/bias.fits.gz")
    operation = ingest_of(path, ("bias", DataId(1)))
    ingest(butler, [operation], transfer)
    assert transfer == "move" or check_formatters(butler, [operation]) == 1
    reader = reopened()
    ref = reader.find_dataset("bias", instrument="Cam", detector=1, collections=RUN)
    uri = reader.getURI(ref)
    assert uri.exists() and uri.size() == 100
    assert os.path.exists(path) == (transfer != "move")
    inside = uri.relative_to(reader.get_datastore_roots()["FileDatastore@<butlerRoot>"]) is not None
    assert inside == (transfer != "direct")
    assert (uri.ospath == path) == (transfer == "direct")
    if transfer in ("symlink", "relsymlink"):
        assert os.path.isabs(os.readlink(uri.ospath)) == (transfer == "symlink")
    if transfer == "hardlink":
        assert os.path.samefile(uri.ospath, path) and not os.path.islink(uri.ospath)
    (record,) = exported(reader, [ref], tmp_path)
    assert record["formatter"] == FORMATTER


def test_ids_run_and_many_refs_in_one_file(butler, reopened, files):
    path = files()
    detectors = [("bias", DataId(i)) for i in range(3)]
    other = IngestFile(files("flat.fits"), "some.where.Else", (("flat", DataId(2, "Cam-g")),))
    operations = [ingest_of(path, *detectors), Ingest("Cam", "Cam/other", (other,))]
    ingest(butler, operations, "direct")
    reader = reopened()
    bias, flat = reader.get_dataset_type("bias"), reader.get_dataset_type("flat")
    expected = [
        DatasetRef(
            type_,
            DataCoordinate.standardize(data_id, instrument="Cam", dimensions=type_.dimensions),
            run,
            id_generation_mode=DatasetIdGenEnum.DATAID_TYPE_RUN,
        )
        for type_, data_id, run in [
            *((bias, {"detector": i}, RUN) for i in range(3)),
            (flat, {"detector": 2, "physical_filter": "Cam-g"}, "Cam/other"),
        ]
    ]
    found = reader.query_datasets("bias", RUN) + reader.query_datasets("flat", "Cam/other")
    assert set(found) == set(expected)
    assert {reader.getURI(ref).ospath for ref in found[:3]} == {path}
    assert check_formatters(butler, operations) == 4


def test_sizes_are_recorded(butler, files):
    ingest(butler, [ingest_of(files(content=b"y" * 321), ("bias", DataId(0)))], "direct")
    ref = butler.find_dataset("bias", instrument="Cam", detector=0, collections=RUN)
    (records,) = butler._datastore.export_records([ref]).values()
    assert [i.file_size for t in records.records.values() for x in t.values() for i in x] == [321]


@pytest.mark.parametrize("name", ["a#b.fits", "a%20b.fits", "ä [1].fits", "what?.fits"])
@pytest.mark.parametrize("transfer", ["direct", "symlink"])
def test_odd_file_names(butler, reopened, files, name, transfer):
    path = files(name, content=name.encode())
    operation = ingest_of(path, ("bias", DataId(0)))
    ingest(butler, [operation], transfer)
    check_formatters(butler, [operation])
    ref = reopened().find_dataset("bias", instrument="Cam", detector=0, collections=RUN)
    assert reopened().getURI(ref).read() == name.encode()


def test_id_of_a_raw_that_the_stack_ingested(empty, reopened, files):
    """Known from a LATISS repository made by the stack in 2022."""
    instrument = RegisterInstrument(
        "LATISS",
        {**INSTRUMENT.instrument, "name": "LATISS", "exposure_max": 10**14},
        ({"id": 0, "full_name": "RXX_S00"},),
        ({"name": "empty~empty", "band": "white"},),
    )
    record = exposure(3018092000065, physical_filter="empty~empty", day_obs=20180920)
    raw = IngestFile(files("raw.fits"), FORMATTER, (("raw", DataId(0, None, 3018092000065)),))
    execute(
        empty,
        [
            Ingest("LATISS", "LATISS/raw/all", (raw,)),
            InsertExposures("LATISS", (record,)),
            RegisterDatasetType("raw", ("instrument", "detector", "exposure"), "Exposure", False),
            instrument,
        ],
        "symlink",
    )
    (ref,) = reopened().query_datasets("raw", "LATISS/raw/all")
    assert ref.id == uuid.UUID("cfedc2bf-9e0a-5d35-b5db-71a356e436ca")
    assert "/LATISS/raw/all/raw/20180920/cam3018092000065/raw_LATISS_empty" in str(reopened().getURI(ref))


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (("bias", DataId(7)), "the target lacks dimension records for 1 data IDs of Cam, such as detector=7"),
        (("raw", DataId(1, None, 5)), "such as detector=1 exposure=5"),
        (("bias", DataId()), "the data ID lacks detector"),
        (("bias", DataId(1, "Cam-g")), "the dataset type has no physical_filter"),
        (("fringe", DataId(1)), "fringe is not registered"),
    ],
)
def test_bad_data_id(butler, files, dataset, message):
    with pytest.raises(Gen2to3Error, match=message):
        ingest(butler, [ingest_of(files(), dataset)], "direct")


@pytest.mark.parametrize("transfer", ["direct", "copy"])
def test_any_missing_file_is_noticed(butler, files, transfer):
    """The Butler itself checks 200 files of a direct ingest only."""
    there = [files(f"{i}.fits") for i in range(5)]
    operations = [ingest_of(p, ("bias", DataId(0)), run=f"r{i}") for i, p in enumerate(there)]
    operations.append(ingest_of("/nowhere/bias.fits", ("bias", DataId(1))))
    with pytest.raises(Gen2to3Error, match="nowhere/bias"):
        ingest(butler, operations, transfer)
    assert "r0" not in butler.collections.query("*")


def test_conflicts_and_bad_calls(butler, files):
    twice = ingest_of(files(), ("bias", DataId(0)))
    with pytest.raises(Gen2to3Error, match="same DataId"):
        ingest(butler, [twice, twice], "direct")
    ingest(butler, [twice], "direct")
    with pytest.raises(Gen2to3Error, match="already contains 1 of the given"):
        ingest(butler, [twice], "direct")
    with pytest.raises(UsageError, match="transfer mode 'teleport'"):
        ingest(butler, [twice], "teleport")
    with pytest.raises(Gen2to3Error, match="expected an absolute path"):
        ingest(butler, [ingest_of("bias.fits", ("bias", DataId(1)))], "direct")
    with pytest.raises(Gen2to3Error, match="ingest"):
        ingest(butler, [ingest_of(files("x.bz2"), ("bias", DataId(1)))], "copy")


def test_check_formatters_notices(butler, files):
    path, other = files(), files("other.fits")
    ingest(butler, [ingest_of(path, ("bias", DataId(0)))], "direct")
    with pytest.raises(Gen2to3Error, match=r"with formatter .*, other.Name expected"):
        check_formatters(butler, [ingest_of(path, ("bias", DataId(0)), formatter="other.Name")])
    with pytest.raises(Gen2to3Error, match=r"other.fits: stored as file:.*bias.fits"):
        check_formatters(butler, [ingest_of(other, ("bias", DataId(0)))])
    with pytest.raises(Gen2to3Error, match="1 datasets were to be written, 0 are"):
        check_formatters(butler, [ingest_of(path, ("bias", DataId(1)))])
    ingest(butler, [ingest_of(path, ("bias", DataId(2)))], "symlink")
    ref = butler.find_dataset("bias", instrument="Cam", detector=2, collections=RUN)
    os.unlink(butler.getURI(ref).ospath)
    with pytest.raises(Gen2to3Error, match="which is not in"):
        check_formatters(butler, [ingest_of(path, ("bias", DataId(2)))])


def test_check_formatters_of_a_sample(butler, files):
    operations = [ingest_of(files(f"{i}.fits"), ("bias", DataId(0)), run=f"run{i}") for i in range(20)]
    ingest(butler, operations, "direct")
    assert check_formatters(butler, operations, sample=5) == 5


def test_dataset_types(butler, reopened):
    register_dataset_type(
        butler, RegisterDatasetType("flat", ("physical_filter", "detector"), "ExposureF", True)
    )
    found = reopened().get_dataset_type("flat")
    assert set(found.dimensions.required) == {"instrument", "detector", "physical_filter"}
    assert found.storageClass_name == "ExposureF" and found.isCalibration()
    with pytest.raises(Gen2to3Error, match="dataset type flat"):
        register_dataset_type(butler, RegisterDatasetType("flat", ("detector",), "ExposureF", True))
    with pytest.raises(Gen2to3Error, match="dataset type new"):
        register_dataset_type(butler, RegisterDatasetType("new", ("detector",), "Unheard", True))


def test_collection_of_another_type(butler):
    with pytest.raises(Gen2to3Error, match=f"{CALIB} is CALIBRATION in the target, RUN expected"):
        register_collections(butler, [RegisterCollection(CALIB, "RUN")])
    register_collections(butler, [RegisterCollection(CALIB, "CALIBRATION")])
