from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from converter.cli import main
from fixtures.hsc import HscRepository, make_hsc

ROOT = Path(__file__).resolve().parents[2]


def run(*args: object, status: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in args], prog_name="gen2to3")
    assert result.exit_code == status, result.output
    return result


def run_json(*args: object, status: int = 0) -> dict[str, Any]:
    return json.loads(run(*args, "--json", status=status).stdout)


def start(code: str, *args: object) -> subprocess.Popen[str]:
    """Run Python in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


KILL = """
import os, sys
module, name, number, when = sys.argv[1:5]
import importlib
module = importlib.import_module(module)
real = getattr(module, name)
count = 0
def killed(*args, **rest):
    global count
    count += 1
    if count == int(number) and when == "before":
        os._exit(9)
    result = real(*args, **rest)
    if count == int(number):
        os._exit(9)
    return result
setattr(module, name, killed)
from converter.cli import main
main(sys.argv[5:])
"""


def kill(module: str, name: str, number: int, when: str, *args: object) -> int:
    """Run a command that dies before or after a call of a function; its exit status, 9 if it died."""
    process = start(KILL, module, name, number, when, *args)
    process.communicate(timeout=120)
    return process.returncode


@pytest.fixture(scope="session")
def gen2(tmp_path_factory: pytest.TempPathFactory) -> HscRepository:
    """Never changed by a test."""
    return make_hsc(tmp_path_factory.mktemp("undo") / "gen2")


Command = Callable[..., Result]
