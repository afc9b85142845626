"""A report says what Butler, registry and ledger say."""

from __future__ import annotations

import dataclasses
import os
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlite_utils
from lsst.daf.butler import Butler, CollectionType, Timespan

from converter.ledger import Ledger
from converter.recipe import recipe_from_dict
from converter.report.make import MARK, make_report
from converter.report.model import Bar, runs_of
from converter.report.read import read_report
from converter.report.render import render
from converter.report.timeline import gaps, overlaps
from converter.timespans import Span, format_tai
from converter.verify import verify
from fixtures.hsc import HscSpec, make_hsc

from .conftest import HOSTILE, World

TYPES = ("bias", "dark", "defects", "flat")


def drawn(said: dict, lane: str) -> Counter[tuple]:
    """Every bar of a lane, for each of its row's detectors."""
    return Counter(
        (row["type"], detector, row["physical_filter"], bar["master"], bar["begin_tai"], bar["end_tai"])
        for row in said["timeline"]
        for detector in row["detectors"]
        for bar in row[lane]
    )


def certified(target: Path) -> Counter[tuple]:
    """Every association of the Butler, in the same words."""
    with Butler.from_config(str(target), writeable=False) as butler:
        return Counter(
            (
                name,
                a.ref.dataId["detector"],
                a.ref.dataId.get("physical_filter"),
                a.ref.run,
                *(format_tai(ns) for ns in a.timespan.nsec),
            )
            for name in TYPES
            for a in butler.registry.queryDatasetAssociations(name, collections="HSC/calib/gen2")
        )


def listed(world: World) -> Counter[tuple]:
    """Every row of the registry that has a file and two dates, and its texts."""
    found: Counter[tuple] = Counter()
    with closing(sqlite3.connect(world.made.root / "CALIB/calibRegistry.sqlite3")) as db:
        for name in TYPES:
            for ccd, physical_filter, begin, end in db.execute(
                f"select ccd, filter, validStart, validEnd from {name} where id not in ({_bad(world, name)})"  # noqa: S608
            ):
                asked = physical_filter if name == "flat" else None
                found[name, ccd, asked, f"{begin} .. {end}"] += 1
    return found


def _bad(world: World, table: str) -> str:
    said = (re.search(rf" table {table} row (\d+)$", r.item) for r in world.outcome.plan.rejects)
    return ", ".join(m[1] for m in said if m)


def test_bars_are_the_ranges_of_the_butler_and_of_the_registry(world, said):
    assert drawn(said, "gen3") == certified(world.target)
    before = Counter(
        (row["type"], detector, row["physical_filter"], bar["original"])
        for row in said["timeline"]
        for detector in row["detectors"]
        for bar in row["gen2"]
    )
    assert before == listed(world)
    # Inclusive days: 35 s and a day after the last one's text.
    ends = {
        (bar["original"].split(" .. ")[1], bar["end_tai"])
        for row in said["timeline"]
        if row["type"] == "flat"
        for bar in row["gen2"]
    }
    assert ends == {(t, f"{date.fromisoformat(t) + timedelta(days=1)}T00:00:35") for t, _ in ends}


def test_detectors_with_equal_ranges_are_one_row(said):
    rows = [(row["type"], row["physical_filter"], row["detectors"]) for row in said["timeline"]]
    assert rows == [
        ("bias", None, [41]),
        ("bias", None, [49, 50]),
        ("dark", None, [41, 49]),
        ("dark", None, [50]),
        ("defects", None, [41, 49, 50]),
        ("flat", "HSC-I", [41, 49, 50]),
        ("flat", "HSC-R", [41, 49, 50]),
    ]


