"""Options of the old command, options files, the Butler's own options, and errors of one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from converter.butler_commands.definitions import DEFINITIONS
from converter.ledger import FILE_NAME, Ledger
from fixtures.hsc import HscRepository

from .conftest import Run, error_line

RETIRED = [
    (("--skymap-name", "discrete"), "--skymap-name: sky maps are not converted"),
    (("--skymap-config", "skymap.py"), "butler register-skymap"),
    (("--reruns", "rerun/ci_hsc"), "--reruns: processed data (reruns) is not converted"),
    (("-C", "config.py"), "-C/--config-file: settings are in a recipe now"),
    (("--config-file", "config.py"), "gen2to3 inspect ROOT --recipe FILE"),
    (("--calibFilterType", "band"), "--calibFilterType: masters find their filter"),
    (("-v",), "--verbose prints every decision"),
]


@pytest.mark.parametrize(("args", "said"), RETIRED, ids=lambda value: str(value[0]))
@pytest.mark.parametrize("root", [True, False])
def test_what_replaced_an_old_option(
    butler: Run, good: HscRepository, tmp_path: Path, root: bool, args: tuple[str, ...], said: str
) -> None:
    given = ("--gen2root", good.root) if root else ()
    done = butler("convert", tmp_path / "repo", *given, *args)
    assert done.exit_code == 2
    assert said in error_line(done)
    assert not (tmp_path / "repo").exists()


def test_old_options_are_not_advertised(butler: Run) -> None:
    text = butler("convert", "--help").stdout
    assert "--gen2root" in text and "--reruns" not in text
    assert "-v" not in text.split()
    assert "See 'butler --help' for more options." in text


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "Missing option '--gen2root'"),
        (("--gen2root", "{tmp}/nowhere"), "nowhere does not exist"),
        (("--gen2root", "{good}", "--calibs", "NOPE"), "NOPE does not exist"),
        (("--gen2root", "{good}", "--nonsense"), "No such option '--nonsense'"),
        (("--gen2root", "{good}", "-t", "teleport"), "'teleport' is not one of"),
        (("--gen2root", "{good}", "-j", "0"), "0 is not in the range x>=1"),
        (("--gen2root", "{good}", "-t", "move"), "say --i-know-that-files-are-moved too"),
        (("--gen2root", "{good}", "--detectors", "x"), "'x' is neither a detector"),
        (("--gen2root", "{good}", "-@", "{tmp}/none.yaml"), "Error reading overrides file"),
    ],
)
def test_errors_are_one_line(
    butler: Run, good: HscRepository, tmp_path: Path, args: tuple[str, ...], said: str
) -> None:
    words = [word.format(good=good.root, tmp=tmp_path) for word in args]
    done = butler("convert", tmp_path / "repo", *words)
    assert done.exit_code == 2, done.output
    assert said in error_line(done)
    assert not done.stdout
    assert not (tmp_path / "repo").exists()


def test_an_unrecorded_repository_is_told_the_command_that_was_used(butler: Run, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    assert butler("create", repo).exit_code == 0
    done = butler("verify-conversion", repo)
    assert done.exit_code == 2
    assert f"give the Gen2 root: butler verify-conversion {repo} --gen2root ROOT" in error_line(done)


def test_options_file(butler: Run, good: HscRepository, tmp_path: Path) -> None:
    repo, presets = tmp_path / "repo", tmp_path / "presets.yaml"
    lines = [
        "convert:",
        f"  gen2root: {good.root}",
        "  calibs: CALIB",
        "  transfer: symlink",
        "  processes: 2",
        "  detectors: 49..50",
        "  types: [raw, 'bias']",
        "  label: ''",
        "  json: true",
    ]
    presets.write_text("\n".join([*lines, "  no-verify: true", "verify-conversion:", "  quiet: true"]) + "\n")
    done = butler("convert", repo, "-@", presets, "-t", "copy", "--detectors", "49")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert set(said["written"]) == {"raw", "bias"}
    assert said["verify"] is None
    recipe = Ledger(repo / FILE_NAME).last_recipe()
    assert recipe is not None
    assert recipe["root"] == str(good.root)
    assert [recipe[key] for key in ("transfer", "workers", "label")] == ["copy", 2, ""]
    assert list(recipe["detectors"]) == [49]  # what is given wins
    assert list(recipe["types"]) == ["raw", "bias"]
    assert list(recipe["calib"]) == [str(good.root / "CALIB")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("convert: {reruns: a}", "--reruns: processed data"),
        ("convert: {nonsense: a}", "'nonsense' is not a valid option for convert"),
        ("convert: {transfer: teleport}", "'teleport' is not one of"),
        ("import-calibs: {label: x}", "Error reading overrides file"),
        ("convert: [", "Error reading overrides file"),
    ],
)
def test_bad_options_file(butler: Run, good: HscRepository, tmp_path: Path, text: str, said: str) -> None:
    presets = tmp_path / "presets.yaml"
    presets.write_text(text)
    done = butler("convert", tmp_path / "repo", "--gen2root", good.root, "--options-file", presets)
    assert done.exit_code == 2, done.output
    assert said in error_line(done)
    assert not (tmp_path / "repo").exists()


def test_log_options_of_the_butler(butler: Run, good: HscRepository, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    options = ("--log-level", "DEBUG", "--long-log", "--log-file", log, "--no-log-tty")
    args = ("--gen2root", good.root, "--types", "bias", "--no-verify", "--json")
    done = butler(*options, "convert", tmp_path / "repo", *args)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["written"]["bias"] > 0
    assert not done.stderr
    lines = log.read_text().splitlines()
    assert any(line.startswith("DEBUG ") and " lsst.daf.butler" in line for line in lines)


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_help(butler: Run, name: str) -> None:
    done = butler(name, "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: butler {name} [OPTIONS] REPO")
    assert "--options-file" in done.stdout
