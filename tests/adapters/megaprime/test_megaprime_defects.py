"""Defects of MegaPrime: rows that name a chip by its serial number, compared by real instants."""

from __future__ import annotations

import importlib.metadata
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from astropy.io import fits
from click.testing import CliRunner
from lsst.daf.butler import Butler

from adapters import registry
from adapters.contract.lookups import compare
from adapters.contract.repository import Repository
from adapters.instrument import DetectorSerial, Instrument
from adapters.megaprime import MegaPrime
from converter.cli import main
from converter.inspection import inspect_source
from converter.overlaps import Policy
from converter.planning.conversion import make_plan
from fixtures.megaprime import SMALL, MegaSpec, MegaVisit, make_megaprime
from fixtures.megaprime_defects import FULL_MASKS, SERIALS, SMALL_MASKS, STRANGER, MegaMask
from fixtures.repository import Gen2Repository

from .conftest import Converted, convert, recipe_for, register
from .test_megaprime_masters import formatter

GENERIC = "lsst.obs.base.formatters.fitsGeneric.FitsGenericFormatter"
FIRST, SECOND, THIRD = SMALL_MASKS
VISITS = (
    *SMALL.visits,
    MegaVisit(900006, "2007-05-05T00:00:00.00", "g"),  # the end of one mask and the begin of the next
    MegaVisit(900007, "2008-02-17T00:00:00.50", "g"),  # the last second of the last one
    MegaVisit(900008, "2008-02-17T00:00:01.00", "g"),
)
ODD = (
    FIRST,
    # Not moved: 10 is another chip's file, 35 has none, and one chip never was at the telescope.
    replace(SECOND, serials={10: "835163"}, missing=(35,), strangers=(STRANGER,)),
    # Moved: the files of 3 and 4 are exchanged, and the header of 7 names another place than its name.
    replace(THIRD, serials={3: SERIALS[4], 4: SERIALS[3], 9: "1"}, extnames={7: "ccd08"}),
)
TYPES = ("raw", "defects")


def masks(*chosen: MegaMask, visits: tuple[MegaVisit, ...] = VISITS, defects: str = "defects") -> MegaSpec:
    """A repository without other masters."""
    return MegaSpec((), visits, masks=chosen, defects=defects)


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Converted:
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        place = tmp_path_factory.mktemp("defects")
        return convert(make_megaprime(place / "gen2", masks(*SMALL_MASKS)), place / "butler")


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> Converted:
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        place = tmp_path_factory.mktemp("odd-defects")
        return convert(make_megaprime(place / "gen2", masks(*ODD)), place / "butler")


def ranges(butler: Butler, detector: int) -> list[tuple[str, str, str]]:
    """RUN, begin and end (UTC, to the nanosecond) of a detector's defects."""
    found = butler.registry.queryDatasetAssociations("defects", collections="MegaPrime/calib/gen2")
    return sorted(
        (
            a.ref.run,
            *(
                t.utc.to_value("isot", subfmt="date_hms")[:19] + f"+{t_ns(t)}"
                for t in (a.timespan.begin, a.timespan.end)
            ),
        )
        for a in found
        if a.ref.dataId["detector"] == detector
    )


def t_ns(time) -> int:
    """Nanoseconds beyond the full second."""
    time = time.utc.copy(format="isot")
    time.precision = 9
    return int(time.value.partition(".")[2])


def rejects(done: Converted) -> dict[str, str]:
    """Reasons by row number of the defect table."""
    return {r.item.rpartition(" ")[2]: r.reason for r in done.plan.rejects if "defectRegistry" in r.item}


def test_every_chip_becomes_its_detector(good):
    refs = good.butler.query_datasets("defects", "MegaPrime/calib/gen2/*", find_first=False, limit=None)
    assert len(refs) == 3 * 36
    dataset_type = good.butler.get_dataset_type("defects")
    assert dataset_type.storageClass_name == "Defects"
    assert set(dataset_type.dimensions.required) == {"instrument", "detector"}
    assert dataset_type.isCalibration()
    for ref in refs:
        assert formatter(good.butler, ref) == GENERIC
        path = good.butler.getURI(ref).ospath
        with fits.open(path) as hdus:
            header = hdus[0].header if "SERIAL" in hdus[0].header else hdus[1].header
            assert header["SERIAL"] == SERIALS[ref.dataId["detector"]]
            mask = {"20030523": FIRST, "20070505": SECOND, "20071201": THIRD}[ref.run.split("/")[-1][:8]]
            assert header["MASK"] == mask.name
            assert hdus[1].columns.names == ["x0", "y0", "width", "height"]


