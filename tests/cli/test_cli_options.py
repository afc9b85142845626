from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import yaml
from lsst.daf.butler import Butler, Config

from converter.cli.options import Settings
from converter.cli.params import NumbersType
from converter.cli.progress import progress_for
from converter.ledger import FILE_NAME, Ledger
from converter.overlaps import Policy
from converter.progress import no_progress
from converter.readings import Reading
from converter.recipe import Recipe, load_recipe

from .conftest import error_line, run_process


def recorded(repo: Path) -> dict:
    return Ledger(repo / FILE_NAME).last_recipe()


# --- one-line errors, exit status 2


@pytest.fixture
def not_gen2(tmp_path):
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def with_mapper(tmp_path: Path, mapper: str) -> Path:
    root = tmp_path / "mapped"
    root.mkdir()
    (root / "_mapper").write_text(f"{mapper}\n")
    sqlite3.connect(root / "registry.sqlite3").close()
    return root


@pytest.mark.parametrize("command", ["plan", "convert"])
def test_missing_root(run, tmp_path, command):
    result = run(command, tmp_path / "nowhere", tmp_path / "repo")
    assert result.exit_code == 2
    assert "does not exist" in error_line(result)
    assert result.stdout == ""


def test_missing_root_in_a_process_with_json(tmp_path):
    done = run_process("convert", "--json", tmp_path / "nowhere", tmp_path / "repo")
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not exist" in error_line(done)


def test_no_gen2_root(run, not_gen2, tmp_path):
    for args in (("plan", not_gen2, tmp_path / "repo"), ("inspect", not_gen2)):
        result = run(*args)
        assert result.exit_code == 2
        assert str(not_gen2) in error_line(result)


@pytest.mark.parametrize("mapper", ["lsst.obs.other.OtherMapper", "mine.Mapper"])
def test_unknown_mapper(run, tmp_path, mapper):
    result = run("plan", with_mapper(tmp_path, mapper), tmp_path / "repo")
    assert result.exit_code == 2
    assert mapper in error_line(result)
    assert "--camera" in result.stderr


def test_unknown_camera(run, good, tmp_path):
    result = run("plan", good.root, tmp_path / "repo", "--camera", "kodak")
    assert result.exit_code == 2
    assert "kodak" in error_line(result)
    assert "hsc" in result.stderr


@pytest.mark.parametrize("name", ["hsc", "HSC", "lsst.obs.hsc.HscMapper"])
def test_camera_names(run, good, tmp_path, name):
    assert run("plan", good.root, tmp_path / "repo", "--camera", name).exit_code == 0


def test_target_is_no_butler_repository(run, good, tmp_path):
    repo = tmp_path / "mine"
    repo.mkdir()
    (repo / "thesis.tex").write_text("")
    result = run("convert", good.root, repo)
    assert result.exit_code == 2
    assert "butler.yaml" in error_line(result)
    assert [p.name for p in repo.iterdir()] == ["thesis.tex"]


