"""How `butler` finds the commands, what that costs, and what happens where another has one of the names."""

from __future__ import annotations

import re
import signal
import subprocess
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click import Context

from converter.butler_commands.definitions import DEFINITIONS
from converter.butler_commands.plugin import COMMANDS, ENTRY_POINT, GROUP
from fixtures.hsc import HscRepository
from tests.undoing.conftest import start

from .conftest import RESOURCES, ROOT

Installed = Callable[..., subprocess.Popen[str]]

OTHERS = """
import click

@click.command()
@click.argument("repo")
def convert(repo):
    "Convert something else."
    print("theirs", repo)

def commands():
    return [convert]
"""


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def listed(text: str) -> dict[str, str]:
    """Names and beginnings of what `butler --help` says of the commands."""
    return dict(re.findall(r"^  ([a-z-]+)  +(\S.*)$", text.partition("\nCommands:\n")[2], re.MULTILINE))


def test_what_is_declared_is_there() -> None:
    declared = yaml.safe_load(RESOURCES.read_text())["cmd"]
    assert declared["import"] == "converter.butler_commands"
    assert sorted(declared["commands"]) == sorted(COMMANDS) == sorted(DEFINITIONS)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][GROUP] == {"gen2to3": ENTRY_POINT}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_short_help_is_that_of_the_command(name: str) -> None:
    short = COMMANDS[name].get_short_help_str(200)
    assert short == DEFINITIONS[name].get_short_help_str(200)
    known = {str(p.name) for p in COMMANDS[name].get_params(Context(COMMANDS[name]))}
    assert {str(p.name) for p in DEFINITIONS[name].params} <= known


def test_help_of_an_installation_lists_them_and_imports_nothing(installed: Installed) -> None:
    status, out, err = ended(installed("--help", python=("-X", "importtime")))
    assert status == 0, err
    assert COMMANDS.keys() < listed(out).keys()
    assert listed(out)["certify-calibrations"] == "Certify calibrations in a repository."
    imported = {
        line.rpartition("|")[2].strip() for line in err.splitlines() if line.startswith("import time:")
    }
    ours = {name for name in imported if name.split(".")[0] in ("converter", "adapters")}
    # Packages may be left out of this list by Python, modules are not.
    assert ours - {"converter", "converter.butler_commands"} == {
        "converter.butler_commands.plugin",
        "converter.lazy_command",
    }


def test_a_command_of_an_installation(installed: Installed, good: HscRepository, tmp_path: Path) -> None:
    args = (
        "convert",
        tmp_path / "repo",
        "--gen2root",
        good.root,
        "--types",
        "bias",
        "--no-verify",
        "--quiet",
    )
    status, out, err = ended(installed(*args))
    assert (status, out) == (0, ""), err
    assert (tmp_path / "repo/gen3.sqlite3").exists()


def test_the_variable_may_name_us_too(installed: Installed) -> None:
    """As where a package manager sets it, and the package is installed besides."""
    status, out, err = ended(installed("--help", DAF_BUTLER_PLUGINS=str(RESOURCES)))
    assert (status, err) == (0, "")
    assert COMMANDS.keys() < listed(out).keys()


@pytest.fixture
def another(tmp_path: Path) -> dict[str, str]:
    """Variables with which another package has a `convert`."""
    (tmp_path / "others.py").write_text(OTHERS)
    resources = tmp_path / "others.yaml"
    resources.write_text("cmd:\n  import: others\n  commands: [convert]\n")
    return {"DAF_BUTLER_PLUGINS": str(resources), "PYTHONPATH": str(tmp_path)}


def test_another_package_keeps_its_name(installed: Installed, another: dict[str, str]) -> None:
    status, out, err = ended(installed("convert", "somewhere", **another))
    assert (status, out) == (0, "theirs somewhere\n")
    (line,) = err.splitlines()
    assert line.endswith(
        "butler convert is that of others; for that of gen2to3 use `gen2to3 convert ROOT REPO`"
    )
    status, out, _ = ended(installed("--help", **another))
    assert status == 0
    assert listed(out)["convert"] == "Convert something else."
    assert "import-calibs" in listed(out)


def test_another_package_with_an_entry_point(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "others.py").write_text(OTHERS)
    metadata = tmp_path / "others-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\nothers = others:commands\n")
    status, out, err = ended(installed("convert", "somewhere", PYTHONPATH=str(tmp_path)))
    assert (status, out) == (0, "theirs somewhere\n"), err
    assert "butler convert is that of others:commands" in err


def test_what_butler_does_with_two_of_a_name(installed: Installed, another: dict[str, str]) -> None:
    """The reason for giving way: not even its own commands work then."""
    both = f"{another['DAF_BUTLER_PLUGINS']}:{RESOURCES}"
    status, _, err = ended(installed("query-collections", "--help", **another | {"DAF_BUTLER_PLUGINS": both}))
    assert status == 1
    assert "Command 'convert' exists in packages others, converter.butler_commands" in err


HOLD = """
import sys, time
from converter.lock import exclusive
with exclusive(sys.argv[1], None, "convert"):
    print("held", flush=True)
    time.sleep(300)
"""


def _catches_sigterm(pid: int) -> bool:
    (caught,) = re.findall(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def test_locked_and_terminated(installed: Installed, good: HscRepository, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    args = ("convert", repo, "--gen2root", good.root, "--types", "bias", "--no-verify", "--quiet")
    assert ended(installed(*args))[0] == 0
    holder = start(HOLD, repo)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        status, _, err = ended(installed(*args))
        assert status == 3
        (line,) = err.splitlines()
        assert line.startswith("gen2to3: error: ") and "is being written by convert" in line
        waiting = installed(*args, "--wait")
        deadline = time.monotonic() + 120
        while not _catches_sigterm(waiting.pid):
            assert time.monotonic() < deadline and waiting.poll() is None
            time.sleep(0.05)
        time.sleep(1)  # it is past its arguments then, and waits
        waiting.terminate()
        status, _, err = ended(waiting)
        assert (status, err) == (143, "gen2to3: error: terminated; the same command goes on from there\n")
    finally:
        holder.kill()
        holder.communicate()
