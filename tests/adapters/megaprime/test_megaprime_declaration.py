"""The declaration: instrument, filters, and how Gen2 looked masters up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from adapters.camera import Lookup, TimeColumn
from adapters.megaprime import MegaPrime
from adapters.registry import detect_camera, get_camera
from fixtures.megaprime_defects import SERIALS, STRANGER

CAMERA = MegaPrime()
SHARED = os.environ.get("GEN2TO3_SHARED", Path(__file__).resolve().parents[3].parent / "shared")
FACTS = Path(SHARED) / "facts" / "cameras" / "megaprime.yaml"


def test_is_registered():
    assert isinstance(detect_camera("lsst.obs.cfht.MegacamMapper"), MegaPrime)
    assert isinstance(get_camera("MegaPrime"), MegaPrime)


@pytest.mark.skipif(not FACTS.is_file(), reason=f"no {FACTS}")
def test_instrument_equals_the_facts():
    facts = yaml.safe_load(FACTS.read_text())
    made = yaml.safe_load(Path(__file__).parents[3].joinpath("adapters/megaprime/camera.yaml").read_text())
    assert made["instrument"] == {k: facts["instrument"][k] for k in made["instrument"]}
    assert made["detectors"] == [{k: v for k, v in d.items() if v is not None} for d in facts["detectors"]]
    assert [(f["name"], f["band"], f.get("gen2", [])) for f in made["physical_filters"]] == [
        (f["name"], f["band"], f.get("gen2_filter_values", [])) for f in facts["physical_filters"]
    ]
    assert made["camera_geometry"] == {k: v for k, v in facts["camera_geometry"].items() if k != "formula"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("u", "u.MP9301"),
        ("g", "g.MP9401"),
        ("r", "r.MP9601"),
        ("i", "i.MP9701"),
        ("i2", "i.MP9702"),
        ("i3", "i.MP9703"),
        ("z", "z.MP9801"),
        ("z2", "z.MP9901"),
        ("NONE", None),
        ("y", None),
    ],
)
def test_filters(text, name):
    assert CAMERA.physical_filter(text) == name


def test_lookups():
    raw = ("visit", "ccd", "taiObs", "extension")
    assert [(c.dataset_type, c.lookup) for c in CAMERA.calibrations] == [
        ("bias", Lookup(("taiObs", "extension"), "raw", raw)),
        ("dark", Lookup(("taiObs",), "raw", raw)),
        ("flat", Lookup(("filter", "taiObs", "extension"), "raw", (*raw, "filter"))),
        ("fringe", Lookup(("filter", "taiObs", "extension"), "raw", (*raw, "filter"))),
        (
            "defects",
            Lookup(
                ("ccdSerial", "taiObs"), "raw_visit", ("visit",), time=TimeColumn("taiObs", "datetime", "utc")
            ),
        ),
    ]
    assert all(c.unreadable and c.detector_offset == -1 for c in CAMERA.calibrations[:4])


def test_every_detector_has_a_serial_number():
    instrument = CAMERA.instrument
    assert len(instrument.serials) == len(instrument.detectors) == 36
    assert [instrument.serial_of(d.id, None) for d in instrument.detectors] == list(SERIALS)
    assert [str(m) for m in instrument.mountings(8351205)] == ["detector 5"]
    assert instrument.mountings(STRANGER) == ()
