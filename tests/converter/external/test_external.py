"""Validity of masters made elsewhere, by the way in that the command takes."""

from __future__ import annotations

import csv
import datetime
import os
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.decam import DECam
from adapters.hsc import HSC
from adapters.lsst import ImSim
from converter.gather import gather
from converter.nouns import DataId, Gen2to3Error, Master, MasterKey, Provenance, UsageError
from converter.overlaps import ExposureTimes, Policy
from converter.planning.external import exposures_by_filter, plan_external
from converter.planning.settling import Validity
from converter.planning.validity import plan_validity
from converter.range_rules import DateRule
from converter.recipe import Recipe
from converter.target import TargetExposure
from converter.timespans import DAY, SECOND, Span, parse_time, stamp, to_tai
from converter.validity_sources import (
    FromCards,
    FromGen3,
    FromRegistry,
    FromRule,
    FromTable,
    parse_validity,
)
from fixtures.hsc import make_hsc
from fixtures.registry import HSC_CALIB, LSST_CALIB, write_calib_registry

HITS = Path("/work/shared/data/hits2015/export_current.yaml")
G = "g DECam SDSS c0001 4720.0 1520.0"


def utc(text: str) -> int:
    return to_tai(parse_time(text), "utc")


def masters_of(
    dates: Iterable[str],
    detectors: Iterable[int] = (49,),
    types: Mapping[str, str | None] | None = None,
    suffix: str = "",
) -> dict[MasterKey, Master]:
    found = {}
    for dataset_type, physical_filter in (types or {"bias": None}).items():
        for date in dates:
            for detector in detectors:
                key = MasterKey(dataset_type, stamp(date) + suffix, DataId(detector, physical_filter))
                path = f"/delivery/{dataset_type}-{date}.fits"
                found[key] = Master(key, path, detector, date, 1, 1, Provenance(path))
    return found


def by_date(result: Validity) -> dict[str, list[Span]]:
    return {f"{k.stamp[:4]}-{k.stamp[4:6]}-{k.stamp[6:8]}{k.stamp[16:]}": v for k, v in result.spans.items()}


def table(directory: Path, text: str, name: str = "table.csv") -> FromTable:
    path = directory / name
    path.write_text(text)
    return FromTable((str(path),))


# Tables.


def test_lines_of_one_master_add_up_and_globs_mean_several(tmp_path: Path) -> None:
    masters = masters_of(("2014-10-01", "2014-10-05"), (49, 50))
    text = (
        "dataset_type,calib_date,detector,begin,end\n"
        "b*,2014-10-01,,2014-10-01,2014-10-03\n"
        "bias,2014-10-01,49,2014-10-03,2014-10-05\n"
        "bias,2014-10-0[5-9],1_53;50,2014-10-05,\n"
    )
    result = plan_external(HSC(), masters, table(tmp_path, text))
    first, second = stamp("2014-10-01"), stamp("2014-10-05")
    names = {d.full_name: d.id for d in HSC().instrument.detectors}
    assert names["1_53"] == 0  # so the third line means 50 only
    assert result.spans == {
        MasterKey("bias", first, DataId(49)): [Span(utc("2014-10-01"), utc("2014-10-05"))],
        MasterKey("bias", first, DataId(50)): [Span(utc("2014-10-01"), utc("2014-10-03"))],
        MasterKey("bias", second, DataId(50)): [Span(utc("2014-10-05"), None)],
    }
    assert [s.item for s in result.skips] == ["bias 20141005T000000Z detector 49"]
    (added,) = result.decisions
    assert (added.rule, added.item) == ("same-master", "bias 20141001T000000Z detector 49")


