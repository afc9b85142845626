"""Each command of `butler` does what that of `gen2to3` does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from lsst.daf.butler import Butler, Timespan

from converter.ledger import FILE_NAME, Ledger
from fixtures.hsc import HscRepository, HscSpec, make_hsc
from tests.undoing.dump import dump

from .conftest import Run, error_line


def recipe(repo: Path) -> dict[str, Any] | None:
    return Ledger(repo / FILE_NAME).last_recipe()


def same(by_butler: Result, by_gen2to3: Result, status: int) -> dict[str, Any]:
    """Both ended with this status and said the same, but for the repository's name; what they said."""
    assert (by_butler.exit_code, by_gen2to3.exit_code) == (status, status), by_butler.output
    said = json.loads(by_butler.stdout)
    assert json.loads(by_butler.stdout.replace("/one/repo", "/two/repo")) == json.loads(by_gen2to3.stdout)
    return said


@pytest.fixture
def pair(run: Run, good: HscRepository, tmp_path: Path) -> tuple[Path, Path]:
    """Two repositories that are the same."""
    one, two = tmp_path / "one/repo", tmp_path / "two/repo"
    assert run("convert", good.root, one, "--transfer", "copy", "--quiet").exit_code == 0
    shutil.copytree(one, two, symlinks=True)
    return one, two


def test_convert(butler: Run, run: Run, odd: HscRepository, tmp_path: Path) -> None:
    one, two = tmp_path / "one/repo", tmp_path / "two/repo"
    said = same(
        butler("convert", one, "--gen2root", odd.root, "--json"), run("convert", odd.root, two, "--json"), 1
    )
    assert said["rejected"] and said["written"]["raw"] > 0
    assert said["verify"]["agree"] > 0
    assert dump(one) == dump(two)
    assert recipe(one) == recipe(two)
    with Butler.from_config(str(one)) as repository:
        runs = repository.collections.query("HSC/calib/gen2/*")
        assert "HSC/calib/gen2/20140930T000000Z" in runs
    again = butler("convert", one, "--gen2root", odd.root, "--quiet")
    assert again.exit_code == 1
    assert dump(one) == dump(two)


def test_convert_with_the_old_names_of_options(
    butler: Run, run: Run, good: HscRepository, tmp_path: Path
) -> None:
    one, two = tmp_path / "one/repo", tmp_path / "two/repo"
    common = ("--label", "", "--types", "raw,bias", "--detectors", "49", "--no-verify", "--no-visits")
    common += ("--camera", "hsc", "--strict", "--quiet")
    old = ("--gen2root", good.root, "--calibs", "CALIB", "-t", "COPY", "-j", 2)
    new = ("--calib", good.root / "CALIB", "--transfer", "copy", "--workers", 2)
    assert butler("convert", one, *old, *common).exit_code == 0
    assert run("convert", good.root, two, *new, *common).exit_code == 0
    assert recipe(one) == recipe(two)
    assert dump(one) == dump(two)
    assert dump(one)["collections"]["HSC/calib"][0] == "CALIBRATION"


@pytest.mark.parametrize("name", ["CALIB", "./CALIB", "absolute", "elsewhere"])
def test_calibs_is_relative_to_the_gen2_root_first(
    butler: Run, good: HscRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "CALIB").mkdir()  # of this name, but empty
    shutil.copytree(good.root / "CALIB", tmp_path / "elsewhere")
    expected = tmp_path / "elsewhere" if name == "elsewhere" else good.root / "CALIB"
    given = good.root / "CALIB" if name == "absolute" else name
    done = butler("convert", "repo", "--gen2root", good.root, "--calibs", given, "--no-verify", "--quiet")
    assert done.exit_code == 0, done.output
    stored = recipe(tmp_path / "repo")
    assert stored is not None
    (calib,) = stored["calib"]
    assert Path(calib) == expected


def test_link_is_what_auto_does(butler: Run, run: Run, good: HscRepository, tmp_path: Path) -> None:
    one, two = tmp_path / "one/repo", tmp_path / "two/repo"
    few = ("--types", "raw", "--visits", "9040", "--no-verify", "--quiet")
    assert butler("convert", one, "--gen2root", good.root, "-t", "link", *few).exit_code == 0
    assert run("convert", good.root, two, "--transfer", "auto", *few).exit_code == 0
    assert dump(one) == dump(two)
    assert recipe(one) == recipe(two)
    (raw, *_) = one.glob("HSC/raw/all/**/*.fits*")
    assert raw.stat().st_nlink > 1


