"""Each message of the page on troubleshooting is really printed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import adapters.registry
from converter.cli import main
from fixtures.hsc import HscRepository, make_hsc
from tests.gallery.cases import CASES
from tests.gallery.table import readable
from tests.undoing.conftest import start

from . import markdown

PAGE = "docs/troubleshooting.md"


def headings() -> list[str]:
    return re.findall(r"^### `(.*)`$", markdown.read(PAGE), re.MULTILINE)


def parts(message: str) -> list[str]:
    return [part.strip() for part in message.split("...") if part.strip()]


def is_in(message: str, text: str) -> bool:
    """Whether the parts of a message stand in a text, in order."""
    return re.search(".*".join(map(re.escape, parts(message))), text) is not None


LINES = [readable(case.line) for case in CASES]
"""What the tests of the gallery look for in what is printed."""

OTHERS = [message for message in headings() if not any(is_in(message, line) for line in LINES)]


HOLD = """
import sys, time
from converter.lock import exclusive
with exclusive(sys.argv[1], None, "convert"):
    print("held", flush=True)
    time.sleep(300)
"""


class Place:
    """A repository that was converted."""

    def __init__(self, directory: Path) -> None:
        self.source: HscRepository = make_hsc(directory / "gen2")
        self.repo = directory / "repo"
        self.directory = directory
        assert "Conversion 1:" in self.run("convert", self.source.root, self.repo, "--no-verify")

    def run(self, *words: object) -> str:
        result = CliRunner().invoke(main, [str(w) for w in words], prog_name="gen2to3")
        return " ".join(f"{result.stdout}\n{result.stderr}".split())

    def changed(self) -> str:
        """A master was written again; after that it is as it was."""
        path = next(self.source.root.glob("CALIB/BIAS/*/*/*-050.fits"))
        content, times = path.read_bytes(), path.stat().st_mtime_ns
        path.unlink()
        path.write_bytes(content + bytes(2880))
        said = self.run("convert", self.source.root, self.repo)
        path.write_bytes(content)
        os.utime(path, ns=(times, times))
        return said

    def held(self) -> str:
        """Another process writes."""
        holder = start(HOLD, self.repo)
        try:
            assert holder.stdout is not None and holder.stdout.readline() == "held\n"
            return self.run("convert", self.source.root, self.repo)
        finally:
            holder.kill()
            holder.communicate()

    def taken_off(self) -> str:
        """Ranges were taken off."""
        self.run(
            "bless",
            self.repo,
            "--decertify",
            "--collection",
            "HSC/calib/gen2",
            "--type",
            "flat",
            "--detectors",
            49,
        )
        return self.run("verify", self.repo)

    def recipe(self) -> str:
        """A recipe is there."""
        for _ in range(2):
            said = self.run("inspect", self.source.root, "--recipe", self.directory / "recipe.yaml")
        return said

    def broken(self) -> str:
        """What nobody thought of."""
        before = adapters.registry.list_cameras
        adapters.registry.list_cameras = lambda: 1 / 0  # type: ignore[assignment,return-value]
        try:
            return self.run("cameras")
        finally:
            adapters.registry.list_cameras = before


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("troubles"))


CALLS: dict[str, Callable[[Place], str]] = {
    "no conversion is recorded": lambda p: p.run("verify", p.directory / "nothing"),
    "exists already; give --force": Place.recipe,
    "--transfer move deletes": lambda p: p.run("convert", p.source.root, p.repo, "--transfer", "move"),
    "No such option": lambda p: p.run("convert", "--wrong"),
    "Missing command.": lambda p: p.run(),
    "conflict, nothing was written": Place.changed,
    "changed since it was converted": Place.changed,
    "is being written by": Place.held,
    "has no conversion": lambda p: p.run("undo", p.repo, 77),
    "Not ready for ISR": lambda p: p.run("verify", p.repo),
    "disagree exposure": Place.taken_off,
    "internal error": Place.broken,
}
"""How messages come about that are not in the gallery, by how they begin."""


def test_there_are_enough_of_them() -> None:
    assert len(headings()) >= 40
    assert len(set(headings())) == len(headings())
    assert len(OTHERS) == len(CALLS)


def test_each_has_a_text() -> None:
    for text in re.split(r"^### .*$", markdown.read(PAGE), flags=re.MULTILINE)[1:]:
        assert len(text.split("##")[0].split()) > 8


@pytest.mark.parametrize("begin", CALLS)
def test_other_messages_are_printed(place: Place, begin: str) -> None:
    (message,) = (m for m in OTHERS if " ".join(m.split()).startswith(begin))
    said = CALLS[begin](place)
    assert is_in(" ".join(message.split()), said), said


@pytest.mark.parametrize(
    ("message", "text", "found"),
    [("a ... c", "x a b c", True), ("c ... a", "a b c", False), ("a b", "a c b", False)],
)
def test_comparison(message: str, text: str, found: bool) -> None:
    assert is_in(message, text) is found
