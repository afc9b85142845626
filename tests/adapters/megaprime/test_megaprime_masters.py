"""Masters of MegaPrime: one file for 36 detectors, ranges in local time that overlap."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from datetime import datetime
from itertools import combinations
from pathlib import Path

import pytest
from click.testing import CliRunner
from lsst.daf.butler import Butler

from converter.cli import main
from converter.gather import gather
from converter.nouns import UsageError
from converter.overlaps import Policy
from converter.planning.conversion import make_plan
from converter.recipe import recipe_from_dict
from fixtures.megaprime import SMALL, MegaMaster, MegaSpec, MegaVisit, full_spec, make_megaprime

from .conftest import convert, recipe_for

EXPOSURE = "lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter"


def formatter(butler: Butler, ref) -> str:
    (record,) = next(
        iter(
            infos
            for data in butler._datastore.export_records([ref]).values()
            for tables in data.records.values()
            for infos in tables.values()
        )
    )
    return record.formatter


def ranges(butler: Butler, dataset_type: str, detector: int) -> list[tuple[str, str, str]]:
    found = butler.registry.queryDatasetAssociations(dataset_type, collections="MegaPrime/calib/gen2")
    return sorted(
        (a.ref.run.rpartition("/")[2], a.timespan.begin.utc.isot[:19], a.timespan.end.utc.isot[:19])
        for a in found
        if a.ref.dataId["detector"] == detector
    )


def test_data_ids_runs_and_formatter(latest):
    refs = latest.butler.query_datasets(
        "flat", "MegaPrime/calib/gen2/*", find_first=False, limit=None, with_dimension_records=False
    )
    by_run = Counter((r.run.rpartition("/")[2], r.dataId["physical_filter"]) for r in refs)
    # The second 36-detector flat of g has half of its detectors in the other's file.
    assert by_run == {
        ("20070404T000000Z", "g.MP9401"): 36,
        ("20070410T000000Z", "g.MP9401"): 18,
        ("20071120T000000Z", "i.MP9702"): 36,
    }
    assert {r.dataId["detector"] for r in refs} == set(range(36))
    assert formatter(latest.butler, refs[0]) == EXPOSURE
    assert latest.butler.get_dataset_type("flat").storageClass_name == "ExposureF"
    assert latest.butler.getURI(refs[0]).ospath.endswith(".fits.fz")


def test_files_with_and_without_the_suffix(latest):
    biases = latest.butler.query_datasets("bias", "MegaPrime/calib/gen2/*", find_first=False, limit=None)
    stored = {r.run.rpartition("/")[2]: Path(latest.butler.getURI(r).ospath) for r in biases}
    assert len(biases) == 4 * 36
    assert stored["20071120T000000Z"].samefile(latest.made.calib / "bias/07Bm05.bias.0.36.00.fits")
    assert stored["20071201T000000Z"].samefile(latest.made.calib / "bias/07Bm06.bias.0.36.00.fits.fz")


def test_files_that_begin_together_have_runs_of_their_own(latest):
    fringes = latest.butler.query_datasets("fringe", "MegaPrime/calib/gen2/*", find_first=False, limit=None)
    assert Counter(r.run.rpartition("/")[2] for r in fringes) == {
        "20071120T000000Z": 36,
        "20071120T000000Z.1": 36,
    }


def test_rejects_are_rows_of_half_a_camera_and_of_a_missing_file(latest):
    reasons = Counter(
        "missing"
        if "file not found: expected fringe/z/07Bm06.fringe.z.36.00.fits" in r.reason
        else "half"
        if "has no extension for detector" in r.reason and "it has 18 detectors" in r.reason
        else r.reason
        for r in latest.plan.rejects
        if "calibRegistry" in r.item
    )
    assert reasons == {"missing": 36, "half": 18}
    # No other file is claimed by a template that fits all of them.
    assert not [s for s in latest.plan.skips if "detector and date" in s.reason]


def test_rejects_of_half_a_camera_are_one_line(made, tmp_path):
    """As text; nothing is lost where each counts."""
    options = ["--calib", str(made.calib), "--types", "flat", "--overlaps", "latest-registered"]
    planned = ["plan", str(made.root), str(tmp_path / "repo"), *options]
    half = "03Am04n.flat.g.18.00.fits.fz has no extension for detector"
    (line,) = [x for x in CliRunner().invoke(main, planned).stdout.splitlines() if half in x]
    rows = re.match(r"reject  .*/calibRegistry.sqlite3 table flat rows (\d+)\.\.(\d+): .*/03Am04n", line)
    assert int(rows[2]) - int(rows[1]) == 17
    assert "for detectors 18..35: it has 18 detectors; correct the registry" in line
    assert "(18 rejects, --verbose shows each)" in line

    each = [x for x in CliRunner().invoke(main, [*planned, "--verbose"]).stdout.splitlines() if half in x]
    expected = [(row, row - int(rows[1]) + 18) for row in range(int(rows[1]), int(rows[2]) + 1)]
    assert (
        sorted(
            (int(m[1]), int(m[2]))
            for m in (re.search(r" table flat row (\d+): .* for detector (\d+): it has 18 ", x) for x in each)
        )
        == expected
    )
    result = CliRunner().invoke(main, [*planned, "--json"])
    rejected = [r for r in json.loads(result.stdout)["rejected"] if half in r["reason"]]
    assert {r["item"].rpartition(" ")[2] for r in rejected} == {str(row) for row, _ in expected}
    assert len(rejected) == 18
    assert result.exit_code == 1


@pytest.mark.parametrize("command", ["plan", "inspect"])
def test_rejects_of_a_missing_file_are_one_line(made, tmp_path, command):
    """A file of the whole camera has as many rows as there are detectors; each counts, and is in the JSON."""
    calib = ["--calib", str(made.calib)]
    target = [str(tmp_path / "repo")] if command == "plan" else []
    words = [command, str(made.root), *target, *calib]
    words += ["--types", "fringe"] if command == "plan" else []
    gone = "file not found: expected fringe/z/07Bm06.fringe.z.36.00.fits"
    (line,) = [x for x in CliRunner().invoke(main, words).stdout.splitlines() if gone in x]
    found = re.match(
        r"reject  .*/calibRegistry.sqlite3 table fringe rows (\d+)\.\.(\d+), detectors 0\.\.35: ", line
    )
    rows = range(int(found[1]), int(found[2]) + 1)
    assert len(rows) == 36 and line.endswith("(36 rejects, --verbose shows each)")
    each = [x for x in CliRunner().invoke(main, [*words, "--verbose"]).stdout.splitlines() if gone in x]
    assert {int(re.search(r" table fringe row (\d+): ", x)[1]) for x in each} == set(rows)
    result = CliRunner().invoke(main, [*words, "--json"])
    rejected = [r for r in json.loads(result.stdout)["rejected"] if gone in r["reason"]]
    assert len(rejected) == 36
    assert {int(r["item"].rpartition(" row ")[2]) for r in rejected} == set(rows)


def test_rejects_of_a_missing_raw_are_one_line(made, tmp_path):
    root = tmp_path / "gen2"
    shutil.copytree(made.root, root, symlinks=True)
    gone = min((p for p in root.rglob("*o.fits.fz") if not p.is_symlink()), default=None)
    assert gone is not None
    gone.unlink()
    words = ["plan", str(root), str(tmp_path / "repo"), "--types", "raw"]
    lines = [x for x in CliRunner().invoke(main, words).stdout.splitlines() if "file not found" in x]
    (line,) = [x for x in lines if gone.name in x]
    assert re.search(r" table raw rows [\d., ]+, detectors 0\.\.35: file not found: expected ", line)
    assert line.endswith("(36 rejects, --verbose shows each)")


def test_ranges_are_utc(latest):
    # The last second belongs to a range unless the next one begins with it, as by Gen2's BETWEEN.
    assert ranges(latest.butler, "bias", 7) == [
        ("20070404T000000Z", "2007-04-04T00:00:00", "2007-05-05T00:00:00"),
        ("20070505T000000Z", "2007-05-05T00:00:00", "2007-05-23T00:00:01"),
        ("20071120T000000Z", "2007-11-20T00:00:00", "2007-12-01T00:00:00"),
        ("20071201T000000Z", "2007-12-01T00:00:00", "2007-12-20T00:00:01"),
    ]


def test_decisions_are_counted(latest):
    # Ten files with rows; the half camera's ranges are the same for its detectors.
    assert latest.rules["time-zone"] == 10
    # Three overlaps: each shortens one master.
    assert latest.rules["latest-registered"] == 3
    assert latest.rules["not-readable"] == latest.rules["dialect"] == 4
    shifted = next(d for d in latest.plan.decisions if d.rule == "time-zone")
    assert "America/Chicago" in shifted.why


def test_verification_agrees(latest):
    result = latest.verification
    assert (result.observations, result.lookups) == (180, 720)
    assert result.disagree == []
    # Textually ambiguous in Gen2: 900003 bias, 900002 flat, 900004 fringe.
    assert result.gen2_ambiguous == {"gen3_one": 3 * 36}


def test_overlaps_stop_a_conversion(made, tmp_path):
    plan = make_plan(recipe_for(made), str(tmp_path / "butler"))
    assert len(plan.conflicts) == 3
    assert sum("for 36 data IDs" in c for c in plan.conflicts) == 2  # and half a camera's flat
    assert all("choose a policy" in c for c in plan.conflicts)


@pytest.mark.parametrize("policy", [Policy.LATEST_REGISTERED, Policy.NARROWEST])
def test_policies_resolve_every_overlap(tmp_path, policy):
    spec = full_spec(visits=12)
    chosen = [m for m in spec.masters if m.begin < "2004-06" and m.table != "dark"]
    made = make_megaprime(tmp_path / "gen2", MegaSpec(tuple(chosen), spec.visits[:3]))
    done = convert(made, tmp_path / "butler", overlaps={"*": policy}, types=("bias", "fringe"))
    assert done.verification.disagree == []
    changes = [c for d in done.plan.decisions if d.rule == policy.value for c in d.changes]
    assert changes
    spans: dict[tuple, list] = {}
    for operation in done.plan.certifies:
        for _, data_id in operation.datasets:
            spans.setdefault((operation.dataset_type, data_id), []).append(operation.span)
    assert not any(a.overlaps(b) for group in spans.values() for a, b in combinations(group, 2))
    # Whatever was cut is in a decision with both ranges.
    assert all(c.before and c.before != c.after for c in changes)


def test_a_displaced_boundary_is_explained(tmp_path):
    """Between the local text and the true instant Gen2 and Gen3 differ, and a decision says why."""
    masters = (
        MegaMaster("bias", "NONE", "2007-04-04", "2007-05-05", "2007-06-01", "07Am03"),
        MegaMaster("bias", "NONE", "2007-05-05", "2007-06-05", "2007-07-01", "07Am04"),
    )
    visits = (
        # In Chicago midnight is 19:00 of the day before: by text the second, in truth the first.
        MegaVisit(900010, "2007-05-04T21:00:00.00", "g"),
        # By text the second master, in truth before its first one: nothing.
        MegaVisit(900011, "2007-04-03T21:00:00.00", "g"),
    )
    made = make_megaprime(tmp_path / "gen2", MegaSpec(masters, visits))
    done = convert(made, tmp_path / "butler")
    assert done.verification.disagree == []
    assert done.verification.explained == 72
    assert all("time-zone" in why for why in done.verification.explanations)


def test_zones_of_a_recipe(tmp_path):
    spec = replace(SMALL, zone="Asia/Tokyo", visits=())
    made = make_megaprime(tmp_path / "gen2", spec)
    recipe = recipe_from_dict(
        {"root": str(made.root), "calib": [str(made.calib)], "zones": {"*": "Asia/Tokyo", "dark": ""}}
    )
    masters = gather(recipe).masters
    assert {k.stamp for k in masters if k.dataset_type == "bias"} == {
        f"{day}T000000Z" for day in ("20070404", "20070505", "20071120", "20071201")
    }
    assert {k.stamp for k in masters if k.dataset_type == "dark"} == {"20070401T090000Z"}
    assert recipe_from_dict(recipe.to_dict()).zones == recipe.zones


@pytest.mark.parametrize("zones", [{"*": "Mars/Olympus"}, {"bias": None}, {"bias": 5}, ["UTC"]])
def test_zones_that_are_none(zones):
    with pytest.raises(UsageError, match="zones"):
        recipe_from_dict({"root": "/", "zones": zones})


def test_many_overlaps_are_folded(tmp_path):
    spec = full_spec(visits=1)
    chosen = tuple(m for m in spec.masters if m.table == "bias" and m.begin < "2005")
    made = make_megaprime(tmp_path / "gen2", MegaSpec(chosen, spec.visits))
    plan = make_plan(recipe_for(made), str(tmp_path / "butler"))
    assert len(plan.conflicts) > 10
    (line,) = {plan.folded[c] for c in plan.conflicts}
    assert line.startswith(f"bias: {len(plan.conflicts)} pairs of masters are valid at the same time: 2003")
    assert f"and {len(plan.conflicts) - 3} more" in line
    assert line.count("both valid") == 3


def test_full_size_is_as_irregular_as_the_real_one():
    masters = full_spec().masters
    assert len(masters) == 868
    assert Counter(m.table for m in masters) == {"bias": 115, "dark": 8, "flat": 570, "fringe": 175}
    groups: dict[tuple[str, str], list[MegaMaster]] = {}
    for m in masters:
        groups.setdefault((m.table, m.filter), []).append(m)
    pairs = [p for group in groups.values() for p in combinations(group, 2)]
    overlapping = sum(a.begin < b.end and b.begin < a.end for a, b in pairs)
    touching = sum(a.end == b.begin for a, b in pairs)
    nested = sum(a.begin <= b.begin and b.end <= a.end for a, b in pairs)
    assert overlapping > 300 and touching > 50 and nested > 20
    assert sum(m.ccds == 18 for m in masters) >= 7
    assert all(datetime.fromisoformat(m.begin) < datetime.fromisoformat(m.end) for m in masters)
    assert masters == full_spec().masters
