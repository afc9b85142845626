"""status: what is there, what is unknown, and what is still to be done."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlite_utils
from lsst.daf.butler import Butler, CollectionType, DatasetType, Timespan

from adapters.decam import DECam
from converter.status import status
from fixtures.hsc import HscSpec, make_hsc
from fixtures.hsc_oddities import HscOddities

LAST_LINE = "Ready for ISR as far as the repository can tell."


@pytest.fixture
def copied(odd, tmp_path) -> Path:
    shutil.copytree(odd[1], tmp_path / "gen3")
    return tmp_path / "gen3"


def certify(root: Path, dataset_type: str, collection: str, instrument: str = "HSC", **data_id) -> None:
    """What the stack would write, as far as the registry knows: a dataset that is always valid."""
    with Butler.from_config(str(root), writeable=True) as butler:
        dimensions = {"instrument", *data_id}
        kind = DatasetType(
            dataset_type,
            dimensions=dimensions,
            storageClass="StructuredDataDict",
            universe=butler.dimensions,
            isCalibration=True,
        )
        butler.registry.registerDatasetType(kind)
        butler.registry.registerCollection(collection, CollectionType.CALIBRATION)
        butler.collections.register(f"{instrument}/calib/unbounded")
        ref = butler.put({}, kind, instrument=instrument, run=f"{instrument}/calib/unbounded", **data_id)
        butler.registry.certify(collection, [ref], Timespan(None, None))


def test_everything(odd, run_json):
    _made, target = odd
    code, said = run_json("status", target)
    assert code == 0
    assert (said["universe"], said["ledger"]) == (8, str(target / "gen2to3.sqlite3"))
    (hsc,) = said["instruments"]
    with Butler.from_config(str(target), writeable=False) as butler:
        raws = butler.query_datasets("raw", "HSC/raw/all", limit=None)
        exposures = butler.query_dimension_records("exposure", instrument="HSC", limit=None)
        for t in hsc["types"]:
            found = butler.registry.queryDatasetAssociations(t["dataset_type"], collections="HSC/calib/gen2")
            spans = [a.timespan for a in found]
            assert t["certified"] == len(spans)
            masters = butler.query_datasets(
                t["dataset_type"], "HSC/calib/gen2/*", find_first=False, limit=None
            )
            assert t["masters"] == len(masters)
            if spans:
                first = min(s.begin.tai.isot[:19] for s in spans)
                last = max(s.end.tai.isot[:19] for s in spans)
                assert (t["first"], t["last"]) == (first, last)
            assert (t["unbounded_begins"], t["unbounded_ends"]) == (0, 0)
    assert {t["dataset_type"] for t in hsc["types"]} == {"bias", "dark", "flat", "sky", "defects"}
    assert (hsc["raws"], hsc["exposures"]) == (len(raws), len(exposures))
    assert (hsc["name"], hsc["camera"], hsc["detectors"], hsc["filters"]) == ("HSC", "hsc", 112, 25)
    assert (hsc["chain"], hsc["order"], hsc["collections"]) == (
        "HSC/calib",
        ["HSC/calib/gen2"],
        ["HSC/calib/gen2"],
    )
    assert (hsc["ready"], hsc["missing"]) == (False, ["camera"])
    assert said["ready_for_isr"] == {"ready": False, "missing": ["camera"]}
    (conversion,) = said["conversions"]
    db = sqlite_utils.Database(target / "gen2to3.sqlite3")
    states = dict(db.execute("select state, count(*) from items group by state").fetchall())
    assert (conversion["number"], conversion["command"]) == (1, "convert")
    assert conversion["written"] == states["done"]
    assert (conversion["rejected"], conversion["skipped"]) == (states["rejected"], states["skipped"])
    assert conversion["finished_utc"] is not None
    assert said["recorded"] == {
        "rejected": states["rejected"],
        "skipped": states["skipped"],
        "handed_off": states["handed-off"],
        "decisions": db["decisions"].count,
    }
    assert said["verification"]["disagree"] == 0 and said["verification"]["agree"] > 0
    assert {h["dataset_type"] for h in hsc["hand_offs"]} == {
        "camera",
        "bfKernel",
        "yBackground",
        "transmission curves",
    }


def test_one_screen(odd, run):
    result = run("status", odd[1])
    lines = result.stdout.splitlines()
    assert result.exit_code == 0 and len(lines) < 40
    assert "HSC/calib searches HSC/calib/gen2" in lines
    assert lines[-1] == "Not ready for ISR: camera missing."
    assert any(line.startswith("Verified after conversion 1 at ") for line in lines)
    quiet = run("status", odd[1], "--quiet").stdout.splitlines()
    assert quiet[0].startswith("hand-off  camera: ") and quiet[-1] == lines[-1]


def test_a_hand_off_is_open_until_something_is_certified(copied, run, run_json):
    certify(copied, "camera", "HSC/calib/gen2")
    certify(copied, "bfKernel", "HSC/calib/elsewhere", detector=50)  # a collection that nothing searches
    _code, said = run_json("status", copied)
    (hsc,) = said["instruments"]
    assert {h["dataset_type"] for h in hsc["hand_offs"]} == {"bfKernel", "yBackground", "transmission curves"}
    assert hsc["ready"] and said["ready_for_isr"] == {"ready": True, "missing": []}
    assert run("status", copied).stdout.splitlines()[-1] == LAST_LINE
    camera = next(t for t in hsc["types"] if t["dataset_type"] == "camera")
    assert (camera["masters"], camera["certified"], camera["first"], camera["last"]) == (1, 1, "", "")
    assert (camera["unbounded_begins"], camera["unbounded_ends"]) == (1, 1)

    certify(copied, "transmission_filter", "HSC/calib/gen2", physical_filter="HSC-R")
    with Butler.from_config(str(copied), writeable=True) as butler:
        butler.collections.redefine_chain("HSC/calib", ["HSC/calib/gen2", "HSC/calib/elsewhere"])
    (hsc,) = run_json("status", copied)[1]["instruments"]
    assert [h["dataset_type"] for h in hsc["hand_offs"]] == ["yBackground"]
    assert hsc["order"] == ["HSC/calib/gen2", "HSC/calib/elsewhere"]


def test_a_dataset_that_is_not_certified_is_not_enough(copied, run_json):
    certify(copied, "camera", "HSC/calib/gen2")
    with Butler.from_config(str(copied), writeable=True) as butler:
        butler.registry.decertify("HSC/calib/gen2", "camera", Timespan(None, None))
    said = run_json("status", copied)[1]
    assert said["ready_for_isr"] == {"ready": False, "missing": ["camera"]}


def test_without_a_ledger(copied, run, run_json):
    (copied / "gen2to3.sqlite3").unlink()
    code, said = run_json("status", copied)
    assert code == 0
    assert (said["ledger"], said["conversions"], said["verification"], said["recorded"]) == (None,) * 4
    # What ISR needs is declared by the camera; the files that only the Gen2 repository has are not known.
    (hand_off,) = said["instruments"][0]["hand_offs"]
    assert hand_off["dataset_type"] == "camera"
    assert f"{copied} HSC/calib/gen2 gen2" in hand_off["command"]
    text = run("status", copied).stdout
    assert (
        "There is no ledger: conversions, decisions, rejects, skips and verifications are not known." in text
    )
    assert not (copied / "gen2to3.sqlite3").exists()


def test_a_conversion_that_broke_off(copied, run, run_json):
    db = sqlite_utils.Database(copied / "gen2to3.sqlite3")
    db["conversions"].insert(
        {"command": "convert", "recipe": "{}", "versions": "{}", "started_utc": "2026-01-01T00:00:00+00:00"}
    )
    db.close()
    (_, broken) = run_json("status", copied)[1]["conversions"]
    assert (broken["number"], broken["finished_utc"], broken["written"]) == (2, None, None)
    assert "not finished, begun 2026-01-01T00:00:00+00:00" in run("status", copied).stdout


def test_two_instruments(copied, run, run_json):
    assert run("register", copied, "--camera", "decam").exit_code == 0
    said = run_json("status", copied)[1]
    decam, hsc = said["instruments"]
    assert (decam["name"], decam["order"], decam["collections"], decam["types"]) == ("DECam", None, [], [])
    assert decam["missing"] == ["camera", "linearizer"] == list(DECam().needed_for_isr)
    assert {h["dataset_type"] for h in hsc["hand_offs"]} >= {"camera"}
    # There are no calibrations of DECam yet, so nothing is to be handed off.
    assert decam["hand_offs"] == []
    text = run("status", copied).stdout
    assert "DECam: Not ready for ISR: camera, linearizer missing." in text
    assert "HSC: Not ready for ISR: camera missing." in text
    assert run("explain", copied, "bias", "--detector", 50, "--exposure", 9058).exit_code == 2
    named = run("explain", copied, "bias", "--detector", 50, "--exposure", 9058, "--instrument", "HSC")
    assert named.exit_code == 0


def test_an_instrument_that_no_camera_declares(tmp_path, run):
    Butler.makeRepo(str(tmp_path / "repo"))
    assert run("status", tmp_path / "repo").stdout.splitlines()[-1] == (
        "Not ready for ISR: there is no instrument; register one with `gen2to3 register`."
    )
    with Butler.from_config(str(tmp_path / "repo"), writeable=True) as butler:
        butler.registry.insertDimensionData(
            "instrument",
            {"name": "Own", "visit_max": 1, "exposure_max": 1, "detector_max": 1, "class_name": "a.B"},
        )
    last = run("status", tmp_path / "repo").stdout.splitlines()[-1]
    assert last == "Not ready for ISR: camera missing (no camera declares what else it needs)."
    certify(tmp_path / "repo", "camera", "Own/calib/x", "Own")
    (own,) = status(str(tmp_path / "repo")).instruments
    assert own.ready.ready and own.camera == "" and own.collections == ["Own/calib/x"] and own.order is None


def test_the_historical_layout(tmp_path, run, run_json):
    made = make_hsc(tmp_path / "gen2", HscSpec(oddities=HscOddities(bf_kernel=True)))
    assert run("convert", made.root, tmp_path / "gen3", "--label", "").exit_code == 0
    (hsc,) = run_json("status", tmp_path / "gen3")[1]["instruments"]
    assert (hsc["order"], hsc["collections"]) == (["HSC/calib"], ["HSC/calib"])
    assert [h["dataset_type"] for h in hsc["hand_offs"]] == ["camera", "bfKernel"]
    certify(tmp_path / "gen3", "camera", "HSC/calib")
    (hsc,) = run_json("status", tmp_path / "gen3")[1]["instruments"]
    assert [h["dataset_type"] for h in hsc["hand_offs"]] == ["bfKernel"] and hsc["ready"]
    # A conversion that has nothing to write tells how it is now, not how it was.
    again = run("convert", made.root, tmp_path / "gen3", "--label", "")
    assert again.stdout.splitlines()[-1] == LAST_LINE


def test_no_repository(tmp_path, run):
    result = run("status", tmp_path / "none")
    assert result.exit_code == 2
    assert result.stderr == f"gen2to3: error: {tmp_path}/none: there is no Butler repository\n"