@pytest.mark.parametrize("detector", [0, 5, 35])
def test_ranges_are_half_open_where_they_touch(good, detector):
    run = "MegaPrime/calib/gen2/"
    # Gen2 compared whole seconds, both ends included: the last one has no other claim.
    assert ranges(good.butler, detector) == [
        (f"{run}20030523T000000Z", "2003-05-23T00:00:00+0", "2007-05-05T00:00:00+0"),
        (f"{run}20070505T000000Z", "2007-05-05T00:00:00+0", "2007-12-01T00:00:00+0"),
        (f"{run}20071201T000000Z", "2007-12-01T00:00:00+0", "2008-02-17T00:00:01+0"),
    ]


def test_gen2_and_gen3_agree(good):
    result = good.verification
    assert (result.observations, result.lookups) == (8 * 36, 8 * 36)
    assert result.disagree == []
    assert result.explained == 0
    # At midnight two masks matched; a second after the end of the last one none did.
    assert result.gen2_ambiguous == {"gen3_one": 36}
    assert result.gen2_none == {"gen3_none": 36}
    assert result.agree == 6 * 36
    assert good.plan.rejects[1:] == []  # one raw has 30 detectors


def test_the_lookup_agrees_with_the_sql(good, odd):
    for done in (good, odd):
        problems, statuses = compare(Repository(MegaPrime(), done.made.root, ("CALIB",)))
        assert problems == []
        assert set(statuses["defects"]) == {"one", "none", "ambiguous"}


def test_rejects_name_both_values(odd):
    found = rejects(odd)
    assert {row: reason for row, reason in found.items() if row not in ["77", "78", "81", "83"]} == {
        "47": "defects/2007A.mask/835244.fits is of serial 835163 by its header, of serial 835244 by the row; "
        "correct the registry, or leave it out with --exclude",
        "72": "file not found: expected defects/2007A.mask/8261143.fits, or a file defects/2007A.mask.nn/ccd*.fits "
        f"whose SERIAL is 8261143 (looked at 0), below {odd.made.calib}; "
        "restore the file, or leave the row out with --exclude",
        "73": "serial 9999999 was never mounted: no detector of MegaPrime ever had it; "
        "correct the registry, or leave it out with --exclude",
    }
    assert "ccd04.fits is of detector 4 by its header, but serial 8261144 was at detector 3" in found["77"]
    assert "ccd03.fits is of detector 3 by its header, but serial 8341174 was at detector 4" in found["78"]
    assert "ccd07.fits is of detector 8 by its header, but serial 835163 was at detector 7" in found["81"]
    assert "whose SERIAL is 917213 (looked at 36)" in found["83"]
    # The file that no row led to is named as well.
    assert [s.item for s in odd.plan.skips if "2007B.mask.nn/ccd09.fits" in s.item]


def test_bad_rows_do_not_stop_the_good_ones(odd):
    refs = odd.butler.query_datasets("defects", "MegaPrime/calib/gen2/*", find_first=False, limit=None)
    by_run: dict[str, set[int]] = {}
    for ref in refs:
        by_run.setdefault(ref.run.rpartition("/")[2], set()).add(ref.dataId["detector"])
    every = set(range(36))
    assert by_run == {
        "20030523T000000Z": every,
        "20070505T000000Z": every - {10, 35},
        "20071201T000000Z": every - {3, 4, 7, 9},
    }
    assert odd.verification.disagree == []
    # Gen2 opened whatever file the row led to; the rejects say why Gen3 does not.
    assert odd.verification.explained == 1 + 3 * 3


def test_a_second_time_nothing_is_written(odd):
    again = make_plan(recipe_for(odd.made), odd.butler._config.configDir.ospath)
    assert again.conflicts == []
    assert (again.written, again.certified) == ({}, {})
    assert again.existing["defects"] == 36 + 34 + 32


class Swapped(MegaPrime):
    """The chips of detectors 5 and 6 were exchanged on 2007-06-15 at noon UTC."""

    @property  # type: ignore[misc]
    def instrument(self) -> Instrument:
        right = MegaPrime().instrument
        noon = "2007-06-15T12:00:00"
        kept = tuple(s for s in right.serials if s.detector not in (5, 6))
        moved = (
            *(DetectorSerial(SERIALS[d], d, end=noon) for d in (5, 6)),
            *(DetectorSerial(SERIALS[11 - d], d, begin=noon) for d in (5, 6)),
        )
        return replace(right, serials=(*kept, *moved))


