"""The benchmark of curate on a small package: it runs, and both sides wrote the same."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measure import CHECKOUT
from fixtures.curated import make_package
from tests.sampling import FULL


@pytest.mark.skipif(not FULL, reason="takes long: make test-full")
def test_it_runs(tmp_path: Path) -> None:
    package, output = make_package(tmp_path, "hsc"), tmp_path / "result.json"
    words = ["--package", package, "--repeat", "1", "--dir", tmp_path / "work", "--output", output]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.curating", *words],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(output.read_text())
    assert result["written"] == {"defects": 12}
    assert 0 < result["making_s"] < result["curate_s"]
    assert result["ratio_without_making"] < result["ratio"]
    assert "ratio" in done.stdout and "WRONG" not in done.stdout