def test_a_file_name_means_all_its_detectors(tmp_path: Path) -> None:
    masters = masters_of(("2014-10-01", "2014-10-05"), range(10))
    text = "dataset_type,file,begin\nbias,bias-2014-10-05.fits,2014-10-05\nbias,nothing.fits,\n"
    result = plan_external(HSC(), masters, table(tmp_path, text))
    assert {k.stamp for k in result.spans} == {stamp("2014-10-05")}
    assert len(result.spans) == 10
    assert [s.item.rpartition("/")[2] for s in result.skips] == [
        "table.csv line 3",
        "bias 20141001T000000Z detectors 0..9 (×10)",
    ]
    assert result.skips[0].reason == "means no master: dataset_type bias, file nothing.fits"


def test_a_line_for_every_master_is_read_in_seconds(tmp_path: Path) -> None:
    dates = [(datetime.date(2014, 1, 1) + datetime.timedelta(days=n)).isoformat() for n in range(100)]
    masters = masters_of(dates, range(60))
    lines = [f"bias,{k.data_id.detector},{m.calib_date},{m.calib_date}," for k, m in masters.items()]
    source = table(tmp_path, "dataset_type,detector,calib_date,begin,end\n" + "\n".join(lines))
    begun = time.perf_counter()
    result = plan_external(HSC(), masters, source, {"bias": Policy.LATEST_START})
    assert time.perf_counter() - begun < 20
    assert len(result.spans) == 6000 and all(len(spans) == 1 for spans in result.spans.values())
    assert not result.conflicts and not result.skips


def test_conflicts_stop_and_name_how_to_go_on(tmp_path: Path) -> None:
    masters = masters_of(("2014-10-01", "2014-10-05"), (49, 50))
    result = plan_external(HSC(), masters, table(tmp_path, "dataset_type,begin\nbias,2014-10-01\n"))
    assert result.conflicts == [
        "bias: masters 20141001T000000Z and 20141005T000000Z are both valid in [2014-10-01T00:00:35, +inf) for 2 "
        "data IDs; choose a policy with --overlaps bias=latest-start (or another), or correct what is said of them"
    ]
    assert list(result.folded) == result.conflicts


# A statement: which master, from which quarter of a day, for how many, and which detector (0 for all).
statements = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 40), st.integers(1, 20), st.integers(0, 2)),
    min_size=1,
    max_size=8,
)
QUARTER = datetime.timedelta(hours=6)
FIRST = datetime.datetime(2014, 10, 1)


def write_lines(
    directory: str, name: str, lines: Sequence[tuple[int, int, int, int]], suffix: str
) -> FromTable:
    rows = []
    for master, begin, length, detector in lines:
        row = {"dataset_type": "bias", "calib_date": f"2014-10-0{master + 1}"}
        row |= {"detector": str(detector)} if detector else {}
        row |= {
            "begin": (FIRST + begin * QUARTER).isoformat(),
            "end": (FIRST + (begin + length) * QUARTER).isoformat(),
        }
        rows.append(row)
    path = os.path.join(directory, name + suffix)
    with open(path, "w", newline="") as stream:
        if suffix == ".csv":
            writer = csv.DictWriter(stream, ["dataset_type", "calib_date", "detector", "begin", "end"])
            writer.writeheader()
            writer.writerows(rows)
        else:
            yaml.safe_dump(rows, stream)
    return FromTable((path,))


