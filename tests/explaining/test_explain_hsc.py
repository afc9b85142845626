"""explain against the Butler itself and against verify, on a repository with oddities."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections import Counter
from contextlib import closing

import pytest
from lsst.daf.butler import Butler, CalibrationLookupError, CollectionType, Timespan

from converter.answers import read_answers
from converter.candidates import BEGINS_AFTER, CAME_FIRST, ENDS_BEFORE, MATCHES
from converter.explain import explain
from converter.question import Question
from converter.recipe import Recipe
from converter.timespans import SECOND, Span, format_tai
from converter.verify import verify
from converter.writers.common import make_timespan

TYPES = ("bias", "dark", "flat", "sky", "defects")
# A science exposure of the second night, and the dark of the first night that ends after midnight.
NIGHT, STRADDLING = 9058, 9050


@pytest.fixture(scope="module")
def butler(odd):
    with Butler.from_config(str(odd[1]), writeable=False) as butler:
        yield butler


@pytest.fixture(scope="module")
def layered(odd, tmp_path_factory):
    """The same, with a second collection before the first one in the chain, and one that nothing searches."""
    root = tmp_path_factory.mktemp("layered") / "gen3"
    shutil.copytree(odd[1], root)
    with Butler.from_config(str(root), writeable=True) as butler:
        for name in ("HSC/calib/first", "HSC/calib/aside"):
            butler.registry.registerCollection(name, CollectionType.CALIBRATION)
        answers = read_answers(butler, "HSC", "bias", "HSC/calib/gen2")
        for data_id, ranges in answers.by_collection[0].items():
            # A day in the middle of the last range gets the first one's bias.
            middle = (ranges[-1].begin + ranges[-1].end) // 2
            ref = butler.find_dataset(
                "bias", instrument="HSC", detector=data_id.detector, collections=ranges[0].run
            )
            span = make_timespan(Span(middle, middle + 86_400 * SECOND))
            butler.registry.certify("HSC/calib/first", [ref], span)
            butler.registry.certify("HSC/calib/aside", [ref], make_timespan(Span(None, None)))
        butler.collections.redefine_chain("HSC/calib", ["HSC/calib/first", "HSC/calib/gen2"])
    return root


def exposures(butler):
    return list(butler.query_dimension_records("exposure", instrument="HSC", limit=None))


def test_one_answer_in_full(odd, butler, run_json):
    made, target = odd
    status, said = run_json("explain", target, "bias", "--detector", 50, "--exposure", NIGHT)
    assert status == 0
    (record,) = butler.query_dimension_records("exposure", instrument="HSC", exposure=NIGHT)
    assert said["asked"] == dict(
        zip(("begin_tai", "end_tai"), map(format_tai, record.timespan.nsec), strict=True)
    )
    assert (said["instrument"], said["data_id"]) == ("HSC", {"detector": 50})
    assert (said["collection"], said["searched"]) == ("HSC/calib", ["HSC/calib/gen2"])
    # The first boundary was moved to the end of the dark across midnight.
    assert [
        (c["collection"], c["run"], c["begin_tai"], c["end_tai"], c["verdict"]) for c in said["candidates"]
    ] == [
        ("HSC/calib/gen2", f"HSC/calib/gen2/{day}T000000Z", begin, end, verdict)
        for day, begin, end, verdict in (
            (20141001, "2014-07-03T00:00:35", "2014-10-02T00:04:05", ENDS_BEFORE),
            (20141002, "2014-10-02T00:04:05", "2014-10-03T00:04:05", MATCHES),
            (20141003, "2014-10-03T00:04:05", "2015-01-02T00:00:35", BEGINS_AFTER),
        )
    ]
    ref = butler.find_dataset(
        "bias", instrument="HSC", detector=50, collections="HSC/calib", timespan=record.timespan
    )
    assert said["choice"]["dataset_id"] == str(ref.id)
    assert said["choice"]["file"] == butler.getURI(ref).ospath
    assert said["gen2"]["status"] == "one"
    assert said["gen2"]["file"] == f"{made.root}/CALIB/BIAS/2014-10-02/NONE/BIAS-2014-10-02-050.fits"
    (row,) = said["gen2"]["candidates"]
    assert (row["validStart"], row["validEnd"], row["values"]) == (
        "2014-10-02",
        "2014-10-02",
        {"calibDate": "2014-10-02"},
    )
    assert (said["outcome"], said["why"], said["problem"]) == ("agree", "", "")
    assert next(d["rule"] for d in said["decisions"]) == "dialect"


def test_the_decision_that_moved_a_boundary(odd, run_json):
    _, said = run_json("explain", odd[1], "bias", "--detector", 50, "--exposure", STRADDLING)
    assert said["choice"]["run"] == "HSC/calib/gen2/20141001T000000Z"
    moved = [d for d in said["decisions"] if d["rule"] == "whole-exposure"]
    assert [(d["conversion"], d["stamp"], d["before"], d["after"]) for d in moved] == [
        (
            1,
            "20141001T000000Z",
            "[2014-07-03T00:00:35, 2014-10-02T00:00:35)",
            "[2014-07-03T00:00:35, 2014-10-02T00:04:05)",
        ),
        (
            1,
            "20141002T000000Z",
            "[2014-10-02T00:00:35, 2014-10-03T00:00:35)",
            "[2014-10-02T00:04:05, 2014-10-03T00:04:05)",
        ),
    ]
    assert all(d["why"] for d in moved)


@pytest.mark.parametrize("collection", ["", "HSC/calib/gen2", "HSC/calib/aside", "HSC/defaults", "RUN"])
def test_the_choice_is_what_the_butler_finds(layered, collection):
    """At random instants and for random exposures, in chains, CALIBRATION collections and RUNs."""
    chance = random.Random(20261122 + len(collection))
    outcomes: Counter[str] = Counter()
    with Butler.from_config(str(layered), writeable=False) as butler:
        records = exposures(butler)
        name = "HSC/calib/gen2/20141002T000000Z" if collection == "RUN" else collection
        edges = sorted(
            {
                edge
                for t in TYPES
                for table in read_answers(butler, "HSC", t, "HSC/calib").by_collection
                for ranges in table.values()
                for r in ranges
                for edge in r[:2]
            }
        )
        for _ in range(30):
            dataset_type = chance.choice(TYPES if collection == "" else ("bias", "flat"))
            detector = chance.choice((41, 49, 50))
            physical_filter = chance.choice(("HSC-R", "HSC-I"))
            if chance.random() < 0.4:
                record = chance.choice(records)
                question = Question(dataset_type, detector, record.id, collection=name)
                span, physical_filter = record.timespan, record.physical_filter
            else:
                # Around the ends of ranges, where it matters to the nanosecond.
                at = chance.choice(edges) + chance.choice((-1, 0, 1, 12 * 3600 * SECOND))
                at = min(max(at, 1), 4_000_000_000 * SECOND)
                question = Question(
                    dataset_type,
                    detector,
                    time=format_tai(at),
                    scale="tai",
                    physical_filter=physical_filter,
                    collection=name,
                )
                span = Timespan.model_validate((at, at + 1))
            said = explain(str(layered), question, layered / "none")
            try:
                ref = butler.find_dataset(
                    dataset_type,
                    instrument="HSC",
                    detector=detector,
                    physical_filter=physical_filter,
                    collections=name or "HSC/calib",
                    timespan=span,
                )
            except CalibrationLookupError:
                assert said.choice is None and len(said.matching) > 1
                outcomes["several"] += 1
                continue
            outcomes["one" if ref else "none"] += 1
            if ref is None:
                assert said.choice is None and said.matching == []
            else:
                assert (said.choice.dataset_id, said.choice.run) == (str(ref.id), ref.run)
    assert outcomes["one"] > 5 and (outcomes["none"] > 2 or collection in ("HSC/calib/aside", "RUN")), (
        outcomes
    )


def test_a_collection_that_came_first(layered, run_json):
    _, said = run_json("explain", layered, "bias", "--detector", 50, "--time", "2014-11-18T00:00:00")
    verdicts = {(c["collection"], c["run"][-17:]): c["verdict"] for c in said["candidates"]}
    assert [c["collection"] for c in said["candidates"]] == ["HSC/calib/first"] + ["HSC/calib/gen2"] * 3
    assert verdicts["HSC/calib/first", "/20141001T000000Z"] == MATCHES
    assert verdicts["HSC/calib/gen2", "/20141003T000000Z"] == CAME_FIRST
    assert verdicts["HSC/calib/gen2", "/20141001T000000Z"] == ENDS_BEFORE
    assert said["choice"]["collection"] == "HSC/calib/first"


def test_gen2_is_answered_as_verify_does(odd):
    """Every observation by itself: the outcomes add up to those of verify."""
    made, target = odd
    recipe, ledger = Recipe(str(made.root)), target / "gen2to3.sqlite3"
    whole = verify(str(target), recipe, ledger)
    chance = random.Random(5)
    with Butler.from_config(str(target), writeable=False) as butler:
        there = {
            (d["exposure"], d["detector"])
            for d in (
                r.dataId for r in butler.query_datasets("raw", "HSC/raw/all", instrument="HSC", limit=None)
            )
        }
    for dataset_type in TYPES:
        chosen = chance.sample(sorted(there), 4)
        for exposure, detector in chosen:
            said = explain(str(target), Question(dataset_type, detector, exposure), ledger)
            one = verify(
                str(target),
                Recipe(str(made.root), visits=(exposure,), detectors=(detector,), types=(dataset_type,)),
                ledger,
            )
            assert one.lookups == 1
            assert dict(one.by_type[dataset_type]) == {said.outcome: 1}
            assert set(one.explanations) == ({f"{dataset_type}: {said.why}"} if said.why else set())
    assert whole.disagree == []


def test_rejects_of_the_same_detector(odd, run_json):
    _, said = run_json("explain", odd[1], "dark", "--detector", 41, "--exposure", NIGHT)
    (reject,) = [x for x in said["left_out"] if x["state"] == "rejected" and "'None' is not" in x["reason"]]
    assert "table dark row" in reject["item"] and reject["conversion"] == 1
    _, other = run_json("explain", odd[1], "dark", "--detector", 50, "--exposure", NIGHT)
    assert reject not in other["left_out"]


def test_no_answer_names_the_nearest(odd, run, run_json):
    call = ("explain", odd[1], "flat", "--detector", 50, "--physical-filter", "HSC-R")
    status, said = run_json(*call, "--time", "2020-01-01")
    assert (status, said["choice"], said["problem"]) == (0, None, "no range matches")
    assert said["nearest"]["before"]["run"].endswith("/20141002T000000Z")
    assert said["nearest"]["after"] is None
    assert said["asked"]["begin_tai"] == "2020-01-01T00:00:37"
    _, said = run_json(*call, "--time", "2001-01-01", "--scale", "tai")
    assert said["nearest"]["before"] is None
    assert said["nearest"]["after"]["run"].endswith("/20140928T000000Z")
    assert said["asked"]["begin_tai"] == "2001-01-01T00:00:00"
    assert (said["gen2"]["status"], said["outcome"]) == (None, None)
    text = run(*call, "--time", "2020-01-01")
    assert text.exit_code == 0
    assert "for 2020-01-01 UTC: [2020-01-01T00:00:37, " in text.stdout and " TAI\n" in text.stdout
    assert "Gen3: none; no range matches.\n  nearest before: HSC/calib/gen2/20141002" in text.stdout


def test_what_is_declared_and_not_there(odd, run_json):
    status, said = run_json("explain", odd[1], "camera", "--exposure", NIGHT)
    assert (status, said["problem"], said["candidates"]) == (0, "nothing is certified for it", [])
    assert said["gen2"]["unknown"] == "Gen2 had no camera in a repository"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("raw", "--detector", 50, "--exposure", NIGHT), "raw is no calibration dataset type"),
        (
            ("nope", "--detector", 50, "--exposure", NIGHT),
            "there is no dataset type 'nope'; calibrations: bias",
        ),
        (("bias", "--detector", 300, "--exposure", NIGHT), "there is no detector 300 of HSC"),
        (("bias", "--exposure", NIGHT), "bias goes by detector; give --detector"),
        (("bias", "--detector", 50, "--exposure", 1), "there is no exposure 1 of HSC"),
        (("bias", "--detector", 50), "give one of --exposure and --time"),
        (("bias", "--detector", 50, "--exposure", NIGHT, "--time", "2014-10-01"), "give one of"),
        (("bias", "--detector", 50, "--time", "soon"), "--time: 'soon' is not YYYY-MM-DD"),
        (("flat", "--detector", 50, "--time", "2014-10-01"), "flat goes by physical_filter; give"),
        (
            ("flat", "--detector", 50, "--time", "2014-10-01", "--physical-filter", "x"),
            "there is no physical_filter x of HSC",
        ),
        (
            ("flat", "--detector", 50, "--exposure", NIGHT, "--physical-filter", "HSC-Z"),
            f"exposure {NIGHT} was taken through",
        ),
        (("bias", "--detector", 50, "--exposure", NIGHT, "--collection", "x"), "has no collection x"),
        (
            ("bias", "--detector", 50, "--exposure", NIGHT, "--instrument", "X"),
            "has no instrument X, only HSC",
        ),
        (("bias", "--detector", 50, "--exposure", NIGHT, "--root", "/nonexistent"), "/nonexistent"),
    ],
)
def test_unknown_is_a_usage_error(odd, run, arguments, says):
    result = run("explain", odd[1], *arguments)
    assert result.exit_code == 2, result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("gen2to3: error: ") and says in line


def test_without_a_ledger(odd, run, run_json, tmp_path):
    made, target = odd
    call = ("explain", target, "bias", "--detector", 50, "--exposure", NIGHT, "--ledger", tmp_path / "none")
    status, said = run_json(*call)
    assert status == 0 and said["choice"] is not None
    assert (said["decisions"], said["left_out"], said["gen2"], said["outcome"]) == (None,) * 4
    text = run(*call).stdout
    assert "Gen2: not known; no conversion is recorded, give the Gen2 repository with --root." in text
    assert "There is no ledger: decisions, rejects and skips are not known." in text
    _, said = run_json(*call, "--root", made.root)
    assert (said["gen2"]["status"], said["outcome"]) == ("one", "agree")
    assert not (tmp_path / "none").exists()


def test_a_gen2_repository_that_is_gone(odd, run_json, tmp_path):
    """It is named by the ledger only, so the rest is said all the same."""
    _made, target = odd
    shutil.copytree(target, tmp_path / "gen3")
    ledger = tmp_path / "gen3/gen2to3.sqlite3"
    with closing(sqlite3.connect(ledger)) as db, db:
        (recipe,) = db.execute("select recipe from conversions").fetchone()
        moved = json.loads(recipe) | {"root": str(tmp_path / "gone")}
        db.execute("update conversions set recipe = ?", (json.dumps(moved),))
    status, said = run_json("explain", tmp_path / "gen3", "bias", "--detector", 50, "--exposure", NIGHT)
    assert status == 0 and said["choice"] is not None
    assert "gone" in said["gen2"]["unknown"] and said["outcome"] is None


def test_nothing_is_written(odd, run):
    before = {p: p.stat().st_mtime_ns for p in odd[1].rglob("*")}
    assert run("explain", odd[1], "bias", "--detector", 50, "--exposure", NIGHT).exit_code == 0
    assert run("status", odd[1]).exit_code == 0
    assert {p: p.stat().st_mtime_ns for p in odd[1].rglob("*")} == before
