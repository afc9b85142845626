"""Commands that are killed, each with the repository that it begins with and the sources that it reads."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from converter.cli import main
from fixtures.cp_delivery import CpSpec, make_cp_delivery
from fixtures.curated import make_package
from fixtures.hsc import HscSpec, make_hsc
from fixtures.hsc_oddities import HscOddities
from tests.blessing.conftest import make as make_suite
from tests.undoing.dump import dump, tree
from tests.undoing.test_undo import PLAN

from .child import run
from .snapshot import contradictions, difference, foreign, snapshot

SPEC = HscSpec(
    nights=("2014-10-01",),
    filters=("HSC-R",),
    bias=("2014-09-30", "2014-10-02"),
    dark=("2014-09-01",),
    defects=("2013-01-31T00:00:00",),
    oddities=HscOddities(row_without_file=True),
)
"""Raws, masters, defects and visits, as few as there can be of each, and one reject."""

COPY = ("convert", "{}/gen2", "{}/repo", "--transfer", "copy", "--no-verify")


@dataclass(frozen=True)
class Scenario:
    """One command.

    Parameters
    ----------
    prepare
        Makes the sources and, if the command needs one, the repository.
    args
        The command line, in which ``{}`` is the directory of all of it.
    status
        The command's exit status.
    """

    prepare: Callable[[Path], None]
    args: tuple[str, ...]
    status: int = 0

    def words(self, base: Path) -> list[str]:
        return [arg.replace("{}", str(base)) for arg in self.args]


def _gen2(base: Path) -> None:
    make_hsc(base / "gen2", SPEC)


def _command(base: Path, *args: str, status: int = 0) -> None:
    done = run(base, [arg.replace("{}", str(base)) for arg in args])
    assert done.status == status, done.output


def _many(base: Path) -> None:
    """More exposures than are given to one process at once."""
    none: dict[str, tuple[str, ...]] = dict.fromkeys(("bias", "dark", "flat", "defects"), ())
    make_hsc(base / "gen2", HscSpec(nights=("2014-10-01",), visits_per_night=130, detectors=(49,), **none))


def _first(base: Path) -> None:
    _gen2(base)
    _command(base, *COPY, status=1)


def _some(base: Path) -> None:
    _gen2(base)
    _command(base, *COPY, "--visits", "9040", status=1)


def _all(base: Path) -> None:
    _some(base)
    _command(base, *COPY, status=1)


def _changed(base: Path) -> None:
    _all(base)
    file = sorted((base / "gen2/CALIB/BIAS").rglob("*.fits"))[0]
    file.write_bytes(file.read_bytes() + bytes(2880))
    os.utime(file, (1_500_000_000, 1_500_000_000))


def _package(base: Path) -> None:
    make_package(base / "packages", "latiss")


def _delivery(base: Path) -> None:
    make_cp_delivery(
        base / "delivery", CpSpec(nights=("2014-10-01", "2014-10-02"), bands=("g",), ccds=(1, 2))
    )


def _suite(base: Path) -> None:
    make_suite(base / "repo", base / "sources")
    (base / "suite.yaml").write_text(PLAN)


SCENARIOS = {
    "copied": Scenario(_gen2, COPY, 1),
    "linked": Scenario(_gen2, ("convert", "{}/gen2", "{}/repo"), 1),
    "more": Scenario(_some, COPY, 1),
    "superseded": Scenario(_changed, (*COPY, "--supersede"), 1),
    "imported": Scenario(
        _delivery,
        (
            "import-calibs",
            "{}/repo",
            "{}/delivery",
            "--camera",
            "decam",
            "--validity",
            "rule:previous-afternoon",
        ),
    ),
    "curated": Scenario(_package, ("curate", "{}/repo", "{}/packages/obs_lsst_data", "--camera", "latiss")),
    "blessed": Scenario(_suite, ("bless", "{}/repo", "{}/suite.yaml", "--transfer", "copy")),
    "undone": Scenario(_all, ("undo", "{}/repo", "2")),
    "many": Scenario(_many, ("convert", "{}/gen2", "{}/repo", "--no-visits", "--no-verify")),
    "undone-all": Scenario(_first, ("undo", "{}/repo", "1")),
}


KILLED = tuple(name for name in SCENARIOS if name != "many")
"""Those of which all points are tried. The other has hundreds of equal ones."""


class Place:
    """A scenario that can be run again and again from its beginning.

    Parameters
    ----------
    name
        Of the scenario.
    base
        A new directory.

    Attributes
    ----------
    writes
        What the command writes when nothing interrupts it.
    """

    def __init__(self, name: str, base: Path) -> None:
        self.scenario = SCENARIOS[name]
        self.base, self.repo = base, base / "repo"
        self.kept = base.with_name(f"{base.name}.before")
        self.words = self.scenario.words(base)
        base.mkdir(parents=True)
        self.scenario.prepare(base)
        if self.repo.exists():
            shutil.copytree(self.repo, self.kept, symlinks=True)
        # In this process, so that those that are forked have everything imported.
        result = CliRunner().invoke(main, self.words, prog_name="gen2to3")
        assert result.exit_code == self.scenario.status, result.output
        self.restore()
        self.sources = self.source()
        done = run(base, self.words, with_states=True)
        assert done.status == self.scenario.status, done.output
        self.writes = done.writes
        self.whole, self.dumped = snapshot(self.repo), dump(self.repo)
        # What was there before and is not in the ledger, as in a repository that others made.
        self.foreign = foreign(self.kept) if self.kept.exists() else frozenset()
        assert not contradictions(self.repo, self.foreign)

    def restore(self) -> None:
        """Have the repository as it was before the command."""
        self.remove()
        if self.kept.exists():
            shutil.copytree(self.kept, self.repo, symlinks=True)

    def remove(self) -> None:
        """Have no repository."""
        shutil.rmtree(self.repo, ignore_errors=True)

    def source(self) -> dict[str, Any]:
        """Digests of all that the command reads."""
        return {d.name: tree(d) for d in self.base.iterdir() if d.is_dir() and d != self.repo}

    def finish(self) -> str:
        """Give the command again; what is wrong then, "" if nothing is."""
        done = run(self.base, self.words)
        if done.status not in (self.scenario.status, 0):
            return f"exit status {done.status}: {done.output[-1000:]}"
        if wrong := contradictions(self.repo, self.foreign):
            return "; ".join(wrong)
        return difference(self.whole, snapshot(self.repo))
