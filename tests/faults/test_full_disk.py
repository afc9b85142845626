"""A disk that gets full: one line, nothing lost, and finished by the same command when there is room."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable

import pytest

from .child import Done, run
from .conftest import FULL, MakePlace
from .places import grow, small_disk, used_kb
from .scenarios import Place

NEEDED_KB = 1600
"""Enough for the repository."""

SIZES_KB = {
    "copied": [*range(8, 1100, 24), *range(1100, 1600, 48)] if FULL else [40, 1100],
    "more": [*range(0, 240, 4)] if FULL else [40],
}
"""Too small: for the lock, for a new repository, for dataset types; and for copies and records, beside what is there."""


def told(place: Place, done: Done) -> str:
    """What is wrong with how it was told, "" if nothing is."""
    lines = done.output.strip().splitlines()
    errors = [line for line in lines if line.startswith("gen2to3: error: ")]
    if done.status not in (1, 2) or len(errors) != 1 or lines[-1] != errors[0]:
        return f"exit status {done.status}: {done.output[-1500:]}"
    if str(place.repo) not in errors[0] or "internal error" in errors[0]:
        return f"names no file: {errors[0]}"
    return ""


@pytest.mark.parametrize("name", SIZES_KB)
def test_no_space_left(
    make_place: MakePlace, record_property: Callable[[str, object], None], name: str
) -> None:
    place = make_place(name)
    wrong, failed = [], 0
    for more in SIZES_KB[name]:
        place.remove()
        size = more + (used_kb(place.kept) if place.kept.exists() else 0)
        with small_disk(place.repo, size):
            if place.kept.exists():
                shutil.copytree(place.kept, place.repo, symlinks=True, dirs_exist_ok=True)
            done = run(place.base, place.words)
            if done.status == place.scenario.status and "error" not in done.output:
                continue
            failed += 1
            why = told(place, done)
            grow(place.repo, 4 * NEEDED_KB)
            if why := why or place.finish():
                wrong.append(f"{size} kB: {why}")
    record_property(f"points full disk, {name}", failed)
    assert failed >= min(20, len(SIZES_KB[name]))
    assert not wrong, f"{len(wrong)} of {failed} sizes:\n" + "\n".join(wrong)
    assert place.source() == place.sources


@pytest.mark.parametrize("size_kb", [24, 40, 64, 256, 512, 1100] if FULL else [24])
def test_no_file_may_be_larger(make_place: MakePlace, size_kb: int) -> None:
    """The same, where nothing can be mounted: the system refuses what is beyond a size (EFBIG)."""
    place = make_place("copied")
    place.restore()

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_kb * 1024, size_kb * 1024))

    assert told(place, run(place.base, place.words, first=limited)) == ""
    assert place.finish() == ""
    assert place.source() == place.sources
