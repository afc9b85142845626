"""A shell completes commands, options and what they may hold, without waiting."""

from __future__ import annotations

import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs import markdown
from tests.sampling import some

from .conftest import Run

BASH = """
eval "$(gen2to3 completion bash)"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
compopt() { echo "left to: $2"; }
_gen2to3_completion gen2to3
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return markdown.environment(tmp_path_factory.mktemp("bin"))


def completed(environment: dict[str, str], *words: str, cwd: Path | None = None) -> list[str]:
    """What bash offers for the last word, through the script that is printed."""
    done = subprocess.run(
        ["bash", "-c", BASH, "bash", "gen2to3", *words],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr
    return [line for line in done.stdout.splitlines() if line]


WORDS: list[tuple[tuple[str, ...], list[str]]] = [
    (("con",), ["convert"]),
    (("import",), ["import-calibs"]),
    (("convert", "--rel"), ["--related-only"]),
    (("completion", ""), ["bash", "zsh", "fish"]),
    (("convert", "--transfer", "h"), ["hardlink"]),
    (("register", "repo", "--camera", ""), ["comcam", "decam", "hsc", "imsim", "latiss", "megaprime"]),
    (("convert", "--overlaps", "la"), ["latest-calib-date", "latest-registered", "latest-start"]),
    (("convert", "--reading", "half"), ["half-open"]),
    (("convert", "--camera", "decam", "--types", "cp"), ["cpBias", "cpFlat", "cpIllumcor"]),
    (("convert", "--camera", "hsc", "--types", "bias,da"), ["bias,dark"]),
    (("explain", "repo", "sk"), ["sky"]),
    (("explain", "--instrument", "H"), ["HSC"]),
    (("wrong",), []),
]


@pytest.mark.parametrize(
    ("words", "expected"),
    some(WORDS, 8),
    ids=lambda v: " ".join(v),
)
def test_words(environment: dict[str, str], words: tuple[str, ...], expected: list[str]) -> None:
    assert completed(environment, *words) == expected


def test_all_commands_are_offered(environment: dict[str, str], run: Run) -> None:
    from converter.cli import main

    assert completed(environment, "") == list(main.commands)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("convert", ""), "dirnames"),
        (("convert", "gen2", ""), "dirnames"),
        (("convert", "gen2", "repo", "--calib", ""), "dirnames"),
        (("convert", "gen2", "repo", "--recipe", "rec"), "default"),
        (("bless", "repo", "su"), "default"),
        (("import-calibs", "repo", "del"), "default"),
    ],
)
def test_files_and_directories_are_left_to_bash(
    environment: dict[str, str], words: tuple[str, ...], kind: str
) -> None:
    assert completed(environment, *words) == [f"left to: {kind}"]


@pytest.mark.parametrize("words", ["", "convert --l", "convert --camera ", "explain repo "])
def test_nobody_waits(environment: dict[str, str], words: str) -> None:
    asked = environment | {
        "_GEN2TO3_COMPLETE": "bash_complete",
        "COMP_WORDS": f"gen2to3 {words}",
        "COMP_CWORD": str(len(f"gen2to3 {words}x".split()) - 1),
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["gen2to3"], env=asked, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout
    # 0.1 to 0.35 s; twice that on a loaded machine.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.7


@pytest.mark.parametrize(("shell", "mark"), [("zsh", "compdef"), ("fish", "complete --no-files")])
def test_other_shells(run: Run, shell: str, mark: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert mark in result.stdout and "_GEN2TO3_COMPLETE" in result.stdout
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=result.stdout, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_another_shell_is_refused(run: Run) -> None:
    result = run("completion", "tcsh")
    assert result.exit_code == 2
    assert "'tcsh' is not one of" in result.stderr
    assert len(result.stderr.splitlines()) == 1