@pytest.fixture
def swapped(monkeypatch):
    point = importlib.metadata.EntryPoint("megaprime", f"{__name__}:Swapped", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])


def test_a_chip_that_moved_gives_each_detector_its_part(swapped, tmp_path):
    visits = (
        MegaVisit(900003, "2007-05-10T12:00:00.00", "g"),
        MegaVisit(900010, "2007-06-15T11:59:00.00", "g"),  # across the exchange
        MegaVisit(900011, "2007-06-20T12:00:00.00", "g"),
    )
    third = replace(THIRD, moved=False, extnames={5: "ccd06", 6: "ccd05"})
    done = convert(
        make_megaprime(tmp_path / "gen2", masks(SECOND, third, visits=visits)), tmp_path / "butler"
    )
    found = done.butler.registry.queryDatasetAssociations("defects", collections="MegaPrime/calib/gen2")
    parts = {
        (a.ref.dataId["detector"], fits.getval(done.butler.getURI(a.ref).ospath, "SERIAL")): (
            a.timespan.begin.utc.isot[:19],
            a.timespan.end.utc.isot[:19],
        )
        for a in found
        if a.ref.dataId["detector"] in (5, 6) and a.ref.run.split("/")[-1].startswith("20070505")
    }
    # The boundary yields to the exposure that began before it, as any other.
    begin, moved, end = "2007-05-05T00:00:00", "2007-06-15T12:04:00", "2007-12-01T00:00:00"
    assert parts == {
        (5, SERIALS[5]): (begin, moved),
        (6, SERIALS[6]): (begin, moved),
        (5, SERIALS[6]): (moved, end),
        (6, SERIALS[5]): (moved, end),
    }
    decisions = [d for d in done.plan.decisions if d.rule == "serial-mounted"]
    assert sum(len(c.data_ids) for d in decisions for c in d.changes) == 4
    assert all("serial number" in d.why and d.before != d.after for d in decisions)
    assert done.verification.disagree == []
    assert (done.verification.agree, done.verification.explained) == (3 * 36, 0)
    assert rejects(done) == {}


def test_a_file_of_the_place_before_the_exchange_is_a_reject(swapped, tmp_path):
    made = make_megaprime(tmp_path / "gen2", masks(THIRD, visits=()))
    plan = make_plan(recipe_for(made), str(tmp_path / "butler"))
    reasons = [r.reason for r in plan.rejects]
    assert len(reasons) == 2
    assert "is of detector 5 by its header, but serial 8351205 was at detector 6" in reasons[0]
    assert plan.written == {"defects": 34}


def test_a_chip_that_was_not_there_in_time_is_a_reject(monkeypatch, tmp_path):
    late = DetectorSerial(SERIALS[5], 5, begin="2009-01-01")

    class Late(MegaPrime):
        @property
        def instrument(self) -> Instrument:
            right = MegaPrime().instrument
            return replace(right, serials=(*(s for s in right.serials if s.detector != 5), late))

    entry = registry.CameraEntry("megaprime", "test", Late())
    monkeypatch.setattr(registry, "_load", lambda point: entry)
    made = make_megaprime(tmp_path / "gen2", masks(SECOND, visits=()))
    plan = make_plan(recipe_for(made, camera="megaprime"), str(tmp_path / "butler"))
    assert [r.reason for r in plan.rejects] == [
        "serial 8351205 was not mounted in 2007-05-05 to 2007-12-01, only at detector 5 from 2009-01-01; "
        "correct the registry, or leave it out with --exclude"
    ]


@pytest.mark.parametrize(
    ("policy", "kept"), [(Policy.LATEST_START, "20070505T000000Z"), (Policy.NARROWEST, "20070505T000000Z")]
)
def test_versions_that_overlap_follow_the_policies(tmp_path, policy, kept):
    made = make_megaprime(
        tmp_path / "gen2", masks(replace(FIRST, end="2008-02-17"), SECOND, visits=VISITS[2:4])
    )
    stopped = make_plan(recipe_for(made), str(tmp_path / "none"))
    assert len(stopped.conflicts) == 1 and "for 36 data IDs" in stopped.conflicts[0]
    done = convert(made, tmp_path / "butler", overlaps={"defects": policy})
    assert (f"MegaPrime/calib/gen2/{kept}", "2007-05-05T00:00:00+0", "2007-12-01T00:00:01+0") in ranges(
        done.butler, 20
    )
    assert done.rules[policy.value] >= 1
    assert done.verification.disagree == []


