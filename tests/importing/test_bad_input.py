"""What can be wrong with a delivery or its validity: one line each, the exit status, and the good input beside it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from fixtures import fits
from fixtures.cp_delivery import CpSpec, Oddity, cp_name, make_cp_delivery, odd_file

from .place import Place, Row, contents, digest

NIGHTS = ("2015-02-16", "2015-02-17")
CCDS = (1, 2)
ODD = "2015-02-25"
HEAD = "dataset_type,detector,physical_filter,calib_date,begin,end,scale\n"
GOOD = HEAD + "".join(
    f"*,,,{night},{night}T12:00:00,{after}T12:00:00,\n"
    for night, after in ((NIGHTS[0], NIGHTS[1]), (NIGHTS[1], "2015-02-18"))
)
RUN = "DECam/calib/imported/201502{}T000000Z"
BIASES = {Row("cpBias", ccd, None, RUN.format(day)) for ccd in CCDS for day in (16, 17)}


@dataclass(frozen=True)
class BadImport:
    """One thing that is wrong.

    Parameters
    ----------
    name
        What it is.
    line
        Regular expression of the line that is said of it; with `lines` 0 it
        is among what is skipped.
    make
        Spoils the delivery.
    table
        The validity table, as text or as bytes; `None` for none at all.
    status
        Exit status.
    lines
        Number of lines that are said.
    uncertified
        Good masters that get no range.
    added
        Masters that are there besides the good ones.
    """

    name: str
    line: str
    make: Callable[[Path], object] = lambda source: None
    table: str | bytes | None = GOOD
    status: int = 1
    lines: int = 1
    uncertified: frozenset[Row] = field(default_factory=frozenset)
    added: frozenset[Row] = field(default_factory=frozenset)


def odd(what: Oddity) -> Callable[[Path], object]:
    def make(source: Path) -> None:
        for name, content in odd_file(what, ODD, CCDS).items():
            fits.write(source / what / name, content)

    return make


def added_line(text: str) -> str:
    return f"{GOOD}{text}\n"


NAME = re.escape(cp_name("zci", ODD))
ALL = frozenset(BIASES)
OF_ODD = frozenset(Row("cpBias", ccd, None, RUN.format(25)) for ccd in CCDS)

CASES = [
    BadImport(
        "overlapping lines",
        r"cpBias: masters 20150216T000000Z and 20150217T000000Z are both valid in",
        table=added_line("cpBias,,,2015-02-16,2015-02-17T00:00:00,2015-02-17T18:00:00,"),
        status=3,
        lines=1,
    ),
    BadImport(
        "begin after end",
        r"nights\.csv line 4: .*2015-02-20.*2015-02-19",
        table=added_line("cpBias,,,2015-02-16,2015-02-20,2015-02-19,"),
    ),
    BadImport(
        "unknown scale",
        r"nights\.csv line 4: unknown scale 'utm': utc or tai was expected",
        table=added_line("cpBias,,,2015-02-16,2015-02-20,,utm"),
    ),
    BadImport(
        "unknown detector",
        r"nights\.csv line 4: unknown detector '63': it is none of those of DECam",
        table=added_line("cpBias,63,,2015-02-16,2015-02-20,,"),
    ),
    BadImport(
        "unknown filter",
        r"nights\.csv line 4: unknown physical_filter 'ultra': it is none of those of DECam",
        table=added_line("cpFlat,,ultra,2015-02-16,2015-02-20,,"),
    ),
    BadImport(
        "unknown dataset type",
        r"nights\.csv line 4: unknown dataset_type 'cpBais': it is none of those of DECam",
        table=added_line("cpBais,,,2015-02-16,2015-02-20,,"),
    ),
    BadImport(
        "time that is none",
        r"nights\.csv line 4: .*'soon'",
        table=added_line("cpBias,,,2015-02-16,soon,,"),
    ),
    BadImport(
        "unknown column",
        r"nights\.csv line 1: .*'detektor'",
        table=GOOD.replace("detector", "detektor"),
        uncertified=ALL,
    ),
    BadImport("table missing", r"nights\.csv cannot be read: No such file", table=None, status=2),
    BadImport("table empty", r"nights\.csv is empty", table="", status=2),
    BadImport("table not UTF-8", r"nights\.csv.*UTF-8", table=GOOD.encode() + b"cpBias\xff,,,\n", status=2),
    BadImport(
        "table an LFS pointer", r"nights\.csv is a Git LFS pointer", table=fits.lfs_pointer("x"), status=2
    ),
    BadImport(
        "header says flat, name says bias",
        NAME + r": header and name disagree on the dataset_type: OBSTYPE = 'dome flat'.*'zci'",
        odd("header-says-flat"),
    ),
    BadImport(
        "header and name of two nights",
        r"zci_v1\.fits\.fz: header and name disagree on the calib_date: ",
        odd("other-night"),
    ),
    BadImport(
        "header and name of two filters",
        r"fci_r_v1\.fits\.fz: header and name disagree on the physical_filter: ",
        odd("other-band"),
    ),
    BadImport("header cut off", NAME + r": .*copy the file again", odd("no-end")),
    BadImport("data cut off", NAME + r": is cut off, \d+ bytes are missing", odd("cut-data")),
    BadImport("LFS pointer", NAME + r": is a Git LFS pointer.*git lfs pull", odd("lfs-pointer")),
    BadImport("empty file", NAME + r": is empty \(0 bytes\)", odd("empty")),
    BadImport("filter said by nobody", r"fci\.fits: expected the physical_filter", odd("no-filter-at-all")),
    BadImport("extensions out of place", NAME + r": .*--split-masters", odd("out-of-place")),
    BadImport(
        "the same master under two names",
        r"copy/c4d_150225_193000_zci_v1\.fits\.fz: .*same",
        odd("copy"),
        status=0,
        lines=0,
        added=OF_ODD,
    ),
    BadImport(
        "two versions of a master",
        r"zci_v1\.fits\.fz: .*zci_v2\.fits\.fz",
        odd("same-night"),
        lines=2,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input(case: BadImport, tmp_path: Path, empty_repository: Path) -> None:
    place = Place(tmp_path)
    make_cp_delivery(place.source, CpSpec(nights=NIGHTS, bands=(), ccds=CCDS))
    case.make(place.source)
    table = tmp_path / "nights.csv"
    if case.table is not None:
        table.write_bytes(case.table if isinstance(case.table, bytes) else case.table.encode())
    shutil.copytree(empty_repository, place.target)
    source, target = digest(place.source), contents(place.target)
    options = ("--camera", "decam", "--validity", table)

    planned = place.imported(*options, "--dry-run", "-v")
    assert contents(place.target) == target, "planning wrote something"
    done = place.imported(*options, "--json")
    for run in (planned, done):
        assert "Traceback" not in run.err + run.out and "internal error" not in run.err
    assert digest(place.source) == source, "the source was changed"
    assert (planned.status, done.status) == (case.status, case.status), (done.err, done.out)
    if case.status == 2:
        assert done.out == ""
        _check(case, done.wrong)
        assert contents(place.target) == target
        return
    result = done.json
    if case.lines:
        _check(case, planned.wrong)
    else:
        assert not planned.wrong
        assert sum(bool(re.search(case.line, line)) for line in done.skipped) == 1, done.skipped
    if case.status == 3:
        assert result["conversion"] is None and "nothing was written" in done.err
        assert contents(place.target) == target
        return
    assert len(result["rejected"]) == case.lines and not result["conflicts"]
    assert place.datasets() == BIASES | case.added
    assert set(place.ranges()) == BIASES - case.uncertified


def _check(case: BadImport, said: list[str]) -> None:
    assert len(said) == case.lines, "\n".join(said)
    assert re.search(case.line, said[0]), said[0]


def test_a_master_that_is_certified_for_another_range(tmp_path: Path) -> None:
    place = Place(tmp_path)
    make_cp_delivery(place.source, CpSpec(nights=NIGHTS[:1], bands=(), ccds=tuple(range(1, 63))))
    first = place.table("dataset_type,begin,end\ncpBias,2015-02-16,2015-02-17\n", "first.csv")
    assert place.imported("--camera", "decam", "--validity", first).status == 0
    ranges, before = place.ranges(), contents(place.target)
    other = place.table("dataset_type,begin,end\ncpBias,2015-02-16,2015-02-18\n", "other.csv")
    done = place.imported("--validity", other)
    assert done.status == 3 and "nothing was written" in done.err
    (line,) = done.wrong
    assert line.startswith("conflict  ") and "cpBias" in line and "62" in line
    assert len(place.imported("--validity", other, "--json").json["conflicts"]) == 62
    assert place.ranges() == ranges and contents(place.target) == before
    butler = Butler.from_config(str(place.target), writeable=False)
    assert butler.collections.get_info("DECam/calib").children == ("DECam/calib/imported",)


def test_another_master_that_is_certified_for_the_time(tmp_path: Path) -> None:
    """A master of the repository that the delivery does not have."""
    place = Place(tmp_path)
    make_cp_delivery(place.source, CpSpec(nights=NIGHTS[:1], bands=(), ccds=CCDS))
    assert place.imported("--camera", "decam", "--validity", "rule:until-next").status == 0
    before = contents(place.target)
    place.source = tmp_path / "next"
    make_cp_delivery(place.source, CpSpec(nights=NIGHTS[1:], bands=(), ccds=CCDS))
    done = place.imported("--validity", "rule:until-next", "--json")
    assert done.status == 3 and done.json["conflicts"]
    assert contents(place.target) == before
