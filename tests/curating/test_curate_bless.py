"""Curated calibrations and masters in one collection."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy.time import Time
from lsst.daf.butler import Butler, Timespan

from converter.timespans import parse_time, to_tai
from fixtures.hsc import HscRepository, HscSpec, make_hsc

from .reading import chains, ranges

PLAN = """\
collection: HSC/calib/suite-2014
inherit:
- from: HSC/calib/curated
  clip: [2013-06-01, '']
- from: HSC/calib/gen2
  type: [bias, dark, flat]
make_default: true
"""


@pytest.fixture(scope="module")
def gen2(tmp_path_factory: pytest.TempPathFactory) -> HscRepository:
    return make_hsc(tmp_path_factory.mktemp("hsc") / "gen2", HscSpec())


def test_one_suite(run_json, gen2: HscRepository, hsc: Path, tmp_path: Path) -> None:
    repo, plan = tmp_path / "repo", tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    assert run_json("convert", gen2.root, repo, "--no-verify")[0] == 0
    status, result = run_json("curate", repo, hsc)
    assert (status, result["written"]) == (0, {"defects": 12})
    assert chains(repo)["HSC/calib"] == ("HSC/calib/gen2", "HSC/calib/curated")
    status, result = run_json("bless", repo, plan)
    assert status == 0, result["conflicts"]
    suite = "HSC/calib/suite-2014"
    assert chains(repo)["HSC/calib"] == (suite, "HSC/calib/gen2", "HSC/calib/curated")
    cut = to_tai(parse_time("2013-06-01"), "utc")
    curated = ranges(repo, "HSC/calib/curated", "defects")
    clipped = {
        key: [(max(begin, cut), end)] for key, [(begin, end)] in curated.items() if end is None or end > cut
    }
    assert ranges(repo, suite, "defects") == clipped and len(clipped) == 4 + 4 + 1
    for dataset_type in ("bias", "dark", "flat"):
        assert ranges(repo, suite, dataset_type) == ranges(repo, "HSC/calib/gen2", dataset_type) != {}
    # What a pipeline finds: both, in one collection.
    with Butler.from_config(str(repo), writeable=False) as butler:
        when = Timespan.fromInstant(Time("2014-10-02T10:00:00", scale="tai"))
        found = {
            t: butler.find_dataset(t, instrument="HSC", detector=50, collections=suite, timespan=when)
            for t in ("bias", "defects")
        }
    assert found["bias"] is not None and found["bias"].run.startswith("HSC/calib/gen2/2014")
    assert found["defects"] is not None
    assert found["defects"].run == "HSC/calib/curated/curated/20140117T012900Z"
    assert run_json("bless", repo, plan)[1]["operations"] == 0
    # curate takes no notice of it.
    assert run_json("curate", repo, hsc)[1]["operations"] == 0
