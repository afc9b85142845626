"""Repositories with other paths than the camera declares, on files and with a real Butler."""

from __future__ import annotations

import os
from pathlib import Path

from click.testing import CliRunner
from lsst.daf.butler import Butler

from adapters.gen2.overrides import changed_templates, templates_of, with_templates, with_zones
from adapters.hsc import HSC
from converter.cli import main
from converter.convert import convert, make_plan
from converter.recipe import Recipe
from fixtures import fits
from fixtures.hsc import HscRepository, HscSpec, make_hsc
from fixtures.hsc_files import CALIB_TEMPLATES, RAW_TEMPLATE

from .subsets import SPEC, TYPES, good_end, ids

OLD = {
    "flat": "FLATS/%(filter)s/%(calibDate)s/%(ccd)d.fits",
    "defects": "DEFECTS/%(calibDate)s-%(ccd)03d.fits",
    "raw": "%(dateObs)s/HSC-%(visit)d-%(ccd)d.fits",
}


def move_to(made: HscRepository, templates: dict[str, str]) -> None:
    """Give a repository's files the paths of another template."""
    for kind, new in templates.items():
        base = made.root if kind == "raw" else made.calib
        old = RAW_TEMPLATE if kind == "raw" else CALIB_TEMPLATES[kind]
        for row in made.raw_rows if kind == "raw" else made.calib_rows[kind]:
            (base / (new % row)).parent.mkdir(parents=True, exist_ok=True)
            os.rename(base / (old % row), base / (new % row))


def test_an_old_repository_with_other_templates(tmp_path: Path) -> None:
    made = make_hsc(tmp_path / "gen2", SPEC)
    move_to(made, OLD)
    target = str(tmp_path / "r")
    without = make_plan(Recipe(str(made.root)), target)
    assert len(without.rejects) == len(made.raw_rows) + sum(
        len(made.calib_rows[t]) for t in ("flat", "defects")
    )
    recipe = Recipe(str(made.root), templates=OLD)
    outcome = convert(recipe, target)
    verification = good_end(outcome)
    assert verification.agree == len(made.raw_rows) * len(TYPES)
    assert verification.explained == 0
    decisions = {d.item: d for d in outcome.plan.decisions if d.rule == "template-override"}
    assert set(decisions) == set(OLD)
    assert (decisions["flat"].before, decisions["flat"].after) == (CALIB_TEMPLATES["flat"], OLD["flat"])
    assert (decisions["raw"].before, decisions["raw"].after) == (RAW_TEMPLATE, OLD["raw"])
    butler = Butler.from_config(target)
    flat = butler.query_datasets("flat", collections="HSC/calib/gen2/20141003T000000Z")
    for ref in flat:
        name = f"FLATS/{ref.dataId['physical_filter']}/2014-10-03/{ref.dataId['detector']}.fits"
        assert os.path.samefile(butler.getURI(ref).ospath, made.calib / name)
    assert convert(recipe, target).plan.is_empty
    # The last recipe says how to verify; no option repeats it.
    result = CliRunner().invoke(main, ["verify", target])
    assert result.exit_code == 0 and " 0 disagreements" in result.output


def test_a_template_may_name_hdus(tmp_path: Path) -> None:
    made = make_hsc(tmp_path / "gen2", HscSpec(flat=(), dark=(), defects=()))
    move_to(made, {"bias": "BIAS/bias-%(calibDate)s-%(ccd)d.fits"})
    recipe = Recipe(str(made.root), templates={"bias": "BIAS/bias-%(calibDate)s-%(ccd)d.fits[0]"})
    good_end(convert(recipe, str(tmp_path / "r")))
    assert len(ids(tmp_path / "r", ("bias",))) == 4


def test_a_file_without_a_row_follows_the_template(tmp_path: Path) -> None:
    made = make_hsc(tmp_path / "gen2", HscSpec())
    move_to(made, {"bias": "B/%(calibDate)s/%(ccd)d.fits"})
    fits.write(made.calib / "B/2010-01-01/49.fits", (made.calib / "B/2014-09-30/49.fits").read_bytes())
    plan = make_plan(
        Recipe(str(made.root), templates={"bias": "B/%(calibDate)s/%(ccd)d.fits"}), str(tmp_path / "r")
    )
    assert [s.reason for s in plan.skips if s.path.endswith("B/2010-01-01/49.fits")] == [
        "no row in table bias: ingested as bias without a validity range"
    ]


def test_templates_change_a_copy() -> None:
    camera = HSC()
    changed = with_templates(camera, {"flat": OLD["flat"], "bias": CALIB_TEMPLATES["bias"]})
    assert templates_of(camera)["flat"] == CALIB_TEMPLATES["flat"] == templates_of(HSC())["flat"]
    assert changed.calibration("flat").template == OLD["flat"]
    assert changed.calibration("flat").lookup == camera.calibration("flat").lookup
    assert changed.raw == camera.raw and changed.instrument is camera.instrument
    assert changed_templates(changed) == [("flat", CALIB_TEMPLATES["flat"], OLD["flat"])]
    assert changed_templates(camera) == []


def test_template_and_zone_together():
    """A second change of the declaration keeps the first one."""
    camera = with_templates(
        HSC(), {"raw": "other/%(visit)d-%(ccd)d.fits", "bias": "b/%(calibDate)s-%(ccd)d.fits"}
    )
    both = with_zones(camera, {"*": "Asia/Tokyo"})
    assert both.raw.template == "other/%(visit)d-%(ccd)d.fits"
    assert both.calibration("bias").template == "b/%(calibDate)s-%(ccd)d.fits"
    assert {c.zone for c in both.calibrations} == {"Asia/Tokyo"}
    assert [name for name, _, _ in changed_templates(both)] == ["raw", "bias"]
    assert {c.zone for c in HSC().calibrations} == {""}
