"""What `--help` and `--version` say is true, and comes fast."""

from __future__ import annotations

import json
import re
import resource
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from converter.cli import main
from converter.cli.command import Command
from converter.cli.examples import EXAMPLES, Example
from converter.cli.exit_status import EXIT_STATUS
from converter.lazy_command import LazyCommand
from fixtures.cp_delivery import CpSpec, make_cp_delivery
from fixtures.curated import make_package
from fixtures.hsc import HscRepository, make_hsc

from .conftest import Run, run_process

ROOT = Path(__file__).resolve().parents[2]
ALL = [(name, example) for name, examples in EXAMPLES.items() for example in examples]


def real(name: str) -> click.Command:
    command = main.commands[name]
    assert isinstance(command, LazyCommand)
    return command.command


def words_of(example: Example) -> list[str]:
    """The arguments of the one call of ``gen2to3`` in an example."""
    (call,) = re.findall(r"gen2to3 ([^)>]*)", example.words.split(" > ")[0])
    return shlex.split(call)


@pytest.mark.parametrize("name", main.commands)
def test_commands_are_as_they_are_listed(name: str) -> None:
    command = real(name)
    assert isinstance(command, Command)
    assert command.name == name
    assert main.commands[name].short_help == str(command.help).split("\n\n")[0].replace("\n", " ").strip()


@pytest.mark.parametrize("name", main.commands)
def test_every_option_says_what_it_does(name: str) -> None:
    for param in real(name).params:
        if isinstance(param, click.Option):
            assert param.help and len(param.help) > 4, f"{name} {param.opts[0]}"
            assert param.help.endswith((".", ")")), f"{name} {param.opts[0]}: {param.help}"
        else:
            # click has no help of arguments; the text speaks of them.
            word = str(param.human_readable_name).strip("[].").split(".")[0].upper()
            assert word in str(real(name).help).upper(), f"{name}: {word}"


def test_every_command_has_examples() -> None:
    assert list(EXAMPLES) == list(main.commands)
    assert all(EXAMPLES.values())


@pytest.mark.parametrize(("name", "example"), ALL, ids=lambda v: v if isinstance(v, str) else v.words[:40])
def test_examples_are_parsed(name: str, example: Example) -> None:
    first, *rest = words_of(example)
    assert first == name
    assert real(name).make_context(name, rest).info_name == name
    assert example.does.endswith(".")


def test_help_shows_the_examples(run: Run) -> None:
    for name, examples in EXAMPLES.items():
        lines = [line.strip() for line in run(name, "--help").stdout.splitlines()]
        at = [lines.index(example.words) for example in examples]
        assert lines[min(at) - 1] == "Examples:"
        assert at == sorted(at)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with all that the examples name."""
    place = tmp_path_factory.mktemp("examples")
    make_hsc(place / "gen2")
    make_cp_delivery(
        place / "delivery", CpSpec(nights=("2014-10-01", "2014-10-02"), bands=("g",), ccds=(1, 2))
    )
    shutil.move(make_package(place / "made", "decam"), place)
    return place


def test_examples_run(place: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    ran = {}
    # What is taken off or taken back is gone for the others.
    order = [name for name in EXAMPLES if name not in ("bless", "undo")] + ["bless", "undo"]
    for _, example in sorted(ALL, key=lambda pair: order.index(pair[0])):
        if example.needs:
            continue
        result = run(*words_of(example))
        assert result.exit_code == 0, (example.words, result.output)
        ran[example.words] = result.stdout
    assert "bias" in ran["gen2to3 convert gen2 repo --recipe recipe.yaml"]
    assert "they agree" in ran["gen2to3 explain repo bias --detector 49 --exposure 9040"]
    assert len(ran) >= len(ALL) - 3


def test_the_exit_statuses_are_those_of_the_readme(run: Run) -> None:
    section = (ROOT / "README.md").read_text().partition("## Exit status\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| ([\d, ]+) \| (.*) \|$", section, re.MULTILINE))
    assert rows == EXIT_STATUS
    said = " ".join(run("--help").stdout.split())
    for status, meaning in EXIT_STATUS.items():
        assert f"{status} {meaning}" in said


def test_version_of_everything(run: Run) -> None:
    lines = run("--version").stdout.splitlines()
    found = dict(line.split() for line in lines)
    assert lines[0] == f"gen2to3 {version('gen2to3')}"
    for name in (
        "lsst-daf-butler",
        "astro-metadata-translator",
        "astropy",
        "sqlalchemy",
        "sqlite-utils",
        "click",
    ):
        assert found[name] == version(name)
    assert json.loads(run("--version", "--json").stdout) == found
    assert json.loads(run("--json", "--version").stdout) == found


@pytest.mark.parametrize(("words", "said"), [((), "Missing command."), (("--json",), "goes with --version")])
def test_without_a_command(run: Run, words: tuple[str, ...], said: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def used(*words: str) -> float:
    """Processor time of a call, seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run_process(*words).returncode in (0, 2)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("convert", "--help"), ("bless", "--wrong")])
def test_nothing_waits_for_the_butler(words: tuple[str, ...]) -> None:
    # 0.1 to 0.3 s; the Butler alone takes 1.3 s to import.
    assert used(*words) < 1


def test_nothing_imports_the_butler() -> None:
    modules = [f"converter.cli.{name}" for name in ("bless", "convert", "curate", "explain", "verify")]
    code = f"import sys, {','.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"lsst.daf.butler", "sqlalchemy", "astropy.time", "sqlite_utils"} & {*done.stdout.split()}


def test_one_repository(good: HscRepository, run: Run) -> None:
    """Help asked for behind arguments is help, and nothing is done."""
    result = run("convert", good.root, good.root / "never", "--help")
    assert result.exit_code == 0
    assert not (good.root / "never").exists()
