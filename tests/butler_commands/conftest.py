"""The stock `butler` with our commands, in this process and in others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from lsst.daf.butler.cli.butler import ButlerCLI, cli
from lsst.daf.butler.cli.cliLog import CliLog

from fixtures.hsc import HscRepository, HscSpec, make_hsc
from fixtures.hsc_oddities import HscOddities
from tests.cli.conftest import run  # noqa: F401
from tests.importing.conftest import careless_sqlite  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
RESOURCES = ROOT / "converter/butler_commands/resources.yaml"

Run = Callable[..., Result]

# What an installation makes of pyproject.toml: the metadata in which `butler` finds entry points.
_METADATA = "import setuptools; setuptools.setup()"


@pytest.fixture
def butler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a command of the real program in this process."""
    # Named here, so that it does not matter what is installed.
    monkeypatch.setenv("DAF_BUTLER_PLUGINS", str(RESOURCES))
    ButlerCLI._getCommands.cache_clear()

    def invoke(*args: object) -> Result:
        try:
            return CliRunner().invoke(cli, [str(a) for a in args], prog_name="butler")
        finally:
            CliLog.resetLog()

    yield invoke
    ButlerCLI._getCommands.cache_clear()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.Popen[str]]:
    """Start `butler` in a process of its own that finds us by our entry point."""
    site = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _METADATA, "-q", "egg_info", "--egg-base", str(site)],
        cwd=ROOT,
        check=True,
    )

    def start(*args: object, python: tuple[str, ...] = (), **variables: str) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DAF_BUTLER")} | variables
        # In front of what is installed, of which there may be an older one.
        paths = [str(site), str(ROOT), variables.get("PYTHONPATH", "")]
        program = "from lsst.daf.butler.cli.butler import main; main()"
        return subprocess.Popen(
            # -P: the current directory may hold what an older installation left.
            [sys.executable, "-P", *python, "-c", program, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )

    return start


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> HscRepository:
    """In order; never changed by a test."""
    return make_hsc(tmp_path_factory.mktemp("good") / "gen2")


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> HscRepository:
    """With everything that makes a reject or a skip."""
    oddities = HscOddities.all(sky_outside_validity=False, overlapping_masters=False)
    return make_hsc(tmp_path_factory.mktemp("odd") / "gen2", HscSpec(oddities=oddities))


@pytest.fixture(scope="session")
def overlapping(tmp_path_factory: pytest.TempPathFactory) -> HscRepository:
    """With two biases valid at the same time."""
    spec = HscSpec(oddities=HscOddities(overlapping_masters=True))
    return make_hsc(tmp_path_factory.mktemp("overlapping") / "gen2", spec)


def error_line(result: Result) -> str:
    """The one line that an error is, besides what the Butler logs."""
    lines = [line for line in result.stderr.splitlines() if " INFO: " not in line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("gen2to3: error: ")
    return lines[0].removeprefix("gen2to3: error: ")
