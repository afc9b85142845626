"""Files of many detectors, several files of one date, and masters that are imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from converter.cli import main
from converter.overlaps import Policy
from fixtures import fits
from fixtures.decam import DecamSpec, make_decam
from fixtures.megaprime import MegaMaster, MegaSpec, MegaVisit, make_megaprime
from tests.docs import markdown

from .world import World, good, longer, nothing


def test_a_file_of_all_detectors(tmp_path: Path) -> None:
    spec = DecamSpec(
        nights=("2015-02-16", "2015-02-17"),
        cp_bias=("2015-02-16", "2015-02-17"),
        cp_flat=(),
        ccds=(1, 2),
        filters=("g",),
    )
    made = make_decam(tmp_path / "gen2", spec)
    world = World(made.root, made.calib, tmp_path / "gen3")
    calib = (str(made.calib),)
    good(world.convert(calib=calib))
    detectors = len(spec.cp_ccds)
    (path,) = {p for p in made.calib.rglob("*.fits*") if "150217" in p.name or "2015-02-17" in str(p)}
    before = world.ranges()
    (name,) = {row[0] for row in before}
    assert len(before) == 2 * detectors
    longer(path)
    status, printed = world.run("--quiet", "--calib", *calib)
    lines = [line for line in printed.splitlines() if line.startswith("conflict")]
    assert status == 3 and len(lines) == 1 and str(path) in lines[0]
    assert world.ranges() == before
    outcome = good(world.convert(calib=calib, supersede=True))
    # Extensions that no row names are written as well, without a range.
    assert outcome.plan.written.keys() == {name} and outcome.plan.written[name] >= detectors
    assert outcome.plan.certified == {name: detectors}
    (decision,) = [d for d in outcome.plan.decisions if d.rule == "new-version"]
    assert (decision.before, decision.after) == ("20150217T000000Z", "20150217T000000Z.1")
    runs = {run for _, run, *_ in world.ranges()}
    assert runs == {"20150216T000000Z", "20150217T000000Z.1"}
    assert {(t, d, s) for t, _, d, s in world.ranges()} == {(t, d, s) for t, _, d, s in before}
    nothing(world.convert(calib=calib))


def test_several_files_of_one_date(tmp_path: Path) -> None:
    spec = MegaSpec(
        masters=(
            MegaMaster("fringe", "i2", "2007-11-20", "2007-12-20", "2007-12-25", "07Bm05"),
            MegaMaster("fringe", "i2", "2007-11-20", "2007-12-10", "2007-12-26", "07Bm06"),
        ),
        visits=(MegaVisit(900001, "2007-12-01T08:15:00.00", "i2"),),
    )
    made = make_megaprime(tmp_path / "gen2", spec)
    target = tmp_path / "gen3"
    world = World(made.root, made.calib, target)
    recipe = {"calib": (str(made.calib),), "overlaps": {"*": Policy.LATEST_REGISTERED}}
    assert world.convert(**recipe).exit_status in (0, 1)
    before = world.ranges()
    stamps = {run for name, run, *_ in before if name == "fringe"}
    (stamp,) = {s.partition(".")[0] for s in stamps}
    assert stamps == {stamp, f"{stamp}.1"}
    first, second = sorted(p for p in made.calib.rglob("*") if p.is_file() and ".fringe." in p.name)
    for path, old, new in ((first, stamp, f"{stamp}.0.1"), (second, f"{stamp}.1", f"{stamp}.1.1")):
        longer(path)
        assert world.convert(**recipe).exit_status == 3
        outcome = world.convert(**recipe, supersede=True)
        assert outcome.exit_status in (0, 1) and outcome.verification is not None
        assert outcome.verification.disagree == []
        (decision,) = [d for d in outcome.plan.decisions if d.rule == "new-version"]
        assert (decision.before, decision.after) == (old, new)
        after = world.ranges()
        renamed = {(t, new if run == old else run, d, s) for t, run, d, s in before}
        assert after == renamed
        before = after
        again = world.convert(**recipe, supersede=True)
        assert again.plan.is_empty and world.ranges() == after


def test_an_import(tmp_path: Path) -> None:
    declared = tmp_path / "archive.yaml"
    declared.write_text(markdown.files("docs/importing-masters.md")["archive.yaml"])
    cards = {"ORIGIN": "MKO", "IMAGETYP": "Bias Frame", "DET-ID": 50}
    for day in (1, 5):
        made = fits.header(cards | {"DATE-OBS": f"2014-10-{day:02d}T03:04:05"})
        fits.write(tmp_path / f"delivery/b050_2014100{day}.fits", made)
    target = tmp_path / "gen3"
    world = World(tmp_path, tmp_path, target)
    table = tmp_path / "validity.csv"

    def say(first_end: str) -> None:
        lines = (f"bias,2014-10-01,2014-10-01,{first_end}", "bias,2014-10-05,2014-10-05,2014-11-01")
        table.write_text("\n".join(("dataset_type,calib_date,begin,end", *lines)) + "\n")

    def run(*options: str) -> tuple[int, dict[str, Any]]:
        words = ["import-calibs", str(target), str(tmp_path / "delivery"), "--camera", "hsc"]
        words += ["--declaration", str(declared), "--validity", str(table), "--label", "archive", "--json"]
        result = CliRunner().invoke(main, [*words, *options])
        return result.exit_code, json.loads(result.stdout)

    say("2014-10-05")
    status, result = run()
    assert (status, result["written"], result["certified"]) == (0, {"bias": 2}, {"bias": 2}), result
    before = world.ranges("archive")
    stamps = sorted(run for _, run, *_ in before)
    longer(tmp_path / "delivery/b050_20141005.fits")
    say("2014-10-03")
    status, result = run()
    assert status == 3 and len(result["conflicts"]) == 2
    assert "changed since it was converted" in result["conflicts"][0]
    assert "change it with --supersede" in result["conflicts"][1]
    assert world.ranges("archive") == before
    status, result = run("--supersede")
    assert (status, result["written"], result["certified"]) == (0, {"bias": 1}, {"bias": 2}), result
    after = {run: span for _, run, _, span in world.ranges("archive")}
    old = {run: span for _, run, _, span in before}
    assert set(after) == {stamps[0], f"{stamps[1]}.1"}
    assert after[f"{stamps[1]}.1"] == old[stamps[1]]
    assert after[stamps[0]].begin == old[stamps[0]].begin
    assert (old[stamps[0]].end - after[stamps[0]].end).jd == pytest.approx(2)
    assert world.runs(detector=50) == [*stamps, f"{stamps[1]}.1"]
    status, result = run("--supersede")
    assert (status, result["operations"]) == (0, 0)