def test_masks_that_begin_together_have_runs_of_their_own(tmp_path):
    other = replace(SECOND, name="2007A.again", end="2007-06-01", moved=True)
    made = make_megaprime(tmp_path / "gen2", masks(SECOND, other, visits=()))
    done = convert(made, tmp_path / "butler", overlaps={"defects": Policy.NARROWEST})
    run = "MegaPrime/calib/gen2/20070505T000000Z"
    # 2007A.again comes before 2007A.mask.
    assert ranges(done.butler, 7) == [
        (run, "2007-05-05T00:00:00+0", "2007-06-01T00:00:01+0"),
        (f"{run}.1", "2007-06-01T00:00:01+0", "2007-12-01T00:00:01+0"),
    ]


def test_the_registry_in_the_calibration_root_and_its_other_tables(tmp_path):
    made = make_megaprime(tmp_path / "gen2", masks(SECOND, visits=(), defects=""))
    with closing(sqlite3.connect(made.calib / "defectRegistry.sqlite3")) as db, db:
        db.execute("CREATE TABLE notes (id integer primary key, text text)")
        db.execute("INSERT INTO notes (text) VALUES ('x')")
    plan = make_plan(recipe_for(made), str(tmp_path / "butler"))
    assert plan.written == {"defects": 36}
    why = {s.item: s.reason for s in plan.skips}
    assert (
        why[f"{made.calib}/defectRegistry.sqlite3: table notes"] == "1 row, of no dataset type of MegaPrime"
    )


def test_without_a_registry_nothing_is_said(tmp_path):
    made = make_megaprime(tmp_path / "gen2", MegaSpec((), ()))
    plan = make_plan(recipe_for(made), str(tmp_path / "butler"))
    assert not [x for x in (*plan.skips, *plan.rejects) if "efect" in f"{x.item} {x.reason}"]


def spoil(made: Gen2Repository, statement: str) -> None:
    with closing(sqlite3.connect(made.calib / "defects/defectRegistry.sqlite3")) as db, db:
        db.execute(statement)


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("UPDATE defect SET validEnd = 'None' WHERE id = 1", "'None' is not YYYY-MM-DD"),
        ("UPDATE defect SET validStart = 'soon' WHERE id = 1", "validStart: 'soon' is not YYYY-MM-DD"),
        ("UPDATE defect SET path = '../x.fits' WHERE id = 1", "x.fits"),
        ("UPDATE defect SET ccdSerial = NULL WHERE id = 1", "serial None was never mounted"),
        ("UPDATE defect SET validStart = '2007-12-02' WHERE id = 1", "runs backwards"),
    ],
)
def test_a_bad_row_is_one_reject(tmp_path, statement, wanted):
    made = make_megaprime(tmp_path / "gen2", masks(SECOND, visits=()))
    spoil(made, statement)
    plan = make_plan(recipe_for(made), str(tmp_path / "butler"))
    (reject,) = plan.rejects
    assert reject.item.endswith("table defect row 1") and wanted in reject.reason
    assert plan.certified == {"defects": 35}


def test_a_registry_of_another_kind_is_a_reject(tmp_path):
    made = make_megaprime(tmp_path / "gen2", masks(SECOND, visits=()))
    spoil(made, "ALTER TABLE defect RENAME COLUMN ccdSerial TO ccd")
    plan = make_plan(recipe_for(made), str(tmp_path / "butler"))
    (reject,) = plan.rejects
    assert "column ccdSerial is missing, found id, maskname" in reject.reason
    (made.calib / "defects/defectRegistry.sqlite3").write_bytes(b"no registry")
    (reject,) = make_plan(recipe_for(made), str(tmp_path / "butler")).rejects
    assert "is not a SQLite database" in reject.reason


@pytest.mark.parametrize("content", [b"version https://git-lfs.github.com/spec/v1\n", b"", b"junk"])
@pytest.mark.parametrize("mask", [SECOND, THIRD], ids=["recorded", "moved"])
def test_files_without_a_header(tmp_path, mask, content):
    made = make_megaprime(tmp_path / "gen2", masks(mask, visits=()))
    name = next(path for path, _ in mask.files())
    (made.calib / "defects" / name).write_bytes(content)
    plan = make_plan(recipe_for(made), str(tmp_path / "butler"))
    assert plan.written == {"defects": 35}
    assert any(name in r.path and "expected a FITS file" in r.reason for r in plan.rejects)
    assert any(r.item.endswith("table defect row 1") for r in plan.rejects)