@settings(max_examples=60, deadline=None)
@given(
    statements, st.randoms(use_true_random=False), st.sampled_from((Policy.LATEST_CALIB_DATE, Policy.FAIL))
)
def test_any_table_in_any_order_and_form(lines, random, policy) -> None:  # type: ignore[no-untyped-def]
    masters = masters_of([f"2014-10-0{n + 1}" for n in range(4)], (1, 2))
    shuffled = random.sample(lines, len(lines))
    with tempfile.TemporaryDirectory() as directory:
        first = plan_external(HSC(), masters, write_lines(directory, "a", lines, ".csv"), {"bias": policy})
        second = plan_external(HSC(), masters, write_lines(directory, "b", shuffled, ".yaml"), {"*": policy})
    assert first.spans == second.spans
    assert sorted(first.conflicts) == sorted(second.conflicts)
    # Brute force, at every quarter of a day: the statements' latest master.
    several = False
    for detector in (1, 2):
        for quarter in range(-1, 62):
            instant = utc(FIRST.isoformat()) + quarter * DAY // 4
            stated = {m for m, b, n, d in lines if d in (0, detector) and b <= quarter < b + n}
            several |= len(stated) > 1
            if policy is Policy.FAIL and first.conflicts:
                continue
            valid = [
                key.stamp
                for key, spans in first.spans.items()
                if key.data_id.detector == detector
                for span in spans
                if span.overlaps(Span(instant, instant + DAY // 4))
            ]
            assert valid == ([stamp(f"2014-10-0{max(stated) + 1}")] if stated else [])
    assert bool(first.conflicts) == (several and policy is Policy.FAIL)
    meant = {
        (f"2014-10-0{m + 1}", d)
        for m, _, _, detector in lines
        for d in ((1, 2) if not detector else (detector,))
    }
    assert {(masters[k].calib_date, k.data_id.detector) for k in first.spans} == meant


# Header cards.


def test_cards_mean_what_they_say(tmp_path: Path) -> None:
    masters = masters_of(("2014-10-01", "2014-10-02", "2014-10-03", "2014-10-04"))
    texts = [
        {"B": " 2014-10-01T06:00:00.25 ", "E": "2014-10-02"},
        {"B": "2014-10-02"},
        {"B": "56932.5", "E": "2014-10-04"},
        {"B": "2014-10-05", "E": "2014-10-04"},
    ]
    cards = dict(zip(masters, texts, strict=True))
    result = plan_external(HSC(), masters, FromCards("B", "E", "tai", cards))
    first, *others = masters
    begin, end = (to_tai(parse_time(t), "tai") for t in ("2014-10-01T06:00:00.25", "2014-10-02"))
    assert result.spans == {first: [Span(begin, end)]}
    assert result.refused == set(others)
    assert [r.path for r in result.rejects] == [masters[k].path for k in others]
    for reject, why in zip(
        result.rejects, ("card E is missing", "'56932.5' is not", "runs backwards"), strict=True
    ):
        assert why in reject.reason
    assert not result.skips


# Rules.


def test_masters_of_one_day_and_of_one_instant() -> None:
    masters = masters_of(
        ("2015-02-16T19:00:00", "2015-02-16T20:00:00", "2015-02-18"), (1, 2), {"cpBias": None}
    )
    result = plan_external(DECam(), masters, FromRule(DateRule.PREVIOUS_AFTERNOON))
    noon = utc("2015-02-16T12:00:00"), utc("2015-02-18T12:00:00")
    for key, spans in result.spans.items():
        expected = {
            "20150216T190000Z": [],
            "20150216T200000Z": [Span(*noon)],
            "20150218T000000Z": [Span(noon[1], None)],
        }
        assert spans == expected[key.stamp]
    assert [(d.rule, d.item) for d in result.decisions] == [
        ("previous-afternoon", "cpBias"),
        ("same-day", "cpBias 20150216T190000Z detectors 1..2 (×2)"),
    ]
    twice = masters_of(("2015-02-16",), (1,), {"cpBias": None}) | masters_of(
        ("2015-02-16",), (1,), {"cpBias": None}, suffix=".1"
    )
    undecided = plan_external(DECam(), twice, FromRule(DateRule.NEAREST))
    assert len(undecided.conflicts) == 1
    assert "20150216T000000Z and 20150216T000000Z.1 are both valid" in undecided.conflicts[0]


def test_days_around_overlap_until_a_policy_decides() -> None:
    masters = masters_of(("2015-02-16", "2015-02-17"), (1,), {"cpBias": None})
    source = FromRule(DateRule.AROUND, 3)
    assert len(plan_external(DECam(), masters, source).conflicts) == 1
    result = plan_external(DECam(), masters, source, {"cpBias": Policy.LATEST_CALIB_DATE})
    assert by_date(result) == {
        "2015-02-16": [Span(utc("2015-02-13"), utc("2015-02-14"))],
        "2015-02-17": [Span(utc("2015-02-14"), utc("2015-02-21"))],
    }


# Gen3.


@pytest.mark.skipif(not HITS.exists(), reason="the export of ap_verify_ci_hits2015 is not here")
def test_hits2015_certifies_a_delivery_of_the_same_nights() -> None:
    ours = masters_of(("2015-02-18", "2015-03-13"), range(1, 63), {"cpBias": None, "cpFlat": G})
    result = plan_external(DECam(), ours, parse_validity(str(HITS)))
    early = Span(to_tai(parse_time("1987-10-04"), "tai"), to_tai(parse_time("2015-03-02"), "tai"))
    late = Span(early.end, to_tai(parse_time("2042-07-28"), "tai"))
    assert len(result.spans) == 16
    for key, spans in result.spans.items():
        assert spans == [early if key.stamp == "20150218T000000Z" else late]
    assert {(k.dataset_type, k.data_id.physical_filter) for k in result.spans} == {
        ("cpBias", None),
        ("cpFlat", G),
    }
    assert not result.rejects and not result.conflicts and not result.decisions


def export(
    path: Path,
    records: Sequence[tuple[str, str, str, str, str]],
    chains: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Records ``(collection, run, filter, file, timespan)`` of flats of detector 1."""
    lines = ["description: Butler Data Repository Export", "data:"]
    for n, (_, run, physical_filter, file, _) in enumerate(records):
        lines += ["- type: dataset", "  dataset_type: cpFlat", f"  run: {run}", "  records:"]
        lines += [f"  - dataset_id: [!uuid '{n}']", f"    path: a/{file}"]
        lines += [f"    data_id: [{{instrument: DECam, detector: 1, physical_filter: {physical_filter}}}]"]
    for n, (collection, *_, timespan) in enumerate(records):
        begin, end = (
            f"!butler_time/tai/iso '{t} 00:00:00.000000000'" if t else "null" for t in timespan.split("..")
        )
        lines += ["- type: associations", f"  collection: {collection}", "  collection_type: CALIBRATION"]
        lines += [
            f"  validity_ranges: [{{timespan: !lsst.daf.butler.Timespan {{begin: {begin}, end: {end}}}, dataset_ids: [!uuid '{n}']}}]"
        ]
    for name, children in (chains or {}).items():
        lines.append(
            f"- {{type: collection, collection_type: CHAINED, name: {name}, children: [{', '.join(children)}]}}"
        )
    path.write_text("\n".join(lines) + "\n")
    return path


def tai_span(begin: str, end: str) -> Span:
    return Span(*(to_tai(parse_time(t), "tai") if t else None for t in (begin, end)))


def test_runs_files_and_aliases_find_our_masters(tmp_path: Path) -> None:
    ours = masters_of(("2015-02-16", "2015-02-17"), (1,), {"cpFlat": G}, suffix=".1")
    ours |= masters_of(("2015-02-18",), (1,), {"cpFlat": G})
    path = export(
        tmp_path / "export.yaml",
        [
            (
                "A",
                "x/20150216T000000Z",
                "g",
                "other.fits",
                "2015-01-01..2015-01-02",
            ),  # by RUN, without number
            ("A", "y/20150217T000000Z.1", G, "other.fits", "2015-01-02..2015-01-03"),  # by RUN
            ("A", "z/made", G, "cpFlat-2015-02-18.fits", "2015-01-03..2015-01-04"),  # by file
            ("A", "z/made", G, "else.fits", "2015-01-05..2015-01-06"),
            ("A", "y/20150217T000000Z.1", "zebra", "other.fits", "2015-01-02..2015-01-03"),
        ],
    )
    result = plan_external(DECam(), ours, FromGen3(str(path), "A", exported=True))
    assert by_date(result) == {
        "2015-02-16.1": [tai_span("2015-01-01", "2015-01-02")],
        "2015-02-17.1": [tai_span("2015-01-02", "2015-01-03")],
        "2015-02-18": [tai_span("2015-01-03", "2015-01-04")],
    }
    assert [s.item.rpartition(": ")[2] for s in result.skips] == ["cpFlat z/made"]
    (reject,) = result.rejects
    assert "unknown filter 'zebra'" in reject.reason


def test_of_a_chain_the_first_collection_answers(tmp_path: Path) -> None:
    ours = masters_of(("2015-02-16", "2015-02-17"), (1,), {"cpFlat": G})
    path = export(
        tmp_path / "export.yaml",
        [
            ("A", "x/20150216T000000Z", G, "", "2015-01-01.."),
            ("B", "x/20150217T000000Z", G, "", "2015-01-10..2015-01-20"),
            ("B", "x/foreign", G, "", "2015-01-20..2015-01-25"),
        ],
        {"C": ["B", "A"]},
    )
    result = plan_external(DECam(), ours, parse_validity(f"export:{path}#C"))
    assert by_date(result) == {
        "2015-02-17": [tai_span("2015-01-10", "2015-01-20")],
        "2015-02-16": [tai_span("2015-01-01", "2015-01-10"), tai_span("2015-01-25", "")],
    }
    assert not result.conflicts


def test_a_foreign_run_that_may_mean_several_is_a_reject(tmp_path: Path) -> None:
    ours = masters_of(("2015-02-16",), (1,), {"cpFlat": G}, ".1") | masters_of(
        ("2015-02-16",), (1,), {"cpFlat": G}, ".2"
    )
    path = export(tmp_path / "export.yaml", [("A", "x/20150216T000000Z", G, "", "..")])
    result = plan_external(DECam(), ours, FromGen3(str(path), exported=True))
    assert not result.spans
    assert "may mean any of our masters 20150216T000000Z.1, 20150216T000000Z.2" in result.rejects[0].reason


def test_the_name_of_the_file_says_more_than_the_number(tmp_path: Path) -> None:
    ours = masters_of(("2015-02-16",), (1,), {"cpFlat": G})
    (first,) = ours
    second = first._replace(stamp=first.stamp + ".1")
    ours[second] = replace(ours[first], key=second, path="/delivery/b.fits")
    ours[first] = replace(ours[first], path="/delivery/a.fits")
    records = [
        ("A", "x/20150216T000000Z", G, "b.fits", "2015-01-01..2015-01-02"),
        ("A", "x/20150216T000000Z.1", G, "a.fits", "2015-01-02..2015-01-03"),
        ("A", "x/20150216T000000Z.1", G, "c.fits", "2015-01-03..2015-01-04"),
    ]
    path = export(tmp_path / "export.yaml", records)
    result = plan_external(DECam(), ours, FromGen3(str(path), exported=True))
    assert result.spans == {
        second: [tai_span("2015-01-01", "2015-01-02"), tai_span("2015-01-03", "2015-01-04")],
        first: [tai_span("2015-01-02", "2015-01-03")],
    }


# A Gen2 registry elsewhere.


def registry(
    directory: Path, rows: Sequence[tuple[str, str, str]], detectors: Sequence[int] = (49,)
) -> FromRegistry:
    directory.mkdir(exist_ok=True)
    made = [
        {"filter": "NONE", "ccd": d, "calibDate": date, "validStart": begin, "validEnd": end}
        for date, begin, end in rows
        for d in detectors
    ]
    write_calib_registry(directory / "calibRegistry.sqlite3", HSC_CALIB, {"bias": made}, ("bias",))
    return FromRegistry(str(directory))


def test_a_registry_is_read_by_its_dialect_and_tells_what_it_does_not_use(tmp_path: Path) -> None:
    rows = [
        ("2014-10-01", "2014-09-01", "2014-10-03"),
        ("2014-10-05", "2014-10-04", "2014-10-07"),
        ("2014-10-09", "2014-10-08", "2014-10-20"),
        ("2014-11-09", "None", "None"),
    ]
    masters = masters_of(("2014-10-01", "2014-10-05", "2014-11-09", "2014-12-24"))
    for source in (
        registry(tmp_path / "r", rows),
        FromRegistry(str(tmp_path / "r" / "calibRegistry.sqlite3")),
    ):
        result = plan_external(HSC(), masters, source)
        assert by_date(result) == {
            "2014-10-01": [Span(utc("2014-09-01"), utc("2014-10-04"))],
            "2014-10-05": [Span(utc("2014-10-04"), utc("2014-10-08"))],
        }
        (dialect,) = result.decisions
        assert (dialect.rule, dialect.after) == ("dialect", "inclusive-days")
        assert {k.stamp for k in result.refused} == {stamp("2014-11-09")}
        (reject,) = result.rejects
        assert "row 4" in reject.item and "correct that registry" in reject.reason
        assert "1 row of 20141009T000000Z, of which no master is imported" in [s.reason for s in result.skips]
        assert "bias 20141224T000000Z detector 49" in [s.item for s in result.skips]


def test_a_registry_of_another_kind_of_camera_compares_as_that_camera_did(tmp_path: Path) -> None:
    rows = [
        dict.fromkeys(LSST_CALIB.main.columns, "")
        | {"filter": "NONE", "detector": 49, "calibDate": d, "validStart": b, "validEnd": e}
        for d, b, e in (
            ("2021-09-01", "2021-08-28", "2021-10-01"),
            ("2021-10-05", "2021-10-01", "2021-11-11"),
        )
    ]
    path = tmp_path / "calibRegistry.sqlite3"
    write_calib_registry(path, LSST_CALIB, {"bias": rows}, ("bias",))
    result = plan_external(ImSim(), masters_of(("2021-09-01", "2021-10-05")), FromRegistry(str(tmp_path)))
    assert by_date(result) == {
        "2021-09-01": [tai_span("2021-08-28", "2021-10-01")],
        "2021-10-05": [tai_span("2021-10-01", "2021-11-11")],
    }
    assert result.decisions[0].after == "half-open"


def test_the_ranges_are_those_of_a_conversion(tmp_path: Path) -> None:
    """A registry beside which files lie gives the same whether it is converted or asked."""
    made = make_hsc(tmp_path / "gen2")
    gathered = gather(Recipe(str(made.root)))
    converted = plan_validity(
        HSC(), Recipe(str(made.root)), gathered.masters, gathered.claims, gathered.boundaries, {}
    )
    asked = plan_external(HSC(), gathered.masters, FromRegistry(str(made.root / "CALIB")))
    assert asked.spans == converted.spans
    assert {k.dataset_type for k in asked.spans} >= {"bias", "dark", "flat"}


def test_no_registry_is_one_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError, match=r"calibRegistry\.sqlite3"):
            plan_external(HSC(), masters_of(("2014-10-01",)), FromRegistry(str(path)))
    (tmp_path / "calibRegistry.sqlite3").write_bytes(b"no database")
    with pytest.raises(Gen2to3Error, match="not a SQLite database"):
        plan_external(HSC(), masters_of(("2014-10-01",)), FromRegistry(str(tmp_path)))


# Exposures of the target.


def test_an_exposure_of_another_filter_does_not_matter(tmp_path: Path) -> None:
    masters = masters_of(("2014-10-01", "2014-10-05"), (49, 50), {"bias": None, "flat": "HSC-R"})
    midnight = utc("2014-10-05")
    other, none = (
        TargetExposure(midnight - SECOND, midnight + 3 * SECOND, "HSC-G"),
        TargetExposure(None, None, "HSC-R"),
    )
    known = exposures_by_filter([other, none])
    assert set(known) == {None, "HSC-G"}
    moved = plan_external(HSC(), masters, FromRule(DateRule.UNTIL_NEXT), None, known)
    for key, (span,) in moved.spans.items():
        boundary = midnight - SECOND if key.dataset_type == "bias" else midnight
        assert boundary in span
    rules = [(d.rule, d.item) for d in moved.decisions]
    assert ("whole-exposure", "bias 20141001T000000Z detectors 49..50 (×2)") in rules
    assert not [item for rule, item in rules if rule == "whole-exposure" and item.startswith("flat")]
    text = "dataset_type,calib_date,begin,end\n*,2014-10-01,,2014-10-05\n*,2014-10-05,2014-10-05,\n"
    stated = plan_external(HSC(), masters, table(tmp_path, text), None, known)
    assert {edge for spans in stated.spans.values() for span in spans for edge in span} == {midnight, None}
    (named,) = stated.decisions
    assert named.as_dict() == {
        "rule": "exposure-on-boundary",
        "item": "bias detectors 49..50 (×2)",
        "before": "20141001T000000Z and 20141005T000000Z meet at 2014-10-05T00:00:35",
        "after": "as stated; Gen3 finds both for 1 exposure",
        "why": "the source gives this boundary, so it is not moved",
    }


def test_an_exposure_beside_a_boundary_is_not_named(tmp_path: Path) -> None:
    masters = masters_of(("2014-10-01", "2014-10-05"))
    midnight = utc("2014-10-05")
    beside = ExposureTimes.from_rows([(0, midnight - 5, midnight), (0, midnight, midnight + 5)])
    text = "dataset_type,calib_date,begin,end\n*,2014-10-01,,2014-10-05\n*,2014-10-05,2014-10-05,\n"
    assert not plan_external(HSC(), masters, table(tmp_path, text), None, {None: beside}).decisions


# The option.


def test_what_an_option_names(tmp_path: Path) -> None:
    exported = export(tmp_path / "e.yaml", [("A", "x/y", G, "", "..")])
    odd = tmp_path / "a#b"
    odd.mkdir()
    assert parse_validity("t.csv") == FromTable(("t.csv",))
    assert parse_validity("t.ECSV") == FromTable(("t.ECSV",))
    assert parse_validity("none.yaml") == FromTable(("none.yaml",))
    assert parse_validity(str(exported)) == FromGen3(str(exported), "", True)
    assert parse_validity(f"{exported}#A") == FromGen3(str(exported), "A", True)
    assert parse_validity("export:x.yaml#A/b") == FromGen3("x.yaml", "A/b", True)
    assert parse_validity("gen3:/repo#HSC/calib") == FromGen3("/repo", "HSC/calib")
    assert parse_validity(f"gen3:{odd}") == FromGen3(str(odd))
    assert parse_validity("gen2:/old/CALIB") == FromRegistry("/old/CALIB")
    assert parse_validity("rule:until-next") == FromRule(DateRule.UNTIL_NEXT)
    assert parse_validity("rule:+-30") == FromRule(DateRule.AROUND, 30)
    assert parse_validity("cards:begin,END,tai") == FromCards("BEGIN", "END", "tai")
    assert parse_validity("cards:BEGIN,END") == FromCards("BEGIN", "END", "utc")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "t.txt",
        "rule:",
        "rule:soon",
        "rule:+-",
        "rule:+-99999",
        "rule:+-N days",
        "cards:A",
        "cards:,",
        "cards:A,B,ut1",
        "cards:A,B,tai,C",
        "gen2:",
        "foo:bar",
    ],
)
def test_what_no_option_is(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_validity(text)
    assert "expected" in str(caught.value) and "\n" not in str(caught.value)
