"""Commands of hand-offs, run by a shell as they are printed.

The stack is not here: its instrument class and its part of the command `butler` write down what they are given.
Python, the shell and the Butler that is opened are real.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.hsc import HscSpec, make_hsc
from fixtures.hsc_oddities import HscOddities
from tests.sampling import some

from .conftest import error_line

ODDITIES = HscOddities(bf_kernel=True, stray_light=True, transmission=True)

BUTLER = """\
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps(["butler", *sys.argv[1:]]), file=calls)
"""

STACK = """\
import json, os, sys, types

def note(*call):
    with open(os.environ["CALLS"], "a") as calls:
        print(json.dumps(call), file=calls)

class HyperSuprimeCam:
    def writeCameraGeom(self, butler, collection=None, *labels):
        note("camera", butler._config.configDir.ospath, collection, *labels)

    def ingestStrayLightData(self, butler, directory, transfer=None, labels=()):
        note("stray light", butler._config.configDir.ospath, directory, transfer)

module = sys.modules["lsst.obs.subaru"] = types.ModuleType("lsst.obs.subaru")
module.HyperSuprimeCam = HyperSuprimeCam
"""


@pytest.fixture
def shell(tmp_path) -> Callable[[str], list[list[str]]]:
    """Run a line as a POSIX shell does; gives what the stack was called with."""
    programs, modules, calls = tmp_path / "bin", tmp_path / "modules", tmp_path / "calls"
    for directory in (programs, modules):
        directory.mkdir()
    (modules / "sitecustomize.py").write_text(STACK)
    (modules / "stack_butler.py").write_text(BUTLER)
    python = shlex.quote(sys.executable)
    for name, start in (("python", python), ("butler", f"{python} -m stack_butler")):
        (programs / name).write_text(f'#!/bin/sh\nexec {start} "$@"\n')
        (programs / name).chmod(0o755)

    def run(line: str) -> list[list[str]]:
        calls.write_text("")
        env = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(modules),
            "CALLS": str(calls),
        }
        done = subprocess.run(
            ["bash", "-c", line],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return [json.loads(x) for x in calls.read_text().splitlines()]

    return run


@pytest.mark.parametrize(
    ("name", "label"),
    some(
        [
            ('in "quotes"', "g'2 x"),
            ("it's", ""),
            ("`id`; $(id) \\ * &", "$HOME"),
            ("plain", "gen2"),
            ("a space", "gen2"),
            ("$dollar$$ ${x}", "gen2"),
        ],
        2,
    ),
)
def test_commands_say_what_was_meant(run_json, shell, tmp_path, name, label):
    made = make_hsc(tmp_path / name / "gen2", HscSpec(oddities=ODDITIES))
    repo: Path = tmp_path / name / "gen3"
    status, data = run_json("convert", made.root, repo, "--label", label, "--no-verify")
    assert status == 0
    commands = {h["type"]: h["command"] for h in data["handed_off"]}
    assert set(commands) == {"camera", "bfKernel", "yBackground", "transmission curves"}

    collection = f"HSC/calib/{label}" if label else "HSC/calib"
    assert shell(commands["camera"]) == [["camera", f"{repo}/", collection, *([label] if label else [])]]
    stray_light = ["stray light", f"{repo}/", f"{made.calib}/STRAY_LIGHT", "copy"]
    assert shell(commands["yBackground"]) == [stray_light]
    chain = "HSC/calib" if label else "HSC/defaults"
    for dataset_type in ("bfKernel", "transmission curves"):
        assert shell(commands[dataset_type]) == [
            ["butler", "write-curated-calibrations", str(repo), "HSC", "curated-stack"],
            ["butler", "collection-chain", "--mode", "extend", str(repo), chain, "HSC/calib/curated-stack"],
        ]


def test_a_target_in_which_the_butler_sees_a_variable_is_refused(run, good, tmp_path, monkeypatch):
    """The Butler expands it, so that the repository would be elsewhere than the ledger."""
    monkeypatch.setenv("SOMEWHERE", "else")
    there = tmp_path / "$SOMEWHERE"
    there.mkdir()
    monkeypatch.chdir(there)
    for command in ("plan", "convert"):
        for repo in (there / "repo", "repo", (there / "repo").as_uri()):
            result = run(command, good.root, repo)
            assert result.exit_code == 2
            assert f"takes for {tmp_path / 'else' / 'repo'}; give that path" in error_line(result)
    assert run("verify", there / "repo", good.root).exit_code == 2
    assert list(there.iterdir()) == [] and not (tmp_path / "else").exists()


def test_the_printed_command_is_the_same(run, run_json, good, tmp_path):
    repo = tmp_path / "it's $"
    _, data = run_json("plan", good.root, repo)
    (hand_off,) = data["handed_off"]
    assert f"  {hand_off['command']}" in run("plan", good.root, repo).stdout.splitlines()
    assert shlex.split(hand_off["command"])[-3:] == [str(repo), "HSC/calib/gen2", "gen2"]
