"""Commands, data packages, and where the real ones are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from converter.cli import main
from fixtures.curated import make_package

RunJson = Callable[..., tuple[int, dict[str, Any]]]
Run = Callable[..., Result]


@pytest.fixture(scope="session")
def run() -> Run:
    """Run a command in this process."""

    def invoke(*args: object) -> Result:
        return CliRunner().invoke(main, [str(a) for a in args], prog_name="gen2to3")

    return invoke


@pytest.fixture(scope="session")
def run_json(run: Run) -> RunJson:
    """Run with --json: exit status and the object."""

    def invoke(*args: object) -> tuple[int, dict[str, Any]]:
        result = run(*args, "--json")
        assert result.stdout, result.stderr
        return result.exit_code, json.loads(result.stdout)

    return invoke


@pytest.fixture
def decam(tmp_path: Path) -> Path:
    return make_package(tmp_path / "packages", "decam")


@pytest.fixture
def hsc(tmp_path: Path) -> Path:
    return make_package(tmp_path / "packages", "hsc")


@pytest.fixture
def latiss(tmp_path: Path) -> Path:
    return make_package(tmp_path / "packages", "latiss")


@pytest.fixture(scope="session")
def data() -> Path:
    """Where the real packages and exports are."""
    shared = os.environ.get("GEN2TO3_SHARED")
    base = (Path(shared) if shared else Path(__file__).resolve().parents[2].parent / "shared") / "data"
    if not (base / "curated").is_dir():
        pytest.skip(f"real data packages are not at {base} (set GEN2TO3_SHARED)")
    return base
