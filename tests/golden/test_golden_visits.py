"""Visits beside those that the stack defined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden_cases import IMSIM, Golden, records
from lsst.daf.butler import Butler
from lsst.sphgeom import ConvexPolygon

from adapters.geometry import ARCSEC
from adapters.registry import get_camera
from converter.nouns import ExposureRecord
from converter.operations import InsertExposures
from converter.planning.instrument import plan_instrument
from converter.planning.visits import plan_visits
from converter.target import TargetState
from converter.writers import execute
from tests.golden.exports import exported, nanoseconds, read_export

ELEMENTS = ("visit_system", "visit", "visit_definition", "visit_detector_region")


def vertices(region: ConvexPolygon) -> np.ndarray:
    return np.array([(v.x(), v.y(), v.z()) for v in region.getVertices()])


def outside_arcsec(inner: ConvexPolygon, outer: ConvexPolygon) -> float:
    """How far the first reaches out of the second."""
    corners = vertices(outer)
    normals = np.cross(corners, np.roll(corners, -1, axis=0))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return float(-(normals @ vertices(inner).T).min() / ARCSEC)


def far_arcsec(one: ConvexPolygon, other: ConvexPolygon) -> float:
    return max(outside_arcsec(one, other), outside_arcsec(other, one))


@pytest.fixture(scope="module")
def export(data: Path) -> list[dict[str, Any]]:
    return read_export(data / "jointcal_hsc" / "exports.yaml")


@pytest.fixture(scope="module")
def hsc(export, tmp_path_factory: pytest.TempPathFactory) -> Butler:
    """The exposures of the export, with visits defined by us."""
    root = tmp_path_factory.mktemp("hsc_visits") / "repo"
    Butler.makeRepo(root)
    camera = get_camera("hsc")
    instrument, _, _ = plan_instrument(camera.instrument, TargetState(), update=False)
    new = []
    for number, row in exported(export, "exposure", "id").items():
        fields = {k: v for k, v in row.items() if k not in ("instrument", "group_id")}
        fields["group"] = fields.pop("group_name")
        begin, end = (nanoseconds(fields.pop(f"datetime_{e}")) for e in ("begin", "end"))
        assert fields["id"] == number
        new.append(ExposureRecord(fields, begin, end))
    with Butler.from_config(root, writeable=True) as butler:
        execute(butler, [instrument, InsertExposures("HSC", tuple(new))], "direct")
        plan = plan_visits(camera, butler, [r.exposure["id"] for r in new], [])
        assert (plan.conflicts, plan.counts) == ([], {"written": 10, "existing": 0, "skipped": 0})
        execute(butler, plan.operations, "direct")
    return Butler.from_config(root, writeable=False)


def decoded(row: dict[str, Any]) -> ConvexPolygon:
    return ConvexPolygon.decode(bytes.fromhex(row["region"]["encoded"]))


def test_hsc_visit_records(hsc, export):
    theirs = exported(export, "visit", "id")
    ours = records(hsc, "visit", "HSC", "id")
    assert set(ours) == set(theirs)
    assert len(ours) == 10
    for number, row in ours.items():
        wanted = dict(theirs[number])
        assert far_arcsec(row.pop("region"), decoded(wanted)) < 0.01
        assert len(vertices(decoded(wanted))) == 44
        span = tuple(nanoseconds(wanted.pop(f"datetime_{e}")) for e in ("begin", "end"))
        assert row.pop("timespan").nsec == span
        assert wanted.pop("visit_system") == 0
        del wanted["region"]
        # Newer than the export; its exposures have the one and not the other.
        assert (row.pop("seq_num"), row.pop("azimuth")) == (number, None)
        assert row == wanted


def test_hsc_detector_regions(hsc, export):
    theirs = [row for i in export if i.get("element") == "visit_detector_region" for row in i["records"]]
    found = hsc.query_dimension_records("visit_detector_region", instrument="HSC", limit=None)
    ours = {(r.visit, r.detector): r.region for r in found}
    assert (len(theirs), len(ours)) == (30, 1120)
    for row in theirs:
        assert far_arcsec(ours[row["visit"], row["detector"]], decoded(row)) < 0.01


def test_visits_of_the_golden_repositories(golden: Golden):
    count = dict.fromkeys(ELEMENTS, 0)
    if golden.case is IMSIM:
        count = {"visit_system": 1, "visit": 1, "visit_definition": 1, "visit_detector_region": 189}
    for element, number in count.items():
        for side in (golden.theirs, golden.ours):
            assert len(side.query_dimension_records(element, explain=False, limit=None)) == number, element
    skipped = 0 if golden.case is IMSIM else 1  # the header of LATISS has no pointing
    assert golden.result.outcome["visits"] == {
        "written": count["visit"],
        "existing": 0,
        "skipped": skipped,
    }


def test_imsim_regions(golden: Golden):
    """The optics are described otherwise since 2022, which moves corners by up to 6.6 arcsec."""
    if golden.case is not IMSIM:
        pytest.skip("LATISS has no visit")
    name = IMSIM.instrument
    (ours,), (theirs,) = (
        records(side, "visit", name, "id").values() for side in (golden.ours, golden.theirs)
    )
    assert 0.01 < far_arcsec(ours.pop("region"), theirs.pop("region")) < 7
    assert ours.pop("azimuth") == pytest.approx(93.74488466)
    assert (ours.pop("seq_num"), ours.pop("day_obs")) == (0, 20221005)
    assert (theirs.pop("visit_system"), theirs.pop("day_obs")) == (1, 20221004)
    for side in (ours, theirs):
        assert side.pop("zenith_angle") == pytest.approx(7.88337137, abs=1e-3)
    assert ours.pop("timespan").nsec == theirs.pop("timespan").nsec
    assert ours == theirs
    regions = [
        {r.detector: r.region for r in side.query_dimension_records("visit_detector_region", limit=None)}
        for side in (golden.ours, golden.theirs)
    ]
    assert regions[0].keys() == regions[1].keys()
    assert max(far_arcsec(regions[0][d], regions[1][d]) for d in regions[0]) < 7
