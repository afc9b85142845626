"""A process that is killed while it writes: a dataset type is there as a whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sampling import some

from .reading import chains, files, ranges

# The real thing, but for the blow: it falls when a dataset type is certified and not yet committed.
DRIVER = """\
import os, signal, sys
from converter.writers import batch
from converter.cli import main

certify, killed = batch.certify, sys.argv[1]

def then_die(butler, operations, references=None):
    certify(butler, operations, references)
    if any(o.dataset_type == killed for o in operations):
        os.kill(os.getpid(), signal.SIGKILL)

batch.certify = then_die
del sys.argv[0:2]
main(sys.argv)
"""


@pytest.mark.parametrize("killed", some(["defects", "crosstalk", "linearizer"], 1))
def test_killed_in_a_transaction(run_json, decam: Path, tmp_path: Path, killed: str) -> None:
    repo = tmp_path / "repo"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, killed, "curate", str(repo), str(decam), "--camera", "decam"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root), "TMPDIR": str(tmp_path)},
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    order = ["crosstalk", "defects", "linearizer"]
    numbers = {"crosstalk": 3, "defects": 12, "linearizer": 3}
    whole = order[: order.index(killed)]
    for dataset_type in order:
        number = numbers[dataset_type] if dataset_type in whole else 0
        assert len(files(repo, dataset_type)) == number
        assert len(ranges(repo, "DECam/calib/curated", dataset_type)) == number
    assert chains(repo) == {}

    status, result = run_json("curate", repo, decam)
    assert (status, result["conflicts"]) == (0, [])
    assert result["written"] == {t: n for t, n in numbers.items() if t not in whole}
    assert result["existing"] == {t: numbers[t] for t in whole}
    for dataset_type in order:
        assert len(files(repo, dataset_type)) == numbers[dataset_type]
        assert len(ranges(repo, "DECam/calib/curated", dataset_type)) == numbers[dataset_type]
    assert chains(repo)["DECam/calib"] == ("DECam/calib/curated",)
    status, result = run_json("curate", repo, decam)
    assert (status, result["operations"]) == (0, 0)


def test_killed_in_a_repository_that_is_there(run_json, decam: Path, tmp_path: Path) -> None:
    """Files are then made in the repository itself, and what is left of them goes with the next run."""
    repo = tmp_path / "repo"
    run_json("curate", repo, decam, "--camera", "decam", "--types", "crosstalk")
    root = Path(__file__).resolve().parents[2]
    subprocess.run(
        [sys.executable, "-c", DRIVER, "defects", "curate", str(repo), str(decam)],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=120,
        check=False,
    )
    assert len(list(repo.glob(".gen2to3-staging-*"))) == 1
    assert ranges(repo, "DECam/calib/curated", "defects") == {}
    status, result = run_json("curate", repo, decam)
    assert (status, result["written"]) == (0, {"defects": 12, "linearizer": 3})
    assert not list(repo.glob(".gen2to3-staging-*"))
    assert all(p.is_file() for p, _, _ in files(repo, "defects").values())
