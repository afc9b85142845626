"""SIGTERM and Ctrl-C at any write: cleaned up, told by the exit status, and finished by the same command."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from .child import run
from .conftest import FULL, MakePlace
from .scenarios import Place
from .seam import Point

SIGNALS = {signal.SIGTERM: (143, "terminated"), signal.SIGINT: (130, "interrupted")}
SAMPLE = {"copied": (40, 1), "more": (10, 0), "blessed": (10, 0), "undone": (10, 0), "curated": (20, 0)}
"""At how many points of a command: all of them, and a sample."""


@pytest.mark.parametrize("number", SIGNALS, ids=lambda n: n.name)
@pytest.mark.parametrize("name", [n for n, (_, few) in SAMPLE.items() if FULL or few])
def test_interrupted(
    make_place: MakePlace, record_property: Callable[[str, object], None], name: str, number: signal.Signals
) -> None:
    place = make_place(name)
    count = SAMPLE[name][0 if FULL else 1]
    visible = [n for n, write in enumerate(place.writes, 1) if write.visible]
    # Without the last ones, which remove the lock: then all is done.
    spread = [visible[len(visible) * (2 * n + 1) // (2 * count)] for n in range(count)]
    wrong = [f"{n} {place.writes[n - 1].what}: {why}" for n in spread if (why := broken(place, n, number))]
    record_property(f"points {number.name}, {name}", len(spread))
    assert not wrong, f"{len(wrong)} of {len(spread)} points:\n" + "\n".join(wrong)
    assert place.source() == place.sources


def broken(place: Place, at: int, number: signal.Signals) -> str:
    """What is wrong after a signal and the same command again, "" if nothing is."""
    place.restore()
    done = run(place.base, place.words, Point(at, "after"), number)
    status, word = SIGNALS[number]
    if done.status != status:
        return f"exit status {done.status}: {done.output[-1000:]}"
    lines = done.output.strip().splitlines()
    if lines[-1] != f"gen2to3: error: {word}; the same command goes on from there":
        return f"the last line is {lines[-1]!r}"
    if left := [
        p.name for p in place.repo.glob("*") if "lock" in p.name or "staging" in p.name or "new" in p.name
    ]:
        return f"left: {left}"
    return place.finish()
