"""Masters without a row that Gen2 found by the rows of other detectors."""

from __future__ import annotations

import pytest

from adapters.camera import Camera
from adapters.decam import DECam
from adapters.hsc import HSC
from adapters.lsst import LATISS, ImSim
from converter.nouns import DataId, Master, MasterKey, Provenance, ValidityClaim
from converter.planning.unnamed import compares_detector, decide_unnamed
from converter.timespans import Span

G, R = "g DECam SDSS c0001 4720.0 1520.0", "r DECam SDSS c0002 6415.0 1480.0"


def key(dataset_type: str, day: str, detector: int, physical_filter: str | None = None) -> MasterKey:
    return MasterKey(dataset_type, f"201502{day}T000000Z", DataId(detector, physical_filter))


def decide(camera: Camera, claimed: list[MasterKey], others: list[MasterKey]):
    where = Provenance("calibRegistry")
    masters = {k: Master(k, "/file", None, "2015-02-16", 1, 1, where) for k in (*claimed, *others)}
    claims = [ValidityClaim(k, "2015-02-16", "2015-02-17", "", where) for k in claimed]
    return decide_unnamed(camera, masters, claims)


@pytest.mark.parametrize("camera", [HSC, ImSim, LATISS])
def test_other_cameras_compared_the_detector(camera):
    assert all(compares_detector(camera(), c) for c in camera.calibrations)
    assert decide(camera(), [key("bias", "16", 1)], [key("bias", "16", 2)]) == []


def test_decam_did_for_some():
    blind = {c.dataset_type for c in DECam.calibrations if not compares_detector(DECam(), c)}
    assert blind == {"bias", "cpBias", "dark", "flat", "cpFlat", "illumcor"}


def test_only_dates_that_rows_give():
    (found,) = decide(DECam(), [key("cpBias", "16", 1)], [key("cpBias", "16", d) for d in (61, 2)])
    assert found.item == "cpBias 20150216T000000Z detectors 2, 61"
    (change,) = found.changes
    now = Span(10, 20)
    assert change.explains("20150216T000000Z", DataId(61), now)
    assert not change.explains("20150216T000000Z", DataId(1), now)
    assert not change.explains("20150217T000000Z", DataId(61), now)
    assert decide(DECam(), [key("cpBias", "16", 1)], [key("cpBias", "17", 2)]) == []


def test_the_row_of_another_type_in_the_table_gives_the_date():
    (found,) = decide(DECam(), [key("cpBias", "16", 1)], [key("bias", "16", 5)])
    assert found.item == "bias 20150216T000000Z detector 5"
    assert decide(DECam(), [key("cpFlat", "16", 1, G)], [key("bias", "16", 5)]) == []


def test_filters_apart():
    found = decide(DECam(), [key("cpFlat", "16", 1, G)], [key("cpFlat", "16", 2, f) for f in (G, R)])
    assert [d.item for d in found] == [f"cpFlat 20150216T000000Z {G} detector 2"]
