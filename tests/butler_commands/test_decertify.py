"""`butler decertify-calibrations`: ranges taken off, and put back by `undo`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from lsst.daf.butler import Butler

from converter.cli import main
from fixtures.hsc import HscRepository
from tests.undoing.dump import dump

from .conftest import Run, error_line

CALIB = "HSC/calib/gen2"
SECOND = 10**9
OCTOBER_2 = 1412208000 * SECOND
"""2014-10-02T00:00:00 TAI in nanoseconds since 1970 TAI."""

Ranges = dict[tuple[str, int, str | None, str], list[tuple[int, int]]]


@pytest.fixture(scope="module")
def made(good: HscRepository, tmp_path_factory: pytest.TempPathFactory) -> Path:
    repo = tmp_path_factory.mktemp("made") / "repo"
    done = CliRunner().invoke(main, ["convert", str(good.root), str(repo), "--transfer", "copy", "--quiet"])
    assert done.exit_code == 0, done.output
    return repo


@pytest.fixture
def repo(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "repo", symlinks=True)
    return tmp_path / "repo"


def ranges(repo: Path) -> Ranges:
    """All ranges, by type, detector, filter and RUN."""
    found: Ranges = {}
    with Butler.from_config(str(repo)) as butler:
        for name in ("bias", "dark", "flat"):
            for row in butler.registry.queryDatasetAssociations(name, [CALIB]):
                data_id = row.ref.dataId
                key = (name, int(data_id["detector"]), data_id.get("physical_filter"), row.ref.run)
                found.setdefault(key, []).append(row.timespan.nsec)
    return found


def clipped(before: Ranges, begin: int, end: int, meant: Callable[..., bool]) -> Ranges:
    """What is to be left of the ranges if those between two instants are taken off."""
    left: Ranges = {}
    for key, spans in before.items():
        pieces = [
            piece
            for a, b in spans
            for piece in (((a, min(b, begin)), (max(a, end), b)) if meant(*key) else ((a, b),))
            if piece[0] < piece[1]
        ]
        if pieces:
            left[key] = pieces
    return left


def sorted_(found: Ranges) -> Ranges:
    return {key: sorted(spans) for key, spans in found.items()}


def test_a_span_of_one_type(butler: Run, run: Run, repo: Path) -> None:
    before, everything = ranges(repo), dump(repo)
    # The Butler's commands take TAI.
    span = ("--begin-date", "2014-10-02", "--end-date", "2014-10-02T12:00:00")
    shown = butler("decertify-calibrations", repo, CALIB, "dark", *span, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert dump(repo) == everything
    assert "the same command without --dry-run writes it" in shown.stdout
    done = butler("decertify-calibrations", repo, CALIB, "dark", *span)
    assert done.exit_code == 0, done.output
    noon = OCTOBER_2 + 12 * 3600 * SECOND
    expected = clipped(before, OCTOBER_2, noon, lambda name, *_: name == "dark")
    assert sorted_(ranges(repo)) == sorted_(expected) != sorted_(before)
    assert dump(repo)["datasets"] == everything["datasets"]
    assert run("undo", repo).exit_code == 0
    assert dump(repo) == everything


@pytest.mark.parametrize(
    ("args", "meant"),
    [
        (("bias", "--detector", "50"), lambda name, detector, *_: name == "bias" and detector == 50),
        (("bias", "--where", "detector = 50"), lambda name, detector, *_: name == "bias" and detector == 50),
        (("flat", "--physical-filter", "HSC-R"), lambda name, _, filter_, __: filter_ == "HSC-R"),
        (("*a*", "--detectors", "49..50"), lambda name, *_: True),
    ],
)
def test_a_part(butler: Run, repo: Path, args: tuple[str, ...], meant: Callable[..., bool]) -> None:
    before = ranges(repo)
    done = butler("decertify-calibrations", repo, CALIB, *args, "--quiet")
    assert done.exit_code == 0, done.output
    expected = clipped(before, 0, 2**63, meant)
    assert sorted_(ranges(repo)) == sorted_(expected)
    assert len(expected) < len(before)


def test_the_same_as_bless(butler: Run, run: Run, repo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other/repo"
    shutil.copytree(repo, other, symlinks=True)
    butler(
        "decertify-calibrations", repo, CALIB, "flat", "--where", "detector=49", "--begin-date", "2014-10-02"
    )
    off = ("--decertify", "--collection", CALIB, "--type", "flat", "--where", "detector=49")
    assert run("bless", other, *off, "--begin", "2014-10-02", "--scale", "tai").exit_code == 0
    assert dump(repo) == dump(other)


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        ((CALIB, "bias", "--begin-date", "yesterday"), 2, "'yesterday' is not YYYY-MM-DD"),
        ((CALIB, "bias", "--begin-date", "2015-01-01", "--end-date", "2014-01-01"), 2, "make no range"),
        ((CALIB, "bias", "--where", "nonsense = 3"), 2, "nonsense"),
        ((CALIB,), 2, "Missing argument 'DATASET_TYPE'"),
        (("HSC/calib/none", "bias"), 3, "1 conflict, nothing was written"),
        ((CALIB, "nothing"), 3, "1 conflict, nothing was written"),
        (("HSC/raw/all", "raw"), 3, "nothing was written"),
    ],
)
def test_what_cannot_be(butler: Run, repo: Path, args: tuple[str, ...], status: int, said: str) -> None:
    before = dump(repo)
    done = butler("decertify-calibrations", repo, *args)
    assert done.exit_code == status, done.output
    assert said in error_line(done)
    assert dump(repo) == before
