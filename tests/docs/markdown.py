"""Reads what the documentation promises, and runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import forked

ROOT = Path(__file__).resolve().parents[2]

_FILE = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TEST = re.compile(r"<!-- test: (\S+) -->\n(.*?)<!-- /test -->", re.DOTALL)
_BLOCK = re.compile(r"^```(console|sh)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_STATUS = re.compile(r"  # exit status (\d+)$")


@dataclass(frozen=True)
class Command:
    """A command of the documentation.

    ``status`` is the exit status that it states, `None` if it states none;
    ``output`` the lines that it is said to print, `None` if nothing is said.
    """

    text: str
    status: int | None
    output: tuple[str, ...]


def read(name: str) -> str:
    """Text of a page."""
    return (ROOT / name).read_text(encoding="utf-8")


def files(page: str) -> dict[str, str]:
    """Files that a page spells out, by path."""
    return dict(_FILE.findall(read(page)))


def sections(page: str) -> dict[str, list[Command]]:
    """Commands between ``<!-- test: name -->`` and ``<!-- /test -->``."""
    found: dict[str, list[Command]] = {}
    for name, body in _TEST.findall(read(page)):
        assert name not in found, f"{page}: section {name} is there twice"
        found[name] = [c for kind, text in _BLOCK.findall(body) for c in _commands(kind, text)]
    return found


def _commands(kind: str, block: str) -> list[Command]:
    commands: list[Command] = []
    lines = block.splitlines()
    while lines:
        line = lines.pop(0)
        text = line if kind == "sh" else line.removeprefix("$ ")
        assert kind == "sh" or line.startswith("$ "), f"not a command: {line}"
        while text.endswith("\\"):
            text = f"{text[:-1]}{lines.pop(0).removeprefix('>').strip()}"
        output = []
        while kind == "console" and lines and not lines[0].startswith("$ "):
            output.append(lines.pop(0))
        stated = _STATUS.search(text)
        commands.append(Command(text, int(stated[1]) if stated else None, tuple(output)))
    return commands


def environment(bin_directory: Path, *python_path: Path) -> dict[str, str]:
    """An environment in which ``gen2to3``, ``python`` and ``butler`` are those of this interpreter."""
    bin_directory.mkdir(parents=True, exist_ok=True)
    for name, words in (("gen2to3", "-m converter.cli "), ("python", "")):
        script = bin_directory / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        script.chmod(0o755)
    paths = [bin_directory, Path(sys.executable).parent]
    return {
        **os.environ,
        "PATH": os.pathsep.join([*map(str, paths), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(map(str, [*python_path, ROOT])),
        "COLUMNS": "200",
        # What is installed may be without our commands.
        "DAF_BUTLER_PLUGINS": str(ROOT / "converter/butler_commands/resources.yaml"),
    }


def run(commands: list[Command], directory: Path, env: dict[str, str], by_shell: bool = False) -> None:
    """Run commands in a directory and compare with what is said of them.

    By a shell, all of them if asked for; otherwise those only that need one.
    """
    for command in commands:
        words = None if by_shell else forked.words_of(command.text)
        done = (
            forked.run(words, directory, env)
            if words is not None
            else subprocess.run(
                ["bash", "-c", command.text],
                cwd=directory,
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
        )
        shown = f"$ {command.text}\n{done.stdout}{done.stderr}\nexit status {done.returncode}"
        # Status 1 is what planted rejects have to give; other programs have no such status.
        usual = (0, 1) if "gen2to3" in command.text else (0,)
        allowed = usual if command.status is None else (command.status,)
        assert done.returncode in allowed, shown
        assert "Traceback" not in done.stderr, shown
        printed = [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]
        missing = first_missing([line.rstrip() for line in command.output], printed)
        assert missing is None, f"not printed (in this order): {missing}\n{shown}"


def first_missing(expected: list[str], printed: list[str]) -> str | None:
    """The first line that is not printed where it should be, `None` if all are.

    A line ``...`` stands for any lines, ``...`` in a line for any text; blank
    lines do not matter.
    """
    lines = [line for line in printed if line]
    at = 0
    skipping = False
    for line in filter(None, expected):
        if line == "...":
            skipping = True
            continue
        pattern = re.compile(".*".join(map(re.escape, line.split("..."))))
        while at < len(lines) and not pattern.fullmatch(lines[at]):
            if not skipping:
                return line
            at += 1
        if at == len(lines):
            return line
        at += 1
        skipping = False
    if expected and not skipping and at < len(lines):
        return f"nothing more, found {lines[at]}"
    return None
