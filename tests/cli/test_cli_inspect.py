from __future__ import annotations

import json
from pathlib import Path

import pytest

from converter.inspection import inspect_source
from converter.readings import Reading
from converter.recipe import Recipe, load_recipe
from converter.recipe_text import COMMENTS
from fixtures.hsc import HscSpec, make_hsc

from .conftest import error_line, run_process


def test_cameras(run, run_json):
    assert "hsc" in run("cameras").stdout
    status, data = run_json("cameras")
    assert status == 0
    entry = next(c for c in data["cameras"] if c["name"] == "hsc")
    assert (entry["instrument"], entry["error"]) == ("HSC", "")
    assert "lsst.obs.hsc.HscMapper" in entry["mappers"]


def test_inspect_in_a_process(good):
    done = run_process("inspect", good.root)
    assert (done.returncode, done.stderr) == (0, "")
    assert "lsst.obs.hsc.HscMapper" in done.stdout
    assert "2014-10-01 .. 2014-10-03" in done.stdout


def test_inspect_says_what_is_there(run_json, good):
    status, data = run_json("inspect", good.root)
    assert status == 0
    assert (data["camera"], data["instrument"]) == ("hsc", "HSC")
    assert data["root"] == str(good.root)
    assert data["calib_roots"] == [str(good.calib)]
    raw = data["raw"]
    assert (raw["rows"], raw["exposures"], raw["detectors"], raw["files"]) == (12, 6, 2, 12)
    assert raw["filters"] == {"HSC-I": 6, "HSC-R": 6}
    assert raw["observed"] == {"first": "2014-10-01", "last": "2014-10-03"}
    tables = {t["table"]: t for t in data["tables"]}
    assert tables["bias"]["rows"] == len(good.calib_rows["bias"])
    assert tables["bias"]["calib_dates"] == {"first": "2014-09-30", "last": "2014-10-02"}
    assert tables["flat"]["filters"] == ["HSC-I", "HSC-R"]
    types = {t["dataset_type"]: t for t in data["types"]}
    assert types["bias"]["readings"] == {"inclusive-days": 2}
    assert (types["bias"]["agree"], types["bias"]["differ"]) == (2, 0)
    assert types["bias"]["evidence"]["next_day"] == 2
    assert types["flat"]["undecided"] == 4
    assert (data["rejected"], data["overlaps"], data["unknown_filters"]) == ([], [], {})


def test_inspect_says_what_is_wrong(run, run_json, odd, overlapping):
    status, data = run_json("inspect", odd.root)
    assert status == 1
    assert data["lfs_pointers"] == 2
    assert data["missing_files"] == 2
    assert data["unlisted_files"] == 2
    assert data["unknown_detectors"] == {"150": 2}
    assert data["unknown_filters"] == {"HSC-Q9": 2}
    reasons = " ".join(r["reason"] for r in data["rejected"])
    for text in ("runs backwards", "'None' is not", "'soon' is not", "unknown detector 150"):
        assert text in reasons
    assert {h["dataset_type"] for h in data["hand_offs"]} >= {"bfKernel", "yBackground", "camera"}
    quiet = run("inspect", "-q", odd.root)
    assert len(quiet.stdout.splitlines()) == len(data["rejected"])
    result = run("inspect", overlapping.root)
    assert result.exit_code == 1
    assert "conflict  bias: masters" in result.stdout
    assert run("inspect", overlapping.root, "--overlaps", "bias=nearest").exit_code == 0


def test_inspect_writes_nothing(run, good):
    def state() -> dict[str, int]:
        return {str(p): p.lstat().st_mtime_ns for p in good.root.rglob("*")}

    before = state()
    run("inspect", good.root)
    assert state() == before


def test_dialects_that_differ(tmp_path):
    made = make_hsc(tmp_path / "gen2", HscSpec(dialects={"dark": "A"}))
    types = {t.dataset_type: t for t in inspect_source(Recipe(str(made.root))).types}
    assert types["dark"].dialect.startswith("A or C")
    assert types["bias"].dialect.startswith("B or D")


def test_recipe_round_trip(run, run_json, good, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    assert run("inspect", good.root, "--recipe", recipe).exit_code == 0
    loaded = load_recipe(recipe)
    assert (loaded.root, loaded.camera, loaded.calib) == (str(good.root), "hsc", (str(good.calib),))
    assert loaded.readings["bias"] is Reading.INCLUSIVE_DAYS
    status, data = run_json("convert", "--recipe", recipe, good.root, tmp_path / "with")
    _, plain = run_json("convert", good.root, tmp_path / "without")
    assert status == 0
    for key in ("written", "certified", "rejected", "verify"):
        assert data[key] == plain[key]


def test_recipe_is_not_overwritten(run, good, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("mine")
    result = run("inspect", good.root, "--recipe", recipe)
    assert result.exit_code == 2
    assert "--force" in error_line(result)
    assert recipe.read_text() == "mine"
    assert run("inspect", good.root, "--recipe", recipe, "--force", "--label", "x").exit_code == 0
    assert load_recipe(recipe).label == "x"


def test_recipe_cannot_be_written(run, good, tmp_path):
    result = run("inspect", good.root, "--recipe", tmp_path / "no" / "recipe.yaml")
    assert result.exit_code == 2
    assert "cannot be written" in error_line(result)


def test_every_key_of_a_recipe_is_explained():
    assert set(COMMENTS) == set(Recipe("/").to_dict())


def test_mixed_groups_get_no_reading(good):
    inspection = inspect_source(Recipe(str(good.root)))
    assert set(inspection.spelled_out().readings) == {"bias", "dark", "flat", "defects"}
    assert inspection.spelled_out().overlaps["bias"] == "fail"


@pytest.mark.parametrize("camera", ["imsim", "latiss"])
def test_real_repository(run, real_data: Path, tmp_path, camera):
    root = real_data / camera / "gen2"
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    result = run("inspect", root, "--json", "--recipe", tmp_path / "recipe.yaml")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["camera"] == camera
    assert load_recipe(tmp_path / "recipe.yaml").camera == camera
