"""A target that cannot be written: one line, and nothing is."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from .child import run
from .conftest import FULL, MakePlace
from .places import as_anybody, read_only_directory, read_only_disk
from .seam import state

KINDS: dict[str, Callable[[Path], AbstractContextManager[None]]] = {
    "disk": read_only_disk,
    "directory": read_only_directory,
}


@pytest.mark.parametrize("name", ["more", "blessed", "undone", "superseded"] if FULL else ["undone"])
@pytest.mark.parametrize("kind", KINDS)
def test_repository(make_place: MakePlace, kind: str, name: str) -> None:
    place = make_place(name)
    place.restore()
    before = state(place.base)
    with KINDS[kind](place.repo):
        done = run(place.base, place.words, first=as_anybody)
    assert done.status == 2, done.output
    errors = [line for line in done.output.splitlines() if line.startswith("gen2to3: error: ")]
    assert len(errors) == 1 and str(place.repo) in errors[0], done.output
    assert "internal error" not in errors[0]
    assert state(place.base) == before
    assert place.finish() == ""


@pytest.mark.parametrize("kind", KINDS)
def test_new_repository(make_place: MakePlace, kind: str) -> None:
    place = make_place("copied")
    place.restore()
    place.repo.mkdir()
    before = state(place.base)
    with KINDS[kind](place.repo):
        done = run(place.base, place.words, first=as_anybody)
    assert done.status == 2
    assert done.output.startswith("gen2to3: error: ") and str(place.repo) in done.output
    assert done.output.count("\n") == 1
    assert os.listdir(place.repo) == [] and state(place.base) == before
    assert place.finish() == ""
