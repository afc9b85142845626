from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from converter.cli import main
from fixtures.hsc import HscRepository, HscSpec, make_hsc
from fixtures.hsc_oddities import HscOddities

Run = Callable[..., Result]

# All that leads to rejects or skips; two masters at once would stop the conversion.
ODDITIES = HscOddities.all(sky_outside_validity=False, overlapping_masters=False)


@pytest.fixture
def run() -> Run:
    """Run a command in this process."""

    def invoke(*args: object) -> Result:
        return CliRunner().invoke(main, [str(a) for a in args], prog_name="gen2to3")

    return invoke


@pytest.fixture
def run_json(run: Run) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Run with --json: exit status and the object."""

    def invoke(*args: object) -> tuple[int, dict[str, Any]]:
        result = run(*args, "--json")
        return result.exit_code, json.loads(result.stdout)

    return invoke


def run_process(*args: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does."""
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-m", "converter.cli", *map(str, args)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=120,
        check=False,
        **options,
    )


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> HscRepository:
    """In order; never changed by a test."""
    return make_hsc(tmp_path_factory.mktemp("good") / "gen2")


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> HscRepository:
    """With everything that makes a reject or a skip."""
    return make_hsc(tmp_path_factory.mktemp("odd") / "gen2", HscSpec(oddities=ODDITIES))


@pytest.fixture(scope="session")
def overlapping(tmp_path_factory: pytest.TempPathFactory) -> HscRepository:
    """With two biases valid at the same time."""
    spec = HscSpec(oddities=HscOddities(overlapping_masters=True))
    return make_hsc(tmp_path_factory.mktemp("overlapping") / "gen2", spec)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real Gen2 repositories, one directory per camera."""
    shared = os.environ.get("GEN2TO3_SHARED")
    base = Path(shared) if shared else Path(__file__).resolve().parents[2].parent / "shared"
    if not (base / "data").is_dir():
        pytest.skip(f"real repositories are not at {base / 'data'} (set GEN2TO3_SHARED)")
    return base / "data"


def error_line(result: Result | subprocess.CompletedProcess[str]) -> str:
    """The one line that an error is, on stderr."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("gen2to3: error: ")
    return lines[0]


def lookups(verification: dict[str, Any]) -> int:
    """All outcomes of a verification added up."""
    return (
        verification["agree"]
        + verification["explained"]
        + len(verification["disagree"])
        + sum(verification["gen2_none"].values())
        + sum(verification["gen2_ambiguous"].values())
    )