def test_overlaps_lost_ranges_and_moved_ends(said):
    rows = {(row["type"], tuple(row["detectors"])): row for row in said["timeline"]}
    odd, good = rows["bias", (41,)], rows["bias", (49, 50)]
    assert (odd["overlaps"], good["overlaps"]) == (1, 0)
    # The master that lost all of its range to the other one is in Gen2's lane only.
    lost = [bar for bar in odd["gen2"] if bar["is_odd"]]
    kept = {bar["master"].rpartition("/")[2] for bar in odd["gen3"]}
    assert [bar["master"] for bar in lost] == ["20141001T000000Z"] and lost[0]["master"] not in kept
    assert any(text.startswith("latest-start: ") for text in lost[0]["decisions"])
    # The nightly dark goes on after midnight: the boundaries moved, and say why.
    moved = [(bar["moved_begin"], bar["moved_end"]) for bar in good["gen3"]]
    assert moved == [(False, True), (True, True), (True, False)]
    assert all(text.startswith("whole-exposure: ") for bar in good["gen3"] for text in bar["decisions"])
    assert [bar["end_tai"] for bar in good["gen3"]][:2] == ["2014-10-02T00:04:05", "2014-10-03T00:04:05"]
    assert all(not (bar["moved_begin"] or bar["moved_end"]) for bar in rows["defects", (41, 49, 50)]["gen3"])


def test_counts_are_those_of_ledger_and_verification(world, said):
    db = sqlite_utils.Database(world.ledger)
    states = dict(db.execute("select state, count(*) from items group by state").fetchall())
    verified = verify(str(world.target), recipe(world), world.ledger)
    assert said["counts"] == {
        "converted": states["done"],
        "existing": 0,
        "certified": sum(certified(world.target).values()),
        "rejected": states["rejected"],
        "skipped": states["skipped"],
        "handed off": states["handed-off"],
        "decisions": db["decisions"].count,
        "agree with Gen2": verified.agree,
        "explained": verified.explained,
        "disagree": 0,
    }
    assert len(said["rejects"]) == states["rejected"] and len(said["decisions"]) == db["decisions"].count
    assert said["unknown"] == []
    all_ = next(row for row in said["agreement"] if row["type"] == "all")
    assert sum(v for v in all_.values() if isinstance(v, int)) == verified.lookups
    assert said["provenance"]["fingerprint"].splitlines()[0].startswith(str(world.made.root))
    assert [c["command"] for c in said["provenance"]["conversions"]] == ["convert"]
    assert said["exposures"] == 6


def recipe(world: World, target: Path | None = None):
    last = Ledger((target or world.target) / "gen2to3.sqlite3").last_recipe()
    assert last is not None
    return recipe_from_dict(last)


def test_hostile_texts_stay_texts(world, tmp_path):
    output = tmp_path / "report.html"
    report = make_report(str(world.target), output, recipe(world), world.ledger)
    assert any(HOSTILE in str(cell) for table in report.lists for row in table.rows for cell in row)
    page = output.read_text(encoding="utf-8")
    assert "<script>window.hacked" not in page and "<img src=x" not in page
    assert "&lt;script&gt;window.hacked = 1&lt;/script&gt;" in page


def test_without_the_gen2_repository(world, said, copied, run, report_json, tmp_path):
    with_root = said
    gone = sqlite_utils.Database(copied / "gen2to3.sqlite3")
    place = str(tmp_path / "nowhere")
    for row in list(gone["conversions"].rows):
        gone["conversions"].update(row["id"], {"recipe": row["recipe"].replace(str(world.made.root), place)})
    said = report_json(copied)
    assert "The Gen2 repository cannot be read any more" in said["unknown"][0]
    assert "recorded one" in said["unknown"][1]
    assert said["counts"] == with_root["counts"]
    assert drawn(said, "gen3") == drawn(with_root, "gen3")
    # What was written is known from the ledger, with the ranges that the source gave.
    assert drawn(said, "gen2") == drawn(with_root, "gen2")
    assert [row["overlaps"] for row in said["timeline"]] == [row["overlaps"] for row in with_root["timeline"]]
    assert said["provenance"]["fingerprint"] is None
    named = run("report", copied, place, "-o", tmp_path / "other.html")
    assert named.exit_code == 2 and place in named.stderr
    assert not (tmp_path / "other.html").exists()


