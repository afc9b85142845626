"""Any sequence of conversions, changes of the source, kills and undos: ledger and repository never contradict each other."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .killing import Point
from .model import Call
from .steps import STEPS
from .world import Step, World

FULL = bool(os.environ.get("GEN2TO3_FULL"))
SEQUENCES = int(os.environ.get("GEN2TO3_SEQUENCES", "250" if FULL else "5"))
LENGTH = 12 if FULL else 5


def check(empty_repository: Path, steps: Sequence[Step]) -> None:
    base = Path(tempfile.mkdtemp())
    try:
        World(base, empty_repository).carry_out(steps)
    finally:
        shutil.rmtree(base)


FAULTS: dict[str, list[Step]] = {
    # The transaction that was broken off kept the repository from being read.
    "killed in a transaction": [("convert", Call(), "copy", Point("sql", 96), True)],
    "killed in a transaction, and something else follows": [
        ("bless", 1, None, False),
        ("convert", Call(), "copy", Point("sql", 96), False),
        ("register", None, False),
    ],
    "killed before the end of an undo": [
        ("convert", Call(visits=(9040, 9040)), "copy", None, True),
        ("undo", None, Point("file", 15), True),
    ],
}
"""Sequences that went wrong once, in the tool or in what was expected of it."""


@pytest.mark.parametrize("name", FAULTS)
def test_what_went_wrong_once(empty_repository: Path, name: str) -> None:
    check(empty_repository, FAULTS[name])


@settings(
    max_examples=SEQUENCES,
    deadline=None,
    derandomize=True,
    database=None,
    # A step takes tenths of a second: shrinking would take longer than reading the steps.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)
@given(steps=st.lists(STEPS, min_size=3, max_size=LENGTH))
def test_any_sequence(empty_repository: Path, steps: list[Step]) -> None:
    check(empty_repository, steps)
