"""Masters of the stack's Gen2 tasks, which CALIB_ID labels."""

import os
from pathlib import Path

import pytest

from adapters.hsc import HSC
from adapters.lsst import LATISS, ComCam, ImSim
from adapters.sources.delivery import read_delivery
from adapters.sources.loading import load_declaration
from converter.nouns import DataId, MasterKey
from fixtures import fits
from fixtures.decam_files import extension


def read(camera, *paths, **options):
    return read_delivery(camera, [load_declaration(p) for p in camera.delivery_files], paths, **options)


def test_hsc(tmp_path):
    made = {
        "BIAS-2013-11-03-050.fits": ("bias", {"filter": "NONE", "ccd": 50, "calibDate": "2013-11-03"}),
        "any name.fits": ("DARK", {"filter": "NONE", "ccd": 49, "calibDate": "2013-11-04"}),
        "FLAT.fits.gz": ("dome flat", {"filter": "HSC-R", "ccd": 103, "calibDate": "2013-11-05"}),
        "fringe.fits": ("fringe", {"filter": "W-S-ZR", "ccd": 0, "calibDate": "2013-11-06T01:02:03"}),
        "SKY.fits": ("sky", {"ccd": 7, "filter": "HSC-G", "calibDate": "2013-11-07"}),
    }
    for name, (obstype, words) in made.items():
        fits.write(tmp_path / name, fits.master(obstype, words))
    found = read(HSC(), tmp_path)
    assert found.rejects == found.skips == []
    assert {k: (Path(m.path).name, m.hdu, m.calib_date) for k, m in found.masters.items()} == {
        MasterKey("bias", "20131103T000000Z", DataId(50)): ("BIAS-2013-11-03-050.fits", None, "2013-11-03"),
        MasterKey("dark", "20131104T000000Z", DataId(49)): ("any name.fits", None, "2013-11-04"),
        MasterKey("flat", "20131105T000000Z", DataId(103, "HSC-R")): ("FLAT.fits.gz", None, "2013-11-05"),
        MasterKey("fringe", "20131106T010203Z", DataId(0, "HSC-Y")): (
            "fringe.fits",
            None,
            "2013-11-06T01:02:03",
        ),
        MasterKey("sky", "20131107T000000Z", DataId(7, "HSC-G")): ("SKY.fits", None, "2013-11-07"),
    }


def test_a_flat_of_biases_is_a_flat(tmp_path):
    """The Gen2 task looked for the words in an order, in which flat is the first."""
    words = {"filter": "HSC-R", "ccd": 1, "calibDate": "2013-11-05"}
    fits.write(tmp_path / "x.fits", fits.master("bias-corrected flat dark", words))
    assert [k.dataset_type for k in read(HSC(), tmp_path).masters] == ["flat"]


def test_long_label(tmp_path):
    """A CALIB_ID of the LSST family takes two cards; detectorName is no detector."""
    words = {"detectorName": "S20", "raftName": "R11", "snap": 0, "detector": 42, "filter": "i_sim_1.4"}
    words["calibDate"] = "2022-08-06"
    content = fits.master("flat", words, FILTER="_unknown_")
    assert b"CONTINUE" in content
    fits.write(tmp_path / "flat.fits", content + extension([("EXTNAME", "IMAGE")]))
    found = read(ImSim(), tmp_path)
    assert list(found.masters) == [MasterKey("flat", "20220806T000000Z", DataId(42, "i_sim_1.4"))]
    assert [m.hdu for m in found.masters.values()] == [None]


@pytest.mark.parametrize(
    ("obstype", "words", "expected"),
    [
        (
            "flat",
            {"filter": "X", "ccd": 1, "calibDate": "2013-11-05"},
            "unknown physical_filter: CALIB_ID = ",
        ),
        ("flat", {"ccd": 1, "calibDate": "2013-11-05"}, "expected the physical_filter, but CALIB_ID = "),
        ("bias", {"ccd": 112, "calibDate": "2013-11-05"}, "unknown detector: CALIB_ID = "),
        ("bias", {"calibDate": "2013-11-05"}, "expected the detector, but CALIB_ID = "),
        ("bias", {"ccd": 1, "calibDate": "2013-13-05"}, "'2013-13-05' is not a date"),
        ("bias", {"ccd": 1, "calibDate": "None"}, "'None' is not YYYY-MM-DD"),
        ("object", {"ccd": 1, "calibDate": "2013-11-05"}, "OBSTYPE = 'object': expected one of …flat…"),
        ("illumcor", {"ccd": 1, "calibDate": "2013-11-05"}, "no calibration type of HSC: bias, dark, flat"),
    ],
)
def test_rejects(tmp_path, obstype, words, expected):
    fits.write(tmp_path / "bad.fits", fits.master(obstype, words))
    fits.write(tmp_path / "good.fits", fits.master("bias", {"ccd": 2, "calibDate": "2013-11-05"}))
    found = read(HSC(), tmp_path)
    assert [r.path for r in found.rejects] == [str(tmp_path / "bad.fits")]
    assert expected in found.rejects[0].reason and "--exclude" in found.rejects[0].reason
    assert list(found.masters) == [MasterKey("bias", "20131105T000000Z", DataId(2))]


def test_files_without_a_label_are_skipped(tmp_path):
    fits.write(tmp_path / "defects.fits", fits.curated("defects", "2013-11-05T00:00:00", DETECTOR=1))
    fits.write(tmp_path / "notes.txt", b"nothing")
    found = read(HSC(), tmp_path)
    assert not found.masters and not found.rejects
    assert {(s.item, s.reason) for s in found.skips} == {
        (str(tmp_path / name), "no rule of masters with CALIB_ID says what it is")
        for name in ("defects.fits", "notes.txt")
    }


@pytest.mark.parametrize("camera", [HSC, ImSim, LATISS, ComCam])
def test_all_cameras_of_the_stack_know_the_label(camera):
    assert [p.name for p in camera().delivery_files] == ["calib_id.yaml"]


def shared(name):
    base = os.environ.get("GEN2TO3_SHARED") or Path(__file__).resolve().parents[3].parent / "shared"
    path = Path(base) / "data" / name / "gen2" / "CALIB"
    if not path.is_dir():
        pytest.skip(f"{path} is not there")
    return path


def test_real_imsim_masters():
    found = read(ImSim(), shared("imsim"))
    assert found.rejects == []
    assert {k: m.path.rpartition("/CALIB/")[2] for k, m in found.masters.items()} == {
        MasterKey(
            "bias", "20220101T000000Z", DataId(42)
        ): "bias/2022-01-01/bias-R11-S20-det042_2022-01-01.fits",
        MasterKey(
            "dark", "20220101T000000Z", DataId(42)
        ): "dark/2022-01-01/dark-R11-S20-det042_2022-01-01.fits",
        MasterKey("flat", "20220806T000000Z", DataId(42, "i_sim_1.4")): (
            "flat/i_sim_1.4/2022-08-06/flat_i_sim_1.4-R11-S20-det042_2022-08-06.fits"
        ),
    }


def test_real_latiss_master():
    found = read(LATISS(), shared("latiss"))
    assert found.rejects == []
    assert MasterKey("bias", "20180921T000000Z", DataId(0)) in found.masters
