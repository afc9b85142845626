"""A command that is killed at any of its writes, and given again, comes to what it comes to without the kill."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.undoing.dump import check_ledger, dump

from .child import run
from .conftest import FULL, MakePlace
from .scenarios import KILLED, Place
from .seam import Point, Write, different, points

SHARDS = 12 if FULL else 1
"""Into how many tests the points of a command are divided."""

SAMPLE = {"copied": 3, "blessed": 1, "undone": 1}
"""How many points of a command are tried where not all of them are, besides the special ones."""

SPECIAL: dict[str, tuple[tuple[str, str], ...]] = {
    "copied": (
        ("after", "gen2to3.lock."),  # an empty draft of the lock
        ("after", "butler.yaml"),  # half a repository
        ("half", "copy "),
    ),
}
"""Points that were faults once, by a part of the write's name."""


def chosen(name: str, writes: list[Write]) -> list[Point]:
    """The points that are tried: a deterministic spread and the special ones, or all.

    All of one command; of the others all at which the disk is another one, because
    two kills that leave the same are one.
    """
    if FULL:
        return points(writes) if name == "copied" else different(writes)
    everything = different(writes)
    number = SAMPLE.get(name, 0)
    found = [everything[len(everything) * (2 * n + 1) // (2 * number)] for n in range(number)]
    for when, part in SPECIAL.get(name, ()):
        found.append(next(p for p in everything if p.when == when and part in writes[p.number - 1].what))
    return found


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("name", KILLED if FULL else tuple(SAMPLE))
def test_killed(
    make_place: MakePlace, record_property: Callable[[str, object], None], name: str, shard: int
) -> None:
    place = make_place(name)
    tried = chosen(name, place.writes)[shard::SHARDS]
    wrong = [
        f"{point} {place.writes[point.number - 1].what}: {why}"
        for point in tried
        if (why := broken(place, point))
    ]
    record_property(f"points killed, {name}", len(tried))
    assert not wrong, f"{len(wrong)} of {len(tried)} points:\n" + "\n".join(wrong)
    if not place.foreign:
        check_ledger(place.repo)
    assert dump(place.repo) == place.dumped
    assert place.source() == place.sources


def test_killed_in_the_middle_of_the_database(
    make_place: MakePlace, record_property: Callable[[str, object], None]
) -> None:
    """Changes that are not committed are in the database already, and its journal has to be rolled back."""
    place = make_place("copied")
    inside = [n for n, write in enumerate(place.writes, 1) if not write.visible]
    count = 40 if FULL else 1
    tried = [Point(inside[len(inside) * (2 * n + 1) // (2 * count)], "before") for n in range(count)]
    wrong = [f"{point}: {why}" for point in tried if (why := broken(place, point, spill=True))]
    record_property("points killed, copied, with a hot journal", len(tried))
    assert not wrong, f"{len(wrong)} of {len(tried)} points:\n" + "\n".join(wrong)


def broken(place: Place, point: Point, spill: bool = False) -> str:
    """What is wrong after a kill and the same command again, "" if nothing is."""
    place.restore()
    killed = run(place.base, place.words, point, signal.SIGKILL, spill)
    if killed.status != -signal.SIGKILL:
        return f"not killed: {killed.status} {killed.output}"
    return place.finish()
