"""Hostile repositories with the real command, in a process that cannot have more memory than it should need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sampling import FULL, some

from .cases import CASES
from .cases_hostile import gzip_bomb
from .limited import run_limited
from .place import GOOD, Datasets, Place, digest

BASE_MIB = 320
"""What the command takes of a small repository, twice: half of it is the libraries."""

ROW_BYTES = 2048
"""What a row of a registry may take."""

ROWS = 1_500_000 if FULL else 60_000

HEAVY = (
    "raw whose header has 10 GB",
    "raw that is a gzip bomb of 10 GB",
    "field of twenty megabytes",
    "YAML whose aliases explode",
    "YAML of five megabytes",
    "template as wide as the memory",
    "view without end in place of a table",
)


@pytest.mark.parametrize("name", some(HEAVY, 4))
def test_memory(name: str, tmp_path: Path) -> None:
    (case,) = [case for case in CASES if case.name == name]
    place = Place(tmp_path)
    case.make(place)
    before = digest(place.root)
    done = run_limited("convert", place.root, place.target, *case.options, address_space_mib=2048)
    assert done.status == case.status, done.err
    assert "Traceback" not in done.err and "internal error" not in done.err
    assert done.mib <= BASE_MIB
    assert max(map(len, (done.out + done.err).splitlines())) < 21_000
    assert digest(place.root) == before
    if case.status < 2:
        assert Datasets(place.target).lines >= {line for line in GOOD if "detector=50" in line}


def same_key(table: str, change: str = "") -> Callable[[Place], None]:
    """One row of a table, again and again."""

    def make(place: Place) -> None:
        database = place.registry if table == "raw" else place.calib_registry
        place.unconstrained(database, table)
        place.sql(
            database,
            f"INSERT INTO {table} SELECT r.* FROM {table} r, (WITH RECURSIVE n(x) AS "  # noqa: S608
            f"(SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT {ROWS}) SELECT x FROM n) WHERE r.rowid = 1",
        )
        if change:
            place.sql(database, change)

    return make


MANY = {
    "one raw": (same_key("raw"), 0),
    "one raw, each with a path of its own": (
        same_key("raw", "UPDATE raw SET field = 'F' || rowid WHERE rowid > 4"),
        1,
    ),
    "one master": (same_key("bias"), 0),
    "one master, each with a range of its own": (
        same_key(
            "bias",
            "UPDATE bias SET validStart = date('2010-01-01', '+' || (rowid % 1500) || ' days') WHERE rowid > 4",
        ),
        None,
    ),
}


@pytest.mark.parametrize("what", MANY)
def test_millions_of_rows_of_one_key(what: str, tmp_path: Path) -> None:
    make, status = MANY[what]
    place = Place(tmp_path)
    make(place)
    before = digest(place.root)
    done = run_limited(
        "convert", place.root, place.target, "--no-verify", address_space_mib=8192, seconds=1800
    )
    assert status is None or done.status == status, done.err
    assert done.status in (0, 1, 3)
    assert "Traceback" not in done.err and "internal error" not in done.err
    assert done.mib <= BASE_MIB + ROWS * ROW_BYTES / 2**20
    assert digest(place.root) == before
    if done.status != 3:
        assert {line.partition(" valid")[0] for line in Datasets(place.target).lines} >= {
            line.partition(" valid")[0] for line in GOOD
        }


def test_more_rows_than_were_expected(tmp_path: Path) -> None:
    """Beyond the limit the table costs nothing, and the other registry is converted."""
    place = Place(tmp_path)
    same_key("raw")(place)
    done = run_limited("convert", place.root, place.target, "--max-rows", ROWS, address_space_mib=2048)
    assert done.status == 1
    (line,) = [line for line in done.out.splitlines() if line.startswith("reject")]
    assert f"table raw has more than {ROWS} rows; if they are meant, give --max-rows N" in line
    assert done.mib <= BASE_MIB
    assert Datasets(place.target).lines == {line for line in GOOD if not line.startswith("raw")}


def test_masters_that_are_gzip_bombs(tmp_path: Path) -> None:
    """A master's header is read where masters come without a registry."""
    place = Place(tmp_path)
    names = ("bomb.fits", "bomb.fits.fz", "bomb.fits.gz")
    for name in names:
        (place.elsewhere / name).write_bytes(gzip_bomb())
    files = [place.elsewhere / name for name in names]
    options = ("--camera", "hsc", "--validity", "rule:previous-afternoon", "--dry-run")
    done = run_limited("import-calibs", place.target, *files, *options, address_space_mib=2048)
    assert done.status == 1, done.err
    rejects = [line for line in done.out.splitlines() if line.startswith("reject")]
    assert len(rejects) == len(names)
    for name, line in zip(names, rejects, strict=True):
        assert f"/{name}: expected an END card, found none within " in line
    assert done.mib <= BASE_MIB


def test_the_limit_is_one(tmp_path: Path) -> None:
    """The test can fail: without leave to have memory the command breaks off."""
    place = Place(tmp_path)
    same_key("raw")(place)
    done = run_limited("plan", place.root, place.target, address_space_mib=1)
    assert done.status != 0