def test_without_a_ledger(world, copied, report_json):
    (copied / "gen2to3.sqlite3").unlink()
    said = report_json(copied)
    assert said["unknown"][0].startswith("There is no ledger")
    assert said["counts"]["converted"] is None and said["counts"]["rejected"] is None
    assert said["counts"]["agree with Gen2"] is None
    assert drawn(said, "gen3") == certified(copied) and not drawn(said, "gen2")
    assert not (copied / "gen2to3.sqlite3").exists()
    again = report_json(copied, world.made.root)
    assert drawn(again, "gen2") and again["counts"]["agree with Gen2"] > 0


def test_files_that_were_moved_are_known_from_the_ledger(run, report_json, tmp_path):
    made = make_hsc(tmp_path / "gen2", HscSpec(nights=("2014-10-01",), visits_per_night=1, detectors=(49,)))
    target = tmp_path / "gen3"
    options = ("--transfer", "move", "--i-know-that-files-are-moved", "--report", tmp_path / "report.html")
    assert run("convert", made.root, target, *options).exit_code == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "masters that are not there any more are those that the ledger kept" in page
    moved = report_json(target)
    masters = {bar["master"].rpartition("/")[2] for row in moved["timeline"] for bar in row["gen3"]}
    assert masters == {bar["master"] for row in moved["timeline"] for bar in row["gen2"]} and masters
    for row in moved["timeline"]:
        ends = [[(bar["begin_tai"], bar["end_tai"]) for bar in row[lane]] for lane in ("gen2", "gen3")]
        assert ends[0] == ends[1] and not any(bar["is_odd"] for bar in row["gen2"])


def test_a_collection_that_is_searched_before(copied, run, report_json):
    with Butler.from_config(str(copied), writeable=True) as butler:
        (first, *_), _ = _biases(butler)
        butler.registry.registerCollection("HSC/calib/better", CollectionType.CALIBRATION)
        butler.registry.certify("HSC/calib/better", [first.ref], Timespan(None, None))
        butler.collections.redefine_chain("HSC/calib", ["HSC/calib/better", "HSC/calib/gen2"])
    said = report_json(copied)
    detector = first.ref.dataId["detector"]
    row = next(r for r in said["timeline"] if r["type"] == "bias" and detector in r["detectors"])
    hidden = {(bar["collection"], bar["begin_tai"] is None, bar["is_odd"]) for bar in row["gen3"]}
    assert hidden == {("HSC/calib/better", True, False), ("HSC/calib/gen2", False, True)}


def _biases(butler: Butler):
    found = list(butler.registry.queryDatasetAssociations("bias", collections="HSC/calib/gen2"))
    return sorted(found, key=lambda a: (a.ref.dataId["detector"], a.timespan.begin)), len(found)


def test_what_was_undone_is_not_there(copied, run, report_json):
    assert run("undo", copied).exit_code == 0
    said = report_json(copied)
    assert said["counts"]["converted"] == 0 and said["counts"]["decisions"] == 0
    assert not drawn(said, "gen3")
    assert [c["command"] for c in said["provenance"]["conversions"]] == ["convert", "undo"]
    assert [c["undone by"] for c in said["provenance"]["conversions"]] == [2, None]


def test_the_same_report_is_the_same_file(world):
    report = read_report(str(world.target), recipe(world), world.ledger)
    first = render(report)
    assert render(report) == first
    # Only the time of making differs between two reports.
    other = read_report(str(world.target), recipe(world), world.ledger)
    assert render(dataclasses.replace(other, made_utc=report.made_utc)) == first


