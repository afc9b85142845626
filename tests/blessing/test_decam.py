"""Masters of a converted Gen2 repository: one file of all detectors, blessed as another type."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from converter.convert import convert
from converter.nouns import DataId
from converter.recipe import Recipe
from fixtures.decam import DecamSpec, make_decam

from .conftest import Place, span
from .test_again import stored

CP = "lsst.obs.decam.rawFormatter.DarkEnergyCameraCPCalibFormatter"
CCDS = (10, 11, 12)
SUITE = "DECam/calib/suite"


@pytest.fixture(scope="module")
def decam(tmp_path_factory: pytest.TempPathFactory) -> Place:
    base = tmp_path_factory.mktemp("decam")
    spec = DecamSpec(
        nights=("2015-02-17",),
        exposures=(timedelta(hours=23),),
        ccds=CCDS,
        filters=("g",),
        cp_bias=("2015-02-16",),
        cp_ccds=CCDS,
        cp_flat=(),
    )
    made = make_decam(base / "gen2", spec)
    recipe = Recipe(str(made.root), calib=(str(made.calib),), transfer="direct")
    assert not convert(recipe, str(base / "repo"), with_verify=False).stopped
    return Place(base / "repo", made.calib)


def test_the_file_of_all_detectors_is_linked_once(decam: Place) -> None:
    plan = f"""
collection: {SUITE}
make_default: true
require: {{bias: [10, 11, 12]}}
certify:
- {{from: DECam/calib/gen2, type: cpBias, detector: 10..12, as: bias, range: [2015-02-16T16:30:00, '']}}
"""
    with Butler.from_config(str(decam.root)) as butler:
        # Certified or not, a chain or a collection gives its datasets.
        (run,) = {r.run for r in butler.registry.queryDatasets("cpBias", collections="DECam/calib/gen2")}
    assert run == "DECam/calib/gen2/20150216T000000Z"
    status, data = decam.json(plan)
    assert (status, data["written"], data["certified"]) == (0, {"bias": 3}, {"bias": 3})
    wanted = f"{SUITE}/20150216T000000Z"
    assert decam.content(SUITE) == {("bias", wanted, DataId(d)): [span("2015-02-16T16:30:00")] for d in CCDS}
    made, source = stored(decam, "bias", wanted), stored(decam, "cpBias", run)
    assert {m[1] for m in made.values()} == {CP}
    (path,) = {m[2] for m in made.values()}
    (gen2,) = {source[d][2] for d in CCDS}
    assert Path(gen2).is_relative_to(decam.sources)
    assert Path(path).is_relative_to(decam.root)
    assert Path(path).samefile(gen2)
    with Butler.from_config(str(decam.root)) as butler:
        (record,) = butler.query_dimension_records("exposure", instrument="DECam")
        ref = butler.find_dataset(
            "bias", instrument="DECam", detector=11, collections="DECam/calib", timespan=record.timespan
        )
        assert ref.run == wanted
    assert decam.json(plan)[1]["operations"] == 0
