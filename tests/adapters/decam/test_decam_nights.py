"""Nine nights of nightly masters: what Gen2 chose, and what is right, are two questions."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from lsst.daf.butler import Butler

from adapters.decam import DECam
from adapters.extensions import read_contents
from adapters.headers import HeaderJob, read_exposures
from converter.convert import convert
from fixtures.decam import NIGHTS
from fixtures.decam_files import ALL_CCDS, FILTERS, UNLISTED, extension, raw_content

CP = "lsst.obs.decam.rawFormatter.DarkEnergyCameraCPCalibFormatter"
LISTED = [c for c in ALL_CCDS if c not in UNLISTED]

# Nine nights of four exposures with eight detectors, six of which have masters with rows.
ROWS = 9 * 4 * 8
CP_TYPES = ("cpBias", "cpFlat")


def taken(ref) -> datetime:
    """The afternoon set of a dataset's RUN."""
    day = datetime.strptime(ref.run.rpartition("/")[2][:8], "%Y%m%d").replace(tzinfo=UTC)
    return day + timedelta(seconds=70_200)


def test_written_and_certified(converted):
    plan = converted("B").outcome.plan
    assert plan.written == {"raw": ROWS, "cpBias": 9 * 62, "cpFlat": 2 * 9 * 62}
    assert plan.certified == {"cpBias": 9 * 60, "cpFlat": 2 * 9 * 60}
    assert plan.rejects == [] and plan.conflicts == []
    assert plan.header_reads == 36
    assert [h.dataset_type for h in plan.hand_offs] == ["camera", "linearizer"]


def test_dialect_b_every_answer_is_the_same(converted):
    verified = converted("B").verified
    assert verified["disagree"] == []
    assert (verified["observations"], verified["lookups"]) == (ROWS, 4 * ROWS)
    # The lookup did not compare the CCD: it found the extensions that have no row, too.
    assert (verified["agree"], verified["explained"]) == (2 * 36 * 6, 2 * 36 * 2)
    for name in CP_TYPES:
        assert converted("B").by_type(name) == {"agree": 36 * 6, "explained": 36 * 2}
    # What LSST code built is looked up in the same rows, and there is none.
    assert verified["gen2_none"] == {"gen3_none": 2 * ROWS, "gen3_one": 0}
    assert verified["gen2_ambiguous"] == {"gen3_none": 0, "gen3_one": 0}


def test_dialect_c_gen2_failed_and_gen3_answers(converted):
    """The boundary day matched two dates; only before the first one was there one."""
    c = converted("C")
    verified = c.verified
    assert verified["disagree"] == []
    for name in CP_TYPES:
        assert c.by_type(name) == {
            "agree": 4 * 6,
            "explained": 4 * 2,
            "gen2_ambiguous.gen3_one": 32 * 6,
            "gen2_ambiguous.gen3_none": 32 * 2,
        }
    # Without an answer in Gen3 are CCDs without a row, and types without a file; each has its reason.
    assert {
        d.changes[0].data_ids[i].detector for d in c.rules("cpBias", "no-row") for i in (0, 1)
    } == UNLISTED
    total = verified["agree"] + verified["explained"] + sum(verified["gen2_ambiguous"].values())
    assert total + sum(verified["gen2_none"].values()) == verified["lookups"] == 4 * ROWS


def test_dialects_give_the_same_ranges(converted):
    by_dialect = [
        {
            (a.ref.run, a.ref.dataId["detector"], a.timespan)
            for a in converted(dialect).butler.registry.queryDatasetAssociations(
                "cpBias", collections="DECam/calib/gen2"
            )
            if a.timespan is not None and not a.ref.run.endswith(("0216T000000Z", "0224T000000Z"))
        }
        for dialect in "BC"
    ]
    assert len(by_dialect[0]) == 7 * 60
    assert by_dialect[0] == by_dialect[1]


def test_extensions_of_no_detector_are_counted(converted):
    """A guide chip, a focus chip and an extension without a number, in each file."""
    reasons = Counter(s.reason for s in converted("B").outcome.plan.skips)
    assert reasons["3 extensions of no detector of DECam"] == 36


@pytest.mark.parametrize("name, run", [("cpBias", "20150217T000000Z"), ("cpFlat", "20150224T000000Z")])
def test_one_file_has_all_detectors_of_a_master(converted, name, run):
    found = converted("B").records(name, f"DECam/calib/gen2/{run}")
    assert set(found) == set(ALL_CCDS)
    assert {formatter for formatter, _ in found.values()} == {CP}
    # One file for each filter.
    assert len({path for _, path in found.values()}) == 1


def test_extensions_without_a_row_are_not_certified(converted):
    c = converted("B")
    skipped = [s for s in c.outcome.plan.skips if "no good row for these extensions" in s.reason]
    assert len(skipped) == 27
    assert all(s.item.endswith(" detectors 2, 61") for s in skipped)
    certified = {
        a.ref.dataId["detector"]
        for a in c.butler.registry.queryDatasetAssociations("cpBias", collections="DECam/calib/gen2")
        if a.timespan is not None
    }
    assert sorted(certified) == LISTED
    assert c.find("cpBias", 411371, 2) is None
    (first, *_) = c.rules("cpBias", "no-row")
    assert first.item == "cpBias 20150216T000000Z detectors 2, 61"
    assert (first.before, first.after) == (
        "found whenever the rows of other detectors gave this date",
        "no range",
    )


