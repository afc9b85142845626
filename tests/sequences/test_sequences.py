"""Any sequence of conversions, changes of the source, kills and undos: ledger and repository never contradict each other."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .steps import STEPS
from .world import Step, World

FULL = bool(os.environ.get("GEN2TO3_FULL"))
SEQUENCES = int(os.environ.get("GEN2TO3_SEQUENCES", "250" if FULL else "6"))
LENGTH = 12 if FULL else 6


def check(empty_repository: Path, steps: Sequence[Step]) -> None:
    base = Path(tempfile.mkdtemp())
    try:
        World(base, empty_repository).carry_out(steps)
    finally:
        shutil.rmtree(base)


@settings(
    max_examples=SEQUENCES,
    deadline=None,
    derandomize=not os.environ.get("GEN2TO3_RANDOM"),
    database=None,
    phases=[Phase.generate, Phase.shrink] if FULL else [Phase.generate],
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)
@given(steps=st.lists(STEPS, min_size=3, max_size=LENGTH))
def test_any_sequence(empty_repository: Path, steps: list[Step]) -> None:
    check(empty_repository, steps)