def test_target_cannot_be_made(run, good, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("convert", good.root, tmp_path / "file" / "repo")
    assert result.exit_code == 2
    assert str(tmp_path / "file") in error_line(result)


@pytest.mark.parametrize(
    "text, message",
    [
        ("root: [", "is not YAML"),
        ("- a\n- b\n", "is not a mapping"),
        ("rot: /data\n", "'rot'"),
        ("transfer: teleport\n", "teleport"),
        ("workers: many\n", "workers"),
        ("label:\n", "'label'"),
        ("camera: no\n", "'camera'"),
        ("overlaps: {bias: sometimes}\n", "sometimes"),
        ("visits: 9040\n", "expected a list"),
    ],
)
def test_bad_recipe(run, good, tmp_path, text, message):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(text)
    result = run("plan", good.root, tmp_path / "repo", "--recipe", recipe)
    assert result.exit_code == 2
    assert message in error_line(result)
    assert str(recipe) in result.stderr or message == "teleport"


def test_missing_recipe(run, good, tmp_path):
    result = run("plan", good.root, tmp_path / "repo", "--recipe", tmp_path / "none.yaml")
    assert result.exit_code == 2
    assert "none.yaml" in error_line(result)


@pytest.mark.parametrize(
    "option, value, message",
    [
        ("--visits", "tonight", "'tonight'"),
        ("--visits", "9044..9040", "backwards"),
        ("--visits", "1..99999999999", "more than"),
        ("--visits", "", "''"),
        ("--overlaps", "bias=best", "'best'"),
        ("--overlaps", "=fail", "no dataset type"),
        ("--reading", "bias", "'bias'"),
        ("--transfer", "teleport", "'teleport'"),
        ("--workers", "0", "0"),
        ("--label", "/a", "slash"),
        ("--types", "bais", "'bais'"),
        ("--overlaps", "bais=fail", "'bais'"),
        ("--reading", "raw=half-open", "'raw'"),
        ("--zone", "bias=Mars/Olympus", "there is no time zone 'Mars/Olympus'"),
        ("--zone", "../zone", "there is no time zone '../zone'"),
        ("--zone", "=Asia/Tokyo", "no dataset type"),
        ("--zone", "bais=Asia/Tokyo", "zones: 'bais' is no calibration type of HSC"),
        ("--zone", "raw=Asia/Tokyo", "zones: 'raw' is no calibration type of HSC"),
    ],
)
def test_bad_option(run, good, tmp_path, option, value, message):
    result = run("plan", good.root, tmp_path / "repo", option, value, "--json")
    assert result.exit_code == 2
    assert message in error_line(result)
    assert result.stdout == ""


@pytest.mark.parametrize(
    "args", [(), ("translate",), ("plan",), ("plan", "a", "b", "c"), ("plan", "--colour")]
)
def test_usage(run, args):
    result = run(*args)
    assert result.exit_code == 2
    assert error_line(result)


def test_debug_shows_a_traceback(run, tmp_path):
    result = run("plan", tmp_path / "nowhere", tmp_path / "repo", "--debug")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("gen2to3: error: ")


def test_help_and_version(run):
    assert run("--version").stdout.startswith("gen2to3 ")
    for command in ((), ("plan",), ("convert",), ("inspect",), ("verify",), ("cameras",)):
        result = run(*command, "--help")
        assert result.exit_code == 0
        assert "Usage: gen2to3" in result.stdout


# --- options and recipes


def test_options_become_a_recipe(run, good, tmp_path):
    options = [
        "--label",
        "night",
        "--transfer",
        "symlink",
        "--visits",
        "9040",
        "--visits",
        "9042,9044..9046",
        "--types",
        "bias,raw",
    ]
    options += [
        "--types",
        "dark",
        "--exclude",
        "FLAT/*",
        "--exclude",
        "*.txt",
        "--workers",
        "2",
        "--camera",
        "HSC",
    ]
    options += ["--overlaps", "bias=latest-start", "--overlaps", "nearest", "--reading", "dark=half-open"]
    options += ["--strict", "--update-instrument", "--allow-outside", "/data", "--calib", str(good.calib)]
    options += ["--detectors", "49", "--related-only", "--template", "sky=SKY/%(ccd)d=%(calibDate)s.fits"]
    options += ["--zone", "dark=", "--zone", "sky=UTC", "--no-visits", "--visit-grouping", "one-to-one"]
    result = run("convert", "--no-verify", good.root, tmp_path / "repo", *options)
    assert result.exit_code == 0, result.output
    assert recorded(tmp_path / "repo") == {
        "root": str(good.root),
        "camera": "HSC",
        "calib": [str(good.calib)],
        "label": "night",
        "transfer": "symlink",
        "types": ["bias", "raw", "dark"],
        "exclude": ["FLAT/*", "*.txt"],
        "visits": [9040, 9042, 9044, 9045, 9046],
        "detectors": [49],
        "related_only": True,
        "templates": {"sky": "SKY/%(ccd)d=%(calibDate)s.fits"},
        "allow_outside": ["/data"],
        "readings": {"dark": "half-open"},
        "overlaps": {"bias": "latest-start", "*": "nearest"},
        "ranges": {},
        "zones": {"dark": "", "sky": "UTC"},
        "validity": [],
        "workers": 2,
        "update_instrument": True,
        "strict": True,
        "split_masters": False,
        "max_rows": 5_000_000,
        "supersede": False,
        "checksum": False,
        "define_visits": False,
        "visit_grouping": "one-to-one",
    }


@pytest.mark.parametrize(
    "option, value, message",
    [
        ("--types", "bais", "types: 'bais' matches no dataset type of HSC"),
        ("--detectors", "112", "detectors: 112 is no detector of HSC"),
        ("--zone", "bais=UTC", "zones: 'bais' is no calibration type of HSC"),
        ("--ranges", "bais=nearest", "ranges: 'bais' is no calibration type of HSC"),
    ],
)
def test_verify_refuses_what_the_camera_does_not_have(run, good, tmp_path, option, value, message):
    """It would compare nothing, or not as asked for, and say that all is well."""
    Butler.makeRepo(str(tmp_path / "repo"))
    result = run("verify", tmp_path / "repo", good.root, option, value)
    assert result.exit_code == 2
    assert message in error_line(result)
    assert result.stdout == ""


@pytest.mark.parametrize("command", ["plan", "convert"])
def test_masters_cannot_be_split_in_a_remote_target(run, run_json, good, tmp_path, command):
    repo = tmp_path / "repo"
    Butler.makeRepo(
        str(repo), config=Config({"datastore": {"root": "mem://bucket/repo"}}), forceConfigRoot=False
    )
    # Refused before the Gen2 repository is looked for, let alone read.
    result = run(command, tmp_path / "nowhere", repo, "--split-masters")
    assert result.exit_code == 2
    assert "convert without --split-masters, or into a local repository" in error_line(result)
    assert not (repo / FILE_NAME).exists()
    # The target is good otherwise, and a local one is good for splitting, also before it is there.
    status, data = run_json("plan", good.root, repo)
    assert (status, data["conflicts"]) == (0, [])
    assert run("plan", good.root, tmp_path / "new", "--split-masters").exit_code == 0


def test_options_override_the_recipe(run, good, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    # Without a root: the command line gives it.
    recipe.write_text(
        "label: night\ntransfer: copy\nvisits: [9040]\nstrict: true\nworkers: 2\noverlaps: {bias: nearest}\n"
    )
    args = ("convert", "--no-verify", "--recipe", recipe, good.root)
    assert run(*args, tmp_path / "kept").exit_code == 0
    kept = recorded(tmp_path / "kept")
    assert (kept["label"], kept["transfer"], kept["visits"]) == ("night", "copy", [9040])
    assert (kept["strict"], kept["workers"], kept["overlaps"]) == (True, 2, {"bias": "nearest"})

    options = ("--label", "", "--visits", "9042", "--no-strict", "--overlaps", "fail")
    assert run(*args, tmp_path / "replaced", *options).exit_code == 0
    replaced = recorded(tmp_path / "replaced")
    assert (replaced["label"], replaced["transfer"], replaced["visits"]) == ("", "copy", [9042])
    assert (replaced["strict"], replaced["workers"], replaced["overlaps"]) == (False, 2, {"*": "fail"})


def test_root_of_the_command_line_wins(run_json, good, odd, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(Recipe(str(odd.root)).to_yaml())
    status, data = run_json("plan", "--recipe", recipe, good.root, tmp_path / "repo")
    assert (status, data["rejected"]) == (0, [])


def test_visits():
    parse = NumbersType("visit").convert
    assert parse("1228", None, None) == [1228]
    assert parse("1, 5..7 ,9", None, None) == [1, 5, 6, 7, 9]
    assert parse("3..3", None, None) == [3]


def test_progress_only_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    shown = progress_for(Settings())
    assert list(shown([1, 2], "headers", 2)) == [1, 2]
    assert "headers" in capsys.readouterr().err
    assert progress_for(Settings(json=True)) is no_progress
    assert progress_for(Settings(quiet=True)) is no_progress
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert progress_for(Settings()) is no_progress


def test_yaml_of_a_recipe_comes_back(tmp_path):
    recipe = Recipe("/data/a: b", readings={"bias": Reading.HALF_OPEN}, overlaps={"*": Policy.NEAREST})
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    assert load_recipe(tmp_path / "recipe.yaml") == recipe
    assert yaml.safe_load(recipe.to_yaml())["label"] == "gen2"