def test_gen2_gave_the_next_afternoon(converted):
    """An exposure after 0h UTC has the date of the afternoon that follows it."""
    c = converted("B")
    for number, (visit, (begin, _)) in enumerate(c.made.visits.items()):
        if number < 32:  # the last night has no next afternoon
            assert c.find("cpBias", visit, 25).run.endswith(f"{begin:%Y%m%d}T000000Z")
    assert c.verified["timing"] == {
        "not_nearest": dict.fromkeys(CP_TYPES, 8 * 2 * 6),
        "taken_after": dict.fromkeys(CP_TYPES, 8 * 3 * 6),
    }


def test_nearest(converted):
    c = converted("B", "nearest")
    assert c.verified["disagree"] == []
    assert c.verified["timing"] == {"not_nearest": {}, "taken_after": dict.fromkeys(CP_TYPES, 8 * 6)}
    sets = [datetime.fromisoformat(n).replace(tzinfo=UTC) + timedelta(seconds=70_200) for n in NIGHTS]
    for visit, (begin, _) in c.made.visits.items():
        middle = begin + timedelta(seconds=45)
        assert taken(c.find("cpBias", visit, 25)) == min(sets, key=lambda s: abs(s - middle))
    changed = c.rules("cpBias", "nearest")
    assert len(changed) == 9
    assert (changed[1].before, changed[1].after) == (
        "[2015-02-17T00:00:35, 2015-02-18T00:00:35)",
        "[2015-02-17T07:30:35, 2015-02-18T07:30:35)",
    )
    # No exposure is cut, so the edges are where the rule has them.
    assert c.rules("cpBias", "whole-exposure") == []


def test_previous_afternoon(converted):
    c = converted("B", "previous-afternoon")
    assert c.verified["disagree"] == []
    assert c.verified["timing"] == {"not_nearest": dict.fromkeys(CP_TYPES, 8 * 6), "taken_after": {}}
    for number, visit in enumerate(c.made.visits):
        night = NIGHTS[number // 4]
        for name in CP_TYPES:
            assert f"{taken(c.find(name, visit, 25)):%Y-%m-%d}" == night
    changed = c.rules("cpFlat", "previous-afternoon")
    assert len(changed) == 18
    assert (changed[0].before, changed[0].after) == (
        "[2015-01-17T00:00:35, 2015-02-17T00:00:35)",
        "[2015-02-16T12:00:35, 2015-02-17T12:00:35)",
    )
    assert changed[0].why == "the recipe asks for the set of the afternoon before each night"
    explained = c.outcome.verification.explanations
    assert sum(n for text, n in explained.items() if "previous-afternoon" in text) == 2 * 8 * 3 * 6


def test_range_rule_answers_where_gen2_failed(converted):
    c = converted("C", "previous-afternoon")
    assert c.verified["disagree"] == []
    assert c.verified["timing"]["taken_after"] == {}
    assert c.by_type("cpBias")["gen2_ambiguous.gen3_one"] == 32 * 6


def test_filters_of_the_exposures(converted):
    c = converted("B")
    records = c.butler.query_dimension_records("exposure", instrument="DECam")
    assert {r.id: r.physical_filter for r in records} == {
        visit: FILTERS[name] for visit, (_, name) in c.made.visits.items()
    }
    # A Chilean night is one observing day.
    assert Counter(r.day_obs for r in records) == {int(n.replace("-", "")): 4 for n in NIGHTS}


def test_the_same_again_writes_nothing(converted):
    c = converted("B")
    again = convert(c.recipe, str(c.butler._config.configDir.ospath))
    assert again.plan.is_empty and again.conversion is None
    assert again.plan.existing == c.outcome.plan.written
    assert isinstance(c.butler, Butler)


def test_first_extensions_without_a_detector(tmp_path):
    """An exposure's header is made complete by the first extension that holds a detector."""
    row = {"visit": 229388, "filter": "r", "expTime": 30.0, "object": "field", "proposal": "2013B-0001"}
    content = raw_content(row, datetime(2013, 9, 1, 6, 5, tzinfo=UTC), [25, 31])
    primary, extensions = content[:2880], content[2880:]
    while b"END     " not in {primary[i : i + 8] for i in range(0, len(primary), 80)}:
        primary, extensions = primary + extensions[:2880], extensions[2880:]
    path = tmp_path / "decam0229388.fits.fz"
    path.write_bytes(primary + extension([("EXTNAME", "EXTRA")]) * 2 + extensions)
    (result,) = read_exposures([HeaderJob(229388, (str(path),))], DECam())
    assert result.rejects == ()
    assert (result.record.exposure["id"], result.record.exposure["day_obs"]) == (229388, 20130831)
    assert read_contents(str(path), DECam.raw.extensions).hdus == {25: 3, 31: 4}
