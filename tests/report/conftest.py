"""One converted repository with everything that a report shows, and one browser."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from converter.cli import main
from converter.convert import Outcome, convert
from converter.overlaps import Policy
from converter.recipe import Recipe
from fixtures.hsc import HscSpec, make_hsc
from fixtures.hsc_oddities import HscOddities
from fixtures.repository import Gen2Repository

HOSTILE = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>\"'&amp;"

SPEC = HscSpec(
    nights=("2014-10-01", "2014-10-02"),
    detectors=(41, 49, 50),
    bias=("2014-10-01", "2014-10-02", "2014-10-03"),
    flat=("2014-09-28", "2014-10-02"),
    straddling=True,
    oddities=HscOddities(overlapping_masters=True, row_without_file=True, unset_validity=True),
)


@dataclass(frozen=True)
class World:
    """A Gen2 repository, what it was converted to, and how that went."""

    made: Gen2Repository
    target: Path
    outcome: Outcome

    @property
    def ledger(self) -> Path:
        return self.target / "gen2to3.sqlite3"


def make_world(place: Path) -> World:
    """HSC with an overlap, boundaries that cut exposures, rejects, and texts that are no HTML."""
    made = make_hsc(place / "gen2", SPEC)
    (made.root / "CALIB" / f"BIAS-{HOSTILE.replace('/', '-')}.fits").write_bytes(b"")
    with closing(sqlite3.connect(made.root / "CALIB/calibRegistry.sqlite3")) as db, db:
        # The first dark of CCD 50: nothing else depends on it.
        (row,) = db.execute("select min(id) from dark where ccd = 50").fetchone()
        db.execute("update dark set validEnd = ? where id = ?", (HOSTILE, row))
    outcome = convert(Recipe(str(made.root), overlaps={"*": Policy.LATEST_START}), str(place / "gen3"))
    assert not outcome.stopped and outcome.failure is None
    return World(made, place / "gen3", outcome)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Read only."""
    return make_world(tmp_path_factory.mktemp("reported"))


@pytest.fixture(scope="session")
def said(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What --json prints of it."""
    output = tmp_path_factory.mktemp("said") / "report.html"
    words = ["report", str(world.target), "-o", str(output), "--json"]
    result = CliRunner().invoke(main, words, prog_name="gen2to3")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def copied(world: World, tmp_path: Path) -> Path:
    """A copy of the repository that may be changed."""
    shutil.copytree(world.target, tmp_path / "gen3", symlinks=True)
    return tmp_path / "gen3"


Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Run a command in this process."""

    def invoke(*args: object) -> Result:
        return CliRunner().invoke(main, [str(a) for a in args], prog_name="gen2to3")

    return invoke


@pytest.fixture
def report_json(run: Run, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Make a report and give the object that --json prints."""

    def invoke(*args: object) -> dict[str, Any]:
        result = run("report", *args, "-o", tmp_path / "report.html", "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return invoke


CHROMIUM = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--window-size=1200,900",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real Chromium, skipped where there is none."""
    selenium = pytest.importorskip("selenium", reason="no browser tests: selenium is not installed")
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("no browser tests: install chromium and chromium-driver")
    assert selenium is not None
    from selenium.webdriver import Chrome
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = programs[0]
    for argument in (*CHROMIUM, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=Service(programs[1]))
    yield driver
    driver.quit()