def test_the_file_needs_nothing_else(world, tmp_path):
    make_report(str(world.target), tmp_path / "report.html", recipe(world), world.ledger)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    # What is written in scripts is no element of the page; that they fetch nothing is tested in a browser.
    page = re.sub(r"(<script[^>]*>).*?</script>", r"\1</script>", page, flags=re.DOTALL)
    assert not re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"(?!data:)[^\"]*\"", page)
    assert '<html lang="en">' in page and page.startswith("<!DOCTYPE html>")
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", page[: page.index("<script>")])]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


def test_convert_writes_a_report(world, run, tmp_path):
    target, output = tmp_path / "gen3", tmp_path / "report.html"
    options = (world.made.root, target, "--overlaps", "latest-start", "--report", output)
    assert run("convert", *options, "--dry-run").exit_code == 2 and not target.exists()
    done = run("convert", *options)
    assert done.exit_code == 1, done.output
    assert done.stdout.splitlines()[-1] == f"Report: {output}"
    first = output.read_text(encoding="utf-8")
    assert MARK in first[:500] and "compared just now" in first
    # The second run has nothing to write; its report replaces the first one.
    assert run("convert", *options, "--quiet").exit_code == 1
    assert "recorded at" in output.read_text(encoding="utf-8")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gen3", "report.html"]


def test_other_files_are_never_overwritten(world, run, tmp_path):
    mine = tmp_path / "mine.html"
    mine.write_text("<html>something else</html>")
    for output, says in (
        (mine, "is there and is no report"),
        (tmp_path, "is no file"),
        (tmp_path / "nowhere/report.html", "there is no directory"),
        (world.made.root / "report.html", "is inside of the Gen2 repository"),
    ):
        for command in (("report", world.target), ("convert", world.made.root, tmp_path / "new")):
            option = "--report" if command[0] == "convert" else "-o"
            refused = run(*command, option, output)
            assert refused.exit_code == 2 and says in refused.stderr, refused.output
    assert mine.read_text() == "<html>something else</html>"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.html"]
    assert run("report", tmp_path / "none", "-o", tmp_path / "r.html").exit_code == 2


def test_two_instruments(copied, run, tmp_path):
    assert run("register", copied, "--camera", "decam").exit_code == 0
    # The Gen2 repository says which one is meant.
    assert run("report", copied, "-o", tmp_path / "hsc.html").exit_code == 0
    other = run("report", copied, "--instrument", "DECam", "-o", tmp_path / "decam.html")
    assert other.exit_code == 0 and "The Gen2 repository is of HSC" in other.stdout
    page = (tmp_path / "decam.html").read_text(encoding="utf-8")
    assert "There are no ranges." in page and "unset" not in page


def test_nothing_is_imported_before_a_report_is_made():
    code = "import sys, converter.cli; print([m for m in ('bokeh', 'jinja2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("numbers", "text"),
    [((5,), "5"), ((1, 2, 3), "1..3"), ((0, 2, 3, 9), "0, 2..3, 9"), ((1, 3, 5, 7, 9), "1, 3, 5, …, 9")],
)
def test_lists_of_detectors(numbers, text):
    assert runs_of(numbers) == text


def test_gaps_and_overlaps():
    spans = [Span(None, 10), Span(5, 20), Span(20, 30), Span(40, None)]
    assert gaps(spans) == (Span(30, 40),)
    bars = [_bar(s, str(n)) for n, s in enumerate(spans)]
    assert overlaps(bars) == (Span(5, 10),)
    # Rows of one master add up, and are no overlap.
    assert overlaps([_bar(s, "a") for s in spans]) == ()
    assert overlaps([_bar(Span(0, 10), n) for n in "abc"]) == (Span(None, 10),)


def _bar(span: Span, master: str):
    return Bar(span, master)


def test_the_source_is_not_touched(world, report_json):
    def look() -> dict[str, tuple[int, int]]:
        return {
            str(p): (p.stat().st_size, p.stat().st_mtime_ns)
            for root in (world.made.root, world.target)
            for p in root.rglob("*")
            if p.is_file()
        }

    before = look()
    report_json(world.target)
    assert look() == before
