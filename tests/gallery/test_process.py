"""The same as a user sees it: a process, its streams and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .place import BIAS, GOOD, Datasets, Place

REPOSITORY = Path(__file__).parents[2]


def convert(place: Place, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "converter.cli", "convert", str(place.root), str(place.target), *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=120, check=False)


def test_missing_root(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.root = tmp_path / "gone"
    done = convert(place)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"gen2to3: error: Gen2 root {place.root} does not exist\n"
    assert not place.target.exists()


def test_reject(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (place.calib / BIAS).write_bytes(b"")
    done = convert(place, "--json")
    assert (done.returncode, done.stderr) == (1, "")
    (reject,) = json.loads(done.stdout)["rejected"]
    assert reject["item"] == str(place.calib / BIAS)
    assert Datasets(place.target).lines < GOOD


def test_conflict(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.add_master("bias", "2014-09-25", "2014-09-20", "2014-10-01")
    done = convert(place)
    assert done.returncode == 3
    assert done.stderr == "gen2to3: error: 1 conflict, nothing was written\n"
    assert not place.target.exists()
