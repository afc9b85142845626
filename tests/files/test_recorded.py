"""What the ledger says of files: one reading of it for `convert`, `verify --files` and `--transfer move`."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.gallery.place import BIAS, Place, digest

SUITE = """
collection: HSC/calib/suite
certify:
- {from: HSC/calib/gen2/20141002T000000Z, type: bias, range: [2014-10-01, '']}
"""

HALF_WRITTEN = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("pragma cache_size = 1")
db.execute("begin")
db.execute("update items set file = '/nowhere/' || hex(zeroblob(2000)), size = 1")
os._exit(0)
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    assert made.convert("--no-verify", "--transfer", "copy").status == 0
    return made


def ledger(place: Place) -> Path:
    return place.target / "gen2to3.sqlite3"


def check(place: Place, *options: str) -> tuple[int, dict]:
    run = place.run("verify", place.target, "--files", *options, "--json")
    return run.status, json.loads(run.out)["files"]


def test_lines_of_bless_hide_nothing(place: Place) -> None:
    """The ranges of a suite are recorded under the names of datasets, without file, size and time."""
    (place.tmp / "suite.yaml").write_text(SUITE)
    run = place.run("bless", place.target, place.tmp / "suite.yaml", "--json")
    assert (run.status, run.json["certified"]) == (0, {"bias": 2})
    status, found = check(place, "--checksum")
    assert (status, found["others"], found["unknown"]) == (0, 0, 0)
    assert place.convert("--no-verify", "--transfer", "copy", "--json").json["conversion"] is None
    os.utime(place.calib / BIAS, ns=(0, 0))
    run = place.convert("--no-verify", "--transfer", "copy", "--json")
    assert run.status == 3
    (conflict,) = run.json["conflicts"]
    assert str(place.calib / BIAS) in conflict


def test_the_check_makes_no_ledger(place: Place) -> None:
    ledger(place).unlink()
    before = digest(place.target)
    for options in ((), ("--checksum",), ("--repair",)):
        assert check(place, *options)[1]["others"] == 16
    assert digest(place.target) == before


def test_a_ledger_in_which_nothing_is_yet(place: Place) -> None:
    """What a process leaves that is killed between making the file and its tables."""
    ledger(place).write_bytes(b"")
    status, found = check(place, "--checksum")
    assert (status, found["others"]) == (0, 16)
    assert ledger(place).read_bytes() == b""
    assert place.convert("--no-verify", "--transfer", "copy").status == 0
    assert check(place)[1]["others"] == 0


@pytest.mark.parametrize("command", ["verify", "plan"])
def test_a_transaction_that_was_killed(place: Place, command: str) -> None:
    """A half written ledger is read as it was before."""
    before = ledger(place).read_bytes()
    subprocess.run([sys.executable, "-c", HALF_WRITTEN, str(ledger(place))], check=True, timeout=60)
    journal = ledger(place).with_name(f"{ledger(place).name}-journal")
    assert journal.stat().st_size > 0 and ledger(place).read_bytes() != before
    if command == "verify":
        status, found = check(place, "--checksum")
        assert (status, found["others"], found["unknown"]) == (0, 0, 0)
    else:
        run = place.run("plan", place.root, place.target, "--transfer", "copy", "--json")
        assert (run.status, run.json["written"], run.json["conflicts"]) == (0, {}, [])
    assert not journal.exists()


def test_a_ledger_from_before_there_were_moves(place: Place) -> None:
    with closing(sqlite3.connect(ledger(place))) as db, db:
        db.execute("drop table moves")
    new = place.root / place.add_raw(9044)
    planned = place.run("plan", place.root, place.target, "--transfer", "move", "--json")
    assert (planned.status, planned.json["written"]) == (0, {"raw": 1})
    run = place.convert("--transfer", "move", "--i-know-that-files-are-moved", "--json")
    assert (run.status, run.json["moved"]) == (0, {"deleted": 1, "kept": []})
    assert not new.exists()
    assert check(place, "--checksum")[0] == 0


def test_what_was_copied_stays_copied_when_it_is_found_again(place: Place) -> None:
    """A new modification time is recorded by a conversion that moves other files, not this one."""
    path = place.calib / BIAS
    os.utime(path, ns=(0, 0))
    before = {p: p.read_bytes() for p in place.root.rglob("*.fits")}
    new = place.root / place.add_raw(9044)
    move = ("--transfer", "move", "--i-know-that-files-are-moved")
    run = place.convert(*move, "--checksum", "--json")
    assert (run.status, run.json["moved"]) == (0, {"deleted": 1, "kept": []})
    assert not new.exists()
    assert {p: p.read_bytes() for p in place.root.rglob("*.fits")} == before