def test_detectors_types_and_exclusions(tmp_path):
    made = make_megaprime(tmp_path / "gen2", masks(SECOND, visits=()))
    target = str(tmp_path / "butler")
    plan = make_plan(recipe_for(made, detectors=(5,)), target)
    assert plan.written == {"defects": 1}
    assert any("35 rows left out by --detectors" in s.reason for s in plan.skips)
    assert make_plan(recipe_for(made, types=("raw",)), target).written == {}
    plan = make_plan(recipe_for(made, exclude=("defects/2007A.mask/834175.fits",)), target)
    assert plan.written == {"defects": 35}
    assert [s.reason for s in plan.skips if s.item.endswith("834175.fits")] == [
        "defects left out by --types or --exclude"
    ]


def test_a_row_whose_file_is_missing_can_be_left_out(tmp_path):
    made = make_megaprime(tmp_path / "gen2", masks(replace(SECOND, missing=(0,)), visits=()))
    recipe = recipe_for(made, exclude=("defects/2007A.mask/834175.fits",))
    plan = make_plan(recipe, str(tmp_path / "butler"))
    assert plan.rejects == []
    assert [s.reason for s in plan.skips if s.item.endswith("table defect row 1")] == [
        "defects left out by --types or --exclude"
    ]


def test_a_link_to_nothing(tmp_path):
    made = make_megaprime(tmp_path / "gen2", masks(replace(SECOND, missing=(0,)), visits=()))
    (made.calib / "defects/2007A.mask/834175.fits").symlink_to("nowhere.fits")
    (reject,) = make_plan(recipe_for(made), str(tmp_path / "butler")).rejects
    assert reject.item.endswith("table defect row 1")
    assert reject.reason.startswith("defects/2007A.mask/834175.fits is a link to nothing")


def test_a_changed_registry_is_verified_again(tmp_path):
    made = make_megaprime(tmp_path / "gen2", masks(SECOND, visits=()))
    before = make_plan(recipe_for(made), str(tmp_path / "butler")).fingerprint
    spoil(made, "INSERT INTO defect (maskname, ccdSerial) VALUES ('x', 1)")
    after = make_plan(recipe_for(made), str(tmp_path / "butler")).fingerprint
    assert before != after and "defectRegistry.sqlite3" in after


def test_full_size(tmp_path):
    """As the real registry: ten masks that touch, no file where its row says."""
    made = make_megaprime(tmp_path / "gen2", masks(*FULL_MASKS, visits=()))
    plan = make_plan(recipe_for(made), str(tmp_path / "butler"))
    assert (plan.rejects, plan.conflicts) == ([], [])
    assert plan.written == plan.certified == {"defects": 360}
    (dialect,) = (d for d in plan.decisions if d.rule == "dialect")
    assert "324 end = next start" in dialect.before and "0 overlapping" in dialect.before
    assert {i.run.rpartition("/")[2] for i in plan.ingests} == {
        f"{m.begin.replace('-', '')}T000000Z" for m in FULL_MASKS
    }


def test_zones_for_all_types_do_not_shift_another_registry(tmp_path):
    made = make_megaprime(tmp_path / "gen2", masks(SECOND, visits=()))
    done = convert(made, tmp_path / "butler", zones={"*": "Asia/Tokyo"})
    assert ranges(done.butler, 0) == [
        ("MegaPrime/calib/gen2/20070505T000000Z", "2007-05-05T00:00:00+0", "2007-12-01T00:00:01+0")
    ]


def test_inspect_shows_the_table(odd):
    found = inspect_source(recipe_for(odd.made))
    (table,) = (t for t in found.tables if t.table == "defect")
    assert (table.dataset_types, table.rows, table.detectors) == (("defects",), 109, 37)
    assert str(table.validity) == "2003-05-23 .. 2008-02-17"
    (validity,) = (t for t in found.types if t.dataset_type == "defects")
    assert validity.dialect.startswith("A or C") and validity.evidence.touching == 72
    assert {r.value for r in validity.readings} == {"inclusive-times"}
    assert found.unknown_detectors == {f"serial {STRANGER}": 1}


def test_through_the_command_line(tmp_path):
    made = make_megaprime(tmp_path / "gen2", masks(*SMALL_MASKS, visits=VISITS[:2]))
    target = tmp_path / "butler"
    arguments = ["convert", str(made.root), str(target), "--calib", str(made.calib), "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["written"]["defects"], report["certified"]["defects"]) == (108, 108)
    assert report["verify"]["agree"] == 72 and report["verify"]["disagree"] == []
    again = CliRunner().invoke(main, ["verify", str(target), "--json"])
    assert again.exit_code == 0
    assert json.loads(again.stdout)["agree"] == 72
    assert Path(target / "gen2to3.sqlite3").is_file()