def test_convert_dry_run(butler: Run, good: HscRepository, tmp_path: Path) -> None:
    done = butler("convert", tmp_path / "repo", "--gen2root", good.root, "--dry-run")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].endswith(
        "Nothing was written; the same command without --dry-run writes it."
    )
    assert not (tmp_path / "repo").exists()


def test_verify_conversion(butler: Run, run: Run, pair: tuple[Path, Path], good: HscRepository) -> None:
    one, two = pair
    said = same(butler("verify-conversion", one, "--json"), run("verify", two, "--json"), 0)
    assert said["agree"] == said["lookups"] > 0
    named = butler("verify-conversion", one, "--gen2root", good.root, "--calibs", "CALIB", "--json")
    assert json.loads(named.stdout)["agree"] == said["agree"]
    with Butler.from_config(str(one), writeable=True) as repository:
        repository.registry.decertify("HSC/calib/gen2", "dark", Timespan(None, None))
    broken = butler("verify-conversion", one, "--json")
    assert broken.exit_code == 4
    assert {d["type"] for d in json.loads(broken.stdout)["disagree"]} == {"dark"}
    (file, *_) = (two / "HSC/raw/all").rglob("*.fits*")
    file.unlink()
    said = same(
        butler("verify-conversion", two, "--files", "--json"), run("verify", two, "--files", "--json"), 4
    )
    assert [Path(m["file"]).name for m in said["files"]["missing"]] == [file.name]


def test_explain_calibration(butler: Run, run: Run, pair: tuple[Path, Path], good: HscRepository) -> None:
    one, two = pair
    asked = ("bias", "--detector", 50, "--exposure", 9040, "--json")
    said = same(butler("explain-calibration", one, *asked), run("explain", two, *asked), 0)
    assert said == json.loads(
        butler("explain-calibration", one, *asked, "--gen2root", good.root).stdout
    )  # the ledger names the same root
    assert "HSC/calib/gen2/20140930T000000Z" in json.dumps(said)


def test_import_calibs(butler: Run, run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    more = make_hsc(tmp_path / "more", HscSpec(bias=("2014-11-05",), dark=(), flat=(), sky=()))
    args = (more.root / "CALIB/BIAS", "--label", "more", "--validity", "rule:nearest", "--json")
    one, two = pair
    before = dump(one)
    same(
        butler("import-calibs", one, *args, "-t", "copy", "--dry-run"),
        run("import-calibs", two, *args, "--transfer", "copy", "--dry-run"),
        0,
    )
    assert dump(one) == before
    said = same(
        butler("import-calibs", one, *args, "-t", "copy"),
        run("import-calibs", two, *args, "--transfer", "copy"),
        0,
    )
    assert said["certified"] == {"bias": 2}
    assert dump(one) == dump(two) != before
    assert run("undo", one).exit_code == 0
    assert dump(one) == before


def test_bless_calibrations(butler: Run, run: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:
    one, two = pair
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "collection: HSC/calib/suite\nscale: tai\ninherit:\n- {from: HSC/calib/gen2, type: bias}\n"
    )
    said = same(
        butler("bless-calibrations", one, plan, "--make-default", "--json"),
        run("bless", two, plan, "--make-default", "--json"),
        0,
    )
    assert said["certified"] == {"bias": 4}
    assert dump(one) == dump(two)
    assert dump(one)["collections"]["HSC/calib"][1][0] == "HSC/calib/suite"
    expressed = butler("bless-calibrations", one, "--express", "HSC/calib/suite")
    assert expressed.stdout == run("bless", two, "--express", "HSC/calib/suite").stdout
    assert expressed.stdout.splitlines()[1] == "collection: HSC/calib/suite"


@pytest.mark.parametrize("args", [(), ("plan.yaml", "--express", "x")])
def test_bless_calibrations_needs_one_thing(butler: Run, tmp_path: Path, args: tuple[str, ...]) -> None:
    done = butler("bless-calibrations", tmp_path, *args)
    assert done.exit_code == 2
    assert "`butler decertify-calibrations` takes ranges off" in error_line(done)


def test_stopped(butler: Run, overlapping: HscRepository, tmp_path: Path) -> None:
    done = butler("convert", tmp_path / "repo", "--gen2root", overlapping.root, "--quiet")
    assert done.exit_code == 3
    assert "conflict" in error_line(done)
    assert not (tmp_path / "repo/butler.yaml").exists()
