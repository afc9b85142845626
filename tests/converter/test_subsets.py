"""Parts of a repository, on files and with a real Butler."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lsst.daf.butler import Butler

from adapters.registry import get_camera
from converter.cli import main
from converter.convert import convert, make_plan
from converter.inspection import inspect_source
from converter.nouns import UsageError
from converter.recipe import Recipe, load_recipe, recipe_from_dict
from converter.recipe_text import COMMENTS, write_recipe
from fixtures.hsc import HscRepository, HscSpec, make_hsc
from fixtures.hsc_files import CALIB_TEMPLATES
from fixtures.hsc_oddities import HscOddities
from fixtures.lsst import LsstSpec, make_lsst

from .subsets import SPEC, TYPES, gen2_needs, good_end, ids, ranges, raws, reasons


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> HscRepository:
    """In order; never changed by a test."""
    return make_hsc(tmp_path_factory.mktemp("good") / "gen2", SPEC)


def test_related_only_leaves_the_masters_that_the_chosen_exposures_need(
    good: HscRepository, tmp_path: Path
) -> None:
    visit = good.raw_rows[0]["visit"]
    rows = [r for r in good.raw_rows if r["visit"] == visit]
    recipe = Recipe(str(good.root), visits=(visit,), related_only=True)
    outcome = convert(recipe, str(tmp_path / "r"))
    verification = good_end(outcome)
    assert (verification.observations, verification.agree) == (3, 12)
    needed = gen2_needs(good, rows)
    assert ids(tmp_path / "r") == needed
    assert len(needed) == 12
    assert raws(tmp_path / "r") == {(visit, d) for d in SPEC.detectors}
    why = reasons(outcome)
    left_out = "no chosen exposure needs it: {} data IDs left out by --related-only"
    assert why["bias HSC/calib/gen2/20141002T000000Z"] == left_out.format(3)
    assert why["flat HSC/calib/gen2/20140928T000000Z"] == left_out.format(6)
    # The date of the needed flat has another filter, too.
    assert why["flat HSC/calib/gen2/20141003T000000Z"] == left_out.format(3)
    assert "bias HSC/calib/gen2/20140930T000000Z" not in why


def test_running_again_writes_nothing_and_without_the_subset_adds_the_rest(
    good: HscRepository, tmp_path: Path
) -> None:
    target = str(tmp_path / "r")
    part = Recipe(str(good.root), visits=(good.raw_rows[0]["visit"],), detectors=(49,), related_only=True)
    good_end(convert(part, target))
    again = convert(part, target)
    good_end(again)
    assert again.plan.is_empty and again.conversion is None
    assert again.plan.existing == {"bias": 1, "dark": 1, "flat": 1, "defects": 1, "raw": 1}
    rest = convert(Recipe(str(good.root)), target)
    verification = good_end(rest)
    assert verification.agree == len(good.raw_rows) * len(TYPES)
    whole = str(tmp_path / "whole")
    good_end(convert(Recipe(str(good.root)), whole))
    assert ids(target) == ids(whole) and len(ids(whole)) == sum(map(len, good.calib_rows.values()))
    assert raws(target) == raws(whole)
    # A subset of what is there neither writes nor removes.
    small = convert(part, target)
    good_end(small)
    assert small.plan.is_empty and ids(target) == ids(whole)


def test_a_boundary_that_a_later_exposure_moves(tmp_path: Path) -> None:
    spec = HscSpec(straddling=True, bias=("2014-10-01", "2014-10-03"), dark=(), flat=(), defects=())
    made = make_hsc(tmp_path / "gen2", spec)
    target = str(tmp_path / "r")
    first = made.raw_rows[0]["visit"]
    last = next(r["visit"] for r in made.raw_rows if r["dateObs"] == "2014-10-03")
    good_end(convert(Recipe(str(made.root), visits=(first, last), related_only=True), target))
    before = ids(target)
    rest = convert(Recipe(str(made.root)), target)
    assert rest.exit_status == 3
    assert any("whole-exposure" in d.rule for d in rest.plan.decisions)
    assert rest.plan.conflicts
    assert all("is certified in HSC/calib/gen2 for" in c for c in rest.plan.conflicts)
    assert ids(target) == before
    moved = convert(Recipe(str(made.root), supersede=True), target)
    good_end(moved)
    assert {d.rule for d in moved.plan.decisions} >= {"whole-exposure", "superseded"}
    whole = str(tmp_path / "whole")
    good_end(convert(Recipe(str(made.root)), whole))
    assert ranges(target) == ranges(whole)
    # A part of the repository does not move the boundary back, whether it may or not.
    for supersede in (False, True):
        part = convert(Recipe(str(made.root), visits=(first, last), supersede=supersede), target)
        good_end(part)
        assert part.plan.is_empty and part.conversion is None
    part = convert(Recipe(str(made.root), types=("bias",), supersede=True), target)
    assert part.exit_status == 0 and part.plan.is_empty
    assert ranges(target) == ranges(whole)


def test_related_only_asks_exposures_without_a_record_by_the_registry(
    good: HscRepository, tmp_path: Path
) -> None:
    visit = good.raw_rows[-1]["visit"]
    recipe = Recipe(str(good.root), visits=(visit,), types=("bias", "flat"), related_only=True)
    good_end(convert(recipe, str(tmp_path / "r")))
    needed = gen2_needs(good, [r for r in good.raw_rows if r["visit"] == visit])
    assert ids(tmp_path / "r") == {n for n in needed if n[0] in ("bias", "flat")}


def test_related_only_with_an_exposure_that_is_left_out_otherwise(
    good: HscRepository, tmp_path: Path
) -> None:
    # Verify asks what the registry lists, also where --exclude leaves the file out.
    recipe = Recipe(str(good.root), exclude=("*/2014-10-05/*",), related_only=True)
    good_end(convert(recipe, str(tmp_path / "r")))
    assert ids(tmp_path / "r") == gen2_needs(good, good.raw_rows)


def test_related_only_leaves_files_without_a_row_out(tmp_path: Path) -> None:
    spec = HscSpec(oddities=HscOddities(master_without_row=True))
    made = make_hsc(tmp_path / "gen2", spec)
    (item,) = made.expected("master_without_row")
    whole = make_plan(Recipe(str(made.root)), str(tmp_path / "r"))
    part = make_plan(Recipe(str(made.root), related_only=True), str(tmp_path / "r"))
    path = str(made.root / item.path)
    assert [s.reason for s in whole.skips if s.path == path] == [
        "no row in table bias: ingested as bias without a validity range"
    ]
    assert [s for s in part.skips if s.path == path] == []
    assert path not in {f.path for ingest in part.ingests for f in ingest.files}
    assert path in {f.path for ingest in whole.ingests for f in ingest.files}


def test_detectors_for_raws_and_masters(good: HscRepository, tmp_path: Path) -> None:
    outcome = convert(Recipe(str(good.root), detectors=(41, 50)), str(tmp_path / "r"))
    verification = good_end(outcome)
    rows = [r for r in good.raw_rows if r["ccd"] != 49]
    assert verification.observations == len(rows) and verification.agree == 4 * len(rows)
    assert raws(tmp_path / "r") == {(r["visit"], r["ccd"]) for r in rows}
    expected = {
        (table, r["calibDate"][:10].replace("-", ""), r["ccd"], r["filter"] if table == "flat" else None)
        for table, table_rows in good.calib_rows.items()
        for r in table_rows
        if r["ccd"] != 49
    }
    assert ids(tmp_path / "r") == expected
    why = reasons(outcome)
    assert why[f"{good.root}/registry.sqlite3 table raw"] == "6 rows left out by --detectors"
    calib = f"{good.calib}/calibRegistry.sqlite3: table"
    assert why[f"{calib} bias"] == "3 rows left out by --detectors"
    assert why[f"{calib} flat"] == "6 rows left out by --detectors"
    # The instrument has all of its detectors all the same.
    butler = Butler.from_config(str(tmp_path / "r"))
    assert len(butler.query_dimension_records("detector", instrument="HSC", limit=None)) == 112


def test_what_is_wrong_with_other_detectors_does_not_matter(tmp_path: Path) -> None:
    made = make_hsc(tmp_path / "gen2", HscSpec(detectors=(49, 50)))
    bias = "CALIB/BIAS/2014-09-30/NONE/BIAS-2014-09-30-050.fits"
    flat = "CALIB/FLAT/2014-09-28/HSC-R/FLAT-2014-09-28-HSC-R-050.fits"
    raw = next(p for p in made.raw_files if p.endswith("-050.fits"))
    os.unlink(made.root / bias)
    for path in (flat, raw):
        os.unlink(made.root / path)
        os.symlink("nowhere.fits", made.root / path)
    shutil.copy(
        made.root / bias.replace("050", "049"),
        made.root / "CALIB/BIAS/2014-09-30/NONE/BIAS-2014-09-30-051.fits",
    )
    outcome = convert(Recipe(str(made.root), detectors=(49,)), str(tmp_path / "r"))
    good_end(outcome)
    skipped = [s.reason for s in outcome.plan.skips if s.item.endswith("table bias")]
    assert skipped == ["2 rows left out by --detectors", "1 file without a row left out by --detectors"]
    assert len(make_plan(Recipe(str(made.root)), str(tmp_path / "s")).rejects) == 3


def test_the_dialect_is_that_of_the_whole_table(tmp_path: Path) -> None:
    # Detector 49 has one bias, which tells nothing; the others say what its range means.
    made = make_hsc(tmp_path / "gen2", HscSpec(dialects={"bias": "A"}, dark=(), flat=(), defects=()))
    with closing(sqlite3.connect(made.calib / "calibRegistry.sqlite3")) as db, db:
        db.execute("DELETE FROM bias WHERE ccd = 49 AND calibDate = '2014-10-02'")
    whole = make_plan(Recipe(str(made.root)), str(tmp_path / "r"))
    part = make_plan(Recipe(str(made.root), detectors=(49,)), str(tmp_path / "r"))

    def spans(plan: Any) -> set[Any]:
        return {(c.span, run, d) for c in plan.certifies for run, d in c.datasets if d.detector == 49}

    assert spans(part) == spans(whole) and len(spans(part)) == 1


@pytest.mark.parametrize("camera", ["imsim", "comcam"])
def test_other_cameras(tmp_path: Path, camera: Any) -> None:
    made = make_lsst(tmp_path / "gen2", camera, LsstSpec())
    first = made.raw_rows[0]
    visit = first[get_camera(camera).raw.exposure]
    recipe = Recipe(str(made.root), visits=(visit,), detectors=(first["detector"],), related_only=True)
    outcome = convert(recipe, str(tmp_path / "r"))
    verification = good_end(outcome)
    assert verification.observations == 1
    assert verification.agree == sum(outcome.plan.written.values()) - 1


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"detectors": (49, 112)}, "detectors: 112 is no detector of HSC, which has 0..111"),
        ({"templates": {"flut": "x/%(ccd)d"}}, "templates: 'flut' is no dataset type of HSC with a template"),
        ({"templates": {"flat": "x/%(ccd)q"}}, "templates: flat: template 'x/%(ccd)q': cannot understand"),
        ({"templates": {"flat": "x/%(ccd"}}, "templates: flat: template"),
        ({"templates": {"raw": "/x/%(ccd)d"}}, "templates: raw: template '/x/%(ccd)d' is absolute"),
        ({"templates": {"raw": "../%(ccd)d"}}, "leads out of the root"),
        ({"templates": {"flat": "x.fits"}}, "names no key"),
        ({"templates": {"flat": ""}}, "names no key"),
    ],
)
def test_choices_that_the_camera_does_not_have(
    good: HscRepository, tmp_path: Path, choice: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        make_plan(Recipe(str(good.root), **choice), str(tmp_path / "r"))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"detectors": 49}, "recipe: key 'detectors': expected a list, found 49"),
        ({"detectors": ["49"]}, "recipe: key 'detectors': expected a number, found '49'"),
        ({"related_only": 1}, "recipe: key 'related_only': expected true or false, found 1"),
        ({"templates": ["flat"]}, "recipe: key 'templates': expected a mapping, found ['flat']"),
        ({"templates": {"flat": None}}, "recipe: key 'templates': expected text, found None"),
    ],
)
def test_a_recipe_that_makes_no_sense(data: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        recipe_from_dict({"root": "/x", **data})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--detectors", "R22"), "'R22' is neither a detector nor a range such as 1228..1240"),
        (("--template", "flat"), "'flat' is not of the form TYPE=TEMPLATE"),
        (("--template", "=x"), "'=x' is not of the form TYPE=TEMPLATE"),
        (("--template", "flat="), "'flat=' is not of the form TYPE=TEMPLATE"),
    ],
)
def test_options_that_make_no_sense(
    good: HscRepository, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = CliRunner().invoke(main, ["plan", str(good.root), str(tmp_path / "r"), *arguments])
    assert result.exit_code == 2
    assert message in result.stderr


def test_the_recipe_comes_back_from_its_file(good: HscRepository, tmp_path: Path) -> None:
    recipe = Recipe(
        str(good.root), detectors=(41, 49), related_only=True, templates={"flat": "F/%(ccd)d.fits"}
    )
    assert recipe_from_dict(recipe.to_dict()) == recipe
    write_recipe(inspect_source(recipe), tmp_path / "recipe.yaml")
    text = (tmp_path / "recipe.yaml").read_text()
    assert "\ndetectors:\n- 41\n- 49\n" in text
    assert "\nrelated_only: true\n" in text
    assert "\ntemplates:\n  flat: F/%(ccd)d.fits\n" in text
    assert f"# bias: {CALIB_TEMPLATES['bias']}\n" in text
    assert {"detectors", "related_only", "templates"} <= COMMENTS.keys()
    loaded = load_recipe(tmp_path / "recipe.yaml")
    assert (loaded.detectors, loaded.related_only, loaded.templates) == (
        recipe.detectors,
        recipe.related_only,
        recipe.templates,
    )


def test_the_command_line_says_the_same_as_a_recipe(good: HscRepository, tmp_path: Path) -> None:
    visit = good.raw_rows[0]["visit"]
    arguments = ["convert", good.root, tmp_path / "r", "--visits", visit, "--detectors", "41,49..50"]
    arguments += ["--related-only", "--template", f"flat={CALIB_TEMPLATES['flat']}"]
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    assert "no chosen exposure needs it: 6 data IDs left out by --related-only" in result.output
    # A template that is the camera's own is no decision.
    assert "template-override" not in result.output
    rows = [r for r in good.raw_rows if r["visit"] == visit]
    assert ids(tmp_path / "r") == gen2_needs(good, rows)
